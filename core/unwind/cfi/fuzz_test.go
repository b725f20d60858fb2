package cfi

import (
	"encoding/binary"
	"testing"
)

// FuzzTable looks PCs up in arbitrary bytes taken as each kind of section and
// checks that what is found covers them.
func FuzzTable(f *testing.F) {
	img := ehImage(0, 3)
	f.Add(img, uint64(0x1011), byte(0))
	f.Add(img[12+8*3:], uint64(0x1011), byte(1))
	f.Add(debugTable(plainCIE, 0x41, 0x0e, 16, 0x83, 2, 0x0a, 0x42, 0x0b, 0xd0).debug.Data, uint64(0x1002), byte(2))
	f.Add(debugTable(plainCIE, cat(1, le64(0x1010), 0x0f, 2, 0x77, 8, 0x16, 3, 1, 0x9c, 0x2f, 3, 2)...).debug.Data, uint64(0x1080), byte(2))
	aug := builder{order: binary.LittleEndian}
	c := aug.cie(cat(1, "zPLRS\x00", 1, 0x78, 16, 7, pePCRel|peSdata4, le32(9), peUdata4, pePCRel|peSdata4, 0x0c, 7, 8)...)
	aug.fde(c, cat(le32(0x1000), le32(16), 4, le32(1), 0x41, 0x0e, 16)...)
	f.Add(aug.b, uint64(0x1020), byte(1))
	wide := builder{order: binary.LittleEndian, wide: true}
	wide.fde(wide.cie(plainCIE...), cat(le64(0x1000), le64(16))...)
	f.Add(wide.b, uint64(0x1000), byte(1))
	f.Add(wide.b, uint64(0x1000), byte(0x41))
	f.Fuzz(func(t *testing.T, b []byte, pc uint64, mode byte) {
		if len(b) > 1<<16 {
			return
		}
		order := binary.ByteOrder(binary.LittleEndian)
		if mode&0x40 != 0 {
			order = binary.BigEndian
		}
		size := 8
		if mode&0x20 != 0 {
			size = 4
		}
		var tab *Table
		var err error
		switch mode & 3 {
		case 0:
			tab, err = FromMemory(mapped{0, b}.read, 0, size, order)
		case 1:
			tab, err = New(Config{EHFrame: Section{Data: b}, PtrSize: size, Order: order})
		case 2:
			tab, err = New(Config{DebugFrame: Section{Data: b}, PtrSize: size, Order: order})
		default:
			half := len(b) / 2
			tab, err = New(Config{EHFrameHdr: Section{Data: b[:half]}, EHFrame: Section{Data: b[half:], Addr: uint64(half)}, PtrSize: size, Order: order})
		}
		if err != nil {
			return
		}
		checkRow(t, tab, pc)
		n := 0
		_ = tab.FDEs(func(d *FDE, err error) bool {
			if n++; err == nil && n < 20 {
				checkRow(t, tab, d.Start)
				checkRow(t, tab, d.End-1)
				rows := 0
				_ = d.Rows(func(*Row) bool { rows++; return rows < 1000 })
			}
			return true
		})
	})
}

func checkRow(t *testing.T, tab *Table, pc uint64) {
	d, err := tab.Lookup(pc)
	if (d == nil) == (err == nil) {
		t.Fatalf("Lookup(%#x) = %v, %v", pc, d, err)
	}
	if err != nil {
		return
	}
	if !d.Covers(pc) {
		t.Fatalf("FDE [%#x, %#x) for %#x", d.Start, d.End, pc)
	}
	r, err := d.Row(pc)
	if (r == nil) == (err == nil) {
		t.Fatalf("Row(%#x) = %v, %v", pc, r, err)
	}
	if r != nil && (pc < r.Start || pc >= r.End) {
		t.Fatalf("row [%#x, %#x) for %#x", r.Start, r.End, pc)
	}
}
