package linux

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

var irqTable = &core.Table{
	Head: "%<u>%4s %-?s %-12s %10s %5s %-s%</u>\n", Line: "%4d %0?p %-12s %10d %5d %-s\n", Type: "struct irq_desc", Pipe: 1,
	Cols: []core.Field{{Name: "irq", Head: "IRQ"}, {Name: "addr", Head: "ADDR"}, {Name: "chip", Head: "CHIP"},
		{Name: "count", Head: "COUNT", Descr: "interrupts on all CPUs"}, {Name: "depth", Head: "DEPTH", Descr: "0: enabled"},
		{Name: "actions", Head: "ACTIONS", Descr: "names and handlers"}},
}

func irqDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "irqs", Usage: "[-a]", Descr: "interrupts and their handlers", Type: "struct irq_desc",
		Help: "Lists the interrupts that have handlers: number, address of the irq_desc, controller, how\n" +
			"many came on all CPUs, how often it is disabled, and its handlers.\n\n-a  those without a handler, too\n",
		Opts: []core.Opt{{Letter: 'a', Help: "those without a handler, too"}}, Table: irqTable, Run: noArgs(runIrqs),
	}}
}

func irqWalkers() []*core.Walker {
	return []*core.Walker{walker("irq", "descriptors of interrupts", "struct irq_desc", irqDescs)}
}

// irqDescs yields the descriptors by number: a radix tree until 6.4, then a maple tree;
// an array where interrupts are not sparse.
func irqDescs(v *kernel.View) iter.Seq2[uint64, error] {
	if at, err := address(v, "sparse_irqs"); err == nil {
		return maple(v, "irq_desc", at)
	}
	at, err := address(v, "irq_desc_tree")
	if err != nil {
		return failing(err)
	}
	return xarray(v, "irq_desc", at)
}

type irqLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Action kernel.Field `ctf:"action"`
	Chip   kernel.Field `ctf:"irq_data.chip"`
	Number kernel.Field `ctf:"irq_data.irq"`
	Stat   kernel.Field `ctf:"kstat_irqs"` // per CPU
	Depth  kernel.Field `ctf:"depth"`
}

func runIrqs(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	var failed error
	for a, err := range irqDescs(v) {
		switch {
		case err != nil:
			return err
		case c.Err() != nil:
			return core.ErrIntr
		}
		l, b, err := read(v, "struct irq_desc", a, func(l *irqLayout) uint64 { return l.Size })
		if err != nil {
			if err = told(c, err); err != nil {
				return err
			}
			failed = core.ErrFailed
			continue
		}
		if l.Action.Of(b) == 0 && !c.Opt('a') {
			continue
		}
		if c.PipeOut {
			c.Emit(a, v.TypeOrNil("struct irq_desc"))
			continue
		}
		chip, cerr := stringAt(v, "struct irq_chip", "name", l.Chip.Of(b))
		count, nerr := perCPUSum(v, l.Stat.Of(b), 4)
		actions, aerr := irqActions(c, v, l.Action.Of(b))
		c.Row(int(l.Number.Of(b)), out.Hex(a), cell(c, chip, cerr, "chip", a), cell(c, count, nerr, "count", a),
			int(l.Depth.Of(b)), cell(c, actions, aerr, "actions", a))
	}
	return failed
}

// stringAt reads a string that a member of an object points to; "-" if the object is none.
func stringAt(v *kernel.View, typ, member string, addr uint64) (string, error) {
	if addr == 0 {
		return "-", nil
	}
	f, err := v.Member(typ, member)
	if err != nil {
		return "", err
	}
	at, err := v.Pointer(addr + f.Off)
	if err != nil {
		return "", kernel.BadRead(typ, addr, err)
	}
	if at == 0 {
		return "-", nil
	}
	return v.Text(at, 256)
}

// perCPUSum adds what each CPU has of a per-CPU counter of size bytes.
func perCPUSum(v *kernel.View, at uint64, size int) (sum uint64, err error) {
	if at == 0 {
		return 0, nil
	}
	k, err := kernelOf(v.Session())
	if err != nil {
		return 0, err
	}
	cpus, err := k.CPUs()
	if err != nil {
		return 0, err
	}
	for _, cpu := range cpus {
		b, err := v.Bytes(at+cpu.Offset, uint64(size), nil)
		if err != nil {
			return 0, kernel.BadRead("per-CPU counter", at+cpu.Offset, err)
		}
		sum += kernel.Field{Size: uint64(size)}.Of(b)
	}
	return sum, nil
}

// maxActions bounds the handlers of one interrupt.
const maxActions = 256

// irqActions names the handlers: name (function).
func irqActions(c *core.Ctx, v *kernel.View, at uint64) (text string, err error) {
	type layout struct {
		Size    uint64       `ctf:"sizeof"`
		Handler kernel.Field `ctf:"handler"`
		Thread  kernel.Field `ctf:"thread_fn"`
		Next    kernel.Field `ctf:"next"`
	}
	met := kernel.Met{}
	for at != 0 {
		if met.Again(at) || len(met) > maxActions {
			return text, fmt.Errorf("irqaction %x is on its list twice", at)
		}
		l, b, err := read(v, "struct irqaction", at, func(l *layout) uint64 { return l.Size })
		if err != nil {
			return text, err
		}
		name, err := stringAt(v, "struct irqaction", "name", at)
		if err != nil {
			return text, err
		}
		if text != "" {
			text += ", "
		}
		text += name + " (" + out.Sprintf(c.OutEnv(), "%a", l.Handler.Of(b)) + ")"
		at = l.Next.Of(b)
	}
	return text, nil
}
