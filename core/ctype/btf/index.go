package btf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"unsafe"
)

// Kinds of BTF (include/uapi/linux/btf.h).
const (
	kindInt       = 1
	kindPtr       = 2
	kindArray     = 3
	kindStruct    = 4
	kindUnion     = 5
	kindEnum      = 6
	kindFwd       = 7
	kindTypedef   = 8
	kindVolatile  = 9
	kindConst     = 10
	kindRestrict  = 11
	kindFunc      = 12
	kindFuncProto = 13
	kindVar       = 14
	kindDatasec   = 15
	kindFloat     = 16
	kindDeclTag   = 17
	kindTypeTag   = 18
	kindEnum64    = 19
)

const (
	headerSize = 24
	typeSize   = 12 // struct btf_type
	btfMagic   = 0xeb9f

	// Of the word info of a struct btf_type: how many members there are, and the kind. A
	// kernel before 7.2 has 16 and 5 bits of them, with zeros above.
	maskLen   = 0xffffff
	kindShift = 24
	maskKind  = 0x7f

	// A header of this size has a section that tells of each kind how long its types are
	// (struct btf_layout, since 7.2): 4 bytes, the first two the size of what follows once
	// and of what follows vlen times.
	layoutHeader = 32
	layoutSize   = 4

	// maxTypes bounds the types of a blob: a kernel with everything built in has some
	// 200,000.
	maxTypes = 1 << 20
	// maxText bounds a name, bytes.
	maxText = 4096
)

// sizeOf is the size of a type with its header; ok is false for a kind of which nothing
// tells.
func (x *index) sizeOf(kind uint32, n int) (size int, ok bool) {
	if kind == 0 {
		return 0, false
	}
	if kind <= kindEnum64 {
		return typeSize + extraSize(kind) + n*memberSize(kind), true
	}
	at := int(kind) * layoutSize
	if at+layoutSize > len(x.layout) {
		return 0, false
	}
	return typeSize + int(x.layout[at]) + n*int(x.layout[at+1]), true
}

// extraSize is the size of what follows the header of a kind once.
func extraSize(kind uint32) int {
	switch kind {
	case kindInt, kindVar, kindDeclTag:
		return 4
	case kindArray:
		return 12
	}
	return 0
}

// memberSize is the size of what follows vlen times.
func memberSize(kind uint32) int {
	switch kind {
	case kindStruct, kindUnion, kindDatasec, kindEnum64:
		return 12
	case kindEnum, kindFuncProto:
		return 8
	}
	return 0
}

// index is a blob: its bytes, where each type begins, and the first id and string
// offset, which continue those of the blob it is split from.
type index struct {
	order     binary.ByteOrder
	types     []byte
	layout    []byte // of kinds, by number; empty where the blob does not tell
	strs      string
	offs      []uint32 // of types, by id less first
	first     uint32   // id of offs[0]
	firstStr  uint32   // offset of strs[0]
	signs     bool     // enums are marked as signed or not
	base      *index
	seed      maphash.Seed
	names     []uint32 // open-addressing hash of ids with a name; 0 is free
	namesMask uint32
}

// newIndex takes a blob apart as far as to know where its types are. b is kept.
func newIndex(b []byte, base *index) (*index, error) {
	if len(b) < headerSize {
		return nil, errors.New("BTF header is cut short")
	}
	x := &index{order: binary.LittleEndian, first: 1, base: base}
	if b[0] == 0xeb && b[1] == 0x9f {
		x.order = binary.BigEndian
	}
	if magic := x.order.Uint16(b); magic != btfMagic || b[2] != 1 {
		return nil, fmt.Errorf("no BTF: magic number %#x, version %d", magic, b[2])
	}
	hdr := uint64(x.order.Uint32(b[4:]))
	part := func(at int) ([]byte, error) {
		from, size := hdr+uint64(x.order.Uint32(b[at:])), uint64(x.order.Uint32(b[at+4:]))
		if hdr < headerSize || hdr > uint64(len(b)) || from > uint64(len(b)) || size > uint64(len(b))-from {
			return nil, errors.New("BTF has a part outside its data")
		}
		return b[from : from+size], nil
	}
	var strs []byte
	var err error
	if x.types, err = part(8); err != nil {
		return nil, err
	}
	if strs, err = part(16); err != nil {
		return nil, err
	}
	if hdr >= layoutHeader {
		if x.layout, err = part(24); err != nil {
			return nil, err
		}
	}
	if len(strs) == 0 || strs[len(strs)-1] != 0 {
		return nil, errors.New("BTF strings do not end")
	}
	x.strs = unsafe.String(&strs[0], len(strs))
	if base != nil {
		x.first, x.firstStr = base.first+uint32(len(base.offs)), base.firstStr+uint32(len(base.strs))
	}
	return x, x.scan()
}

