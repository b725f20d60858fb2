package value

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/ctf"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// prog is the program of shared/conformance as a target: its data and symbols.
type prog struct {
	t    testing.TB
	w    *World
	env  *out.Env
	ctf  *ctf.File
	syms map[string]elf.Symbol
}

func openProg(t testing.TB) *prog {
	t.Helper()
	ef, err := elf.Open("../ctype/ctf/testdata/prog")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ef.Close() })
	p := &prog{t: t, syms: map[string]elf.Symbol{}}
	if p.ctf, err = ctf.FromELF(ef, "prog"); err != nil {
		t.Fatal(err)
	}
	list, err := ef.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		p.syms[s.Name] = s
	}
	types := &ctype.Composite{Exec: func() (ctype.Scope, error) { return p.ctf, nil }}
	p.w = &World{Space: segments{ef}, Types: types}
	p.env = &out.Env{Symbol: p.symbol}
	return p
}

// segments is the memory of an executable: what its file says of it.
type segments struct{ f *elf.File }

func (s segments) ReadAt(b []byte, a mem.Addr) (int, error) {
	for _, p := range s.f.Progs {
		if off := uint64(a) - p.Vaddr; p.Type == elf.PT_LOAD && uint64(a) >= p.Vaddr && off < p.Filesz {
			n := min(uint64(len(b)), p.Filesz-off)
			if _, err := p.ReadAt(b[:n], int64(off)); err != nil {
				return 0, err
			}
			if n < uint64(len(b)) {
				return int(n), mem.Fault(a+mem.Addr(n), mem.ErrUnmapped)
			}
			return int(n), nil
		}
	}
	return 0, mem.Fault(a, mem.ErrUnmapped)
}

func (p *prog) symbol(a uint64) (string, bool) {
	for name, s := range p.syms {
		if k := elf.ST_TYPE(s.Info); s.Value == a && (k == elf.STT_OBJECT || k == elf.STT_FUNC) && s.Size > 0 {
			if k == elf.STT_FUNC {
				return name, true
			}
			return "prog`" + name, true
		}
	}
	return "", false
}

