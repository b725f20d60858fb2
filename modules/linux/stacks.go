package linux

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
	"github.com/xmdb/xmdb/modules/kernel/stacks"
)

const stacksHelp = `Groups all threads by state, by what they wait for and by the program counters on their
stacks, and prints each group's first thread, how many there are, and the stack; the
largest groups first.

With an address the groups that the thread is in are printed; in a pipe, only the threads
given. Into a pipe go all threads of the groups, so that filters can be chained:

    ::stacks -c zio_wait | ::stacks -m zfs

-a             all threads of each group, not the first only
-c, -C func    stacks with, without the function, or func+offset
-f             the stacks are gathered anew
-i             only what may be stuck: threads that run, are in an uninterruptible sleep
               (disk), stopped or traced, or wait for a mutex, rwsem or sema in any
               sleep; not what waits for work or for the world outside
-m, -M module  stacks with, without code of the module; vmlinux is the kernel itself
-s, -S sobj    threads that wait for this, for anything else; ALL for any
-t, -T tstate  threads in this state, in another
-v             tells how the stacks are gathered

SOBJ types, by the functions on the stack: mutex rwsem sema completion cv futex poll pipe
io sock fault child signal sleep
Thread states: run oncpu sleep disk idle stopped traced zombie dead parked
`

func stackDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "stacks", Usage: "?[-afiv] [-c func] [-C func] [-m module] [-M module] [-s sobj | -S sobj] [-t tstate | -T tstate]",
			Descr: "print unique kernel thread stacks", Type: "struct task_struct", Help: stacksHelp, Opts: stacksOpts(), Run: runStacks, Complete: completeStacks()},
		{Name: "findstack", Usage: ":[-v]", Descr: "find kernel thread stack", Type: "struct task_struct", Run: runFindstack,
			Help: "Prints the stack of the thread in the kernel: where each frame is and the function. The\n" +
				"frames come from the ORC tables in the kernel's memory; interrupts and exceptions are\n" +
				"crossed. A thread that runs has the registers of its CPU, if these are known.\n\n" +
				"-v  with its state, its CPU, and what it waits for\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with its state, its CPU, and what it waits for"}},
		},
	}
}

// stacksOpts are MDB's options of ::stacks; what is of interest is another thing here.
func stacksOpts() []core.Opt {
	opts := slices.Clone(stacks.Opts)
	for i := range opts {
		if opts[i].Letter == 'i' {
			opts[i].Help = "only threads that may be stuck, and those that run"
		}
	}
	return opts
}

// linuxThreads tells ::stacks of the kernel's threads.
type linuxThreads struct {
	c   *core.Ctx
	v   *kernel.View
	k   *system.LinuxKernel
	buf []system.KernelFrame
	// waits is what a function says a thread waits on, by its address.
	waits map[uint64]uint64
}

func runStacks(c *core.Ctx) error {
	k, err := kernelOf(c.Session)
	if err != nil {
		return err
	}
	return stacks.Run(c, &linuxThreads{c: c, v: kernel.Of(c.Session), k: k, waits: map[uint64]uint64{}})
}

// Threads implements stacks.Kernel.
func (l *linuxThreads) Threads() iter.Seq2[uint64, error] { return threads(l.v) }

// ThreadType implements stacks.Kernel.
func (l *linuxThreads) ThreadType() string { return "struct task_struct" }

// Stack implements stacks.Kernel.
func (l *linuxThreads) Stack(addr uint64) (stacks.Stack, error) {
	t, err := readTask(l.v, addr)
	if err != nil {
		return stacks.Stack{}, stacks.ErrThread
	}
	_, name := t.state()
	s := stacks.Stack{}
	s.State, _ = l.StateNamed(name)
	l.buf, err = l.k.Stack(l.buf[:0], addr)
	if err != nil {
		s.Err, s.Failure = err, 1
	}
	frames := l.buf
	if len(frames) > stacks.Depth {
		frames, s.Overflow = frames[:stacks.Depth], true
	}
	s.Frames = make([]uint64, len(frames))
	for i, f := range frames {
		s.Frames[i] = f.PC
	}
	if letter, _ := t.state(); letter != 'R' {
		s.Sobj = l.waitsOn(s.Frames)
	}
	return s, nil
}

