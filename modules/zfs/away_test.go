package zfs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/zfs"
)

// seen takes the data sets away whose names memory does not have, and says below how many
// of all there are such.
func seen(t *illumos.BuiltDataset) (all, untold int) {
	all = 1
	if len(t.Unseen) > 0 {
		untold = 1
	}
	t.Children = slices.DeleteFunc(t.Children, func(c *illumos.BuiltDataset) bool { return slices.Contains(t.Unseen, c.Dataset.Name) })
	for _, c := range t.Children {
		a, u := seen(c)
		all, untold = all+a, untold+u
	}
	return all, untold
}

// TestAwayDatasets lists data sets that nobody holds, whose names, sizes and kinds are in
// dbufs, in block pointers and in the ARC, in each layout.
func TestAwayDatasets(t *testing.T) {
	for name, l := range map[string]*illumos.Layout{"": illumos.Real(), "gate": illumos.GateZFS(), "old": illumos.OldZFS()} {
		t.Run(name, func(t *testing.T) {
			sys := illumos.StorageAway().Build(l)
			b, err := sys.Vmcore()
			if err != nil {
				t.Fatal(err)
			}
			s := modtest.OpenDumpBytes(t, "vmcore.0", b, genunix.Module(), zfs.Module())
			p := pool(sys, "data")
			all, untold := seen(p.Tree)
			list := allRows(p)
			if all < 500 || untold != 2 {
				t.Fatalf("%d data sets, %d of which have some below them that memory does not have", all, untold)
			}
			for _, opts := range []string{"", "-sp", "-sv"} {
				want := datasetHead
				for _, r := range list {
					if !r.snapshot || opts != "" {
						want += r.text(opts == "-sp", opts == "-sv")
					}
				}
				r := s.Run("::zfs_datasets " + opts).Want(want)
				if told := fmt.Sprintf("xmdb: data: memory does not tell all that is below %d of %d data sets\n", untold, all); r.Err != told || r.Status != nil {
					t.Errorf("%v: %s, want %s", r.Status, r.Err, told)
				}
			}
			// what does not concern a part is not told of it
			s.Run("::zfs_datasets data/export").OK()
			s.Run("::zfs_datasets data/lost").Want(datasetHead + list[slices.IndexFunc(list, func(r setRow) bool { return r.name == "data/lost" })].text(false, false))
		})
	}
}

// TestAwayDamage spoils the maps: what they lead to is not followed twice, nor is what
// cannot be.
func TestAwayDamage(t *testing.T) {
	for _, c := range []struct {
		name, also string
		spoil      func(sys *illumos.System)
	}{
		{"a directory below itself", "data/export/a", func(sys *illumos.System) {
			p := pool(sys, "data")
			disk := onDisk(sys, p, p.Tree.Find("data/busy/idle").Directory)
			parent := onDisk(sys, p, p.Tree.Find("data/busy").Directory)
			sys.At("dsl_dir_phys_t", disk).Set("dd_child_dir_zapobj", sys.At("dsl_dir_phys_t", parent).Get("dd_child_dir_zapobj"))
		}},
		{"a map that is no map", "data/export/a", func(sys *illumos.System) {
			p := pool(sys, "data")
			sys.At("dsl_dir_phys_t", onDisk(sys, p, p.Tree.Find("data/busy/idle").Directory)).Set("dd_child_dir_zapobj", p.Tree.Object)
		}},
		{"objects that cannot be", "data/export/a", func(sys *illumos.System) {
			p := pool(sys, "data")
			sys.At("dsl_dir_phys_t", onDisk(sys, p, p.Tree.Find("data/many").Directory)).Set("dd_child_dir_zapobj", ^uint64(0)).Set("dd_head_dataset_obj", ^uint64(0))
		}},
		{"dnodes of wild levels and pointers", "data/busy", func(sys *illumos.System) {
			p := pool(sys, "data")
			for _, path := range []string{"data/many", "data/part", "data/export"} {
				dn := onDisk(sys, p, p.Tree.Find(path).Directory+1) - sys.Offset("dnode_phys_t", "dn_blkptr") - 128
				for i := range uint64(8) {
					sys.WriteBytes(dn+i, []byte{byte(0xff - i)})
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sys := illumos.StorageAway().Build(illumos.Real())
			c.spoil(sys)
			b, err := sys.Vmcore()
			if err != nil {
				t.Fatal(err)
			}
			s := modtest.OpenDumpBytes(t, "vmcore.0", b, genunix.Module(), zfs.Module())
			r := s.Run("::zfs_datasets -s")
			if n := strings.Count(r.Out, " data/busy/idle\n"); n > 1 || !strings.Contains(r.Out, c.also) || !strings.Contains(r.Err, "memory does not tell all") {
				t.Errorf("%s%s", r.Out, r.Err)
			}
		})
	}
}

// onDisk is where the bonus buffer of a pool's object lies in its block of dnodes.
func onDisk(sys *illumos.System, p *illumos.BuiltPool, object uint64) uint64 {
	phys := sys.At("dnode_phys_t", p.DnodeBlock(object/32)+object%32*512)
	return phys.Ref("dn_blkptr") + 128
}
