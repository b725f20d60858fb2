package linux

import (
	"github.com/xmdb/xmdb/modules/kernel"
)

// pidLayout is struct pid (include/linux/pid.h), behind which the numbers lie that it has
// in each pid namespace, the outermost first.
type pidLayout struct {
	Level   kernel.Field `ctf:"level"`
	Numbers kernel.Field `ctf:"numbers[0].nr"`
	Space   kernel.Field `ctf:"numbers[0].ns"`
}

// maxPidLevel is MAX_PID_NS_LEVEL.
const maxPidLevel = 32

// pidIn is a process id in the innermost pid namespace it is in, and that namespace.
type pidIn struct {
	level int
	nr    int
	space uint64 // VA of its struct pid_namespace
}

// numbers reads a struct pid: the number in the initial namespace, and in the innermost.
func numbers(v *kernel.View, pid uint64) (global int, inner pidIn, err error) {
	l, err := kernel.Lay[pidLayout](v, "struct pid")
	if err != nil {
		return 0, inner, err
	}
	upid, err := v.Size("struct upid")
	if err != nil {
		return 0, inner, err
	}
	first := min(l.Numbers.Off, l.Space.Off)
	b, err := v.Bytes(pid, first+upid, nil)
	if err != nil {
		return 0, inner, kernel.BadRead("pid", pid, err)
	}
	global = int(int32(l.Numbers.Of(b)))
	inner.level = int(l.Level.Of(b))
	if inner.level > maxPidLevel {
		return global, inner, kernel.Failed(nil, "pid %x: level %d cannot be", pid, inner.level)
	}
	step := uint64(inner.level) * upid
	if b, err = v.Bytes(pid+first+step, upid, nil); err != nil {
		return global, inner, kernel.BadRead("pid", pid, err)
	}
	nr, sp := l.Numbers, l.Space
	nr.Off, sp.Off = nr.Off-first, sp.Off-first
	inner.nr, inner.space = int(int32(nr.Of(b))), sp.Of(b)
	return global, inner, nil
}

// threadPid gives the struct pid of a task; 0 if it has none any more.
func (t *task) threadPid(v *kernel.View) (uint64, error) {
	if t.l.ThreadPID.OK() {
		return t.l.ThreadPID.Of(t.b), nil
	}
	f, err := v.Member("struct task_struct", "pids[0].pid")
	return f.Of(t.b), err
}

// group gives the number of the process group or the session of a process: kind is
// PIDTYPE_PGID or PIDTYPE_SID.
func (t *task) group(v *kernel.View, kind string) (int, error) {
	n, ok := v.Enumerator("enum pid_type", kind)
	signal := t.l.Signal.Of(t.b)
	if !ok || signal == 0 {
		return 0, nil
	}
	f, err := v.Member("struct signal_struct", "pids[0]")
	if err != nil {
		return 0, err
	}
	at, err := v.Pointer(signal + f.Off + uint64(n)*8)
	if err != nil || at == 0 {
		return 0, err
	}
	nr, _, err := numbers(v, at)
	return nr, err
}
