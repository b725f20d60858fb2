package vm

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

type linuxTask struct {
	Size   uint64       `ctf:"sizeof"`
	MM     kernel.Field `ctf:"mm"`
	TGID   kernel.Field `ctf:"tgid"`
	PID    kernel.Field `ctf:"pid"`
	Leader kernel.Field `ctf:"group_leader"`
	Comm   kernel.Field `ctf:"comm"`
	Struct kernel.Field `ctf:"thread_pid|pids[0].pid"`    // its struct pid; moved in 4.19
	Links  kernel.Field `ctf:"pid_links[0]|pids[0].node"` // on that structure's list
}

func (g *linuxVM) task(at uint64) (*linuxTask, []byte, error) {
	return read(g.v, "struct task_struct", at, func(l *linuxTask) uint64 { return l.Size })
}

func (g *linuxVM) process(*Machine) (*Process, error) { return g.proc, g.procE }

// findProcess finds the process whose address space the machine's memory is a part of: by
// the owner that the mm_struct names, which it does with CONFIG_MEMCG, else among all.
func (g *linuxVM) findProcess() (*Process, error) {
	mm := g.l.MM.Of(g.b)
	if mm == 0 {
		return nil, fmt.Errorf("struct kvm %x: it has no address space", g.addr)
	}
	if f, err := g.v.Member("struct mm_struct", "owner,optional"); err == nil && f.OK() {
		if t, err := g.v.Pointer(mm + f.Off); err == nil && t != 0 {
			if p := g.processOf(t, mm); p != nil {
				return p, nil
			}
		}
	}
	for t, err := range g.k.Tasks() {
		if err != nil {
			return nil, fmt.Errorf("process of struct kvm %x: %w", g.addr, err)
		}
		if p := g.processOf(t, mm); p != nil {
			return p, nil
		}
	}
	return nil, nil
}

// processOf is the process of a task, nil if its address space is another.
func (g *linuxVM) processOf(at, mm uint64) *Process {
	l, b, err := g.task(at)
	if err != nil || l.MM.Of(b) != mm {
		return nil
	}
	if leader := l.Leader.Of(b); leader != at {
		if _, lb, err := g.task(leader); err == nil && l.MM.Of(lb) == mm {
			at, b = leader, lb
		}
	}
	return &Process{Addr: at, PID: int32(l.TGID.Of(b)), AS: mm, Command: safe(l.Comm.Text(b))}
}

// threads finds the threads that ran the vCPUs last, by the struct pid of each.
func (g *linuxVM) threads(*Machine) (map[int]Thread, error) {
	found := map[int]Thread{}
	first, err := g.v.Member("struct pid", "tasks[0].first")
	if err != nil {
		return nil, err
	}
	x, err := g.own()
	if err != nil {
		return nil, err
	}
	for _, at := range g.cpus {
		l, b, bad := g.readVCPU(at)
		if bad != nil {
			continue // which is told with the vCPU
		}
		t, bad := g.threadOf(x.PID.Of(b), first)
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("thread of struct kvm_vcpu %x: %w", at, bad))
		} else if t.Addr != 0 {
			found[int(int32(l.ID.Of(b)))] = t
		}
	}
	return found, err
}

// threadOf is the thread of a struct pid, none if there is none any more.
func (g *linuxVM) threadOf(pid uint64, first kernel.Field) (Thread, error) {
	if pid == 0 {
		return Thread{}, nil
	}
	link, err := g.v.Pointer(pid + first.Off)
	if err != nil {
		return Thread{}, kernel.BadRead("struct pid", pid, err)
	}
	l, err := kernel.Lay[linuxTask](g.v, "struct task_struct")
	if err != nil || link == 0 {
		return Thread{}, err
	}
	at := link - l.Links.Off
	_, b, err := g.task(at)
	if err == nil && l.Struct.Of(b) != pid {
		err = fmt.Errorf("struct task_struct %x is not of struct pid %x", at, pid)
	}
	if err != nil {
		return Thread{}, err
	}
	return Thread{Addr: at, TID: int32(l.PID.Of(b))}, nil
}
