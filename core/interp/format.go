package interp

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/lang"
	"github.com/xmdb/xmdb/core/mem"
)

// cellFormat is a format character that shows one integer of a fixed size at a
// time.
type cellFormat struct {
	size int // bytes; 0 is the size of a pointer
	show func(v *view, x uint64)
}

// plain is a cell that one conversion of the printf dialect shows.
func plain(size int, format string) cellFormat {
	return cellFormat{size, func(v *view, x uint64) {
		switch size {
		case 1:
			v.p.Printf(format, uint8(x))
		case 2:
			v.p.Printf(format, uint16(x))
		case 4:
			v.p.Printf(format, uint32(x))
		default:
			v.p.Printf(format, x)
		}
	}}
}

var cells = map[byte]cellFormat{
	'B': plain(1, "%-8x"), 'b': plain(1, "%-#8o"), 'V': plain(1, "%-8u"), 'c': plain(1, "%c"),
	'd': plain(2, "%-8hd"), 'u': plain(2, "%-8hu"), 'o': plain(2, "%-#8ho"), 'q': plain(2, "%-#8hq"),
	'x': plain(2, "%-8hx"), 'w': plain(2, "%-8hr"),
	'D': plain(4, "%-16d"), 'U': plain(4, "%-16u"), 'O': plain(4, "%-#16o"), 'Q': plain(4, "%-#16q"),
	'X': plain(4, "%-16x"), 'W': plain(4, "%-16r"),
	'e': plain(8, "%-21lld"), 'E': plain(8, "%-21llu"), 'g': plain(8, "%-24llq"), 'G': plain(8, "%-23llo"),
	'p': plain(0, "%-19a"), 'P': plain(0, "%-19a"),
	'J': {8, hex64}, 'Z': {8, hex64}, 'K': {0, pointer},
	'v': {1, func(v *view, x uint64) { v.p.Printf("%-8d", int32(int8(x))) }},
	'h': {2, func(v *view, x uint64) { v.p.Printf("%-8x", bits.ReverseBytes16(uint16(x))) }},
	'H': {4, func(v *view, x uint64) { v.p.Printf("%-16x", bits.ReverseBytes32(uint32(x))) }},
	'Y': {4, func(v *view, x uint64) { v.p.Printf("%-24Y", int64(int32(x))) }},
	'y': {8, time64},
	'R': {8, binaryCell},
	'F': {8, func(v *view, x uint64) { v.p.Printf("%g", math.Float64frombits(x)) }},
	'f': {4, func(v *view, x uint64) { v.p.Printf("%e", float64(math.Float32frombits(uint32(x)))) }},
	'j': {8, bitDiagram},
}

// shownAs gives what <0 is after a cell, where that is not the data itself.
var shownAs = map[byte]func(x uint64) uint64{
	'h': func(x uint64) uint64 { return uint64(bits.ReverseBytes16(uint16(x))) },
	'H': func(x uint64) uint64 { return uint64(bits.ReverseBytes32(uint32(x))) },
	'Y': func(x uint64) uint64 { return uint64(int64(int32(x))) },
}

func hex64(v *view, x uint64) {
	if x>>60 != 0 {
		v.p.Printf("%-17llx", x)
	} else {
		v.p.Printf("%-16llx", x)
	}
}

func pointer(v *view, x uint64) {
	if v.c.Arch().PtrSize == 4 {
		v.p.Printf("%-16x", uint32(x))
		return
	}
	hex64(v, x)
}

func binaryCell(v *view, x uint64) {
	width := 64 + int(x>>63)
	v.p.Printf("%-*s", width, strconv.FormatUint(x, 2))
}

// maxTime is the greatest time_t that the calendar formats show; beyond it a
// year does not fit C's int.
const maxTime = 67768036191676799

func time64(v *view, x uint64) {
	if t := int64(x); t <= maxTime && t >= -maxTime {
		v.p.Printf("%-24Y", t)
		return
	}
	v.p.Printf("%-24llR", int64(x))
}

