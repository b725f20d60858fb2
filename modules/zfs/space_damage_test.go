package zfs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/zfs"
)

// changedIn is the standard storage of a layout with something written into it.
func changedIn(t *testing.T, l *illumos.Layout, change func(*illumos.System)) *modtest.Session {
	t.Helper()
	sc := illumos.Storage()
	sc.Kernel.Functions, sc.Kernel.AllModules = 0, false // to be quick
	sys := sc.Build(l)
	change(sys)
	b, err := sys.Vmcore()
	if err != nil {
		t.Fatal(err)
	}
	return modtest.OpenDumpBytes(t, "vmcore.0", b, genunix.Module(), zfs.Module())
}

// spoilt is something that is wrong, a command, and what its message names.
type spoilt struct {
	name string
	// spoil gives the command and the address.
	spoil func(sys *illumos.System) (cmd string, named uint64)
	also  string // is printed all the same
}

func runSpoilt(t *testing.T, l *illumos.Layout, cases []spoilt) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var cmd string
			var named uint64
			s := changedIn(t, l, func(sys *illumos.System) { cmd, named = c.spoil(sys) })
			if r := s.Run(cmd); !strings.Contains(r.Err, fmt.Sprintf("%x", named)) || !strings.Contains(r.Out, c.also) {
				t.Errorf("%s: no %x in the message, or no %q:\n%.2000s%s", cmd, named, c.also, r.Out, r.Err)
			}
		})
	}
}

// busyTree is the range tree of the scenario that is a B-tree of two levels, and its root.
func busyTree(sys *illumos.System) (tree *illumos.BuiltRanges, root illumos.Obj) {
	tree = pool(sys, "zones").Root.Children[0].Metaslabs[0].Allocatable
	return tree, sys.At("zfs_btree_core_t", tree.Get("rt_root.bt_root"))
}

