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

// onBoth runs a test on the standard storage in two layouts.
func onBoth(t *testing.T, f func(t *testing.T, sys *illumos.System, s *modtest.Session)) {
	t.Helper()
	for _, name := range []string{"storage", "storage gate"} {
		t.Run(name, func(t *testing.T) {
			f(t, illumos.SystemOf(t, name), modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, name), genunix.Module(), zfs.Module()))
		})
	}
}

// dbuf is a dbuf that the scenario describes.
type dbuf struct {
	illumos.Obj
	set    *illumos.BuiltDataset
	object uint64
	illumos.Block
	bonus bool
}

// described are the dbufs of the objects that the scenario describes: those of blocks
// of dnodes and of the pools' own object sets come beside them.
func described(sys *illumos.System) (list []dbuf) {
	for _, p := range sys.ZFS.Pools {
		for _, d := range p.Tree.All() {
			for _, dn := range d.Dnodes {
				if dn.Dnode.Bonus != "" {
					list = append(list, dbuf{Obj: dn.Bonus, set: d, object: dn.Object, bonus: true, Block: illumos.Block{Holds: dn.Holds}})
				}
				for i, b := range dn.Dnode.Blocks {
					list = append(list, dbuf{Obj: dn.Blocks[i], set: d, object: dn.Object, Block: b})
				}
			}
		}
	}
	return list
}

const dbufHead = "            addr   object lvl     blkid holds os\n"

func (d dbuf) line() string {
	id := fmt.Sprintf("%x", d.ID)
	if d.bonus {
		id = "bonus"
	}
	return fmt.Sprintf("%16x %8x %3d %9s %5d %s\n", d.Addr, d.object, d.Level, id, d.Holds, d.set.Path)
}

func TestDbuf(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, d := range described(sys) {
			s.Run(hexCmd(d.Addr, "::dbuf")).OK().Want(dbufHead + d.line())
		}
		// of the pool's own objects: the bonus buffer of the root's directory, the block of dnodes it is in
		p := pool(sys, "zones")
		object := p.Tree.Dir.Get("dd_object")
		s.Run(hexCmd(p.Tree.Dir.Get("dd_dbuf"), "::dbuf")).OK().
			Want(dbufHead + fmt.Sprintf("%16x %8x   0     bonus     1 mos\n", p.Tree.Dir.Get("dd_dbuf"), object))
		s.Run(fmt.Sprintf("::dbufs -n mos -O %x -o mdn -b %x | ::dbuf", p.MOS.Addr, object/32)).OK().Match(fmt.Sprintf(`(?s)^ +addr.*\n[ 0-9a-f]{16}      mdn   0 %9x     1 mos\n$`, object/32))
	})
}

// TestDbufs looks for each described dbuf by what tells it from others, and for all of
// a data set's.
func TestDbufs(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, d := range described(sys) {
			id := fmt.Sprintf("%x", d.ID)
			if d.bonus {
				id = "bonus"
			}
			want := fmt.Sprintf("%#x\n", d.Addr)
			s.Run(fmt.Sprintf("::dbufs -n %s -o %x -l %d -b %s", d.set.Path, d.object, d.Level, id)).OK().Want(want)
			s.Run(fmt.Sprintf("::dbufs -O %x -o %x -l%d -b %s", d.set.Objset.Addr, d.object, d.Level, id)).OK().Want(want)
		}
		count := func(filter string, want int) {
			t.Helper()
			if r := s.Run("::dbufs " + filter).OK(); strings.Count(r.Out, "\n") != want {
				t.Errorf("::dbufs %s: %d, want %d", filter, strings.Count(r.Out, "\n"), want)
			}
		}
		// the object sets have a block of dnodes for each 32 objects
		bonus, blocks := 0, 0
		for _, d := range described(sys) {
			if d.set.Path == "zones/db1" && d.bonus {
				bonus++
			} else if d.set.Path == "zones/db1" {
				blocks++
			}
		}
		count("-n zones/db1 -b bonus", bonus)
		count("-n zones/db1 -o mdn", 2)
		count("-n zones/db1", bonus+blocks+2)
		count("-n zones/db1 -o 0t128 -l 1", 1)
		count("-n nothing", 0)
		count("", hashed(sys)+bonuses(sys))
		if r := s.Run("::dbufs -o zz"); r.Err == "" {
			t.Error("an object of no number is taken")
		}
	})
}

