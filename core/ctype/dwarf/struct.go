package dwarf

import (
	stddwarf "debug/dwarf"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
)

// fillStruct reads the members of a struct, class or union. Member functions,
// static members and nested types are no members.
func fillStruct(e die) (*ctype.Body, error) {
	b := &ctype.Body{}
	b.Size, _ = e.uint(stddwarf.AttrByteSize)
	var bad error
	err := e.u.children(e, func(m die) bool {
		switch m.tag() {
		case stddwarf.TagMember, stddwarf.TagInheritance:
			mem, ok, err := m.member()
			if err != nil {
				bad = firstOf(bad, err)
			} else if ok {
				b.Members = append(b.Members, mem)
			}
			if len(b.Members) >= maxMembers {
				bad = firstOf(bad, errors.New("too many members"))
				return false
			}
		case stddwarf.TagVariantPart:
			v, err := m.variants(b.Size)
			if err != nil {
				bad = firstOf(bad, err)
			} else if b.Variants == nil {
				b.Variants = v
			}
		}
		return true
	})
	return b, firstOf(bad, err)
}

// maxMembers bounds the members of a structure.
const maxMembers = 1 << 18

// maxOffset bounds the offset of a member, bytes.
const maxOffset = 1 << 56

// member reads a DW_TAG_member or DW_TAG_inheritance of a structure. ok is false
// for static members and for virtual bases, whose place only the object itself
// tells.
func (e die) member() (m ctype.Member, ok bool, err error) {
	var bytePos, storage, bitOff, bitSize, bitPos uint64
	var hasPos, hasStorage, hasBitOff, hasBitPos, static, virtual bool
	e.each(func(at attr, v value) bool {
		switch at {
		case stddwarf.AttrDataMemberLoc:
			hasPos = true
			bytePos, err = e.u.memberOffset(v)
		case stddwarf.AttrByteSize:
			storage, hasStorage = v.u, v.isConst()
		case stddwarf.AttrBitOffset:
			bitOff, hasBitOff = v.u, v.isConst()
		case stddwarf.AttrDataBitOffset:
			bitPos, hasBitPos = v.u, v.isConst()
		case stddwarf.AttrBitSize:
			bitSize = v.u
		case stddwarf.AttrExternal, stddwarf.AttrDeclaration:
			static = static || v.u != 0
		case stddwarf.AttrVirtuality:
			virtual = v.u != 0
		}
		return true
	})
	m.Base = e.tag() == stddwarf.TagInheritance
	if m.Base && virtual || static && !hasPos && !hasBitPos {
		return m, false, nil
	}
	m.Name = e.name()
	switch {
	case err != nil:
		return m, false, fmt.Errorf("member %s: %w", m.Name, err)
	case bytePos > maxOffset || bitPos > 8*maxOffset || bitSize > 1<<16 || storage > maxOffset:
		return m, false, fmt.Errorf("member %s: impossible offset or size", m.Name)
	}
	m.Type, m.Bits = e.typeOf(), uint32(bitSize)
	switch {
	case hasBitPos:
		m.Off = 8*bytePos + bitPos
	case hasBitOff && bitSize != 0:
		if !hasStorage {
			storage = m.Type.Size()
		}
		if m.Off, err = oldBitOffset(bytePos, storage, bitOff, bitSize, e.u.d.im.big); err != nil {
			return m, false, fmt.Errorf("member %s: %w", m.Name, err)
		}
	default:
		m.Off = 8 * bytePos
	}
	return m, true, nil
}

// oldBitOffset places a bit-field as DWARF 2 and 3 describe it: in a storage
// unit of so many bytes at bytePos, bitOff bits from its most significant bit.
// The result counts from the start of the structure, on a little-endian
// machine from the least significant bit. The storage unit may begin before or
// end behind the structure, and bitOff may be negative: GCC writes both for
// packed bit-fields.
func oldBitOffset(bytePos, storage, bitOff, bitSize uint64, big bool) (uint64, error) {
	pos := int64(8*bytePos) + int64(bitOff)
	if !big {
		pos = int64(8*bytePos) + int64(8*storage) - int64(bitOff) - int64(bitSize)
	}
	if pos < 0 || int64(bitOff) > 1<<32 || int64(bitOff) < -1<<32 {
		return 0, errors.New("impossible bit offset")
	}
	return uint64(pos), nil
}

var errMemberExpr = errors.New("its offset is computed at run time")

// memberOffset decodes DW_AT_data_member_location: a number or, in DWARF 2, an
// expression that adds one.
func (u *unit) memberOffset(v value) (uint64, error) {
	if !v.isBlock() {
		if !v.isConst() && v.form != formSecOffset {
			return 0, errForm
		}
		return v.u, nil
	}
	c := cursor{b: v.b, big: u.d.im.big}
	var n uint64
	switch c.u8() {
	case opPlusUconst:
		n = c.uleb()
	case opConstu:
		if n = c.uleb(); c.u8() != opPlus {
			return 0, errMemberExpr
		}
	default:
		return 0, errMemberExpr
	}
	if c.err != nil || c.left() != 0 {
		return 0, errMemberExpr
	}
	return n, nil
}

// variants reads a DW_TAG_variant_part.
func (e die) variants(whole uint64) (*ctype.Variants, error) {
	v := &ctype.Variants{}
	mask := ^uint64(0)
	if r, ok, err := e.refAttr(stddwarf.AttrDiscr); ok {
		if err != nil {
			return nil, err
		}
		t, err := e.u.d.dieNear(e.u, r)
		if err != nil {
			return nil, err
		}
		m, ok, err := t.member()
		if err != nil || !ok {
			return nil, firstOf(err, errors.New("variant part without a discriminant"))
		}
		v.Tag = &m
		if n := m.Type.Size(); n < 8 {
			mask = 1<<(8*n) - 1
		}
	}
	var bad error
	err := e.u.children(e, func(k die) bool {
		if k.tag() != stddwarf.TagVariant {
			return true
		}
		a, err := k.alternative(whole, mask)
		if err != nil {
			bad = err
			return false
		}
		v.Alts = append(v.Alts, a)
		return true
	})
	return v, firstOf(bad, err)
}

// alternative reads a DW_TAG_variant. Several members become one of anonymous
// structure type.
func (e die) alternative(whole, mask uint64) (a ctype.Alt, err error) {
	var members []ctype.Member
	err = e.u.children(e, func(k die) bool {
		if k.tag() == stddwarf.TagMember {
			if m, ok, _ := k.member(); ok {
				members = append(members, m)
			}
		}
		return true
	})
	if len(members) == 1 {
		a.Member = members[0]
	} else {
		a.Member.Type = ctype.New(e.u.d, uint64(e.ref()), ctype.Struct, "",
			&ctype.Body{Size: whole, Members: members})
	}
	if v, ok := e.get(stddwarf.AttrDiscrValue); ok && v.isConst() {
		a.Values = append(a.Values, [2]uint64{v.u & mask, v.u & mask})
		return a, err
	} else if ok {
		return a, errors.New("discriminant is wider than 64 bits")
	}
	v, ok := e.get(stddwarf.AttrDiscrList)
	if !ok {
		a.Default = true
		return a, err
	}
	// A list of DW_DSC_label value, DW_DSC_range low high.
	c := cursor{b: v.b, big: e.u.d.im.big}
	for c.left() > 0 {
		kind := c.u8()
		lo := c.uleb()
		hi := lo
		if kind == 1 {
			hi = c.uleb()
		}
		a.Values = append(a.Values, [2]uint64{lo & mask, hi & mask})
	}
	return a, firstOf(err, c.err)
}
