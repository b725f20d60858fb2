package unix

import (
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// traceLayout is a trap_trace_rec_t, regsLayout the registers in it.
type traceLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Trap   kernel.Field `ctf:"ttr_regs.r_trapno"`
	PC     kernel.Field `ctf:"ttr_regs.r_rip"`
	FSBase kernel.Field `ctf:"ttr_regs.__r_fsbase"`
	GSBase kernel.Field `ctf:"ttr_regs.__r_gsbase"`
	CR2    kernel.Field `ctf:"ttr_cr2"`
	Vector kernel.Field `ctf:"ttr_info.idt_entry.vector"`
	IPL    kernel.Field `ctf:"ttr_info.idt_entry.ipl"`
	SPL    kernel.Field `ctf:"ttr_info.idt_entry.spl"`
	Pri    kernel.Field `ctf:"ttr_info.idt_entry.pri"`
	CPU    kernel.Field `ctf:"ttr_info.idt_entry.cpuid"`
	Sysnum kernel.Field `ctf:"ttr_info.gate_entry.sysnum"`
	Thread kernel.Field `ctf:"ttr_curthread"`
	Marker kernel.Field `ctf:"ttr_marker"`
	Stamp  kernel.Field `ctf:"ttr_stamp"`
	Depth  kernel.Field `ctf:"ttr_sdepth"`
	Stack  kernel.Field `ctf:"ttr_stack"`
}

// traceRing is a CPU's ring of records: a trap_trace_ctl_t.
type traceRing struct {
	next, first, limit, cur uint64
}

// traces are the rings of all CPUs.
type traces struct {
	v     *kernel.View
	l     *traceLayout
	rings []traceRing
}

func openTraces(v *kernel.View) (*traces, error) {
	t := &traces{v: v}
	var err error
	if t.l, err = kernel.Lay[traceLayout](v, "trap_trace_rec_t"); err != nil {
		return nil, kernel.Failed(err, "failed to determine size of trap_trace_rec_t; non-TRAPTRACE kernel?")
	}
	s, err := v.Symbol("unix", "trap_trace_ctl")
	if err != nil {
		return nil, errors.New("symbol 'trap_trace_ctl' not found; non-TRAPTRACE kernel?")
	}
	l, err := kernel.Lay[struct {
		Size  uint64       `ctf:"sizeof"`
		Next  kernel.Field `ctf:"ttc_next"`
		First kernel.Field `ctf:"ttc_first"`
		Limit kernel.Field `ctf:"ttc_limit"`
	}](v, "trap_trace_ctl_t")
	if err != nil {
		return nil, err
	}
	n, err := v.Variable("unix", "ncpus")
	if err != nil {
		return nil, kernel.Failed(err, "failed to read ncpus")
	}
	b, err := v.Bytes(s.Value, min(n, maxCPUs)*l.Size, nil)
	if err != nil {
		return nil, kernel.Failed(err, "failed to read trap_trace_ctl at %x", s.Value)
	}
	for ; len(b) > 0; b = b[l.Size:] {
		t.rings = append(t.rings, traceRing{next: l.Next.Of(b), first: l.First.Of(b), limit: l.Limit.Of(b)})
	}
	return t, nil
}

// each goes through the records of all CPUs, the latest first.
func (t *traces) each(yield func(at uint64, b []byte) bool) error {
	size := t.l.Size
	left := make([]uint64, len(t.rings)) // records of the rings yet to give
	heads := make([][]byte, len(t.rings))
	load := func(i int) error {
		r := &t.rings[i]
		if left[i] == 0 {
			heads[i] = nil
			return nil
		}
		if r.cur < r.first {
			r.cur = r.limit - size
		}
		b, err := t.v.Bytes(r.cur, size, nil)
		if err != nil {
			return kernel.Failed(err, "couldn't read rec at %x", r.cur)
		}
		heads[i] = b
		return nil
	}
	for i := range t.rings {
		r := &t.rings[i]
		if r.first == 0 {
			continue
		}
		if r.limit <= r.first || r.next < r.first || r.next > r.limit {
			return fmt.Errorf("trap_trace_ctl[%d] has records from %x to %x and the next at %x", i, r.first, r.limit, r.next)
		}
		left[i], r.cur = (r.limit-r.first)/size, r.next-size
		if err := load(i); err != nil {
			return err
		}
	}
	for {
		latest, stamp := -1, uint64(0)
		for i, b := range heads {
			if b != nil && t.l.Stamp.Of(b) > stamp {
				latest, stamp = i, t.l.Stamp.Of(b)
			}
		}
		if latest < 0 || !yield(t.rings[latest].cur, heads[latest]) {
			return nil
		}
		left[latest]--
		t.rings[latest].cur -= size
		if err := load(latest); err != nil {
			return err
		}
	}
}

