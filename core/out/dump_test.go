package out

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// observed is one case of what MDB answered (testdata/*.jsonl).
type observed struct {
	Argv   []string
	Stdin  string
	Stdout string
	Stderr string
}

// loadObserved reads a group. The files are UTF-8 of Latin-1: a character is
// a byte of the output.
func loadObserved(t *testing.T, name string) (list []observed) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var o observed
		if err := json.Unmarshal(sc.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		o.Stdout = latin1(o.Stdout)
		list = append(list, o)
	}
	if err := sc.Err(); err != nil || len(list) == 0 {
		t.Fatalf("%s: %d cases, %v", name, len(list), err)
	}
	return list
}

func latin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

func rawFile(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/raw.bin")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readerOf(data []byte) func([]byte, uint64) (int, error) {
	return func(buf []byte, addr uint64) (int, error) {
		if addr >= uint64(len(data)) {
			return 0, nil
		}
		return copy(buf, data[addr:]), nil
	}
}

var dumpCommand = regexp.MustCompile(`^([0-9a-f]*)(?:,([0-9a-f]+))?::dump ?(.*)$`)

// dumpOptions is what ::dump makes of its arguments.
func dumpOptions(t *testing.T, args string) (o DumpOpts, ok bool) {
	o = DumpOpts{Align: true, ASCII: true, Header: true, Width: 1, Group: 4}
	words := strings.Fields(args)
	for i := 0; i < len(words); i++ {
		for _, c := range words[i][1:] {
			switch c {
			case 'e':
				o.Endian = true
			case 'q':
				o.ASCII = false
			case 'r':
				o.Relative, o.Align = true, false
			case 's':
				o.Squish = true
			case 't':
				o.Trim = true
			case 'u':
				o.Align = false
			case 'v':
				o.FullAddr = true
			case 'f', 'p':
			case 'g', 'w':
				if i+1 == len(words) {
					return o, false
				}
				i++
				n, err := strconv.ParseUint(words[i], 16, 32)
				if err != nil {
					t.Fatal(err)
				}
				if c == 'g' {
					o.Group = int(n)
				} else {
					o.Width = int(n)
				}
			default:
				return o, false
			}
		}
	}
	return o, o.Width >= 1 && o.Width <= 16
}

func TestDumpObserved(t *testing.T) {
	data := rawFile(t)
	ran := 0
	for _, c := range loadObserved(t, "raw_dump.jsonl") {
		if strings.Contains(c.Stderr, "Usage") {
			continue // options are the command's to judge
		}
		t.Run(c.Stdin, func(t *testing.T) {
			var b strings.Builder
			p := New(&b, nil)
			dot := uint64(0)
			for _, cmd := range strings.Split(strings.TrimSpace(c.Stdin), "\n") {
				if cmd == ".=X" {
					p.Printf("%16s%-16x\n", "", dot)
					continue
				}
				m := dumpCommand.FindStringSubmatch(cmd)
				if m == nil {
					t.Fatalf("%q is not understood", cmd)
				}
				o, ok := dumpOptions(t, m[3])
				if !ok {
					t.Fatalf("%q has options that MDB refused", cmd)
				}
				addr, n := dot, uint64(1)
				if m[1] != "" {
					addr, _ = strconv.ParseUint(m[1], 16, 64)
				}
				if m[2] != "" {
					n, _ = strconv.ParseUint(m[2], 16, 64)
				}
				o.NewDot = func(a uint64) { dot = a }
				if err := Dump(p, addr, n, o, readerOf(data)); err != nil {
					t.Error(err)
				}
			}
			p.EndLine()
			p.Flush()
			if diff := cmp.Diff(c.Stdout, b.String()); diff != "" {
				t.Error(diff)
			}
		})
		ran++
	}
	if ran < 28 {
		t.Errorf("only %d cases ran", ran)
	}
}

