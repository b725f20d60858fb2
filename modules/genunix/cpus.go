package genunix

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// cpuDcmds are the commands of CPUs, partitions, scheduling classes and lgroups.
func cpuDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "cpuinfo", Usage: "?[-v]", Descr: "print CPUs and runnable threads", Type: "cpu_t", Run: noArgs(runCPUInfo), Table: cpuTable,
			Help: "A line for each CPU, or for the one whose id or cpu_t is the address: flags, length of\n" +
				"its dispatch queue, base SPL, and the thread that runs on it, with its priority and\n" +
				"when it was switched to.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with the flags' names, interrupt threads and the dispatch queue"}}},
		{Name: "cpupart", Usage: "?[-v]", Descr: "print cpu partition info", Type: "cpupart_t", Run: noArgs(runCPUPart), Table: cpupartTable,
			Opts: []core.Opt{{Letter: 'v', Help: "with the threads on the partition's queue"}}},
		{Name: "class", Descr: "print process scheduler classes", AnyAddr: true, Run: runClass, Table: &core.Table{
			Head: "%<u>%4s %-10s %-24s %-24s%</u>\n", Line: "%4ld %-10s %-24a %-24a\n",
			Cols: []core.Field{{Name: "slot", Head: "SLOT"}, {Name: "name", Head: "NAME"}, {Name: "init", Head: "INIT FCN"}, {Name: "funcs", Head: "CLASS FCN"}}}},
	}
}

// cpuWalkers are their walkers.
func cpuWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "cpu", Descr: "walk cpu structures", Addr: core.AddrOptional, Type: "cpu_t", Walk: walkCPUs},
		{Name: "cpu_dispq", Descr: "given a cpu_t, walk threads in dispatcher queues", Addr: core.AddrRequired, Type: "kthread_t", Walk: walkDispq("cpu_t", "cpu_disp->disp_q", "cpu_disp->disp_npri")},
		{Name: "cpupart_dispq", Descr: "given a cpupart_t, walk threads in dispatcher queues", Addr: core.AddrRequired, Type: "kthread_t", Walk: walkDispq("cpupart_t", "cp_kp_queue.disp_q", "cp_kp_queue.disp_npri")},
		{Name: "cpupart_cpulist", Descr: "given an cpupart_t, walk cpus in partition", Addr: core.AddrRequired, Type: "cpu_t", Walk: walkPartCPUs},
		{Name: "cpupart_walk", Descr: "walk the set of cpu partitions", Addr: core.AddrOptional, Type: "cpupart_t", Walk: walkParts},
	}
}

// walkCPUs walks the CPUs by their ids. The one that panicked is shown by the copy of
// it that the panic made.
func walkCPUs(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return v.elems("cpu_t", func(yield func(uint64, error) bool) {
		list, err := v.cpus()
		for _, a := range list {
			if !yield(a, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	})
}

// cpus are the CPUs; with an error those that come before it.
func (v *view) cpus() ([]uint64, error) {
	first, err := v.variable("unix", "cpu_list")
	if err != nil {
		return nil, err
	}
	copied, id := v.panicCPU()
	type cpu struct {
		id   int64
		addr uint64
	}
	var list []cpu
	for a, lerr := range v.ring("cpu", "cpu_t", "cpu_next", first) {
		if err = lerr; err != nil {
			break
		}
		n, nerr := v.member("cpu_t", "cpu_id", a)
		if nerr != nil {
			err = badRead("cpu", a, nerr)
			break
		}
		if copied != 0 && n == id {
			a = copied
		}
		list = append(list, cpu{int64(int32(n)), a})
	}
	slices.SortStableFunc(list, func(a, b cpu) int { return cmp.Compare(a.id, b.id) })
	addrs := make([]uint64, len(list))
	for i, c := range list {
		addrs[i] = c.addr
	}
	return addrs, err
}

// panicCPU is the copy of the CPU that panicked, and its id; 0 if there was no panic.
func (v *view) panicCPU() (addr, id uint64) {
	if s, err := v.variable("unix", "panicstr"); err != nil || s == 0 {
		return 0, 0
	}
	addr, err := v.address("unix", "panic_cpu")
	if err == nil {
		id, err = v.member("cpu_t", "cpu_id", addr)
	}
	if err != nil {
		return 0, 0
	}
	return addr, id
}

// maxPri bounds the priorities of a dispatch queue.
const maxPri = 1 << 12

// dispq walks the threads on a dispatch queue from the lowest priority to the
// highest, or the other way.
func (v *view) dispq(q, npri uint64, down bool) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		size, err := v.size("dispq_t")
		if err != nil {
			yield(0, err)
			return
		}
		if npri > maxPri {
			yield(0, fmt.Errorf("dispatch queue at %x has %d priorities", q, npri))
			return
		}
		var met loop
		for i := range npri {
			if down {
				i = npri - 1 - i
			}
			at := q + i*size
			first, err := v.member("dispq_t", "dq_first", at)
			if err != nil {
				yield(0, badRead("dispq_t", at, err))
				return
			}
			for a, err := range v.chain("kthread_t", "kthread_t", "t_link", first) {
				if err == nil && met.again(a) {
					err = fmt.Errorf("kthread_t at %x is on its list twice", a)
				}
				if !yield(a, err) || err != nil {
					return
				}
			}
		}
	}
}

