package arch

import (
	"encoding/binary"
	"fmt"
)

// ARM64 is 64-bit ARM. Registers have Arm's names, those of 32 bits among them;
// fp and lr are MDB's for x29 and x30. DWARF numbers are those of "DWARF for the
// Arm 64-bit Architecture", section 4.1; 34 is the state of the return address,
// not a register. The page is the smallest that Linux has.
var ARM64 = arm64()

func arm64() *Arch {
	a := &Arch{
		Name: "arm64", PtrSize: 8, PageSize: 4096, Order: binary.LittleEndian,
		PC: "pc", SP: "sp", FP: "x29",
		Dis: []string{"arm64"},
	}
	for i := 0; i <= 30; i++ {
		x := fmt.Sprintf("x%d", i)
		a.Registers = append(a.Registers, Register{Name: x, Bits: 64, DWARF: i})
		a.Sub = append(a.Sub, Register{Name: fmt.Sprintf("w%d", i), Of: x, Bits: 32, DWARF: -1})
	}
	a.Registers = append(a.Registers,
		Register{Name: "sp", Bits: 64, DWARF: 31}, Register{Name: "pc", Bits: 64, DWARF: 32},
		Register{Name: "pstate", Bits: 64, DWARF: -1}, Register{Name: "tpidr", Bits: 64, DWARF: 36})
	a.Sub = append(a.Sub,
		Register{Name: "fp", Of: "x29", Bits: 64, DWARF: -1}, Register{Name: "lr", Of: "x30", Bits: 64, DWARF: -1},
		Register{Name: "wsp", Of: "sp", Bits: 32, DWARF: -1})
	return a
}
