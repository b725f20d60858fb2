package unwind

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind/cfi"
	"github.com/xmdb/xmdb/core/unwind/dwexpr"
)

// chunks is memory made of pieces at addresses.
type chunks map[uint64][]byte

func (c chunks) ReadAt(p []byte, a mem.Addr) (int, error) {
	for base, b := range c {
		if uint64(a) >= base && uint64(a)-base < uint64(len(b)) {
			n := copy(p, b[uint64(a)-base:])
			if n < len(p) {
				return n, mem.Fault(a+mem.Addr(n), mem.ErrUnmapped)
			}
			return n, nil
		}
	}
	return 0, mem.Fault(a, mem.ErrUnmapped)
}

// words is memory that holds 64-bit integers.
func words(v ...uint64) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}

// fn is a function with its call frame instructions. A signal function is a
// trampoline.
type fn struct {
	start, end uint64
	prog       []byte
	signal     bool
}

// code is Tables with one table of functions, and Code for executable ranges.
type code struct {
	table *cfi.Table
	fns   []fn
	exec  [][2]uint64
}

func (c *code) CFI(pc uint64) (*cfi.Table, uint64, bool) {
	for _, f := range c.fns {
		if pc >= f.start && pc < f.end {
			return c.table, 0, true
		}
	}
	return nil, 0, false
}

func (c *code) Executable(pc uint64) bool {
	for _, r := range c.exec {
		if pc >= r[0] && pc < r[1] {
			return true
		}
	}
	return false
}

// amd64CIE: CFA is rsp+8, the return address at CFA-8.
var amd64CIE = []byte{1, 0x78, 16, 0x0c, 7, 8, 0x90, 1}

// arm64CIE: CFA is sp, nothing saved; data alignment -8.
var arm64CIE = []byte{1, 0x78, 30, 0x0c, 31, 0}

// assemble makes .eh_frame with a CIE for ordinary functions and one for signal
// trampolines.
func assemble(t testing.TB, cie []byte, fns ...fn) *code {
	t.Helper()
	le := binary.LittleEndian
	var b []byte
	entry := func(id func(at int) uint32, body []byte) int {
		at := len(b)
		b = le.AppendUint32(b, uint32(4+len(body)))
		b = le.AppendUint32(b, id(len(b)))
		b = append(b, body...)
		return at
	}
	cies := map[bool]int{}
	for signal, aug := range map[bool]string{false: "zR\x00", true: "zRS\x00"} {
		body := append([]byte{1}, aug...)
		body = append(body, cie[:3]...)
		body = append(body, 1, 0)
		cies[signal] = entry(func(int) uint32 { return 0 }, append(body, cie[3:]...))
	}
	for _, f := range fns {
		body := le.AppendUint64(le.AppendUint64(nil, f.start), f.end-f.start)
		entry(func(at int) uint32 { return uint32(at - cies[f.signal]) }, append(append(body, 0), f.prog...))
	}
	tab, err := cfi.New(cfi.Config{EHFrame: cfi.Section{Data: b, Addr: 0x9000000}, PtrSize: 8, Order: le})
	if err != nil {
		t.Fatal(err)
	}
	return &code{table: tab, fns: fns, exec: [][2]uint64{{0x1000, 0x8000}}}
}

func amd64Regs(pc, sp, fp uint64) Regs {
	var r Regs
	r.Set(16, pc)
	r.Set(7, sp)
	r.Set(6, fp)
	return r
}

// brief writes frames as "pc/source" and what ended them.
func brief(u *Unwinder, r Regs) string {
	frames, err := collect(u, r)
	var s []string
	for _, f := range frames {
		one := fmt.Sprintf("%#x/%v", f.PC, f.Source)
		if f.Signal {
			one += "/trampoline"
		}
		if f.Exact && f.Level > 0 {
			one += "/exact"
		}
		s = append(s, one)
	}
	if err != nil {
		s = append(s, err.Error())
	}
	return strings.Join(s, " ")
}

var (
	undefinedRA = []byte{0x07, 16}
	frame16     = []byte{0x0e, 16} // CFA is rsp+16
)

