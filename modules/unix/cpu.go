package unix

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// nsecShift is what nsec_scale is shifted by (NSEC_SHIFT of the kernel's clock).
const nsecShift = 5

func runScalehrtime(c *core.Ctx) error {
	var ticks uint64
	switch {
	case c.HasAddr && len(c.Args) == 0:
		ticks = c.Addr
	case c.HasAddr || len(c.Args) != 1:
		return core.ErrUsage
	case c.Args[0].IsImm:
		ticks = c.Args[0].Imm
	default:
		n, err := c.Strtoull(c.Args[0].Str)
		if err != nil {
			return err
		}
		ticks = n
	}
	if c.Opt('a') && c.Opt('r') {
		c.Warnf("can't specify both -a and -r")
		return core.ErrUsage
	}
	v := kernel.Of(c.Session)
	how, err := v.Variable("unix", "scalehrtimef")
	if err != nil {
		return kernel.Failed(err, "couldn't read 'scalehrtimef'")
	}
	f, err := v.Symbol("unix", "tsc_scalehrtime")
	if err != nil {
		return kernel.Failed(err, "couldn't find 'tsc_scalehrtime'")
	}
	if f.Value != how {
		return errors.New("::scalehrtime requires that scalehrtimef be set to tsc_scalehrtime")
	}
	var scale, last, base uint64
	for _, x := range []struct {
		name string
		to   *uint64
	}{{"nsec_scale", &scale}, {"tsc_last", &last}, {"tsc_hrtime_base", &base}} {
		if *x.to, err = v.Variable("unix", x.name); err != nil {
			return kernel.Failed(err, "couldn't read '%s'", x.name)
		}
	}
	ns := scaled(ticks, uint64(uint32(scale)))
	// MDB compares as signed numbers.
	if c.Opt('a') || int64(ticks) > int64(last)>>1 && !c.Opt('r') {
		if int64(ticks) > int64(last) {
			ns = base + scaled(ticks-last, uint64(uint32(scale)))
		} else {
			ns = base - scaled(last-ticks, uint64(uint32(scale)))
		}
	}
	c.Record(func() { c.Printf("0x%llx\n", ns) }, out.Field{Name: "ticks", Value: out.Hex(ticks)}, out.Field{Name: "nanoseconds", Value: int64(ns)})
	return nil
}

// scaled is ticks in nanoseconds: ticks * scale / 2^27, as the kernel computes it.
func scaled(ticks, scale uint64) uint64 {
	return (ticks>>32*scale)<<nsecShift + (ticks&0xffffffff*scale)>>(32-nsecShift)
}

// maxFeature bounds the text of a feature's name, maxFeatures their number.
const (
	maxFeature  = 128
	maxFeatures = 4096
)

func runFeatures(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	names, err := v.Symbol("unix", "x86_feature_names")
	if err != nil {
		return kernel.Failed(err, "couldn't find x86_feature_names")
	}
	set, err := v.Symbol("unix", "x86_featureset")
	if err != nil {
		return kernel.Failed(err, "failed to read x86_featureset")
	}
	count := min(names.Size/8, maxFeatures) // the module's headers say so where MDB's does
	at, size := set.Value, (count+7)/8
	what := "failed to read x86_featureset"
	if c.HasAddr {
		at = c.Addr
		what = fmt.Sprintf("failed to read x86_featureset from %x", at)
	}
	b, err := v.Bytes(at, size, nil)
	if err != nil {
		return kernel.Failed(err, "%s", what)
	}
	for i := range count {
		if b[i/8]>>(i%8)&1 == 0 {
			continue
		}
		p, err := v.Pointer(names.Value + 8*i)
		if err != nil {
			return kernel.Failed(err, "failed to read feature array %d", i)
		}
		name, err := v.Text(p, maxFeature)
		if err != nil {
			name = fmt.Sprintf("unknown feature %#x", i)
		}
		c.Record(func() { c.Printf("%s\n", name) }, out.Field{Name: "bit", Value: i}, out.Field{Name: "name", Value: name})
	}
	return nil
}

type cpuLayout struct {
	Size uint64       `ctf:"sizeof"`
	ID   kernel.Field `ctf:"cpu_id"`
	Next kernel.Field `ctf:"cpu_next"`
	Work kernel.Field `ctf:"cpu_m.xc_work_cnt,optional"`
	Cur  kernel.Field `ctf:"cpu_m.xc_curmsg,optional"`
	Box  kernel.Field `ctf:"cpu_m.xc_msgbox,optional"`
	Func kernel.Field `ctf:"cpu_m.xc_data.xc_func,optional"`
	A1   kernel.Field `ctf:"cpu_m.xc_data.xc_a1,optional"`
	A2   kernel.Field `ctf:"cpu_m.xc_data.xc_a2,optional"`
	A3   kernel.Field `ctf:"cpu_m.xc_data.xc_a3,optional"`
}

type xcMessage struct {
	Size    uint64       `ctf:"sizeof"`
	Command kernel.Field `ctf:"xc_command"`
	Master  kernel.Field `ctf:"xc_master"`
	Slave   kernel.Field `ctf:"xc_slave"`
	Next    kernel.Field `ctf:"xc_next"`
}

// xcCommands are the states of a message (sys/x_call.h).
var xcCommands = []string{"FREE", "ASYNC", "CALL", "SYNC", "WAITING", "RELEASED", "DONE"}

// cpu is a CPU, read.
type cpu struct {
	addr uint64
	b    []byte
}

