package genunix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// containerDcmds are the commands of hash tables of modules.
func containerDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "modhash", Usage: "?[-ceht] [-k key] [-v val] [-i index]", Descr: "display information about one or all mod_hash structures", Type: "mod_hash_t", Run: noArgs(runModhash), Opts: []core.Opt{
			{Letter: 'c', Help: "of the elements only the heads of chains"}, {Letter: 'e', Help: "print the elements"}, {Letter: 'h', Help: "indices of chains instead of addresses"},
			{Letter: 't', Help: "the types of the keys, in place of the limits"}, {Letter: 's', Help: "a summary"},
			{Letter: 'k', Kind: core.Uint, Arg: "key", Help: "of the elements only those of this key"}, {Letter: 'v', Kind: core.Uint, Arg: "val", Help: "of the elements only those of this value"},
			{Letter: 'i', Kind: core.Uint, Arg: "index", Help: "of the elements only those of this chain"}}},
		{Name: "modent", Usage: ":[-k | -v | -t type]", Descr: "display information about one element of a mod_hash", Type: "struct mod_hash_entry", Run: noArgs(needAddr(runModent)), Opts: []core.Opt{
			{Letter: 'k', Help: "only the key"}, {Letter: 'v', Help: "only the value"}, {Letter: 't', Kind: core.Str, Arg: "type", Help: "the key as a str, a ptr or an id"}}},
	}
}

// containerWalkers are the walkers of lists, trees and hash tables.
func containerWalkers() []*core.Walker {
	of := func(name, descr, typ string, walk func(v *view, at uint64) seq2) *core.Walker {
		return &core.Walker{Name: name, Descr: descr, Addr: core.AddrRequired, Type: typ, Walk: func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			if typ == "" {
				return func(yield func(core.Elem, error) bool) {
					for a, err := range walk(v, uint64(at)) {
						if !yield(core.Elem{Val: a}, err) {
							return
						}
					}
				}
			}
			return v.elems(typ, walk(v, uint64(at)))
		}}
	}
	return []*core.Walker{
		of("list", "walk linked list", "", func(v *view, at uint64) seq2 { return v.listOf("list element", at) }),
		of("avl", "walk AVL tree", "", func(v *view, at uint64) seq2 { return v.treeOf("AVL node", at) }),
		of("refhash", "walk hash of objects with reference counts", "", func(v *view, at uint64) seq2 {
			l, err := v.ref("refhash_t", at, "rh_objs")
			if err != nil {
				return noWalk[uint64](err)
			}
			return v.listOf("refhash object", l)
		}),
		of("modent", "walk list of entries in a given mod_hash", "struct mod_hash_entry", func(v *view, at uint64) seq2 {
			return func(yield func(uint64, error) bool) {
				for e, err := range v.modents(at) {
					if !yield(e.addr, err) || err != nil {
						return
					}
				}
			}
		}),
		of("modchain", "walk list of entries in a given mod_hash_entry chain", "struct mod_hash_entry", func(v *view, at uint64) seq2 {
			return v.chain("mod_hash_entry", "struct mod_hash_entry", "mhe_next", at)
		}),
		{Name: "modhash", Descr: "walk list of mod_hash structures", Addr: core.AddrOptional, Type: "mod_hash_t", Walk: func(c *core.Ctx, at mem.Addr, has bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			walk := func(first uint64) seq2 { return v.chain("mod_hash_t", "mod_hash_t", "mh_next", first) }
			if has {
				return v.elems("mod_hash_t", walk(uint64(at)))
			}
			return v.elems("mod_hash_t", v.from("genunix", "mh_head", walk))
		}},
	}
}

// modEnt is an element of a hash table and where it is in it.
type modEnt struct {
	addr, first uint64
	index, pos  int
}

// modents goes through the elements of a table.
func (v *view) modents(at uint64) iter.Seq2[modEnt, error] {
	return func(yield func(modEnt, error) bool) {
		n, err := v.member("mod_hash_t", "mh_nchains", at)
		var first uint64
		if err == nil {
			first, err = v.ref("mod_hash_t", at, "mh_entries")
		}
		switch {
		case err != nil:
			yield(modEnt{}, badRead("mod_hash_t", at, err))
			return
		case n < 1 || n > maxList:
			yield(modEnt{}, fmt.Errorf("impossible number of chains in mod_hash_t at %x", at))
			return
		}
		heads, err := v.pointers(first, n)
		if err != nil {
			yield(modEnt{}, fmt.Errorf("failed to read %#x mod_hash_entry pointers at %x", n, first))
			return
		}
		for i, head := range heads {
			pos := 0
			for e, err := range v.chain("mod_hash_entry", "struct mod_hash_entry", "mhe_next", head) {
				if !yield(modEnt{e, head, i, pos}, err) || err != nil {
					return
				}
				pos++
			}
		}
	}
}

