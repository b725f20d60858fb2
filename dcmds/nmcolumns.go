package dcmds

import (
	"cmp"
	"debug/elf"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/sym"
)

// The columns of ::nm: what each shows of a symbol, and the words for its numbers.

// nmColumn is a column of ::nm.
type nmColumn struct {
	name string // of -f
	head string // text of the header
	wide func(n *nm) int
	cell func(n *nm, r *nmRow) string
}

// nmRow is a symbol to list.
type nmRow struct {
	sym.Symbol
	object *sym.Object // nil for private symbols
	label  string      // printed in the column obj
	title  string      // printed in the column name, if it is not the name
}

// nmColumns in the order in which they are printed.
var nmColumns = []nmColumn{
	{"ndx", "Index", fixed(5), func(n *nm, r *nmRow) string { return fmt.Sprintf("%5d", r.Index) }},
	{"obj", "Object", fixed(15), func(n *nm, r *nmRow) string { return fmt.Sprintf("%-15s", r.label) }},
	{"val", "Value", (*nm).width, func(n *nm, r *nmRow) string { return n.number(r.Value) }},
	{"sz", "Size", (*nm).width, func(n *nm, r *nmRow) string { return n.number(r.Size) }},
	{"type", "Type", fixed(5), func(n *nm, r *nmRow) string { return fmt.Sprintf("%-5s", symType(r.Type())) }},
	{"bind", "Bind", fixed(5), func(n *nm, r *nmRow) string { return fmt.Sprintf("%-5s", symBind(r.Bind())) }},
	{"oth", "Other", fixed(5), func(n *nm, r *nmRow) string { return n.other(r.Other) }},
	{"shndx", "Shndx", fixed(8), func(n *nm, r *nmRow) string { return fmt.Sprintf("%-8s", symSection(r.Section)) }},
	{"ctfid", "CTF ID", fixed(9), (*nm).typeID},
	{"ctype", "C Type", fixed(50), func(n *nm, r *nmRow) string { return fmt.Sprintf("%-50s", n.ctype(r)) }},
	{"name", "Name", fixed(0), func(n *nm, r *nmRow) string { return cmp.Or(r.title, r.Name) }},
}

func fixed(n int) func(*nm) int { return func(*nm) int { return n } }

var nmTypes = []struct {
	name string
	typ  elf.SymType
}{
	{"noty", elf.STT_NOTYPE}, {"objt", elf.STT_OBJECT}, {"func", elf.STT_FUNC}, {"sect", elf.STT_SECTION},
	{"file", elf.STT_FILE}, {"comm", elf.STT_COMMON}, {"tls", elf.STT_TLS}, {"regi", 13},
}

func symType(t elf.SymType) string {
	for _, n := range nmTypes {
		if n.typ == t {
			return strings.ToUpper(n.name)
		}
	}
	return "?"
}

func symBind(b elf.SymBind) string {
	switch b {
	case elf.STB_LOCAL:
		return "LOCL"
	case elf.STB_GLOBAL:
		return "GLOB"
	case elf.STB_WEAK:
		return "WEAK"
	}
	return "?"
}

func symSection(n uint16) string {
	switch elf.SectionIndex(n) {
	case elf.SHN_UNDEF:
		return "UNDEF"
	case elf.SHN_ABS:
		return "ABS"
	case elf.SHN_COMMON:
		return "COMMON"
	}
	return fmt.Sprint(n)
}

func (n *nm) width() int {
	ptr := n.c.Arch().PtrSize
	switch n.base {
	case 10:
		return map[int]int{8: 20, 4: 10}[ptr]
	case 8:
		return map[int]int{8: 22, 4: 11}[ptr]
	}
	return 2 + 2*ptr
}

func (n *nm) number(v uint64) string {
	switch n.base {
	case 10:
		return fmt.Sprintf("%-*d", n.width(), v)
	case 8:
		return fmt.Sprintf("%-*o", n.width(), v)
	}
	return fmt.Sprintf("0x%0*x", n.width()-2, v)
}

func (n *nm) other(v byte) string {
	switch n.base {
	case 10:
		return fmt.Sprintf("%-5d", v)
	case 8:
		return fmt.Sprintf("%-5o", v)
	}
	return fmt.Sprintf("0x%-3x", v)
}

// symbolType is the type of a symbol, nil if it is not known.
func (n *nm) symbolType(r *nmRow) *ctype.Type {
	types, ok := core.As[core.Types](n.c.Session.Context())
	if !ok || r.object == nil {
		return nil
	}
	scope, seen := n.scope[r.object]
	if !seen {
		scope = types.TypeScope(r.object)
		n.scope[r.object] = scope
	}
	typer, ok := scope.(ctype.SymbolTyper)
	if !ok {
		return nil
	}
	t, err := typer.SymbolType(r.Name, r.Value-r.object.Bias, r.Index)
	if err != nil {
		return nil
	}
	return t
}

func (n *nm) typeID(r *nmRow) string {
	if t := n.symbolType(r); t != nil && t.Kind() != ctype.Function {
		return fmt.Sprintf("%-9d", t.ID())
	}
	return fmt.Sprintf("%9s", "")
}

func (n *nm) ctype(r *nmRow) string {
	t := n.symbolType(r)
	switch {
	case t == nil:
		return "<unknown type>"
	case t.Kind() == ctype.Function:
		return signature(t)
	}
	return t.String()
}

// signature writes a function type as that of a pointer to it.
func signature(t *ctype.Type) string {
	result := "void"
	if e := t.Elem(); e != nil {
		result = e.String()
	}
	var args []string
	for _, p := range t.Body().Params {
		args = append(args, p.Type.String())
	}
	if t.Body().Variadic {
		args = append(args, "...")
	}
	if len(args) == 0 {
		args = []string{"void"}
	}
	return result + " (*)(" + strings.Join(args, ", ") + ")"
}
