package system

import (
	"encoding/binary"
	"sync"

	"github.com/xmdb/xmdb/core/mem"
)

// An illumos kernel in the memory of a machine whose processors' state is known.

// Refresh implements Refresher: memory, page tables and registers are read again,
// symbols and types stay.
func (k *IllumosKernel) Refresh() {
	k.moment.Add(1)
	k.hatMu.Lock()
	k.hats = nil
	k.hatMu.Unlock()
	k.cpusMu.Lock()
	k.onCPU = nil
	k.cpusMu.Unlock()
	k.regsOnce, k.regs, k.regsErr = sync.Once{}, nil, nil
}

// user tells whether the processor was in user mode.
func (p *Processor) user() bool {
	cs, ok := p.Regs.Get("cs")
	return ok && cs&3 == 3
}

// cpuBase is what a processor's register of the kernel's %gs holds: the address of its
// cpu_t. In user mode swapgs has put it aside.
func (p *Processor) cpuBase() (uint64, bool) {
	if p.user() {
		return p.System.KernelGSBase, p.System.Has(HasKernelGSBase)
	}
	return p.Regs.Get("gsbase")
}

// processorOf is the processor that runs a thread; nil if none does, or the container
// does not tell. A kernel that panicked has kept what counts itself.
func (k *IllumosKernel) processorOf(thread uint64) *Processor {
	if k.cpus == nil || thread == 0 {
		return nil
	}
	k.cpusMu.Lock()
	defer k.cpusMu.Unlock()
	if k.onCPU == nil {
		k.onCPU = k.matchCPUs()
	}
	return k.onCPU[thread]
}

// matchCPUs finds the cpu_t of each processor, and by it the thread: the one that %gs
// leads to, else the one whose id is the processor's index.
func (k *IllumosKernel) matchCPUs() map[uint64]*Processor {
	out := map[uint64]*Processor{}
	list, err := k.cpus.Processors()
	if err != nil || k.PanicThread() != 0 {
		return out
	}
	cpus, _ := k.CPUs()
	for i := range list {
		p := &list[i]
		if p.Regs == nil {
			continue
		}
		base, known := p.cpuBase()
		for _, c := range cpus {
			if known && c.Addr == base || !known && c.ID == p.ID {
				out[c.Thread] = p
			}
		}
	}
	return out
}

// CPUThread implements core.CPUThreads.
func (k *IllumosKernel) CPUThread(id int) (thread uint64, ok bool) {
	k.processorOf(^uint64(0)) // reads them
	k.cpusMu.Lock()
	for t, p := range k.onCPU {
		if p.ID == id {
			k.cpusMu.Unlock()
			return t, true
		}
	}
	k.cpusMu.Unlock()
	cpus, _ := k.CPUs()
	for _, c := range cpus {
		if c.ID == id {
			return c.Thread, true
		}
	}
	return 0, false
}

// panicMessage is the message of a kernel that panicked: in panicbuf, at the offset
// that panic_data_t has.
func (k *IllumosKernel) panicMessage() string {
	at, ok := k.symbol("panicbuf")
	str, err := k.global("panicstr", 8)
	if !ok || err != nil || str == 0 {
		return ""
	}
	off, err := mem.ReadUint(k.space, mem.Addr(at+4), 4, binary.LittleEndian)
	if err != nil || off >= panicBufSize {
		return ""
	}
	text, _ := mem.ReadString(k.space, mem.Addr(at+off), panicBufSize)
	return text
}