func TestTreeDamage(t *testing.T) {
	child := func(root illumos.Obj, i uint64) uint64 { return root.Ref("btc_children") + 8*i }
	runSpoilt(t, illumos.Real(), []spoilt{
		{"a child at nowhere", func(sys *illumos.System) (string, uint64) {
			tree, root := busyTree(sys)
			sys.PutU64(child(root, 1), wild)
			return at(tree.Obj, "range_tree"), wild
		}, "\t[0 1000) (length 1000)"[1:]},
		{"a child that is its parent", func(sys *illumos.System) (string, uint64) {
			tree, root := busyTree(sys)
			sys.PutU64(child(root, 1), root.Addr)
			return at(tree.Obj, "walk range_tree"), root.Addr
		}, ""},
		{"a child twice", func(sys *illumos.System) (string, uint64) {
			tree, root := busyTree(sys)
			sys.PutU64(child(root, 1), sys.GetU64(child(root, 0)))
			return at(tree.Obj, "range_tree"), sys.GetU64(child(root, 0))
		}, ""},
		{"too many children", func(sys *illumos.System) (string, uint64) {
			tree, root := busyTree(sys)
			root.Set("btc_hdr.bth_count", 129)
			return at(tree.Obj, "range_tree"), root.Addr
		}, ""},
		{"too many elements", func(sys *illumos.System) (string, uint64) {
			tree, root := busyTree(sys)
			leaf := sys.GetU64(child(root, 0))
			sys.At("zfs_btree_hdr_t", leaf).Set("bth_count", 511)
			return at(tree.Obj, "range_tree"), leaf
		}, ""},
		{"another parent", func(sys *illumos.System) (string, uint64) {
			tree, root := busyTree(sys)
			leaf := sys.GetU64(child(root, 2))
			sys.At("zfs_btree_hdr_t", leaf).Set("bth_parent", tree.Addr)
			return at(tree.Obj, "range_tree"), leaf
		}, ""},
		{"elements of no size", func(sys *illumos.System) (string, uint64) {
			tree, _ := busyTree(sys)
			tree.Set("rt_root.bt_elem_size", 0)
			return at(tree.Obj, "range_tree"), tree.Ref("rt_root")
		}, ""},
		{"elements of nonsense size", func(sys *illumos.System) (string, uint64) {
			tree, _ := busyTree(sys)
			tree.Set("rt_root.bt_elem_size", uint64(1)<<60)
			return at(tree.Obj, "range_tree"), tree.Ref("rt_root")
		}, ""},
		{"segments of no type", func(sys *illumos.System) (string, uint64) {
			tree, _ := busyTree(sys)
			tree.Set("rt_type", 3)
			return at(tree.Obj, "walk range_tree"), tree.Addr
		}, ""},
	})
	runSpoilt(t, illumos.OldZFS(), []spoilt{
		{"an AVL tree that leads back", func(sys *illumos.System) (string, uint64) {
			tree, _ := busyTree2(sys)
			first := sys.At("range_seg_t", tree.Segs[0])
			first.Set("rs_node.avl_child[0]", tree.Get("rt_root.avl_root"))
			return at(tree.Obj, "range_tree"), tree.Get("rt_root.avl_root") - sys.Offset("range_seg_t", "rs_node")
		}, ""},
		{"holders on a ring", func(sys *illumos.System) (string, uint64) {
			r := pool(sys, "backup").Mem.ConfigLock.Anon
			r.Notes[1].Set("ref_link.list_next|ref_link.next", r.Notes[0].Ref("ref_link"))
			return at(r.Obj, "zfs_refcount"), r.Notes[0].Addr
		}, "dsl_pool_hold"},
	})
	runSpoilt(t, illumos.TrackedZFS(), []spoilt{
		{"a leaf whose elements begin beyond it", func(sys *illumos.System) (string, uint64) {
			tree, root := busyTree(sys)
			leaf := sys.GetU64(child(root, 0))
			sys.At("zfs_btree_hdr_t", leaf).Set("bth_first", 0x7fffffff)
			return at(tree.Obj, "range_tree"), leaf
		}, ""},
		{"a holder at nowhere", func(sys *illumos.System) (string, uint64) {
			r := pool(sys, "backup").Mem.ConfigLock.Anon
			r.Set("rc_tree.avl_root", uint64(wild))
			return at(r.Obj, "zfs_refcount -r"), wild
		}, ""},
		{"a lock whose first references are damaged", func(sys *illumos.System) (string, uint64) {
			lock := pool(sys, "backup").Mem.ConfigLock
			lock.Anon.Set("rc_tree.avl_root", uint64(wild))
			return at(lock.Obj, "rrwlock"), wild
		}, "FTAG"},
	})
}

// busyTree2 is busyTree of a release before B-trees.
func busyTree2(sys *illumos.System) (tree *illumos.BuiltRanges, root uint64) {
	tree = pool(sys, "zones").Root.Children[0].Metaslabs[0].Allocatable
	return tree, tree.Get("rt_root.avl_root")
}

