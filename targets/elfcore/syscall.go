package elfcore

// Syscall implements core.Syscalls: the system call that a thread was in when the
// core was made.
func (t *Target) Syscall(id uint64) (nr int64, ok bool) {
	for _, th := range t.notes.threads {
		if uint64(uint32(th.ID)) == id && th.Greg != nil {
			nr = th.Call()
			return nr, nr >= 0
		}
	}
	return 0, false
}
