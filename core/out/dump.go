package out

import (
	"bytes"
	"math"
	"math/bits"
)

// paragraph is what dumps are aligned to.
const paragraph = 16

// DumpOpts are the flags of mdb_dump64. The zero value dumps one paragraph a
// line in groups of four from the very address, without header and text;
// ::dump itself starts from Align, ASCII and Header.
type DumpOpts struct {
	Relative bool // show offsets from the start, not addresses; implies no Align
	Align    bool // begin at a paragraph
	FullAddr bool // addresses in full width (MDB_DUMP_PEDANT)
	ASCII    bool // the text column
	Header   bool // the line of nibbles
	Trim     bool // show the requested bytes only
	Squish   bool // a star for lines equal to the one before
	Endian   bool // each group as a number; no Align, Header, ASCII

	Width     int  // paragraphs a line, 1 to 16; else 1
	Group     int  // bytes a group; 4 if no power of two that divides the line
	PtrSize   int  // bytes of an address, 4 or 8; else 8
	BigEndian bool // the target's order, for Endian

	// Record, if not nil, takes each line in place of text: the address of the
	// first byte shown and the bytes in the order of memory.
	Record func(addr uint64, data []byte)

	// NewDot, if not nil, is called with the address after the last byte
	// asked for once all of them are printed.
	NewDot func(addr uint64)
}

// A DumpError says where a dump had to stop.
type DumpError struct {
	Addr uint64
	Err  error
}

func (e *DumpError) Error() string {
	return Sprintf(nil, "failed to read data at %#llx: %s", e.Addr, e.Err)
}

func (e *DumpError) Unwrap() error { return e.Err }

// Dump prints n bytes from addr in hex. read fills a part of buf from an
// address and returns how much; 0 without error is the end, where the dump
// ends, too. Lines that can be read are printed before a *DumpError is
// returned. Unless Trim is set whole lines are read and shown.
func Dump(p *Printer, addr, n uint64, o DumpOpts, read func(buf []byte, addr uint64) (int, error)) error {
	d := newDump(p, addr, n, o)
	d.read = read
	if d.Header && d.Record == nil {
		d.header()
	}
	return d.body()
}

type dump struct {
	DumpOpts
	p    *Printer
	read func(buf []byte, addr uint64) (int, error)

	addr, length uint64 // as widened by alignment
	asked        uint64 // bytes asked for
	offset       uint64 // of the address asked for from addr
	last         uint64 // the last address there is

	group, width int
	digits       int // of an address
	mark         int // column of the header's mark
	left, right  int // bytes at the ends of a line that are not shown
}

func newDump(p *Printer, addr, n uint64, o DumpOpts) *dump {
	d := &dump{DumpOpts: o, p: p, addr: addr, length: n, asked: n, group: o.Group, last: math.MaxUint64}
	if d.PtrSize != 4 {
		d.PtrSize = 8
	} else {
		d.last = math.MaxUint32
	}
	if d.Width < 1 || d.Width > 16 {
		d.Width = 1
	}
	d.width = d.Width * paragraph
	if d.group < 1 || d.group&(d.group-1) != 0 || d.width%d.group != 0 {
		d.group = 4
	}
	if d.length != 0 && d.length-1 > d.last-addr {
		d.length = d.last - addr
		if addr != 0 || d.last < math.MaxUint64 {
			d.length++
		}
	}
	if d.Endian {
		d.Align, d.Header, d.ASCII = false, false, false
		if d.Trim {
			d.length -= d.length % uint64(d.group)
		}
	}
	d.align()
	return d
}

// align computes the width of addresses, then the first one, and the margin.
func (d *dump) align() {
	if d.Relative {
		d.Align = false
	} else {
		d.left = int(d.addr % paragraph)
	}
	d.mark = d.left
	d.digits = d.addrDigits()
	if d.Align {
		d.length += uint64(d.left)
		d.addr -= uint64(d.left)
		d.offset = uint64(d.left)
	}
	if !d.Trim || !d.Align {
		d.left = 0
	}
}

func (d *dump) addrDigits() int {
	if d.FullAddr {
		return 2 * d.PtrSize
	}
	x := d.length
	if x > 1 || d.addr != 0 && x == 1 {
		x--
	}
	if !d.Relative {
		x += d.addr
	}
	return (bits.Len64(x) + 3) / 4
}

// cell prints what wrapping must not part.
func (d *dump) cell(s string) {
	if d.p.wrapNow(len(s)) {
		d.p.newline()
	}
	put(d.p, s)
}

// gap prints the blanks before byte i of a line.
func (d *dump) gap(i int) {
	switch {
	case i%d.group != 0:
	case d.group == 1 && i != 0 && i%8 == 0:
		d.cell("  ")
	default:
		d.cell(" ")
	}
}

