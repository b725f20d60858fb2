package elfcore

import "github.com/xmdb/xmdb/core/mem"

// Syscall implements core.Syscalls: the system call that a thread was in when the
// core was made.
func (t *Target) Syscall(id uint64) (nr int64, ok bool) {
	for _, th := range t.notes.threads {
		if uint64(uint32(th.ID)) == id && th.Greg != nil {
			if nr = th.Call(); nr < 0 && th.layout == layoutARM64 {
				nr = t.armCall(th)
			}
			return nr, nr >= 0
		}
	}
	return 0, false
}

// Call is the number of the system call the thread was in, -1 if it was in none or
// its notes do not say.
func (th *Thread) Call() int64 {
	l := th.layout
	switch {
	case l == layoutARM64 && len(th.Sysno) >= 4:
		return int64(int32(le.Uint32(th.Sysno)))
	case l.call < 0 || th.Greg == nil:
		return -1
	case l.word == 4:
		return int64(int32(th.Greg[l.call]))
	}
	return int64(th.Greg[l.call])
}

// armCall looks for svc #0 before the program counter of a thread: the kernel has
// not returned, and x8 is what was called. Or at the program counter: the kernel goes
// back there, and forgets the number, when a signal ends a call that is to be made
// again, and a core dump begins with a signal. A thread that has just returned from
// a call, or is just about to make one, is taken to be in it.
func (t *Target) armCall(th *Thread) int64 {
	const svc = 0xd4000001
	pc, _ := th.reg("pc")
	for _, at := range []uint64{pc - 4, pc} {
		var word [4]byte
		if n, err := t.Virtual().ReadAt(word[:], mem.Addr(at)); n == len(word) && err == nil && le.Uint32(word[:]) == svc {
			x8, _ := th.reg("x8")
			return int64(int32(x8))
		}
	}
	return -1
}

// reg is a general register by its name in the layout.
func (th *Thread) reg(name string) (uint64, bool) {
	for i, n := range th.layout.names {
		if n == name {
			return th.Greg[i], true
		}
	}
	return 0, false
}
