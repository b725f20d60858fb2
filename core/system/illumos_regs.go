package system

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
)

// panicbuf (sys/panic.h): a panic_data_t, then the message. Its name-value pairs are
// a structure of a name of 16 bytes and a 64-bit value.
const (
	panicVersion = 2
	panicBufSize = 8192
	panicNV      = 48 // offset of the pairs
	panicNVSize  = 24
	panicNVName  = 16
)

// ErrNoRegs says that nothing has kept a thread's registers.
var ErrNoRegs = errors.New("no register set available for thread")

// PanicThread is the VA of the thread that panicked; 0 in a live dump.
func (k *IllumosKernel) PanicThread() uint64 {
	t, err := k.global("panic_thread", 8)
	if err != nil {
		return 0
	}
	return t
}

// RepresentativeThread implements core.Representative: the thread that panicked, else
// that on the first processor whose state is known.
func (k *IllumosKernel) RepresentativeThread() uint64 {
	if t := k.PanicThread(); t != 0 {
		return t
	}
	t, _ := k.CPUThread(0)
	return t
}

// PanicRegisters are the registers at the panic: those of panicbuf, else the struct
// regs of the trap that led to it.
func (k *IllumosKernel) PanicRegisters() (*arch.Regs, error) {
	k.regsOnce.Do(func() {
		var err error
		if k.regs, err = k.panicbuf(); err == nil {
			return
		}
		if k.regs, k.regsErr = k.panicTrap(); k.regsErr != nil {
			k.regsErr = fmt.Errorf("failed to read panicbuf and panic_reg -- current register set will be unavailable: %w", err)
		}
	})
	if k.regs == nil {
		return nil, k.regsErr
	}
	return k.regs.Clone(), nil
}

func (k *IllumosKernel) panicbuf() (*arch.Regs, error) {
	at, ok := k.symbol("panicbuf")
	if !ok {
		return nil, ErrNoRegs
	}
	buf := make([]byte, panicNV)
	if err := mem.ReadFull(k.space, buf, mem.Addr(at)); err != nil {
		return nil, err
	}
	if v := binary.LittleEndian.Uint32(buf); v != panicVersion {
		return nil, fmt.Errorf("panicbuf of version %d: %w", v, ErrNoRegs)
	}
	size := min(binary.LittleEndian.Uint32(buf[4:]), panicBufSize)
	if size < panicNV {
		return nil, fmt.Errorf("panicbuf's message is at %d: %w", size, ErrNoRegs)
	}
	buf = make([]byte, size)
	if err := mem.ReadFull(k.space, buf, mem.Addr(at)); err != nil {
		return nil, err
	}
	r := arch.NewRegs(k.Arch())
	for b := buf[panicNV:]; len(b) >= panicNVSize; b = b[panicNVSize:] {
		name, _, _ := bytes.Cut(b[:panicNVName], []byte{0})
		r.Set(string(name), binary.LittleEndian.Uint64(b[panicNVName:])) // MDB leaves out names it does not know, too
	}
	return r, nil
}

// panicTrap takes the registers that panic_reg points to.
func (k *IllumosKernel) panicTrap() (*arch.Regs, error) {
	at, err := k.global("panic_reg", 8)
	if err != nil {
		return nil, err
	}
	if at == 0 {
		return nil, ErrNoRegs
	}
	return k.TrapRegisters(at)
}

// trapRegs are the members of struct regs (sys/privregs.h) and the registers they
// are.
var trapRegs = map[string]string{
	"r_rdi": "rdi", "r_rsi": "rsi", "r_rdx": "rdx", "r_rcx": "rcx", "r_r8": "r8", "r_r9": "r9", "r_rax": "rax",
	"r_rbx": "rbx", "r_rbp": "rbp", "r_r10": "r10", "r_r11": "r11", "r_r12": "r12", "r_r13": "r13", "r_r14": "r14",
	"r_r15": "r15", "r_ds": "ds", "r_es": "es", "r_fs": "fs", "r_gs": "gs", "r_trapno": "trapno", "r_err": "err",
	"r_rip": "rip", "r_cs": "cs", "r_rfl": "rflags", "r_rsp": "rsp", "r_ss": "ss",
}

// TrapRegisters are the registers of the struct regs at addr: what a trap or system
// call interrupted.
func (k *IllumosKernel) TrapRegisters(addr uint64) (*arch.Regs, error) {
	r := arch.NewRegs(k.Arch())
	for member, reg := range trapRegs {
		v, err := k.uintMember(k.space, "struct regs", member, addr)
		if err != nil {
			return nil, err
		}
		r.Set(reg, v)
	}
	return r, nil
}

