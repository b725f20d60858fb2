package linux

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/modules/kernel"
)

// taskLayout is struct task_struct (include/linux/sched.h).
type taskLayout struct {
	Size       uint64       `ctf:"sizeof"`
	State      kernel.Field `ctf:"__state|state"` // renamed in 5.14
	ExitState  kernel.Field `ctf:"exit_state"`
	Flags      kernel.Field `ctf:"flags"`
	PID        kernel.Field `ctf:"pid"`
	TGID       kernel.Field `ctf:"tgid"`
	Comm       kernel.Field `ctf:"comm"`
	Parent     kernel.Field `ctf:"real_parent"`
	Leader     kernel.Field `ctf:"group_leader"`
	Tasks      kernel.Field `ctf:"tasks"`
	ThreadNode kernel.Field `ctf:"thread_node"`
	Signal     kernel.Field `ctf:"signal"`
	MM         kernel.Field `ctf:"mm"`
	Cred       kernel.Field `ctf:"real_cred"`
	NSProxy    kernel.Field `ctf:"nsproxy"`
	FS         kernel.Field `ctf:"fs"`
	Files      kernel.Field `ctf:"files"`
	ThreadPID  kernel.Field `ctf:"thread_pid,optional"` // since 5.0, else pids[0].pid
	CGroups    kernel.Field `ctf:"cgroups,optional"`
	Stack      kernel.Field `ctf:"stack"`
	CPU        kernel.Field `ctf:"thread_info.cpu|cpu,optional"` // moved in 5.16
	OnCPU      kernel.Field `ctf:"on_cpu,optional"`
	Prio       kernel.Field `ctf:"prio"`
	StartTime  kernel.Field `ctf:"start_boottime|real_start_time,optional"` // nanoseconds since boot
}

// Flags of task_struct: include/linux/sched.h.
const (
	pfKthread = 0x00200000
	pfIdle    = 0x00000002
)

// task is a thread, as the kernel calls it.
type task struct {
	addr uint64
	l    *taskLayout
	b    []byte
}

func readTask(v *kernel.View, addr uint64) (*task, error) {
	l, b, err := read(v, "struct task_struct", addr, func(l *taskLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	return &task{addr, l, b}, nil
}

func (t *task) pid() int       { return int(int32(t.l.PID.Of(t.b))) }
func (t *task) tgid() int      { return int(int32(t.l.TGID.Of(t.b))) }
func (t *task) comm() string   { return t.l.Comm.Text(t.b) }
func (t *task) flags() uint64  { return t.l.Flags.Of(t.b) & 0xffffffff }
func (t *task) parent() uint64 { return t.l.Parent.Of(t.b) }
func (t *task) isKernel() bool { return t.flags()&pfKthread != 0 }

// cpu is the CPU that it runs or last ran on.
func (t *task) cpu() int { return int(int32(t.l.CPU.Of(t.b))) }

// prio is its priority as the kernel has it: 0 to 99 real time, 100 to 139 others.
func (t *task) prio() int { return int(int32(t.l.Prio.Of(t.b))) }

// running tells whether it is on its CPU.
func (t *task) running() bool { return t.l.OnCPU.Of(t.b) != 0 }

// States of a task: TASK_* of include/linux/sched.h. Their numbers are part of what
// /proc shows, though 4.14 has moved those above 0x10.
const (
	taskInterruptible   = 0x0001
	taskUninterruptible = 0x0002
	taskStopped         = 0x0004
	taskTraced          = 0x0008
	exitDead            = 0x0010
	exitZombie          = 0x0020
	taskParked          = 0x0040
	taskDead            = 0x0080
	taskNoLoad          = 0x0400
)

// taskStates are the states in the order in which fs/proc/array.c gives them letters.
var taskStates = []struct {
	bit    uint64
	letter byte
	name   string
}{
	{taskInterruptible, 'S', "SLEEP"}, {taskUninterruptible, 'D', "DISK"}, {taskStopped, 'T', "STOPPED"},
	{taskTraced, 't', "TRACED"}, {exitDead, 'X', "DEAD"}, {exitZombie, 'Z', "ZOMBIE"}, {taskParked, 'P', "PARKED"},
}

// state gives the letter of /proc/PID/stat and a word.
func (t *task) state() (letter byte, name string) {
	st := t.l.State.Of(t.b)&0xffffffff | t.l.ExitState.Of(t.b)
	if st&0x7f == taskUninterruptible && st&taskNoLoad != 0 {
		return 'I', "IDLE"
	}
	for _, s := range taskStates {
		if st&s.bit != 0 {
			return s.letter, s.name
		}
	}
	switch {
	case st&taskDead != 0:
		return 'X', "DEAD"
	case t.running():
		return 'R', "ONCPU"
	}
	return 'R', "RUN"
}

// letter is that of the state.
func (t *task) letter() string {
	letter, _ := t.state()
	return string(letter)
}

// processes yields the leaders of thread groups, the first process, swapper, ahead.
func processes(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		init, err := address(v, "init_task")
		if err != nil {
			yield(0, err)
			return
		}
		l, err := kernel.Lay[taskLayout](v, "struct task_struct")
		if err != nil {
			yield(0, err)
			return
		}
		if !yield(init, nil) {
			return
		}
		for a, err := range members(v, "task", init+l.Tasks.Off, l.Tasks) {
			if !yield(a, err) {
				return
			}
		}
	}
}

// threadsOf yields the threads of a process by its leader or another of them, the leader
// first.
func threadsOf(v *kernel.View, t *task) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		head, err := v.Member("struct signal_struct", "thread_head")
		signal := t.l.Signal.Of(t.b)
		if err != nil || signal == 0 {
			yield(t.addr, err) // it ends just now: its signal_struct is gone already
			return
		}
		for a, err := range members(v, "thread", signal+head.Off, t.l.ThreadNode) {
			if !yield(a, err) {
				return
			}
		}
	}
}

// threads yields all threads: those of every process and the idle threads of the CPUs.
func threads(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		idle, err := idleThreads(v)
		if err != nil && !yield(0, err) {
			return
		}
		met := kernel.Met{}
		for _, a := range idle {
			if !met.Again(a) && !yield(a, nil) {
				return
			}
		}
		for p, err := range processes(v) {
			if err != nil {
				yield(0, err)
				return
			}
			if _, ok := met[p]; ok {
				continue // swapper is an idle thread
			}
			t, err := readTask(v, p)
			if err != nil {
				if !yield(0, err) {
					return
				}
				continue
			}
			for a, err := range threadsOf(v, t) {
				if err == nil && met.Again(a) {
					err = fmt.Errorf("thread %x belongs to two processes", a)
				}
				if !yield(a, err) {
					return
				}
				if err != nil {
					break
				}
			}
		}
	}
}

// idleThreads are those that CPUs run when there is nothing to run.
func idleThreads(v *kernel.View) ([]uint64, error) {
	k, err := kernelOf(v.Session())
	if err != nil {
		return nil, err
	}
	idle, err := v.Member("struct rq", "idle")
	if err != nil {
		return nil, err
	}
	cpus, err := k.CPUs()
	if err != nil {
		return nil, err
	}
	at, err := address(v, "runqueues")
	if err != nil {
		return nil, err
	}
	var list []uint64
	for _, cpu := range cpus {
		rq, err := k.PerCPU(at, cpu.ID)
		if err != nil {
			return list, err
		}
		t, err := v.Pointer(rq + idle.Off)
		if err != nil {
			return list, kernel.BadRead("run queue", rq, err)
		}
		if t != 0 {
			list = append(list, t)
		}
	}
	return list, nil
}
