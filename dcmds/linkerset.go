package dcmds

import (
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
)

// A linker set is an array of pointers which the linker has gathered in a section
// set_NAME, as BSD kernels and illumos's bhyve use it. The linker defines
// __start_set_NAME and __stop_set_NAME at its ends.
type linkerSet struct {
	name       string
	start, end uint64
}

const startOfSet, endOfSet = "__start_set_", "__stop_set_"

// linkerSets gives the sets of all load objects, each name once.
func linkerSets(s *core.Session) []linkerSet {
	var list []linkerSet
	known := map[string]bool{}
	for _, o := range s.Namespace().Objects() {
		for y := range o.Table(sym.Symtab).All() {
			name, ok := strings.CutPrefix(y.Name, startOfSet)
			if !ok || name == "" || known[name] {
				continue
			}
			if end, err := s.Namespace().LookupName("", endOfSet+name); err == nil && end.Value >= y.Value {
				known[name] = true
				list = append(list, linkerSet{name, y.Value, end.Value})
			}
		}
	}
	return tableOrder(list, func(l linkerSet) string { return l.name })
}

// items yields the pointers of the set.
func (l linkerSet) items(c *core.Ctx) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		size := c.Arch().PtrSize
		for a := l.start; a+uint64(size) <= l.end; a += uint64(size) {
			v, err := mem.ReadUint(c.Space(), mem.Addr(a), size, c.Arch().Order)
			if !yield(core.Elem{Val: v}, err) || err != nil {
				return
			}
		}
	}
}

// itemSize is the size of the objects in the set by the type of the first one.
func (l linkerSet) itemSize(c *core.Ctx) (uint64, bool) {
	for e, err := range l.items(c) {
		if err != nil {
			break
		}
		m, err := c.SymbolAt(e.Val)
		if err != nil {
			break
		}
		t, err := c.DataType(m)
		if err != nil {
			break
		}
		return t.Size(), t.Size() > 0
	}
	return 0, false
}

func linkersetDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "linkerset", Usage: "?[set]", Descr: "list linkersets or the objects of one",
		Help: "Without a name, list the linker sets: arrays of pointers to objects which the\n" +
			"linker has gathered from all parts of the program. The size of an object is ?\n" +
			"when its type is not known. With a name, print the addresses of the objects.\n",
		Complete: completeLinkerset,
		Run:      runLinkerset,
	}}
}

func linkersetWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "linkersets", Descr: "walk all linker sets", Walk: func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			return func(yield func(core.Elem, error) bool) {
				for _, l := range linkerSets(c.Session) {
					if !yield(core.Elem{Val: l.start}, nil) {
						return
					}
				}
			}
		}},
		{Name: "linkerset", Descr: "walk the objects of a linker set", Addr: core.AddrRequired,
			Walk: func(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
				for _, l := range linkerSets(c.Session) {
					if l.start == uint64(start) {
						return l.items(c)
					}
				}
				return func(yield func(core.Elem, error) bool) { yield(core.Elem{}, sym.ErrNoSymbol) }
			}},
	}
}

func runLinkerset(c *core.Ctx) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].IsImm {
		return core.ErrUsage
	}
	sets := linkerSets(c.Session)
	if len(c.Args) == 0 {
		return listLinkersets(c, sets)
	}
	for _, l := range sets {
		if l.name != c.Args[0].Str {
			continue
		}
		for e, err := range l.items(c) {
			if err != nil {
				return c.Warn(err, "failed to read linkerset")
			}
			if c.PipeOut {
				c.Emit(e.Val, nil)
			} else {
				c.Record(func() { c.Printf("%lr\n", e.Val) }, namedField("addr", out.Addr(e.Val)))
			}
		}
		return nil
	}
	return c.Warn(sym.ErrNoSymbol, "Failed to get address of linkerset")
}

func listLinkersets(c *core.Ctx, sets []linkerSet) error {
	if c.PipeOut {
		for _, l := range sets {
			c.Emit(l.start, nil)
		}
		return nil
	}
	if c.Header() && !c.Opts.JSON {
		c.Printf("%<b>%<u>%-20s %-8s %-9s%</u>%</b>\n", "NAME", "ITEMSIZE", "ITEMCOUNT")
	}
	for _, l := range sets {
		count := (l.end - l.start) / uint64(c.Arch().PtrSize)
		size, known := l.itemSize(c)
		text, value := "?", any(nil)
		if known {
			text, value = c.P.Sprintf("%#r", size), size
		}
		c.Record(func() { c.Printf("%-20s %8s %9u\n", l.name, text, uint32(count)) },
			namedField("name", l.name), namedField("itemsize", value), namedField("itemcount", count),
			namedField("addr", out.Addr(l.start)))
	}
	return nil
}

func completeLinkerset(s *core.Session, args []string, word string) []core.Candidate {
	var list []core.Candidate
	for _, l := range linkerSets(s) {
		if len(args) == 0 && strings.HasPrefix(l.name, word) {
			list = append(list, core.Candidate{Text: l.name, Descr: "linker set"})
		}
	}
	return list
}
