package out

import (
	"bytes"
	"encoding/binary"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A small interpreter of format verbs, just enough to drive the Printer
// through what MDB was seen to print. The formats are those of mdb's table
// (language.md 6.2).

type verbFormat struct {
	size   int
	format string
	arg    func(raw uint64) any
}

func u32(v uint64) any { return uint32(v) }
func u64(v uint64) any { return v }

var verbFormats = map[byte]verbFormat{
	'B': {1, "%-8x", u32}, 'b': {1, "%-#8o", u32}, 'V': {1, "%-8u", u32},
	'v': {1, "%-8d", func(v uint64) any { return int32(int8(v)) }},
	'c': {1, "%c", u32},
	'd': {2, "%-8hd", u32}, 'u': {2, "%-8hu", u32}, 'o': {2, "%-#8ho", u32},
	'q': {2, "%-#8hq", u32}, 'x': {2, "%-8hx", u32}, 'w': {2, "%-8hr", u32},
	'h': {2, "%-8x", func(v uint64) any { return uint16(v<<8 | v>>8&0xff) }},
	'D': {4, "%-16d", u32}, 'U': {4, "%-16u", u32}, 'O': {4, "%-#16o", u32},
	'Q': {4, "%-#16q", u32}, 'X': {4, "%-16x", u32}, 'W': {4, "%-16r", u32},
	'H': {4, "%-16x", func(v uint64) any {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(v))
		return binary.LittleEndian.Uint32(b[:])
	}},
	'Y': {4, "%-24Y", func(v uint64) any { return int32(v) }},
	'e': {8, "%-21lld", u64}, 'E': {8, "%-21llu", u64},
	'g': {8, "%-24llq", u64}, 'G': {8, "%-23llo", u64},
	'y': {8, "%-24Y", func(v uint64) any { return int64(v) }},
	'f': {4, "%e", func(v uint64) any { return math.Float32frombits(uint32(v)) }},
	'F': {8, "%g", func(v uint64) any { return math.Float64frombits(v) }},
	'p': {8, "%-19a", u64}, 'P': {8, "%-19a", u64},
	'J': {8, "%-16llx", u64}, 'K': {8, "%-16llx", u64}, 'Z': {8, "%-16llx", u64},
	'R': {8, "%-64s", func(v uint64) any { return FormatBinary(v) }},
}

var (
	verbCommand = regexp.MustCompile(`^(0t)?([0-9a-f]+)(?:,([0-9a-f]+))?([/?\\@=])([A-Za-z0-9]+)$`)
	verbsKnown  = "BbVvcduoqxwhDUOQXWHYeEgGyfFpPJKZRCnNrtTaS"
)

type verbRun struct {
	p    *Printer
	mem  []byte // what the verb reads
	base uint64
	dot  uint64
	stay bool // =: numbers do not move dot
}

func (r *verbRun) bytes(n int) []byte {
	b := make([]byte, n)
	if r.dot-r.base < uint64(len(r.mem)) {
		copy(b, r.mem[r.dot-r.base:])
	}
	return b
}

// one prints one format character count times.
func (r *verbRun) one(c byte, count int) {
	p := r.p
	switch c {
	case 'n', 'N':
		for range count {
			p.Newline()
		}
	case 'r':
		p.Blanks(count)
	case 't', 'T':
		p.Tab(count)
	case 'a':
		p.SetIndent(false)
		for range count {
			p.Printf("%-#16lla%16T", r.dot)
		}
		p.SetIndent(true)
	case 'C':
		p.WriteString(EscapeC(r.bytes(count)))
		r.dot += uint64(count)
	case 'S':
		p.SetIndent(false)
		s, _, _ := bytes.Cut(r.mem[r.dot-r.base:], []byte{0})
		p.WriteString(EscapeC(s))
		p.SetIndent(true)
		r.dot += uint64(len(s))
	default:
		for range count {
			r.number(c)
		}
	}
}

func (r *verbRun) number(c byte) {
	f := verbFormats[c]
	var b [8]byte
	copy(b[:], r.bytes(f.size))
	v := binary.LittleEndian.Uint64(b[:])
	switch {
	case strings.IndexByte("JKZ", c) >= 0 && v>>60 != 0:
		f.format = "%-17llx"
	case c == 'R' && v>>63 != 0:
		f.format = "%-65s"
	}
	r.p.Printf(f.format, f.arg(v))
	if !r.stay {
		r.dot += uint64(f.size)
	}
}

// run executes one command; false if it is beyond this interpreter.
func runVerb(p *Printer, data []byte, cmd string) bool {
	m := verbCommand.FindStringSubmatch(cmd)
	if m == nil {
		return false
	}
	for _, c := range []byte(m[5]) {
		if c > '9' && strings.IndexByte(verbsKnown, c) < 0 {
			return false
		}
	}
	base := 16
	if m[1] != "" {
		base = 10
	}
	addr, err := strconv.ParseUint(m[2], base, 64)
	loops := uint64(1)
	if m[3] != "" {
		loops, _ = strconv.ParseUint(m[3], 16, 64)
	}
	if err != nil || loops > 1 && strings.Contains(m[5], "S") {
		return false
	}
	r := &verbRun{p: p, mem: data, dot: addr}
	if m[4] == "=" {
		r.mem, r.base = binary.LittleEndian.AppendUint64(nil, addr), addr
		r.stay = true
	}
	p.SetMargin(16)
	p.SetWrap(true)
	if m[4] != "=" {
		p.Printf("%-#16lla%16T", addr)
	}
	p.SetIndent(true)
	for range loops {
		if m[4] == "=" {
			r.dot = addr
		}
		count := ""
		for _, c := range []byte(m[5]) {
			if c <= '9' {
				count += string(c)
				continue
			}
			n, err := strconv.Atoi(count)
			if err != nil {
				n = 1
			}
			if r.one(c, n); m[4] == "=" {
				r.dot = addr
			}
			count = ""
		}
	}
	p.EndLine()
	p.SetIndent(false)
	p.SetWrap(false)
	return true
}

func TestVerbsObserved(t *testing.T) {
	t.Setenv("TZ", "UTC")
	data := rawFile(t)
	ran := 0
	for _, group := range []string{"eq_formats.jsonl", "eq_multi.jsonl", "raw_slash.jsonl"} {
	next:
		for _, c := range loadObserved(t, group) {
			if c.Stderr != "" {
				continue
			}
			var b strings.Builder
			p := New(&b, nil)
			for _, cmd := range strings.Split(strings.TrimSpace(c.Stdin), "\n") {
				if !runVerb(p, data, cmd) {
					continue next
				}
			}
			p.Flush()
			if b.String() != c.Stdout {
				t.Errorf("%s: %q\n got %q\nwant %q", group, c.Stdin, b.String(), c.Stdout)
			}
			ran++
		}
	}
	t.Log(ran, "cases")
	if ran < 150 {
		t.Errorf("only %d cases ran", ran)
	}
}