// xcalls reads what CPUs say of cross calls.
type xcalls struct {
	c    *core.Ctx
	v    *kernel.View
	l    *cpuLayout
	m    *xcMessage
	cpus []cpu
}

func readCPUs(c *core.Ctx) (*xcalls, error) {
	x := &xcalls{c: c, v: kernel.Of(c.Session)}
	var err error
	if x.l, err = kernel.Lay[cpuLayout](x.v, "unix`cpu_t"); err != nil {
		return nil, err
	}
	if x.m, err = kernel.Lay[xcMessage](x.v, "struct xc_msg"); err != nil {
		return nil, err
	}
	first, err := x.v.Variable("unix", "cpu_list")
	if err != nil {
		return nil, kernel.Failed(err, "can't walk CPUs")
	}
	met := kernel.Met{}
	for at := first; at != 0; {
		if met.Again(at) {
			return x, fmt.Errorf("cpu %x is in its ring twice", at)
		}
		b, err := x.v.Bytes(at, x.l.Size, nil)
		if err != nil {
			return x, kernel.BadRead("cpu", at, err)
		}
		x.cpus = append(x.cpus, cpu{at, b})
		if at = x.l.Next.Of(b); at == first {
			break
		}
	}
	return x, nil
}

// message is a message of a cross call.
type message struct {
	addr, slave uint64
	command     string
	current     bool
}

// messages are those whose master is the CPU.
func (x *xcalls) messages(id uint64) ([]message, error) {
	var list []message
	add := func(at uint64, current bool) (next uint64, err error) {
		b, err := x.v.Bytes(at, x.m.Size, nil)
		if err != nil {
			return 0, kernel.BadRead("xc_msg", at, err)
		}
		if x.m.Master.Of(b) == id {
			command := "?"
			if n := x.m.Command.Of(b); n < uint64(len(xcCommands)) {
				command = xcCommands[n]
			}
			list = append(list, message{at, x.m.Slave.Of(b), command, current})
		}
		return x.m.Next.Of(b), nil
	}
	for _, p := range x.cpus {
		if cur := x.l.Cur.Of(p.b); cur != 0 {
			if _, err := add(cur, true); err != nil {
				return list, err
			}
		}
		met := kernel.Met{}
		for at := x.l.Box.Of(p.b); at != 0; {
			if met.Again(at) {
				return list, fmt.Errorf("xc_msg %x is on the list of cpu %x twice", at, p.addr)
			}
			next, err := add(at, false)
			if err != nil {
				return list, err
			}
			at = next
		}
	}
	return list, nil
}

const maxCPUs = 256 // numbers below it are not addresses

func runXcall(c *core.Ctx) error {
	x, err := readCPUs(c)
	if err != nil && x == nil {
		return err
	}
	c.Fail(err)
	if !c.HasAddr {
		for i, p := range x.cpus {
			x.show(p, i == 0)
		}
		return nil
	}
	for _, p := range x.cpus {
		if c.Addr == p.addr || c.Addr < maxCPUs && x.l.ID.Of(p.b) == c.Addr {
			x.show(p, c.Header())
			return nil
		}
	}
	if c.Addr < maxCPUs {
		return fmt.Errorf("invalid CPU ID %d", c.Addr)
	}
	b, err := x.v.Bytes(c.Addr, x.l.Size, nil)
	if err != nil {
		return kernel.Failed(err, "couldn't read cpu %#x", c.Addr)
	}
	x.show(cpu{c.Addr, b}, c.Header())
	return nil
}

// show prints the cross calls of a CPU.
func (x *xcalls) show(p cpu, head bool) {
	c, l := x.c, x.l
	id, pending := l.ID.Of(p.b), l.Work.Of(p.b)
	list, err := x.messages(id)
	c.Fail(err)
	switch {
	case c.PipeOut:
		for _, m := range list {
			c.Emit(m.addr, x.v.TypeOrNil("struct xc_msg"))
		}
		return
	case c.Opts.JSON:
		x.record(p, list)
		return
	}
	if head {
		c.Printf("%<u>%3s %4s %s%</u>\n", "CPU", "PEND", "HANDLER")
	}
	if len(list) == 0 {
		c.Printf("%3d %4d -\n", id, pending)
		return
	}
	c.Printf("%3d %4d %a(%a, %a, %a)\n", id, pending, l.Func.Of(p.b), l.A1.Of(p.b), l.A2.Of(p.b), l.A3.Of(p.b))
	c.Printf("         %<u>%-9s %-6s%</u>\n", "COMMAND", "SLAVE")
	for _, m := range list {
		mark, width := "", 9
		if m.current {
			mark, width = "*", 8
		}
		c.Printf("%s %s%-*s %-6u\n", "        ", mark, width, m.command, m.slave)
	}
}

func (x *xcalls) record(p cpu, list []message) {
	l := x.l
	row := func(m *message) {
		f := []out.Field{{Name: "cpu", Value: l.ID.Of(p.b)}, {Name: "pending", Value: l.Work.Of(p.b)}}
		if m != nil {
			f = append(f, out.Field{Name: "handler", Value: out.Sprintf(x.c.OutEnv(), "%a", l.Func.Of(p.b))}, out.Field{Name: "message", Value: out.Hex(m.addr)},
				out.Field{Name: "command", Value: m.command}, out.Field{Name: "slave", Value: m.slave}, out.Field{Name: "current", Value: m.current})
		}
		x.c.Record(func() {}, f...)
	}
	if len(list) == 0 {
		row(nil)
	}
	for i := range list {
		row(&list[i])
	}
}