// format shows count items as char says and gives the address after them. Lines
// wrap while it prints, whatever the option says, but for the diagram.
func (v *view) format(char byte, count uint64) uint64 {
	wrap := v.p.SetWrap(char != 'j' || v.p.Wrap())
	defer v.p.SetWrap(wrap)
	if f, ok := cells[char]; ok {
		return v.cells(char, f, count)
	}
	if f, ok := specials[char]; ok {
		return f(v, count)
	}
	v.c.Warnf("invalid format character -- '%c'", char)
	return v.addr
}

// cells shows count integers.
func (v *view) cells(char byte, f cellFormat, count uint64) uint64 {
	size := f.size
	if size == 0 {
		size = v.c.Arch().PtrSize
	}
	addr := v.addr
	for ; count > 0; count-- {
		if v.c.Err() != nil {
			return addr
		}
		x, err := mem.ReadUint(v.sp, mem.Addr(addr), size, v.c.Arch().Order)
		if err != nil {
			v.readError(err)
			return addr
		}
		f.show(v, x)
		if as := shownAs[char]; as != nil {
			x = as(x)
		}
		if char != 'f' {
			v.setShown(x)
		}
		addr += uint64(size)
	}
	return addr
}

func (v *view) readError(err error) {
	v.c.Warnf("failed to read data from target: %s", core.Reason(err))
}

// setShown sets <0, the last value printed.
func (v *view) setShown(x uint64) { v.c.Vars.Lookup("0").Force(x) }

// specials are the format characters that are no fixed-size integers. Each shows
// count items and gives the address after them.
var specials map[byte]func(v *view, count uint64) uint64

func init() {
	specials = map[byte]func(v *view, count uint64) uint64{
		'+': func(v *view, n uint64) uint64 { return v.addr + n },
		'-': func(v *view, n uint64) uint64 { return v.addr - n },
		'^': func(v *view, n uint64) uint64 { return v.addr - v.c.Frame.Incr*n },
		'a': (*view).dotName,
		'C': (*view).chars,
		'i': (*view).instructions, 'I': (*view).dotInstructions,
		's': (*view).rawStrings, 'S': (*view).escapedStrings,
		'n': (*view).newlines, 'N': (*view).newlines,
		'r': func(v *view, n uint64) uint64 { v.p.Blanks(bounded(n)); return v.addr },
		't': func(v *view, n uint64) uint64 { v.p.Tab(bounded(n)); return v.addr },
		'T': func(v *view, n uint64) uint64 { v.p.Tab(bounded(n)); return v.addr },
	}
}

// bounded makes a count of columns of a number.
func bounded(n uint64) int { return int(min(n, 1<<16)) }

// noIndent switches the margin off while f prints.
func (v *view) noIndent(f func()) {
	old := v.p.SetIndent(false)
	f()
	v.p.SetIndent(old)
}

func (v *view) newlines(n uint64) uint64 {
	for ; n > 0 && v.c.Err() == nil; n-- {
		v.p.Newline()
	}
	return v.addr
}

// dotName shows the address as symbol+offset.
func (v *view) dotName(n uint64) uint64 {
	symbolic := v.c.Vars.Lookup("_").Value() == 0
	v.noIndent(func() {
		for ; n > 0 && v.c.Err() == nil; n-- {
			if symbolic {
				v.p.Printf("%-#16lla%16T", v.addr)
			} else {
				v.p.Printf("%-16s%16T", v.p.Sprintf("%#llx:", v.addr))
			}
		}
	})
	v.setShown(v.addr)
	return v.addr
}

// maxChars bounds what one C format shows.
const maxChars = 1 << 20

// chars shows n bytes in C's notation, or adb's.
func (v *view) chars(n uint64) uint64 {
	buf := make([]byte, min(n, maxChars))
	got, _ := v.sp.ReadAt(buf, mem.Addr(v.addr))
	if v.c.Opts.Adb {
		v.p.WriteString(adbNotation(buf[:got]))
	} else {
		v.p.WriteString(lang.Escape(string(buf[:got])))
	}
	return v.addr + uint64(got)
}

