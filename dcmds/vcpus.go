package dcmds

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// cpuDcmds look at the processors of a machine as the machine has them, whatever runs
// on it.
func cpuDcmds() []*core.Dcmd {
	help := "Makes the processor with the id the current one: registers, stack and, of a machine\n" +
		"whose kernel is not known, virtual memory are its. Of a known kernel the thread that\n" +
		"it runs on the processor becomes the representative one.\n"
	return []*core.Dcmd{
		{Name: "vcpus", Usage: "?", Descr: "list the processors of a machine", Table: processorTable,
			Help: "Lists the processors of the machine that the target is: what they execute, their\n" +
				"mode, their page table. The address is the id of one. An asterisk is before the\n" +
				"current one (::switch). PC is a linear address: the base of the code segment is in\n" +
				"it. A question mark stands for what is not known.\n", Run: runVCPUs},
		{Name: "switch", Usage: ":", Descr: "switch to another processor", Help: help, Run: runSwitch},
		{Name: ":x", Usage: ":", Descr: "switch to another processor", Help: help, Run: runSwitch},
	}
}

var processorTable = &core.Table{
	Head: "%4s %-16s %-12s %-24s %s\n", Line: "%4s %-16s %-12s %-24s %s\n", Pipe: 0,
	Cols: []core.Field{
		{Name: "id", Head: "ID"}, {Name: "pc", Head: "PC"}, {Name: "cr3", Head: "CR3"}, {Name: "mode", Head: "MODE"}, {Name: "state", Head: "STATE"},
	},
}

func runVCPUs(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	list, current, err := c.Session.Processors()
	if err != nil && len(list) == 0 {
		return c.Warn(err, "failed to list processors")
	}
	found := false
	for i := range list {
		if c.HasAddr && uint64(list[i].ID) != c.Addr {
			continue
		}
		found = true
		showProcessor(c, &list[i], list[i].ID == current)
	}
	if c.HasAddr && !found {
		c.Warnf("no processor %s: the machine has %d", fmt.Sprint(c.Addr), len(list))
		return core.ErrFailed
	}
	return err
}

func showProcessor(c *core.Ctx, p *system.CPUState, current bool) {
	if c.PipeOut {
		c.Emit(uint64(p.ID), nil)
		return
	}
	id, pc, cr3 := fmt.Sprint(p.ID), "?", "?"
	if current {
		id = "*" + id
	}
	fields := []out.Field{namedField("id", p.ID), namedField("current", current)}
	if p.HasPC {
		pc = fmt.Sprintf("%x", p.PC)
		fields = append(fields, namedField("pc", out.Hex(p.PC)))
	}
	if p.HasCR3 {
		cr3 = fmt.Sprintf("%x", p.CR3)
		fields = append(fields, namedField("cr3", out.Hex(p.CR3)))
	}
	var state []string
	if p.Halted {
		state = append(state, "halted")
	}
	if p.Running {
		state = append(state, "running")
	}
	if name, ok := c.SymbolName(p.PC); ok && p.HasPC {
		state = append(state, name)
	}
	mode := p.Mode
	if mode == "" {
		mode = "?"
	}
	text := strings.Join(state, " ")
	c.Record(func() {
		c.Head()
		c.Printf(processorTable.Line, id, pc, cr3, mode, text)
	}, append(fields, namedField("mode", p.Mode), namedField("state", text))...)
}

func runSwitch(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	return switchTo(c, c.Addr)
}

// switchTo makes a processor of a machine the current one.
func switchTo(c *core.Ctx, id uint64) error {
	if err := c.Session.SwitchCPU(id); err != nil {
		return c.Warn(err, "failed to switch to processor %s", fmt.Sprint(id))
	}
	return nil
}

// entryFlags are the bits of a page table entry as ::vtop -v shows them.
var entryFlags = []struct {
	bit  uint64
	name string
}{
	{paging.Writable, "write"}, {paging.User, "user"}, {paging.Through, "wt"}, {paging.NoCache, "nocache"},
	{paging.Accessed, "accessed"}, {paging.Dirty, "dirty"}, {paging.Global, "global"}, {paging.NoExec, "noexec"},
}

// printWay prints the entries of the page tables on the way to the address.
func printWay(c *core.Ctx) error {
	if _, other := c.OptUint('a'); other {
		return c.Warn(core.ErrNotSup, "failed to get page table of another address space")
	}
	t, ok := core.As[core.Paged](c.Session.Context())
	if !ok {
		return c.Warn(core.ErrNotSup, "failed to get page table")
	}
	table, err := t.CurrentTable()
	if err != nil {
		return c.Warn(err, "failed to get page table")
	}
	way, _, _ := table.Walk(c.Addr) // why it fails, the translation tells
	for _, e := range way {
		var flags []string
		for _, f := range entryFlags {
			if e.Raw&f.bit != 0 {
				flags = append(flags, f.name)
			}
		}
		if e.Level > 1 && e.Raw&paging.Large != 0 {
			flags = append([]string{"large"}, flags...)
		}
		if e.Raw&paging.Present == 0 {
			flags = []string{"not present"}
		}
		c.Record(func() {
			c.P.WriteString(fmt.Sprintf("%-5s at %012x: %016x %s\n", e.Name(), e.Addr(table.Mode()), e.Raw, strings.Join(flags, " ")))
		}, namedField("entry", e.Name()), namedField("at", out.Addr(e.Addr(table.Mode()))), namedField("value", out.Hex(e.Raw)))
	}
	return nil
}