func TestWalk(t *testing.T) {
	sigctx := make([]uint64, 40) // ucontext at its start: rsp at 160, rip at 168, rbp at 120
	sigctx[160/8], sigctx[168/8], sigctx[120/8] = 0x20100, 0x3008, 0x77
	for _, tt := range []struct {
		name string
		fns  []fn
		mem  chunks
		regs Regs
		want string
	}{
		{"undefined return address ends it",
			[]fn{{0x1000, 0x1100, nil, false}, {0x2000, 0x2100, undefinedRA, false}},
			chunks{0x20000: words(0x2010)}, amd64Regs(0x1000, 0x20000, 0), "0x1000/entry 0x2010/cfi"},
		{"return address 0 ends it",
			[]fn{{0x1000, 0x1100, nil, false}},
			chunks{0x20000: words(0)}, amd64Regs(0x1000, 0x20000, 0), "0x1000/entry"},
		{"a call as the last instruction",
			[]fn{{0x1000, 0x1100, nil, false}, {0x2000, 0x2100, frame16, false}, {0x2100, 0x2200, undefinedRA, false}},
			chunks{0x20000: words(0x2100, 0xdead, 0)}, amd64Regs(0x1000, 0x20000, 0), "0x1000/entry 0x2100/cfi"},
		{"call through a null pointer",
			[]fn{{0x2000, 0x2100, undefinedRA, false}},
			chunks{0x20000: words(0x2010)}, amd64Regs(0, 0x20000, 0), "0x0/entry 0x2010/guess"},
		{"call through a wild pointer",
			[]fn{{0x2000, 0x2100, undefinedRA, false}},
			chunks{0x20000: words(0x2010)}, amd64Regs(0xdeadbeef, 0x20000, 0x20000), "0xdeadbeef/entry 0x2010/guess"},
		{"frame pointers where there are no tables",
			[]fn{{0x2000, 0x2100, undefinedRA, false}},
			chunks{0x20000: words(0x20020, 0x3100, 0, 0, 0, 0x2010), 0x3000: make([]byte, 0x200)},
			amd64Regs(0x3000, 0x1fff0, 0x20000), "0x3000/entry 0x3100/fp 0x2010/fp"},
		{"frame pointer 0 ends it",
			nil, chunks{0x20000: words(0, 0x3100), 0x3000: make([]byte, 0x200)},
			amd64Regs(0x3000, 0x1fff0, 0x20000), "0x3000/entry 0x3100/fp"},
		{"frame pointer that goes down",
			nil, chunks{0x20000: words(0x1f000, 0x3100), 0x1f000: words(0x20000, 0x3200), 0x3000: make([]byte, 0x300)},
			amd64Regs(0x3000, 0x1fff0, 0x20000), "0x3000/entry 0x3100/fp frame at 0x3100: no call frame information and no frame pointer"},
		{"frame pointer to data",
			nil, chunks{0x20000: words(0x20040, 0x123456), 0x3000: make([]byte, 16)},
			amd64Regs(0x3000, 0x1fff0, 0x20000), "0x3000/entry frame at 0x3000: no call frame information and no frame pointer"},
		{"first instruction: push %rbp",
			[]fn{{0x2000, 0x2100, undefinedRA, false}},
			chunks{0x20000: words(0x2010), 0x3000: {0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5}},
			amd64Regs(0x3000, 0x20000, 0x20100), "0x3000/entry 0x2010/guess"},
		{"second instruction: mov %rsp,%rbp",
			[]fn{{0x2000, 0x2100, undefinedRA, false}},
			chunks{0x20000: words(0x20100, 0x2010), 0x3000: {0x55, 0x48, 0x89, 0xe5}},
			amd64Regs(0x3001, 0x20000, 0x20100), "0x3001/entry 0x2010/guess"},
		{"last instruction: ret",
			[]fn{{0x2000, 0x2100, undefinedRA, false}},
			chunks{0x20000: words(0x2010), 0x3000: {0xc3}},
			amd64Regs(0x3000, 0x20000, 0x20100), "0x3000/entry 0x2010/guess"},
		{"leaf without a frame: the frame pointer is the caller's",
			[]fn{{0x2000, 0x2100, undefinedRA, false}},
			// 0x3100 calls 0x3000, which begins with mov, and 0x2010 is above.
			chunks{0x20000: words(0x3105, 0, 0x20100, 0x2010), 0x3000: {0x89, 0xf8, 0x90, 0x90}, 0x30f0: {0x10: 0xe8, 0xfb, 0xfe, 0xff, 0xff}},
			amd64Regs(0x3002, 0x20000, 0x20010), "0x3002/entry 0x3105/guess 0x2010/fp"},
		{"a return address below locals is not a leaf's",
			[]fn{{0x2000, 0x2100, undefinedRA, false}},
			// The function called begins with push %rbp: the word is left over.
			chunks{0x20000: words(0x3105, 0, 0x20100, 0x2010), 0x3000: {0x55, 0x48, 0x89, 0xe5, 0x90, 0x90}, 0x30f0: {0x10: 0xe8, 0xfb, 0xfe, 0xff, 0xff}},
			amd64Regs(0x3004, 0x20000, 0x20010), "0x3004/entry 0x2010/fp"},
		{"a frame that a fault makes look called, at the start of its function",
			[]fn{{0x1000, 0x1100, nil, false}, {0x2000, 0x2100, nil, false}, {0x3000, 0x3100, undefinedRA, false}},
			chunks{0x20000: words(0x2000, 0x3010)}, amd64Regs(0x1000, 0x20000, 0), "0x1000/entry 0x2000/cfi/exact 0x3010/cfi"},
		{"nothing but a return address on the stack",
			[]fn{{0x2000, 0x2100, undefinedRA, false}},
			chunks{0x20000: words(7, 0x2020, 0x2010), 0x3000: {0x90}, 0x2000: {
				0x8: 0x90, 0xb: 0xe8, 0x10: 0x90, 0x20: 0x90}}, // only 0x2010 is after a call
			amd64Regs(0x3000, 0x20000, 5), "0x3000/entry 0x2010/guess"},
		{"signal trampoline without tables, at the end of a function with some",
			[]fn{{0x1000, 0x1100, nil, false}, {0x2000, 0x2100, frame16, false}, {0x3000, 0x3100, undefinedRA, false}},
			chunks{0x20000: words(append([]uint64{0x2100}, sigctx...)...), 0x2100: {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}},
			amd64Regs(0x1000, 0x20000, 0), "0x1000/entry 0x2100/cfi/trampoline 0x3008/signal/exact"},
		{"trampoline with tables; the interrupted PC is exact",
			// r7 and r16 are at rsp+160 and rsp+168: expressions of breg7.
			[]fn{{0x1000, 0x1100, nil, false},
				{0x20ff, 0x2110, []byte{0x0f, 3, 0x77, 0xa0, 1, 0x10, 7, 3, 0x77, 0xa0, 1, 0x10, 16, 3, 0x77, 0xa8, 1}, true},
				{0x3000, 0x3008, frame16, false}, {0x3008, 0x3100, undefinedRA, false}},
			chunks{0x20000: words(append([]uint64{0x2100}, sigctx...)...)},
			amd64Regs(0x1000, 0x20000, 0), "0x1000/entry 0x2100/cfi/trampoline 0x3008/cfi/exact"},
		{"signal at PC 0",
			[]fn{{0x1000, 0x1100, nil, false},
				{0x20ff, 0x2110, []byte{0x10, 7, 2, 0x77, 0x10, 0x10, 16, 2, 0x77, 0x08}, true},
				{0x3000, 0x3100, undefinedRA, false}},
			chunks{0x20000: words(0x2100, 0, 0, 0x10000), 0x10000: words(0x3010)},
			amd64Regs(0x1000, 0x20000, 0), "0x1000/entry 0x2100/cfi/trampoline 0x0/cfi/exact 0x3010/guess"},
		{"stack pointer does not advance",
			[]fn{{0x1000, 0x1100, []byte{0x0e, 0}, false}},
			chunks{0x1fff8: words(0x1010)}, amd64Regs(0x1000, 0x20000, 0),
			"0x1000/entry frame at 0x1000: stack pointer did not advance"},
		{"a trampoline that returns to itself",
			[]fn{{0x2000, 0x2110, []byte{0x10, 7, 2, 0x77, 0x08, 0x10, 16, 2, 0x77, 0x00}, true}},
			chunks{0x20000: words(0x2000, 0x20000)}, amd64Regs(0x2000, 0x20000, 0),
			"0x2000/entry/trampoline 0x2000/cfi/trampoline/exact frame at 0x2000: frames repeat"},
		{"unreadable return address",
			[]fn{{0x1000, 0x1100, nil, false}}, chunks{}, amd64Regs(0x1000, 0x20000, 0),
			"0x1000/entry frame at 0x1000: read the return address: 0x20000: no mapping for address"},
		{"no rule for the return address",
			[]fn{{0x1000, 0x1100, []byte{0xd0, 0x09, 16, 40}, false}}, chunks{0x20000: words(1)}, amd64Regs(0x1000, 0x20000, 0),
			"0x1000/entry frame at 0x1000: no rule for the return address"},
		{"bad table, good frame pointer",
			[]fn{{0x1000, 0x1100, []byte{0x3f}, false}, {0x2000, 0x2100, undefinedRA, false}},
			chunks{0x20000: words(0x20100, 0x2010), 0x1000: make([]byte, 16)}, amd64Regs(0x1000, 0x1fff0, 0x20000), "0x1000/entry 0x2010/fp"},
		{"no PC", nil, chunks{}, Regs{}, "frame at 0x0: program counter is not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := New(AMD64, tt.mem, assemble(t, amd64CIE, tt.fns...))
			for range 2 { // from the tables, then from the cache
				if got := brief(u, tt.regs); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			}
		})
	}
}

