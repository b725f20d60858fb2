package lua

import (
	"debug/elf"
	"errors"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core/sym"
)

func (st *state) symbolFunctions() map[string]glua.LGFunction {
	return map[string]glua.LGFunction{
		"lookup":  st.lookup,
		"symbol":  st.symbolAt,
		"objects": st.objects,
		"symbols": st.symbols,
		"name": func(L *glua.LState) int { // name(addr): "libc.so.6`read+0x10", else hex
			a := checkAddr(L, 1)
			s, ok := st.s.SymbolName(a)
			if !ok {
				s = integer{v: a}.String()
			}
			L.Push(glua.LString(s))
			return 1
		},
	}
}

// lookupSymbol finds a symbol by name, which may be "object`name".
func (st *state) lookupSymbol(L *glua.LState, name string) sym.Match {
	m, err := st.find(name)
	if err != nil {
		L.RaiseError("%s: %s", name, err.Error())
	}
	return m
}

func (st *state) find(name string) (m sym.Match, err error) {
	object := ""
	if i := strings.LastIndexByte(name, '`'); i >= 0 {
		object, name = name[:i], name[i+1:]
	}
	st.apart(func() { m, err = st.s.Namespace().LookupName(object, name) })
	return m, err
}

// lookup is mdb.lookup(name): a symbol, or nil if there is none.
func (st *state) lookup(L *glua.LState) int {
	m, err := st.find(L.CheckString(1))
	switch {
	case errors.Is(err, sym.ErrNoSymbol), errors.Is(err, sym.ErrNoObject), errors.Is(err, sym.ErrNoLMID):
		L.Push(glua.LNil)
	case err != nil:
		L.RaiseError("%s", err.Error())
	default:
		L.Push(st.symbolTable(L, m))
	}
	return 1
}

// symbolAt is mdb.symbol(addr [, exact]): the symbol that addr lies in, and how
// far.
func (st *state) symbolAt(L *glua.LState) int {
	a := checkAddr(L, 1)
	m, err := st.s.Namespace().LookupAddr(a, st.s.Opts.SymDist)
	if err != nil || L.ToBool(2) && m.Value != a {
		L.Push(glua.LNil)
		return 1
	}
	L.Push(st.symbolTable(L, m))
	L.Push(glua.LNumber(a - m.Value))
	return 2
}

var symbolKinds = map[elf.SymType]string{
	elf.STT_NOTYPE: "notype", elf.STT_OBJECT: "object", elf.STT_FUNC: "func", elf.STT_SECTION: "section",
	elf.STT_FILE: "file", elf.STT_COMMON: "common", elf.STT_TLS: "tls",
}

var symbolBinds = map[elf.SymBind]string{elf.STB_LOCAL: "local", elf.STB_GLOBAL: "global", elf.STB_WEAK: "weak"}

// symbolTable describes a symbol: name, addr, size, kind, bind, object.
func (st *state) symbolTable(L *glua.LState, m sym.Match) *glua.LTable {
	t := L.CreateTable(0, 6)
	t.RawSetString("name", glua.LString(m.Name))
	t.RawSetString("addr", st.unsigned(m.Value))
	t.RawSetString("size", glua.LNumber(m.Size))
	t.RawSetString("kind", glua.LString(symbolKinds[m.Type()]))
	t.RawSetString("bind", glua.LString(symbolBinds[m.Bind()]))
	if m.Object != nil {
		t.RawSetString("object", glua.LString(m.Object.Name))
	}
	return t
}

// objects is mdb.objects(): the load objects in load order.
func (st *state) objects(L *glua.LState) int {
	list := L.NewTable()
	for _, o := range st.s.Namespace().Objects() {
		t := L.CreateTable(0, 5)
		t.RawSetString("name", glua.LString(o.Name))
		t.RawSetString("path", glua.LString(o.Path))
		t.RawSetString("base", st.unsigned(o.Base))
		t.RawSetString("size", st.unsigned(o.Size))
		t.RawSetString("main", glua.LBool(o.Main))
		list.Append(t)
	}
	L.Push(list)
	return 1
}

// symbols is mdb.symbols(object [, "dynsym"]): an iterator over the symbols of an
// object.
func (st *state) symbols(L *glua.LState) int {
	o, err := st.s.Namespace().Object(L.CheckString(1))
	check(L, err)
	kind := sym.Symtab
	if L.OptString(2, "symtab") == "dynsym" {
		kind = sym.Dynsym
	}
	tab := o.Table(kind)
	if tab == nil {
		L.RaiseError("%s has no such symbol table", o.Name)
	}
	var all []sym.Symbol
	for s := range tab.All() {
		all = append(all, s)
	}
	threadOf(L).charge(L, 64*len(all))
	i := 0
	L.Push(L.NewFunction(func(L *glua.LState) int {
		if i >= len(all) {
			L.Push(glua.LNil)
			return 1
		}
		L.Push(st.symbolTable(L, sym.Match{Symbol: all[i], Object: o, Kind: kind}))
		i++
		return 1
	}))
	return 1
}
