package dcmds

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
)

// printI386 prints MDB's block of i386 registers.
func printI386(c *core.Ctx, r *arch.Regs) {
	v := func(name string) uint64 { x, _ := r.Get(name); return x }
	machine := isKernel(c.Session)
	text := func(name string, digits int) string {
		x, ok := r.Get(name)
		if !ok && machine { // a process' are all known, or MDB's zeros
			return strings.Repeat("?", max(digits, 1))
		}
		return fmt.Sprintf("%0*x", digits, x)
	}
	for _, row := range [][2]string{{"cs", "eax"}, {"ds", "ebx"}, {"ss", "ecx"}, {"es", "edx"}, {"fs", "esi"}, {"gs", "edi"}} {
		c.Printf("%%%s = 0x%s\t\t%%%s = 0x%s %A\n", row[0], text(row[0], 4), row[1], text(row[1], 8), v(row[1]))
	}
	c.Printf("\n %%eip = 0x%s %A\n", text("eip", 8), v("eip"))
	c.Printf(" %%ebp = 0x%s\n%%kesp = 0x%s\n\n", text("ebp", 8), text("kesp", 8))
	c.Printf("%%eflags = 0x%s\n ", text("eflags", 8))
	printFlags(c, v("eflags"))
	c.Printf("\n   %%esp = 0x%s\n%%trapno = 0x%s\n   %%err = 0x%s\n", text("esp", 8), text("trapno", 0), text("err", 0))
}

// printARM64 prints the registers of arm64, of which MDB has no block, in the manner
// of amd64's: the general ones in two columns, then those with a meaning of their
// own, then pstate with its flags, upper case when set.
func printARM64(c *core.Ctx, r *arch.Regs) {
	v := func(name string) uint64 { x, _ := r.Get(name); return x }
	const half = 16
	for i := range half {
		c.Printf("%%%-3s = 0x%016llx", fmt.Sprintf("x%d", i), v(fmt.Sprintf("x%d", i)))
		if i+half <= 30 {
			c.Printf("       %%%-3s = 0x%016llx", fmt.Sprintf("x%d", i+half), v(fmt.Sprintf("x%d", i+half)))
		}
		c.Printf("\n")
	}
	c.Printf("\n%%pc = 0x%016llx %A\n%%lr = 0x%016llx %A\n", v("pc"), v("pc"), v("lr"), v("lr"))
	c.Printf("%%fp = 0x%016llx\n%%sp = 0x%016llx\n\n", v("fp"), v("sp"))
	p := v("pstate")
	c.Printf("%%pstate = 0x%08llx\n  status=<", p)
	for i, f := range pstateFlags {
		if i > 0 {
			c.Printf(",")
		}
		if p>>f.bit&1 != 0 {
			c.Printf("%s", f.on)
		} else {
			c.Printf("%s", f.off)
		}
	}
	c.Printf("> btype=%d el=%d\n", int(p>>10&3), int(p>>2&3))
	if tp, ok := r.Get("tpidr"); ok { // cores of qemu lack it
		c.Printf("\n%%tpidr = 0x%016llx\n", tp)
	}
}

// pstateFlags are the flags of SPSR_EL1 (Arm ARM, C5.2.18), the highest first.
var pstateFlags = []struct {
	bit     uint
	on, off string
}{
	{31, "N", "n"}, {30, "Z", "z"}, {29, "C", "c"}, {28, "V", "v"}, {25, "TCO", "tco"}, {24, "DIT", "dit"}, {22, "PAN", "pan"},
	{21, "SS", "ss"}, {20, "IL", "il"}, {12, "SSBS", "ssbs"}, {9, "D", "d"}, {8, "A", "a"}, {7, "I", "i"}, {6, "F", "f"},
}
