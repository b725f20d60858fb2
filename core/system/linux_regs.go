package system

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
)

// Registers implements core.Registers: thread is the VA of a task_struct, 0 the
// representative one. Those of a task that runs are its CPU's, if the container has
// them; those of any other are what switching left on its stack.
func (k *LinuxKernel) Registers(thread uint64) (*arch.Regs, error) {
	if thread == 0 {
		thread = k.RepresentativeThread()
	}
	r, _, err := k.threadRegs(thread)
	return r, err
}

// representativeRegs are those of the CPU whose task would be the representative thread,
// where memory does not tell which that is.
func (k *LinuxKernel) representativeRegs() (*arch.Regs, error) {
	return k.CPURegisters(max(k.PanicCPU(), 0))
}

// threadRegs is Registers, telling whether the address is where execution was
// interrupted.
func (k *LinuxKernel) threadRegs(thread uint64) (r *arch.Regs, exact bool, err error) {
	if thread == 0 {
		r, err := k.representativeRegs()
		return r, true, err
	}
	cpus, _ := k.CPUs()
	for i := range cpus {
		if cpus[i].Task != thread || !cpus[i].Online {
			continue
		}
		r, err := k.CPURegisters(cpus[i].ID)
		return r, true, err
	}
	r, err = k.switched(thread)
	return r, false, err
}

// CPURegisters are the registers of a CPU, as the container has them. Which of its
// processors is meant is told by the per-CPU area that gsbase leads to, else by the stack
// that it uses; where neither is known, by its number: a kernel's own dump has no gsbase,
// and leaves out CPUs that were offline.
func (k *LinuxKernel) CPURegisters(cpu int) (*arch.Regs, error) {
	src, ok := k.mem.(Processors)
	if !ok {
		return nil, fmt.Errorf("cpu %d: %w", cpu, ErrNoRegs)
	}
	list, err := src.Processors()
	if err != nil {
		return nil, fmt.Errorf("cpu %d: %w", cpu, err)
	}
	cpus, _ := k.CPUs()
	byNumber := (*Processor)(nil)
	for i := range list {
		p := &list[i]
		if p.Regs == nil {
			continue
		}
		switch id, ok := k.processorCPU(p, cpus); {
		case ok && id == cpu:
			return p.Regs.Clone(), nil
		case !ok && p.ID == cpu:
			byNumber = p
		}
	}
	if byNumber != nil {
		return byNumber.Regs.Clone(), nil
	}
	return nil, fmt.Errorf("cpu %d: %w", cpu, ErrNoRegs)
}

// CPUThread implements core.CPUThreads: the task on the CPU that is a processor of the
// container, by the processor's index.
func (k *LinuxKernel) CPUThread(index int) (task uint64, ok bool) {
	cpus, _ := k.CPUs()
	id := index
	if src, ok := k.mem.(Processors); ok {
		list, _ := src.Processors()
		for i := range list {
			if list[i].ID != index || list[i].Regs == nil {
				continue
			}
			if n, ok := k.processorCPU(&list[i], cpus); ok {
				id = n
			}
		}
	}
	for _, c := range cpus {
		if c.ID == id {
			return c.Task, c.Task != 0
		}
	}
	return 0, false
}

// processorCPU is the kernel's number of a processor.
func (k *LinuxKernel) processorCPU(p *Processor, cpus []LinuxCPU) (int, bool) {
	gs, known := p.Regs.Get("gsbase")
	for i := range cpus {
		if o := cpus[i].Offset; o != 0 && (known && gs == o || p.System.Has(HasKernelGSBase) && p.System.KernelGSBase == o) {
			return cpus[i].ID, true
		}
	}
	for i := range cpus {
		stack, err := k.uintMember("struct task_struct", "stack", cpus[i].Task)
		if cpus[i].Task != 0 && err == nil && stack != 0 && p.Regs.SP()-stack < k.StackSize() {
			return cpus[i].ID, true
		}
	}
	return 0, false
}

// ErrRunning says that a task was running and nothing has its registers.
var ErrRunning = errors.New("task is running")

// switchFrame are the members of struct inactive_task_frame, which __switch_to_asm
// leaves at thread.sp, and the registers they are.
var switchFrame = map[string]string{
	"r15": "r15", "r14": "r14", "r13": "r13", "r12": "r12", "bx": "rbx", "bp": "rbp", "ret_addr": "rip",
}