// TestRules applies every kind of rule and looks at the caller's registers.
func TestRules(t *testing.T) {
	prog := []byte{
		0x0e, 32, // CFA = rsp+32
		0x83, 2, // rbx at CFA-16
		0x86, 3, // rbp at CFA-24
		0x14, 12, 1, // r12 = CFA-8
		0x09, 13, 0, // r13 in rax
		0x07, 14, // r14 undefined
		0x08, 15, // r15 same value
		0x16, 8, 2, 0x23, 0x18, // r8 = CFA+24 by expression
		0x10, 9, 1, 0x20, // r9 at ~CFA: unreadable
		0x85, 0xff, 0x7f, // rdi saved outside of the stack
	}
	c := assemble(t, amd64CIE, fn{0x1000, 0x1100, prog, false}, fn{0x2000, 0x2100, undefinedRA, false})
	m := chunks{0x20000: words(0, 6, 3, 0x2010)}
	r := amd64Regs(0x1000, 0x20000, 66)
	for n, v := range map[int]uint64{0: 100, 1: 101, 12: 112, 13: 113, 14: 114, 15: 115} {
		r.Set(n, v)
	}
	frames, err := collect(New(AMD64, m, c), r)
	if err != nil || len(frames) != 2 {
		t.Fatalf("%v\n%s", err, describe(frames))
	}
	f := frames[1]
	for n, want := range map[int]uint64{0: 100, 1: 101, 3: 3, 6: 6, 7: 0x20020, 8: 0x20038, 12: 0x20018, 13: 100, 15: 115, 16: 0x2010} {
		if v, ok := f.Regs.Get(n); !ok || v != want {
			t.Errorf("register %d = %#x, %v; want %#x", n, v, ok, want)
		}
	}
	for _, n := range []int{2, 5, 9, 14, -1, MaxRegs} {
		if v, ok := f.Regs.Get(n); ok {
			t.Errorf("register %d = %#x, want unknown", n, v)
		}
	}
	for n, want := range map[int]bool{0: true, 1: true, 3: false, 15: false, 13: false, 16: false} {
		if f.Regs.Stale(n) != want {
			t.Errorf("register %d stale: %v", n, !want)
		}
	}
	if f.SP != 0x20020 || f.FP != 6 || frames[0].CFA != 0x20020 || f.CodeAddr() != 0x200f || f.Exact || !frames[0].Exact {
		t.Errorf("frame %+v", f)
	}
	env := New(AMD64, m, c).Env(&f)
	if v, err := dwexpr.EvalAddr(env, []byte{0x73, 4}); err != nil || v != 7 { // breg3+4
		t.Errorf("rbx+4 = %d, %v", v, err)
	}
	if _, err := dwexpr.EvalAddr(env, []byte{0x72, 0}); !errors.Is(err, dwexpr.ErrOptimisedOut) { // breg2
		t.Errorf("rcx: %v", err)
	}
	if v, err := dwexpr.EvalAddr(New(AMD64, m, c).Env(&frames[0]), []byte{0x9c}); err != nil || v != 0x20020 {
		t.Errorf("CFA = %#x, %v", v, err)
	}
	a := f.Regs.ToArch(arch.AMD64)
	if v, ok := a.Get("rbx"); !ok || v != 3 {
		t.Errorf("rbx = %d, %v", v, ok)
	}
	if v, ok := a.Get("rax"); ok {
		t.Errorf("stale rax = %d is shown", v)
	}
}