// Interesting implements stacks.Chooser. On Linux a sleep that a signal ends is how threads
// wait for work and for what comes from outside; what hangs sleeps otherwise, or waits for
// a lock.
func (l *linuxThreads) Interesting(s *stacks.Stack) bool {
	switch threadStates[s.State] {
	case "DISK", "STOPPED", "TRACED":
		return true
	case "RUN", "ONCPU": // a CPU's idle thread can always run
		return !slices.ContainsFunc(s.Frames, l.idles)
	case "SLEEP":
		return slices.Contains(lockKinds, l.Sobj(s.Sobj))
	}
	return false
}

// idles tells whether an address is in the loop of a CPU with nothing to do.
func (l *linuxThreads) idles(pc uint64) bool {
	m, err := l.c.Namespace().LookupAddr(pc-1, 0)
	return err == nil && (m.Name == "do_idle" || m.Name == "cpu_startup_entry")
}

// threadStates are the states' names; a number is an index.
var threadStates = []string{"RUN", "ONCPU", "SLEEP", "DISK", "IDLE", "STOPPED", "TRACED", "ZOMBIE", "DEAD", "PARKED"}

// State implements stacks.Kernel.
func (l *linuxThreads) State(state uint64) string { return named(threadStates, int(state)) }

// StateNamed implements stacks.Kernel. MDB's FREE is a thread that is no more.
func (l *linuxThreads) StateNamed(name string) (uint64, bool) {
	if strings.EqualFold(name, "free") {
		name = "DEAD"
	}
	for i, n := range threadStates {
		if strings.EqualFold(n, name) {
			return uint64(i), true
		}
	}
	return 0, false
}

// sobjs are kinds of what a thread waits for and the beginnings of the names of functions
// that wait for it. The function nearest to the scheduler decides.
var sobjs = []struct {
	name      string
	functions []string
}{
	{"mutex", []string{"__mutex_lock", "mutex_lock", "__ww_mutex_lock", "rt_mutex_slowlock", "__rt_mutex_slowlock"}},
	{"rwsem", []string{"rwsem_down_", "down_read", "down_write", "percpu_rwsem_wait", "percpu_down_write"}},
	{"sema", []string{"__down", "down_timeout", "down_interruptible", "down_killable", "___down_common"}},
	{"completion", []string{"wait_for_completion", "__wait_for_common"}},
	{"cv", []string{"cv_wait_common", "cv_timedwait_common", "__cv_"}},
	{"futex", []string{"futex_wait", "__futex_wait", "futex_lock_pi"}},
	{"poll", []string{"poll_schedule_timeout", "do_sys_poll", "do_select", "ep_poll", "do_epoll_wait"}},
	{"pipe", []string{"pipe_read", "pipe_write", "anon_pipe_read", "anon_pipe_write", "wait_for_partner"}},
	{"io", []string{"io_schedule", "bit_wait_io", "folio_wait_bit", "blk_mq_get_tag"}},
	{"sock", []string{"sk_wait_data", "wait_woken", "__skb_wait_for_more_packets", "inet_csk_accept", "unix_stream_read_generic", "unix_wait_for_peer"}},
	{"fault", []string{"handle_userfault"}},
	{"child", []string{"do_wait"}},
	{"signal", []string{"sigsuspend", "__do_sys_pause", "do_sigtimedwait", "__x64_sys_pause"}},
	{"sleep", []string{"do_nanosleep", "hrtimer_nanosleep", "msleep", "usleep_range"}},
}

