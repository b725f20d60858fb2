package genunix

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// systemDcmds are the commands of the system as a whole: its panic, its clock,
// /etc/system, the log and the queues of errors.
func systemDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "panicinfo", Usage: "", Descr: "print panic information", Run: noArgs(runPanicinfo)},
		{Name: "time", Usage: "[-dlx]", Descr: "display system time", Run: noArgs(runTime), Opts: []core.Opt{
			{Letter: 'd', Help: "in decimal"}, {Letter: 'l', Help: "the number of clock ticks since system boot"}, {Letter: 'x', Help: "in hexadecimal"}}},
		{Name: "system", Usage: "", Descr: "print contents of /etc/system file", Run: noArgs(runSystem)},
		{Name: "msgbuf", Usage: "?[-v]", Descr: "print most recent console messages", Run: noArgs(runMsgbuf), Type: "mblk_t",
			Opts: []core.Opt{{Letter: 'v', Help: "with the times"}}},
		{Name: "errorq", Usage: "?[-v]", Descr: "display kernel error queues", Run: noArgs(runErrorq), Type: "errorq_t",
			Opts: []core.Opt{{Letter: 'v', Help: "with their functions and all counts"}}},
		// MDB's synopsis has no address, which the command itself needs.
		{Name: "ereport", Usage: ":[-v]", MDBUsage: "[-v]", Descr: "print ereports logged in dump", Run: noArgs(needAddr(runEreport)), Type: "nvlist_t",
			Opts: []core.Opt{{Letter: 'v', Help: "all pairs of the report"}}},
	}
}

// systemWalkers are their walkers.
func systemWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "errorq", Descr: "walk list of system error queues", Addr: core.AddrOptional, Type: "errorq_t", Walk: walkErrorq},
		{Name: "errorq_data", Descr: "walk pending error queue data buffers", Addr: core.AddrRequired, Walk: walkErrorqData},
		{Name: "ereportq_dump", Descr: "walk list of ereports in dump error queue", Addr: core.AddrOptional, Type: "nvlist_t", Walk: ereportWalk("eq_dump", "eqe_dump")},
		{Name: "ereportq_pend", Descr: "walk list of ereports in pending error queue", Addr: core.AddrOptional, Type: "nvlist_t", Walk: ereportWalk("eq_pend", "eqe_prev")},
	}
}

// panicVersion is PANICBUFVERS, the version of panicbuf that is known.
const panicVersion = 2

// panicBuffer is panicbuf.
type panicBuffer struct {
	message string
	regs    []panicReg
}

type panicReg struct {
	name  string
	value uint64
}

func (v *view) panicBuffer() (*panicBuffer, error) {
	m, err := v.symbol("unix", "panicbuf")
	if err != nil {
		return nil, unread("panicbuf", err)
	}
	var d struct {
		Version uint64 `ctf:"pd_version"`
		Message uint64 `ctf:"pd_msgoff"`
	}
	at := uint64(m.Value)
	if err := v.load("panic_data_t", at, &d); err != nil {
		return nil, unread("panicbuf", err)
	}
	if d.Version != panicVersion {
		return nil, unread("panicbuf", fmt.Errorf("its version is %d, not %d", d.Version, panicVersion))
	}
	first, err := v.offset("panic_data_t", "pd_nvdata")
	if err != nil {
		return nil, err
	}
	size, err := v.size("panic_nv_t")
	if err != nil {
		return nil, err
	}
	if d.Message < first || d.Message >= m.Size {
		return nil, unread("panicbuf", fmt.Errorf("its message is at %#x of %#x bytes", d.Message, m.Size))
	}
	b := &panicBuffer{}
	if b.message, err = mem.ReadString(v.w.Space, mem.Addr(at+d.Message), int(m.Size-d.Message)); err != nil {
		return nil, unread("panicbuf", err)
	}
	for a := at + first; a+size <= at+d.Message; a += size {
		var nv struct {
			Name  string `ctf:"pnv_name"`
			Value uint64 `ctf:"pnv_value"`
		}
		if err := v.load("panic_nv_t", a, &nv); err != nil {
			return b, unread("panicbuf", err)
		}
		b.regs = append(b.regs, panicReg{nv.Name, nv.Value})
	}
	return b, nil
}

