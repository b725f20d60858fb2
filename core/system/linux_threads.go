package system

import (
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core/arch"
)

// Thread is a thread of execution.
type Thread struct {
	ID   uint64 // what MDB's `thread` variable and walker give: an LWP id, a kthread address
	Name string
}

// maxTaskID is beyond every thread's id (PID_MAX_LIMIT), and below every address of a
// kernel's.
const maxTaskID = 1 << 32

// userThread is a thread of a process: its id and the VA of its task_struct.
type userThread struct {
	Thread
	task uint64
}

// threads are the process' threads, that by which it was opened first, then the eldest.
// What was read up to damage comes with the error.
func (p *LinuxUser) threads() ([]userThread, error) {
	leader, err := p.k.uintMember("struct task_struct", "group_leader", p.Task)
	if err != nil {
		return nil, err
	}
	tasks, err := p.k.steady(p.k.threadsOf(leader))
	if !slices.Contains(tasks, p.Task) {
		tasks = append(tasks, p.Task)
	}
	var list []userThread
	for _, task := range tasks {
		id, idErr := p.k.uintMember("struct task_struct", "pid", task)
		if idErr != nil {
			err = fmt.Errorf("task %x: %w", task, idErr)
			continue
		}
		t := userThread{Thread{ID: id}, task}
		t.Name, _ = p.k.stringMember("struct task_struct", "comm", task)
		if task == p.Task {
			list = slices.Insert(list, 0, t)
		} else {
			list = append(list, t)
		}
	}
	return list, err
}

// Threads implements core.Threads, by the ids that the process knows them by outside of a
// pid namespace.
func (p *LinuxUser) Threads() []Thread {
	list, err := p.threads()
	if err != nil {
		p.k.warn("threads of PID %d: %v", p.PID, err)
	}
	threads := make([]Thread, len(list))
	for i := range list {
		threads[i] = list[i].Thread
	}
	return threads
}

// RepresentativeThread implements core.Representative: the thread that the process was
// opened by.
func (p *LinuxUser) RepresentativeThread() uint64 { return uint64(uint32(p.PID)) }

// Registers implements core.Registers: those in user mode of a thread of the process, by
// its id or the VA of its task_struct.
func (p *LinuxUser) Registers(thread uint64) (*arch.Regs, error) {
	task := thread
	switch {
	case thread == p.RepresentativeThread():
		task = p.Task
	case thread < maxTaskID:
		list, _ := p.threads()
		i := slices.IndexFunc(list, func(t userThread) bool { return t.ID == thread })
		if i < 0 {
			return nil, fmt.Errorf("thread %d is not of PID %d: %w", thread, p.PID, ErrNoRegs)
		}
		task = list[i].task
	}
	if mm, err := p.k.uintMember("struct task_struct", "mm", task); err != nil || mm != p.MM {
		return nil, fmt.Errorf("task %x is not of PID %d: %w", task, p.PID, ErrNoRegs)
	}
	return p.k.UserRegisters(task)
}
