package zfs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/zfs"
)

// meets are the commands that meet each damage of the scenario.
var meets = map[string]func(sys *illumos.System) string{
	"the tree of pools has a wild node":          every("::spa"),
	"a vdev is its own child":                    of("zones", "spa_vdevs"),
	"a vdev has a wild child":                    of("zones", "spa_vdevs"),
	"a vdev has more children than there can be": func(sys *illumos.System) string { return at(pool(sys, "backup").Root.Children[0].Obj, "vdev -r") },
	"a vdev is of a wild type":                   of("backup", "spa -v"),
	"a vdev has a wild path": func(sys *illumos.System) string {
		return at(pool(sys, "backup").Root.Children[0].Children[1].Obj, "vdev")
	},
	"a pool's spares are wild":                      every("::spa -v"),
	"a pool has a negative number of cache devices": every("::spa -e"),
	"a list of a zio's children is a ring":          every("::zio_state -r"),
	"a zio has a wild parent":                       every("::zio_stuck -q"),
	"the log leads back":                            every("::zfs_dbgmsg"),
	"a pool's transaction groups are wild":          every("::txg_state"),
	"a pool's configuration leads back":             of("zones", "spa_config"),
	"a list of dirty metaslabs leads back": func(sys *illumos.System) string {
		return fmt.Sprintf("%x::walk txg_list2", mirror(sys).Ref("vdev_ms_list"))
	},
	"a tree of free space has a wild node":           func(sys *illumos.System) string { return at(mirror(sys).Metaslabs[0].Allocatable.Obj, "range_tree") },
	"a node of a tree of extents is full of nothing": func(sys *illumos.System) string { return at(mirror(sys).Queue.Obj, "walk range_tree") },
	"a tree of what a disk missed has no such segments": func(sys *illumos.System) string {
		return at(pool(sys, "zones").Root.Children[1].Children[1].DTL.Obj, "range_tree")
	},
	"a metaslab has a wild space map":              of("zones", "spa_space"),
	"a metaslab's group is wild":                   every("::spa -Mh"),
	"the tree of logs of space maps leads back":    of("zones", "logsm_stats"),
	"what a scrub counted is wild":                 of("zones", "zfs_blkstats"),
	"an attempt to allocate is of a wild metaslab": func(sys *illumos.System) string { return at(pool(sys, "zones").Mem.Traces[1], "metaslab_trace") },
	"attempts to allocate lead back": func(sys *illumos.System) string {
		return fmt.Sprintf("%x::walk list", pool(sys, "zones").Zios[0].Ref("io_alloc_list.zal_list"))
	},
	"an access control list leads back":                 func(sys *illumos.System) string { return at(sys.ZFS.Files[0].ACL, "zfs_aces") },
	"an access control list has more entries than room": func(sys *illumos.System) string { return at(sys.ZFS.Files[1].ACL, "zfs_aces -v") },
	"a table of attributes is wild":                     func(sys *illumos.System) string { return at(sys.ZFS.Files[0].SA, "sa_attr_table") },
	"a table of offsets of attributes is wild":          func(sys *illumos.System) string { return at(sys.ZFS.Files[0].Handle, "sa_attr 5") },
	"a data set is below itself":                        of("zones", "zfs_datasets"),
	"a chain of dbufs is a ring":                        every("::dbuf_stats"),
}

func mirror(sys *illumos.System) *illumos.BuiltVdev { return pool(sys, "zones").Root.Children[0] }

func every(cmd string) func(*illumos.System) string {
	return func(*illumos.System) string { return cmd }
}

func of(name, cmd string) func(*illumos.System) string {
	return func(sys *illumos.System) string { return at(pool(sys, name).Obj, cmd) }
}

// Whatever is spoilt, the command that meets it ends, and says where.
func TestCorrupt(t *testing.T) {
	sys := illumos.SystemOf(t, "corrupt storage")
	s := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "corrupt storage"), genunix.Module(), zfs.Module())
	for i, d := range sys.Scenario.Damage {
		t.Run(d.What, func(t *testing.T) {
			cmd, ok := meets[d.What]
			if !ok {
				t.Fatal("no command is known to meet it")
			}
			r := s.Run(cmd(sys))
			if !strings.Contains(r.Err, fmt.Sprintf("%x", sys.Damaged[i])) {
				t.Errorf("%s: no message names %x:\n%.3000s%s", cmd(sys), sys.Damaged[i], r.Out, r.Err)
			}
			if len(r.Out) > 1<<20 {
				t.Errorf("%s: %d bytes of output", cmd(sys), len(r.Out))
			}
		})
	}
}

// The lists of what is dirty in a transaction group, in the order of the list: what was
// put on it last is first.
func TestTxgList(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		v := mirror(sys)
		all := ""
		for txg := range 4 {
			want := ""
			for i := len(v.Metaslabs) - 1; i >= 0; i-- {
				if len(v.Metaslabs[i].Allocating[txg]) > 0 {
					want += fmt.Sprintf("%#x\n", v.Metaslabs[i].Addr)
				}
			}
			s.Run(fmt.Sprintf("%x::walk txg_list%d", v.Ref("vdev_ms_list"), txg)).OK().Want(want)
			all += want
		}
		if n := strings.Count(all, "\n"); n != 3 {
			t.Errorf("the scenario has %d dirty metaslabs in all groups, not 3", n)
		}
		s.Run(fmt.Sprintf("%x::walk txg_list", v.Ref("vdev_ms_list"))).OK().Want(all)
	})
}
