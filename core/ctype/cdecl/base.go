package cdecl

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
)

// Model is a C data model.
type Model int

// The data models.
const (
	ILP32 Model = iota + 1
	LP64
)

// ParseModel reads a model's name as ::typedef -c takes it.
func ParseModel(s string) (Model, error) {
	switch strings.ToUpper(s) {
	case "LP32", "ILP32":
		return ILP32, nil
	case "LP64":
		return LP64, nil
	}
	return 0, fmt.Errorf("invalid data model: %s", s)
}

type baseType struct {
	name string
	enc  ctype.Encoding
}

func signed(bits uint32) ctype.Encoding   { return ctype.Encoding{Signed: true, Bits: bits} }
func unsigned(bits uint32) ctype.Encoding { return ctype.Encoding{Bits: bits} }
func float(k ctype.FloatKind, bits uint32) ctype.Encoding {
	return ctype.Encoding{Signed: true, Float: k, Bits: bits}
}

var char = ctype.Encoding{Signed: true, Char: true, Bits: 8}

// intrinsics are the compiler's own types; long is the width of a long.
func intrinsics(long uint32) []baseType {
	return []baseType{
		{"void", signed(0)},
		{"signed", signed(32)},
		{"unsigned", unsigned(32)},
		{"char", char},
		{"short", signed(16)},
		{"int", signed(32)},
		{"long", signed(long)},
		{"long long", signed(64)},
		{"signed char", char},
		{"signed short", signed(16)},
		{"signed int", signed(32)},
		{"signed long", signed(long)},
		{"signed long long", signed(64)},
		{"unsigned char", ctype.Encoding{Char: true, Bits: 8}},
		{"unsigned short", unsigned(16)},
		{"unsigned int", unsigned(32)},
		{"unsigned long", unsigned(long)},
		{"unsigned long long", unsigned(64)},
		{"_Bool", ctype.Encoding{Bool: true, Bits: 8}},
		{"float", float(ctype.Single, 32)},
		{"double", float(ctype.Double, 64)},
		{"long double", float(ctype.LongDouble, 128)},
		{"float imaginary", float(ctype.Imaginary, 32)},
		{"double imaginary", float(ctype.Imaginary, 64)},
		{"long double imaginary", float(ctype.Imaginary, 128)},
		{"float complex", float(ctype.Complex, 64)},
		{"double complex", float(ctype.Complex, 128)},
		{"long double complex", float(ctype.Complex, 256)},
	}
}

// stdint are the names of <stdint.h> and <sys/types.h>, with what each is an
// alias of in ILP32 and in LP64.
var stdint = [][3]string{
	{"int8_t", "char", "char"},
	{"int16_t", "short", "short"},
	{"int32_t", "int", "int"},
	{"int64_t", "long long", "long"},
	{"intptr_t", "int", "long"},
	{"uint8_t", "unsigned char", "unsigned char"},
	{"uint16_t", "unsigned short", "unsigned short"},
	{"uint32_t", "unsigned", "unsigned"},
	{"uint64_t", "unsigned long long", "unsigned long"},
	{"uchar_t", "unsigned char", "unsigned char"},
	{"ushort_t", "unsigned short", "unsigned short"},
	{"uint_t", "unsigned", "unsigned"},
	{"ulong_t", "unsigned long", "unsigned long"},
	{"u_longlong_t", "unsigned long long", "unsigned long long"},
	{"ptrdiff_t", "int", "long"},
	{"uintptr_t", "unsigned", "unsigned long"},
}

// CreateBase adds the base types of a data model and the stdint names.
func (c *Types) CreateBase(m Model) {
	long := uint32(64)
	if m == ILP32 {
		long = 32
	}
	for _, b := range intrinsics(long) {
		k := ctype.Integer
		if b.enc.Float != ctype.NotFloat {
			k = ctype.Float
		}
		c.make(k, b.name, &ctype.Body{Size: storage(b.enc.Bits), Enc: b.enc})
	}
	for _, d := range stdint {
		c.AddTypedef(d[0], c.names[key{name: d[m]}])
	}
}

// storage is the size of a scalar: its bits in bytes, as a power of two.
func storage(n uint32) uint64 {
	if n == 0 {
		return 0
	}
	return 1 << bits.Len32((n+7)/8-1)
}
