package zfs

import (
	"fmt"
	mathbits "math/bits"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// maxSectors is how many sectors the largest block has (SPA_MAXBLOCKSIZE).
const maxSectors = 16 << 20 >> sector

// bufSizes counts buffers of headers by their sizes, and headers by how many buffers
// they have.
type bufSizes struct {
	title                      string // "anon"
	bufs, compressed, original []uint64
}

func newBufSizes(title string, buckets int) *bufSizes {
	return &bufSizes{title, make([]uint64, buckets), make([]uint64, buckets), make([]uint64, buckets)}
}

func (s *bufSizes) add(bufs, compressed, original uint64) {
	put := func(h []uint64, n uint64) { h[min(n, uint64(len(h)-1))]++ }
	put(s.bufs, bufs)
	put(s.compressed, compressed)
	put(s.original, original)
}

// compression counts the headers of the ARC.
type compression struct {
	v      *kernel.View
	l      *headerLayout
	linear bool
	states map[uint64]*bufSizes // by the addresses of states; nil where no data is in memory
	all    *bufSizes
}

// arcStates are the states, with the words for them; of those without one no data is in
// memory.
var arcStates = []struct{ symbol, title string }{
	{"ARC_anon", "anon"}, {"ARC_mru", "mru"}, {"ARC_mfu", "mfu"}, {"ARC_mru_ghost", ""}, {"ARC_mfu_ghost", ""}, {"ARC_l2c_only", ""},
}

func newCompression(c *core.Ctx, v *kernel.View) (*compression, error) {
	l, err := kernel.Lay[headerLayout](v, "arc_buf_hdr_t")
	if err != nil {
		return nil, err
	}
	s := &compression{v: v, l: l, linear: c.Opt('v'), states: map[uint64]*bufSizes{}}
	buckets := mathbits.Len(maxSectors) + 1
	if s.linear {
		buckets = maxSectors + 1
	}
	s.all = newBufSizes("", buckets)
	for _, state := range arcStates {
		m, err := v.Symbol("zfs", state.symbol)
		if err != nil {
			return nil, kernel.Failed(err, "can't find arc state symbol")
		}
		s.states[m.Value] = nil
		if state.title != "" {
			s.states[m.Value] = newBufSizes(state.title, buckets)
		}
	}
	return s, nil
}

func (s *compression) add(b []byte) error {
	sizes, known := s.states[s.l.State.Of(b)]
	if known && sizes == nil {
		return nil
	}
	bufs, err := s.bufs(b)
	if err != nil {
		return err
	}
	compressed, original := s.l.PSize.Of(b)&0xffff, s.l.LSize.Of(b)&0xffff
	if !s.linear {
		compressed, original = uint64(mathbits.Len64(compressed)), uint64(mathbits.Len64(original))
	}
	s.all.add(bufs, compressed, original)
	if known {
		sizes.add(bufs, compressed, original)
	}
	return nil
}

// maxBufs bounds a header's chain of buffers: readers of one block at the same time.
const maxBufs = 1 << 16

// bufs is how many buffers a header has. Releases that do not keep the number have the
// chain.
func (s *compression) bufs(b []byte) (n uint64, err error) {
	if s.l.Bufs.OK() {
		return s.l.Bufs.Of(b), nil
	}
	type layout struct {
		Size uint64       `ctf:"sizeof"`
		Next kernel.Field `ctf:"b_next"`
	}
	for at := s.l.Buf.Of(b); at != 0; n++ {
		if n == maxBufs {
			return 0, fmt.Errorf("arc_buf_t %x is on too long a chain", at)
		}
		l, buf, err := read(s.v, "arc_buf_t", at, func(l *layout) uint64 { return l.Size })
		if err != nil {
			return 0, err
		}
		at = l.Next.Of(buf)
	}
	return n, nil
}

func runCompression(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	s, err := newCompression(c, v)
	if err != nil {
		return err
	}
	var buf []byte
	size := s.l.span()
	err = arcHeaders(c, v, s.l, func(a uint64) (err error) {
		if buf, err = v.Bytes(a, size, buf); err != nil {
			return kernel.BadRead("arc_buf_hdr_t", a, err)
		}
		return s.add(buf)
	})
	if err != nil {
		return fmt.Errorf("can't walk arc_buf_hdr's: %w", err)
	}
	for i, letter := range []byte{'a', 'r', 'f'} {
		if c.Opt(letter) {
			m, _ := v.Symbol("zfs", arcStates[i].symbol)
			s.show(c, s.states[m.Value], false)
		}
	}
	s.show(c, s.all, true)
	return nil
}

// show draws the histograms of a state or, the last, of all.
func (s *compression) show(c *core.Ctx, sizes *bufSizes, last bool) {
	unit := "[2^(n-1)*512, 2^n*512)"
	if s.linear {
		unit = "[n*512, (n+1)*512)"
	}
	counted, of := "Histogram of the number of "+sizes.title+" buffers", sizes.title
	if last {
		counted, of = "Histogram of all buffers", ""
	}
	title := func(kind string) string {
		if last {
			kind = "all " + kind
		} else {
			kind += " " + of
		}
		return fmt.Sprintf("Histogram of %s buffers.\nEach bucket represents buffers of size: %s.\n", kind, unit)
	}
	state := sizes.title
	if last {
		state = "all"
	}
	if c.Opt('b') {
		draw(c, counted+" that are associated with an arc hdr.\n", sizes.bufs, state, "buffers")
		gap(c)
	}
	draw(c, title("compressed"), sizes.compressed, state, "compressed")
	gap(c)
	draw(c, title("uncompressed"), sizes.original, state, "uncompressed")
	if !last {
		gap(c)
	}
}

func gap(c *core.Ctx) {
	if !c.Opts.JSON {
		c.Printf("\n")
	}
}

// draw prints a histogram, or gives its buckets as records.
func draw(c *core.Ctx, title string, buckets []uint64, state, of string) {
	if !c.Opts.JSON {
		c.Printf("%s", title)
		histogram(c, buckets, 0)
		return
	}
	for i, n := range buckets {
		if n != 0 {
			c.Record(func() {}, out.Field{Name: "state", Value: state}, out.Field{Name: "of", Value: of},
				out.Field{Name: "bucket", Value: i}, out.Field{Name: "count", Value: n})
		}
	}
}