// labelRegs are the words of a label_t of amd64 by their index: what setjmp and
// swtch keep.
var labelRegs = [...]string{"rip", "rsp", "rbp", "rbx", "r12", "r13", "r14", "r15"}

// Registers implements core.Registers. For the thread that panicked they are the
// registers at the panic; for any other the label that it left when it was switched
// out, or in which the panic stopped its CPU. Those of a thread on a processor whose
// state is known are the processor's.
func (k *IllumosKernel) Registers(thread uint64) (*arch.Regs, error) {
	if p := k.processorOf(thread); p != nil {
		return p.Regs.Clone(), nil
	}
	if thread == k.PanicThread() || thread == 0 {
		return k.PanicRegisters()
	}
	return k.LabelRegisters(thread)
}

// LabelRegisters are the registers in the t_pcb of the thread at addr. resume, which
// switches threads, keeps its caller's %rbp in the label and leaves the stack pointer at
// a frame of its own; %rbp is then that frame. A setjmp label has %rbp as it was.
func (k *IllumosKernel) LabelRegisters(thread uint64) (*arch.Regs, error) {
	label, err := k.label(thread)
	if err != nil {
		return nil, err
	}
	r := arch.NewRegs(k.Arch())
	for i, name := range labelRegs {
		r.Set(name, label[i])
	}
	return r, nil
}

// Places in a label.
const (
	labelPC = 0
	labelSP = 1
	labelFP = 2
)

// onProc is t_state of a thread that runs (TS_ONPROC of sys/thread.h).
const onProc = 4

// label reads a thread's label, with the frame pointer of the frame it was left in. That
// of a thread that runs is stale, unless a panic stopped its CPU.
func (k *IllumosKernel) label(thread uint64) (l [len(labelRegs)]uint64, err error) {
	if k.PanicThread() == 0 {
		if state, err := k.uintMember(k.space, "kthread_t", "t_state", thread); err == nil && state == onProc {
			return l, fmt.Errorf("thread %x is running: %w", thread, ErrNoRegs)
		}
	}
	m, err := k.member("kthread_t", "t_pcb")
	if err != nil {
		return l, err
	}
	var b [8 * len(labelRegs)]byte
	if m.size < uint64(len(b)) {
		return l, fmt.Errorf("label of %d bytes: %w", m.size, ErrNoRegs)
	}
	if err := mem.ReadFull(k.space, b[:], mem.Addr(thread+m.off)); err != nil {
		return l, err
	}
	for i := range l {
		l[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	if saved, _, ok := k.space.frame(l[labelSP]); ok && saved == l[labelFP] {
		l[labelFP] = l[labelSP]
	}
	return l, nil
}

// KernelCPU is a CPU and the thread on it.
type KernelCPU struct {
	ID     int
	Addr   uint64 // VA of the cpu_t
	Thread uint64 // VA of the thread on it
}

// maxCPUs bounds the ring of CPUs: NCPU is 256 on i86pc.
const maxCPUs = 4096

// CPUs walks the ring of CPUs from cpu_list. A ring that does not close is an error
// beside the CPUs it had up to there.
func (k *IllumosKernel) CPUs() ([]KernelCPU, error) {
	head, err := k.global("cpu_list", 8)
	if err != nil {
		return nil, fmt.Errorf("failed to read cpu_list: %w", err)
	}
	var list []KernelCPU
	seen := map[uint64]bool{}
	for addr := head; addr != 0; {
		if seen[addr] || len(list) >= maxCPUs {
			return list, fmt.Errorf("ring of CPUs does not lead back to its head: %#x was there before", addr)
		}
		seen[addr] = true
		c, next, err := k.readCPU(addr)
		if err != nil {
			return list, fmt.Errorf("failed to read cpu at %#x: %w", addr, err)
		}
		list = append(list, c)
		if addr = next; addr == head {
			return list, nil
		}
	}
	return list, errors.New("ring of CPUs ends in a null pointer")
}

func (k *IllumosKernel) readCPU(addr uint64) (c KernelCPU, next uint64, err error) {
	id, err := k.uintMember(k.space, "cpu_t", "cpu_id", addr)
	if err != nil {
		return c, 0, err
	}
	thread, err := k.uintMember(k.space, "cpu_t", "cpu_thread", addr)
	if err != nil {
		return c, 0, err
	}
	next, err = k.uintMember(k.space, "cpu_t", "cpu_next", addr)
	return KernelCPU{ID: int(int32(id)), Addr: addr, Thread: thread}, next, err
}

// CPUAt reads the CPU whose cpu_t is at addr.
func (k *IllumosKernel) CPUAt(addr uint64) (KernelCPU, error) {
	c, _, err := k.readCPU(addr)
	return c, err
}
