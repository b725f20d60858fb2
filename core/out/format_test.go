package out

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

type namedInt int8

type namedAddr uint64

func testEnv() *Env {
	return &Env{
		Symbol: func(a uint64) (string, bool) {
			if a >= 0x1000 && a < 0x2000 {
				return "main" + map[bool]string{true: FormatOffset(int64(a-0x1000), 16)}[a != 0x1000], true
			}
			return "", false
		},
		Var: func(name string) (uint64, bool) {
			return map[string]uint64{"cpuid": 3, "neg": 1<<64 - 5}[name], name != "none"
		},
	}
}

func TestPrintf(t *testing.T) {
	at := func(radix int) *Env { return &Env{Radix: func() int { return radix }} }
	tests := []struct {
		env    *Env
		format string
		args   []any
		want   string
	}{
		// Prefixes by magnitude, sign before the prefix (language.md 12).
		{nil, "%#r %#r %#r", []any{5, 9, 10}, "5 9 0xa"},
		{nil, "%#d %#d %#d", []any{9, 12, -1}, "9 0t12 -0t1"},
		{at(10), "%#r %r %#R", []any{12, 12, -12}, "0t12 12 -0t12"},
		{at(8), "%#r %#r", []any{7, 8}, "7 0o10"},
		{at(2), "%#r %#r", []any{1, 2}, "1 0i10"},
		{at(3), "%#r", []any{5}, "12"},
		{at(99), "%#r", []any{16}, "0x10"},
		{nil, "%#u %u", []any{12, uint8(200)}, "0t12 200"},
		// Prefixes for all but zero.
		{nil, "%#x %#x %#X %X", []any{3, 0, 0xab, 0xab}, "0x3 0 0XAB AB"},
		{nil, "%#o %#o %#q", []any{8, 0, int32(-8)}, "010 0 0-10"},
		{nil, "%p %#p", []any{uint64(0xfffffe00), uintptr(16)}, "fffffe00 10"},
		// Widths: an argument's own, promoted; h, l.
		{nil, "%x %x %x", []any{int8(-1), int32(-1), int64(-1)}, "ffffffff ffffffff ffffffffffffffff"},
		{nil, "%d %d %d", []any{uint8(255), uint32(1<<32 - 1), uint64(1<<64 - 1)}, "255 -1 -1"},
		{nil, "%u %u", []any{int16(-1), int64(-1)}, "4294967295 18446744073709551615"},
		{nil, "%hd %hx %hu", []any{0x18000, -1, 0x1ffff}, "-32768 ffff 65535"},
		{nil, "%lx %lld %ju %zx", []any{int32(-1), uint32(1<<32 - 1), 7, 8}, "ffffffffffffffff 4294967295 7 8"},
		{nil, "%d %x %d", []any{namedInt(-3), namedAddr(0xff), true}, "-3 ff 1"},
		{nil, "%d", []any{math.MinInt64}, "-9223372036854775808"},
		{nil, "%+d %+d %+u", []any{3, -3, 4}, "+3 -3 +4"},
		// Width and fill. The prefix comes after the left padding.
		{nil, "[%5d][%-5d][%05d]", []any{42, 42, 42}, "[   42][42   ][00042]"},
		{nil, "[%#8x][%-#8x][%#08x]", []any{0xa, 0xa, 0xa}, "[     0xa][0xa     ][000000xa]"},
		{nil, "[%*d][%-*d][%5*d]", []any{4, 1, 3, 2, 2, 9}, "[   1][2  ][ 9]"},
		{nil, "[%?x][%-?p]", []any{1, 2}, "[               1][2               ]"},
		{&Env{PtrSize: func() int { return 4 }}, "[%?x]", []any{1}, "[       1]"},
		{nil, "[%3?x][%?3x]", []any{1, 1}, "[               1][  1]"},
		{nil, "[%5%][%-3%]", nil, "[    %][%  ]"},
		// Strings and characters.
		{nil, "%s|%5s|%-5s|", []any{"ab", "ab", "ab"}, "ab|   ab|ab   |"},
		{nil, "%s %s %s %s", []any{nil, []byte("b"), errors.New("e"), Style(1)}, "<NULL> b e 1"},
		{nil, "%s.", []any{"cut\x00off"}, "cut."},
		{nil, "%c%c|%3c|%c|", []any{'A', 0x142, 'z', 0}, "AB|  z||"},
		{nil, "%-6s|", []any{"a\nbc"}, "a\nbc|"}, // the pad counts to the newline only
		// Symbols.
		{testEnv(), "%a %a %a", []any{0x1000, 0x1003, 5}, "main main+3 5"},
		{testEnv(), "%a %#a|%-8a|", []any{0x1010, 0x1010, 0x20}, "main+0x10 main+0x10:|0x20    |"},
		{testEnv(), "%A|%A|%#A|%#A", []any{0x1000, 5, 5, 0x1001}, "main||?|main+1"},
		{testEnv(), "%-#16lla|%16T", []any{0x1003}, "main+3:         |               "},
		// Floats.
		{nil, "%e %g", []any{1.5, math.Pi}, "+1.5000000e+00 +3.1415926535897931e+00"},
		{nil, "%E %G %e", []any{float32(-2.5), 1e-100, 3}, "-2.5000000E+00 +1.0000000000000000E-100 +3.0000000e+00"},
		{nil, "%e %e %e", []any{math.Inf(1), math.Inf(-1), math.NaN()}, "+Infinity -Infinity +NaN"},
		// Sizes.
		{nil, "%H %H %H %H", []any{0, 1023, 1024, 4096}, "0 1023 1K 4K"},
		{nil, "%H %H %H %H", []any{10241, 10239, 1043968, 1025}, "10.0K 10.0K 1020K 1.00K"},
		{nil, "%H %H %6H|", []any{uint64(1<<64 - 1), 1048575, 1 << 20}, "16.0E 1024K     1M|"},
		// Addresses of the net.
		{nil, "%I %I %I", []any{uint32(0x0100007f), []byte{10, 0, 0, 1}, netip.MustParseAddr("1.2.3.4")}, "127.0.0.1 10.0.0.1 1.2.3.4"},
		{nil, "%N %N", []any{[16]byte{15: 1}, netip.MustParseAddr("fe80::1").AsSlice()}, "::1 fe80::1"},
		// Attributes, variables, tabs, margin.
		{nil, "%<b>x%</b>%<zz>%<>", nil, "x"},
		{testEnv(), "[%<_cpuid>][%4<_neg>][%3<_none>]", nil, "[3][  -5][   ]"},
		{nil, "%<b", nil, ""},
		{nil, "a%tb%2tc%16Td%8Te", nil, "a       b               cd"[:25] + strings.Repeat(" ", 7) + "d       e"},
		{nil, "a\tb", nil, "a       b"},
		{nil, "%4m|%3m|", nil, "    ||"},
		// Faults.
		{nil, "%k%!", nil, "k!"},
		{nil, "%.3d", []any{1}, ".3d"},
		{nil, "100%", nil, "100"},
		{nil, "%5", nil, "     "},
		{nil, "%d %s", []any{1}, "1 <no argument>"},
		{nil, "%d %x", []any{"str", errors.New("bad")}, "str bad"},
		{nil, "%e", []any{"str"}, "str"},
		// Bit names.
		{nil, "%b", []any{5, Bits{{"A", 1, 1}, {"B", 2, 2}, {"C", 4, 4}}}, "A,C"},
		{nil, "%#b", []any{0x15, Bits{{"A", 1, 1}, {"C", 4, 4}}}, "A,C,0x10"},
		{nil, "%#b|%b|%#b", []any{0, Bits{{"A", 1, 1}}, 0, Bits{}, 0x20, nil}, "0||0x20"},
		{nil, "%b", []any{2, Bits{{"ZERO", 1, 0}, {"TWO", 3, 2}}}, "ZERO,TWO"},
	}
	for _, tt := range tests {
		if got := Sprintf(tt.env, tt.format, tt.args...); got != tt.want {
			t.Errorf("%q %v\n got %q\nwant %q", tt.format, tt.args, got, tt.want)
		}
	}
}

