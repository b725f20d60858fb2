package dcmds

import (
	"errors"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/system"
)

// kernelDcmds look at the CPUs of a kernel.
func kernelDcmds() []*core.Dcmd {
	cpu := core.Opt{Letter: 'c', Kind: core.Uint, Arg: "cpuid", Help: "of the CPU with this id, 0 if it is not given"}
	return []*core.Dcmd{
		{Name: "cpustack", Usage: "?[-v] [-c cpuid] [cnt]", Descr: "print stack backtrace for a specific CPU", NoHint: true,
			Help: "Prints the stack of the thread on a CPU, as ::stack does. The address is that of a\n" +
				"cpu_t. In a dump the registers are those of the panic, or the label in which the\n" +
				"panic stopped the other CPUs.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with frame pointers"}, cpu}, Run: runCPUStack},
		{Name: "cpuregs", Usage: "?[-c cpuid]", Descr: "print general-purpose registers for a specific CPU", NoHint: true,
			Help: "Prints the registers of the thread on a CPU. The address is that of a cpu_t. Of a\n" +
				"CPU that did not panic only those are known that a label has; the others are\n" +
				"printed as question marks.\n",
			Opts: []core.Opt{cpu}, Run: runCPURegs},
	}
}

// isKernel tells that the session looks at a kernel and not at a process in it.
func isKernel(s *core.Session) bool {
	t := s.Context().Target
	return t != nil && t.Kind() == "kvm"
}

// cpuThread is the thread on the CPU that the address or -c names.
func cpuThread(c *core.Ctx) (uint64, error) {
	if k, ok := core.As[*system.LinuxKernel](c.Session.Context()); ok {
		return linuxCPUThread(c, k)
	}
	k, ok := core.As[*system.IllumosKernel](c.Session.Context())
	if !ok {
		if c.Session.Context().Target == nil {
			return 0, core.ErrNoProc
		}
		return 0, core.ErrNotSup
	}
	if c.HasAddr {
		cpu, err := k.CPUAt(c.Addr)
		if err != nil {
			return 0, c.Warn(err, "failed to find cpuid for cpu at %p", c.Addr)
		}
		return cpu.Thread, nil
	}
	id, _ := c.OptUint('c')
	cpus, err := k.CPUs()
	for _, cpu := range cpus {
		if uint64(cpu.ID) == id {
			return cpu.Thread, nil
		}
	}
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	c.Warnf("failed to get regs for cpu %d", id)
	return 0, core.ErrFailed
}

// linuxCPUThread is cpuThread for a Linux kernel, where the address is that of a CPU's
// per-CPU area.
func linuxCPUThread(c *core.Ctx, k *system.LinuxKernel) (uint64, error) {
	id, _ := c.OptUint('c')
	cpus, err := k.CPUs()
	for _, cpu := range cpus {
		if c.HasAddr && cpu.Offset == c.Addr || !c.HasAddr && uint64(cpu.ID) == id {
			return cpu.Task, nil
		}
	}
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	if c.HasAddr {
		return 0, c.Warn(core.ErrNotSup, "failed to find cpuid for cpu at %p", c.Addr)
	}
	c.Warnf("failed to get regs for cpu %d", id)
	return 0, core.ErrFailed
}

func cpuRegs(c *core.Ctx) (*arch.Regs, uint64, error) {
	thread, err := cpuThread(c)
	if err != nil {
		return nil, 0, err
	}
	r, ok := core.As[core.Registers](c.Session.Context())
	if !ok {
		return nil, 0, core.ErrNotSup
	}
	regs, err := r.Registers(thread)
	if err != nil {
		return nil, 0, c.Warn(err, "failed to get regs of thread %p", thread)
	}
	return regs, thread, nil
}

func runCPURegs(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	regs, _, err := cpuRegs(c)
	if err != nil {
		return err
	}
	c.Record(func() { printRegs(c, regs) }, regFields(regs)...)
	return nil
}

func runCPUStack(c *core.Ctx) error {
	limit, err := argLimit(c)
	if err != nil {
		return err
	}
	regs, thread, err := cpuRegs(c)
	if err != nil {
		return err
	}
	return printStack(c, regs, thread, stackStyle{fp: c.Opt('v'), args: limit})
}

// printKernelRegs prints MDB's block of the registers of an amd64 kernel.
func printKernelRegs(c *core.Ctx, r *arch.Regs) {
	text := func(name string, digits int) string {
		v, ok := r.Get(name)
		if !ok {
			return strings.Repeat("?", digits)
		}
		return fmt.Sprintf("%0*x", digits, v)
	}
	symbol := func(name string) string {
		if v, ok := r.Get(name); ok {
			if s, ok := c.SymbolName(v); ok {
				return s
			}
		}
		return ""
	}
	v := func(name string) uint64 { x, _ := r.Get(name); return x }
	for i, row := range [][2]string{{"rax", "r9"}, {"rbx", "r10"}, {"rcx", "r11"}, {"rdx", "r12"}, {"rsi", "r13"}, {"rdi", "r14"}, {"r8", "r15"}} {
		c.Printf("%%%-3s = 0x%s %15s %%%-3s = 0x%s %s\n", row[0], text(row[0], 16), symbol(row[0]), row[1], text(row[1], 16), symbol(row[1]))
		if i == 6 {
			c.Printf("\n")
		}
	}
	c.Printf("%%rip = 0x%s %s\n", text("rip", 16), symbol("rip"))
	c.Printf("%%rbp = 0x%s\n%%rsp = 0x%s\n", text("rbp", 16), text("rsp", 16))
	c.Printf("%%rflags = 0x%s\n ", text("rflags", 8))
	printFlags(c, v("rflags"))
	c.Printf("\n%24s%%cs = 0x%s\t%%ds = 0x%s\t%%es = 0x%s\n", " ", text("cs", 4), text("ds", 4), text("es", 4))
	c.Printf("%%trapno = %s\t\t%%fs = 0x%04llx\t%%gs = 0x%04llx\n", short(r, "trapno"), v("fs")&0xffff, v("gs")&0xffff)
	c.Printf("   %%err = %s\n", short(r, "err"))
}

// short is a register without leading zeros.
func short(r *arch.Regs, name string) string {
	v, ok := r.Get(name)
	if !ok {
		return "?"
	}
	return fmt.Sprintf("%#x", v)
}

// kernelStackEnd prints how a kernel's stack ends early; false if err is of another
// kind.
func kernelStackEnd(c *core.Ctx, err error) bool {
	var end *system.StackError
	if !errors.As(err, &end) {
		return false
	}
	c.Record(func() { c.Printf("%p [%s]\n", end.FP, core.Reason(end.Err)) },
		namedField("fp", end.FP), namedField("error", core.Reason(end.Err)))
	return true
}
