package zfs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/fixtures/illumos"
)

// TestHeldDamage spoils what commands on dbufs, the ARC and data sets follow and wants
// a message that names the address, what can be read all the same, and an end.
func TestHeldDamage(t *testing.T) {
	block := func(sys *illumos.System, n int) dbuf {
		for _, d := range described(sys) {
			if !d.bonus {
				if n == 0 {
					return d
				}
				n--
			}
		}
		panic("so many blocks are not described")
	}
	header := func(sys *illumos.System, state string) *illumos.BuiltHeader {
		for _, h := range sys.ZFS.Headers {
			if h.State == state && h.Refs == 0 {
				return h
			}
		}
		panic("no header is " + state)
	}
	find := "::abuf_find 1 2"
	for _, c := range []struct {
		name, cmd string
		spoil     func(sys *illumos.System) uint64
		also      string
	}{
		{"a chain of dbufs that is a ring", "::dbuf_stats", func(sys *illumos.System) uint64 {
			d := block(sys, 0)
			d.Set("db_hash_next", d.Obj)
			return d.Addr
		}, "hash table has 32768 buckets"},
		{"a chain of dbufs into nowhere", "::dbuf_stats", func(sys *illumos.System) uint64 {
			block(sys, 1).Set("db_hash_next", uint64(wild))
			return wild
		}, "hash table has 32768 buckets"},
		{"a table of dbufs of no size", "::dbuf_stats", func(sys *illumos.System) uint64 {
			sys.Global("zfs`dbuf_hash_table").Set("hash_table_mask", uint64(0xdead<<40))
			return 0xdead << 40
		}, ""},
		{"a table of dbufs of every size", "::dbuf_stats", func(sys *illumos.System) uint64 {
			sys.Global("zfs`dbuf_hash_table").Set("hash_table_mask", ^uint64(0))
			return ^uint64(0)
		}, ""},
		{"a table of dbufs that is not there", "::dbuf_stats", func(sys *illumos.System) uint64 {
			sys.Global("zfs`dbuf_hash_table").Set("hash_table", uint64(wild))
			return wild
		}, ""},
		{"a dbuf of an object set at nowhere", "::dbufs -n zones/db1", func(sys *illumos.System) uint64 {
			block(sys, 0).Set("db_objset", uint64(wild))
			return wild
		}, "0x"},
		{"a directory that is its own parent", "::zfs_datasets", func(sys *illumos.System) uint64 {
			dir := pool(sys, "zones").Tree.Find("zones/cores").Dir
			dir.Set("dd_parent", dir)
			return dir.Addr
		}, "zones/db1"},
		{"a ring of directories", "::dbufs | ::dbuf", func(sys *illumos.System) uint64 {
			tree := pool(sys, "zones").Tree
			tree.Dir.Set("dd_parent", tree.Find("zones/db1").Dir)
			return tree.Find("zones/db1").Dir.Addr
		}, " mos\n"},
		{"a directory below nowhere", "::zfs_datasets", func(sys *illumos.System) uint64 {
			pool(sys, "zones").Tree.Find("zones/cores").Dir.Set("dd_parent", uint64(wild))
			return wild
		}, "zones/db1"},
		{"a bonus buffer at nowhere", "::zfs_datasets", func(sys *illumos.System) uint64 {
			dn := pool(sys, "zones").Tree.Find("zones/cores").Dir.Deref("dd_dbuf")
			dbuf := sys.At("dmu_buf_impl_t", dn.Addr)
			sys.At("dnode_t", sys.GetU64(dbuf.Get("db_dnode_handle")+sys.Offset("dnode_handle_t", "dnh_dnode"))).Set("dn_bonus", uint64(wild))
			return wild
		}, "zones/db1"},
		{"a buffer whose user is not there", "::zfs_datasets", func(sys *illumos.System) uint64 {
			d := pool(sys, "zones").Tree.Find("zones/cores")
			sys.At("dmu_buf_impl_t", d.Get("ds_dbuf")).Set("db_user", uint64(wild))
			return wild - sys.Offset("dsl_dataset_t", "ds_dbu")
		}, "zones/db1"},
		{"what is on disk is not there", "::zfs_datasets", func(sys *illumos.System) uint64 {
			d := pool(sys, "zones").Tree.Find("zones/cores")
			sys.At("dmu_buf_impl_t", d.Get("ds_dbuf")).Set("db.db_data", uint64(wild))
			return wild
		}, "- zones/cores"},
		{"a ring of dnodes", "::zfs_datasets", func(sys *illumos.System) uint64 {
			p := pool(sys, "zones")
			first := p.MOS.Get("os_dnodes.list_head.list_next|os_dnodes.list_head.next")
			second := sys.GetU64(first)
			sys.PutU64(sys.GetU64(second), first)
			return first - sys.Offset("dnode_t", "dn_link")
		}, "backup"},
		{"a tree of pools that goes astray", "::zfs_datasets", func(sys *illumos.System) uint64 {
			pool(sys, "zones").Set("spa_avl.avl_child[1]", uint64(wild))
			pool(sys, "backup").Set("spa_avl.avl_child[1]", uint64(wild))
			return wild - sys.Offset("spa_t", "spa_avl")
		}, "backup"},
		{"a pool without object set", "::zfs_datasets", func(sys *illumos.System) uint64 {
			p := pool(sys, "backup")
			p.Dsl.Set("dp_meta_objset", 0)
			return p.Dsl.Addr
		}, "zones/db1"},
		{"an object set without its data", "::zfs_datasets", func(sys *illumos.System) uint64 {
			pool(sys, "zones").Tree.Find("zones/cores").Objset.Set("os_phys", uint64(wild))
			return wild
		}, "zones/cores"},
		{"a snapshot before itself", "::zfs_datasets -s", func(sys *illumos.System) uint64 {
			d := pool(sys, "zones").Tree.Find("zones/db1")
			disk(sys, d.Snapshots[0].Obj).Set("ds_prev_snap_obj", d.Snapshots[2].Object)
			return d.Dir.Addr
		}, "zones/db1@mon"},
		{"a map of names at nowhere", "::zfs_datasets -s", func(sys *illumos.System) uint64 {
			pool(sys, "zones").Tree.Find("zones/db1").Names.Set("db.db_data", uint64(wild))
			return wild
		}, "zones/db1@mon"},
		{"blocks of dnodes on a ring", "::zfs_datasets -s", func(sys *illumos.System) uint64 {
			meta := sys.At("dnode_t", pool(sys, "zones").MOS.Get("os_meta_dnode.dnh_dnode"))
			root := meta.Get("dn_dbufs.avl_root")
			sys.PutU64(root+8, root)
			return root - sys.Offset("dmu_buf_impl_t", "db_link")
		}, "zones/db1@mon"},
		{"a ring of headers", find, func(sys *illumos.System) uint64 {
			h := header(sys, "mru")
			node := h.Ref("b_l1hdr.b_arc_node")
			sys.PutU64(node, node)
			return h.Addr
		}, ""},
		{"a chain of headers that is a ring", find, func(sys *illumos.System) uint64 {
			h := header(sys, "mfu")
			h.Set("b_hash_next", h.Obj)
			return h.Addr
		}, ""},
		{"too many lists", find, func(sys *illumos.System) uint64 {
			list := sys.Global("zfs`ARC_mru").Get("arcs_list[1]")
			sys.At("multilist_t", list).Set("ml_num_sublists", uint64(1)<<50)
			return list
		}, ""},
		{"lists at nowhere", find, func(sys *illumos.System) uint64 {
			sys.At("multilist_t", sys.Global("zfs`ARC_mfu").Get("arcs_list[2]")).Set("ml_sublists", uint64(wild))
			return wild + sys.Offset("multilist_sublist_t", "mls_list")
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var bad uint64
			_, s := changed(t, func(sys *illumos.System) { bad = c.spoil(sys) })
			if r := s.Run(c.cmd); !strings.Contains(r.Err, fmt.Sprintf("%x", bad)) || !strings.Contains(r.Out, c.also) {
				t.Errorf("no %x in the message, or no %q:\n%s%s", bad, c.also, r.Out, r.Err)
			}
		})
	}
}

