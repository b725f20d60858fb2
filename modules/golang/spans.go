package golang

import (
	"fmt"
	"sort"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/value"
)

// span is what is read of a runtime.mspan: a run of pages of the heap.
type span struct {
	Addr      uint64
	Start     uint64 `ctf:"startAddr"`
	Pages     uint64 `ctf:"npages"`
	FreeIndex uint64 `ctf:"freeindex"`
	N         uint64 `ctf:"nelems"`
	Bits      uint64 `ctf:"allocBits"`
	Count     uint64 `ctf:"allocCount"`
	Class     uint8  `ctf:"spanclass"`
	State     uint8  `ctf:"state.s.value|state.s|state"`
	ElemSize  uint64 `ctf:"elemsize"`
	SweepGen  uint32 `ctf:"sweepgen,optional"`
	Limit     uint64 `ctf:"limit"`
	LargeType uint64 `ctf:"largeType,optional"` // Go 1.22
}

// States of a span: runtime/mheap.go.
const (
	spanDead   = 0
	spanInUse  = 1
	spanManual = 2
)

// pageSize is that of Go's heap (runtime, _PageSize), bytes.
const pageSize = 8192

func (s *span) state() string {
	switch s.State {
	case spanInUse:
		return "inuse"
	case spanManual:
		return "manual"
	case spanDead:
		return "dead"
	}
	return fmt.Sprintf("state %d", s.State)
}

// noscan tells a span of objects without pointers.
func (s *span) noscan() bool { return s.Class&1 != 0 }

// sizeClass is the size class of its objects; 0 is one large object.
func (s *span) sizeClass() uint8 { return s.Class >> 1 }

func (s *span) size() uint64 { return s.Pages * pageSize }

func (r *goRuntime) spanAt(addr uint64) (*span, error) {
	v, err := r.at(addr, "runtime.mspan")
	if err != nil {
		return nil, err
	}
	s := &span{Addr: addr}
	if err := value.Load(v, s); err != nil {
		return nil, fmt.Errorf("read runtime.mspan at %#x: %w", addr, err)
	}
	if s.Pages > 1<<40/pageSize || s.State > spanManual || s.State == spanInUse && (s.ElemSize == 0 || s.N > s.size()/8) {
		return nil, fmt.Errorf("no span at %#x: %d pages, %d objects of %d bytes, state %d", addr, s.Pages, s.N, s.ElemSize, s.State)
	}
	return s, nil
}

// object finds the object that an address lies in.
func (s *span) object(addr uint64) (index, base uint64, ok bool) {
	if s.State != spanInUse || addr < s.Start || addr >= s.Start+s.size() || s.ElemSize == 0 {
		return 0, 0, false
	}
	index = (addr - s.Start) / s.ElemSize
	return index, s.Start + index*s.ElemSize, index < s.N
}

// allocated tells whether an object is in use: one at or beyond freeindex is by
// its bit in allocBits, as the last collection left it; those before are. A span
// that has not been swept since a collection has garbage among those in use.
func (r *goRuntime) allocated(s *span, index uint64) (bool, error) {
	if index < s.FreeIndex {
		return true, nil
	}
	if s.Bits == 0 {
		return false, fmt.Errorf("span at %#x has no allocBits", s.Addr)
	}
	b, err := r.uintAt(s.Bits+index/8, 1)
	if err != nil {
		return false, fmt.Errorf("read allocBits of the span at %#x: %w", s.Addr, err)
	}
	return b>>(index%8)&1 != 0, nil
}

// spanAddrs gives the addresses of all spans that ever were.
func (r *goRuntime) spanAddrs() ([]uint64, error) {
	v, err := r.global("runtime.mheap_")
	if err != nil {
		return nil, err
	}
	all, err := v.Member("allspans")
	if err != nil {
		return nil, err
	}
	return r.pointers(all)
}

// arenaMap keeps what the lookup of spans by address needs: heapArena by
// heapArena, ascending.
type arenaMap struct {
	arenas []arena
	size   uint64 // of an arena, bytes
}