func TestDump(t *testing.T) {
	bad := errors.New("no mapping for address")
	zeros := func(buf []byte, addr uint64) (int, error) { clear(buf); return len(buf), nil }
	tests := []struct {
		name    string
		addr, n uint64
		o       DumpOpts
		read    func([]byte, uint64) (int, error)
		want    string
		err     string
		dot     uint64
	}{
		{
			name: "squish", addr: 0, n: 0x50, o: DumpOpts{Squish: true}, read: zeros, dot: 0x50,
			want: "00:  00000000 00000000 00000000 00000000\n*\n40:  00000000 00000000 00000000 00000000\n",
		},
		{
			name: "error after a line", addr: 0x1000, n: 0x20, o: DumpOpts{},
			read: func(buf []byte, addr uint64) (int, error) {
				if addr >= 0x1010 {
					return 0, bad
				}
				return zeros(buf, addr)
			},
			want: "1000:  00000000 00000000 00000000 00000000\n",
			err:  "failed to read data at 0x1010: no mapping for address",
		},
		{
			name: "unreadable before the address is no error", addr: 0x1004, n: 4, o: DumpOpts{Align: true, ASCII: true},
			read: func(buf []byte, addr uint64) (int, error) {
				if addr < 0x1004 {
					return 0, bad
				}
				return zeros(buf, addr)
			},
			want: "1000:           00000000 00000000 00000000      ............\n", dot: 0x1008,
		},
		{
			name: "end of a 32-bit space", addr: 0xfffffff8, n: 0x10, o: DumpOpts{PtrSize: 4}, read: zeros,
			want: "fffffff8:  00000000 00000000                  \n",
		},
		{
			name: "end of a 64-bit space", addr: 0xfffffffffffffff8, n: 8, o: DumpOpts{}, read: zeros,
			want: "fffffffffffffff8:  00000000 00000000                  \n",
		},
		{name: "full width", addr: 1, n: 1, o: DumpOpts{FullAddr: true, Trim: true}, read: zeros, dot: 2,
			want: "0000000000000001:  00                                 \n"},
		{name: "big-endian", addr: 0, n: 4, o: DumpOpts{Endian: true, BigEndian: true, Trim: true}, dot: 4,
			read: readerOf([]byte{1, 2, 3, 4}), want: "0:  01020304                           \n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			p := New(&b, nil)
			var dot uint64
			tt.o.NewDot = func(a uint64) { dot = a }
			err := Dump(p, tt.addr, tt.n, tt.o, tt.read)
			p.Flush()
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Error(diff)
			}
			if msg := errText(err); msg != tt.err {
				t.Errorf("error %q, want %q", msg, tt.err)
			}
			if tt.err != "" && !errors.Is(err, bad) {
				t.Error("the cause is lost")
			}
			if dot != tt.dot {
				t.Errorf("dot %#x, want %#x", dot, tt.dot)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzDump checks that no options or reader make Dump panic or go on forever.
func FuzzDump(f *testing.F) {
	f.Add(uint64(5), uint64(0x21), uint16(0x7f), 2, 8, uint8(3))
	f.Add(^uint64(0), uint64(1), uint16(0xff), 16, 256, uint8(0))
	f.Fuzz(func(t *testing.T, addr, n uint64, flags uint16, width, group int, chunk uint8) {
		on := func(bit int) bool { return flags>>bit&1 != 0 }
		o := DumpOpts{Relative: on(0), Align: on(1), FullAddr: on(2), ASCII: on(3), Header: on(4),
			Trim: on(5), Squish: on(6), Endian: on(7), BigEndian: on(8), Width: width, Group: group}
		if on(9) {
			o.PtrSize, addr = 4, addr&0xffffffff
		}
		var p Printer
		p.SetCols(40)
		p.SetWrap(on(10))
		_ = Dump(&p, addr, n%4096, o, func(buf []byte, at uint64) (int, error) {
			return min(len(buf), int(chunk)), nil
		})
	})
}