func walkDispq(typ, queue, npri string) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, addr mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
		v := viewOf(c)
		q, err := v.member(typ, queue, uint64(addr))
		n := uint64(0)
		if err == nil {
			n, err = v.member(typ, npri, uint64(addr))
		}
		if err != nil {
			return noWalk[core.Elem](badRead(typ, uint64(addr), err))
		}
		return v.elems("kthread_t", v.dispq(q, n, false))
	}
}

// walkParts walks the CPU partitions.
func walkParts(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	first, err := v.address("unix", "cp_default")
	if err != nil {
		return noWalk[core.Elem](err)
	}
	return v.elems("cpupart_t", v.ring("cpupart", "cpupart_t", "cp_next", first))
}

// walkPartCPUs walks the CPUs of a partition, as many as it says it has.
func walkPartCPUs(c *core.Ctx, part mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return v.elems("cpu_t", v.counted("cpupart", "cpupart_t", uint64(part), "cp_cpulist", "cp_ncpus", "cpu_next_part"))
}

// counted walks a ring of CPUs that an object heads and counts.
func (v *view) counted(what, typ string, addr uint64, head, count, link string) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		first, err := v.member(typ, head, addr)
		n := uint64(0)
		if err == nil {
			n, err = v.member(typ, count, addr)
		}
		if err != nil {
			yield(0, badRead(what, addr, err))
			return
		}
		if n == 0 {
			return
		}
		found := uint64(0)
		for a, err := range v.ring("cpu", "cpu_t", link, first) {
			if err == nil {
				found++
			}
			if !yield(a, err) || err != nil {
				return
			}
		}
		if found != n {
			yield(0, fmt.Errorf("%s at %x counts %d CPUs, its list has %d", what, addr, n, found))
		}
	}
}

var cpuTable = &core.Table{
	Head: "%3s %-16s %3s %4s %4s %3s %4s %5s %-6s %-16s %s\n", Line: "%3d %016p %3x %4d %4d %3s %4s %5s %-6s %016p %s\n", Type: "cpu_t", Pipe: 1,
	Cols: []core.Field{
		{Name: "id", Head: "ID"}, {Name: "addr", Head: "ADDR"}, {Name: "flags", Head: "FLG"}, {Name: "nrun", Head: "NRUN"}, {Name: "bspl", Head: "BSPL"},
		{Name: "pri", Head: "PRI"}, {Name: "runrun", Head: "RNRN"}, {Name: "kprunrun", Head: "KRNRN"}, {Name: "switch", Head: "SWITCH"},
		{Name: "thread", Head: "THREAD"}, {Name: "proc", Head: "PROC"},
	},
}

// cpuFlags are the names of cpu_flags, from the lowest bit.
var cpuFlags = []string{"RUNNING", "READY", "QUIESCED", "EXISTS", "ENABLE", "OFFLINE", "POWEROFF", "FROZEN", "SPARE", "FAULTED", "DISABLED"}

// cpuInfo is what ::cpuinfo shows of a cpu_t.
type cpuInfo struct {
	ID         int64  `ctf:"cpu_id"`
	Flags      uint64 `ctf:"cpu_flags"`
	BaseSPL    int64  `ctf:"cpu_base_spl"`
	RunRun     int64  `ctf:"cpu_runrun"`
	KPRunRun   int64  `ctf:"cpu_kprunrun"`
	LastSwitch int64  `ctf:"cpu_last_swtch"`
	Thread     uint64 `ctf:"cpu_thread"`
	Idle       uint64 `ctf:"cpu_idle_thread"`
	Disp       uint64 `ctf:"cpu_disp"`
}

type dispInfo struct {
	NRun  int64  `ctf:"disp_nrunnable"`
	NPri  int64  `ctf:"disp_npri"`
	Queue uint64 `ctf:"disp_q"`
}

// cpuShow is one ::cpuinfo.
type cpuShow struct {
	c    *core.Ctx
	v    *view
	intr map[int64]map[uint64]uint64 // interrupt threads by CPU and level
	head bool
}

