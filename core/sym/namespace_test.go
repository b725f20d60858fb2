package sym

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// object makes a load object with the given .symtab.
func object(name string, base uint64, main bool, list ...testSym) *Object {
	o := &Object{Name: name, Path: "/lib/" + name, Base: base, Size: 0x10000, Bias: base, Main: main}
	o.SetLoader(func(o *Object, k Kind) (*Table, error) {
		if k != Symtab {
			return nil, nil
		}
		src := build(elf.ELFCLASS64, binary.LittleEndian, append([]testSym{{}}, list...))
		src.Rule, src.Bias = RuleProcess, base
		return NewTable(src), nil
	})
	return o
}

func space() *Namespace {
	main := object("prog", 0x400000, true,
		testSym{"main", 0x1000, 0x100, fn, glob, 1},
		testSym{"n1", 0x8000, 0x40, obj, glob, 2},
		testSym{"read", 0, 0, fn, glob, elf.SHN_UNDEF},
		testSym{"_ZN2ns1fEi", 0x1200, 0x10, fn, glob, 1},
		testSym{"_ZNSt6vectorIiSaIiEE9push_backERKi", 0x1300, 0x10, fn, weak, 1},
		testSym{"_RNvC6_123foo3bar", 0x1400, 0x10, fn, glob, 1},
		testSym{"main.(*T).M", 0x1500, 0x10, fn, glob, 1})
	main.Text = Range{0x401000, 0x1000}
	libc := object("libc.so.6", 0x7f0000, false, testSym{"read", 0x100, 0x20, fn, weak, 1}, testSym{"main", 0x300, 4, fn, glob, 1})
	other := object("libc.so.6", 0x8f0000, false, testSym{"write", 0x100, 0x20, fn, weak, 1})
	other.LMID = 1
	libc.SetPLT(func(a uint64) (PLTSlot, bool) {
		switch a {
		case 0x7f0500:
			return PLTSlot{Name: "malloc", Bound: 0x401004}, true
		case 0x7f0510:
			return PLTSlot{Name: "free"}, true
		case 0x7f0520:
			return PLTSlot{Name: "calloc", Bound: 1}, true // leads nowhere
		}
		return PLTSlot{}, false
	})
	return NewNamespace(main, libc, other)
}

func TestFormat(t *testing.T) {
	ns := space()
	ns.Private.Add("mine", 0x7f0110, 0, elf.STT_NOTYPE)
	ns.Private.Add("big", 0x600000, 0x100, elf.STT_NOTYPE)
	tests := []struct {
		addr  uint64
		radix int
		want  string
	}{
		{0x401000, 16, "main"},
		{0x401001, 16, "main+1"},
		{0x40100a, 16, "main+0xa"},
		{0x40100a, 10, "main+0t10"},
		{0x401009, 10, "main+9"},
		{0x401008, 8, "main+0o10"},
		{0x401002, 2, "main+0i10"},
		{0x408004, 16, "prog`n1+4"},
		{0x7f0100, 16, "libc.so.6`read"},
		{0x7f0110, 16, "mine"},
		{0x7f0111, 16, "libc.so.6`read+0x11"},
		{0x600040, 16, "big+0x40"},
		{0x8f0104, 16, "LM1`libc.so.6`write+4"},
		{0x7f0500, 16, "PLT=main"},
		{0x7f0510, 16, "PLT:free"},
		{0x7f0520, 16, "PLT:calloc"},
		{0x409999, 16, ""},
		{0x100, 16, ""},
	}
	for _, tt := range tests {
		if got, _ := ns.Format(tt.addr, 0, tt.radix); got != tt.want {
			t.Errorf("Format(%#x, radix %d) = %q, want %q", tt.addr, tt.radix, got, tt.want)
		}
	}
	if got, _ := ns.Format(0x401200, 0, 16); got != "_ZN2ns1fEi" {
		t.Errorf("mangled: %q", got)
	}
	ns.Demangle = true
	if got, _ := ns.Format(0x401201, 0, 16); got != "ns::f+1" {
		t.Errorf("demangled: %q", got)
	}
	ns.ShowLMID = true
	if got, _ := ns.Format(0x7f0100, 0, 16); got != "LM0`libc.so.6`read" {
		t.Errorf("showlmid: %q", got)
	}
}

