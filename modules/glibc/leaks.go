package glibc

import (
	"encoding/binary"
	"sort"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

var leaksTable = &core.Table{
	Head: "%<u>%12s %8s %?s %s%</u>\n",
	Line: "%12llu %8llu %?p %s\n",
	Pipe: 2,
	Cols: []core.Field{
		{Name: "bytes", Head: "BYTES", Descr: "in all leaks of the group"},
		{Name: "count", Head: "COUNT", Descr: "leaks in the group"},
		{Name: "addr", Head: "FIRST", Descr: "what malloc returned for the first"},
		{Name: "contents", Head: "CONTENTS", Descr: "what they begin with"},
	},
}

// marker searches for what is led to.
type marker struct {
	h      *Heap
	c      *core.Ctx
	marked []uint64 // a bit for each chunk
	stack  []int32
	lo, hi uint64 // bounds of all regions
	words  uint64 // searched
	buf    []byte
	view   mem.Viewer // nil if the memory has to be copied
}

const markBuf = 256 << 10

func newMarker(c *core.Ctx, h *Heap) *marker {
	m := &marker{h: h, c: c, marked: make([]uint64, len(h.chunks)/64+1), buf: make([]byte, markBuf)}
	m.view, _ = h.space.(mem.Viewer)
	if n := len(h.Regions); n > 0 {
		m.lo, m.hi = h.Regions[0].Start, h.Regions[n-1].End
	}
	return m
}

func (m *marker) isMarked(i int) bool { return m.marked[i>>6]>>(i&63)&1 != 0 }

// word takes one word that may be a pointer.
func (m *marker) word(w uint64) {
	if w < m.lo || w >= m.hi {
		return
	}
	_, i := m.h.find(w)
	if i < 0 || m.isMarked(i) {
		return
	}
	if st := stateOf(m.h.chunks[i]); st != InUse && st != Mapped || w < addrOf(m.h.chunks[i])+header {
		return
	}
	m.marked[i>>6] |= 1 << (i & 63)
	m.stack = append(m.stack, int32(i))
}

// scan takes every aligned word of a range. Pages that cannot be read are passed
// over.
func (m *marker) scan(start, end uint64) {
	start = (start + 7) &^ 7
	for at := start; at+8 <= end; {
		if m.c.Err() != nil {
			return
		}
		b, err := m.read(at, int(min(uint64(len(m.buf)), (end-at)&^7)))
		n := len(b) &^ 7
		for b := b[:n]; len(b) >= 8; b = b[8:] {
			if w := binary.LittleEndian.Uint64(b); w-m.lo < m.hi-m.lo {
				m.word(w)
			}
		}
		m.words += uint64(n) / 8
		at += uint64(n)
		if err != nil || n == 0 {
			at = (at + 4096) &^ 4095
		}
	}
}

// read gives up to n bytes, as they lie in the core if that is possible.
func (m *marker) read(at uint64, n int) ([]byte, error) {
	if m.view != nil {
		if b := m.view.View(mem.Addr(at), n); b != nil {
			return b, nil
		}
	}
	n, err := m.h.space.ReadAt(m.buf[:n], mem.Addr(at))
	return m.buf[:n], err
}

// isRoot tells memory in which pointers may stand: what can be written to, and
// data of load objects that was made read-only once it was relocated (RELRO).
func (m *marker) isRoot(mp mem.Mapping) bool {
	if mp.Prot&mem.ProtWrite != 0 {
		return true
	}
	return mp.Prot&mem.ProtExec == 0 && mp.Prot&mem.ProtRead != 0 && m.c.Namespace().ObjectAt(uint64(mp.Base)) != nil
}

// roots takes registers and all memory with pointers that is no chunk.
func (m *marker) roots() {
	cx := m.c.Session.Context()
	if t, ok := core.As[core.Threads](cx); ok {
		if rs, ok := core.As[core.Registers](cx); ok {
			for _, th := range t.Threads() {
				if r, err := rs.Registers(th.ID); err == nil {
					for _, reg := range r.Arch.Registers {
						if v, known := r.Get(reg.Name); known {
							m.word(v)
						}
					}
				}
			}
		}
	}
	for _, mp := range mappings(m.c.Session) {
		if !m.isRoot(mp) {
			continue
		}
		at := uint64(mp.Base)
		for _, r := range m.h.Regions {
			if r.End <= at || r.Start >= uint64(mp.End()) {
				continue
			}
			if r.Start > at {
				m.scan(at, r.Start)
			}
			at = r.End
		}
		if at < uint64(mp.End()) {
			m.scan(at, uint64(mp.End()))
		}
	}
}

// follow takes the contents of every chunk that is led to.
func (m *marker) follow() {
	for len(m.stack) > 0 && m.c.Err() == nil {
		i := int(m.stack[len(m.stack)-1])
		m.stack = m.stack[:len(m.stack)-1]
		r := m.h.region(addrOf(m.h.chunks[i]))
		ch := m.h.chunk(r, i)
		m.scan(ch.User(), ch.User()+ch.Usable())
	}
}

// runLeaks prints the chunks in use that nothing leads to.
func runLeaks(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	h, err := Of(c)
	if err != nil {
		return err
	}
	m := newMarker(c, h)
	m.roots()
	m.follow()
	if c.Err() != nil {
		return core.ErrIntr
	}
	leaks := m.unmarked()
	if c.Opt('v') && !c.PipeOut && !c.Opts.JSON {
		c.Printf("searched %llu words for pointers to %d chunks\n", m.words, len(h.chunks))
	}
	printLeaks(c, h, leaks)
	return nil
}

func (m *marker) unmarked() []Chunk {
	var l []Chunk
	for _, r := range m.h.Regions {
		for i := r.first; i < r.last; i++ {
			if st := stateOf(m.h.chunks[i]); (st == InUse || st == Mapped) && !m.isMarked(i) {
				if ch := m.h.chunk(r, i); !m.h.ownChunk(ch) {
					l = append(l, ch)
				}
			}
		}
	}
	return l
}

// ownChunk tells a chunk that malloc itself allocated: a tcache, to which only
// thread-local storage that may be out of sight leads.
func (h *Heap) ownChunk(c Chunk) bool {
	if c.Size != tcSize+header && c.Size != tcOldSize+header {
		return false
	}
	counts, _, ok := h.tcacheEntries(c)
	if !ok {
		return false
	}
	if h.isTcache(c) {
		return true
	}
	for _, n := range counts {
		if n != 0 {
			return false
		}
	}
	// An empty one is the first chunk of its region.
	r, i := h.at(c.Addr)
	return i == r.first
}

type leakGroup struct {
	size     uint64
	contents string
	count    uint64
	bytes    uint64
	first    uint64
}

func printLeaks(c *core.Ctx, h *Heap, leaks []Chunk) {
	if c.PipeOut || c.Opt('a') {
		for _, l := range leaks {
			c.Row(l.Size, uint64(1), out.Hex(l.User()), h.contents(c, l))
		}
		return
	}
	type key struct {
		size     uint64
		contents string
	}
	groups := map[key]*leakGroup{}
	for _, l := range leaks {
		k := key{l.Size, h.contents(c, l)}
		g := groups[k]
		if g == nil {
			g = &leakGroup{size: l.Size, contents: k.contents, first: l.User()}
			groups[k] = g
		}
		g.count++
		g.bytes += l.Size
	}
	list := make([]*leakGroup, 0, len(groups))
	for _, g := range groups {
		list = append(list, g)
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].bytes != list[j].bytes {
			return list[i].bytes > list[j].bytes
		}
		return list[i].first < list[j].first
	})
	for _, g := range list {
		c.Row(g.bytes, g.count, out.Hex(g.first), g.contents)
	}
}

// contents says what a chunk begins with: the symbol its first word points to,
// such as a vtable, text, a pointer, zeros, or else just data.
func (h *Heap) contents(c *core.Ctx, ch Chunk) string {
	var b [16]byte
	n, _ := h.space.ReadAt(b[:min(uint64(len(b)), ch.Usable())], mem.Addr(ch.User()))
	if n < 8 {
		return "unreadable"
	}
	w := binary.LittleEndian.Uint64(b[:])
	if name, ok := c.SymbolName(w); ok {
		return name
	}
	if _, i := h.find(w); i >= 0 {
		return "pointer into the heap"
	}
	if textPrefix(b[:n]) >= 4 {
		return "text"
	}
	if w == 0 {
		return "zeros"
	}
	return "data"
}

// textPrefix is how many printable bytes b begins with.
func textPrefix(b []byte) int {
	for i, x := range b {
		if (x < ' ' || x > '~') && x != '\t' && x != '\n' {
			return i
		}
	}
	return len(b)
}
