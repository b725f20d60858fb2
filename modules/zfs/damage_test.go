package zfs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/illumos"
)

// wild is an address that nothing lies at.
const wild = 0xfffffe0badadd000

// TestDamage spoils a link and wants a message that names the address, what can be
// read before it, and an end.
func TestDamage(t *testing.T) {
	hex := func(a uint64) string { return fmt.Sprintf("%x", a) }
	cases := []struct {
		name, cmd string
		// spoil gives what the message names.
		spoil func(sys *illumos.System) uint64
		also  string // is printed all the same
	}{
		{"a pool whose tree goes astray", "::spa", func(sys *illumos.System) uint64 {
			sys.ZFS.Pools[1].Set("spa_avl.avl_child[0]", uint64(wild))
			sys.ZFS.Pools[0].Set("spa_avl.avl_child[0]", uint64(wild))
			return wild - sys.Offset("spa_t", "spa_avl")
		}, ""},
		{"a vdev that is its own child", "::spa -v", func(sys *illumos.System) uint64 {
			m := pool(sys, "zones").Root.Children[0]
			sys.PutU64(m.Get("vdev_child"), m.Addr)
			return m.Addr
		}, "/dev/dsk/c1t1d0s0"},
		{"children at nowhere", "::spa -v", func(sys *illumos.System) uint64 {
			pool(sys, "zones").Root.Children[0].Set("vdev_child", uint64(wild))
			return wild
		}, "/dev/dsk/c1t3d0s0"},
		{"too many children", "::spa -v", func(sys *illumos.System) uint64 {
			m := pool(sys, "zones").Root.Children[0]
			m.Set("vdev_children", uint64(1)<<60)
			return m.Get("vdev_child")
		}, "/dev/dsk/c1t3d0s0"},
		{"a path at nowhere", "::spa -v", func(sys *illumos.System) uint64 {
			pool(sys, "zones").Root.Children[0].Children[0].Set("vdev_path", uint64(wild))
			return wild
		}, "/dev/dsk/c1t1d0s0"},
		{"a zio that is its own child", "::zio_state -r", func(sys *illumos.System) uint64 {
			z := pool(sys, "backup").Zios[0].Children[0]
			link := z.Get("io_child_list.list_head.list_next") - sys.Offset("zio_link_t", "zl_child_node")
			sys.At("zio_link_t", link).Set("zl_child", z.Obj)
			return z.Addr
		}, "VDEV_IO_DONE"}, // of the other pool
		{"a root that is its own child", "::zio_state -r", func(sys *illumos.System) uint64 {
			z := pool(sys, "zones").Zios[0]
			link := z.Get("io_child_list.list_head.list_next") - sys.Offset("zio_link_t", "zl_child_node")
			sys.At("zio_link_t", link).Set("zl_child", z.Obj)
			return z.Addr
		}, "FAILED"}, // of the other pool
		{"a ring of links", "::zio_state -r", func(sys *illumos.System) uint64 {
			z := pool(sys, "backup").Zios[0].Children[0]
			node := z.Get("io_child_list.list_head.list_next")
			sys.PutU64(node, node)
			return node - sys.Offset("zio_link_t", "zl_child_node")
		}, ""},
		{"a parent at nowhere", "::zio_stuck -q", func(sys *illumos.System) uint64 {
			z := pool(sys, "backup").Zios[0].Children[0].Children[0]
			link := z.Get("io_parent_list.list_head.list_next") - sys.Offset("zio_link_t", "zl_parent_node")
			sys.At("zio_link_t", link).Set("zl_parent", uint64(wild))
			return wild
		}, "/dev/dsk/c1t0d0s0"},
		{"a ring of messages", "::zfs_dbgmsg", func(sys *illumos.System) uint64 {
			sys.ZFS.Debug[1].Set("zdm_node.list_next|zdm_node.next", sys.ZFS.Debug[0].Addr)
			return sys.ZFS.Debug[0].Addr
		}, "spa=zones async request"},
		{"a pool without its dsl_pool_t", "::txg_state", func(sys *illumos.System) uint64 {
			pool(sys, "zones").Set("spa_dsl_pool", uint64(wild))
			return wild
		}, "backup"},
		{"the first pool without its dsl_pool_t", "::txg_state -v", func(sys *illumos.System) uint64 {
			pool(sys, "backup").Set("spa_dsl_pool", uint64(wild))
			return wild
		}, "zones"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var bad uint64
			_, s := changed(t, func(sys *illumos.System) { bad = c.spoil(sys) })
			if r := s.Run(c.cmd); !strings.Contains(r.Err, hex(bad)) || !strings.Contains(r.Out, c.also) {
				t.Errorf("no %x in the message, or no %q:\n%s%s", bad, c.also, r.Out, r.Err)
			}
		})
	}
}
