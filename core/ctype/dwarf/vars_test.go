package dwarf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
)

// function finds a function by name.
func function(t *testing.T, d *Data, name string) *Func {
	t.Helper()
	fs, err := d.Functions(name)
	if err != nil || len(fs) != 1 {
		t.Fatalf("functions %s: %d, %v", name, len(fs), err)
	}
	return fs[0]
}

// describe lists variables: name, type, depth, and whether they have a place.
func describe(t *testing.T, vs []Variable, pc uint64) (out []string) {
	t.Helper()
	for _, v := range vs {
		where := "at"
		if _, err := v.Location(pc); errors.Is(err, ErrOptimisedOut) {
			where = "gone"
		} else if err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		out = append(out, fmt.Sprintf("%d %s %s %s", v.Depth, v.Name, v.Type, where))
	}
	return out
}

// TestVariables lists parameters and locals by block.
func TestVariables(t *testing.T) {
	for _, g := range []string{"-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"} {
		d := open(t, compile(t, "types.c", "gcc", "-O0", g), Options{})
		f := function(t, d, "work")
		if f.Entry() != f.Ranges[0].Lo || !f.External() || f.Unit().Language() != C {
			t.Errorf("%s: entry %#x, ranges %v, external %v, language %v", g, f.Entry(), f.Ranges, f.External(), f.Unit().Language())
		}
		file, line := f.Decl()
		if line != 81 || !bytes.HasSuffix([]byte(file), []byte("/types.c")) {
			t.Errorf("%s: declared at %s:%d", g, file, line)
		}
		pcs, err := d.PCs("types.c", 88) // the call of twice in the loop
		if err != nil || len(pcs) == 0 {
			t.Fatalf("%s: no code for the line: %v", g, err)
		}
		pc := pcs[0]
		ps, err := f.Params()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"0 count int at", "0 list node_t * at"}, describe(t, ps, pc)); diff != "" {
			t.Errorf("%s: parameters: %s", g, diff)
		}
		ls, err := f.Locals(pc)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"2 square int at", "1 i int at", "0 calls int at", "0 loc struct local at", "0 sum int at"}
		got := describe(t, ls, pc)
		slices.Sort(got[2:])
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: locals: %s", g, diff)
		}
		ls, err = f.Locals(f.Entry())
		if err != nil || len(ls) != 3 {
			t.Errorf("%s: %d locals at the entry, %v", g, len(ls), err)
		}
		if fb, err := f.FrameBase(pc); err != nil || len(fb.Bytes) == 0 || fb.Unit.AddrSize() != 8 {
			t.Errorf("%s: frame base %v, %v", g, fb.Bytes, err)
		}
		if f.Type().String() != "int ()" || len(f.Type().Body().Params) != 2 || f.Result().String() != "int" {
			t.Errorf("%s: type %v of %d parameters", g, f.Type(), len(f.Type().Body().Params))
		}
	}
}

// TestInlinedVariables lists those of an inlined function.
func TestInlinedVariables(t *testing.T) {
	for _, c := range []variant{
		{"gcc-4", "types.c", "gcc", []string{"-O2", "-gdwarf-4"}},
		{"gcc-5", "types.c", "gcc", []string{"-O2", "-gdwarf-5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.build(t)
			d := open(t, path, Options{})
			f := function(t, d, "work")
			seen := false
			for pc := f.Ranges[0].Lo; pc < f.Ranges[0].Hi; pc++ {
				ins, err := f.Inlines(pc)
				if err != nil {
					t.Fatal(err)
				}
				if len(ins) == 0 {
					continue
				}
				ps, err := ins[0].Params()
				if err != nil {
					t.Fatal(err)
				}
				ls, err := ins[0].Locals(pc)
				if err != nil {
					t.Fatal(err)
				}
				if ins[0].Name() != "twice" || ins[0].CallLine != 88 || len(ps) != 1 || ps[0].Name != "n" ||
					len(ls) != 1 || ls[0].Name != "doubled" || ls[0].Type.String() != "int" {
					t.Fatalf("%#x: %s called at %d, parameters %v, locals %v", pc, ins[0].Name(), ins[0].CallLine,
						describe(t, ps, pc), describe(t, ls, pc))
				}
				seen = true
			}
			if !seen {
				t.Error("twice was not inlined into work")
			}
		})
	}
}