func TestLookupName(t *testing.T) {
	ns := space()
	ns.Private.Add("mine", 5, 0, elf.STT_NOTYPE)
	tests := []struct {
		object, name string
		want         uint64
		err          error
	}{
		{"", "main", 0x401000, nil},
		{"", "read", 0x7f0100, nil}, // the program only imports it
		{"prog", "read", 0, nil},
		{"libc.so.6", "main", 0x7f0300, nil},
		{"/lib/libc.so.6", "main", 0x7f0300, nil},
		{"libc", "main", 0x7f0300, nil},
		{"libc.so", "main", 0x7f0300, nil},
		{"lib", "main", 0, ErrNoObject},
		{"a.out", "main", 0x401000, nil},
		{"LM1`libc.so.6", "write", 0x8f0100, nil},
		{"LM0`libc.so.6", "read", 0x7f0100, nil},
		{"LM7`libc.so.6", "read", 0, ErrNoLMID},
		{"", "mine", 5, nil},
		{"prog", "mine", 0, ErrNoSymbol},
		{"", "nosuch", 0, ErrNoSymbol},
		{"nosuch", "main", 0, ErrNoObject},
		{"", "ns::f(int)", 0x401200, nil},
		{"", "ns::f", 0x401200, nil},
		{"", "_ZN2ns1fEi", 0x401200, nil},
		{"", "ns::g", 0, ErrNoSymbol},
		{"", "std::vector<int, std::allocator<int> >::push_back", 0x401300, nil},
		{"", "123foo::bar", 0x401400, nil},
		{"", "main.(*T).M", 0x401500, nil},
	}
	for _, tt := range tests {
		m, err := ns.LookupName(tt.object, tt.name)
		if err != tt.err || m.Value != tt.want {
			t.Errorf("%s`%s = %#x, %v; want %#x, %v", tt.object, tt.name, m.Value, err, tt.want, tt.err)
		}
	}
}

func TestPrivateOrder(t *testing.T) {
	var p PrivateTable
	p.Add("bar", 0x200, 0, elf.STT_NOTYPE)
	p.Add("foo", 0x100, 0, elf.STT_NOTYPE)
	p.Add("bar", 0x300, 4, elf.STT_FUNC) // replaces
	var got []string
	for _, s := range p.All() {
		got = append(got, s.Name)
	}
	// MDB lists them by hash bucket (observed: foo before bar).
	if d := cmp.Diff([]string{"foo", "bar"}, got); d != "" {
		t.Error(d)
	}
	if s, ok := p.ByAddr(0x303, 0); !ok || s.Name != "bar" || s.Type() != elf.STT_FUNC || s.Bind() != elf.STB_GLOBAL {
		t.Errorf("303: %+v, %v", s, ok)
	}
	if s, ok := p.Delete("foo"); !ok || s.Value != 0x100 {
		t.Errorf("deleted %+v, %v", s, ok)
	}
	if _, ok := p.Delete("foo"); ok {
		t.Error("deleted twice")
	}
}

func TestDemangle(t *testing.T) {
	for in, want := range map[string]string{
		"main":                            "main",
		"_ZN2ns1fEi":                      "ns::f(int)",
		"_ZNSt6vectorIiSaIiEE4sizeEv@@V1": "std::vector<int, std::allocator<int> >::size()@@V1",
		"_RNvC6_123foo3bar":               "123foo::bar",
		"_ZN3foo3bar17h05af221e174051e9E": "foo::bar",
		"_Z":                              "_Z",
		"_ZNbroken":                       "_ZNbroken",
	} {
		if got := Demangle(in); got != want {
			t.Errorf("Demangle(%q) = %q, want %q", in, got, want)
		}
	}
}
