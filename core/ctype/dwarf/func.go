package dwarf

import (
	stddwarf "debug/dwarf"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
)

// isFunction tells a function's own DIE from those of its calls and types.
func (e die) isFunction() bool { return e.tag() == stddwarf.TagSubprogram }

// body is what a function and an inlined copy of one have in common.
type body struct {
	d    *Data
	at   ref
	unit *unit
	// Ranges are the addresses of its code, as in the file.
	Ranges []Range
}

// Func is a function with code of its own.
type Func struct {
	body
}

// Inlined is a function whose code the compiler put into another's.
type Inlined struct {
	body
	// CallFile, CallLine and CallColumn are where it is called; the line is 0 if
	// the debug information does not say.
	CallFile   string
	CallLine   int
	CallColumn int
}

// Function finds the function that contains an address of the file (the load
// bias is not in it). ErrNoFunction if there is none.
func (d *Data) Function(pc uint64) (*Func, error) {
	var f *Func
	err := d.unitsAt(pc, func(u *unit) bool {
		if e, ok := u.code().functionAt(pc); ok {
			f = newFunc(e)
		}
		return f == nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("find function: %w", err)
	case f == nil:
		return nil, ErrNoFunction
	}
	return f, nil
}

func newFunc(e die) *Func {
	rs, _ := e.ranges()
	return &Func{body{d: e.u.d, at: e.ref(), unit: e.u, Ranges: rs}}
}

// Functions finds the functions of a name, which may be qualified: all static
// functions "init", or "ns::f".
func (d *Data) Functions(name string) ([]*Func, error) {
	x, err := d.names(d.context())
	if err != nil {
		return nil, err
	}
	leaf := leafName(name)
	var out []*Func
	for _, c := range x.find(hashName(hashStart, leaf), func(c class) bool { return c&classMask == classFunction }) {
		e, err := d.die(c.ref())
		if err == nil && e.isFunction() && (e.fullName() == name || e.qualifiedName() == name) {
			out = append(out, newFunc(e))
		}
	}
	return out, nil
}

// entry reads the DIE again; it was read before.
func (b *body) die() die {
	e, err := b.unit.dieAt(int(b.at - b.unit.off))
	if err != nil {
		return die{u: b.unit}
	}
	return e
}

// Name is the function's name in its language, with its scopes: "ns::C::f".
func (b *body) Name() string { return b.die().qualifiedName() }

// LinkageName is the mangled name, "" if it is not mangled.
func (b *body) LinkageName() string {
	e := b.die()
	for _, at := range [...]attr{stddwarf.AttrLinkageName, attrMIPSLinkageName} {
		if in, v, ok := e.inherited(at); ok {
			s, _ := in.u.str(v)
			return s
		}
	}
	return ""
}

// Unit is the unit that describes the function.
func (b *body) Unit() *Unit { return &Unit{b.unit} }

// Result is the type of what the function returns; nil is void.
func (b *body) Result() *ctype.Type { return b.die().typeOf() }

// Decl is where the function is declared; line is 0 if it is not known.
func (b *body) Decl() (file string, line int) { return b.die().decl() }

// Type is the function's type.
func (f *Func) Type() *ctype.Type { return f.d.typeAt(f.unit, f.at) }

// Entry is the address at which the function is entered.
func (f *Func) Entry() uint64 {
	e := f.die()
	if v, ok := e.get(stddwarf.AttrEntrypc); ok && !v.isConst() {
		if a, err := f.unit.address(v); err == nil {
			return a
		}
	}
	if len(f.Ranges) == 0 {
		return 0
	}
	return f.Ranges[0].Lo
}

// External tells a function that other units can call by its name.
func (f *Func) External() bool {
	_, v, ok := f.die().inherited(stddwarf.AttrExternal)
	return ok && v.u != 0
}

// FrameBase is the expression for the function's frame base at pc, which the
// locations of its variables may refer to (DW_OP_fbreg).
func (f *Func) FrameBase(pc uint64) (Expr, error) {
	return f.die().expr(stddwarf.AttrFrameBase, pc)
}

// Inlines lists the inlined functions that contain pc, the innermost first: pc's
// own line is in the first, which is called at its CallFile and CallLine by the
// second, and the last one by f.
func (f *Func) Inlines(pc uint64) ([]*Inlined, error) {
	var chain []*Inlined
	e := f.die()
	for depth := 0; depth < maxScopes; depth++ {
		in, err := e.blockAt(pc, 0, func(k die) bool { return k.tag() == stddwarf.TagInlinedSubroutine })
		if err != nil {
			return chain, err
		}
		if in.ab == nil {
			break
		}
		rs, _ := in.ranges()
		n := &Inlined{body: body{d: f.d, at: in.ref(), unit: in.u, Ranges: rs}}
		line, _ := in.uint(stddwarf.AttrCallLine)
		column, _ := in.uint(stddwarf.AttrCallColumn)
		n.CallLine, n.CallColumn = int(line), int(column)
		if v, ok := in.uint(stddwarf.AttrCallFile); ok {
			n.CallFile = in.u.fileName(v)
		}
		chain = append([]*Inlined{n}, chain...)
		e = in
	}
	return chain, nil
}

// blockAt finds the first DIE that want accepts among the children of e that
// contain pc, and those of its lexical blocks.
func (e die) blockAt(pc uint64, depth int, want func(die) bool) (found die, err error) {
	if depth > maxScopes {
		return found, nil
	}
	var inner error
	err = e.u.children(e, func(k die) bool {
		t := k.tag()
		if t != stddwarf.TagLexDwarfBlock && t != stddwarf.TagInlinedSubroutine {
			return true
		}
		rs, err := k.ranges()
		if err != nil {
			inner = err
			return true
		}
		if !inRanges(rs, pc) {
			return true
		}
		if want(k) {
			found = k
		} else if t == stddwarf.TagLexDwarfBlock {
			found, inner = k.blockAt(pc, depth+1, want)
		}
		return found.ab == nil
	})
	if err == nil && found.ab == nil {
		err = inner
	}
	return found, err
}

// decl gives DW_AT_decl_file and DW_AT_decl_line.
func (e die) decl() (file string, line int) {
	in, v, ok := e.inherited(stddwarf.AttrDeclLine)
	if !ok || !v.isConst() {
		return "", 0
	}
	line = int(v.u)
	if in, v, ok = e.inherited(stddwarf.AttrDeclFile); ok && v.isConst() {
		file = in.u.fileName(v.u)
	}
	return file, line
}
