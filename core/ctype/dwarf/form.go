package dwarf

import "fmt"

// form is a DW_FORM code (DWARF 5 section 7.5.6).
type form uint16

const (
	formAddr          form = 0x01
	formBlock2        form = 0x03
	formBlock4        form = 0x04
	formData2         form = 0x05
	formData4         form = 0x06
	formData8         form = 0x07
	formString        form = 0x08
	formBlock         form = 0x09
	formBlock1        form = 0x0a
	formData1         form = 0x0b
	formFlag          form = 0x0c
	formSdata         form = 0x0d
	formStrp          form = 0x0e
	formUdata         form = 0x0f
	formRefAddr       form = 0x10
	formRef1          form = 0x11
	formRef2          form = 0x12
	formRef4          form = 0x13
	formRef8          form = 0x14
	formRefUdata      form = 0x15
	formIndirect      form = 0x16
	formSecOffset     form = 0x17
	formExprloc       form = 0x18
	formFlagPresent   form = 0x19
	formStrx          form = 0x1a
	formAddrx         form = 0x1b
	formRefSup4       form = 0x1c
	formStrpSup       form = 0x1d
	formData16        form = 0x1e
	formLineStrp      form = 0x1f
	formRefSig8       form = 0x20
	formImplicitConst form = 0x21
	formLoclistx      form = 0x22
	formRnglistx      form = 0x23
	formRefSup8       form = 0x24
	formStrx1         form = 0x25
	formStrx2         form = 0x26
	formStrx3         form = 0x27
	formStrx4         form = 0x28
	formAddrx1        form = 0x29
	formAddrx2        form = 0x2a
	formAddrx3        form = 0x2b
	formAddrx4        form = 0x2c
	formGNUAddrIndex  form = 0x1f01
	formGNUStrIndex   form = 0x1f02
	formGNURefAlt     form = 0x1f20
	formGNUStrpAlt    form = 0x1f21
)

// encoding is what the sizes of forms depend on, besides the form.
type encoding struct {
	addrSize uint8
	is64     bool
	version  uint16
}

func (e encoding) offsetSize() int {
	if e.is64 {
		return 8
	}
	return 4
}

// refAddrSize is the width of DW_FORM_ref_addr: an address in DWARF 2.
func (e encoding) refAddrSize() int {
	if e.version <= 2 {
		return int(e.addrSize)
	}
	return e.offsetSize()
}

// fixedSize is the size in bytes of a form that has the same size everywhere in
// the unit, or -1.
func (e encoding) fixedSize(f form) int {
	switch f {
	case formFlagPresent, formImplicitConst:
		return 0
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		return 1
	case formData2, formRef2, formStrx2, formAddrx2:
		return 2
	case formStrx3, formAddrx3:
		return 3
	case formData4, formRef4, formRefSup4, formStrx4, formAddrx4:
		return 4
	case formData8, formRef8, formRefSig8, formRefSup8:
		return 8
	case formData16:
		return 16
	case formAddr:
		return int(e.addrSize)
	case formRefAddr:
		return e.refAddrSize()
	case formStrp, formLineStrp, formSecOffset, formStrpSup, formGNURefAlt, formGNUStrpAlt:
		return e.offsetSize()
	}
	return -1
}

// skipForm steps over an attribute's value.
func (e encoding) skipForm(c *cursor, f form) {
	if n := e.fixedSize(f); n >= 0 {
		c.skip(uint64(n))
		return
	}
	switch f {
	case formBlock1:
		c.skip(uint64(c.u8()))
	case formBlock2:
		c.skip(uint64(c.u16()))
	case formBlock4:
		c.skip(uint64(c.u32()))
	case formBlock, formExprloc:
		c.skip(c.uleb())
	case formString:
		c.cstr()
	case formSdata, formUdata, formRefUdata, formStrx, formAddrx, formLoclistx,
		formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		c.uleb()
	case formIndirect:
		g := form(c.uleb())
		if g == formIndirect || g == formImplicitConst {
			c.fail(fmt.Errorf("DW_FORM_indirect to form %#x", uint16(g)))
			return
		}
		e.skipForm(c, g)
	default:
		c.fail(fmt.Errorf("unknown DWARF form %#x", uint16(f)))
	}
}

// value is an attribute's value as it stands in the unit: u holds numbers,
// offsets, indexes and references as written; b blocks and inline strings.
type value struct {
	form form
	u    uint64
	b    []byte
}

// readForm reads an attribute's value.
func (e encoding) readForm(c *cursor, s attrSpec) value {
	f := s.form
	if f == formIndirect {
		f = form(c.uleb())
		if f == formIndirect || f == formImplicitConst {
			c.fail(fmt.Errorf("DW_FORM_indirect to form %#x", uint16(f)))
			return value{}
		}
	}
	v := value{form: f}
	switch f {
	case formFlagPresent:
		v.u = 1
	case formImplicitConst:
		v.u = uint64(s.implicit)
	case formData16:
		v.b = c.take(16)
	case formBlock1:
		v.b = c.take(uint64(c.u8()))
	case formBlock2:
		v.b = c.take(uint64(c.u16()))
	case formBlock4:
		v.b = c.take(uint64(c.u32()))
	case formBlock, formExprloc:
		v.b = c.take(c.uleb())
	case formString:
		v.b = c.cstr()
	case formSdata:
		v.u = uint64(c.sleb())
	case formUdata, formRefUdata, formStrx, formAddrx, formLoclistx,
		formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		v.u = c.uleb()
	default:
		n := e.fixedSize(f)
		if n < 0 {
			c.fail(fmt.Errorf("unknown DWARF form %#x", uint16(f)))
			return v
		}
		v.u = c.uint(n)
	}
	return v
}

// isBlock tells the forms whose value is bytes, not a number.
func (v value) isBlock() bool {
	switch v.form {
	case formBlock, formBlock1, formBlock2, formBlock4, formExprloc:
		return true
	}
	return false
}

// isConst tells the forms of class constant.
func (v value) isConst() bool {
	switch v.form {
	case formData1, formData2, formData4, formData8, formSdata, formUdata, formImplicitConst:
		return true
	}
	return false
}

// isSigned tells a constant that was written as a signed number. The fixed-size
// data forms say nothing of the sign; producers use them for unsigned values.
func (v value) isSigned() bool { return v.form == formSdata || v.form == formImplicitConst }