type arena struct {
	base  uint64 // of its memory
	spans uint64 // VA of the array of *mspan by page
}

// arenas reads the heap's map of arenas: mheap.arenas[l1][l2], an entry of which
// covers as many pages as heapArena.spans has elements. On amd64 entry 0 is the
// lowest of the canonical addresses, 0xffff800000000000 (arenaBaseOffset in
// runtime/malloc.go). mheap.allArenas or heapArenas lists the indices in use.
func (r *goRuntime) arenaMap() (*arenaMap, error) {
	if r.arenas != nil {
		return r.arenas, nil
	}
	heap, err := r.global("runtime.mheap_")
	if err != nil {
		return nil, err
	}
	l1, err := heap.Member("arenas")
	if err != nil {
		return nil, err
	}
	ha, err := r.typeNamed("runtime.heapArena")
	if err != nil {
		return nil, err
	}
	spans, err := ha.FindMember("spans")
	if err != nil {
		return nil, err
	}
	m := &arenaMap{size: spans.Type.Resolve().Count() * pageSize}
	list, err := arenaList(r, heap)
	if err != nil {
		return nil, fmt.Errorf("read list of heap arenas: %w", err)
	}
	// One first-level entry: a pointer to the array of pointers. More of them
	// are Windows'.
	first, err := l1.Index(0)
	if err != nil {
		return nil, err
	}
	l2, err := first.Uint()
	if err != nil {
		return nil, err
	}
	count := first.Base().Elem().Resolve().Count()
	offset := uint64(0)
	if r.s.Arch().Name == "amd64" {
		offset = 0xffff800000000000
	}
	var bad error
	for _, i := range list {
		at, err := uint64(0), error(nil)
		if count != 0 && i >= count {
			err = fmt.Errorf("heap arena %#x is beyond the map of %#x", i, count)
		} else {
			at, err = r.pointer(l2 + i*8)
		}
		if err != nil {
			bad = err
			continue
		}
		if at != 0 {
			m.arenas = append(m.arenas, arena{i*m.size + offset, at + spans.Off/8})
		}
	}
	if len(m.arenas) == 0 && bad != nil {
		return nil, bad
	}
	sort.Slice(m.arenas, func(i, j int) bool { return m.arenas[i].base < m.arenas[j].base })
	r.arenas = m
	return m, nil
}

