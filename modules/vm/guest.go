package vm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

const guestHelp = `Opens a virtual machine of the host as a target inside the target: its physical memory
through the host's, its virtual memory by its own page tables, the registers of its
vCPUs. A kernel that is known is recognised in it; else, and it is said then, registers,
memory and disassembly are what there is. The machine is named as ::vm names it, or by its address
there. The prompt shows the guests that one is in; ::guest - goes back out, ::guest
alone tells where one is.

-v vcpu  the vCPU whose registers and page table are the current ones; in the guest
         ::vcpus lists them and ::switch changes it. 0 if it is not given.
-c cr3   the physical address of the page table, where the host's memory does not
         hold the vCPU's (on Intel it is in the VMCS), or in another's place
-m mode  the mode of the page table: none (real mode), 32, pae, 4, 5 (levels). If it
         is not given, the vCPU's; 4 if that is not known
-r       do not look for a kernel
`

// guestDcmds open machines.
func guestDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "guest", Usage: "?[-r] [-v vcpu] [-c cr3] [-m mode] [vm | -]", Descr: "look into a virtual machine", Help: guestHelp,
		Opts: []core.Opt{
			{Letter: 'v', Kind: core.Uint, Arg: "vcpu", Help: "the current vCPU"},
			{Letter: 'c', Kind: core.Uint, Arg: "cr3", Help: "physical address of the page table"},
			{Letter: 'm', Kind: core.Str, Arg: "mode", Help: "none, 32, pae, 4 or 5"},
			{Letter: 'r', Help: "do not look for a kernel"},
		},
		Run: runGuest, Complete: completeGuest,
	}}
}

func runGuest(c *core.Ctx) error {
	switch {
	case len(c.Args) == 0 && !c.HasAddr:
		return whereAmI(c)
	case len(c.Args) == 1 && !c.HasAddr && c.Args[0].Str == "-":
		return leaveGuest(c)
	case len(c.Args) == 1 && !c.HasAddr, len(c.Args) == 0 && c.HasAddr:
		return enterGuest(c)
	}
	return core.ErrUsage
}

// whereAmI lists the host and the guests that the session is in.
func whereAmI(c *core.Ctx) error {
	list := c.Session.Nested()
	for i, cx := range list {
		what, name := "guest", cx.Name
		if i == 0 {
			what, name = "host", "no target"
			if cx.Target != nil {
				name = cx.Target.Name()
			}
		}
		here := i == len(list)-1
		c.Record(func() {
			mark := ' '
			if here {
				mark = '*'
			}
			c.P.WriteString(fmt.Sprintf("%c %-5s %s\n", mark, what, name))
		}, out.Field{Name: "kind", Value: what}, out.Field{Name: "name", Value: name}, out.Field{Name: "current", Value: here})
	}
	return nil
}

func leaveGuest(c *core.Ctx) error {
	name, ok := c.Session.Leave()
	if !ok {
		c.Warnf("the debugger is in no guest")
		return core.ErrFailed
	}
	c.P.WriteString("debugger context set back from guest " + name + "\n")
	return nil
}

// findMachine finds the machine that the argument or the address names.
func findMachine(c *core.Ctx) (*Machine, error) {
	if p, ok := c.Session.Context().Target.(system.ProcessTarget); ok {
		return nil, fmt.Errorf("the context is %s: 0::context goes back to the kernel", p.Name())
	}
	v := kernel.Of(c.Session)
	if c.HasAddr {
		return MachineAt(v, c.Addr)
	}
	a := c.Args[0]
	if a.IsImm {
		return MachineAt(v, a.Imm)
	}
	m, err := Lookup(v, a.Str)
	if err == nil {
		return m, nil
	}
	if addr, perr := strconv.ParseUint(strings.TrimPrefix(a.Str, "0x"), 16, 64); perr == nil {
		if m, aerr := MachineAt(v, addr); aerr == nil {
			return m, nil
		}
	}
	return nil, err
}

