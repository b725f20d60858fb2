package zfs_test

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/zfs"
)

// onAll runs a test on the standard storage in every layout of ZFS.
func onAll(t *testing.T, f func(t *testing.T, sys *illumos.System, s *modtest.Session)) {
	t.Helper()
	for _, name := range []string{"storage", "storage gate", "storage tracked", "storage old"} {
		t.Run(name, func(t *testing.T) {
			f(t, illumos.SystemOf(t, name), modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, name), genunix.Module(), zfs.Module()))
		})
	}
}

// at is a command on an object.
func at(o illumos.Obj, cmd string) string { return fmt.Sprintf("%x::%s", o.Addr, cmd) }

// barLines draws a histogram: a bucket is as long as it is of the largest, 40 asterisks at
// most, and no longer than what it holds.
func barLines(margin string, buckets []uint64, first int) (text string) {
	from, to, most := len(buckets), 0, uint64(40)
	for i, n := range buckets {
		if n != 0 {
			from, to, most = min(from, i), i, max(most, n)
		}
	}
	for i := from; i <= to; i++ {
		n := 40 - int((most-buckets[i])*40/most)
		text += fmt.Sprintf("%s%3d: %6d %s\n", margin, i+first, buckets[i], strings.Repeat("*", n))
	}
	return text
}

// inBytes are the histograms of space maps together, by powers of two of bytes.
func inBytes(list []*illumos.BuiltMetaslab) []uint64 {
	sum := make([]uint64, 64)
	for _, m := range list {
		for _, s := range m.Segments {
			sum[bits.Len64(s.Size)-1]++
		}
	}
	return sum
}

func space(list []illumos.Extent) (n uint64) {
	for _, e := range list {
		n += e.Size
	}
	return n
}

// unflushed are what a metaslab has freed and used that its space map does not have,
// and the memory of that; nothing in releases without a log of space maps.
func unflushed(m *illumos.BuiltMetaslab) (free, use, memory uint64) {
	if m.UnflushedFree == nil {
		return 0, 0, 0
	}
	return m.UnflushedFree.Space(), m.UnflushedUs.Space(), m.UnflushedFree.Memory() + m.UnflushedUs.Memory()
}

func percent(n, width int) string {
	if n < 0 {
		return fmt.Sprintf("%*s", width, "-")
	}
	return fmt.Sprintf("%*d%%", width, n)
}

// slabLines are the metaslabs of a device as ::vdev -m prints them.
func slabLines(v *illumos.BuiltVdev, margin string, histo bool) string {
	if len(v.Metaslabs) == 0 {
		return ""
	}
	margin += "    "
	text := fmt.Sprintf("%s%-16s %6s %20s %10s %10s %10s\n", margin, "ADDR", "ID", "OFFSET", "FREE", "FRAG", "UCMU")
	for i, m := range v.Metaslabs {
		free, use, memory := unflushed(m)
		left := illumos.MetaslabSize - m.Alloc + free - use
		text += fmt.Sprintf("%s%016x %6d %20x %10s %s %10s\n", margin, m.Addr, i, i*illumos.MetaslabSize, out.NiceNum(left), percent(m.Frag, 9), out.NiceNum(memory))
		if histo {
			text += barLines(margin, inBytes([]*illumos.BuiltMetaslab{m})[illumos.MetaslabShift:44], illumos.MetaslabShift)
		}
	}
	return text
}

// groupLines are the group of a device's metaslabs as ::vdev -M prints it: a
// fragmentation that is not known ends a line.
func groupLines(v *illumos.BuiltVdev, margin string, histo bool) string {
	if len(v.Metaslabs) == 0 {
		return ""
	}
	margin += "    "
	text := fmt.Sprintf("%s%-16s %7s %9s\n%s%016x ", margin, "ADDR", "FRAG", "UCMU", margin, v.Group.Addr)
	known := v.Group.Has("mg_fragmentation")
	if known && v.GroupFrag >= 0 {
		text += fmt.Sprintf("%6d%%", v.GroupFrag)
	} else {
		text += fmt.Sprintf("%6s\n%s", "-", margin)
	}
	memory := uint64(0)
	for _, m := range v.Metaslabs {
		_, _, n := unflushed(m)
		memory += n
	}
	text += fmt.Sprintf("%10s\n", out.NiceNum(memory))
	if histo && known {
		text += barLines(margin, inBytes(v.Metaslabs), 0)
	}
	return text
}

func TestMetaslabs(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		zones := pool(sys, "zones")
		mirror := zones.Root.Children[0]
		walk := ""
		for _, v := range zones.Root.Children {
			for _, m := range v.Metaslabs {
				walk += fmt.Sprintf("%#x\n", m.Addr)
			}
		}
		s.Run(at(zones.Obj, "walk metaslab")).OK().Want(walk)
		line := vdevHead + vdevLine(mirror, "", 0)
		s.Run(at(mirror.Obj, "vdev -m")).OK().Want(line + slabLines(mirror, "", false))
		s.Run(at(mirror.Obj, "vdev -mh")).OK().Want(line + slabLines(mirror, "", true))
		s.Run(at(mirror.Obj, "vdev -M")).OK().Want(line + groupLines(mirror, "", false))
		s.Run(at(mirror.Obj, "vdev -Mh")).OK().Want(line + groupLines(mirror, "", true))
		unused := zones.Root.Children[1]
		s.Run(at(unused.Obj, "vdev -mMh")).OK().Want(vdevHead + vdevLine(unused, "", 0) + groupLines(unused, "", true) + slabLines(unused, "", true))
		disk := mirror.Children[0]
		s.Run(at(disk.Obj, "vdev -mMh")).OK().Want(vdevHead + vdevLine(disk, "", 0))
	})
}

