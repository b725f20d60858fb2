//go:build amd64 || arm64

package ptrace

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/control"
	"golang.org/x/sys/unix"
)

// process is the process under control. Its methods run on the tracer's thread.
type process struct {
	tracer  *tracer
	pid     int
	threads map[int]*thread
	mem     *memory

	breakpoints map[uint64]*breakpoint
	slots       []*slot // for instructions that run out of line; made when first wanted
	page        uint64  // that they are in; 0 if there is none
	noSlots     bool    // it could not be made
	watches     []*watchpoint
	syscalls    bool
	ours        bool // started by us: killed when we end

	forked *child        // of the last fork, halted, until it is decided whom to follow
	late   []*thread     // whose pending stops are to be offered while the process runs
	lifted int           // breakpoints are out of memory while this many vfork children run
	gone   *control.Stop // how the process ended
	// interrupted is set by another goroutine: halt as soon as possible.
	interrupted atomic.Bool
	kicks       atomic.Int32 // SIGSTOPs of ours that have not come back
}

// A child is a forked process that is halted.
type child struct {
	pid    int
	vfork  bool
	parent *thread
	follow bool
}

// A thread is one thread of the process.
type thread struct {
	tid     int
	running bool
	// fresh is set until the thread of a clone event has made its first stop.
	fresh bool

	regs      registers
	haveRegs  bool
	dirtyRegs bool

	sig     int           // delivered when the thread goes on
	fault   bool          // sig is what the instruction at pc did: it cannot be passed
	pending *control.Stop // has happened, not yet offered
	// hit is set when the thread is at a breakpoint that was offered: it goes on
	// past it.
	hit       bool
	stepping  bool // one step is on its way
	quiet     bool // it is for a watchpoint by software
	inCall    bool // between the entry and the exit of a system call
	debug     bool // debug registers are set
	groupStop bool
}

func newProcess(t *tracer, pid int) *process {
	return &process{tracer: t, pid: pid, threads: map[int]*thread{}, breakpoints: map[uint64]*breakpoint{}, mem: newMemory(pid)}
}

// Errors of threads.
var (
	errNoThread = errors.New("invalid thread identifier")
	errRunning  = errors.New("thread is running")
)

func (p *process) thread(id uint64) (*thread, error) {
	if th := p.threads[int(id)]; th != nil {
		return th, nil
	}
	return nil, errNoThread
}

// list are the threads, the leader first, the others by id.
func (p *process) list() []*thread {
	list := make([]*thread, 0, len(p.threads))
	for _, th := range p.threads {
		list = append(list, th)
	}
	slices.SortFunc(list, func(a, b *thread) int {
		switch {
		case a.tid == p.pid:
			return -1
		case b.tid == p.pid:
			return 1
		}
		return a.tid - b.tid
	})
	return list
}

// load makes th.regs current.
func (th *thread) load() error {
	if th.haveRegs {
		return nil
	}
	if th.running {
		return errRunning
	}
	if err := getRegs(th.tid, &th.regs); err != nil {
		return err
	}
	th.haveRegs = true
	return nil
}

// store writes changed registers back.
func (th *thread) store() error {
	if !th.dirtyRegs {
		return nil
	}
	th.dirtyRegs = false
	return setRegs(th.tid, &th.regs)
}

func (th *thread) pc() uint64 {
	if th.load() != nil {
		return 0
	}
	return pcOf(&th.regs)
}

func (th *thread) setPC(pc uint64) {
	if th.load() == nil {
		setPC(&th.regs, pc)
		th.dirtyRegs = true
	}
}

// halted notes that a thread has stopped.
func (th *thread) halted() {
	th.running, th.fresh, th.haveRegs, th.dirtyRegs = false, false, false, false
}

// tasks lists the threads of a process as /proc has them.
func tasks(pid int) ([]int, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	var list []int
	for _, n := range names {
		if tid, err := strconv.Atoi(n); err == nil {
			list = append(list, tid)
		}
	}
	slices.Sort(list)
	return list, err
}

func signalThread(pid, tid, sig int) error { return unix.Tgkill(pid, tid, unix.Signal(sig)) }
