package sym

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testSym is one entry of a table under test.
type testSym struct {
	name        string
	value, size uint64
	typ         elf.SymType
	bind        elf.SymBind
	sec         elf.SectionIndex
}

// build encodes a table as a file has it. Names share tails, as linkers do.
func build(class elf.Class, order binary.ByteOrder, list []testSym) Source {
	strs := []byte{0}
	var syms bytes.Buffer
	for _, s := range list {
		off := bytes.Index(strs, append([]byte(s.name), 0))
		if s.name == "" {
			off = 0
		} else if off < 0 {
			off = len(strs)
			strs = append(append(strs, s.name...), 0)
		}
		info := byte(s.bind)<<4 | byte(s.typ)
		if class == elf.ELFCLASS64 {
			binary.Write(&syms, order, elf.Sym64{Name: uint32(off), Info: info, Shndx: uint16(s.sec), Value: s.value, Size: s.size})
		} else {
			binary.Write(&syms, order, elf.Sym32{Name: uint32(off), Info: info, Shndx: uint16(s.sec), Value: uint32(s.value), Size: uint32(s.size)})
		}
	}
	return Source{Kind: Symtab, Class: class, Order: order, Syms: syms.Bytes(), Strs: strs}
}

const (
	fn   = elf.STT_FUNC
	obj  = elf.STT_OBJECT
	noty = elf.STT_NOTYPE
	loc  = elf.STB_LOCAL
	glob = elf.STB_GLOBAL
	weak = elf.STB_WEAK
)

func TestDecode(t *testing.T) {
	list := []testSym{
		{},
		{"a.c", 0, 0, elf.STT_FILE, loc, elf.SHN_ABS},
		{"main", 0x1000, 0x20, fn, glob, 1},
		{"domain", 0x2000, 4, obj, weak, 2},
		{"outside", 0, 0, fn, glob, elf.SHN_UNDEF},
		{"constant", 77, 0, noty, glob, elf.SHN_ABS},
		{"tls", 8, 4, elf.STT_TLS, glob, 3},
	}
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			src := build(class, order, list)
			src.Bias = 0x400000
			tab := NewTable(src)
			want := []Symbol{
				{},
				{"a.c", 0, 0, 1, 4, 0, 0xfff1},
				{"main", 0x401000, 0x20, 2, 0x12, 0, 1},
				{"domain", 0x402000, 4, 3, 0x21, 0, 2},
				{"outside", 0, 0, 4, 0x12, 0, 0},
				{"constant", 77, 0, 5, 0x10, 0, 0xfff1},
				{"tls", 8, 4, 6, 0x16, 0, 3},
			}
			var got []Symbol
			for s := range tab.All() {
				got = append(got, s)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%v %v: %s", class, order, d)
			}
			for i, w := range want {
				if v := tab.value(i); v != w.Value {
					t.Errorf("value(%d) = %#x, want %#x", i, v, w.Value)
				}
			}
		}
	}
}

// The order of symbols of one value, language.md 11.6: sized, typed, not weak,
// by name.
func TestRuleKernel(t *testing.T) {
	tests := []struct {
		name string
		list []testSym
		addr uint64
		dist uint64
		want string
	}{
		{"sized beats unsized", []testSym{{"a", 16, 0, fn, glob, 1}, {"b", 16, 4, noty, weak, 1}}, 16, 0, "b"},
		{"typed beats NOTYPE", []testSym{{"a", 16, 4, noty, glob, 1}, {"b", 16, 4, obj, weak, 1}}, 16, 0, "b"},
		{"strong beats weak", []testSym{{"a", 16, 4, obj, weak, 1}, {"b", 16, 4, obj, loc, 1}}, 16, 0, "b"},
		{"first by name", []testSym{{"b", 16, 4, obj, glob, 1}, {"a", 16, 4, obj, glob, 1}}, 16, 0, "a"},
		{"greatest value", []testSym{{"a", 16, 64, fn, glob, 1}, {"b", 24, 4, obj, glob, 1}}, 26, 0, "b"},
		{"no nesting", []testSym{{"a", 16, 64, fn, glob, 1}, {"b", 24, 4, obj, glob, 1}}, 40, 0, ""},
		{"unsized reaches one byte", []testSym{{"a", 16, 0, fn, glob, 1}}, 16, 0, "a"},
		{"and no more", []testSym{{"a", 16, 0, fn, glob, 1}}, 17, 0, ""},
		{"absolute mode", []testSym{{"a", 16, 4, fn, glob, 1}}, 16 + 0xff, 0x100, "a"},
		{"is exclusive", []testSym{{"a", 16, 4, fn, glob, 1}}, 16 + 0x100, 0x100, ""},
		{"absolute mode may be shorter than the symbol", []testSym{{"a", 16, 64, fn, glob, 1}}, 20, 4, ""},
		{"zero is no address", []testSym{{"a", 0, 64, fn, glob, 1}}, 4, 0, ""},
		{"unsized locals are labels", []testSym{{"a", 16, 0, noty, loc, 1}}, 16, 0, ""},
		{"sections do not count", []testSym{{".text", 16, 64, elf.STT_SECTION, glob, 1}}, 16, 0, ""},
		{"nor do names that begin with a blank", []testSym{{" x", 16, 64, fn, glob, 1}}, 16, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkAddr(t, RuleKernel, tt.list, tt.addr, tt.dist, tt.want) })
	}
}

