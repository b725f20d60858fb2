package zfs_test

import (
	"fmt"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/zfs"
)

// TestGuestSpoiled runs every command on real pools in damaged memory: each ends, without
// a fault. The kernel is found before the damage comes, so that the commands meet it.
func TestGuestSpoiled(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	cmds := []string{"::spa -veMmh", "::spa -c", "::walk spa | ::spa_space", "::walk spa | ::logsm_stats", "::walk spa | ::zfs_blkstats -v", "::txg_state -v",
		"::zio_state -r", "::zio_stuck", "::zfs_datasets -asv", "::dbufs", "::dbuf_stats", "::walk dmu_buf_impl_t | ::dbuf", "::arc -b", "::arc_compression_stats -v",
		"::abuf_find 1 2", "::zfs_dbgmsg", "::zfs_params", "::walk spa | ::walk metaslab | ::print metaslab_t ms_allocatable | ::range_tree -h",
		"::walk spa | ::walk metaslab | ::print metaslab_t ms_allocatable | ::walk zfs_btree", "::walk zfs_znode_cache | ::print znode_t z_acl_cached | ::zfs_aces",
		"::walk zfs_znode_cache | ::print znode_t z_sa_hdl | ::sa_attr 5", "::dbufs -n mos -o 1 | ::print dmu_buf_impl_t db.db_data | ::zap_leaf -v",
		"::walk spa | ::walk metaslab | ::metaslab_weight", "::walk zio | ::metaslab_trace"}
	for seed := range int64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s, m := modtest.OpenSpoilt(t, d.File(guest.ELF), linux.Module(), zfs.Module())
			m.Seed = seed + 1
			s.Reread()
			s.Ends(cmds...)
		})
	}
}
