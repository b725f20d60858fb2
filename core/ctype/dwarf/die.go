package dwarf

import (
	stddwarf "debug/dwarf"
	"errors"
	"fmt"
)

// die is a debugging information entry: where it stands and its abbreviation.
// The attributes are decoded as they are asked for.
type die struct {
	u     *unit
	ab    *abbrev // nil: the null entry that ends a list of children
	off   int     // from the unit's header
	attrs int     // offset of the first attribute
	next  int     // offset past the last one
}

func (e die) ref() ref { return e.u.off + ref(e.off) }

func (e die) tag() tag {
	if e.ab == nil {
		return 0
	}
	return e.ab.tag
}

// dieAt reads the DIE at an offset from the unit's header.
func (u *unit) dieAt(off int) (die, error) {
	e := die{u: u, off: off}
	if off < int(u.length) || off >= len(u.data) {
		return e, fmt.Errorf("no debugging information entry at %#x of the unit", off)
	}
	c := cursor{b: u.data, off: off, big: u.d.im.big}
	code := c.uleb()
	e.attrs, e.next = c.off, c.off
	if code == 0 || c.err != nil {
		return e, c.err
	}
	if e.ab = u.tab.get(code); e.ab == nil {
		return e, fmt.Errorf("entry at %#x: unknown abbreviation %d", u.off.offset()+uint64(off), code)
	}
	u.skipAttrs(&c, e.ab)
	e.next = c.off
	if c.err != nil {
		return e, fmt.Errorf("entry at %#x: %w", u.off.offset()+uint64(off), c.err)
	}
	return e, nil
}

func (u *unit) skipAttrs(c *cursor, ab *abbrev) {
	if ab.fixed >= 0 {
		c.skip(uint64(ab.fixed))
		return
	}
	for i := range ab.attrs {
		u.enc.skipForm(c, ab.attrs[i].form)
	}
}

// each calls f for every attribute until it returns false.
func (e die) each(f func(attr, value) bool) {
	if e.ab == nil {
		return
	}
	c := cursor{b: e.u.data, off: e.attrs, big: e.u.d.im.big}
	for i := range e.ab.attrs {
		s := e.ab.attrs[i]
		v := e.u.enc.readForm(&c, s)
		if c.err != nil || !f(s.at, v) {
			return
		}
	}
}

// get gives an attribute.
func (e die) get(at attr) (value, bool) {
	if e.ab == nil {
		return value{}, false
	}
	c := cursor{b: e.u.data, off: e.attrs, big: e.u.d.im.big}
	for i := range e.ab.attrs {
		s := e.ab.attrs[i]
		if s.at == at {
			v := e.u.enc.readForm(&c, s)
			return v, c.err == nil
		}
		e.u.enc.skipForm(&c, s.form)
	}
	return value{}, false
}

// flag tells whether a flag is set.
func (e die) flag(at attr) bool {
	v, ok := e.get(at)
	return ok && v.u != 0
}

// uint gives an attribute of class constant.
func (e die) uint(at attr) (uint64, bool) {
	v, ok := e.get(at)
	if !ok || !v.isConst() {
		return 0, false
	}
	return v.u, true
}

// refAttr gives an attribute of class reference.
func (e die) refAttr(at attr) (ref, bool, error) {
	v, ok := e.get(at)
	if !ok {
		return 0, false, nil
	}
	r, err := e.u.ref(v)
	return r, true, err
}

// name gives DW_AT_name, "" if there is none or it cannot be read.
func (e die) name() string {
	v, ok := e.get(stddwarf.AttrName)
	if !ok {
		return ""
	}
	s, _ := e.u.str(v)
	return s
}

// maxOrigins bounds chains of DW_AT_abstract_origin and DW_AT_specification.
const maxOrigins = 8

// origin gives the DIE that this one completes: its abstract origin or the
// declaration it specifies.
func (e die) origin() (die, bool) {
	for _, at := range [...]attr{stddwarf.AttrAbstractOrigin, stddwarf.AttrSpecification} {
		if r, ok, err := e.refAttr(at); ok && err == nil {
			o, err := e.u.d.dieNear(e.u, r)
			return o, err == nil
		}
	}
	return die{}, false
}

// dieNear is Data.die with a unit to look in first: references seldom leave it.
func (d *Data) dieNear(u *unit, r ref) (die, error) {
	if r < u.off || uint64(r-u.off) >= u.size {
		return d.die(r)
	}
	e, err := u.dieAt(int(r - u.off))
	if err == nil && e.ab == nil {
		err = fmt.Errorf("no debugging information entry at %#x", r.offset())
	}
	return e, err
}

// inherited gives an attribute of the DIE or of those it completes, with the
// DIE that has it (its forms are read in that DIE's unit).
func (e die) inherited(at attr) (die, value, bool) {
	for range maxOrigins {
		if v, ok := e.get(at); ok {
			return e, v, true
		}
		var ok bool
		if e, ok = e.origin(); !ok {
			break
		}
	}
	return die{}, value{}, false
}

// fullName gives DW_AT_name of the DIE or of those it completes.
func (e die) fullName() string {
	at, v, ok := e.inherited(stddwarf.AttrName)
	if !ok {
		return ""
	}
	s, _ := at.u.str(v)
	return s
}

var errSibling = errors.New("DW_AT_sibling does not point forward")

// after gives the offset of what follows a DIE and its children.
func (u *unit) after(e die) (int, error) {
	if !e.ab.children {
		return e.next, nil
	}
	if e.ab.sibling {
		v, _ := e.get(stddwarf.AttrSibling)
		return u.siblingOffset(v, e.next)
	}
	return u.skipTree(e.next)
}

func (u *unit) siblingOffset(v value, next int) (int, error) {
	r, err := u.ref(v)
	if err != nil {
		return 0, err
	}
	if r < u.off+ref(next) || uint64(r-u.off) > u.size {
		return 0, errSibling
	}
	return int(r - u.off), nil
}

// skipTree gives the offset past the null entry that ends the list of children
// which starts at off.
func (u *unit) skipTree(off int) (int, error) {
	c := cursor{b: u.data, off: off, big: u.d.im.big}
	for depth := 1; c.left() > 0; {
		code := c.uleb()
		if code == 0 {
			if depth--; depth == 0 {
				return c.off, c.err
			}
			continue
		}
		ab := u.tab.get(code)
		if ab == nil {
			return 0, fmt.Errorf("unknown abbreviation %d", code)
		}
		start := c.off
		u.skipAttrs(&c, ab)
		if c.err != nil {
			return 0, c.err
		}
		if !ab.children {
			continue
		}
		if ab.sibling {
			v, _ := die{u: u, ab: ab, attrs: start}.get(stddwarf.AttrSibling)
			to, err := u.siblingOffset(v, c.off)
			if err != nil {
				return 0, err
			}
			c.off = to
			continue
		}
		depth++
	}
	return c.off, c.err
}

// children calls f for each child of a DIE until it returns false.
func (u *unit) children(e die, f func(die) bool) error {
	if e.ab == nil || !e.ab.children {
		return nil
	}
	for off := e.next; off < len(u.data); {
		k, err := u.dieAt(off)
		if err != nil {
			return err
		}
		if k.ab == nil || !f(k) {
			return nil
		}
		if off, err = u.after(k); err != nil {
			return fmt.Errorf("entry at %#x: %w", k.ref().offset(), err)
		}
	}
	return nil
}

// firstOf is the first error of a walk: one in each of a million entries would
// not say more.
func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