// symbols adds the start of one function to Tables.
type symbols struct {
	*code
	start uint64
}

func (s symbols) FuncStart(pc uint64) (uint64, bool) { return s.start, pc >= s.start }

// TestLeafBySymbol: a leaf that was called through a pointer is known for one by
// its symbol.
func TestLeafBySymbol(t *testing.T) {
	c := assemble(t, amd64CIE, fn{0x2000, 0x2100, undefinedRA, false})
	m := chunks{0x20000: words(0x3102, 0, 0x20100, 0x2010), 0x3000: {0x89, 0xf8, 0x90, 0x90}, 0x30f0: {0x10: 0xff, 0xd0}}
	r := amd64Regs(0x3002, 0x20000, 0x20010)
	if got, want := brief(New(AMD64, m, symbols{c, 0x3000}), r), "0x3002/entry 0x3102/guess 0x2010/fp"; got != want {
		t.Errorf("with symbol: %s, want %s", got, want)
	}
	if got, want := brief(New(AMD64, m, c), r), "0x3002/entry 0x2010/fp"; got != want {
		t.Errorf("without: %s, want %s", got, want)
	}
}

// endless is a stack of equal frames as deep as the address space.
type endless struct{ reads int }

func (e *endless) ReadAt(p []byte, a mem.Addr) (int, error) {
	e.reads++
	for i := range p {
		p[i] = words(0x1010)[(int(a)+i)%8]
	}
	return len(p), nil
}