func TestSpaceDamage(t *testing.T) {
	zones := func(sys *illumos.System) *illumos.BuiltPool { return pool(sys, "zones") }
	mirror := func(sys *illumos.System) *illumos.BuiltVdev { return zones(sys).Root.Children[0] }
	runSpoilt(t, illumos.Real(), []spoilt{
		{"metaslabs at nowhere", func(sys *illumos.System) (string, uint64) {
			mirror(sys).Set("vdev_ms", uint64(wild))
			return "::spa -mM", wild
		}, "/dev/dsk/c1t3d0s0"},
		{"too many metaslabs", func(sys *illumos.System) (string, uint64) {
			mirror(sys).Set("vdev_ms_count", uint64(1)<<61)
			return "::spa -m", mirror(sys).Get("vdev_ms")
		}, "/dev/dsk/c1t3d0s0"},
		{"a metaslab at nowhere", func(sys *illumos.System) (string, uint64) {
			sys.PutU64(mirror(sys).Get("vdev_ms")+8, wild)
			return at(mirror(sys).Obj, "vdev -rm"), wild
		}, "/dev/dsk/c1t1d0s0"},
		{"a space map at nowhere", func(sys *illumos.System) (string, uint64) {
			mirror(sys).Metaslabs[1].Set("ms_sm", uint64(wild))
			return at(zones(sys).Obj, "spa_space"), wild
		}, "dd_phys.dd_used_bytes"},
		{"a tree of changes at nowhere", func(sys *illumos.System) (string, uint64) {
			mirror(sys).Metaslabs[1].Set("ms_unflushed_frees", uint64(wild))
			return at(mirror(sys).Obj, "vdev -Mm"), wild
		}, "17%"},
		{"a group at nowhere", func(sys *illumos.System) (string, uint64) {
			mirror(sys).Set("vdev_mg", uint64(wild))
			return "::spa -M", wild
		}, "/dev/dsk/c1t3d0s0"},
		{"a class at nowhere", func(sys *illumos.System) (string, uint64) {
			zones(sys).Set("spa_normal_class", uint64(wild))
			return "::spa -h", wild
		}, "zones"},
		{"a directory without its buffer", func(sys *illumos.System) (string, uint64) {
			sys.At("dsl_dir_t", zones(sys).Dsl.Get("dp_root_dir")).Set("dd_dbuf", uint64(wild))
			return at(zones(sys).Obj, "spa_space"), wild
		}, ""},
		{"logs that lead back", func(sys *illumos.System) (string, uint64) {
			logs := zones(sys).Mem.Logs
			root := zones(sys).Get("spa_sm_logs_by_txg.avl_root")
			logs[0].Set("sls_node.avl_child[0]", root)
			return at(zones(sys).Obj, "logsm_stats"), root - sys.Offset("spa_log_sm_t", "sls_node")
		}, "Log Entries"},
		{"a summary that leads back", func(sys *illumos.System) (string, uint64) {
			list := zones(sys).Mem.Summary
			list[1].Set("lse_node.list_next|lse_node.next", list[0].Ref("lse_node"))
			return at(zones(sys).Obj, "logsm_stats"), list[0].Addr
		}, "Summary Entries"},
		{"counts at nowhere", func(sys *illumos.System) (string, uint64) {
			zones(sys).Dsl.Set("dp_blkstats", uint64(wild))
			return at(zones(sys).Obj, "zfs_blkstats"), wild
		}, "maybe no stats?"},
		{"an attempt of a group at nowhere", func(sys *illumos.System) (string, uint64) {
			tr := zones(sys).Mem.Traces[0]
			tr.Set("mat_mg", uint64(wild))
			return at(tr, "metaslab_trace"), wild
		}, ""},
		{"entries that go beyond memory", func(sys *illumos.System) (string, uint64) {
			return at(zones(sys).Mem.Config, "sm_entries 0xffffffffffffffff"), zones(sys).Mem.Config.Addr
		}, ""},
	})
}

