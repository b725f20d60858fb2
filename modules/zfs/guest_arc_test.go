package zfs_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/zfs"
)

// TestGuestDatasetsInARC takes the blocks of the pools' own dnodes out of the dbufs of a
// real guest: the ARC has them too, and what nobody holds is found all the same.
func TestGuestDatasetsInARC(t *testing.T) {
	for name, machine := range poolMachines {
		t.Run(name, func(t *testing.T) { testDatasetsInARC(t, guest.Dumps(t, machine).File(guest.ELF)) })
	}
}

func testDatasetsInARC(t *testing.T, path string) {
	s, m := modtest.OpenSpoilt(t, path, linux.Module(), zfs.Module())
	want := s.Run("::zfs_datasets -s").OK().Out
	roots := s.Run("::walk spa | ::print -a spa_t spa_dsl_pool->dp_meta_objset->os_meta_dnode.dnh_dnode->dn_dbufs.avl_root | ::vtop").OK().Out
	for _, pa := range regexp.MustCompile(`physical (\w+)`).FindAllStringSubmatch(roots, -1) {
		n, err := strconv.ParseUint(pa[1], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		m.Words[n] = 0
	}
	if len(m.Words) != 2 {
		t.Fatalf("%d pools: %s", len(m.Words), roots)
	}
	s.Reread()
	if got := s.Run("::zfs_datasets -s").OK().Out; got != want {
		t.Errorf("%swant\n%s", got, want)
	}
	if out := s.Run("::zfs_datasets -sv tank/vol0").OK().Out; strings.Count(out, "not held: read from the ARC") != 2 {
		t.Errorf("%s", out)
	}
}
