package vars

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind"
	"github.com/xmdb/xmdb/core/unwind/dwexpr"
	"github.com/xmdb/xmdb/core/value"
)

func TestRegisterOf(t *testing.T) {
	for _, tt := range []struct {
		expr string
		reg  uint64
		ok   bool
	}{
		{"\x55", 5, true},
		{"\x90\x11", 17, true},
		{"\xa5\x11\xf1\xbf\x01", 17, true},
		{"\xf5\x11\x2a", 17, true},
		{"", 0, false},
		{"\x55\x9f", 0, false},
		{"\x90", 0, false},
		{"\x75\x00", 0, false}, // breg5: a place, not a register
		{"\xa5\x11", 0, false},
		{"\x90\x11\x94", 0, false},
	} {
		if n, ok := registerOf([]byte(tt.expr)); ok != tt.ok || ok && n != tt.reg {
			t.Errorf("%x: register %d, %v; want %d, %v", tt.expr, n, ok, tt.reg, tt.ok)
		}
	}
}

func FuzzRegisterOf(f *testing.F) {
	f.Add([]byte("\xa5\x11\xf1\xbf\x01"))
	f.Add([]byte("\x90\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, expr []byte) {
		if _, ok := registerOf(expr); ok && len(expr) == 0 {
			t.Error("nothing is a register")
		}
	})
}

// TestFrames: each frame has its callers next to it, however long the stack, and
// knows whether all its registers are its own.
func TestFrames(t *testing.T) {
	const n, signal = 100, 40
	end := errors.New("end")
	level := 0
	for f, err := range Frames(func(yield func(unwind.Frame, error) bool) {
		for i := range n {
			if !yield(unwind.Frame{Level: i, Signal: i == signal}, nil) {
				return
			}
		}
		yield(unwind.Frame{}, end)
	}) {
		if err != nil {
			if level != n || err != end {
				t.Errorf("after %d frames: %v", level, err)
			}
			return
		}
		if f.Level != level || f.Restored != (level == 0 || level == signal+1) {
			t.Errorf("frame %d comes as %d, restored %v", f.Level, level, f.Restored)
		}
		callers := 0
		for c := f.Caller; c != nil; c = c.Caller {
			if callers++; c.Level != f.Level+callers {
				t.Fatalf("caller %d of frame %d is %d", callers, f.Level, c.Level)
			}
		}
		if want := min(lookahead, n-1-level); callers != want {
			t.Errorf("frame %d has %d callers at hand, want %d", level, callers, want)
		}
		level++
	}
	t.Error("the error was not passed on")
}

// TestPlace reads a structure of which one register is left: the other member is
// optimised out.
func TestPlace(t *testing.T) {
	word := ctype.New(nil, 1, ctype.Integer, "int", &ctype.Body{Size: 4, Enc: ctype.Encoding{Signed: true, Bits: 32}})
	pair := ctype.New(nil, 2, ctype.Struct, "pair", &ctype.Body{Size: 8, Members: []ctype.Member{
		{Name: "a", Type: word}, {Name: "b", Type: word, Off: 32}}})
	env := &dwexpr.Env{AddrSize: 8, Order: binary.LittleEndian, Reg: func(n uint64) (uint64, bool) { return 77, n == 3 }}
	for _, tt := range []struct {
		what string
		expr string
		a, b error
	}{
		{"a in rbx, b nowhere", "\x53\x93\x04\x93\x04", nil, value.OptimisedOut},
		{"a in rcx, which is not known", "\x52\x93\x04\x53\x93\x04", value.OptimisedOut, nil},
		{"nowhere", "\x93\x04\x93\x04", value.OptimisedOut, value.OptimisedOut},
	} {
		loc, err := dwexpr.Eval(env, []byte(tt.expr))
		if err != nil {
			t.Fatal(err)
		}
		p := &place{env: env, loc: loc, size: 8}
		v := value.Value{Type: pair, W: &value.World{}, Space: p}
		for name, want := range map[string]error{"a": tt.a, "b": tt.b} {
			m, err := v.Member(name)
			if err != nil {
				t.Fatal(err)
			}
			n, err := m.Int()
			if !errors.Is(err, want) || want == nil && n != 77 {
				t.Errorf("%s: %s is %d, %v", tt.what, name, n, err)
			}
		}
		if err := p.known(); (err != nil) != (tt.a != nil && tt.b != nil) {
			t.Errorf("%s: known: %v", tt.what, err)
		}
		if InMemory(v) {
			t.Errorf("%s: in memory", tt.what)
		}
		if _, err := p.ReadAt(make([]byte, 4), mem.Addr(6)); err == nil {
			t.Errorf("%s: a read past the end succeeds", tt.what)
		}
	}
}
