package arch

import (
	"encoding/binary"
	"fmt"
)

// AMD64 is x86-64 with the register names MDB uses. DWARF numbers are those of
// the System V psABI, figure 3.36.
var AMD64 = amd64()

func amd64() *Arch {
	a := &Arch{
		Name: "amd64", PtrSize: 8, PageSize: 4096, Order: binary.LittleEndian,
		PC: "rip", SP: "rsp", FP: "rbp",
		Dis: []string{"amd64", "ia32", "ia16"},
	}
	full := []struct {
		name  string
		dwarf int
	}{
		{"rax", 0}, {"rbx", 3}, {"rcx", 2}, {"rdx", 1}, {"rsi", 4}, {"rdi", 5},
		{"r8", 8}, {"r9", 9}, {"r10", 10}, {"r11", 11}, {"r12", 12}, {"r13", 13}, {"r14", 14}, {"r15", 15},
		{"rbp", 6}, {"rsp", 7}, {"rip", 16}, {"rflags", 49},
		{"cs", 51}, {"ss", 52}, {"ds", 53}, {"es", 50}, {"fs", 54}, {"gs", 55},
		{"fsbase", 58}, {"gsbase", 59}, {"trapno", -1}, {"err", -1},
	}
	for _, f := range full {
		a.Registers = append(a.Registers, Register{Name: f.name, Bits: 64, DWARF: f.dwarf})
	}
	sub := func(name, of string, bits, shift int) {
		a.Sub = append(a.Sub, Register{Name: name, Of: of, Bits: bits, Shift: shift, DWARF: -1})
	}
	for _, x := range []string{"a", "b", "c", "d"} {
		sub("e"+x+"x", "r"+x+"x", 32, 0)
		sub(x+"x", "r"+x+"x", 16, 0)
		sub(x+"h", "r"+x+"x", 8, 8)
		sub(x+"l", "r"+x+"x", 8, 0)
	}
	for _, x := range []string{"si", "di", "bp", "sp"} {
		sub("e"+x, "r"+x, 32, 0)
		sub(x, "r"+x, 16, 0)
		sub(x+"l", "r"+x, 8, 0)
	}
	for i := 8; i < 16; i++ {
		r := fmt.Sprintf("r%d", i)
		sub(r+"d", r, 32, 0)
		sub(r+"w", r, 16, 0)
		sub(r+"l", r, 8, 0)
	}
	sub("eip", "rip", 32, 0)
	sub("ip", "rip", 16, 0)
	sub("eflags", "rflags", 32, 0)
	return a
}