// normal maps the GNU operations that DWARF 5 standardised to their new numbers.
func normal(expr []byte) string {
	b := slices.Clone(expr)
	for i, op := range b {
		switch op {
		case 0xf2:
			b[i] = 0xa0 // implicit_pointer; its operand differs
		case 0xf3:
			b[i] = 0xa3 // entry_value
		}
	}
	if i := bytes.IndexByte(b, 0xa0); i >= 0 {
		b = b[:i]
	}
	return fmt.Sprintf("%x", b)
}

// TestLocationLists compares, at every address of optimised code, the places of
// all variables as DWARF 4's and DWARF 5's location lists tell them: the code is
// the same, the lists and their forms are not.
func TestLocationLists(t *testing.T) {
	type pair struct {
		name, function string
		v4, v5         variant
	}
	pairs := []pair{
		{"gcc", "work", variant{"", "types.c", "gcc", []string{"-O2", "-gdwarf-4"}}, variant{"", "types.c", "gcc", []string{"-O2", "-gdwarf-5"}}},
		{"llvm", "sum", variant{src: "llvm-4.elf"}, variant{src: "llvm-5.elf"}},
	}
	if rustVersions() {
		pairs = append(pairs, pair{"rustc", "area",
			variant{"", "types.rs", "rustc", []string{"-g", "-O", "-Cdwarf-version=4"}},
			variant{"", "types.rs", "rustc", []string{"-g", "-O", "-Cdwarf-version=5"}}})
	}
	for _, c := range pairs {
		t.Run(c.name, func(t *testing.T) {
			d4, d5 := open(t, c.v4.build(t), Options{}), open(t, c.v5.build(t), Options{})
			name := c.function
			f4, f5 := function(t, d4, name), function(t, d5, name)
			size := f4.Ranges[0].Hi - f4.Ranges[0].Lo
			if n := f5.Ranges[0].Hi - f5.Ranges[0].Lo; n != size {
				t.Fatalf("the code is not the same: %d and %d bytes", size, n)
			}
			placed := 0
			for off := range size {
				p4, p5 := f4.Ranges[0].Lo+off, f5.Ranges[0].Lo+off
				a, b := places(t, f4, p4, &placed), places(t, f5, p5, &placed)
				if diff := cmp.Diff(a, b); diff != "" {
					t.Fatalf("at offset %#x: %s", off, diff)
				}
			}
			if placed < 20 {
				t.Errorf("only %d places were compared", placed)
			}
		})
	}
}

func places(t *testing.T, f *Func, pc uint64, placed *int) (out []string) {
	t.Helper()
	all, err := f.Params()
	if err != nil {
		t.Fatal(err)
	}
	locals, err := f.Locals(pc)
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, locals...)
	ins, err := f.Inlines(pc)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range ins {
		ps, err := in.Params()
		if err != nil {
			t.Fatal(err)
		}
		ls, err := in.Locals(pc)
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(all, ps...), ls...)
	}
	for _, v := range all {
		x, err := v.Location(pc)
		text := "gone"
		if err == nil {
			*placed++
			if text = normal(x.Bytes); len(x.Bytes) == 9 && x.Bytes[0] == opAddr || x.Bytes[0] == opAddrx {
				text = "static" // at another address in the other program
			}
		} else if !errors.Is(err, ErrOptimisedOut) {
			t.Fatal(err)
		}
		out = append(out, v.Name+" "+text)
	}
	slices.Sort(out)
	return out
}

// TestCallSites reads what a caller passed, in both vocabularies.
func TestCallSites(t *testing.T) {
	for _, g := range []string{"-gdwarf-4", "-gdwarf-5"} {
		d := open(t, compile(t, "types.c", "gcc", "-O2", g), Options{})
		f := function(t, d, "main")
		found := 0
		for pc := f.Ranges[0].Lo; pc <= f.Ranges[0].Hi; pc++ {
			c, err := f.Call(pc)
			if errors.Is(err, ErrNoCall) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Params {
				if len(p.Location.Bytes) == 0 || len(p.Value.Bytes) == 0 {
					t.Errorf("%s: call site parameter without expressions", g)
				}
				found++
			}
		}
		if found < 2 {
			t.Errorf("%s: %d call site parameters", g, found)
		}
	}
}

