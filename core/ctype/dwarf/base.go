package dwarf

import (
	stddwarf "debug/dwarf"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
)

// Encodings of base types (DWARF 5 section 7.8).
const (
	ateAddress        = 0x01
	ateBoolean        = 0x02
	ateComplexFloat   = 0x03
	ateFloat          = 0x04
	ateSigned         = 0x05
	ateSignedChar     = 0x06
	ateUnsigned       = 0x07
	ateUnsignedChar   = 0x08
	ateImaginaryFloat = 0x09
	ateSignedFixed    = 0x0d
	ateDecimalFloat   = 0x0f
	ateUTF            = 0x10
	ateUCS            = 0x11
	ateASCII          = 0x12
)

// baseType makes the type of a DW_TAG_base_type.
func (d *Data) baseType(e die) *ctype.Type {
	id := uint64(e.ref())
	size, _ := e.uint(stddwarf.AttrByteSize)
	bits, sized := e.uint(stddwarf.AttrBitSize)
	if !sized {
		bits = 8 * size
	}
	if size == 0 {
		size = (bits + 7) / 8
	}
	name := ctype.CanonicalBase(e.name())
	if size > 1<<16 || bits > 8*size {
		return d.unknown(e.ref(), errForm)
	}
	enc := ctype.Encoding{Bits: uint32(bits)}
	kind := ctype.Integer
	ate, _ := e.uint(stddwarf.AttrEncoding)
	switch ate {
	case ateBoolean:
		enc.Bool = true
	case ateSigned, ateSignedFixed:
		enc.Signed = true
	case ateSignedChar:
		enc.Signed, enc.Char = true, true
	case ateUnsignedChar, ateUTF, ateUCS, ateASCII:
		enc.Char = true
	case ateFloat:
		kind, enc.Float = ctype.Float, floatKind(size, name)
		enc.Signed = true
	case ateComplexFloat:
		kind, enc.Float = ctype.Float, ctype.Complex
	case ateImaginaryFloat:
		kind, enc.Float = ctype.Float, ctype.Imaginary
	case ateDecimalFloat:
		kind = ctype.Float // in no format that xmdb knows
	}
	return ctype.New(d, id, kind, name, &ctype.Body{Size: size, Enc: enc})
}

// floatKind tells the format of a binary float from its size: DWARF does not
// record it. Where two formats have the size of long double (x87 and binary128
// on amd64), the compilers' names tell them apart, and only long double is known.
func floatKind(size uint64, name string) ctype.FloatKind {
	switch {
	case size == 4:
		return ctype.Single
	case size == 8:
		return ctype.Double
	case size >= 10 && !strings.Contains(name, "loat128"):
		return ctype.LongDouble
	}
	return ctype.NotFloat
}