func enterGuest(c *core.Ctx) error {
	m, err := findMachine(c)
	if err != nil {
		c.Warnf("%s", err.Error())
		return core.ErrFailed
	}
	g, err := openGuest(c, m)
	if err != nil {
		return c.Warn(err, "failed to open guest %s", m.Name)
	}
	vcpu, _ := c.OptUint('v')
	if err := checkVCPU(m, vcpu); err != nil {
		return c.Warn(err, "failed to open guest %s", m.Name)
	}
	if g.root, err = rootOf(c, int(vcpu)); err != nil {
		return err
	}
	var sys any
	if c.Opt('r') {
		sys = system.NewRawMachine(g.target().(system.KernelMemory))
	}
	if err := c.Session.Enter(c, g.target(), sys, m.Name); err != nil {
		c.Warnf("%s", err.Error())
	}
	if err := c.Err(); err != nil { // interrupted while a kernel was looked for
		c.Session.Leave()
		return core.ErrIntr
	}
	return entered(c, vcpu)
}

// entered tells what was found in a guest and makes the vCPU the current one.
func entered(c *core.Ctx, vcpu uint64) error {
	cx := c.Session.Context()
	c.P.WriteString("debugger context set to guest " + cx.Name + "\n")
	if raw, ok := cx.System.(*system.RawMachine); ok && raw.Sought() { // which is nothing wrong
		c.P.WriteString("no kernel was recognised (see ::status): registers, memory and disassembly are what there is\n")
	} else if w, ok := cx.System.(core.Warner); ok {
		for _, text := range w.Warnings() {
			c.Warnf("%s", text)
		}
	}
	if _, asked := c.OptUint('v'); !asked && vcpu == 0 {
		if _, raw := cx.System.(*system.RawMachine); !raw {
			return nil // a kernel knows which thread counts
		}
	}
	if err := c.Session.SwitchCPU(vcpu); err != nil {
		return c.Warn(err, "failed to switch to processor %s", fmt.Sprint(vcpu))
	}
	return nil
}

// openGuest makes a target of a machine, one that has memory in the dump.
func openGuest(c *core.Ctx, m *Machine) (*guest, error) {
	g, err := newGuest(c.Session, m)
	if err != nil {
		return nil, err
	}
	if err := g.absent(); err != nil {
		if k, ok := core.As[*system.IllumosKernel](g.host); ok && k.Dump() != nil && k.Dump().DumpHeader().Flags&system.DumpAll == 0 {
			return nil, fmt.Errorf("its memory is not in the dump, which does not hold all pages: %s", core.Reason(err))
		}
		return nil, fmt.Errorf("none of its memory can be read: %s", core.Reason(err))
	}
	return g, nil
}

// checkVCPU refuses the number of a vCPU that the machine does not have.
func checkVCPU(m *Machine, id uint64) error {
	list, err := m.VCPUs()
	for _, v := range list {
		if uint64(v.ID) == id {
			return nil
		}
	}
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("it has no vCPUs")
	}
	return fmt.Errorf("it has no vCPU %d: its vCPUs are %d to %d", id, list[0].ID, list[len(list)-1].ID)
}

// rootOf is the page table that -c and -m name, nil if neither was given.
func rootOf(c *core.Ctx, vcpu int) (*givenRoot, error) {
	cr3, hasCR3 := c.OptUint('c')
	word, hasMode := c.OptStr('m')
	if !hasCR3 && !hasMode {
		return nil, nil
	}
	r := &givenRoot{vcpu: vcpu, cr3: cr3, hasCR3: hasCR3}
	if hasMode {
		mode, err := paging.ParseMode(word)
		if err != nil {
			c.Warnf("%s", err.Error())
			return nil, core.ErrUsage
		}
		r.mode(mode)
	}
	return r, nil
}

// maxNames bounds the machines that completion offers.
const maxNames = 256

func completeGuest(s *core.Session, args []string, word string) []core.Candidate {
	if len(args) > 0 && strings.TrimLeft(args[len(args)-1], "-vcm") == "" && args[len(args)-1] != "" {
		if args[len(args)-1] != "-m" {
			return nil
		}
		return []core.Candidate{{Text: "none"}, {Text: "32"}, {Text: "pae"}, {Text: "4"}, {Text: "5"}}
	}
	var list []core.Candidate
	for m, err := range Machines(kernel.Of(s)) {
		if err != nil || len(list) == maxNames {
			break
		}
		if strings.HasPrefix(m.Name, word) {
			list = append(list, core.Candidate{Text: m.Name, Descr: fmt.Sprintf("%s, %d vCPUs", m.Kind, m.NCPU)})
		}
	}
	if len(s.Nesting()) > 0 && word == "" {
		list = append(list, core.Candidate{Text: "-", Descr: "back to the host"})
	}
	return list
}
