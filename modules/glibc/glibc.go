package glibc

import (
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// Module is the module; it activates for processes with a libc of their own or a
// main_arena in the program.
func Module() *core.Module {
	return &core.Module{
		Name:   "glibc",
		Descr:  "the heap of glibc's malloc",
		Active: active,
		Dcmds: []*core.Dcmd{
			{Name: "malloc_stats", Usage: "?", Descr: "print what malloc's arenas hold", Table: statsTable, Run: runStats,
				Help: "Print for each arena, or the one at the address, the chunks in use and freed and\n" +
					"the memory they take; and for the chunks that were mapped by themselves.\n"},
			{Name: "malloc_check", Descr: "look for corruption in malloc's heap", Run: runCheck,
				Help: "Check sizes, the sizes kept behind freed chunks, and the lists of bins, fastbins\n" +
					"and tcaches. Prints a line for each fault with its address; fails if there is one.\n"},
			{Name: "findleaks", Usage: "[-av]", Descr: "search for memory that nothing points to", Table: leaksTable, Run: runLeaks,
				Help: "Search for chunks in use that no pointer leads to: none in registers, stacks,\n" +
					"data or other chunks that are led to. What looks like a pointer to any byte of a\n" +
					"chunk counts as one, so that what is printed is leaked, but not all leaks are\n" +
					"found. Leaks are grouped by size and by what their contents begin with. A pipe\n" +
					"gets the address of each leaked chunk.\n",
				Opts: []core.Opt{{Letter: 'a', Help: "a line for each chunk"}, {Letter: 'v', Help: "with how much was searched"}}},
		},
		Walkers: []*core.Walker{
			{Name: "malloc_arena", Descr: "walk malloc's arenas", Type: "struct malloc_state", Walk: walkArenas},
			{Name: "malloc_chunk", Descr: "walk headers of malloc's chunks, of all arenas or of one", Addr: core.AddrOptional, Walk: walkChunks(all, 0)},
			{Name: "malloc", Descr: "walk memory allocated by malloc", Addr: core.AddrOptional, Walk: walkChunks(InUse, header)},
			{Name: "freed", Descr: "walk memory freed and kept by malloc in bins", Addr: core.AddrOptional, Walk: walkChunks(Free, header)},
			{Name: "fastbin", Descr: "walk memory freed and kept in fastbins", Addr: core.AddrOptional, Walk: walkChunks(Fast, header)},
			{Name: "tcache", Descr: "walk memory freed and kept in threads' tcaches", Addr: core.AddrOptional, Walk: walkChunks(Cached, header)},
		},
		Whatis: []*core.WhatisSource{{Name: "malloc", Prio: core.WhatisAllocator, NoIDs: true, Run: whatis}},
	}
}

func active(cx *core.Context) bool {
	if _, illumos := cx.System.(*system.IllumosProcess); illumos {
		return false // its libc.so.1 is another
	}
	t, ok := core.As[core.Symbols](cx)
	if _, threads := core.As[core.Threads](cx); !ok || !threads {
		return false
	}
	ns := t.Namespace()
	for _, o := range ns.Objects() {
		if strings.HasPrefix(o.Name, "libc.so") || strings.HasPrefix(o.Name, "libc-2") {
			return true
		}
	}
	_, err := ns.LookupName("", "main_arena")
	return err == nil
}

func walkArenas(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		h, err := Of(c)
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		for _, a := range h.Arenas {
			if !yield(core.Elem{Val: a.Addr}, nil) {
				return
			}
		}
	}
}

// all is no State: walkChunks then yields every chunk.
const all State = 15

// walkChunks walks the chunks of a state; off is added to their addresses. Chunks
// mapped by themselves count as in use.
func walkChunks(want State, off uint64) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		return func(yield func(core.Elem, error) bool) {
			h, err := Of(c)
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			h.All(func(ch Chunk) bool {
				st := ch.State
				if st == Mapped {
					st = InUse
				}
				if want != all && st != want || has && (ch.Arena == nil || ch.Arena.Addr != uint64(start)) {
					return true
				}
				return yield(core.Elem{Val: ch.Addr + off}, nil)
			})
		}
	}
}

// whatis answers for addresses in chunks.
func whatis(c *core.Ctx, w *core.Whatis) error {
	h, err := Of(c)
	if err != nil {
		return nil // a process without a heap has nothing to say
	}
	for _, r := range h.Regions {
		for a := range w.Match(mem.Addr(r.Start), r.End-r.Start) {
			_, i := h.find(uint64(a))
			if i < 0 {
				continue
			}
			ch := h.chunk(r, i)
			from := "mmap"
			if ch.Arena != nil {
				from = "arena " + out.Sprintf(c.OutEnv(), "%a", ch.Arena.Addr)
			}
			base := ch.User()
			if uint64(a) < base {
				base = ch.Addr
			}
			w.ReportObject(a, mem.Addr(base), "%s: chunk %p of %#lx bytes from %s\n", ch.State.String(), ch.Addr, ch.Size, from)
		}
	}
	return nil
}