// header prints the low nibble of each byte's address, with a mark above the
// byte asked for; unaligned the nibbles start with that byte.
func (d *dump) header() {
	shift := 0
	if !d.Align {
		shift = d.mark
	}
	d.p.Printf("%*s  ", d.digits, "")
	for i := range d.width {
		d.gap(i)
		if i == d.mark && d.Align {
			d.cell(`\/`)
		} else {
			nibble := [2]byte{' ', hexDigits[(i+shift)&0xf]}
			d.cell(string(nibble[:]))
		}
	}
	if d.ASCII {
		d.cell("  ")
		for i := range d.width {
			if i == d.mark && d.Align {
				d.cell("v")
			} else {
				at := (i + shift) & 0xf
				d.cell(hexDigits[at : at+1])
			}
		}
	}
	d.p.newline()
}

// line prints one line; bytes within the margins are blank.
func (d *dump) line(addr uint64, buf []byte) {
	if d.Record != nil {
		if to := d.width - d.right; d.left < to {
			d.Record(addr+uint64(d.left), buf[d.left:to])
		}
		return
	}
	d.p.Printf("%0*llx: ", d.digits, addr)
	for i := range d.width {
		d.gap(i)
		if d.hidden(i) {
			d.cell("  ")
			continue
		}
		c := buf[d.source(i)]
		pair := [2]byte{hexDigits[c>>4], hexDigits[c&0xf]}
		d.cell(string(pair[:]))
	}
	if d.ASCII {
		d.cell("  ")
		d.cell(d.text(buf))
	}
	d.p.newline()
}

func (d *dump) hidden(i int) bool { return i < d.left || d.width-i <= d.right }

// source is the byte to show in place i: groups are turned round to make
// numbers of them.
func (d *dump) source(i int) int {
	if !d.Endian || d.BigEndian {
		return i
	}
	return d.group*(i/d.group+1) - i%d.group - 1
}

func (d *dump) text(buf []byte) string {
	var b [16 * paragraph]byte
	for i, c := range buf[:d.width] {
		switch {
		case d.hidden(i):
			b[i] = ' '
		case c < ' ' || c > '~':
			b[i] = '.'
		default:
			b[i] = c
		}
	}
	return string(b[:d.width])
}

// body reads and prints the lines.
func (d *dump) body() error {
	var bufs [2][16 * paragraph]byte
	var failed error
	var i uint64
	same, starred, empty := false, false, false // same: the line before counts
	for cur := 0; i < d.length && d.right == 0; cur ^= 1 {
		buf := bufs[cur][:d.width]
		if d.lastLine(i) {
			same = false
		}
		var short bool
		short, empty, failed = d.fillLine(buf, i)
		if empty {
			i += uint64(d.width)
			break
		}
		if short {
			same = false
		}
		if d.Squish && same && bytes.Equal(buf, bufs[cur^1][:d.width]) {
			if !starred && d.Record == nil {
				d.p.Printf("*\n")
			}
			starred = true
		} else {
			d.line(d.shown(i), buf)
			starred = false
		}
		same = same || d.left == 0
		d.left = 0
		i += uint64(d.width)
	}
	return d.finish(i, failed)
}

// shown is the address printed before the line at offset i.
func (d *dump) shown(i uint64) uint64 {
	if d.Relative {
		return i
	}
	return d.addr + i
}

// lastLine sets the right margin if the line at offset i is the last one.
func (d *dump) lastLine(i uint64) bool {
	if uint64(d.width) < d.length-i {
		return false
	}
	if d.Trim {
		d.right = d.width - int(d.length-i)
	}
	if rest := d.last - (d.addr + i); uint64(d.width)-1 > rest {
		d.right = max(d.right, d.width-int(rest)-1)
	}
	return true
}

// fillLine reads the line at offset i between the margins. What cannot be read
// before the first byte asked for widens the left margin, anything else the
// right one and makes the line short; empty says that nothing was read.
func (d *dump) fillLine(buf []byte, i uint64) (short, empty bool, err error) {
	at, end := d.left, d.width-d.right
	for at < end {
		n, rerr := d.read(buf[at:end], d.addr+i+uint64(at))
		if n > 0 {
			at += min(n, end-at)
			continue
		}
		if i+uint64(at) < d.offset {
			d.left++
			at++
			continue
		}
		d.right += end - at
		return true, at == d.left, rerr
	}
	return false, false, nil
}

func (d *dump) finish(i uint64, failed error) error {
	end := i - uint64(d.right)
	if end-d.offset >= d.asked {
		if d.NewDot != nil {
			d.NewDot(d.addr + d.offset + d.asked)
		}
		return nil
	}
	if failed != nil {
		return &DumpError{Addr: d.addr + end, Err: failed}
	}
	return nil
}
