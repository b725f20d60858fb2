package dwarf

import (
	"errors"
	"fmt"
)

// This file turns attribute values into what they stand for: strings,
// references and addresses, by the unit's bases.

var errForm = errors.New("attribute has an unexpected form")

// str gives the text of an attribute of class string.
func (u *unit) str(v value) (string, error) {
	d := u.s
	switch v.form {
	case formString:
		return string(v.b), nil
	case formStrp:
		return d.strs.str(v.u)
	case formLineStrp:
		return d.lineStr.str(v.u)
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4, formGNUStrIndex:
		off, err := u.strOffset(v.u)
		if err != nil {
			return "", err
		}
		return d.strs.str(off)
	case formStrpSup, formGNUStrpAlt:
		alt, err := u.d.supplementary()
		if err != nil {
			return "", err
		}
		return alt.strs.str(v.u)
	}
	return "", errForm
}

// strOffset gives entry i of the unit's part of .debug_str_offsets.
func (u *unit) strOffset(i uint64) (uint64, error) {
	return u.d.tableEntry(u.s.strOffsets, u.strOffsetsBase, i, u.enc.offsetSize())
}

// tableEntry reads entry i of a table of numbers of one size.
func (d *Data) tableEntry(s *section, base, i uint64, size int) (uint64, error) {
	if i > 1<<40 || base > 1<<56 {
		return 0, fmt.Errorf("index %#x into section %s: %w", i, s.label(), errShort)
	}
	b, err := s.bytes(base+i*uint64(size), uint64(size))
	if err != nil {
		return 0, err
	}
	c := cursor{b: b, big: d.im.big}
	return c.uint(size), c.err
}

// ref gives what an attribute of class reference points to.
func (u *unit) ref(v value) (ref, error) {
	switch v.form {
	case formRef1, formRef2, formRef4, formRef8, formRefUdata:
		if v.u >= u.size {
			return 0, fmt.Errorf("reference %#x leaves its unit", v.u)
		}
		return u.off + ref(v.u), nil
	case formRefAddr:
		if v.u > uint64(maxRef) {
			return 0, fmt.Errorf("reference %#x leaves .debug_info", v.u)
		}
		if u.split != nil {
			return u.split.base + ref(v.u), nil
		}
		return ref(v.u), nil
	case formRefSig8:
		return u.d.signature(v.u)
	case formGNURefAlt, formRefSup4, formRefSup8:
		if v.u > uint64(maxRef) {
			return 0, fmt.Errorf("reference %#x leaves .debug_info", v.u)
		}
		return ref(v.u) | inAlt, nil
	}
	return 0, errForm
}

// signature finds the type that a type unit describes.
func (d *Data) signature(sig uint64) (ref, error) {
	hs, err := d.headers()
	if err != nil {
		return 0, err
	}
	i, ok := d.sigs[sig]
	if !ok {
		return 0, fmt.Errorf("no type unit with signature %#016x", sig)
	}
	if hs[i].typeOff >= hs[i].size {
		return 0, fmt.Errorf("type unit with signature %#016x: %w", sig, errShort)
	}
	return hs[i].off + ref(hs[i].typeOff), nil
}

// address gives an attribute of class address.
func (u *unit) address(v value) (uint64, error) {
	switch v.form {
	case formAddr:
		return v.u, nil
	case formAddrx, formAddrx1, formAddrx2, formAddrx3, formAddrx4, formGNUAddrIndex:
		return u.addrx(v.u)
	}
	return 0, errForm
}

// addrx gives entry i of the unit's part of .debug_addr.
func (u *unit) addrx(i uint64) (uint64, error) {
	return u.d.tableEntry(u.s.addr, u.addrBase, i, int(u.enc.addrSize))
}