// libproc's order.
func TestRuleProcess(t *testing.T) {
	tests := []struct {
		name string
		list []testSym
		addr uint64
		dist uint64
		want string
	}{
		{"function first", []testSym{{"a", 16, 4, obj, glob, 1}, {"b", 16, 4, fn, loc, 1}}, 16, 0, "b"},
		{"global before local", []testSym{{"a", 16, 4, fn, loc, 1}, {"b", 16, 4, fn, weak, 1}}, 16, 0, "b"},
		{"weak is as good as global", []testSym{{"b", 16, 4, fn, glob, 1}, {"a", 16, 4, fn, weak, 1}}, 16, 0, "a"},
		{"no dollar", []testSym{{"$a", 16, 4, fn, glob, 1}, {"b", 16, 4, fn, glob, 1}}, 16, 0, "b"},
		{"fewer underscores", []testSym{{"__a", 16, 4, fn, glob, 1}, {"_b", 16, 4, fn, glob, 1}}, 16, 0, "_b"},
		{"smaller", []testSym{{"a", 16, 8, fn, glob, 1}, {"b", 16, 4, fn, glob, 1}}, 16, 0, "b"},
		{"nested symbols step out", []testSym{{"a", 16, 64, fn, glob, 1}, {"b", 24, 4, obj, glob, 1}}, 40, 0, "a"},
		{"NOTYPE does not count", []testSym{{"a", 16, 4, noty, glob, 1}}, 16, 0, ""},
		{"unsized does not count", []testSym{{"a", 16, 0, fn, glob, 1}}, 16, 0, ""},
		{"undefined does not count", []testSym{{"a", 16, 4, fn, glob, elf.SHN_UNDEF}}, 16, 0, ""},
		{"absolute mode stays in the symbol", []testSym{{"a", 16, 4, fn, glob, 1}}, 24, 0x100, ""},
		{"and may be shorter", []testSym{{"a", 16, 64, fn, glob, 1}}, 30, 8, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkAddr(t, RuleProcess, tt.list, tt.addr, tt.dist, tt.want) })
	}
}

// Code without a size: section 1 is code at [16, 116).
func TestRuleLinux(t *testing.T) {
	tests := []struct {
		name string
		list []testSym
		addr uint64
		want string
	}{
		{"unsized code reaches", []testSym{{"a", 16, 0, noty, loc, 1}}, 30, "a"},
		{"to the end of its section", []testSym{{"a", 16, 0, noty, loc, 1}}, 116, ""},
		{"or the next symbol", []testSym{{"a", 16, 0, noty, loc, 1}, {"b", 24, 4, fn, loc, 1}}, 30, ""},
		{"sized wins", []testSym{{"a", 16, 0, fn, glob, 1}, {"b", 16, 4, obj, loc, 1}}, 16, "b"},
		{"a label in a function is not its name", []testSym{{"f", 16, 64, fn, glob, 1}, {"l", 24, 0, noty, loc, 1}}, 26, "f"},
		{"data without a size has no name", []testSym{{"a", 200, 0, noty, glob, 2}}, 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkAddr(t, RuleLinux, tt.list, tt.addr, 0, tt.want) })
	}
}

// checkAddr looks addr up both ways: by scanning and in the sorted order.
func checkAddr(t *testing.T, rule Rule, list []testSym, addr, dist uint64, want string) {
	t.Helper()
	src := build(elf.ELFCLASS64, binary.LittleEndian, append([]testSym{{}}, list...))
	src.Rule = rule
	src.Code = []Range{{}, {16, 100}, {}}
	tab := NewTable(src)
	for i := range 2 * addrScans {
		got := ""
		if s, ok := tab.ByAddr(addr, dist); ok {
			got = s.Name
		}
		if got != want {
			t.Fatalf("lookup %d of %d: %q, want %q", i, addr, got, want)
		}
	}
}

// randomTable has many symbols on few values and few names.
func randomTable(rng *rand.Rand, rule Rule) *Table {
	list := []testSym{{}}
	for range rng.Intn(200) {
		name := fmt.Sprintf("%.*s%c", rng.Intn(3), "__$", 'a'+rng.Intn(6))
		list = append(list, testSym{name, uint64(rng.Intn(100)), uint64(rng.Intn(20) * rng.Intn(2)),
			elf.SymType(rng.Intn(8)), elf.SymBind(rng.Intn(3)), elf.SectionIndex(rng.Intn(4))})
	}
	src := build(elf.ELFCLASS64, binary.LittleEndian, list)
	src.Rule = rule
	src.Code = []Range{{}, {10, 30}, {}, {60, 20}}
	return NewTable(src)
}

