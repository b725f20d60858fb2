package vm

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

type threadLayout struct {
	Size uint64       `ctf:"sizeof"`
	Next kernel.Field `ctf:"t_forw"`
	Ctx  kernel.Field `ctf:"t_ctx"`
	Tid  kernel.Field `ctf:"t_tid"`
}

type ctxopLayout struct {
	Size uint64       `ctf:"sizeof"`
	Arg  kernel.Field `ctf:"arg"`
	Next kernel.Field `ctf:"next"`
}

// maxContexts bounds the contexts of a thread.
const maxContexts = 64

// Thread is a thread of the host that runs a vCPU. On illumos it has the vCPU's context
// installed (struct ctxop) as long as it is in the hypervisor; Linux' KVM notes which
// thread entered the vCPU last.
type Thread struct {
	Addr uint64 // kthread_t, task_struct
	TID  int32
}

// Threads finds the threads that run the machine's vCPUs, by vCPU. A vCPU whose thread
// is not in the hypervisor has none. Those that come with an error are good.
func (m *Machine) Threads() (map[int]Thread, error) { return m.back.threads(m) }

// illumosThreads finds them among the threads of the machine's process; of tells of
// which vCPU a context is.
func illumosThreads(m *Machine, of func(arg uint64) (int, bool)) (map[int]Thread, error) {
	p, err := m.Process()
	if p == nil {
		return nil, err
	}
	found := map[int]Thread{}
	met := kernel.Met{}
	for at := p.first; at != 0; {
		if met.Again(at) {
			if at == p.first {
				break // it is a ring
			}
			return found, fmt.Errorf("kthread_t %x is on its process's list twice", at)
		}
		l, b, err := read(m.v, "kthread_t", at, func(l *threadLayout) uint64 { return l.Size })
		if err != nil {
			return found, err
		}
		if id, ok := contextOf(m.v, l.Ctx.Of(b), of); ok {
			found[id] = Thread{Addr: at, TID: int32(l.Tid.Of(b))}
		}
		at = l.Next.Of(b)
	}
	return found, err
}

// contextOf finds the vCPU whose context is among a thread's.
func contextOf(v *kernel.View, at uint64, of func(arg uint64) (int, bool)) (vcpu int, ok bool) {
	for range maxContexts {
		if at == 0 {
			return 0, false
		}
		l, b, err := read(v, "struct ctxop", at, func(l *ctxopLayout) uint64 { return l.Size })
		if err != nil {
			return 0, false
		}
		if id, ok := of(l.Arg.Of(b)); ok {
			return id, true
		}
		at = l.Next.Of(b)
	}
	return 0, false
}

type vmContext struct {
	Size uint64       `ctf:"sizeof"`
	VM   kernel.Field `ctf:"vtc_vm"`
	ID   kernel.Field `ctf:"vtc_vcpuid"`
}

func (g *bhyveVM) threads(m *Machine) (map[int]Thread, error) { return illumosThreads(m, g.context) }

// context tells of which vCPU a context is: what vm_run installs on a thread is a
// vm_thread_ctx, on the thread's stack or (since 2021) in the struct vcpu.
func (g *bhyveVM) context(arg uint64) (int, bool) {
	l, b, err := read(g.v, "struct vm_thread_ctx", arg, func(l *vmContext) uint64 { return l.Size })
	if err != nil || l.VM.Of(b) != g.addr {
		return 0, false
	}
	return int(int32(l.ID.Of(b))), true
}