func runCPUInfo(c *core.Ctx) error {
	s := &cpuShow{c: c, v: viewOf(c), head: c.Header() || c.Opt('v')}
	if c.Opt('v') {
		if err := s.interrupts(); err != nil {
			c.Fail(err)
		}
	}
	list, lerr := s.v.cpus()
	shown := false
	for _, a := range list {
		id, err := s.v.member("cpu_t", "cpu_id", a)
		if err != nil {
			return badRead("cpu", a, err)
		}
		if c.HasAddr && a != c.Addr && id != c.Addr {
			continue
		}
		shown = true
		if err := s.show(a); err != nil {
			return err
		}
		if c.HasAddr {
			return nil
		}
	}
	if c.HasAddr && !shown {
		// It may be a cpu_t that is in no list, such as the original of the one that panicked.
		if _, err := s.v.member("cpu_t", "cpu_id", c.Addr); err != nil {
			c.Warnf("%p is neither a valid CPU ID nor a valid cpu_t address\n", c.Addr)
			return core.ErrFailed
		}
		return s.show(c.Addr)
	}
	return lerr
}

// maxIntrLevels is the number of interrupt levels.
const maxIntrLevels = 16

// interrupts finds the interrupt threads in use.
func (s *cpuShow) interrupts() error {
	s.intr = map[int64]map[uint64]uint64{}
	for a, err := range s.v.allThreads() {
		if err != nil {
			return err
		}
		var t struct {
			Flag  uint64 `ctf:"t_flag"`
			State uint64 `ctf:"t_state"`
			CPU   uint64 `ctf:"t_bound_cpu"`
			PIL   uint64 `ctf:"t_pil"`
		}
		if err := s.v.load("kthread_t", a, &t); err != nil {
			return badRead("thread", a, err)
		}
		if t.Flag&threadIntr == 0 || t.State == stateFree {
			continue
		}
		if t.CPU == 0 {
			s.c.Warnf("thr %p is intr thread w/out a CPU\n", a)
			continue
		}
		id, err := s.v.member("cpu_t", "cpu_id", t.CPU)
		if err != nil {
			s.c.Fail(badRead("cpu", t.CPU, err))
			continue
		}
		if t.PIL >= maxIntrLevels {
			s.c.Warnf("thread %p has pil (%d) greater than %d\n", a, t.PIL, maxIntrLevels)
			continue
		}
		cpu := int64(int32(id))
		if s.intr[cpu] == nil {
			s.intr[cpu] = map[uint64]uint64{}
		}
		if other := s.intr[cpu][t.PIL]; other != 0 {
			s.c.Warnf("CPU %d has multiple threads at pil %d (at least %p and %p)\n", cpu, t.PIL, a, other)
			continue
		}
		s.intr[cpu][t.PIL] = a
	}
	return nil
}

// show prints a CPU.
func (s *cpuShow) show(addr uint64) error {
	c, v := s.c, s.v
	var cpu cpuInfo
	if err := v.load("cpu_t", addr, &cpu); err != nil {
		return badRead("cpu", addr, err)
	}
	var disp dispInfo
	if err := v.load("disp_t", cpu.Disp, &disp); err != nil {
		return badRead("disp_t", cpu.Disp, err)
	}
	pri, proc := any("-"), "?"
	if n, err := v.member("kthread_t", "t_pri", cpu.Thread); err == nil {
		pri = fmt.Sprint(int16(n))
		if p, err := v.member("kthread_t", "t_procp", cpu.Thread); err == nil {
			if comm, err := v.comm(p); err == nil {
				proc = comm
			}
		}
	}
	switch cpu.Thread {
	case cpu.Idle:
		proc = "(idle)"
	case 0:
		proc = "-"
	}
	if s.head && !c.Opts.JSON && !c.PipeOut {
		heads := make([]any, len(cpuTable.Cols))
		for i, f := range cpuTable.Cols {
			heads[i] = f.Head
		}
		c.Printf(cpuTable.Head, heads...)
	}
	s.head = false
	row := []any{cpu.ID, out.Addr(addr), out.Hex(cpu.Flags), disp.NRun, cpu.BaseSPL, pri, yesNo(cpu.RunRun != 0), yesNo(cpu.KPRunRun != 0),
		switched(c, cpu.LastSwitch), out.Addr(cpu.Thread), proc}
	if c.Opts.JSON || c.PipeOut {
		c.Row(row...)
		return nil
	}
	c.Printf(cpuTable.Line, row...)
	if c.Opt('v') {
		return s.details(addr, &cpu, &disp)
	}
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
