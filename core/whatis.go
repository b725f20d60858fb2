package core

import (
	"sort"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Priorities of ::whatis sources.
const (
	WhatisEarly     = 10
	WhatisAllocator = 20
	WhatisLate      = 30
	WhatisMappings  = 100 // the mappings come last
)

// WhatisSource answers what an address is. Run looks at its objects and reports
// those that hold a wanted address.
type WhatisSource struct {
	Name   string
	Prio   int
	IDs    bool // runs only with -i
	NoIDs  bool // never runs with -i
	Run    func(c *Ctx, w *Whatis) error
	Module *Module
}

// Whatis is one search: the addresses still wanted and how to report them.
type Whatis struct {
	Bufctl, IDSpace, Quiet, Verbose, All bool

	c     *Ctx
	want  []uint64 // ascending if Sorted
	found []bool
	left  int
	keep  bool
}

// NewWhatis begins a search for addrs. keep searches in the order given.
func NewWhatis(c *Ctx, addrs []uint64, keep bool) *Whatis {
	w := &Whatis{c: c, want: append([]uint64(nil), addrs...), keep: keep}
	if !keep {
		sort.Slice(w.want, func(i, j int) bool { return w.want[i] < w.want[j] })
	}
	w.found = make([]bool, len(w.want))
	w.left = len(w.want)
	return w
}

// Done tells that every address was found and the search may stop.
func (w *Whatis) Done() bool { return w.left == 0 && !w.All }

// Overlaps tells whether a wanted address lies in [base, base+size).
func (w *Whatis) Overlaps(base mem.Addr, size uint64) bool {
	for range w.Match(base, size) {
		return true
	}
	return false
}

// Match yields the wanted addresses in [base, base+size) that are not yet
// answered (all of them with -a).
func (w *Whatis) Match(base mem.Addr, size uint64) func(yield func(mem.Addr) bool) {
	return func(yield func(mem.Addr) bool) {
		i := 0
		if !w.keep {
			i = sort.Search(len(w.want), func(i int) bool { return w.want[i] >= uint64(base) })
		}
		for ; i < len(w.want); i++ {
			in := w.want[i] >= uint64(base) && w.want[i]-uint64(base) < size
			if !in && !w.keep {
				return
			}
			if in && (w.All || !w.found[i]) && !yield(mem.Addr(w.want[i])) {
				return
			}
		}
	}
}

// Unknown yields the addresses without an answer.
func (w *Whatis) Unknown() []uint64 {
	var l []uint64
	for i, a := range w.want {
		if !w.found[i] {
			l = append(l, a)
		}
	}
	return l
}

// ReportObject answers "addr is base+off, " and the text that format gives. A
// text that ends in a newline ends the answer.
func (w *Whatis) ReportObject(addr, base mem.Addr, format string, args ...any) {
	w.answer(addr, base, format, args, func() {
		if addr == base {
			w.c.Printf("%p is ", uint64(addr))
		} else {
			w.c.Printf("%p is %p+%p, ", uint64(addr), uint64(base), uint64(addr-base))
		}
	})
}

// ReportWithin answers as ReportAddress does; base, where what the address lies
// in begins, is in the record only.
func (w *Whatis) ReportWithin(addr, base mem.Addr, format string, args ...any) {
	w.answer(addr, base, format, args, func() { w.c.Printf("%p is ", uint64(addr)) })
}

// answer yields one answer: as text what lead prints and the text of format.
func (w *Whatis) answer(addr, base mem.Addr, format string, args []any, lead func()) {
	w.mark(addr)
	text := strings.TrimSuffix(out.Sprintf(w.c.OutEnv(), format, args...), "\n")
	w.c.Record(func() { lead(); w.c.Printf(format, args...) },
		out.Field{Name: "addr", Value: out.Addr(addr)}, out.Field{Name: "base", Value: out.Addr(base)},
		out.Field{Name: "offset", Value: uint64(addr - base)}, out.Field{Name: "text", Value: text})
}

// ReportAddress answers "addr is " and the text that format gives.
func (w *Whatis) ReportAddress(addr mem.Addr, format string, args ...any) {
	w.ReportWithin(addr, addr, format, args...)
}

func (w *Whatis) mark(addr mem.Addr) {
	for i, a := range w.want {
		if a == uint64(addr) && !w.found[i] {
			w.found[i] = true
			w.left--
		}
	}
}
