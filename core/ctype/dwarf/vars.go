package dwarf

import (
	stddwarf "debug/dwarf"

	"github.com/xmdb/xmdb/core/ctype"
)

// Variable is a parameter or local variable of a function, or a global one.
type Variable struct {
	Name       string
	Type       *ctype.Type
	Param      bool
	Artificial bool // made by the compiler: "this"
	// Depth tells how many blocks of the function surround the variable: one
	// with a greater Depth hides others of the same name.
	Depth int

	e die
}

// Decl is where the variable is declared; line is 0 if it is not known.
func (v *Variable) Decl() (file string, line int) { return v.e.decl() }

// Unit is the unit that describes the variable.
func (v *Variable) Unit() *Unit { return &Unit{v.e.u} }

// Location is the expression that tells where the variable is at pc.
// ErrOptimisedOut if it is nowhere; it may still have a Const.
func (v *Variable) Location(pc uint64) (Expr, error) {
	return v.e.expr(stddwarf.AttrLocation, pc)
}

// Const is the value of a variable that is a constant, as it would be in memory.
// ErrOptimisedOut if it is none.
func (v *Variable) Const() ([]byte, error) {
	in, val, ok := v.e.inherited(stddwarf.AttrConstValue)
	switch {
	case !ok:
		return nil, ErrOptimisedOut
	case val.isBlock() || val.form == formData16:
		return val.b, nil
	case val.isConst():
		n := v.Type.Size()
		if n == 0 || n > 64 {
			n = 8
		}
		b := make([]byte, n)
		fillInt(b, val.u, val.isSigned(), in.u.d.im.big)
		return b, nil
	}
	s, err := in.u.str(val)
	if err != nil {
		return nil, err
	}
	return append([]byte(s), 0), nil
}

// fillInt stores an integer in as many bytes as there are, extended as it is
// signed or not.
func fillInt(b []byte, v uint64, signed, big bool) {
	ext := byte(0)
	if signed && int64(v) < 0 {
		ext = 0xff
	}
	for i := range b {
		x := ext
		if i < 8 {
			x = byte(v >> (8 * i))
		}
		if big {
			b[len(b)-1-i] = x
		} else {
			b[i] = x
		}
	}
}

// Params lists the parameters in order.
func (b *body) Params() ([]Variable, error) {
	var out []Variable
	e := b.die()
	err := e.u.children(e, func(k die) bool {
		if k.tag() == stddwarf.TagFormalParameter {
			out = append(out, k.variable(0))
		}
		return true
	})
	return out, err
}

// Locals lists the variables of the blocks that contain pc, those of the
// innermost block first, without the parameters. Variables of functions inlined
// there are in their own Locals.
func (b *body) Locals(pc uint64) ([]Variable, error) {
	return b.die().locals(pc, 0)
}

func (e die) locals(pc uint64, depth int) ([]Variable, error) {
	if depth > maxScopes {
		return nil, nil
	}
	var own, inner []Variable
	var bad error
	err := e.u.children(e, func(k die) bool {
		switch k.tag() {
		case stddwarf.TagVariable:
			if !k.isExtern() {
				own = append(own, k.variable(depth))
			}
		case stddwarf.TagLexDwarfBlock:
			rs, err := k.ranges()
			if err != nil {
				bad = firstOf(bad, err)
				return true
			}
			// A block without code of its own is there for its variables.
			if len(rs) == 0 || inRanges(rs, pc) {
				vs, err := k.locals(pc, depth+1)
				inner = append(inner, vs...)
				bad = firstOf(bad, err)
			}
		}
		return true
	})
	return append(inner, own...), firstOf(err, bad)
}

// isExtern tells the declaration of a variable that is defined elsewhere.
func (e die) isExtern() bool { return e.flag(stddwarf.AttrDeclaration) }

func (e die) variable(depth int) Variable {
	_, art, _ := e.inherited(stddwarf.AttrArtificial)
	return Variable{
		Name: e.fullName(), Type: e.typeOf(), Depth: depth, e: e,
		Param: e.tag() == stddwarf.TagFormalParameter, Artificial: art.u != 0,
	}
}
