package zfs_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/zfs"
)

func TestAbufFind(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, h := range sys.ZFS.Headers {
			if h.State == "anon" {
				continue
			}
			w := h.Words()
			s.Run(fmt.Sprintf("::abuf_find %x %x", w[0], w[1])).OK().Want(fmt.Sprintf("%#x\n", h.Addr))
		}
		s.Run("::abuf_find 1 2").OK().Want("")
		w := sys.ZFS.Headers[10].Words()
		s.Run(fmt.Sprintf("::abuf_find 0x%x 0t%d | ::print arc_buf_hdr_t b_birth", w[0], w[1])).OK().
			Want(fmt.Sprintf("b_birth = %#x\n", sys.ZFS.Headers[10].Birth))
		if r := s.Run("::abuf_find 1"); r.Err == "" && r.Out == "" {
			t.Error("one word is taken")
		}
	})
}

func TestMultilist(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, state := range []string{"mru", "mfu", "mru_ghost"} {
			var want []string
			for _, h := range sys.ZFS.Headers {
				if h.State == state && !h.Metadata && h.Refs == 0 {
					want = append(want, fmt.Sprintf("%#x", h.Addr))
				}
			}
			list := sys.Global("zfs`ARC_" + state).Member("arcs_list[1]")
			at := list.Addr
			if list.Size() == 8 {
				at = list.Get("")
			}
			got := strings.Fields(s.Run(hexCmd(at, "::walk multilist")).OK().Out)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d headers, want %d", state, len(got), len(want))
			}
		}
		if r := s.Run("0::walk multilist"); !strings.Contains(r.Err, "must supply address of multilist_t") {
			t.Errorf("%s%s", r.Out, r.Err)
		}
		if r := s.Run(hexCmd(sys.ZFS.Pools[0].Addr, "::walk multilist")); !strings.Contains(r.Err, "invalid or uninitialized multilist at 0x") {
			t.Errorf("%s%s", r.Out, r.Err)
		}
	})
}

// sizes are histograms as the scenario's headers make them.
func sizes(sys *illumos.System, linear bool, state string) (bufs, compressed, original map[int]int) {
	bufs, compressed, original = map[int]int{}, map[int]int{}, map[int]int{}
	bucket := func(n uint64) int {
		if linear {
			return int(n / 512)
		}
		return bits.Len64(n / 512)
	}
	for _, h := range sys.ZFS.Headers {
		if strings.HasSuffix(h.State, "ghost") || h.State == "l2c_only" || state != "" && h.State != state {
			continue
		}
		bufs[h.Bufs]++
		compressed[bucket(h.PSize)]++
		original[bucket(h.LSize)]++
	}
	return bufs, compressed, original
}

// bars draws a histogram of no more in a bucket than there are asterisks for.
func bars(h map[int]int) string {
	from, to := 1<<30, -1
	for i := range h {
		from, to = min(from, i), max(to, i)
	}
	most := 40
	for _, n := range h {
		most = max(most, n)
	}
	text := ""
	for i := from; i <= to; i++ {
		text += fmt.Sprintf("%3d: %6d %s\n", i, h[i], strings.Repeat("*", 40-(most-h[i])*40/most))
	}
	return text
}

func TestCompression(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for opts, c := range map[string]struct {
			linear, bufs bool
			states       []string
		}{"": {}, "-v": {linear: true}, "-b": {bufs: true}, "-abrf": {bufs: true, states: []string{"anon", "mru", "mfu"}}, "-vf": {linear: true, states: []string{"mfu"}}} {
			unit := "Each bucket represents buffers of size: [2^(n-1)*512, 2^n*512).\n"
			if c.linear {
				unit = "Each bucket represents buffers of size: [n*512, (n+1)*512).\n"
			}
			want := ""
			for _, state := range c.states {
				b, z, o := sizes(sys, c.linear, state)
				if c.bufs {
					want += "Histogram of the number of " + state + " buffers that are associated with an arc hdr.\n" + bars(b) + "\n"
				}
				want += "Histogram of compressed " + state + " buffers.\n" + unit + bars(z) + "\n" + "Histogram of uncompressed " + state + " buffers.\n" + unit + bars(o) + "\n"
			}
			b, z, o := sizes(sys, c.linear, "")
			if c.bufs {
				want += "Histogram of all buffers that are associated with an arc hdr.\n" + bars(b) + "\n"
			}
			want += "Histogram of all compressed buffers.\n" + unit + bars(z) + "\n" + "Histogram of all uncompressed buffers.\n" + unit + bars(o)
			s.Run("::arc_compression_stats " + opts).OK().Want(want)
		}
	})
}

// TestArcSizes wants the statistics in megabytes that MDB has so.
func TestArcSizes(t *testing.T) {
	_, s := changed(t, func(sys *illumos.System) {
		table, size := sys.Global("zfs`arc_stats"), sys.Size("kstat_named_t")
		for at := uint64(0); at < table.Size(); at += size {
			sys.PutU64(sys.At("kstat_named_t", table.Addr+at).Ref("value"), 3<<20)
		}
	})
	r := s.Run("::arc").OK()
	for _, line := range []string{"mfu_hits                  =   3145728\n", "evict_l2_cached           =         3 MB\n", "hash_elements             =   3145728\n",
		"compressed_size           =         3 MB\n", "mru_ghost_evictable_data  =         3 MB\n", "l2_hdr_size               =         3 MB\n",
		"evict_l2_skip             =   3145728\n"} {
		if !strings.Contains(r.Out, line) {
			t.Errorf("no %q in\n%s", line, r.Out)
		}
	}
}

// TestWithoutCaches wants the same without walkers of kmem caches: what is in the hash
// tables, and of dbufs the bonus buffers.
func TestWithoutCaches(t *testing.T) {
	for _, name := range []string{"storage", "storage gate"} {
		b := illumos.VmcoreBytes(t, name)
		with := modtest.OpenDumpBytes(t, "vmcore.0", b, genunix.Module(), zfs.Module())
		without := modtest.OpenDumpBytes(t, "vmcore.0", b, zfs.Module())
		for _, cmd := range []string{"::dbufs", "::dbufs -b bonus", "::dbufs -n zones/db1"} {
			sorted := func(s *modtest.Session) []string {
				list := strings.Fields(s.Run(cmd).OK().Out)
				slices.Sort(list)
				return list
			}
			if x, y := sorted(with), sorted(without); !slices.Equal(x, y) || len(x) == 0 {
				t.Errorf("%s: %s: %d with, %d without: %v %v", name, cmd, len(x), len(y), x, y)
			}
		}
		// those in no table have no data that is worth keeping: anonymous ones
		r := without.Run("::arc_compression_stats -ab").OK()
		if !strings.HasPrefix(r.Out, "Histogram of the number of anon buffers that are associated with an arc hdr.\n\nHistogram of compressed") {
			t.Errorf("%s", r.Out)
		}
		for _, state := range []string{"-r", "-f"} {
			x, y := with.Run("::arc_compression_stats "+state).OK().Out, without.Run("::arc_compression_stats "+state).OK().Out
			if end := strings.Index(x, "Histogram of all"); x[:end] != y[:min(end, len(y))] {
				t.Errorf("%s: %s:\n%s\n%s", name, state, x, y)
			}
		}
	}
}
