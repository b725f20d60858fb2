package elfcore

import "github.com/xmdb/xmdb/core"

// contentNames are the CC_CONTENT bits from the lowest (sys/corectl.h), as coreadm(1M)
// names them.
var contentNames = []string{
	"stack", "heap", "shfile", "shanon", "text", "data", "rodata", "anon", "shm", "ism", "dism", "ctf", "symtab",
}

// secflagNames are the security flags from the lowest (sys/secflags.h).
var secflagNames = []string{"aslr", "forbidnullmap", "noexecstack"}

func bitNames(v uint64, names []string) []string {
	var l []string
	for i, n := range names {
		if v>>i&1 != 0 {
			l = append(l, n)
		}
	}
	return l
}

// Identity implements core.Identified.
func (t *Illumos) Identity() *core.Identity {
	id := &core.Identity{Zone: t.notes.zone, Platform: t.notes.platform, System: t.Utsname()}
	if p := t.notes.psinfo; p != nil {
		i32 := func(at int) int { return int(int32(le.Uint32(p[at:]))) }
		id.PID, id.PPID, id.PGID, id.SID = i32(8), i32(12), i32(16), i32(20)
		id.RUID, id.EUID, id.RGID, id.EGID = uint32(i32(24)), uint32(i32(28)), uint32(i32(32)), uint32(i32(36))
		at := t.lay.envp + t.lay.word + 4 // pr_dmodel and its padding lie between
		id.Task, id.Project = i32(at), i32(at+4)
		id.Pool, id.ZoneID, id.Contract = i32(at+12), i32(at+16), i32(at+20)
	}
	if c := t.notes.cred; c != nil {
		u := func(i int) uint32 { return le.Uint32(c[4*i:]) }
		id.HasCred = true
		id.EUID, id.RUID, id.SUID, id.EGID, id.RGID, id.SGID = u(0), u(1), u(2), u(3), u(4), u(5)
		for i := range int(min(u(6), uint32(len(c)/4-7))) {
			id.Groups = append(id.Groups, u(7+i))
		}
	}
	if t.notes.hasCont {
		id.Content = bitNames(t.notes.content, contentNames)
	}
	if s := t.notes.secflags; len(s) >= 16 {
		id.SecFlags = bitNames(le.Uint64(s[8:]), secflagNames)
	}
	return id
}

// OpenFiles implements core.FileOpener.
func (t *Illumos) OpenFiles() []core.OpenFile {
	var l []core.OpenFile
	for _, f := range t.notes.fds {
		l = append(l, core.OpenFile{
			FD: int(f.FD), Mode: f.Mode, Dev: [2]uint32{f.Major, f.Minor}, RDev: [2]uint32{f.RMajor, f.RMinor}, Inode: f.Ino,
			UID: f.UID, GID: f.GID, Offset: f.Offset, Size: f.Size, Flags: int(f.FileFlags), FDFlags: int(f.Flags), Path: f.Path,
		})
	}
	return l
}

// AllLWPs implements core.LWPStates.
func (t *Illumos) AllLWPs() []uint64 {
	var l []uint64
	for _, w := range t.notes.lwps {
		l = append(l, w.id)
	}
	return l
}

// LWPState implements core.LWPStates.
func (t *Illumos) LWPState(id uint64) *core.LWPState {
	w := t.lwp(id)
	if w == nil {
		return nil
	}
	s := &core.LWPState{Name: w.name}
	if nr, ok := t.Syscall(id); ok {
		s.Syscall = int(nr)
	}
	// lwpsinfo_t: pr_sname, pr_pri and pr_clname, LP64 and ILP32.
	sname, pri, class := 26, 32, 72
	if t.lay.word == 4 {
		sname, pri, class = 18, 24, 48
	}
	if len(w.info) >= class+8 {
		s.State, s.Priority, s.Class = string(rune(w.info[sname])), int(int32(le.Uint32(w.info[pri:]))), cstring(w.info[class:class+8])
	}
	return s
}

// Break gives the extent of the process's break, bytes.
func (t *Illumos) Break() (base, size uint64) {
	if p := t.notes.pstatus; p != nil {
		return t.lay.uint(p[t.lay.brkbase:]), t.lay.uint(p[t.lay.brksize:])
	}
	return 0, 0
}
