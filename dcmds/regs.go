package dcmds

import (
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/out"
)

// regsDcmds show registers.
func regsDcmds() []*core.Dcmd {
	help := "Print the general registers of the thread whose id is the address, or of the\n" +
		"representative thread. A register that the target does not have is printed as 0\n" +
		"while the target is an idle executable.\n"
	return []*core.Dcmd{
		{Name: "regs", Usage: "?[-u]", Descr: "print general-purpose registers", Help: help, Opts: regsOpts, Run: runRegs},
		{Name: "$r", Usage: "?[-u]", Descr: "print general-purpose registers", Help: help, Opts: regsOpts, Run: runRegs},
		{Name: "$?", Descr: "print status and registers", Run: runWhy},
	}
}

var regsOpts = []core.Opt{{Letter: 'u', Help: "the address is that of a ucontext_t"}}

// threadRegs gives the registers of the thread that a command works on: the
// address if one was given, else the representative thread.
func threadRegs(c *core.Ctx) (*arch.Regs, error) {
	cx := c.Session.Context()
	if cx.Target == nil {
		return nil, core.ErrNoProc
	}
	r, ok := core.As[core.Registers](cx)
	if !ok {
		return nil, core.ErrNoProc
	}
	id := cx.Thread
	if c.HasAddr {
		id = c.Addr
	}
	return r.Registers(id)
}

func runRegs(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	regs, err := regsWanted(c)
	if err != nil {
		return err
	}
	c.Record(func() { printRegs(c, regs) }, regFields(regs)...)
	return nil
}

func regsWanted(c *core.Ctx) (*arch.Regs, error) {
	if c.Opt('u') {
		switch {
		case !c.HasAddr:
			return nil, core.ErrUsage
		case c.Arch() != arch.AMD64:
			return nil, core.ErrNotSup
		}
		return ucontextRegs(c)
	}
	regs, err := threadRegs(c)
	if _, idle := core.As[core.Registers](c.Session.Context()); errors.Is(err, core.ErrNoProc) && !idle && c.Session.Context().Target != nil {
		return arch.NewRegs(c.Arch()), nil // an executable that is not running
	}
	return regs, err
}

func regFields(r *arch.Regs) []out.Field {
	var f []out.Field
	for _, reg := range r.Arch.Registers {
		v, ok := r.Get(reg.Name)
		if !ok {
			f = append(f, out.Field{Name: reg.Name})
			continue
		}
		f = append(f, out.Field{Name: reg.Name, Value: out.Hex(v)})
	}
	return f
}

// eflags are the flags with a field of their own in MDB's block, by bit.
var eflags = out.Bits{
	{Name: "id", Mask: 1 << 21}, {Name: "vip", Mask: 1 << 20}, {Name: "vif", Mask: 1 << 19}, {Name: "ac", Mask: 1 << 18},
	{Name: "vm", Mask: 1 << 17}, {Name: "rf", Mask: 1 << 16}, {Name: "nt", Mask: 1 << 14},
}

// status are the flags of status=<...>, upper case when set.
var statusFlags = []struct {
	bit     uint
	on, off string
}{{11, "OF", "of"}, {10, "DF", "df"}, {9, "IF", "if"}, {8, "TF", "tf"}, {7, "SF", "sf"}, {6, "ZF", "zf"}, {4, "AF", "af"}, {2, "PF", "pf"}, {0, "CF", "cf"}}

// printRegs prints the registers as MDB does for the architecture.
func printRegs(c *core.Ctx, r *arch.Regs) {
	switch r.Arch {
	case arch.AMD64:
		printAMD64(c, r)
	case arch.I386:
		printI386(c, r)
	case arch.ARM64:
		printARM64(c, r)
	default:
		c.Warnf("registers of %s are not known", r.Arch.Name)
	}
}