// TestSymbolType finds the types of variables and functions by address and name.
func TestSymbolType(t *testing.T) {
	for _, v := range []variant{
		{"gcc", "types.c", "gcc", []string{"-g"}},
		{"gcc -O2", "types.c", "gcc", []string{"-g", "-O2"}},
		{"object", "types.c", "gcc", []string{"-g", "-c"}},
	} {
		t.Run(v.name, func(t *testing.T) {
			path := v.build(t)
			d := open(t, path, Options{})
			for name, want := range map[string]string{
				"first": "node_t", "some_flags": "struct flags", "handlers": "handler [3]",
				"quad": "vec4", "an_outer": "struct outer *", "nameless": "const struct ",
				"per_thread": "int", "main": "int ()", "work": "int ()",
			} {
				if name == "some_flags" && v.name == "gcc -O2" {
					continue // the optimiser leaves nothing of it
				}
				ty, err := d.SymbolType(name, symbolAddress(t, path, name), 0)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				} else if ty.String() != want {
					t.Errorf("%s: %s, want %s", name, ty, want)
				}
			}
			if v.name != "object" {
				for sym, addr := range symbolsLike(t, path, "calls.") {
					if ty, err := d.SymbolType(sym, addr, 0); err != nil || ty.String() != "int" {
						t.Errorf("%s: %v, %v", sym, ty, err)
					}
				}
			}
			if _, err := d.SymbolType("_start", symbolAddress(t, path, "_start"), 0); !errors.Is(err, ctype.ErrNoSymType) {
				t.Errorf("_start: %v", err)
			}
		})
	}
}

// TestConstants reads variables that are constants.
func TestConstants(t *testing.T) {
	d := open(t, compile(t, "types.c", "gcc", "-O2", "-g"), Options{})
	f := function(t, d, "main")
	var consts int
	for pc := f.Ranges[0].Lo; pc < f.Ranges[0].Hi; pc++ {
		ls, err := f.Locals(pc)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range ls {
			b, err := v.Const()
			if err == nil && uint64(len(b)) != v.Type.Size() {
				t.Errorf("%s: constant of %d bytes", v.Name, len(b))
			}
			if err == nil {
				consts++
			}
		}
	}
	b := make([]byte, 4)
	fillInt(b, 0xfffffffffffffffe, true, true)
	if !bytes.Equal(b, []byte{0xff, 0xff, 0xff, 0xfe}) {
		t.Errorf("big-endian -2: %x", b)
	}
	b = make([]byte, 10)
	fillInt(b, 5, false, false)
	if !bytes.Equal(b, []byte{5, 0, 0, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("little-endian 5: %x", b)
	}
}

// TestCancel stops building the index.
func TestCancel(t *testing.T) {
	path := compile(t, "types.c", "gcc", "-g")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := open(t, path, Options{Context: func() context.Context { return ctx }})
	if _, err := d.Lookup("struct node"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled lookup: %v", err)
	}
	ctx = t.Context()
	if _, err := d.Lookup("struct node"); err != nil {
		t.Errorf("lookup after a cancelled one: %v", err)
	}
}

// TestIncompleteAranges finds functions that .debug_aranges does not cover.
func TestIncompleteAranges(t *testing.T) {
	path := compile(t, "types.c", "gcc", "-g")
	d := open(t, path, Options{})
	want := function(t, d, "work").Entry()
	b, err := d.aranges.all()
	if err != nil {
		t.Fatal(err)
	}
	copy(b[16:], []byte{1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0}) // its first entry: 4 bytes elsewhere
	f, err := d.Function(want)
	if err != nil || f.Name() != "work" {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := d.Function(2); !errors.Is(err, ErrNoFunction) {
		t.Errorf("an address that only .debug_aranges has: %v", err)
	}
}
