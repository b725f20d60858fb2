//go:build amd64 || arm64

package ptrace

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/xmdb/xmdb/core"
)

const oCloexec = 0o2000000

// OpenFiles implements core.FileOpener by /proc/PID/fd and fdinfo (proc(5)).
func (t *Target) OpenFiles() []core.OpenFile {
	dir := fmt.Sprintf("/proc/%d/fd", t.pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []core.OpenFile
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		f := core.OpenFile{FD: fd}
		f.Path, _ = os.Readlink(dir + "/" + e.Name())
		if info, err := os.Stat(dir + "/" + e.Name()); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				f.Mode, f.Inode, f.UID, f.GID, f.Size = st.Mode, st.Ino, st.Uid, st.Gid, st.Size
			}
		}
		f.Offset, f.Flags = fdInfo(t.pid, fd)
		if f.Flags&oCloexec != 0 {
			f.Flags, f.FDFlags = f.Flags&^oCloexec, 1
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b core.OpenFile) int { return a.FD - b.FD })
	return list
}

// fdInfo reads the position and the flags, which are octal, of a descriptor.
func fdInfo(pid, fd int) (pos int64, flags int) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		key, val, _ := strings.Cut(sc.Text(), ":")
		switch val = strings.TrimSpace(val); key {
		case "pos":
			pos, _ = strconv.ParseInt(val, 10, 64)
		case "flags":
			v, _ := strconv.ParseInt(val, 8, 64)
			flags = int(v)
		}
	}
	return pos, flags
}

// AllLWPs implements core.LWPStates.
func (t *Target) AllLWPs() []uint64 {
	var ids []uint64
	for _, th := range t.Threads() {
		ids = append(ids, th.ID)
	}
	return ids
}

// schedClasses are the scheduling policies (sched(7)).
var schedClasses = map[string]string{"0": "OTHER", "1": "FIFO", "2": "RR", "3": "BATCH", "5": "IDLE", "6": "DL"}

// Fields of /proc/PID/task/TID/stat behind the name, counted from the state.
const (
	statState  = 0
	statPrio   = 15
	statPolicy = 38
)

// LWPState implements core.LWPStates; nil for a thread that there is not.
func (t *Target) LWPState(id uint64) *core.LWPState {
	text := taskFile(t.pid, int(id), "stat")
	i := strings.LastIndexByte(text, ')')
	if i < 0 {
		return nil
	}
	f := strings.Fields(text[i+1:])
	if len(f) <= statPolicy {
		return nil
	}
	s := &core.LWPState{State: f[statState], Class: schedClasses[f[statPolicy]], Name: taskFile(t.pid, int(id), "comm")}
	s.Priority, _ = strconv.Atoi(f[statPrio])
	if nr, ok := t.Syscall(id); ok {
		s.Syscall = int(nr)
	}
	if w := t.waitChannel(id); w != "" {
		s.Name += " in " + w
	}
	return s
}