// cpuOf is the CPU whose ring a record is in.
func (t *traces) cpuOf(at uint64) (int, bool) {
	for i, r := range t.rings {
		if at >= r.first && at < r.limit {
			return i, true
		}
	}
	return 0, false
}

func walkTtrace(c *core.Ctx, _ mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	return walk(c, "trap_trace_rec_t", func(yield func(uint64) bool) error {
		if has {
			return errors.New("ttrace only supports global walks")
		}
		t, err := openTraces(kernel.Of(c.Session))
		if err != nil {
			return err
		}
		return t.each(func(at uint64, _ []byte) bool { return yield(at) })
	})
}

// Kinds of records (sys/traptrace.h).
const (
	ttInterrupt = 0xbb
	handlerCols = 17
)

// traceKind names a kind of record and shows its vector and what handled it.
type traceKind struct {
	marker uint64
	name   string
	show   func(p *tracePrint, b []byte) (vector, handler string, err error)
}

var traceKinds = []traceKind{
	{0xaa, "sysc", (*tracePrint).syscall}, {0xab, "syse", (*tracePrint).syscall}, {0xac, "asys", (*tracePrint).syscall},
	{0xad, "sc64", (*tracePrint).syscall}, {ttInterrupt, "intr", (*tracePrint).interrupt}, {0xcc, "trap", (*tracePrint).trap},
	{0xee, "evnt", (*tracePrint).trap},
}

// Numbers of traps (sys/trap.h).
const (
	trapSoftint = 0x50fd
	trapAST     = 0x400
	pokeIPL     = 11 // XC_CPUPOKE_PIL
)

var trapNames = map[uint64]string{
	0: "divide-error", 1: "debug-exception", 2: "nmi-interrupt", 3: "breakpoint", 4: "into-overflow", 5: "bound-exceeded",
	6: "invalid-opcode", 7: "device-not-avail", 8: "double-fault", 9: "segment-overrun", 10: "invalid-tss", 11: "segment-not-pres",
	12: "stack-fault", 13: "general-protectn", 14: "page-fault", 16: "error-fault", 17: "alignment-check", 18: "machine-check",
	19: "sse-exception", 20: "debug-enter", 0xd2: "fasttrap-0xd2", 0x91: "syscall-0x91", 0x92: "dtrace-ret", trapSoftint: "softint",
	0x100: "interrupt", 0x200: "fault", trapAST: "ast", 0x180: "syscall",
}

// tracePrint prints records.
type tracePrint struct {
	*traces
	c    *core.Ctx
	apix bool
}

func hex(n uint64) string { return fmt.Sprintf("%-3x", n) }

func (p *tracePrint) syscall(b []byte) (vector, handler string, err error) {
	n := p.l.Sysnum.Of(b)
	s, err := p.v.Symbol("genunix", "sysent")
	if err != nil {
		return hex(n), "", kernel.Failed(err, "couldn't find 'sysent'")
	}
	l, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		Call kernel.Field `ctf:"sy_callc"`
	}](p.v, "struct sysent")
	if err != nil {
		return hex(n), "", err
	}
	if n*l.Size >= s.Size {
		return hex(n), "", fmt.Errorf("sysnum %d out-of-range", n)
	}
	f, err := p.v.Pointer(s.Value + n*l.Size + l.Call.Off)
	if err != nil {
		return hex(n), "", kernel.Failed(err, "failed to read sysent at %x", s.Value+n*l.Size)
	}
	return hex(n), out.Sprintf(p.c.OutEnv(), "%a", f), nil
}