// spaceTree is a tree of vdevs with their metaslabs.
func spaceTree(v *illumos.BuiltVdev, margin string, depth int, histo bool) string {
	text := vdevLine(v, margin, depth) + groupLines(v, margin, histo) + slabLines(v, margin, histo)
	for _, c := range v.Children {
		text += spaceTree(c, margin, depth+2, histo)
	}
	return text
}

func auxLines(p *illumos.BuiltPool, margin string) (text string) {
	for i, list := range [][]*illumos.BuiltVdev{p.Cache, p.Spares} {
		if len(list) > 0 {
			text += fmt.Sprintf("%s%-16s %-9s %-12s %s\n", margin, "-", "-", "-", []string{"cache", "spares"}[i])
		}
		for _, v := range list {
			text += vdevLine(v, margin, 2)
		}
	}
	return text
}

func TestSpaSpaceOptions(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		zones := pool(sys, "zones")
		s.Run(at(zones.Obj, "spa -Mm")).OK().Want(spaHead + spaLine(zones) + "\n    " + vdevHead + spaceTree(zones.Root, "    ", 0, false) + auxLines(zones, "    "))
		class := ""
		if sys.Has("metaslab_class_t", "mc_histogram") {
			var all []*illumos.BuiltMetaslab
			for _, v := range zones.Root.Children {
				all = append(all, v.Metaslabs...)
			}
			class = barLines("    ", inBytes(all), 0)
		}
		s.Run(at(zones.Obj, "spa -h")).OK().Want(spaHead + spaLine(zones) + class)
		s.Run(at(zones.Obj, "spa -Mmh")).OK().Want(spaHead + spaLine(zones) + class + "\n    " + vdevHead + spaceTree(zones.Root, "    ", 0, true) + auxLines(zones, "    "))
		s.Run(at(zones.Obj, "spa_vdevs -Mmh")).OK().Want(vdevHead + spaceTree(zones.Root, "", 0, true) + auxLines(zones, ""))
	})
}

func TestSpaSpace(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		p := pool(sys, "zones")
		var allocating [4]uint64
		var freeing, freed, checkpoint, free, use, allocatable, deferred, avail uint64
		for _, v := range p.Root.Children {
			for _, m := range v.Metaslabs {
				for i, list := range m.Allocating {
					allocating[i] += space(list)
				}
				freeing, freed, allocatable = freeing+space(m.Freeing), freed+space(m.Freed), allocatable+space(m.Free)
				if m.Has("ms_checkpointing") {
					checkpoint += space(m.Checkpoint)
				}
				f, u, _ := unflushed(m)
				free, use, deferred = free+f, use+u, deferred+uint64(m.Defer)
				if !m.New {
					avail += illumos.MetaslabSize - m.Alloc + f - u
				}
			}
		}
		for _, opt := range []struct {
			flag  string
			shift uint
			unit  string
		}{{"", 20, "M"}, {" -b", 0, ""}} {
			n := func(v uint64) string { return fmt.Sprintf("%d%s", v>>opt.shift, opt.unit) }
			four := func(v [4]uint64) string { return n(v[0]) + " " + n(v[1]) + " " + n(v[2]) + " " + n(v[3]) }
			var towrite [4]uint64
			for i, w := range p.Pool.Mem.ToWrite {
				towrite[i] = uint64(w)
			}
			root := p.Pool.Root
			want := "dd_space_towrite = " + four(towrite) + "\ndd_phys.dd_used_bytes = " + n(root.Used) + "\ndd_phys.dd_compressed_bytes = " + n(root.Used) +
				"\ndd_phys.dd_uncompressed_bytes = " + n(root.Logical) + "\nms_allocmap = " + four(allocating) + "\nms_checkpointing = " + n(checkpoint) +
				"\nms_freeing = " + n(freeing) + "\nms_freed = " + n(freed) + "\nms_unflushed_frees = " + n(free) + "\nms_unflushed_allocs = " + n(use) +
				"\nms_allocatable = " + n(allocatable) + "\nms_deferspace = " + n(deferred) + "\ncurrent avail = " + n(avail) + "\n"
			s.Run(at(p.Obj, "spa_space"+opt.flag)).OK().Want(want)
		}
	})
	sys := illumos.SystemOf(t, "storage")
	_, s := open(t)
	// what is to be written may be negative
	s.Run(at(pool(sys, "backup").Obj, "spa_space -b")).OK().Match(`^dd_space_towrite = 0 18446744073709547520 0 0\n`)
}

// The task queues of a pool's I/Os are found from the pool, by type and by what is done.
func TestZioQueues(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, p := range sys.ZFS.Pools {
			for i, q := range p.Pool.Mem.Queues {
				where := fmt.Sprintf("%x::print spa_t spa_zio_taskq[%d][%d].stqs_taskq | ", p.Addr, sys.Const("ZIO_TYPE_"+q.Type), sys.Const("ZIO_TASKQ_"+q.Kind))
				s.Run(where + "/J ! awk '{print $2}' | tail -1").WantLines(fmt.Sprintf("%x", p.Mem.Queues[i].Addr))
				s.Run(at(p.Mem.Queues[i].Obj, "taskq -n "+q.Taskq.Name+" ! wc -l")).WantLines("2")
			}
		}
	})
}
