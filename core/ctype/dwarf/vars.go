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

// CallParam is what a caller passed, as far as it can still be told after the
// call: the value, in the caller's frame, of what the callee found at Location.
type CallParam struct {
	Location Expr // a register, or a place relative to the callee's CFA
	Value    Expr // evaluated in the caller
}

// CallSite lists what the call that returns to pc passed. It serves
// DW_OP_entry_value in the callee. Nothing recorded gives no parameters.
func (f *Func) CallSite(pc uint64) ([]CallParam, error) {
	site, err := f.die().callSite(pc, 0)
	if err != nil || site.ab == nil {
		return nil, err
	}
	var out []CallParam
	err = site.u.children(site, func(k die) bool {
		if t := k.tag(); t != stddwarf.TagCallSiteParameter && t != tagGNUCallSiteParam {
			return true
		}
		var p CallParam
		var hasLoc, hasValue bool
		k.each(func(at attr, v value) bool {
			switch at {
			case stddwarf.AttrLocation:
				p.Location, hasLoc = Expr{v.b, &Unit{k.u}}, v.isBlock()
			case stddwarf.AttrCallValue, attrGNUCallSiteValue:
				p.Value, hasValue = Expr{v.b, &Unit{k.u}}, v.isBlock()
			}
			return true
		})
		if hasLoc && hasValue {
			out = append(out, p)
		}
		return true
	})
	return out, err
}

// callSite finds the DIE of the call that returns to pc.
func (e die) callSite(pc uint64, depth int) (found die, err error) {
	if depth > maxScopes {
		return found, nil
	}
	var inner error
	err = e.u.children(e, func(k die) bool {
		switch k.tag() {
		case stddwarf.TagCallSite, tagGNUCallSite:
			if k.returnPC() == pc {
				found = k
			}
		case stddwarf.TagLexDwarfBlock, stddwarf.TagInlinedSubroutine:
			if rs, err := k.ranges(); err == nil && inRanges(rs, pc-1) {
				found, inner = k.callSite(pc, depth+1)
			}
		}
		return found.ab == nil
	})
	if err == nil && found.ab == nil {
		err = inner
	}
	return found, err
}

// returnPC is the address a call returns to, 0 if it is not recorded. GNU call
// sites have it in DW_AT_low_pc.
func (e die) returnPC() uint64 {
	for _, at := range [...]attr{stddwarf.AttrCallReturnPC, stddwarf.AttrLowpc} {
		if v, ok := e.get(at); ok {
			a, err := e.u.address(v)
			if err == nil {
				return a
			}
		}
	}
	return 0
}