func TestFileDamage(t *testing.T) {
	file := func(sys *illumos.System) *illumos.BuiltZFile { return sys.ZFS.Files[0] }
	runSpoilt(t, illumos.Real(), []spoilt{
		{"a ring of nodes", func(sys *illumos.System) (string, uint64) {
			n := file(sys).Nodes
			n[1].Set("z_next.list_next|z_next.next", n[0].Ref("z_next"))
			return at(file(sys).ACL, "zfs_aces"), n[0].Addr
		}, "120088"},
		{"too many entries", func(sys *illumos.System) (string, uint64) {
			file(sys).Nodes[0].Set("z_ace_count", uint64(1)<<40)
			return at(file(sys).Nodes[0], "walk zfs_acl_node_aces"), file(sys).Nodes[0].Addr
		}, ""},
		{"one entry too many", func(sys *illumos.System) (string, uint64) {
			file(sys).Nodes[1].Set("z_ace_count", 7)
			return at(file(sys).ACL, "zfs_aces"), file(sys).Nodes[1].Addr
		}, "120088"},
		{"entries at nowhere", func(sys *illumos.System) (string, uint64) {
			file(sys).Nodes[1].Set("z_acldata", uint64(wild))
			return at(file(sys).ACL, "zfs_aces -v"), wild
		}, "everyone@"},
		{"too many attributes", func(sys *illumos.System) (string, uint64) {
			file(sys).SA.Set("sa_num_attrs", -1)
			return at(file(sys).SA, "sa_attr_table"), file(sys).SA.Addr
		}, ""},
		{"attributes at nowhere", func(sys *illumos.System) (string, uint64) {
			file(sys).SA.Set("sa_attr_table", uint64(wild))
			return at(file(sys).SA, "sa_attr_table"), wild
		}, ""},
		{"offsets at nowhere", func(sys *illumos.System) (string, uint64) {
			sys.At("sa_idx_tab_t", file(sys).Handle.Get("sa_bonus_tab")).Set("sa_idx_tab", uint64(wild))
			return at(file(sys).Handle, "sa_attr 0"), wild
		}, "can't find offset table in sa_idx_tab"},
		{"a bonus buffer at nowhere", func(sys *illumos.System) (string, uint64) {
			file(sys).Handle.Set("sa_bonus", uint64(wild))
			return at(file(sys).Handle, "sa_attr 5"), wild
		}, "can't find db_data in bonus dbuf"},
	})
}

func TestConfigDamage(t *testing.T) {
	config := func(sys *illumos.System) (list, first illumos.Obj) {
		list = pool(sys, "zones").Mem.Config
		return list, sys.At("i_nvp_t", sys.At("nvpriv_t", list.Get("nvl_priv")).Get("nvp_list"))
	}
	runSpoilt(t, illumos.Real(), []spoilt{
		{"a ring of pairs", func(sys *illumos.System) (string, uint64) {
			_, first := config(sys)
			first.Set("_nvi_un._nvi._nvi_next", first.Addr)
			return "::spa -c", first.Addr
		}, "version="},
		{"a pair at nowhere", func(sys *illumos.System) (string, uint64) {
			_, first := config(sys)
			first.Set("_nvi_un._nvi._nvi_next", uint64(wild))
			return at(pool(sys, "zones").Obj, "spa_config"), wild
		}, "version="},
		{"a pair of no size", func(sys *illumos.System) (string, uint64) {
			_, first := config(sys)
			first.Set("nvi_nvp.nvp_size", 0)
			return "::spa -c", first.Ref("nvi_nvp")
		}, "backup"},
		{"a list at nowhere", func(sys *illumos.System) (string, uint64) {
			pool(sys, "zones").Set("spa_config", uint64(wild))
			return "::spa -cv", wild
		}, "zones"},
		{"a list that is in itself", func(sys *illumos.System) (string, uint64) {
			list, first := config(sys)
			// the first pair becomes a list of lists, whose only one is the list that it is in
			first.Set("nvi_nvp.nvp_type", 20).Set("nvi_nvp.nvp_value_elem", 1)
			sys.PutU64(first.Ref("nvi_nvp")+sys.Size("nvpair_t")+8, list.Addr)
			return "::spa -c", list.Addr
		}, ""},
		{"a list of more lists than there is room for", func(sys *illumos.System) (string, uint64) {
			_, first := config(sys)
			first.Set("nvi_nvp.nvp_type", 20).Set("nvi_nvp.nvp_value_elem", 0x7fffffff)
			return "::spa -c", first.Ref("nvi_nvp")
		}, ""},
	})
}

// No damage to what pools have of space, files and references makes a command fault,
// hang or print without end.
func TestSpaceNoise(t *testing.T) {
	layouts := []func() *illumos.Layout{illumos.Real, illumos.TrackedZFS, illumos.OldZFS}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var cmds []string
			s := changedIn(t, layouts[seed%3](), func(sys *illumos.System) {
				objs := spaceObjects(sys)
				cmds = spaceCommands(sys)
				sys.Spoil(objs, rand.New(rand.NewPCG(seed, 7)), 30<<seed)
			})
			for _, cmd := range cmds {
				if r := s.Run(cmd); len(r.Out)+len(r.Err) > 4<<20 {
					t.Errorf("%s: %d bytes of output, %d of messages", cmd, len(r.Out), len(r.Err))
				}
			}
		})
	}
}

