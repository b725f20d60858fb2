package dcmds

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/out"
)

// struct user_fpsimd_state of arm64 (arch/arm64/include/uapi/asm/ptrace.h): 32
// registers of 16 bytes, then fpsr and fpcr.
const (
	simdRegs         = 32
	simdSR, simdCR   = 16 * simdRegs, 16*simdRegs + 4
	simdSize         = simdCR + 4
	doubleDigits     = 16
	armRoundingShift = 22
)

// Bits of FPSR and FPCR (Arm ARM, C5.2.8 and C5.2.9).
var (
	fpsrBits = []bitName{{0, "IOC"}, {1, "DZC"}, {2, "OFC"}, {3, "UFC"}, {4, "IXC"}, {7, "IDC"}, {27, "QC"},
		{28, "V"}, {29, "C"}, {30, "Z"}, {31, "N"}}
	fpcrBits = []bitName{{8, "IOE"}, {9, "DZE"}, {10, "OFE"}, {11, "UFE"}, {12, "IXE"}, {15, "IDE"}, {19, "FZ16"},
		{24, "FZ"}, {25, "DN"}, {26, "AHP"}}
	armRounding = [...]string{"RN", "RP", "RM", "RZ"}
)

// armFpregs prints the vector registers of arm64, of which MDB has no block, in the
// manner of amd64's; the number after = is that of the lower half as a double.
func armFpregs(c *core.Ctx, regs *arch.Regs) error {
	area := regs.Areas["fpsimd"]
	if len(area) < simdSize {
		return errNoFP
	}
	le := binary.LittleEndian
	sr, cr := le.Uint32(area[simdSR:]), le.Uint32(area[simdCR:])
	fields := []out.Field{{Name: "fpsr", Value: out.Hex(sr)}, {Name: "fpcr", Value: out.Hex(cr)}}
	for i := range simdRegs {
		fields = append(fields, out.Field{Name: fmt.Sprintf("v%d", i), Value: "0x" + vectorHex(area[16*i:16*i+16])})
	}
	c.Record(func() {
		c.Printf("fpsr   0x%08x (%s)\n", sr, names(sr, fpsrBits))
		c.Printf("fpcr   0x%08x (%s)\n\n", cr, orZero(append(nameList(cr, fpcrBits), armRounding[cr>>armRoundingShift&3])))
		for i := range simdRegs {
			v := area[16*i : 16*i+16]
			c.Printf("%-7s0x%s = %s\n", fmt.Sprintf("%%v%d", i), vectorHex(v), out.FormatFloat(math.Float64frombits(le.Uint64(v)), doubleDigits))
		}
	}, fields...)
	return nil
}
