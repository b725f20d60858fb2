package orc

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
)

// Kind says what lies at the caller's stack pointer.
type Kind uint8

// The kinds, as the newest kernels number them.
const (
	Undefined   Kind = iota // nothing is known: code that is not to be unwound through
	End                     // the outermost frame
	Call                    // a return address
	Regs                    // a struct pt_regs
	RegsPartial             // the registers the processor pushed
)

// Reg is a register that an entry counts from (ORC_REG_*).
type Reg uint8

// The registers, as kernels up to 6.18 number them.
const (
	RegUndefined  Reg = 0
	RegPrevSP     Reg = 1
	RegDX         Reg = 2
	RegDI         Reg = 3
	RegBP         Reg = 4
	RegSP         Reg = 5
	RegR10        Reg = 6
	RegR13        Reg = 7
	RegBPIndirect Reg = 8
	RegSPIndirect Reg = 9
)

// Entry is a struct orc_entry.
type Entry struct {
	SPOff, BPOff int64 // bytes
	SPReg, BPReg Reg
	Kind         Kind
	// Signal tells that the frame was interrupted, not left by a call: its address is
	// exact. Layouts without it set it for Regs and RegsPartial.
	Signal bool
}

// Field is a bit-field of the third word of an entry. Width 0: there is none.
type Field struct{ Shift, Width uint }

func (f Field) of(v uint16) uint16 {
	if f.Shift >= 16 {
		return 0
	}
	return v >> f.Shift & (1<<min(f.Width, 16) - 1)
}

// Layout is where the fields of an entry are. Kinds says that they are numbered as
// since 6.4, Renumbered that registers are in their newer order.
type Layout struct {
	SPReg, BPReg, Type, Signal, End Field
	Kinds                           bool
	Renumbered                      bool
}

// renumbered are the registers by their newer numbers; 1 is %rax, which is no base.
var renumbered = [16]Reg{0: RegUndefined, 1: regOther, 2: RegDX, 3: RegSP, 4: RegBP, 5: RegDI, 6: RegR10, 7: RegR13,
	8: RegPrevSP, 9: RegSPIndirect, 10: RegBPIndirect, 11: regOther, 12: regOther, 13: regOther, 14: regOther, 15: regOther}

// regOther is a register that nothing can be counted from.
const regOther Reg = 15

// sampled is how many entries tell how registers are numbered.
const sampled = 1024

// Number finds out how the entries of a table number registers, which type data does not
// tell: nearly all frames are found from the stack pointer.
func (l *Layout) Number(sp mem.Space, entries, n uint64) error {
	skip := uint64(0)
	if n > sampled {
		skip, n = (n-sampled)/2, sampled
	}
	b := make([]byte, EntrySize*n)
	if err := mem.ReadFull(sp, b, mem.Addr(entries+EntrySize*skip)); err != nil {
		return err
	}
	older := *l
	older.Renumbered = false
	var count [16]int
	for ; len(b) >= EntrySize; b = b[EntrySize:] {
		if e := older.Decode(b); e.Kind == Call {
			count[e.SPReg&15]++
		}
	}
	const newerSP = 3
	l.Renumbered = count[newerSP] > count[RegSP]
	return nil
}

// Layouts by release.
var (
	Layout414 = Layout{SPReg: Field{0, 4}, BPReg: Field{4, 4}, Type: Field{8, 2}, End: Field{10, 1}}
	Layout63  = Layout{SPReg: Field{0, 4}, BPReg: Field{4, 4}, Type: Field{8, 2}, Signal: Field{10, 1}, End: Field{11, 1}}
	Layout64  = Layout{SPReg: Field{0, 4}, BPReg: Field{4, 4}, Type: Field{8, 3}, Signal: Field{11, 1}, Kinds: true}
)