// disk is what a data set in memory has on disk.
func disk(sys *illumos.System, ds illumos.Obj) illumos.Obj {
	return sys.At("dsl_dataset_phys_t", sys.At("dmu_buf_impl_t", ds.Get("ds_dbuf")).Get("db.db_data"))
}

// TestLostSnapshot is of a snapshot whose block of the pool's objects is not in memory:
// that it is there is all that is known, also of those before it.
func TestLostSnapshot(t *testing.T) {
	_, s := changed(t, func(sys *illumos.System) {
		disk(sys, pool(sys, "zones").Tree.Find("zones/c2c31b00").Snapshots[1].Obj).Set("ds_prev_snap_obj", 5000)
	})
	r := s.Run("::zfs_datasets -s zones/c2c31b00")
	if !strings.Contains(r.Out, fmt.Sprintf("%016x %-4s %20s %14s %14s %s\n", 0, "snap", "-", "-", "-", "zones/c2c31b00@#5000")) ||
		strings.Count(r.Out, "@") != 2 || !strings.Contains(r.Out, "@final") || r.Err != "xmdb: zones: memory does not tell all snapshots of 1 of 1 data sets\n" {
		t.Errorf("%s%s", r.Out, r.Err)
	}
}

// TestBadNames wants names that terminals can have, whatever is in memory.
func TestBadNames(t *testing.T) {
	_, s := changed(t, func(sys *illumos.System) {
		tree := pool(sys, "zones").Tree
		tree.Find("zones/cores").Dir.Set("dd_myname", "a\x1b[31m\xff\n")
		tree.Find("zones/db1").Dir.Set("dd_myname", "")
	})
	r := s.Run("::zfs_datasets").OK()
	if !strings.Contains(r.Out, " zones/a?[31m??\n") || !strings.Contains(r.Out, " zones/???/data\n") {
		t.Errorf("%q", r.Out)
	}
}