// modHash is what is shown of a mod_hash_t.
type modHash struct {
	Name   uint64 `ctf:"mh_name"`
	Sleep  int64  `ctf:"mh_sleep"`
	Chains uint64 `ctf:"mh_nchains"`
	Cmp    uint64 `ctf:"mh_keycmp"`
	Hit    uint64 `ctf:"mh_stat.mhs_hit"`
	Miss   uint64 `ctf:"mh_stat.mhs_miss"`
	Coll   uint64 `ctf:"mh_stat.mhs_coll"`
	Elems  uint64 `ctf:"mh_stat.mhs_nelems"`
	Nomem  uint64 `ctf:"mh_stat.mhs_nomem"`
}

// keyTypes are the types of keys by the functions that compare them.
var keyTypes = map[string]string{"mod_hash_strkey_cmp": "str", "mod_hash_ptrkey_cmp": "ptr", "mod_hash_idkey_cmp": "id"}

// runModhash is ::modhash.
func runModhash(c *core.Ctx) error {
	v := viewOf(c)
	elem := c.Opt('c') || c.Opt('h') || c.Opt('k') || c.Opt('v') || c.Opt('i')
	switch {
	case !c.HasAddr && (elem || c.Opt('e')):
		c.Warnf("printing elements from all hashes is not permitted")
		return core.ErrUsage
	case c.Opt('e') && (c.Opt('s') || c.Opt('t')):
		c.Warnf("hash summary options not permitted when displaying elements")
		return core.ErrUsage
	case elem && !c.Opt('e'):
		c.Warnf("printing elements requires -e")
		return core.ErrUsage
	case c.HasAddr:
		return v.modhash(c, c.Addr, c.Opt('s'), c.Header())
	}
	head := !c.PipeOut
	for at, err := range v.from("genunix", "mh_head", func(first uint64) seq2 { return v.chain("mod_hash_t", "mod_hash_t", "mh_next", first) }) {
		if err != nil {
			return err
		}
		if c.PipeOut {
			c.Emit(at, v.typeOrNil("mod_hash_t"))
		} else if err := v.modhash(c, at, true, head); err != nil {
			return err
		}
		head = false
	}
	return nil
}

// modhash prints a table: a line of it, all of it, or its elements.
func (v *view) modhash(c *core.Ctx, at uint64, short, head bool) error {
	var h modHash
	if err := v.load("mod_hash_t", at, &h); err != nil {
		return badRead("mod_hash_t", at, err)
	}
	cmp := ""
	if m, err := c.Session.Namespace().LookupAddr(h.Cmp, 0); err == nil && m.Value == h.Cmp {
		cmp = m.Name
	}
	kind := keyTypes[cmp]
	if c.Opt('e') {
		return v.modelems(c, at, &h, kind)
	}
	name, err := v.text(h.Name, 256)
	if err != nil {
		name = "??"
	}
	longest := modEnt{pos: -1}
	var broken error
	for e, err := range v.modents(at) {
		if err != nil {
			broken = err
			break
		}
		if e.pos > longest.pos {
			longest = e
		}
	}
	types := c.Opt('t')
	if short && head && !c.Opts.JSON {
		if types {
			c.Printf("%<u>%?s %6s %5s %?s %s%</u>\n", "ADDR", "CHAINS", "ELEMS", "TYPE", "NAME")
		} else {
			c.Printf("%<u>%?s %6s %5s %6s %6s %s%</u>\n", "ADDR", "CHAINS", "ELEMS", "MAXLEN", "MAXIDX", "NAME")
		}
	}
	c.Record(func() {
		switch {
		case !short:
			c.Printf("mod_hash_t %?p %s:\n\tKey comparator: %?p %s\n\tType: %s\n", at, name, h.Cmp, cmp, orUnknown(kind))
			c.Printf("\tSleep flag = %s, alloc failed = %#x\n\tNumber of chains = %#x, elements = %#x\n\tHits = %#x, misses = %#x, dups = %#x\n",
				fmt.Sprint(h.Sleep != 0), h.Nomem, h.Chains, h.Elems, h.Hit, h.Miss, h.Coll)
			c.Printf("\tMaximum chain length = %x (at index %x, first entry %p)\n", longest.pos+1, longest.index, longest.first)
		case types:
			if kind == "" {
				kind = fmt.Sprintf("%x", h.Cmp)
			}
			c.Printf("%?p %6x %5x %?s %s\n", at, h.Chains, h.Elems, kind, name)
		default:
			c.Printf("%?p %6x %5x %6x %6x %s\n", at, h.Chains, h.Elems, longest.pos+1, longest.index, name)
		}
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "name", Value: name}, out.Field{Name: "type", Value: orUnknown(kind)}, out.Field{Name: "chains", Value: h.Chains},
		out.Field{Name: "elements", Value: h.Elems}, out.Field{Name: "longest", Value: longest.pos + 1}, out.Field{Name: "longestIndex", Value: longest.index})
	return broken
}