// adbNotation shows control characters as ^X.
func adbNotation(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		switch c &= 0x7f; {
		case c == 0x7f:
			s.WriteString("^?")
		case c < ' ':
			s.Write([]byte{'^', c + '@'})
		default:
			s.WriteByte(c)
		}
	}
	return s.String()
}

// maxString bounds one string.
const maxString = 1 << 20

func (v *view) rawStrings(n uint64) uint64 {
	return v.strings(n, func(s string) string { return s })
}

func (v *view) escapedStrings(n uint64) uint64 { return v.strings(n, lang.Escape) }

// strings shows n strings that end in NUL, with \0 between them.
func (v *view) strings(n uint64, notation func(string) string) uint64 {
	addr := v.addr
	v.noIndent(func() {
		for ; n > 0 && v.c.Err() == nil; n-- {
			s, err := v.readString(addr)
			v.p.WriteString(notation(s))
			addr += uint64(len(s))
			if err != nil {
				v.readError(err)
				return
			}
			if n > 1 {
				v.p.WriteString(`\0`)
			}
			addr++
		}
	})
	return addr
}

// readString reads the string at addr; a value has its string at every address.
func (v *view) readString(addr uint64) (string, error) {
	if image, ok := v.sp.(valueSpace); ok {
		s, _, _ := strings.Cut(string(image), "\x00")
		return s, nil
	}
	return mem.ReadString(v.sp, mem.Addr(addr), maxString)
}

// instruction decodes one; ok is false if there is none.
func (v *view) instruction(addr uint64) (core.Insn, bool) {
	sp := v.sp
	if image, ok := sp.(valueSpace); ok {
		sp = padded(image)
	}
	in, err := v.c.Disassemble(sp, addr)
	switch {
	case err == core.ErrNoDisasm:
		return in, false
	case err != nil:
		v.c.Warnf("failed to read instruction at %#lr: %s", addr, core.Reason(err))
		return in, false
	}
	return in, true
}

func (v *view) instructions(n uint64) uint64 {
	addr := v.addr
	for ; n > 0 && v.c.Err() == nil; n-- {
		in, ok := v.instruction(addr)
		if !ok {
			break
		}
		v.p.Printf("%s\n", in.Text)
		addr += uint64(in.Len)
	}
	return addr
}

// dotInstructions shows address, first word and text of instructions.
func (v *view) dotInstructions(n uint64) uint64 {
	addr := v.addr
	v.noIndent(func() {
		for ; n > 0 && v.c.Err() == nil; n-- {
			word, err := mem.ReadUint(v.sp, mem.Addr(addr), 4, v.c.Arch().Order)
			if err != nil {
				v.readError(err)
				return
			}
			in, ok := v.instruction(addr)
			if !ok {
				return
			}
			v.p.Printf("%lx %x: %s\n", addr, uint32(word), in.Text)
			addr += uint64(in.Len)
		}
	})
	return addr
}

// bitDiagram shows a number in binary and below it a line for each bit that is
// set, lowest first.
func bitDiagram(v *view, x uint64) {
	high := bits.Len64(x) - 1
	v.p.Printf("%s\n", strconv.FormatUint(x, 2))
	if x == 0 {
		return
	}
	row := make([]byte, high+1)
	for i := range row {
		row[i] = ' '
		if x>>(high-i)&1 != 0 {
			row[i] = '|'
		}
	}
	v.p.Printf("%s\n", strings.TrimRight(string(row), " "))
	for bit := range high + 1 {
		if x>>bit&1 == 0 {
			continue
		}
		gap := ""
		if high >= 10 && bit < 10 {
			gap = " "
		}
		v.p.Printf("%s+%s bit %d%s mask 0x%0*llx\n", string(row[:high-bit]), strings.Repeat("-", bit+2),
			bit, gap, high/4+1, uint64(1)<<bit)
	}
}