// scan finds the types.
func (x *index) scan() error {
	x.offs = make([]uint32, 0, len(x.types)/28)
	for at := 0; at < len(x.types); {
		if len(x.offs) >= maxTypes {
			return fmt.Errorf("more than %d types", maxTypes)
		}
		rest := len(x.types) - at
		if rest < typeSize {
			return errors.New("BTF type is cut short")
		}
		info := x.order.Uint32(x.types[at+4:])
		kind := info >> kindShift & maskKind
		size, ok := x.sizeOf(kind, int(info&maskLen))
		if !ok {
			return fmt.Errorf("BTF type %d is of kind %d", x.first+uint32(len(x.offs)), kind)
		}
		x.signs = x.signs || kind == kindEnum64 || kind == kindEnum && info>>31 != 0
		if size > rest {
			return errors.New("BTF type is cut short")
		}
		x.offs = append(x.offs, uint32(at))
		at += size
	}
	return nil
}

// record is a type: its header, and what follows it.
type record struct {
	name string
	kind uint32
	n    int    // vlen
	flag bool   // kind_flag
	arg  uint32 // size or type
	rest []byte
	x    *index
}

// u32 is word i of what follows the header.
func (r *record) u32(i int) uint32 { return r.x.order.Uint32(r.rest[4*i:]) }

// text is the string whose offset is word i.
func (r *record) text(i int) string { return r.x.text(r.u32(i)) }

// record gives the type with an id of this blob.
func (x *index) record(id uint32) (r record, ok bool) {
	i := id - x.first
	if i >= uint32(len(x.offs)) {
		return r, false
	}
	b := x.types[x.offs[i]:]
	info := x.order.Uint32(b[4:])
	r = record{name: x.text(x.order.Uint32(b)), kind: info >> kindShift & maskKind, n: int(info & maskLen), flag: info>>31 != 0, arg: x.order.Uint32(b[8:]), x: x}
	size, _ := x.sizeOf(r.kind, r.n) // scan has seen that it is there
	r.rest = b[typeSize:size]
	return r, true
}

// text is the string at an offset; "" if there is none.
func (x *index) text(off uint32) string {
	if off < x.firstStr {
		return x.base.text(off)
	}
	if off -= x.firstStr; off >= uint32(len(x.strs)) {
		return ""
	}
	s := x.strs[off:min(int(off)+maxText, len(x.strs))]
	if end := strings.IndexByte(s, 0); end >= 0 {
		return s[:end]
	}
	return ""
}

// named yields the ids of this blob's types with a name, ascending.
func (x *index) named(name string) (ids []uint32) {
	if x.names == nil {
		x.buildNames()
	}
	h := uint32(maphash.String(x.seed, name)) & x.namesMask
	for steps := 0; x.names[h] != 0 && steps < maxChain; steps++ {
		id := x.names[h]
		if x.nameOf(id) == name {
			ids = append(ids, id)
		}
		h = (h + 1) & x.namesMask
	}
	return ids
}

// maxChain bounds how far a name is looked for: a blob that repeats one name without
// end must not make this quadratic.
const maxChain = 4096

func (x *index) nameOf(id uint32) string {
	return x.text(x.order.Uint32(x.types[x.offs[id-x.first]:]))
}

func (x *index) buildNames() {
	size := uint32(16)
	for size < uint32(len(x.offs))*2 {
		size <<= 1
	}
	x.seed, x.namesMask, x.names = maphash.MakeSeed(), size-1, make([]uint32, size)
	for i, at := range x.offs {
		off := x.order.Uint32(x.types[at:])
		if off == 0 {
			continue
		}
		name := x.text(off)
		if name == "" {
			continue
		}
		h := uint32(maphash.String(x.seed, name)) & x.namesMask
		for steps := 0; x.names[h] != 0 && steps < maxChain; steps++ {
			h = (h + 1) & x.namesMask
		}
		if x.names[h] == 0 {
			x.names[h] = x.first + uint32(i)
		}
	}
}