func (p *tracePrint) interrupt(b []byte) (vector, handler string, err error) {
	if p.l.Trap.Of(b) == trapSoftint {
		return "-  ", "(fakesoftint)", nil
	}
	n := p.l.Vector.Of(b)
	vec, err := p.autovec(b, n)
	switch {
	case err != nil:
		return hex(n), "", err
	case vec == 0 && p.l.IPL.Of(b) == pokeIPL:
		return hex(n), "(cpupoke)", nil
	case vec == 0:
		return hex(n), "(spurious)", nil
	}
	l, err := kernel.Lay[struct {
		Func kernel.Field `ctf:"av_vector"`
	}](p.v, "struct autovec")
	if err != nil {
		return hex(n), "", err
	}
	f, err := p.v.Pointer(vec + l.Func.Off)
	if err != nil {
		return hex(n), "", kernel.Failed(err, "couldn't read autovec at %x", vec)
	}
	return hex(n), out.Sprintf(p.c.OutEnv(), "%a", f), nil
}

// autovec is the first handler of an interrupt's vector.
func (p *tracePrint) autovec(b []byte, vector uint64) (uint64, error) {
	if p.apix {
		return p.apixVector(p.l.CPU.Of(b), vector)
	}
	s, err := p.v.Symbol("unix", "autovect")
	if err != nil {
		return 0, kernel.Failed(err, "couldn't find 'autovect'")
	}
	l, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		Link kernel.Field `ctf:"avh_link"`
	}](p.v, "struct av_head")
	if err != nil {
		return 0, err
	}
	if vector*l.Size >= s.Size {
		return 0, fmt.Errorf("av_head for vec %x is corrupt", vector)
	}
	at, err := p.v.Pointer(s.Value + vector*l.Size + l.Link.Off)
	if err != nil {
		return 0, kernel.Failed(err, "couldn't read av_head for vec %x", vector)
	}
	return at, nil
}

func (p *tracePrint) apixVector(cpu, vector uint64) (uint64, error) {
	s, err := p.v.Symbol("apix", "apixs")
	if err != nil {
		return 0, kernel.Failed(err, "failed to find 'apixs'")
	}
	l, err := kernel.Lay[struct {
		Vectors kernel.Field `ctf:"x_vectbl"`
	}](p.v, "apix_impl_t")
	if err != nil {
		return 0, err
	}
	vl, err := kernel.Lay[struct {
		Size  uint64       `ctf:"sizeof"`
		Share kernel.Field `ctf:"v_share"`
		First kernel.Field `ctf:"v_autovect"`
	}](p.v, "apix_vector_t")
	if err != nil {
		return 0, err
	}
	if (cpu+1)*8 > s.Size || vector*8 >= l.Vectors.Size {
		return 0, fmt.Errorf("cpuid %d or vector %x out of range", cpu, vector)
	}
	at, err := p.v.Pointer(s.Value + cpu*8)
	if err == nil {
		at, err = p.v.Pointer(at + l.Vectors.Off + 8*vector)
	}
	if err != nil {
		return 0, kernel.Failed(err, "couldn't read apixs[%d]", cpu)
	}
	b, err := p.v.Bytes(at, vl.Size, nil)
	if err != nil {
		return 0, kernel.Failed(err, "couldn't read apix_vector_t[%d]", vector)
	}
	if vl.Share.Of(b) == 0 {
		return 0, nil
	}
	return vl.First.Of(b), nil
}

func (p *tracePrint) trap(b []byte) (vector, handler string, err error) {
	n := p.l.Trap.Of(b)
	vector = hex(n)
	if n == trapAST {
		vector = "-  "
	}
	handler = trapNames[n]
	if handler == "" {
		handler = "(unknown)"
	}
	return vector, handler, nil
}

