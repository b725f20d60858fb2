package dwarf

import (
	stddwarf "debug/dwarf"
	"errors"
)

// Attributes of GNU call sites that are not in abbrev.go; DWARF 5 has others.
const (
	attrGNUCallSiteTarget attr = 0x2113
	attrGNUTailCall       attr = 0x2115
)

// Call is what is recorded of one call in a function.
type Call struct {
	Params []CallValue
	// Target is the function called; nil if the call is indirect, or of a function
	// in another file. Name is its linkage name, else its name, if any is known.
	Target *Func
	Name   string
	// To computes the address of the callee of an indirect call, in the caller;
	// its Bytes are nil if nothing tells it.
	To     Expr
	Tail   bool   // a jump: the callee returns to the caller's caller
	Return uint64 // address after the call, as in the file; 0 if not recorded
}

// CallParam is what a caller passed, as far as it can still be told after the
// call: the value, in the caller's frame, of what the callee found at Location.
type CallParam struct {
	Location Expr // a register, or a place relative to the callee's CFA
	Value    Expr // evaluated in the caller
}

// CallValue is a CallParam with the parameter it is for.
type CallValue struct {
	CallParam
	// Param is the offset in .debug_info of the parameter's DIE, 0 if unknown. It
	// serves DW_OP_GNU_parameter_ref, for which Location may be empty.
	Param uint64
}

// ErrNoCall is returned for an address that no recorded call returns to.
var ErrNoCall = errors.New("no call recorded at that address")

// Call gives what is recorded of the call that returns to pc.
func (f *Func) Call(pc uint64) (*Call, error) {
	site, err := f.die().callSite(pc, 0)
	switch {
	case err != nil:
		return nil, err
	case site.ab == nil:
		return nil, ErrNoCall
	}
	return site.call(true)
}

// TailCalls lists the calls of a function that are jumps, without parameters.
func (f *Func) TailCalls() ([]*Call, error) {
	var out []*Call
	err := f.die().eachCallSite(0, func(k die) error {
		if !k.isTailCall() {
			return nil
		}
		c, err := k.call(false)
		out = append(out, c)
		return err
	})
	return out, err
}

// AllCalls tells whether every call that is a jump is recorded.
func (f *Func) AllCalls() bool {
	e := f.die()
	return e.flag(stddwarf.AttrCallAllCalls) || e.flag(stddwarf.AttrCallAllTailCalls) || e.flag(attrGNUAllCallSites)
}

func (e die) isTailCall() bool { return e.flag(stddwarf.AttrCallTailCall) || e.flag(attrGNUTailCall) }

// eachCallSite calls f for the call sites in a function, its blocks and what is
// inlined into it.
func (e die) eachCallSite(depth int, f func(die) error) error {
	if depth > maxScopes {
		return nil
	}
	var bad error
	err := e.u.children(e, func(k die) bool {
		switch k.tag() {
		case stddwarf.TagCallSite, tagGNUCallSite:
			bad = f(k)
		case stddwarf.TagLexDwarfBlock, stddwarf.TagInlinedSubroutine:
			bad = k.eachCallSite(depth+1, f)
		}
		return bad == nil
	})
	return errors.Join(err, bad)
}

// call reads a call site.
func (e die) call(params bool) (*Call, error) {
	c := &Call{Tail: e.isTailCall(), Return: e.returnPC()}
	e.callTarget(c)
	if !params {
		return c, nil
	}
	err := e.u.children(e, func(k die) bool {
		if t := k.tag(); t == stddwarf.TagCallSiteParameter || t == tagGNUCallSiteParam {
			if p, ok := k.callValue(); ok {
				c.Params = append(c.Params, p)
			}
		}
		return true
	})
	return c, err
}

// callTarget finds the function a call site names.
func (e die) callTarget(c *Call) {
	for _, at := range [...]attr{stddwarf.AttrCallOrigin, stddwarf.AttrAbstractOrigin} {
		r, ok, err := e.refAttr(at)
		if !ok || err != nil {
			continue
		}
		o, err := e.u.d.dieNear(e.u, r)
		if err != nil {
			return
		}
		b := body{d: o.u.d, at: o.ref(), unit: o.u}
		if c.Name = b.LinkageName(); c.Name == "" {
			c.Name = b.Name()
		}
		if f := newFunc(o); len(f.Ranges) > 0 {
			c.Target = f
		}
		return
	}
	for _, at := range [...]attr{stddwarf.AttrCallTarget, attrGNUCallSiteTarget} {
		if v, ok := e.get(at); ok && v.isBlock() {
			c.To = Expr{v.b, &Unit{e.u}}
		}
	}
}

// callValue reads a call site parameter; ok is false if it has no value.
func (e die) callValue() (p CallValue, ok bool) {
	e.each(func(at attr, v value) bool {
		switch at {
		case stddwarf.AttrLocation:
			if v.isBlock() {
				p.Location = Expr{v.b, &Unit{e.u}}
			}
		case stddwarf.AttrCallValue, attrGNUCallSiteValue:
			p.Value, ok = Expr{v.b, &Unit{e.u}}, v.isBlock()
		case stddwarf.AttrCallParameter, stddwarf.AttrAbstractOrigin:
			if r, err := e.u.ref(v); err == nil && r&inTypes == 0 {
				p.Param = r.offset()
			}
		}
		return true
	})
	return p, ok
}

// Offset is the offset in .debug_info of the variable's DIE, by which call sites
// refer to a parameter.
func (v *Variable) Offset() uint64 { return v.e.ref().offset() }

// Origin is the offset of the DIE that the variable is a copy of, where a function
// was inlined or cloned; its own if it is none.
func (v *Variable) Origin() uint64 {
	e := v.e
	for range maxOrigins {
		o, ok := e.origin()
		if !ok {
			break
		}
		e = o
	}
	return e.ref().offset()
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