// TestScanAndIndexAgree compares the two ways of every lookup.
func TestScanAndIndexAgree(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	for round := range 300 {
		tab := randomTable(rng, Rule(round%3))
		order, names := tab.buildAddrs(), tab.buildNames()
		for addr := range uint64(130) {
			if a, b := tab.scanAddr(addr), tab.searchAddr(order, addr); a != b {
				t.Fatalf("round %d: address %d: scan finds %d, index %d", round, addr, a, b)
			}
		}
		for s := range tab.All() {
			scan, probe := -1, -1
			best := func(p *int) func(int) {
				return func(i int) {
					if *p < 0 || tab.rankName(i) > tab.rankName(*p) || tab.rankName(i) == tab.rankName(*p) && i < *p {
						*p = i
					}
				}
			}
			if s.Name == "" {
				continue
			}
			tab.scanName(s.Name, best(&scan))
			tab.probe(names, s.Name, best(&probe))
			if scan != probe || scan < 0 {
				t.Fatalf("round %d: name %q: scan finds %d, index %d", round, s.Name, scan, probe)
			}
		}
	}
}

func TestByName(t *testing.T) {
	tab := NewTable(build(elf.ELFCLASS64, binary.LittleEndian, []testSym{
		{},
		{"prog.c", 0, 0, elf.STT_FILE, loc, elf.SHN_ABS},
		{"static", 16, 4, fn, loc, 1},
		{"other.c", 0, 0, elf.STT_FILE, loc, elf.SHN_ABS},
		{"static", 32, 4, fn, loc, 1},
		{"dup", 48, 4, fn, loc, 1},
		{"dup", 64, 4, fn, glob, 1},
		{"undef", 0, 0, fn, glob, elf.SHN_UNDEF},
		{"undef", 80, 4, fn, loc, 1},
		{"main", 96, 4, fn, glob, 1},
		{"domain", 112, 4, fn, glob, 1}, // "main" is its tail
	}))
	for name, want := range map[string]uint64{"static": 16, "dup": 64, "undef": 80, "main": 96, "domain": 112} {
		for range 2 * nameScans {
			if s, ok := tab.ByName(name); !ok || s.Value != want {
				t.Fatalf("%s = %d, %v; want %d", name, s.Value, ok, want)
			}
		}
	}
	for _, name := range []string{"", "ain", "omain", "main\x00", "nosuch"} {
		if s, ok := tab.ByName(name); ok {
			t.Errorf("%q found: %+v", name, s)
		}
	}
	if s, err := tab.inFile("other.c", "static"); err != nil || s.Value != 32 {
		t.Errorf("other.c`static = %d, %v", s.Value, err)
	}
	if _, err := tab.inFile("other.c", "main"); err != ErrNoSymbol {
		t.Errorf("other.c`main: %v", err)
	}
	if _, err := tab.inFile("none.c", "main"); err != ErrNoObject {
		t.Errorf("none.c`main: %v", err)
	}
}

// A table that repeats one name without end must stay quick.
func TestManyEqualNames(t *testing.T) {
	list := make([]testSym, 200000)
	for i := range list {
		list[i] = testSym{"x", uint64(i + 1), 1, fn, glob, 1}
	}
	tab := NewTable(build(elf.ELFCLASS64, binary.LittleEndian, list))
	for range 2 * nameScans {
		if s, ok := tab.ByName("x"); !ok || s.Index != 0 {
			t.Fatalf("x = %+v, %v", s, ok)
		}
	}
}

func FuzzTable(f *testing.F) {
	src := build(elf.ELFCLASS64, binary.LittleEndian, []testSym{{}, {"main", 16, 4, fn, glob, 1}, {"a.c", 0, 0, elf.STT_FILE, loc, elf.SHN_ABS}})
	f.Add(src.Syms, src.Strs, uint64(16), "main", byte(0))
	f.Add(src.Syms[:30], []byte("no end"), uint64(0), "no end", byte(5))
	f.Fuzz(func(t *testing.T, syms, strs []byte, addr uint64, name string, mode byte) {
		src := Source{Rule: Rule(mode % 3), Class: elf.ELFCLASS64, Order: binary.LittleEndian, Syms: syms, Strs: strs, Code: []Range{{}, {0, 1 << 40}}}
		if mode&4 != 0 {
			src.Class = elf.ELFCLASS32
		}
		if mode&8 != 0 {
			src.Section = []uint64{1, 2, 3}
		}
		tab := NewTable(src)
		for range 2 * addrScans {
			if s, ok := tab.ByAddr(addr, uint64(mode)); ok && s.Value > addr {
				t.Errorf("%+v does not stand for %#x", s, addr)
			}
			if s, ok := tab.ByName(name); ok && s.Name != name {
				t.Errorf("%q is not %q", s.Name, name)
			}
		}
		for range tab.All() {
		}
		tab.inFile(name, name)
		tab.byDemangled(name)
	})
}
