package zfs_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
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
