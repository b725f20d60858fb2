package orc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind"
)

// TestCalledFrom interrupts code whose entry says nothing. On the stack lie an address that
// is no code, one behind no call, one behind a call of another function, and the right one.
func TestCalledFrom(t *testing.T) {
	k := newKernel(&Layout63)
	k.entry(0x000, Entry{Kind: Call}) // says nothing
	k.entry(0x400, Entry{Kind: Call, SPReg: RegSP, SPOff: 16})
	k.entry(0x600, Entry{Kind: End})
	text := make([]byte, 0x800)
	call := func(at, to int) uint64 {
		text[at] = 0xe8
		binary.LittleEndian.PutUint32(text[at+1:], uint32(to-(at+5)))
		return textAt + uint64(at) + 5
	}
	right, other := call(0x420, 0x100), call(0x440, 0x600)
	word(k.stack, 0x1000, 0x1234)
	word(k.stack, 0x1008, textAt+0x460)
	word(k.stack, 0x1010, other)
	word(k.stack, 0x1018, right)
	word(k.stack, 0x1028, textAt+0x650)
	walk := func(exact bool, sp uint64) (list []frame, err error) {
		space := mem.NewSegments([]mem.Segment{
			{Base: textAt, Size: uint64(len(text)), Src: &mem.File{R: bytes.NewReader(text), Size: int64(len(text))}},
			{Base: ipAt, Size: size, Src: &mem.File{R: bytes.NewReader(k.ip), Size: size}}, {Base: orcAt, Size: size, Src: &mem.File{R: bytes.NewReader(k.orc), Size: size}},
			{Base: stackAt, Size: size, Src: &mem.File{R: bytes.NewReader(k.stack), Size: size}},
		})
		table := NewTable(space, ipAt, orcAt, uint64(k.n), k.layout)
		u := New(space, Options{Table: func(uint64) *Table { return table }, Text: func(pc uint64) bool { return pc-textAt < uint64(len(text)) }})
		err = u.Walk(regsAt(textAt+0x180, sp, 0), exact, func(f *unwind.Frame) bool {
			list = append(list, frame{f.PC, f.CFA, f.Exact, f.Source})
			return true
		})
		return list, err
	}
	got, err := walk(true, stackAt+0x1000)
	want := []frame{
		{textAt + 0x180, stackAt + 0x1020, true, unwind.SourceEntry}, {right, stackAt + 0x1030, false, unwind.SourceORC},
		{textAt + 0x650, 0, false, unwind.SourceORC},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	// A frame that was called, or a stack without such an address, has no caller.
	for _, c := range []struct {
		exact bool
		sp    uint64
	}{{false, stackAt + 0x1000}, {true, stackAt + 0x1020}} {
		if got, err := walk(c.exact, c.sp); !errors.Is(err, ErrReg) || len(got) != 1 {
			t.Errorf("%v, %v", got, err)
		}
	}
	if _, err := walk(true, stackAt+size-8); err == nil {
		t.Error("beyond the stack's end")
	}
}
