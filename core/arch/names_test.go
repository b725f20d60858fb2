package arch

import "testing"

// TestNames checks the tables: names are unique, every part lies in a register
// there is, the special registers exist, and no two have one DWARF number.
func TestNames(t *testing.T) {
	for _, a := range []*Arch{AMD64, I386, ARM64} {
		seen, dwarf := map[string]bool{}, map[int]string{}
		for _, r := range append(append([]Register(nil), a.Registers...), a.Sub...) {
			if seen[r.Name] {
				t.Errorf("%s: two registers %s", a.Name, r.Name)
			}
			seen[r.Name] = true
			if other, dup := dwarf[r.DWARF]; dup && r.DWARF >= 0 {
				t.Errorf("%s: %s and %s are both number %d", a.Name, other, r.Name, r.DWARF)
			}
			dwarf[r.DWARF] = r.Name
			if full, _ := a.Lookup(r.Of); r.Of != "" && (full == nil || r.Shift+r.Bits > full.Bits) {
				t.Errorf("%s: %s is no part of %s", a.Name, r.Name, r.Of)
			}
		}
		for _, name := range []string{a.PC, a.SP, a.FP} {
			if !seen[name] {
				t.Errorf("%s: no register %s", a.Name, name)
			}
		}
	}
}

// TestParts reads and writes parts of registers.
func TestParts(t *testing.T) {
	tests := []struct {
		a          *Arch
		full, part string
		value      uint64
	}{
		{I386, "eax", "ah", 0x33}, {I386, "ebx", "bl", 0x44}, {I386, "esp", "sp", 0x3344},
		{ARM64, "x0", "w0", 0x11223344}, {ARM64, "x30", "lr", 0xaabbccdd11223344}, {ARM64, "sp", "wsp", 0x11223344},
	}
	for _, tt := range tests {
		r := NewRegs(tt.a)
		if _, ok := r.Get(tt.part); ok {
			t.Errorf("%s is known before %s is", tt.part, tt.full)
		}
		r.Set(tt.full, 0xaabbccdd11223344)
		if v, ok := r.Get(tt.part); !ok || v != tt.value {
			t.Errorf("%s of %s is %#x, %t; want %#x", tt.part, tt.full, v, ok, tt.value)
		}
	}
}
