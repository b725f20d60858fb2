package dwarf

import (
	stddwarf "debug/dwarf"
	"strings"
	"testing"
)

// TestUnitContext asks a unit for what the evaluation of expressions needs.
func TestUnitContext(t *testing.T) {
	for _, c := range []struct {
		args    []string
		version int
		is64    bool
	}{
		{[]string{"-gdwarf-3"}, 3, false},
		{[]string{"-gdwarf-5"}, 5, false},
		{[]string{"-gdwarf-5", "-gdwarf64"}, 5, true},
	} {
		d := open(t, compile(t, "types.c", "gcc", c.args...), Options{})
		f := function(t, d, "main")
		u := f.Unit()
		if u.Version() != c.version || u.Is64() != c.is64 || u.AddrSize() != 8 || u.Data() != d {
			t.Errorf("%v: version %d, 64-bit %v, addresses of %d", c.args, u.Version(), u.Is64(), u.AddrSize())
		}
		if !strings.HasSuffix(u.Name(), "types.c") || u.CompDir() == "" || !strings.HasPrefix(u.Producer(), "GNU C") {
			t.Errorf("%v: unit %q in %q by %q", c.args, u.Name(), u.CompDir(), u.Producer())
		}
		var base, global uint64
		_ = u.u.children(u.u.root, func(e die) bool {
			switch {
			case e.tag() == stddwarf.TagBaseType && e.name() == "long int":
				base = uint64(e.off)
			case e.tag() == stddwarf.TagVariable && e.name() == "first":
				global = uint64(e.off)
			}
			return true
		})
		if ty, err := u.BaseType(base); err != nil || ty.String() != "long" || ty.Size() != 8 {
			t.Errorf("%v: base type %v, %v", c.args, ty, err)
		}
		if _, err := u.BaseType(global); err == nil {
			t.Errorf("%v: a variable passed for a base type", c.args)
		}
		expr, err := u.Call(global)
		if err != nil || len(expr) != 9 || expr[0] != opAddr {
			t.Errorf("%v: expression of a global variable %x, %v", c.args, expr, err)
		}
		all := u.u.off.offset() + global
		if again, err := d.CallRef(all); err != nil || string(again) != string(expr) {
			t.Errorf("%v: expression by its place in the section %x, %v", c.args, again, err)
		}
		if v, err := d.VariableAt(all); err != nil || v.Name != "first" || v.Offset() != all {
			t.Errorf("%v: variable %q, %v", c.args, v.Name, err)
		}
		for _, off := range []uint64{0, 1 << 40, u.u.size} {
			if _, err := u.Call(off); err == nil {
				t.Errorf("%v: an entry at %#x of the unit", c.args, off)
			}
		}
	}
}

// TestAddrx reads the table of addresses of a DWARF 5 unit.
func TestAddrx(t *testing.T) {
	d := open(t, "testdata/llvm-5.elf", Options{})
	f := function(t, d, "sum")
	a, err := f.Unit().Addrx(0)
	if err != nil || a == 0 {
		t.Errorf("address 0: %#x, %v", a, err)
	}
	if _, err := f.Unit().Addrx(1 << 20); err == nil {
		t.Error("an address past the table")
	}
	v, err := d.Variable("head", symbolAddress(t, "testdata/llvm-5.elf", "head"))
	if err != nil || v.Type.String() != "struct node" {
		t.Errorf("head: %v, %v", v.Type, err)
	}
}