func TestTime(t *testing.T) {
	saved := time.Local
	defer func() { time.Local = saved }()
	time.Local = time.UTC
	tests := []struct {
		sec  any
		want string
	}{
		{0, "1970 Jan  1 00:00:00"},
		{int32(-1), "1969 Dec 31 23:59:59"},
		{1596240000, "2020 Aug  1 00:00:00"},
		{uint64(0x77202c6f6c6c6568), "77202c6f6c6c6568"},
		{int64(-0x7000000000000000), "-7000000000000000"},
	}
	for _, tt := range tests {
		if got := Sprintf(nil, "%Y", tt.sec); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.sec, got, tt.want)
		}
	}
	time.Local = time.FixedZone("CET", 3600)
	if got := Sprintf(nil, "%-24Y|", 0); got != "1970 Jan  1 01:00:00    |" {
		t.Errorf("local time: %q", got)
	}
}

func TestInet6(t *testing.T) {
	tests := map[string]string{
		"::": "::", "::1": "::1", "2001:db8::": "2001:db8:0:0::", "fe80::1": "fe80::1",
		"::ffff:1.2.3.4": "::ffff:1.2.3.4", "::1.2.3.4": "::1.2.3.4",
		"1:2:3:4:5:6:7:8": "1:2:3:4:5:6:7:8", "1:0:2:0:0:3:0:4": "1:0:2::3:0:4",
		// More zeros in the second half: only those are shortened.
		"1:0:0:2::": "1:0:0:2::", "1::2:3:0:0:0": "1:0:0:2:3::",
		"ff02::2:0": "ff02::2:0",
	}
	for in, want := range tests {
		if got := FormatInet6(netip.MustParseAddr(in).As16()); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	cells := func(format string, n int) func(*Printer) {
		return func(p *Printer) {
			for range n {
				p.Printf(format, 7)
			}
		}
	}
	tests := []struct {
		name   string
		cols   int
		indent bool
		print  func(*Printer)
		want   string
	}{
		{"last cell of a full line has no blanks", 12, false, cells("%-4x", 4), "7   7   7\n7   "},
		{"cells keep their blanks where the line is not full", 13, false, cells("%-4x", 4), "7   7   7   \n7   "},
		{"a right-aligned cell goes to the next line", 10, false, cells("%4x", 3), "   7   7\n   7"},
		{"literal text goes to the next line whole", 10, false, func(p *Printer) { p.Printf("123456%%abcde") }, "123456%\nabcde"},
		{"a leading newline stays", 6, false, func(p *Printer) { p.Printf("12345%%\nabcdef") }, "12345%\nabcdef"},
		{"long text is split", 4, false, func(p *Printer) { p.WriteString("abcdefghij") }, "abcd\nefgh\nij"},
		{"split text is indented", 6, true, func(p *Printer) { p.WriteString("abcdefgh") }, "  abcd\n  efgh"},
		{"no wrap right after the margin", 8, true, func(p *Printer) { p.Printf("%s", "12345678") }, "  123456\n  78"},
		{"a tab beyond the width is a newline", 10, false, func(p *Printer) { p.Printf("123456789\tx") }, "123456789\nx"},
		{"text up to a newline counts", 10, false, func(p *Printer) { p.Printf("12345678%s", "9\nabcdefgh") }, "123456789\nabcdefgh"},
		{"bit names are not broken", 10, false, func(p *Printer) {
			p.Printf("%b", 7, Bits{{"AAAA", 1, 1}, {"BBBB", 2, 2}, {"CCCC", 4, 4}})
		}, "AAAA,BBBB\n,CCCC"},
		{"fill goes on", 4, false, func(p *Printer) { p.Printf("%6d", 1) }, "    \n 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			p := New(&b, nil)
			p.SetCols(tt.cols)
			p.SetWrap(true)
			p.SetMargin(2)
			p.SetIndent(tt.indent)
			tt.print(p)
			p.Flush()
			if b.String() != tt.want {
				t.Errorf("got %q, want %q", b.String(), tt.want)
			}
		})
	}
}

