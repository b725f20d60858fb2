package cfi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// TestForms builds one function in each container: .debug_frame and .eh_frame, 32
// and 64 bits wide, little- and big-endian, CIE versions 1, 3 and 4.
func TestForms(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, debug := range []bool{false, true} {
			for _, wide := range []bool{false, true} {
				for _, lsb := range []bool{false, true} {
					for _, version := range []byte{1, 3, 4} {
						if lsb && (debug || !wide || order != binary.LittleEndian) {
							continue
						}
						name := fmt.Sprintf("%v debug=%v wide=%v lsb=%v v%d", order, debug, wide, lsb, version)
						t.Run(name, func(t *testing.T) { testForm(t, order, debug, wide, lsb, version) })
					}
				}
			}
		}
	}
}

func testForm(t *testing.T, order binary.ByteOrder, debug, wide, lsb bool, version byte) {
	if !debug && wide && !lsb && order == binary.BigEndian {
		lsb = true // on big-endian machines only the LSB's form is read
	}
	s := builder{order: order.(binary.AppendByteOrder), debug: debug, wide: wide, lsb: lsb}
	body := cat(version, 0)
	if version == 4 {
		body = cat(body, 8, 0)
	}
	c := s.cie(cat(body, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1)...)
	addr := func(v uint64) []byte { return s.order.AppendUint64(nil, v) }
	s.fde(c, cat(addr(0x401000), addr(0x20), 0x41, 0x0e, 16)...)
	s.fde(c, cat(addr(0x400000), addr(0x20), 0x42, 0x0e, 32)...)
	if !debug {
		s.u32(0)
	}
	cfg := Config{PtrSize: 8, Order: order}
	if debug {
		cfg.DebugFrame = Section{Data: s.b, Addr: 0}
	} else {
		cfg.EHFrame = Section{Data: s.b, Addr: 0x500000}
	}
	tab, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for pc, want := range map[uint64]string{0x401000: "r7+8", 0x401001: "r7+16", 0x40101f: "r7+16", 0x400001: "r7+8", 0x400002: "r7+32"} {
		r, err := tab.Row(pc)
		if err != nil || r.CFA.String() != want || r.Debug != debug || r.Rule(16).String() != "c-8" {
			t.Errorf("row at %#x: %v, %v; want %s", pc, r, err, want)
		}
	}
	for _, pc := range []uint64{0, 0x3fffff, 0x400020, 0x401020, ^uint64(0)} {
		if r, err := tab.Row(pc); !errors.Is(err, ErrNoFDE) {
			t.Errorf("row at %#x: %v, %v", pc, r, err)
		}
	}
}

// TestPointerEncodings puts a function's start in every encoding.
func TestPointerEncodings(t *testing.T) {
	const (
		ehVA   = 0x10000
		text   = 0x8000
		data   = 0x9000
		target = 0x12340
	)
	for _, tt := range []struct {
		enc  byte
		put  func(v uint64) []byte
		size int
	}{
		{peAbsptr, le64, 8},
		{peUdata4, func(v uint64) []byte { return le32(uint32(v)) }, 4},
		{peUdata8, le64, 8},
		{peSdata4, func(v uint64) []byte { return le32(uint32(v)) }, 4},
		{peSdata8, le64, 8},
		{peSigned, le64, 8},
		{peULEB, uleb, 0},
		{peSLEB, sleb, 0},
	} {
		for _, rel := range []byte{peAbsptr, pePCRel, peTextRel, peDataRel} {
			s := builder{order: binary.LittleEndian}
			c := s.cie(cat(1, "zR\x00", 1, 0x78, 16, 1, tt.enc|rel, 0x0c, 7, 8, 0x90, 1)...)
			at := uint64(ehVA + len(s.b) + 8)
			v := uint64(target)
			switch rel {
			case pePCRel:
				v -= at
			case peTextRel:
				v -= text
			case peDataRel:
				v -= data
			}
			s.fde(c, cat(tt.put(v), tt.put(0x10), 0)...)
			if tt.enc == peULEB && rel == pePCRel && v>>63 != 0 {
				t.Fatal("test is set up wrongly")
			}
			tab, err := New(Config{EHFrame: Section{Addr: ehVA, Data: s.b}, Text: text, Data: data, PtrSize: 8, Order: binary.LittleEndian})
			if err != nil {
				t.Fatal(err)
			}
			if d, err := tab.Lookup(target); err != nil || d.Start != target || d.End != target+0x10 {
				t.Errorf("encoding %#x: %+v, %v", tt.enc|rel, d, err)
			}
		}
	}
}