func runTtrace(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := kernel.Of(c.Session)
	t, err := openTraces(v)
	if err != nil {
		return err
	}
	p := &tracePrint{traces: t, c: c}
	if n, err := v.Variable("unix", "apix_enable"); err == nil {
		p.apix = n != 0
	} else if n, err := v.Variable("apix", "apix_enable"); err == nil {
		p.apix = n != 0
	}
	if c.Header() && !c.Opts.JSON {
		c.Printf("%3s %15s %4s %2s %-*s%s\n", "CPU", "TIMESTAMP", "TYPE", "Vec", handlerCols, "HANDLER", " EIP")
	}
	want := -1
	if c.HasAddr {
		if c.Addr >= uint64(len(t.rings)) {
			b, err := v.Bytes(c.Addr, t.l.Size, nil)
			if err != nil {
				return kernel.Failed(err, "couldn't read trap trace record at %x", c.Addr)
			}
			return p.record(c.Addr, b, -1)
		}
		want = int(c.Addr)
	}
	var failed error
	err = t.each(func(at uint64, b []byte) bool {
		failed = p.record(at, b, want)
		return failed == nil && c.Err() == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// record prints a record, if it is of the CPU that is wanted.
func (p *tracePrint) record(at uint64, b []byte, want int) error {
	c, l := p.c, p.l
	cpu, ok := p.cpuOf(at)
	if !ok {
		return fmt.Errorf("couldn't find %x in any trap trace ctl", at)
	}
	if thread, set := c.OptUint('t'); want >= 0 && cpu != want || set && thread != l.Thread.Of(b) {
		return nil
	}
	name, vector, handler := "", "", ""
	var failed error
	for _, k := range traceKinds {
		if k.marker == l.Marker.Of(b) {
			name = k.name
			vector, handler, failed = k.show(p, b)
		}
	}
	c.Record(func() {
		c.Printf("%3d %15llx ", cpu, l.Stamp.Of(b))
		if name != "" {
			c.Printf("%4s %s ", name, vector)
		}
		if failed != nil {
			c.Printf("\n")
			return
		}
		if name != "" {
			c.Printf("%-*s", handlerCols, handler)
		}
		c.Printf(" %a\n", l.PC.Of(b))
		if c.Opt('x') {
			p.extended(b)
		}
	}, out.Field{Name: "record", Value: out.Hex(at)}, out.Field{Name: "cpu", Value: cpu}, out.Field{Name: "stamp", Value: l.Stamp.Of(b)},
		out.Field{Name: "type", Value: name}, out.Field{Name: "handler", Value: handler}, out.Field{Name: "pc", Value: out.Hex(l.PC.Of(b))})
	return failed
}

// extended prints the registers of a record, or the levels of an interrupt, and the
// stack.
func (p *tracePrint) extended(b []byte) {
	c, l := p.c, p.l
	if l.Marker.Of(b) == ttInterrupt {
		c.Printf("\tirq %x ipl %d oldpri %d basepri %d\n", l.Vector.Of(b), l.IPL.Of(b), l.Pri.Of(b), l.SPL.Of(b))
	} else {
		p.registers(b)
	}
	depth := int64(int32(l.Depth.Of(b)))
	if depth <= 0 {
		return
	}
	for i := range uint64(depth) {
		if i >= l.Stack.Size/8 {
			c.Printf("%17s*** invalid ttr_sdepth (is %d, should be <= %d)\n", " ", depth, l.Stack.Size/8)
			break
		}
		c.Printf("%17s %a()\n", " ", kernel.Field{Off: l.Stack.Off + 8*i, Size: 8}.Of(b))
	}
	c.Printf("\n")
}

// traceRegs are the registers in the order shown, by threes.
var traceRegs = []string{"rdi", "rsi", "rdx", "rcx", "r8", "r9", "rax", "rbx", "rbp", "r10", "r11", "r12", "r13", "r14", "r15",
	"ds", "es", "fs", "gs", "trp", "err", "rip", "cs", "rfl", "rsp", "ss", "cr2"}

func (p *tracePrint) registers(b []byte) {
	c, l := p.c, p.l
	t, err := p.v.Type("trap_trace_rec_t")
	if err != nil {
		return
	}
	for i, name := range traceRegs {
		member, val := "ttr_regs.r_"+name, uint64(0)
		switch name {
		case "trp":
			member = "ttr_regs.r_trapno"
		case "cr2":
			member = "ttr_cr2"
		}
		if m, err := p.v.W.At(t, 0).Path(member); err == nil {
			val = kernel.Field{Off: uint64(m.Addr), Size: m.Size()}.Of(b)
		}
		if i%3 == 0 {
			c.Printf("        ")
		}
		c.Printf(" %3s: %16lx", name, val)
		if i%3 == 2 {
			c.Printf("\n")
		}
	}
	c.Printf("         %3s: %16lx %3s: %16lx\n\n", "fsb", l.FSBase.Of(b), "gsb", l.GSBase.Of(b))
}