// columns expands tabs as the printer does.
func columns(format string, args ...any) string {
	var b strings.Builder
	at := 0
	for _, r := range fmt.Sprintf(format, args...) {
		switch r {
		case '\t':
			n := 8 - at%8
			b.WriteString(strings.Repeat(" ", n))
			at += n
			continue
		case '\n':
			at = -1
		}
		b.WriteRune(r)
		at++
	}
	return b.String()
}

// hashed is how many dbufs are in the hash table: the described blocks, those of maps of
// names, and the blocks of dnodes, which have 32 objects each.
func hashed(sys *illumos.System) int {
	n := 0
	for _, d := range described(sys) {
		if !d.bonus {
			n++
		}
	}
	for _, p := range sys.ZFS.Pools {
		n += p.MapBlocks + p.DnodeBlocks()
		for _, d := range p.Tree.All() {
			blocks := map[uint64]bool{}
			for _, dn := range d.Dnodes {
				blocks[dn.Object/32] = true
			}
			n += len(blocks)
		}
	}
	return n
}

// bonuses is how many bonus buffers there are: the described ones, those of directories
// and data sets that are held, and those of what each pool keeps for itself: three
// directories and a snapshot.
func bonuses(sys *illumos.System) int {
	n := 0
	for _, d := range described(sys) {
		if d.bonus {
			n++
		}
	}
	held := func(o illumos.Obj) {
		if o.Addr != 0 {
			n++
		}
	}
	for _, p := range sys.ZFS.Pools {
		n += 3 + 1
		for _, d := range p.Tree.All() {
			held(d.Dir)
			held(d.Obj)
			for _, snap := range d.Snapshots {
				held(snap.Obj)
			}
		}
	}
	return n
}

func TestDbufStats(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		// what is hashed: the described blocks, and the blocks of dnodes
		count := hashed(sys)
		buckets := 256 << 20 / 8192 // of 256M of memory
		if r := s.Run("::dbuf_stats").OK(); !strings.HasPrefix(r.Out, columns("hash table has %d buckets, %d dbufs (avg %d buckets/dbuf)\n\nhash chain length\tnumber of buckets\n0\t\t\t", buckets, count, buckets/count)) ||
			!strings.Contains(r.Out, columns("\n\nhash chain depth\tnumber of dbufs\n0 or more\t\t%d\t100%%\n", count)) {
			t.Errorf("%s", r.Out)
		}
	})
	// three on one chain
	sys, s := changed(t, func(sys *illumos.System) {
		table := sys.Global("zfs`dbuf_hash_table")
		first, n := table.Get("hash_table"), 0
		var on []uint64
		for b := range table.Get("hash_table_mask") + 1 {
			if d := sys.GetU64(first + b*8); d != 0 && n < 3 {
				on, n = append(on, d), n+1
				sys.PutU64(first+b*8, 0)
			}
		}
		sys.PutU64(first, on[0])
		for i, d := range on[:2] {
			sys.At("dmu_buf_impl_t", d).Set("db_hash_next", on[i+1])
		}
	})
	n := hashed(sys)
	r := s.Run("::dbuf_stats").OK()
	if !strings.Contains(r.Out, columns("\n3\t\t\t1\n")) || !strings.Contains(r.Out, columns("\n1 or more\t\t2\t%d%%\n2 or more\t\t1\t%d%%\n", 200/n, 100/n)) {
		t.Errorf("%s", r.Out)
	}
}