// spaceObjects are what is spoilt: pools, vdevs, metaslabs and their trees, references,
// files' lists and tables.
func spaceObjects(sys *illumos.System) (objs []illumos.Obj) {
	for _, p := range sys.ZFS.Pools {
		objs = append(objs, p.Obj, p.Dsl)
		for _, v := range p.Root.Children {
			objs = append(objs, v.Obj)
			for _, m := range v.Metaslabs {
				objs = append(objs, m.Obj, m.Obj, v.Group)
				for _, r := range m.Trees {
					objs = append(objs, r.Obj)
					for i := range r.Segs {
						if i%100 == 0 {
							objs = append(objs, sys.At("avl_node_t", r.Segs[i]&^0xfff), sys.At("avl_node_t", r.Segs[i]))
						}
					}
				}
			}
		}
		objs = append(append(append(objs, p.Mem.Logs...), p.Mem.Summary...), p.Mem.Traces...)
		objs = append(objs, sys.At("[64]uint64_t", p.Mem.Entries))
		if p.Mem.Leaf != 0 {
			objs = append(objs, sys.At("[400]uint64_t", p.Mem.Leaf), p.Mem.Scrub, p.Mem.Config)
			for a := sys.At("nvpriv_t", p.Mem.Config.Get("nvl_priv")).Get("nvp_list"); a != 0; a = objs[len(objs)-1].Get("_nvi_un._nvi._nvi_next") {
				objs = append(objs, sys.At("i_nvp_t", a))
			}
		}
		if l := p.Mem.ConfigLock; l != nil {
			objs = append(append(append(objs, l.Obj, l.Anon.Obj), l.Anon.Notes...), l.Linked.Notes...)
		}
	}
	for _, f := range sys.ZFS.Files {
		objs = append(append(objs, f.ACL, f.Handle, f.SA), f.Nodes...)
	}
	return objs
}

// spaceCommands are what looks at it.
func spaceCommands(sys *illumos.System) []string {
	cmds := []string{"::spa -cevmMh", "::walk spa | ::spa_space", "::walk spa | ::zfs_blkstats -v", "::walk spa | ::logsm_stats", "::walk spa | ::walk metaslab",
		"::walk spa | ::spa_config", "::walk spa | ::walk metaslab | ::print metaslab_t ms_allocatable | ::range_tree",
		"::walk spa | ::walk metaslab | ::print metaslab_t ms_allocatable | ::range_tree -h", "::walk spa | ::walk metaslab | ::print metaslab_t ms_freeing | ::walk range_tree"}
	for _, p := range sys.ZFS.Pools {
		if p.Mem.ConfigLock != nil {
			cmds = append(cmds, at(p.Mem.ConfigLock.Obj, "rrwlock"), at(p.Mem.ConfigLock.Anon.Obj, "zfs_refcount -r"))
		}
		for _, tr := range p.Mem.Traces {
			cmds = append(cmds, at(tr, "metaslab_trace"))
		}
		cmds = append(cmds, at(p.Obj, "zap_leaf -v"), at(p.Obj, "sm_entries 0x1000"), at(p.Obj, "spa_vdevs -emMh"),
			fmt.Sprintf("%x::zap_leaf -v", p.Mem.Leaf), fmt.Sprintf("%x::zap_leaf -v4", p.Mem.Leaf), fmt.Sprintf("%x::sm_entries 0x1000", p.Mem.Entries))
	}
	for _, f := range sys.ZFS.Files {
		cmds = append(cmds, at(f.ACL, "zfs_aces"), at(f.ACL, "zfs_aces -v"), at(f.ACL, "walk zfs_acl_node | ::walk zfs_acl_node_aces0"), at(f.SA, "sa_attr_table"), at(f.Handle, "sa_attr 5"))
	}
	return cmds
}
