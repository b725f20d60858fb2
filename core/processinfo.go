package core

// The abilities of a process of which the target knows more than memory and registers:
// cores of illumos processes have notes of all this.
type (
	// Identified knows who the process ran as, and where.
	Identified interface{ Identity() *Identity }
	// FileOpener lists the process's open files.
	FileOpener interface{ OpenFiles() []OpenFile }
	// LWPStates knows what an LWP was doing; nil if it does not know the LWP. LWPs
	// that have exited are in AllLWPs only, not among the threads.
	LWPStates interface {
		AllLWPs() []uint64
		LWPState(id uint64) *LWPState
	}
)

// Identity is who a process ran as, and where.
type Identity struct {
	PID, PPID, PGID, SID                  int
	EUID, RUID, SUID                      uint32
	EGID, RGID, SGID                      uint32
	Groups                                []uint32
	HasCred                               bool // else only EUID, RUID, EGID, RGID are known
	Zone                                  string
	ZoneID, Project, Task, Pool, Contract int
	System                                []string // uname: system, node, release, version, machine
	Platform                              string
	Content                               []string // what was dumped; nil if that is not known
	SecFlags                              []string // in effect
}

// OpenFile is an open file of a process.
type OpenFile struct {
	FD             int
	Mode           uint32 // st_mode
	Dev, RDev      [2]uint32
	Inode          uint64
	UID, GID       uint32
	Offset, Size   int64
	Flags, FDFlags int
	Path           string
}

// LWPState is what an LWP was doing.
type LWPState struct {
	State    string // letter: "S", "O", "Z" ...
	Syscall  int    // 0 if in none
	Priority int
	Class    string
	Name     string
}