func TestMargin(t *testing.T) {
	tests := []struct {
		name  string
		print func(*Printer)
		want  string
	}{
		{"a margin alone is erased", func(p *Printer) { p.SetIndent(true); p.EndLine() }, ""},
		{"text is ended", func(p *Printer) { p.SetIndent(true); p.WriteString("x"); p.EndLine() }, strings.Repeat(" ", 16) + "x\n"},
		{"switched off in time", func(p *Printer) { p.SetIndent(true); p.SetIndent(false); p.WriteString("x\n") }, "x\n"},
		{"blanks as wide as the margin count as margin", func(p *Printer) { p.WriteString(strings.Repeat(" ", 16)); p.EndLine() }, ""},
		{"other blanks do not", func(p *Printer) { p.WriteString("   "); p.EndLine() }, "   \n"},
		{"nested", func(p *Printer) {
			p.IncIndent(2)
			p.WriteString("a\n")
			p.IncIndent(2)
			p.WriteString("b\n")
			p.DecIndent(2)
			p.WriteString("c\n")
			p.DecIndent(2)
			p.WriteString("d\n")
		}, "  a\n    b\n  c\nd\n"},
		{"a flush keeps the margin back", func(p *Printer) { p.IncIndent(2); p.Flush(); p.DecIndent(2); p.WriteString("x") }, "x"},
		{"a flush in a line keeps the column", func(p *Printer) { p.WriteString("abc"); p.Flush(); p.Printf("%8Tx") }, "abc     x"},
		{"raw lines", func(p *Printer) { p.IncIndent(2); p.WriteString("x"); p.RawLine([]byte("{}\n")); p.EndLine() }, "  x\n{}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			p := New(&b, nil)
			tt.print(p)
			p.Flush()
			if b.String() != tt.want {
				t.Errorf("got %q, want %q", b.String(), tt.want)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Write(b []byte) (int, error) { return 0, f.err }

func TestWriterError(t *testing.T) {
	p := New(failing{ErrQuit}, nil)
	for range 100000 {
		p.Printf("%s\n", "a line of some length")
	}
	if !errors.Is(p.Err(), ErrQuit) {
		t.Fatalf("error %v", p.Err())
	}
	if cap(p.buf) > 4*flushSize {
		t.Errorf("%d bytes are kept", cap(p.buf))
	}
	var b strings.Builder
	p.w = &b
	p.ClearErr()
	p.Printf("on")
	if p.Flush(); b.String() != "on" {
		t.Errorf("after ClearErr: %q", b.String())
	}
}

func TestLongLine(t *testing.T) {
	var b strings.Builder
	p := New(&b, nil)
	for range 50000 {
		p.WriteString("0123456789")
	}
	if len(p.buf) > 2*lineLimit {
		t.Errorf("%d bytes are buffered", len(p.buf))
	}
	if p.Flush(); b.Len() != 500000 || p.Column() != 500000 {
		t.Errorf("%d bytes, column %d", b.Len(), p.Column())
	}
}

func TestAttributes(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	var b strings.Builder
	p := New(&b, nil)
	p.SetTTY(true)
	p.Printf("%<b>%-4s%</b>|", "x")
	p.Paint(StyleWarning, "w")
	if p.Column() != 6 {
		t.Errorf("column %d", p.Column())
	}
	p.Flush()
	if want := "\x1b[1mx   \x1b[22m|\x1b[31mw\x1b[0m"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	if got := p.Styled(StyleWarning, "mdb: x\n"); got != "\x1b[31mmdb: x\x1b[0m\n" {
		t.Errorf("Styled: %q", got)
	}
	t.Setenv("NO_COLOR", "1")
	b.Reset()
	p.SetTTY(true)
	p.Paint(StyleWarning, "w")
	if p.Flush(); b.String() != "w" {
		t.Errorf("NO_COLOR: %q", b.String())
	}
}

func TestDescribe(t *testing.T) {
	tests := map[string]string{
		"%-16x": "hexadecimal int", "%-21lld": "decimal signed long long", "%-8hr": "default radix unsigned short",
		"%-19a": "symbol", "%g": "double", "text": "text", "%": "text", "%k": "text", "%-#16q": "octal signed int",
		"%c": "character", "%lx": "hexadecimal long", "%zu": "decimal unsigned size", "%-24Y": "time_t",
	}
	for f, want := range tests {
		if got := Describe(f); got != want {
			t.Errorf("%s: %q, want %q", f, got, want)
		}
	}
}

// FuzzPrintf checks that no format panics, that lines keep to the width and
// that Sprintf of a format without conversions is that format.
func FuzzPrintf(f *testing.F) {
	for _, s := range []string{"%-#16lla%16T%b\n", "%*s%?x%<_v>%</b>", "%05.3d%%%", "%H%I%N%Y%e%g%t%m\t", "%99999999999x"} {
		f.Add(s, uint64(0x1234), "text\nmore", 20, true)
	}
	f.Fuzz(func(t *testing.T, format string, n uint64, s string, cols int, indent bool) {
		args := []any{n, s, Bits{{"A", 1, 1}, {s, 2, 2}}, int32(n), float32(n), []byte(s), nil, n, s, n, n, n}
		text := Sprintf(testEnv(), format, args...)
		if !strings.ContainsAny(format, "%\t") && text != format {
			t.Errorf("%q became %q", format, text)
		}
		var b strings.Builder
		p := New(&b, testEnv())
		p.SetCols(cols % 200)
		p.SetMargin(4)
		p.SetWrap(true)
		p.SetIndent(indent)
		p.Printf(format, args...)
		p.EndLine()
		p.Flush()
		for line := range strings.SplitSeq(b.String(), "\n") {
			if len(line) > p.Cols() {
				t.Fatalf("line of %d in %d columns: %q", len(line), p.Cols(), line)
			}
		}
		_ = utf8.ValidString(Describe(format))
	})
}
