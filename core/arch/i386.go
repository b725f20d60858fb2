package arch

import "encoding/binary"

// I386 is 32-bit x86 with the register names MDB uses. DWARF numbers are those of
// .eh_frame on Linux and illumos, where esp is 4 and ebp 5 (System V psABI for
// Intel386, table 2.14). MDB's kesp is the kernel's stack pointer, which no Linux
// core has; gsbase, which MDB lacks, is the address of thread-local storage.
var I386 = i386()

// I8086 is I386 running code of 16 bits: in real mode, or in a segment of that size.
var I8086 = i8086()

func i8086() *Arch {
	a := i386()
	a.Dis = []string{"ia16", "ia32"}
	return a
}

func i386() *Arch {
	a := &Arch{
		Name: "i386", PtrSize: 4, PageSize: 4096, Order: binary.LittleEndian,
		PC: "eip", SP: "esp", FP: "ebp",
		Dis: []string{"ia32", "ia16"},
	}
	for _, f := range []struct {
		name  string
		dwarf int
	}{
		{"gs", -1}, {"fs", -1}, {"es", -1}, {"ds", -1}, {"edi", 7}, {"esi", 6}, {"ebp", 5}, {"kesp", -1},
		{"ebx", 3}, {"edx", 2}, {"ecx", 1}, {"eax", 0}, {"trapno", -1}, {"err", -1}, {"eip", 8}, {"cs", -1},
		{"eflags", 9}, {"esp", 4}, {"ss", -1}, {"gsbase", -1},
	} {
		a.Registers = append(a.Registers, Register{Name: f.name, Bits: 32, DWARF: f.dwarf})
	}
	sub := func(name, of string, bits, shift int) {
		a.Sub = append(a.Sub, Register{Name: name, Of: of, Bits: bits, Shift: shift, DWARF: -1})
	}
	for _, x := range []string{"di", "si", "bp", "sp", "bx", "dx", "cx", "ax"} {
		sub(x, "e"+x, 16, 0)
		if x[1] == 'x' {
			sub(x[:1]+"h", "e"+x, 8, 8)
			sub(x[:1]+"l", "e"+x, 8, 0)
		}
	}
	sub("ksp", "kesp", 16, 0)
	return a
}