func (p *prog) value(sym, typ string) Value {
	p.t.Helper()
	s, ok := p.syms[sym]
	if !ok {
		p.t.Fatalf("no symbol %s", sym)
	}
	var t *ctype.Type
	var err error
	if typ == "" {
		t, err = p.ctf.SymbolType(sym, s.Value, 1<<31)
	} else {
		t, err = p.ctf.Lookup(typ)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return p.w.At(t, mem.Addr(s.Value))
}

// print gives what a Printer prints, warnings in between.
func (p *prog) print(v Value, o Options, l Label) string {
	var b bytes.Buffer
	pr := &Printer{P: out.New(&b, p.env), O: o}
	pr.Warn = func(err error, format string, args ...any) {
		pr.P.Flush()
		fmt.Fprintf(&b, "mdb: %s: %v\n", out.Sprintf(p.env, format, args...), mem.Reason(err))
	}
	if err := pr.Print(v, l); err != nil {
		p.t.Error(err)
	}
	pr.P.Flush()
	return b.String()
}

func with(set func(*Options)) Options {
	o := DefaultOptions()
	if set != nil {
		set(&o)
	}
	return o
}

const node1 = `401b60 node_t {
    401b60 int val = 0x1
    401b64 color_t col = 0 (RED)
    401b68 struct node *next = prog` + "`" + `n2
    401b70 struct node *prev = prog` + "`" + `n3
    401b78 char [12] name = [ "first" ]
    401b88 union u un = {
        401b88 int i = 0x41424344
        401b88 char [8] c = [ "DCBA" ]
        401b88 double d = +5.4093352e-315
        401b88 struct  s = {
            401b88 short lo = 0x4344
            401b8a short hi = 0x4142
        }
    }
    401b90 unsigned int:3 bf1 :3 = 0x5
    401b90.3 unsigned int:5 bf2 :5 = 0x11
    401b91 int:7 bf3 :7 = -0t3
    401b91.7 unsigned long:33 bf4 :33 = 0x1ffffffff
    401b98 int (*)() fn = func
}
`

const arr = `401c30 struct inner [3] arr = [
    401c30 struct inner {
        401c30 uint8_t a = 0x5
        401c32 uint16_t b = 0x6
        401c34 uint32_t c = 0x7
        401c38 uint64_t d = 0x8
    },
    401c40 struct inner {
        401c40 uint8_t a = 0x9
        401c42 uint16_t b = 0xa
        401c44 uint32_t c = 0xb
        401c48 uint64_t d = 0xc
    },
    401c50 struct inner {
        401c50 uint8_t a = 0xff
        401c52 uint16_t b = 0xffff
        401c54 uint32_t c = 0xffffffff
        401c58 uint64_t d = 0xffffffffffffffff
    },
]
`

const matrix = `401a90 [
    401a90 [
        401a90 [ 0x1, 0x2 ]
        401a94 [ 0x3, 0x4 ]
    ]
    401a98 [
        401a98 [ 0x5, 0x6 ]
        401a9c [ 0x7, 0x8 ]
    ]
]
`

// The wanted texts are observed answers of MDB (shared/conformance).
func TestPrint(t *testing.T) {
	p := openProg(t)
	both := func(o *Options) { o.Type, o.Addr = true, true }
	for _, tc := range []struct {
		sym, typ, path string
		o              func(*Options)
		want           string
	}{
		{"n1", "", "", both, node1},
		{"o", "outer_t", "arr", both, arr},
		{"matrix", "", "", func(o *Options) { o.Addr = true }, matrix},
		{"n1", "", "", func(o *Options) { o.Depth = 0 }, "{ ... }\n"},
		{"ints", "", "", nil, "[ 0, 0x1, 0x2, 0x3, 0x5, 0x8, 0xd, 0x15 ]\n"},
		{"ints", "", "", func(o *Options) { o.Type, o.Dec = true, true }, "int [8] [ 0, 1, 2, 3, 5, 8, 0t13, 0t21 ]\n"},
		{"ints", "", "", func(o *Options) { o.ArrayMem = 2 }, "[ 0, 0x1, ... ]\n"},
		{"dbls", "", "", nil, "[ +0.0000000e+00, +1.0000000e+10, -2.5000000e-05 ]\n"},
		{"ld", "", "", nil, "+3.3333333333333333e-01\n"},
		{"fl", "", "", nil, "0t10 (???)\n"},
		{"fl", "", "", func(o *Options) { o.Hex = true }, "0xa (???)\n"},
		{"ro", "", "", nil, "[ \"readonly\" ]\n"},
		{"fp", "", "", func(o *Options) { o.Type = true }, "void (*)() vfunc\n"},
		{"nptrs", "", "", func(o *Options) { o.Type = true }, "node_t *[3] [ prog`n1, 0, prog`n3 ]\n"},
		{"n1", "node_t", "name", func(o *Options) { o.ArrayStr = 1 },
			"name = [ 'f', 'i', 'r', 's', 't', '\\0', '\\0', '\\0', '\\0', '\\0', '\\0', '\\0' ]\n"},
		{"n1", "node_t", "next->next->next->name", nil, "\n"},
		{"n1", "node_t", "bf3", func(o *Options) { o.Hex = true }, "bf3 = 0x7d\n"},
		{"o", "outer_t", "str", nil, "str = 0x400630 \"a string\"\n"},
		{"o", "outer_t", "cstr", func(o *Options) { o.Type = true }, "const char *cstr = 0x400639\n"},
		{"n1", "", "", func(o *Options) { o.Holes, o.Depth = true, 1 }, "{\n    val = 0x1\n    col = 0 (RED)\n" +
			"    next = prog`n2\n    prev = prog`n3\n    name = [ ... ]\n    <<HOLE>> = 0\n    un = { ... }\n" +
			"    bf1 = 0x5\n    bf2 = 0x11\n    bf3 = -0t3\n    bf4 = 0x1ffffffff\n    <<HOLE>> = 0\n    fn = func\n}\n"},
		{"n2", "node_t", "un", nil, "un = {\n    un.i = 0\n" +
			"    un.c = [ '\\0', '\\0', '\\0', '\\0', '\\0', '\\0', '\\370', '?' ]\n    un.d = +1.5000000e+00\n" +
			"    un.s = {\n        lo = 0\n        hi = 0\n    }\n}\n"},
	} {
		v := p.value(tc.sym, tc.typ)
		l := Label{}
		if tc.path != "" {
			var err error
			if v, err = v.Path(tc.path); err != nil {
				t.Errorf("%s %s: %v", tc.sym, tc.path, err)
				continue
			}
			l = Label{Set: true, Prefix: tc.path, Suffix: "."}
		}
		if d := cmp.Diff(tc.want, p.print(v, with(tc.o), l)); d != "" {
			t.Errorf("%s %s: %s", tc.sym, tc.path, d)
		}
	}
}

func TestPrintLayout(t *testing.T) {
	p := openProg(t)
	u, err := p.ctf.Lookup("union u")
	if err != nil {
		t.Fatal(err)
	}
	got := p.print(p.w.At(u, 0), with(func(o *Options) { o.Layout, o.Type, o.Addr = true, true, true }), Label{})
	want := "0 union u {\n    0 int i \n    0 char [8] c \n    0 double d \n    0 struct  s {\n        0 short lo \n        2 short hi \n    }\n}\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestUnreadable(t *testing.T) {
	p := openProg(t)
	n, _ := p.ctf.Lookup("node_t")
	got := p.print(p.w.At(n, 0), DefaultOptions(), Label{})
	if want := "{\nmdb: failed to read 4 bytes at 0: no mapping for address\n}\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	i, _ := p.ctf.Lookup("int")
	got = p.print(p.w.At(ctype.Derive(i, ctype.Array, 3), 0), DefaultOptions(), Label{})
	if n := strings.Count(got, "failed to read 4 bytes"); n != 3 || !strings.HasSuffix(got, "\n\n") {
		t.Errorf("array: %q", got)
	}
}

func TestNotC(t *testing.T) {
	p := openProg(t)
	in, _ := p.ctf.Lookup("int")
	u8, _ := p.ctf.Lookup("unsigned char")
	empty := ctype.New(nil, 0, ctype.Struct, "None", &ctype.Body{})
	some := ctype.New(nil, 0, ctype.Struct, "Some", &ctype.Body{Size: 8, Members: []ctype.Member{{Name: "__0", Type: in, Off: 32}}})
	option := ctype.New(nil, 0, ctype.Struct, "Option", &ctype.Body{Size: 8, Variants: &ctype.Variants{
		Tag: &ctype.Member{Type: u8},
		Alts: []ctype.Alt{
			{Values: [][2]uint64{{0, 0}}, Member: ctype.Member{Name: "None", Type: empty}},
			{Default: true, Member: ctype.Member{Name: "Some", Type: some}},
		}}})
	base := ctype.New(nil, 0, ctype.Struct, "Base", &ctype.Body{Size: 4, Members: []ctype.Member{{Name: "b", Type: in}}})
	derived := ctype.New(nil, 0, ctype.Struct, "Derived", &ctype.Body{Size: 8, Members: []ctype.Member{
		{Name: "Base", Type: base, Base: true}, {Name: "o", Type: option}, {Name: "r", Type: ctype.Derive(in, ctype.Reference, 0)}}})
	p.w.Space = Bytes{1, 0, 0, 0, 5, 0, 0, 0}
	want := "{\n    <Base> = {\n        b = 0x1\n    }\n    o = {\n        Some = {\n            __0 = 0x5\n        }\n    }\n    r = 0x500000001\n}\n"
	if d := cmp.Diff(want, p.print(p.w.At(derived, 0), DefaultOptions(), Label{})); d != "" {
		t.Error(d)
	}
	p.w.Space = Bytes{0, 0, 0, 0}
	want = "{\n    None = {}\n}\n"
	if d := cmp.Diff(want, p.print(p.w.At(option, 0), DefaultOptions(), Label{})); d != "" {
		t.Error(d)
	}
	u64, _ := p.ctf.Lookup("unsigned long")
	str := ctype.New(nil, 0, ctype.Struct, "string", &ctype.Body{Size: 16, Members: []ctype.Member{
		{Name: "str", Type: ctype.Derive(u8, ctype.Pointer, 0)}, {Name: "len", Type: u64, Off: 64}}})
	p.w.Space = append(Bytes{16, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0}, "grün, text"...)
	if got := p.print(p.w.At(ctype.Derive(str, ctype.Array, 1), 0), DefaultOptions(), Label{}); got != "[\n    0x10 \"grün,\"\n]\n" {
		t.Errorf("a Go string: %q", got)
	}
	p.w.Space = append(Bytes{16, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, 0xff, 1)
	if got := p.print(p.w.At(str, 0), DefaultOptions(), Label{}); got != "{\n    str = 0x10\n    len = 0x2\n}\n" {
		t.Errorf("a Go string of no text: %q", got)
	}
	loop := &ctype.Body{Size: 4}
	s := ctype.New(nil, 0, ctype.Struct, "loop", loop)
	loop.Members = []ctype.Member{{Name: "self", Type: s}}
	pr := &Printer{P: out.New(&bytes.Buffer{}, nil), O: DefaultOptions()}
	if err := pr.Print(p.w.At(s, 0), Label{}); err == nil {
		t.Error("a structure that contains itself prints without end")
	}
}
