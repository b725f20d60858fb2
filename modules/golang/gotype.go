package golang

import (
	"github.com/xmdb/xmdb/core/ctype"
)

// kind is the kind of a Go type, with the numbers of internal/abi.Kind, which
// have not changed since Go 1.
type kind uint8

const (
	kindInvalid kind = iota
	kindBool
	kindInt
	kindInt8
	kindInt16
	kindInt32
	kindInt64
	kindUint
	kindUint8
	kindUint16
	kindUint32
	kindUint64
	kindUintptr
	kindFloat32
	kindFloat64
	kindComplex64
	kindComplex128
	kindArray
	kindChan
	kindFunc
	kindInterface
	kindMap
	kindPointer
	kindSlice
	kindString
	kindStruct
	kindUnsafePointer
	kindEnd
)

var kindNames = [kindEnd]string{
	"invalid", "bool", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr",
	"float32", "float64", "complex64", "complex128", "array", "chan", "func", "interface", "map", "ptr", "slice", "string",
	"struct", "unsafe.Pointer",
}

func (k kind) String() string {
	if k < kindEnd {
		return kindNames[k]
	}
	return kindNames[0]
}

func (k kind) signed() bool   { return kindInt <= k && k <= kindInt64 }
func (k kind) unsigned() bool { return kindUint <= k && k <= kindUintptr }

// goType is a Go type as far as printing a value needs it, made of debug data or
// of the type data that the program has of itself at run time.
type goType struct {
	name   string
	kind   kind
	size   uint64 // bytes
	elem   *goType
	key    *goType // of a map
	n      uint64  // elements of an array
	fields []goField
	// methods tells an interface with methods, whose first word is an itab.
	methods bool
	// direct tells that an interface holds a value of the type itself where of
	// others it holds a pointer.
	direct bool
	// group is, of a map, the structure that its slots lie in: of Go 1.24 and
	// later a group with ctrl and slots, before a bucket with tophash, keys,
	// values and overflow.
	group *goType

	addr  uint64      // of the run-time type data, 0 if it is not known
	c     *ctype.Type // debug data it was made of, nil if it was not
	fill  func()      // sets elem, key, fields, group: what may lead back to the type
	bad   error       // why fill could not
	named bool        // declared with a name
}

// goField is a field of a structure.
type goField struct {
	name     string
	off      uint64 // bytes
	typ      *goType
	embedded bool
}

// open fills in what a type is made of.
func (t *goType) open() *goType {
	if f := t.fill; f != nil {
		t.fill = nil
		f()
	}
	return t
}

// field finds the first field that has one of the names.
func (t *goType) field(names ...string) (goField, bool) {
	for _, f := range t.open().fields {
		for _, n := range names {
			if f.name == n {
				return f, true
			}
		}
	}
	return goField{}, false
}

// typeTable keeps the types that have been made, so that a type that contains
// itself is made once.
type typeTable struct {
	r       *goRuntime
	debug   map[*ctype.Type]*goType
	runtime map[uint64]*goType
}

// maxTypes bounds a typeTable; what a corrupt program leads to is not kept for
// ever.
const maxTypes = 1 << 18

func (t *typeTable) init(r *goRuntime) {
	t.r, t.debug, t.runtime = r, map[*ctype.Type]*goType{}, map[uint64]*goType{}
}