func orUnknown(kind string) string {
	if kind == "" {
		return "unknown"
	}
	return kind
}

// modelems prints the elements of a table that the options want.
func (v *view) modelems(c *core.Ctx, at uint64, h *modHash, kind string) error {
	key, byKey := c.OptUint('k')
	val, byVal := c.OptUint('v')
	index, byIndex := c.OptUint('i')
	if byIndex && index >= h.Chains {
		return fmt.Errorf("mod_hash chain index %x out of range 0..%x", index, h.Chains-1)
	}
	head := !c.PipeOut
	for e, err := range v.modents(at) {
		if err != nil {
			return err
		}
		m, err := v.modent(e.addr)
		if err != nil {
			return err
		}
		if byIndex && uint64(e.index) != index || byKey && m.Key != key || byVal && m.Val != val || c.Opt('c') && e.pos != 0 {
			continue
		}
		if c.PipeOut {
			c.Emit(e.addr, v.typeOrNil("struct mod_hash_entry"))
			continue
		}
		v.printModent(c, e, m, kind, head)
		head = false
	}
	return nil
}

type modEntry struct {
	Key uint64 `ctf:"mhe_key"`
	Val uint64 `ctf:"mhe_val"`
}

func (v *view) modent(at uint64) (m modEntry, err error) {
	if err = v.load("struct mod_hash_entry", at, &m); err != nil {
		err = badRead("mod_hash_entry", at, err)
	}
	return m, err
}

func (v *view) printModent(c *core.Ctx, e modEnt, m modEntry, kind string, head bool) {
	byIndex := c.Opt('h') && c.Opt('e')
	if head && !c.Opts.JSON {
		title := "ADDR"
		if byIndex {
			title = "HASH_IDX"
		}
		c.Printf("%<u>%?s %?s %?s%</u>\n", title, "VAL", "KEY")
	}
	c.Record(func() {
		if byIndex {
			c.Printf("%?x", e.index)
		} else {
			c.Printf("%?p", e.addr)
		}
		c.Printf(" %?p %s\n", m.Val, v.keyText(c, m.Key, kind))
	}, out.Field{Name: "addr", Value: out.Addr(e.addr)}, out.Field{Name: "index", Value: e.index}, out.Field{Name: "value", Value: out.Hex(m.Val)}, out.Field{Name: "key", Value: out.Hex(m.Key)})
}

// keyText is a key as its type is shown.
func (v *view) keyText(c *core.Ctx, key uint64, kind string) string {
	text := fmt.Sprintf("%16x", key)
	switch kind {
	case "str":
		s, _ := v.text(key, 239)
		text += " " + s
	case "ptr":
		text += " "
		if m, err := c.Session.Namespace().LookupAddr(key, 0); err == nil && m.Value == key {
			text += m.Name
		}
	case "id":
		text = fmt.Sprintf("%16x", uint32(key))
	}
	return text
}

// runModent is ::modent.
func runModent(c *core.Ctx) error {
	v := viewOf(c)
	kind, typed := c.OptStr('t')
	switch {
	case c.Opt('k') && c.Opt('v') || typed && (c.Opt('k') || c.Opt('v')):
		return core.ErrUsage
	case typed && kind != "str" && kind != "ptr" && kind != "id":
		return fmt.Errorf("unknown hash type %s", kind)
	}
	m, err := v.modent(c.Addr)
	switch {
	case err != nil:
		return err
	case c.Opt('k'):
		emitAddr(c, m.Key, "void")
	case c.Opt('v'):
		emitAddr(c, m.Val, "void")
	default:
		v.printModent(c, modEnt{addr: c.Addr}, m, kind, c.Header())
	}
	return nil
}