// switched are the registers of a task that does not run, as its caller of
// __switch_to_asm had them.
func (k *LinuxKernel) switched(task uint64) (*arch.Regs, error) {
	sp, err := k.uintMember("struct task_struct", "thread.sp", task)
	if err != nil {
		return nil, fmt.Errorf("registers of task %x: %w", task, err)
	}
	size, err := k.sizeOf("struct inactive_task_frame")
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if err := mem.ReadFull(k.space, b, mem.Addr(sp)); err != nil {
		return nil, fmt.Errorf("registers of task %x: %w", task, err)
	}
	r := arch.NewRegs(k.Arch())
	for name, reg := range switchFrame {
		at, err := k.member("struct inactive_task_frame", name)
		if err != nil || at.size != 8 || at.off+8 > size {
			continue
		}
		r.Set(reg, binary.LittleEndian.Uint64(b[at.off:]))
	}
	r.Set("rsp", sp+size)
	if r.PC() == 0 {
		return nil, fmt.Errorf("task %x: %w", task, ErrNoRegs)
	}
	return r, nil
}

// maxSwitchFrame bounds what a structure of some registers may have by type data.
const maxSwitchFrame = 4096

// sizeOf is the size of a type of the kernel's own, bytes.
func (k *LinuxKernel) sizeOf(typ string) (uint64, error) {
	f, err := k.ownTypes()
	if err != nil {
		return 0, err
	}
	t, err := f.Lookup(typ)
	if err != nil {
		return 0, fmt.Errorf("look up %s: %w", typ, err)
	}
	if n := t.Resolve().Size(); n > 0 && n <= maxSwitchFrame {
		return n, nil
	}
	return 0, fmt.Errorf("%s has no size that makes sense", typ)
}

// UserRegisters are the registers of a task in user mode: its CPU's if it runs there,
// else those with which it entered the kernel, the struct pt_regs at the top of its
// stack. A thread of the kernel's has none.
func (k *LinuxKernel) UserRegisters(task uint64) (*arch.Regs, error) {
	if r, exact, err := k.threadRegs(task); err == nil && exact && userMode(r) {
		return r, nil
	}
	stack, err := k.uintMember("struct task_struct", "stack", task)
	if err != nil {
		return nil, err
	}
	if stack == 0 {
		return nil, fmt.Errorf("task %x has no stack: %w", task, ErrNoRegs)
	}
	r, err := k.ptRegs(stack + k.StackSize() - ptRegsSize)
	if err != nil {
		return nil, err
	}
	if !userMode(r) {
		return nil, fmt.Errorf("task %x was not in user mode: %w", task, ErrNoRegs)
	}
	for _, base := range [][2]string{{"thread.fsbase", "fsbase"}, {"thread.gsbase", "gsbase"}} {
		if v, err := k.uintMember("struct task_struct", base[0], task); err == nil {
			r.Set(base[1], v)
		}
	}
	return r, nil
}

// userMode tells that registers are of ring 3.
func userMode(r *arch.Regs) bool {
	cs, ok := r.Get("cs")
	return ok && cs&3 == 3
}

// ptRegsSize is the size of struct pt_regs of amd64: 21 registers. Kernels with FRED
// leave more above it.
const ptRegsSize = 21 * 8

// ptRegNames are its members in order (arch/x86/include/asm/ptrace.h).
var ptRegNames = [...]string{"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx",
	"rdx", "rsi", "rdi", "", "rip", "cs", "rflags", "rsp", "ss"}

// ptRegs reads a struct pt_regs.
func (k *LinuxKernel) ptRegs(at uint64) (*arch.Regs, error) {
	var b [ptRegsSize]byte
	if err := mem.ReadFull(k.space, b[:], mem.Addr(at)); err != nil {
		return nil, err
	}
	r := arch.NewRegs(k.Arch())
	for i, name := range ptRegNames {
		if name != "" {
			r.Set(name, binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	return r, nil
}

// StackSize is the size of a task's stack: 16 KB, twice that with KASAN.
func (k *LinuxKernel) StackSize() uint64 {
	if _, ok := k.Symbol("kasan_init"); ok {
		return 32 << 10
	}
	return 16 << 10
}
