package value

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func TestNavigate(t *testing.T) {
	p := openProg(t)
	n1 := p.value("n1", "")
	next, err := n1.Member("next")
	if err != nil {
		t.Fatal(err)
	}
	n2, err := next.Deref()
	if err != nil || uint64(n2.Addr) != p.syms["n2"].Value {
		t.Fatalf("n1.next is at %v: %v", n2.Addr, err)
	}
	for path, want := range map[string]int64{"val": 1, "next->val": -2, "bf3": -3, "bf4": 0x1ffffffff, "un.s.lo": 0x4344,
		"next->next->val": 3, "next[0].val": -2} {
		v, err := n1.Path(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, err := v.Int(); err != nil || got != want {
			t.Errorf("%s = %d %v, want %d", path, got, err, want)
		}
	}
	name, _ := n1.Member("name")
	if s, err := name.Text(100); err != nil || s != "first" {
		t.Errorf("name: %q %v", s, err)
	}
	col, _ := n2.Member("col")
	if s, ok := col.EnumName(); !ok || s != "GREEN" {
		t.Errorf("col: %q", s)
	}
	str, _ := p.value("o", "").Member("str")
	if s, err := str.Text(100); err != nil || s != "a string" {
		t.Errorf("str: %q %v", s, err)
	}
	var missing *ctype.NoMemberError
	if _, err := n1.Member("bogus"); !errors.As(err, &missing) || !errors.Is(err, ctype.ErrNoMember) {
		t.Errorf("bogus: %v", err)
	}
	e, err := p.value("ints", "").Index(4)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := e.Uint(); err != nil || u != 5 {
		t.Errorf("ints[4] = %d %v", u, err)
	}
	d, _ := p.value("o", "").Member("ld")
	if f, err := d.Float(); err != nil || f != 3 {
		t.Errorf("ld = %v %v", f, err)
	}
	if _, err := n1.Uint(); !errors.Is(err, ErrNotInteger) {
		t.Errorf("a structure as a number: %v", err)
	}
}

// TestBits compares readBits with bits taken one by one.
func TestBits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	data := make(Bytes, 16)
	for range 5000 {
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		off, bits := rnd.Uint32N(8), 1+rnd.Uint32N(64)
		var little, big uint64
		for i := range bits {
			at := off + i
			little |= uint64(data[at/8]>>(at%8)&1) << i
			big = big<<1 | uint64(data[at/8]>>(7-at%8)&1)
		}
		var buf [9]byte
		if got, err := readBits(data, &buf, binary.LittleEndian, 0, off, bits); err != nil || got != little {
			t.Fatalf("%x: bits %d at %d: %x %v, want %x", data, bits, off, got, err, little)
		}
		if got, err := readBits(data, &buf, binary.BigEndian, 0, off, bits); err != nil || got != big {
			t.Fatalf("big-endian %x: bits %d at %d: %x %v, want %x", data, bits, off, got, err, big)
		}
	}
}

func TestLongDouble(t *testing.T) {
	ld := ctype.New(nil, 0, ctype.Float, "long double", &ctype.Body{Size: 16, Enc: ctype.Encoding{Float: ctype.LongDouble}})
	for want, b := range map[string][]byte{
		"+3.0000000000000000e+00": {0, 0, 0, 0, 0, 0, 0, 0xc0, 0x00, 0x40},
		"-1.0000000000000000e+00": {0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xbf},
		"+0.0000000000000000e+00": {0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"+3.3333333333333333e-01": {0xab, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xfd, 0x3f},
	} {
		got, ok := floatText(append(b, 0, 0, 0, 0, 0, 0), ld, binary.LittleEndian)
		if !ok || got != want {
			t.Errorf("%x: %s, want %s", b, got, want)
		}
	}
	inf := x87{exp: 0x7fff, mant: 1 << 63}
	if !math.IsInf(inf.float64(), 1) {
		t.Error("infinity")
	}
}

func TestAccess(t *testing.T) {
	p := openProg(t)
	n1 := p.value("n1", "")
	path, err := p.w.Compile(n1.Type, "next->val")
	if err != nil {
		t.Fatal(err)
	}
	a := NewAccess(p.w, path)
	at, sp, err := a.Follow(p.w.Space, uint64(n1.Addr), nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := a.Load(sp, at); err != nil || v != 0xfffffffe {
		t.Errorf("%x %v", v, err)
	}
	var deref *DerefError
	if _, _, err := a.Follow(p.w.Space, 0, nil); !errors.As(err, &deref) || deref.Addr != 8 {
		t.Errorf("from 0: %v", err)
	}
	p.w.Space = make(Bytes, 4096)
	base := uint64(64)
	allocs := testing.AllocsPerRun(100, func() {
		at, sp, _ := a.Follow(p.w.Space, base, nil)
		_, _ = a.Load(sp, at)
	})
	if allocs != 0 {
		t.Errorf("%v allocations to follow a path", allocs)
	}
}

func TestJSON(t *testing.T) {
	p := openProg(t)
	v := p.value("n1", "")
	got := string(out.AppendJSON(nil, []out.Field{{Name: "v", Value: v.JSON(DefaultOptions())}}))
	want := `{"v":{"val":1,"col":"RED","next":"0x401ba0","prev":"0x401be0","name":"first",` +
		`"un":{"i":1094861636,"c":"DCBA","d":5.409335213e-315,"s":{"lo":17220,"hi":16706}},` +
		`"bf1":5,"bf2":17,"bf3":-3,"bf4":8589934591,"fn":"0x4004f6"}}`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	n, _ := p.ctf.Lookup("node_t")
	v = p.w.At(n, mem.Addr(0))
	got = string(out.AppendJSON(nil, []out.Field{{Name: "v", Value: v.JSON(DefaultOptions())}}))
	if want := `{"v":{"val":null,"val_error":"`; len(got) < len(want) || got[:len(want)] != want {
		t.Error(got)
	}
}

func BenchmarkAccess(b *testing.B) {
	p := openProg(b)
	n, _ := p.ctf.Lookup("node_t")
	path, _ := p.w.Compile(n, "val")
	p.w.Space = make(Bytes, 4096)
	a := NewAccess(p.w, path)
	b.ReportAllocs()
	for b.Loop() {
		at, sp, _ := a.Follow(p.w.Space, 128, nil)
		_, _ = a.Load(sp, at)
	}
}