// TestPointerRange reads 2-byte, aligned and function-relative pointers.
func TestPointerRange(t *testing.T) {
	tab := &Table{ptrSize: 8, order: binary.LittleEndian, text: 0x8000, data: 0x9000}
	for _, tt := range []struct {
		enc  byte
		b    []byte
		want Pointer
	}{
		{peUdata2, []byte{0xfe, 0xff}, Pointer{Addr: 0xfffe}},
		{peSdata2 | peDataRel, []byte{0xfe, 0xff}, Pointer{Addr: 0x8ffe}},
		{peSdata4 | pePCRel | peIndirect, le32(0xfffffff0), Pointer{Addr: 0xff3, Indirect: true}},
		{peUdata4 | peFuncRel, le32(8), Pointer{Addr: 0x7008}},
		{peAligned, cat(0, 0, 0, 0, 0, le64(5)), Pointer{Addr: 5}},
		{peUdata4 | pePCRel, le32(0), Pointer{Addr: 0x1003, Null: true}},
		{peOmit, nil, Pointer{Null: true}},
	} {
		c := newCursor(append([]byte{0, 0, 0}, tt.b...), 3)
		got, err := pointer(&c, tt.enc, 8, tab.bases(0x1000, 0x7000))
		if err != nil || got != tt.want {
			t.Errorf("encoding %#x: %+v, %v; want %+v", tt.enc, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		enc  byte
		b    []byte
		want error
	}{
		{0x0d, le64(0), ErrUnsupported}, {0x60, le64(0), ErrUnsupported}, {peUdata4, []byte{1}, ErrMalformed},
	} {
		c := newCursor(tt.b, 0)
		if _, err := pointer(&c, tt.enc, 8, bases{}); !errors.Is(err, tt.want) {
			t.Errorf("encoding %#x: error %v, want %v", tt.enc, err, tt.want)
		}
	}
}

// TestAugmentation reads every letter.
func TestAugmentation(t *testing.T) {
	s := builder{order: binary.LittleEndian}
	// personality: absolute 4 bytes; LSDA: pcrel 4; FDE: absolute 8.
	c := s.cie(cat(3, "zPLRSBG\x00", 4, 0x7c, 30, 7, peUdata4, le32(0x7777), pePCRel|peSdata4, peUdata8, 0x0c, 31, 0)...)
	at := uint64(len(s.b)) + 8 + 16 + 1
	s.fde(c, cat(le64(0x1000), le64(0x10), 4, le32(0x100), 0x42, 0x0e, 16)...)
	unknown := s.cie(cat(1, "zX?\x00", 1, 0x78, 16, 3, 9, 9, 9, 0x0c, 7, 24)...)
	s.fde(unknown, cat(le64(0x2000), le64(0x10), 2, 9, 9, 0x41, 0x0e, 32)...)
	old := s.cie(cat(1, "eh\x00", le64(5), 1, 0x78, 16, 0x0c, 7, 40)...)
	s.fde(old, cat(le64(0x3000), le64(0x10))...)
	bad := s.cie(cat(1, "X\x00", 1, 0x78, 16, 0x0c, 7, 40)...)
	s.fde(bad, cat(le64(0x4000), le64(0x10))...)
	tab, err := New(Config{EHFrame: Section{Data: s.b}, PtrSize: 8, Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	d, err := tab.Lookup(0x1008)
	if err != nil {
		t.Fatal(err)
	}
	if ci := d.CIE; !ci.Signal || !ci.BKey || ci.RA != 30 || ci.Personality.Addr != 0x7777 || ci.CodeAlign != 4 || ci.DataAlign != -4 {
		t.Errorf("CIE %+v", ci)
	}
	if d.LSDA.Addr != at+0x100 {
		t.Errorf("LSDA %#x, want %#x", d.LSDA.Addr, at+0x100)
	}
	for pc, want := range map[uint64]string{0x1007: "r31", 0x1008: "r31+16", 0x2000: "r7+24", 0x2001: "r7+32", 0x3000: "r7+40"} {
		if r, err := tab.Row(pc); err != nil || r.CFA.String() != want {
			t.Errorf("row at %#x: %v, %v; want %s", pc, r, err, want)
		}
	}
	if _, err := tab.Row(0x4000); !errors.Is(err, ErrNoFDE) || !errors.Is(err, ErrUnsupported) {
		t.Errorf("unknown augmentation without length: %v", err)
	}
}

// mapped is memory at an address.
type mapped struct {
	base uint64
	b    []byte
}

func (m mapped) read(p []byte, addr uint64) error {
	if addr < m.base || addr-m.base > uint64(len(m.b)) || uint64(len(m.b))-(addr-m.base) < uint64(len(p)) {
		return errors.New("unmapped")
	}
	copy(p, m.b[addr-m.base:])
	return nil
}

// ehImage is .eh_frame_hdr at base followed by .eh_frame with n functions of 16
// bytes each, from 0x1000 on.
func ehImage(base uint64, n int) []byte {
	hdrLen := 12 + 8*n
	s := builder{order: binary.LittleEndian, b: make([]byte, hdrLen)}
	c := s.cie(cat(1, "zR\x00", 1, 0x78, 16, 1, peUdata4, 0x0c, 7, 8, 0x90, 1)...)
	h := cat(1, pePCRel|peSdata4, peUdata4, peDataRel|peSdata4, le32(uint32(hdrLen-4)), le32(uint32(n)))
	for i := range n {
		f := s.fde(c, cat(le32(uint32(0x1000+16*i)), le32(16), 0, 0x41, 0x0e, i+1)...)
		h = cat(h, le32(uint32(0x1000+16*i-int(base))), le32(uint32(f)))
	}
	copy(s.b, h)
	s.u32(0)
	return s.b
}

// TestFromMemory finds functions of an object whose file is gone, by its header
// alone, and by a walk over .eh_frame if the header has no table.
func TestFromMemory(t *testing.T) {
	const base = 0x70000000
	for _, table := range []bool{true, false} {
		m := mapped{base, ehImage(base, 9)}
		if !table {
			m.b[3] = peOmit
		}
		tab, err := FromMemory(m.read, base, 8, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(9) {
			r, err := tab.Row(0x1000 + 16*i + 1)
			if err != nil || r.CFA.Off != int64(i+1) {
				t.Errorf("table=%v, function %d: %+v, %v", table, i, r, err)
			}
		}
		if _, err := tab.Row(0x1000 + 16*9); !errors.Is(err, ErrNoFDE) {
			t.Errorf("past the last: %v", err)
		}
		if _, err := FromMemory(m.read, 0x1000, 8, binary.LittleEndian); err == nil {
			t.Error("header in no memory was opened")
		}
	}
}

// TestLyingHeader: a header whose table points at no FDE does not hide the FDEs.
func TestLyingHeader(t *testing.T) {
	img := ehImage(0, 4)
	for i := range 4 {
		copy(img[12+8*i+4:], le32(0x7ffffff0))
	}
	hdr := 12 + 8*4
	tab, err := New(Config{EHFrameHdr: Section{Data: img[:hdr]}, EHFrame: Section{Addr: uint64(hdr), Data: img[hdr:]}, PtrSize: 8, Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := tab.Row(0x1021); err != nil || r.CFA.Off != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestPointerSize4 reads an i386 table, where addresses wrap at 32 bits.
func TestPointerSize4(t *testing.T) {
	s := builder{order: binary.LittleEndian}
	c := s.cie(cat(1, "zR\x00", 1, 0x7c, 8, 1, pePCRel|peSdata4, 0x0c, 4, 4, 0x88, 1)...)
	at := uint32(0xf7000000 + len(s.b) + 8)
	target := uint32(0x08048000)
	s.fde(c, cat(le32(target-at), le32(0x10), 0, 0x41, 0x0e, 8)...)
	tab, err := New(Config{EHFrame: Section{Addr: 0xf7000000, Data: s.b}, PtrSize: 4, Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := tab.Row(uint64(target) + 1); err != nil || r.CFA.String() != "r4+8" || r.Rule(8).String() != "c-4" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestMalformed: sections that are no tables give errors of the right kind.
func TestMalformed(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want error
	}{
		{"short length", []byte{1, 2}, ErrNoFDE},
		{"length beyond the section", cat(le32(100), le32(0)), ErrMalformed},
		{"reserved length", cat(le32(0xfffffff3), le32(0)), ErrMalformed},
		{"64-bit length wraps", cat(le32(0xffffffff), le64(^uint64(0)-3), le32(0)), ErrMalformed},
		{"CIE pointer before the section", cat(le32(8), le32(0x1000), le32(0)), ErrMalformed},
		{"CIE pointer at an FDE", cat(le32(8), le32(4), le32(0)), ErrMalformed},
		{"version", cat(le32(8), le32(0), 9, 0, 0, 0, le32(20), le32(16), le64(0), le64(1)), ErrUnsupported},
	} {
		tab, err := New(Config{EHFrame: Section{Data: tt.b}, PtrSize: 8, Order: binary.LittleEndian})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tab.Row(0); !errors.Is(err, tt.want) || !errors.Is(err, ErrNoFDE) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := New(Config{PtrSize: 3, Order: binary.LittleEndian}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("pointer size 3: %v", err)
	}
}