// TestHeldNoise spoils words of what ZFS holds at random: every command ends.
func TestHeldNoise(t *testing.T) {
	for seed := range uint64(6) {
		_, s := changed(t, func(sys *illumos.System) {
			var objs []illumos.Obj
			for _, p := range sys.ZFS.Pools {
				objs = append(objs, p.MOS, p.Dsl)
				for _, d := range p.Tree.All() {
					objs = append(objs, d.Dir)
					for _, o := range []illumos.Obj{d.Obj, d.Objset} {
						if o.Addr != 0 {
							objs = append(objs, o)
						}
					}
				}
			}
			for _, d := range described(sys) {
				objs = append(objs, d.Obj)
			}
			for _, h := range sys.ZFS.Headers[:20] {
				objs = append(objs, sys.At("l2arc_buf_hdr_t", h.Addr)) // its first words: of all there is
			}
			objs = append(objs, sys.Global("zfs`dbuf_hash_table").Member("hash_table_mask"))
			sys.Spoil(objs, rand.New(rand.NewPCG(seed, 5)), 150)
		})
		for _, cmd := range []string{"::zfs_datasets -asv", "::dbufs -n zones", "::dbufs | ::dbuf", "::dbuf_stats", "::abuf_find 1 2", "::arc_compression_stats -b"} {
			start := time.Now()
			s.Run(cmd)
			if d := time.Since(start); d > time.Minute {
				t.Errorf("seed %d: %s took %v", seed, cmd, d)
			}
		}
	}
}