// waitsOn tells what a thread waits for by its stack: an index into sobjs plus one.
func (l *linuxThreads) waitsOn(pcs []uint64) uint64 {
	ns := l.c.Namespace()
	for _, pc := range pcs {
		n, ok := l.waits[pc]
		if !ok {
			if m, err := ns.LookupAddr(pc-1, 0); err == nil {
				n = sobjOf(m.Name)
			}
			l.waits[pc] = n
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

func sobjOf(function string) uint64 {
	for i, s := range sobjs {
		for _, f := range s.functions {
			if strings.HasPrefix(function, f) {
				return uint64(i) + 1
			}
		}
	}
	return 0
}

// Sobj implements stacks.Kernel.
func (l *linuxThreads) Sobj(n uint64) string {
	if n == 0 || n > uint64(len(sobjs)) {
		return "<none>"
	}
	return sobjs[n-1].name
}

// SobjNamed implements stacks.Kernel.
func (l *linuxThreads) SobjNamed(name string) (uint64, error) {
	for i, s := range sobjs {
		if strings.EqualFold(s.name, name) {
			return uint64(i) + 1, nil
		}
	}
	l.c.Warnf("sobj type \"%s\" unknown\n", name)
	return 0, core.ErrUsage
}

// Module implements stacks.Kernel. The kernel's image is vmlinux.
func (l *linuxThreads) Module(name string) ([]sym.Range, error) {
	if name == system.LinuxObject {
		o := l.k.Main()
		return o.Ranges, nil
	}
	if m := l.k.Module(name); m != nil {
		return []sym.Range{m.Text}, nil
	}
	return nil, nil
}

// runFindstack prints a thread's stack, or gives its stack pointer to the pipe.
func runFindstack(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := kernel.Of(c.Session)
	k, err := kernelOf(c.Session)
	if err != nil {
		return err
	}
	t, err := readTask(v, c.Addr)
	if err != nil {
		return err
	}
	frames, werr := k.Stack(nil, c.Addr)
	if len(frames) == 0 && werr == nil {
		return fmt.Errorf("thread %x has no frames in the kernel: it runs in user mode, or has just been made", c.Addr)
	}
	if len(frames) == 0 {
		return kernel.Failed(werr, "failed to find the stack of thread %x", c.Addr)
	}
	sp := frames[0].FP
	if c.PipeOut {
		c.Emit(sp, nil)
		return nil
	}
	pcs := make([]uint64, len(frames))
	for i, f := range frames {
		pcs[i] = f.PC
	}
	_, state := t.state()
	w := waiting{kind: "<none>"}
	if c.Opt('v') && !t.running() {
		l := &linuxThreads{c: c, v: v, k: k, waits: map[uint64]uint64{}}
		w = waitOf(v, k, t, l.Sobj(l.waitsOn(pcs)), frames)
	}
	fields := []out.Field{{Name: "thread", Value: out.Addr(c.Addr)}, {Name: "sp", Value: out.Addr(sp)}, {Name: "pc", Value: out.Addr(frames[0].PC)}}
	if c.Opt('v') {
		fields = append(fields, out.Field{Name: "state", Value: state}, out.Field{Name: "cpu", Value: t.cpu()}, out.Field{Name: "waits", Value: w.kind},
			out.Field{Name: "on", Value: out.Hex(w.addr)}, out.Field{Name: "owner", Value: out.Hex(w.owner)})
	}
	c.Record(func() {
		c.Printf("stack pointer for thread %p (%s): %p\n", c.Addr, describe(t), sp)
		if c.Opt('v') {
			c.Printf("  state %s, CPU %d, waits for %s\n", state, t.cpu(), w.text(v))
		}
		c.Printf("[ %0?lr %a() ]\n", sp, frames[0].PC)
		for _, f := range frames[1:] {
			c.Printf("  %0?lr %a()\n", f.FP, f.PC)
		}
	}, append(fields, out.Field{Name: "frames", Value: stacks.Frames(c, pcs)})...)
	if werr != nil {
		return fmt.Errorf("stack of thread %x: %w", c.Addr, werr)
	}
	return nil
}

// describe is a thread's name as /proc shows it: of a thread of a process with both ids.
func describe(t *task) string {
	if t.isKernel() {
		return "[" + t.comm() + "]"
	}
	if t.pid() != t.tgid() {
		return fmt.Sprintf("%s/%d", t.comm(), t.pid())
	}
	return t.comm()
}