// runPanicinfo is ::panicinfo.
func runPanicinfo(c *core.Ctx) error {
	if c.HasAddr {
		return core.ErrUsage
	}
	v := viewOf(c)
	field := func(name, format string, shown, value any) {
		c.Record(func() { c.Printf("%16s "+format+"\n", name, shown) }, out.Field{Name: "name", Value: name}, out.Field{Name: "value", Value: value})
	}
	if at, err := v.address("", "panic_cpu"); err != nil {
		c.Warnf("failed to read 'panic_cpu'")
	} else if id, err := v.member("struct cpu", "cpu_id", at); err != nil {
		c.Warnf("failed to read 'panic_cpu'")
	} else {
		field("cpu", "%?d", int32(id), int32(id))
	}
	if t, err := v.variable("genunix", "panic_thread"); err != nil {
		c.Warnf("%s", err)
	} else {
		field("thread", "%?p", t, out.Addr(t))
	}
	b, err := v.panicBuffer()
	if b == nil {
		return err
	}
	field("message", "%s", b.message, b.message)
	for _, r := range b.regs {
		field(r.name, "%?llx", r.value, out.Hex(r.value))
	}
	return err
}

// runTime is ::time.
func runTime(c *core.Ctx) error {
	if c.Opt('d') && c.Opt('x') {
		return core.ErrUsage
	}
	v := viewOf(c)
	what, t := "hrtime", v.hrtime()
	if c.Opt('l') {
		what, t = "lbolt", v.lbolt()
	}
	format := "%#llr\n"
	switch {
	case c.Opt('x'):
		format = "0x%llx\n"
	case c.Opt('d'):
		format = "0t%lld\n"
	}
	c.Record(func() { c.Printf(format, t) }, out.Field{Name: what, Value: t})
	return nil
}

// What a line of /etc/system is, by sys_type, and its operators, by sys_op
// (sys/sysconf.h).
var (
	systemCommands  = []string{"exclude", "include", "forceload", "rootdev", "rootfs", "swapdev", "swapfs", "moddir", "set"}
	systemOperators = []string{"", "=", "&", "|"}
)

// runSystem is ::system: what /etc/system said, as the kernel parsed it.
func runSystem(c *core.Ctx) error {
	if c.HasAddr {
		return core.ErrUsage
	}
	v := viewOf(c)
	strings, err := v.systemStrings(c)
	if err != nil {
		return err
	}
	for at, err := range v.from("genunix", "sysparam_hd", func(first uint64) seq2 { return v.chain("sysparam", "struct sysparam", "sys_next", first) }) {
		if err != nil {
			return err
		}
		if err := v.systemLine(c, at, strings); err != nil {
			return err
		}
	}
	return nil
}

// systemStrings tells which numbers are addresses of strings: those of segments of
// the arena of what was parsed.
func (v *view) systemStrings(c *core.Ctx) (map[uint64]bool, error) {
	arena, err := v.variable("genunix", "mod_sysfile_arena")
	if err != nil {
		return nil, err
	}
	found := map[uint64]bool{}
	for e, err := range walkOf(c, "vmem_alloc", arena) {
		if err != nil {
			return found, err
		}
		start, err := v.member("vmem_seg_t", "vs_start", e.Val)
		if err != nil {
			return found, badRead("vmem_seg", e.Val, err)
		}
		found[start] = true
	}
	return found, nil
}

func (v *view) systemLine(c *core.Ctx, at uint64, strings map[uint64]bool) error {
	var p struct {
		Type   int64  `ctf:"sys_type"`
		Op     int64  `ctf:"sys_op"`
		Module uint64 `ctf:"sys_modnam"`
		Name   uint64 `ctf:"sys_ptr"`
		Info   uint64 `ctf:"sys_info"`
	}
	if err := v.load("struct sysparam", at, &p); err != nil {
		return badRead("sysparam", at, err)
	}
	name := func(list []string, i int64) string {
		if i < 0 || i >= int64(len(list)) {
			return ""
		}
		return list[i]
	}
	command := name(systemCommands, p.Type)
	switch command {
	case "":
		command = "unknown"
	case "set":
	default:
		command += ":"
	}
	str := func(a uint64) string {
		if a == 0 {
			return ""
		}
		s, err := v.str(a)
		if err != nil {
			return "?"
		}
		return s
	}
	module, variable, op := str(p.Module), str(p.Name), name(systemOperators, p.Op)
	value := ""
	if op != "" {
		value = fmt.Sprintf("0x%x [0t%d]", p.Info, p.Info)
		if s, err := v.str(p.Info); strings[p.Info] && err == nil {
			value = `"` + s + `"`
		}
	}
	colon := ""
	if p.Module != 0 {
		colon = ":"
	}
	c.Record(func() { c.Printf("%s %s%s%s%s%s\n", command, module, colon, variable, op, value) }, out.Field{Name: "addr", Value: out.Addr(at)},
		out.Field{Name: "command", Value: command}, out.Field{Name: "module", Value: module}, out.Field{Name: "variable", Value: variable},
		out.Field{Name: "operator", Value: op}, out.Field{Name: "value", Value: value})
	return nil
}
