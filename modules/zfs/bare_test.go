package zfs_test

import (
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/zfs"
)

// TestWithoutPools runs the commands on a kernel whose module zfs has no data in the
// dump: each says what it misses.
func TestWithoutPools(t *testing.T) {
	s := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "node"), genunix.Module(), zfs.Module())
	for cmd, want := range map[string]string{
		"::spa": "spa_namespace_avl", "::txg_state": "spa_namespace_avl", "::zfs_dbgmsg": "zfs_dbgmsgs",
		"::zio_state": "zio_cache", "::zio_stuck": "zio_cache", "1::vdev": "couldn't read vdev_t at 1", "1::zio": "couldn't read zio_t at 1",
		"1::blkptr": "failed to read blkptr_t", "1::dva": "failed to read dva_t", "1::walk txg_list": "couldn't read txg_list_t at 1",
		"1::walk metaslab": "couldn't read spa_t at 1",
		"::zfs_datasets":   "spa_namespace_avl", "::dbuf_stats": "dbuf_hash_table", "::dbufs": "can't walk dbufs", "1::dbuf": "couldn't read dmu_buf_impl_t at 1",
		"::abuf_find 1 2": "can't find symbol ARC_mru", "::arc_compression_stats": "can't find arc state symbol", "1::walk multilist": "couldn't read multilist_t at 1",
	} {
		if r := s.Run(cmd); !strings.Contains(r.Err, want) {
			t.Errorf("%s: no %q in %s%s", cmd, want, r.Out, r.Err)
		}
	}
}