// printAMD64 prints MDB's block of amd64 registers.
func printAMD64(c *core.Ctx, r *arch.Regs) {
	if isKernel(c.Session) {
		printKernelRegs(c, r)
		return
	}
	v := func(name string) uint64 { x, _ := r.Get(name); return x }
	for _, row := range [][2]string{{"rax", "r8"}, {"rbx", "r9"}, {"rcx", "r10"}, {"rdx", "r11"}, {"rsi", "r12"}, {"rdi", "r13"}} {
		c.Printf("%%%s = 0x%016llx       %%%-3s = 0x%016llx\n", row[0], v(row[0]), row[1], v(row[1]))
	}
	c.Printf("                                %%r14 = 0x%016llx\n", v("r14"))
	c.Printf("                                %%r15 = 0x%016llx\n\n", v("r15"))
	c.Printf("%%cs = 0x%04llx    %%fs = 0x%04llx    %%gs = 0x%04llx\n", v("cs"), v("fs"), v("gs"))
	c.Printf("%%ds = 0x%04llx    %%es = 0x%04llx    %%ss = 0x%04llx\n\n", v("ds"), v("es"), v("ss"))
	c.Printf("%%rip = 0x%016llx %A\n", v("rip"), v("rip"))
	c.Printf("%%rbp = 0x%016llx\n%%rsp = 0x%016llx\n\n", v("rbp"), v("rsp"))
	flags := v("rflags")
	c.Printf("%%rflags = 0x%08llx\n ", flags)
	printFlags(c, flags)
	c.Printf("\n%%gsbase = 0x%016llx\n%%fsbase = 0x%016llx\n", v("gsbase"), v("fsbase"))
	c.Printf("%%trapno = 0x%x\n   %%err = 0x%x\n", v("trapno"), v("err"))
}

// printFlags prints the flags of an x86, and a newline.
func printFlags(c *core.Ctx, flags uint64) {
	for _, f := range eflags {
		on := 0
		if flags&f.Mask != 0 {
			on = 1
		}
		c.Printf(" %s=%d", f.Name, on)
	}
	c.Printf(" iopl=0x%x\n  status=<", flags>>12&3)
	for i, f := range statusFlags {
		if i > 0 {
			c.Printf(",")
		}
		if flags>>f.bit&1 != 0 {
			c.Printf("%s", f.on)
		} else {
			c.Printf("%s", f.off)
		}
	}
	c.Printf(">\n")
}

// ucontextOrder is the order of the registers in the mcontext_t of Linux on
// amd64 (gregset_t, sys/ucontext.h).
var ucontextOrder = []string{
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip", "rflags",
}

// ucontextRegsAt is the offset of uc_mcontext in Linux's ucontext_t: uc_flags,
// uc_link and the 24 bytes of uc_stack come before it.
const ucontextRegsAt = 40

func ucontextRegs(c *core.Ctx) (*arch.Regs, error) {
	r := arch.NewRegs(arch.AMD64)
	for i, name := range ucontextOrder {
		v, err := c.ReadUint(c.Addr+ucontextRegsAt+uint64(i)*8, 8)
		if err != nil {
			return nil, c.Warn(err, "failed to read ucontext at %p", c.Addr)
		}
		r.Set(name, v)
	}
	seg, err := c.ReadUint(c.Addr+ucontextRegsAt+uint64(len(ucontextOrder))*8, 8)
	if err != nil {
		return nil, c.Warn(err, "failed to read ucontext at %p", c.Addr)
	}
	r.Set("cs", seg&0xffff)
	r.Set("gs", seg>>16&0xffff)
	r.Set("fs", seg>>32&0xffff)
	r.Set("ss", seg>>48)
	return r, nil
}

// runWhy is $?: the process id, why it stopped, and the registers.
func runWhy(c *core.Ctx) error {
	if c.Session.Context().Target == nil {
		return core.ErrNoProc
	}
	if isKernel(c.Session) {
		return runRegs(c)
	}
	if p, ok := core.As[core.Process](c.Session.Context()); ok {
		c.Printf("process id = %d\n", p.PID())
		if sig := p.Signal(); sig != 0 {
			name, descr := p.SignalName(sig)
			c.Printf("%s: %s\n", name, descr)
		}
	} else {
		c.Printf("no process\n")
	}
	return runRegs(c)
}
