package kallsyms

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/linuxmem"
)

const base = 0xffffffff81000000

// symbols are some of every type; with absolute, per-CPU ones that are offsets.
func symbols(n int, absolute bool) []linuxmem.Symbol {
	var s []linuxmem.Symbol
	if absolute {
		s = append(s, linuxmem.Symbol{Type: 'A', Name: "fixed_percpu_data"}, linuxmem.Symbol{Type: 'A', Name: "cpu_info", Addr: 0x80})
	}
	s = append(s, linuxmem.Symbol{Type: 'T', Name: "_text", Addr: base}, linuxmem.Symbol{Type: 'T', Name: "_stext", Addr: base})
	for i := range n {
		s = append(s, linuxmem.Symbol{Type: "tTrRdDbBwWvV"[i%12], Name: fmt.Sprintf("sys_init__filler_x%d", i), Addr: base + 64 + 16*uint64(i)})
	}
	long := bytes.Repeat([]byte("long"), 70) // two bytes of length
	return append(s, linuxmem.Symbol{Type: 't', Name: string(long), Addr: base + 64 + 16*uint64(n)})
}

// lay puts the bytes into memory behind other bytes.
func lay(order linuxmem.Order, syms []linuxmem.Symbol, absolute bool) (mem.Space, uint64, uint64, linuxmem.Parts) {
	const at = base + 0x200000
	b, parts := linuxmem.Kallsyms(at+0x2468, syms, order, base, absolute)
	junk := bytes.Repeat([]byte("0\x001\x002\x003\x00four\x00\xff\xff"), 0x2468/8)[:0x2468]
	all := append(append(junk, b...), make([]byte, 8192)...)
	return mem.NewSegments([]mem.Segment{{Base: at, Size: uint64(len(all)), Src: &mem.File{R: bytes.NewReader(all), Size: int64(len(all))}}}),
		at, uint64(len(all)), parts
}

func tablesOf(p linuxmem.Parts) Tables {
	return Tables{NumSyms: p.NumSyms, Names: p.Names, TokenTable: p.TokenTable, TokenIndex: p.TokenIndex,
		Offsets: p.Offsets, RelativeBase: p.RelativeBase, Addresses: p.Addresses}
}

func TestOrders(t *testing.T) {
	for _, order := range []linuxmem.Order{linuxmem.Before50, linuxmem.Before62, linuxmem.From62, linuxmem.From65, linuxmem.Addresses, linuxmem.ByPlace} {
		for _, absolute := range []bool{false, true} {
			for _, n := range []int{2400, 2405, 5000} {
				t.Run(fmt.Sprintf("%d %v %d", order, absolute, n), func(t *testing.T) {
					syms := symbols(n, absolute)
					sp, at, size, parts := lay(order, syms, absolute)
					got, err := Locate(sp, at, size)
					if err != nil {
						t.Fatal(err)
					}
					if want := tablesOf(parts); got != want {
						t.Fatalf("found at\n%+v, are at\n%+v", got, want)
					}
					table, err := Read(sp, got)
					if err != nil {
						t.Fatal(err)
					}
					if table.Len() != len(syms) {
						t.Fatalf("%d symbols of %d", table.Len(), len(syms))
					}
					for i, want := range syms {
						if s := table.At(i); s.Name != want.Name || s.Value != want.Addr {
							t.Fatalf("symbol %d is %s at %#x, want %s at %#x", i, s.Name, s.Value, want.Name, want.Addr)
						}
					}
				})
			}
		}
	}
}

func TestSymbols(t *testing.T) {
	syms := symbols(3000, true)
	sp, _, _, parts := lay(linuxmem.Before62, syms, true)
	table, err := Read(sp, tablesOf(parts))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		typ  elf.SymType
		bind elf.SymBind
		size uint64
	}{
		"fixed_percpu_data":   {elf.STT_OBJECT, elf.STB_GLOBAL, 0x80},
		"_text":               {elf.STT_FUNC, elf.STB_GLOBAL, 64},
		"sys_init__filler_x0": {elf.STT_FUNC, elf.STB_LOCAL, 16},
		"sys_init__filler_x1": {elf.STT_FUNC, elf.STB_GLOBAL, 16},
		"sys_init__filler_x2": {elf.STT_OBJECT, elf.STB_LOCAL, 16},
		"sys_init__filler_x9": {elf.STT_FUNC, elf.STB_WEAK, 16},
		"sys_init__filler_xb": {}, // no such symbol
	} {
		s, ok := table.ByName(name)
		if ok != (want.size != 0) || s.Type() != want.typ || s.Bind() != want.bind || s.Size != want.size {
			t.Errorf("%s: %+v, %v", name, s, ok)
		}
	}
	if s, ok := table.ByAddr(base+8, 0); !ok || s.Name != "_text" {
		t.Errorf("first of two at one address: %+v, %v", s, ok)
	}
	for range 40 { // enough for an index to be made
		if s, ok := table.ByAddr(base+3, 0); !ok || s.Name != "_text" {
			t.Fatalf("first of two at one address, by index: %+v, %v", s, ok)
		}
	}
}

// TestCut cuts the memory off in every part: an error, never a part of a table.
func TestCut(t *testing.T) {
	syms := symbols(2400, true)
	sp, at, _, parts := lay(linuxmem.Before62, syms, true)
	for name, end := range map[string]uint64{"offsets": parts.Offsets + 40, "names": parts.Names + 1000, "tokens": parts.TokenTable + 20, "index": parts.TokenIndex + 9} {
		cut := mem.NewSegments([]mem.Segment{{Base: mem.Addr(at), Size: end - at, Src: sp, Off: mem.Addr(at)}})
		if _, err := Read(cut, tablesOf(parts)); err == nil {
			t.Errorf("read with %s cut off", name)
		}
		if _, err := Locate(cut, at, end-at); !errors.Is(err, ErrNotFound) {
			t.Errorf("located with %s cut off: %v", name, err)
		}
	}
}