// arenaList reads the indices of the arenas in use.
func arenaList(r *goRuntime, heap value.Value) ([]uint64, error) {
	var first error
	for _, name := range []string{"heapArenas", "allArenas"} { // Go 1.25, before
		v, err := heap.Member(name)
		if err == nil {
			return r.pointers(v)
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// spanOf finds the span of a heap address; nil if there is none.
func (r *goRuntime) spanOf(addr uint64) (*span, error) {
	m, err := r.arenaMap()
	if err != nil {
		return nil, err
	}
	i := sort.Search(len(m.arenas), func(i int) bool { return m.arenas[i].base > addr })
	if i == 0 || addr-m.arenas[i-1].base >= m.size {
		return nil, nil
	}
	a := m.arenas[i-1]
	at, err := r.pointer(a.spans + (addr-a.base)/pageSize*8)
	if err != nil || at == 0 {
		return nil, err
	}
	s, err := r.spanAt(at)
	if err != nil || s.State == spanDead || addr < s.Start || addr-s.Start >= s.size() {
		return nil, err
	}
	return s, nil
}

const gospansHelp = `List the spans of the Go heap that are in use: the runtime.mspan, where its memory begins,
pages (of 8 KB), the size class (0 is one large object) and whether its objects have
pointers, their size, how many there are and how many are allocated. With an address, the
span that it lies in. Spans whose state is manual hold stacks. Into a pipe go the addresses.

-a         with those that are not in use
-s         a summary by size class
`

func gospansDcmd() *core.Dcmd {
	return &core.Dcmd{
		Name: "gospans", Usage: "?[-as]", Descr: "list the spans of the Go heap", Help: gospansHelp, Type: "runtime.mspan",
		Opts: []core.Opt{{Letter: 'a', Help: "with those that are not in use"}, {Letter: 's', Help: "a summary by size class"}},
		Run:  runGospans,
		Table: &core.Table{
			Head: "%<u>%?s %?s %7s %-6s %5s %-6s %9s %7s %7s%</u>\n", Line: "%?p %?p %7d %-6s %5d %-6s %9d %7d %7d\n", Type: "runtime.mspan",
			Cols: []core.Field{
				{Name: "addr", Head: "ADDR"}, {Name: "start", Head: "START"}, {Name: "pages", Head: "PAGES"}, {Name: "state", Head: "STATE"},
				{Name: "class", Head: "CLASS"}, {Name: "scan", Head: "SCAN"}, {Name: "elemsize", Head: "SIZE"},
				{Name: "objects", Head: "OBJECTS"}, {Name: "allocated", Head: "ALLOC"},
			},
		},
	}
}

func scanWord(s *span) string {
	if s.noscan() {
		return "noscan"
	}
	return "scan"
}

func spanRow(c *core.Ctx, s *span) {
	c.Row(out.Hex(s.Addr), out.Hex(s.Start), s.Pages, s.state(), uint64(s.sizeClass()), scanWord(s), s.ElemSize, s.N, s.Count)
}

func runGospans(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	r, err := runtimeOf(c.Session)
	if err != nil {
		return err
	}
	if c.HasAddr {
		s, err := r.spanOf(c.Addr)
		switch {
		case err != nil:
			return err
		case s == nil:
			return fmt.Errorf("%#x is in no span of the Go heap", c.Addr)
		}
		spanRow(c, s)
		return nil
	}
	list, err := r.spanAddrs()
	if err != nil {
		return err
	}
	var sum spanSummary
	bad := complaints{c: c}
	for i, at := range list {
		if i%1024 == 0 && c.Err() != nil {
			return core.ErrIntr
		}
		s, err := r.spanAt(at)
		if !bad.add(err) {
			break
		}
		switch {
		case err != nil, s.State == spanDead && !c.Opt('a'):
		case c.Opt('s'):
			sum.add(s)
		default:
			spanRow(c, s)
		}
	}
	if c.Opt('s') {
		sum.print(c)
	}
	return bad.result()
}

// spanSummary adds up the spans by class; the last entry is that of stacks.
type spanSummary [257]struct {
	spans, pages, size, objects, allocated uint64
	what                                   string
}

func (t *spanSummary) add(s *span) {
	i := int(s.Class)
	what := scanWord(s)
	if s.State != spanInUse {
		i, what = 256, s.state()
	}
	e := &t[i]
	e.what = what
	e.spans++
	e.pages += s.Pages
	if s.State == spanInUse {
		e.size, e.objects, e.allocated = s.ElemSize, e.objects+s.N, e.allocated+s.Count
	}
	if i < 2 || i == 256 {
		e.size = 0 // of any size
	}
}

func (t *spanSummary) print(c *core.Ctx) {
	if !c.Opts.JSON {
		c.Printf("%<u>%5s %-6s %9s %8s %10s %10s %10s%</u>\n", "CLASS", "SCAN", "SIZE", "SPANS", "PAGES", "OBJECTS", "ALLOC")
	}
	for i := range t {
		e := &t[i]
		if e.spans == 0 {
			continue
		}
		class := uint64(i / 2 % 128)
		c.Record(func() {
			c.Printf("%5d %-6s %9d %8d %10d %10d %10d\n", class, e.what, e.size, e.spans, e.pages, e.objects, e.allocated)
		}, out.Field{Name: "class", Value: class}, out.Field{Name: "scan", Value: e.what}, out.Field{Name: "elemsize", Value: e.size},
			out.Field{Name: "spans", Value: e.spans}, out.Field{Name: "pages", Value: e.pages},
			out.Field{Name: "objects", Value: e.objects}, out.Field{Name: "allocated", Value: e.allocated})
	}
}
