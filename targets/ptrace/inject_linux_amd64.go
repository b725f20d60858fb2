package ptrace

import (
	"errors"

	"golang.org/x/sys/unix"
)

// syscallCode is the instruction syscall.
var syscallCode = []byte{0x0f, 0x05}

// errInject is why a system call could not be made in the process.
var errInject = errors.New("system call in the process failed")

// inject makes a halted thread do a system call, with code at an address that the
// program does not run any more, and restores the thread.
func inject(m *memory, tid int, at uint64, nr uint64, args ...uint64) (uint64, error) {
	var saved registers
	if err := getRegs(tid, &saved); err != nil {
		return 0, err
	}
	code := make([]byte, len(syscallCode))
	if n, err := m.read(code, at); n < len(code) {
		return 0, err
	}
	if err := m.write(syscallCode, at); err != nil {
		return 0, err
	}
	defer m.write(code, at)
	defer setRegs(tid, &saved)
	r := saved
	r.Rip, r.Rax, r.Orig_rax = at, nr, ^uint64(0)
	for i, p := range []*uint64{&r.Rdi, &r.Rsi, &r.Rdx, &r.R10, &r.R8, &r.R9} {
		if i < len(args) {
			*p = args[i]
		}
	}
	if err := setRegs(tid, &r); err != nil {
		return 0, err
	}
	if err := goOn(unix.PTRACE_SINGLESTEP, tid, 0); err != nil {
		return 0, err
	}
	_, ws, err := wait(tid, 0)
	if err != nil || !ws.Stopped() || ws.StopSignal() != unix.SIGTRAP || uint32(ws)>>16 != 0 {
		return 0, errInject
	}
	if err := getRegs(tid, &r); err != nil {
		return 0, err
	}
	if v := int64(r.Rax); v < 0 && v > -4096 {
		return 0, unix.Errno(-v)
	}
	return r.Rax, nil
}

// slotPage is the size of the memory that slots are made in.
const slotPage = 4096

// mapSlots maps a page for slots into the process, near its program so that operands
// relative to %rip reach. 0 if that cannot be.
func (p *process) mapSlots(th *thread, entry uint64) uint64 {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	th.store()
	for _, hint := range []uint64{entry - 64<<20, entry + 64<<20, 0x10000000} {
		addr, err := inject(p.mem, th.tid, entry, unix.SYS_MMAP, hint&^(slotPage-1), slotPage,
			unix.PROT_READ|unix.PROT_EXEC, flags, ^uint64(0), 0)
		th.haveRegs = false
		if err != nil {
			return 0
		}
		if d := int64(addr - entry); d < 1<<30 && d > -1<<30 {
			return addr
		}
		inject(p.mem, th.tid, entry, unix.SYS_MUNMAP, addr, slotPage)
	}
	return 0
}

// unmapSlots takes the page out of a process in which a thread is halted.
func (p *process) unmapSlots(m *memory, tid int) {
	if p.page != 0 {
		inject(m, tid, p.entry(), unix.SYS_MUNMAP, p.page, slotPage)
	}
}