// LayoutOf makes a layout of the members of struct orc_entry: field gives a bit-field's
// place, counted from the third word's lowest bit.
func LayoutOf(field func(name string) (Field, bool)) (Layout, error) {
	var l Layout
	var ok [3]bool
	l.SPReg, ok[0] = field("sp_reg")
	l.BPReg, ok[1] = field("bp_reg")
	l.Type, ok[2] = field("type")
	l.Signal, _ = field("signal")
	l.End, l.Kinds = field("end")
	l.Kinds = !l.Kinds
	if ok != [3]bool{true, true, true} {
		return Layout64, errors.New("struct orc_entry is not one that is known")
	}
	return l, nil
}

// LayoutOfRelease is the layout of a kernel without type data, by its release ("6.1.0-13");
// the oldest if that is no release. Entries tell whether registers are renumbered (Number).
func LayoutOfRelease(release string) Layout {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n < 2 {
		return Layout414
	}
	switch {
	case major > 6 || major == 6 && minor >= 4:
		return Layout64
	case major == 6 && minor == 3:
		return Layout63
	}
	return Layout414
}

// EntrySize is the size of an entry in bytes.
const EntrySize = 6

// Decode takes an entry apart.
func (l *Layout) Decode(b []byte) Entry {
	w := binary.LittleEndian.Uint16(b[4:])
	e := Entry{
		SPOff: int64(int16(binary.LittleEndian.Uint16(b))), BPOff: int64(int16(binary.LittleEndian.Uint16(b[2:]))),
		SPReg: Reg(l.SPReg.of(w)), BPReg: Reg(l.BPReg.of(w)), Signal: l.Signal.of(w) != 0,
	}
	if l.Renumbered {
		e.SPReg, e.BPReg = renumbered[e.SPReg&15], renumbered[e.BPReg&15]
	}
	t := Kind(l.Type.of(w))
	switch {
	case l.Kinds:
		e.Kind = t
	case l.End.of(w) != 0:
		e.Kind = End
	case t <= 2:
		e.Kind = Call + t
	}
	if l.Signal.Width == 0 {
		e.Signal = e.Kind == Regs || e.Kind == RegsPartial
	}
	return e
}

// maxEntries bounds a table: a kernel's has some 700,000.
const maxEntries = 16 << 20

// Table is a pair of arrays in a kernel's memory.
type Table struct {
	sp     mem.Space
	ip     uint64 // VA of the array of places
	orc    uint64 // VA of the entries
	n      int
	layout *Layout
}

// NewTable makes a table of n entries; nil if there can be none such.
func NewTable(sp mem.Space, ip, entries, n uint64, l *Layout) *Table {
	if ip == 0 || entries == 0 || n == 0 || n > maxEntries {
		return nil
	}
	return &Table{sp: sp, ip: ip, orc: entries, n: int(n), layout: l}
}

// place is the address that entry i begins at.
func (t *Table) place(i int) (uint64, error) {
	at := t.ip + 4*uint64(i)
	v, err := mem.ReadUint(t.sp, mem.Addr(at), 4, binary.LittleEndian)
	return at + uint64(int64(int32(v))), err
}

// Find gives the entry that pc lies in; ok is false if there is none, err why it could
// not be read.
func (t *Table) Find(pc uint64) (e Entry, ok bool, err error) {
	if t == nil {
		return e, false, nil
	}
	lo, hi := 0, t.n // the first entry past pc
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		at, err := t.place(mid)
		if err != nil {
			return e, false, err
		}
		if at <= pc {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return e, false, nil
	}
	var b [EntrySize]byte
	at := mem.Addr(t.orc + EntrySize*uint64(lo-1))
	if err := readSmall(t.sp, b[:], at); err != nil {
		return e, false, err
	}
	return t.layout.Decode(b[:]), true, nil
}

// readSmall is mem.ReadFull by a view where that is to be had.
func readSmall(sp mem.Space, p []byte, a mem.Addr) error {
	if v, ok := sp.(mem.Viewer); ok {
		if b := v.View(a, len(p)); b != nil {
			copy(p, b)
			return nil
		}
	}
	return mem.ReadFull(sp, p, a)
}