func TestDeepRecursion(t *testing.T) {
	c := assemble(t, amd64CIE, fn{0x1000, 0x1100, nil, false})
	u := New(AMD64, &endless{}, c)
	n := 0
	for f, err := range u.Frames(context.Background(), amd64Regs(0x1000, 0x20000, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		if f.SP != 0x20000+8*uint64(n) {
			t.Fatalf("frame %d: sp %#x", n, f.SP)
		}
		if n++; n == 1_000_000 {
			break
		}
	}
	u.MaxFrames = 10
	frames, err := collect(u, amd64Regs(0x1000, 0x20000, 0))
	if len(frames) != 10 || !errors.Is(err, ErrTooDeep) {
		t.Errorf("%d frames, %v", len(frames), err)
	}
	u.MaxFrames = 0
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n = 0
	var last error
	for _, last = range u.Frames(ctx, amd64Regs(0x1000, 0x20000, 0)) {
		if n++; n == 1000 {
			cancel()
		}
	}
	if n > 2000 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d frames after cancelling, %v", n, last)
	}
}

// TestOneReadPerFrame: all saved registers of a frame come with one read.
func TestOneReadPerFrame(t *testing.T) {
	c := assemble(t, amd64CIE, fn{0x1000, 0x1100, []byte{0x0e, 64, 0x83, 7, 0x86, 6, 0x8c, 5, 0x8d, 4, 0x8e, 3, 0x8f, 2}, false})
	m := &endless{}
	u := New(AMD64, m, c)
	u.MaxFrames = 100
	frames, _ := collect(u, amd64Regs(0x1000, 0x20000, 0))
	if len(frames) != 100 || m.reads != 100 {
		t.Errorf("%d frames, %d reads", len(frames), m.reads)
	}
}

// TestARM64 walks leaf, signed and saved return addresses in a link register.
func TestARM64(t *testing.T) {
	signed := uint64(0x00aa_0000_0000_3010)
	c := assemble(t, arm64CIE,
		fn{0x1000, 0x1100, nil, false}, // leaf
		// paciasp; stp x29, x30, [sp, #-16]!
		fn{0x2000, 0x2100, []byte{0x2d, 0x0e, 16, 0x9d, 2, 0x9e, 1}, false},
		fn{0x3000, 0x3100, []byte{0x07, 30}, false})
	u := New(ARM64, chunks{0x20000: words(0x20020, signed)}, c)
	u.PACMask = 0xff << 48
	var r Regs
	r.Set(32, 0x1004)
	r.Set(31, 0x20000)
	r.Set(30, 0x2010)
	if got, want := brief(u, r), "0x1004/entry 0x2010/cfi 0x3010/cfi"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// A frame that is not a leaf cannot return to its link register.
	c = assemble(t, arm64CIE, fn{0x1000, 0x1100, nil, false})
	r.Set(30, 0x1010)
	if got, want := brief(New(ARM64, chunks{}, c), r), "0x1004/entry 0x1010/cfi frame at 0x1010: stack pointer did not advance"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFromArch: names of MDB to numbers of DWARF and back.
func TestFromArch(t *testing.T) {
	in := arch.NewRegs(arch.AMD64)
	in.Set("rip", 1)
	in.Set("rsp", 2)
	in.Set("rdi", 3)
	r, err := FromArch(in)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]uint64{16: 1, 7: 2, 5: 3} {
		if v, ok := r.Get(n); !ok || v != want {
			t.Errorf("register %d = %d, %v", n, v, ok)
		}
	}
	if _, ok := r.Get(0); ok {
		t.Error("rax is known")
	}
	if _, err := FromArch(arch.NewRegs(&arch.Arch{Name: "vax"})); err == nil {
		t.Error("an architecture without unwinder was taken")
	}
}
