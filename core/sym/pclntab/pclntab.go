package pclntab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
)

// Magic numbers of the formats that are known.
const (
	magic118 = 0xfffffff0
	magic120 = 0xfffffff1
)

// Bounds of what is believed.
const (
	maxFuncs = 1 << 24
	maxName  = 64 << 10 // bytes
	maxSteps = 1 << 20  // of one table of values
)

// ErrFormat is data that is no table of a known format.
var ErrFormat = errors.New("no Go function table")

// Table is the function table of a program.
type Table struct {
	order   binary.ByteOrder
	quantum uint64
	text    uint64 // address of the start of text, in the file
	n       int    // functions
	names   []byte
	cu      []byte
	files   []byte
	pctab   []byte
	funcs   []byte // pclntab: the index and the _funcs
}

// Func is one function.
type Func struct {
	Name       string
	Entry, End uint64 // addresses in the file; End is exclusive
	Frame      uint64 // where its _func is, for lookups
}

// Open reads the header of a table. text is the address of the start of text,
// which offsets count from; 0 takes what the header says.
func Open(data []byte, text uint64) (*Table, error) {
	if len(data) < 8 || data[4] != 0 || data[5] != 0 {
		return nil, ErrFormat
	}
	t := &Table{quantum: uint64(data[6]), text: text}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if m := o.Uint32(data); m == magic118 || m == magic120 {
			t.order = o
		}
	}
	size := int(data[7])
	if t.order == nil || t.quantum != 1 && t.quantum != 2 && t.quantum != 4 || size != 4 && size != 8 || len(data) < 8+8*size {
		return nil, ErrFormat
	}
	var word [8]uint64
	for i := range word {
		b := data[8+i*size:]
		if size == 4 {
			word[i] = uint64(t.order.Uint32(b))
		} else {
			word[i] = t.order.Uint64(b)
		}
	}
	if t.text == 0 {
		t.text = word[2]
	}
	var part [5][]byte
	for i := range part {
		off := word[3+i]
		if off > uint64(len(data)) {
			return nil, fmt.Errorf("%w: table %d at %#x is beyond its end", ErrFormat, i, off)
		}
		part[i] = data[off:]
	}
	t.names, t.cu, t.files, t.pctab, t.funcs = part[0], part[1], part[2], part[3], part[4]
	if word[0] > maxFuncs || (word[0]*2+1)*4 > uint64(len(t.funcs)) {
		return nil, fmt.Errorf("%w: %d functions", ErrFormat, word[0])
	}
	t.n = int(word[0])
	return t, nil
}

// Len is the number of functions.
func (t *Table) Len() int { return t.n }

// Text is the address of the start of text that entries count from.
func (t *Table) Text() uint64 { return t.text }

func (t *Table) entry(i int) uint64 { return t.text + uint64(t.order.Uint32(t.funcs[i*8:])) }

// At gives function i, 0 <= i < Len; ok is false if its data lies outside of the
// table.
func (t *Table) At(i int) (f Func, ok bool) {
	f.Entry, f.End = t.entry(i), t.entry(i+1)
	f.Frame = uint64(t.order.Uint32(t.funcs[i*8+4:]))
	name, ok := t.field(f.Frame, 1)
	if !ok || f.End < f.Entry {
		return f, false
	}
	f.Name, ok = text(t.names, uint64(name))
	return f, ok
}

// field is a u32 of a _func.
func (t *Table) field(at uint64, i uint64) (uint32, bool) {
	if at > uint64(len(t.funcs)) || uint64(len(t.funcs))-at < 4*i+4 {
		return 0, false
	}
	return t.order.Uint32(t.funcs[at+4*i:]), true
}

// text is the string at an offset that ends in a zero.
func text(b []byte, off uint64) (string, bool) {
	if off >= uint64(len(b)) {
		return "", false
	}
	b = b[off:min(off+maxName, uint64(len(b)))]
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return "", false
	}
	return string(b[:end]), true
}

// Find gives the function that contains an address.
func (t *Table) Find(pc uint64) (Func, bool) {
	i := sort.Search(t.n, func(i int) bool { return t.entry(i) > pc })
	if i == 0 || pc >= t.entry(i) {
		return Func{}, false
	}
	return t.At(i - 1)
}

// Fields of a _func, as the index of a u32.
const (
	fieldPCSP   = 4
	fieldPCFile = 5
	fieldPCLine = 6
	fieldCU     = 8
)

// value looks an address up in one of the function's tables.
func (t *Table) value(f *Func, field, pc uint64) (int32, bool) {
	off, ok := t.field(f.Frame, field)
	if !ok || off == 0 || uint64(off) >= uint64(len(t.pctab)) {
		return 0, false
	}
	b, at, val := t.pctab[off:], f.Entry, int32(-1)
	for i := range maxSteps {
		dv, n := binary.Uvarint(b)
		if n <= 0 || dv == 0 && i > 0 || dv > 1<<32-1 {
			return 0, false
		}
		b = b[n:]
		dpc, n := binary.Uvarint(b)
		if n <= 0 || dpc > 1<<32 {
			return 0, false
		}
		b = b[n:]
		val += int32(uint32(dv>>1) ^ -(uint32(dv) & 1))
		at += dpc * t.quantum
		if pc < at {
			return val, true
		}
	}
	return 0, false
}

// Line gives the source line of an address.
func (t *Table) Line(pc uint64) (file string, line int, ok bool) {
	f, ok := t.Find(pc)
	if !ok {
		return "", 0, false
	}
	n, ok := t.value(&f, fieldPCLine, pc)
	if !ok || n < 0 {
		return "", 0, false
	}
	number, ok := t.value(&f, fieldPCFile, pc)
	cu, ok2 := t.field(f.Frame, fieldCU)
	if !ok || !ok2 || number < 0 {
		return "", 0, false
	}
	at := (uint64(cu) + uint64(number)) * 4
	if at+4 > uint64(len(t.cu)) {
		return "", 0, false
	}
	off := t.order.Uint32(t.cu[at:])
	if off == 1<<32-1 {
		return "", 0, false
	}
	file, ok = text(t.files, uint64(off))
	return file, int(n), ok
}

// FrameSize gives how far below the return address the stack pointer is at an
// address, bytes: the frame of the function as far as it is set up there.
func (t *Table) FrameSize(pc uint64) (uint64, bool) {
	f, ok := t.Find(pc)
	if !ok {
		return 0, false
	}
	n, ok := t.value(&f, fieldPCSP, pc)
	return uint64(uint32(n)), ok && n >= 0
}
