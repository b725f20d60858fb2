package libc

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/value"
)

// Signals with something of their own in a siginfo_t.
const (
	sigILL, sigTRAP, sigFPE, sigBUS, sigSEGV = 4, 5, 8, 10, 11
	sigCLD, sigPOLL, sigPROF, sigXFSZ        = 18, 22, 29, 31
)

// siCodes are what codes of any signal say.
var siCodes = map[int32]string{
	32767: "no info", 2050: "from DTrace raise() action", 2049: "from rctl action", 0: "user generated via kill",
	-1: "user generated via lwp_kill", -2: "user generated via sigqueue", -3: "from timer expiration",
	-4: "from async i/o completion", -5: "from message arrival",
}

// microstates are the names of si_mstate's elements.
var microstates = []string{"USER", "SYSTEM", "TRAP", "TFAULT", "DFAULT", "KFAULT", "USER_LOCK", "SLEEP", "WAIT_CPU", "STOPPED"}

// errnos are messages of strerror(3C), by number; those processes see most.
var errnos = []string{
	"Error 0", "Not owner", "No such file or directory", "No such process", "Interrupted system call", "I/O error", "No such device or address",
	"Arg list too long", "Exec format error", "Bad file number", "No child processes", "Resource temporarily unavailable",
	"Not enough space", "Permission denied", "Bad address", "Block device required", "Device busy", "File exists", "Cross-device link",
	"No such device", "Not a directory", "Is a directory", "Invalid argument", "File table overflow", "Too many open files",
	"Inappropriate ioctl for device", "Text file busy", "File too large", "No space left on device", "Illegal seek",
	"Read-only file system", "Too many links", "Broken pipe", "Argument out of domain", "Result too large",
}

func errnoText(n int32) string {
	if n >= 0 && int(n) < len(errnos) {
		return errnos[n]
	}
	return "Unknown error"
}

// signalName gives a signal's name without SIG.
func signalName(c *core.Ctx, sig int32) string {
	if p, ok := core.As[core.Process](c.Session.Context()); ok && sig > 0 {
		if name, _ := p.SignalName(int(sig)); len(name) > 4 && name[3] != '#' {
			return name[3:]
		}
	}
	return "unknown"
}

// member reads an integer member by path; the first error stays.
type reader struct {
	v   value.Value
	err error
}

func (r *reader) uint(path string) uint64 {
	m, err := r.v.Path(path)
	if err == nil {
		var n uint64
		if n, err = m.Uint(); err == nil {
			return n
		}
	}
	r.err = errors.Join(r.err, err)
	return 0
}

func (r *reader) int(path string) int64 {
	m, err := r.v.Path(path)
	if err == nil {
		var n int64
		if n, err = m.Int(); err == nil {
			return n
		}
	}
	r.err = errors.Join(r.err, err)
	return 0
}

func runSiginfo(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v, err := at(c.Session, "siginfo_t", c.Addr)
	if err != nil {
		return err
	}
	r := &reader{v: v}
	sig, code, errno := int32(r.int("si_signo")), int32(r.int("si_code")), int32(r.int("si_errno"))
	if r.err != nil {
		return c.Warn(r.err, "failed to read siginfo at %p", c.Addr)
	}
	text, ok := siCodes[code]
	switch {
	case ok:
	case code <= 0:
		text = "from user process"
	default:
		text = "from kernel"
	}
	if c.Opts.JSON && !c.PipeOut {
		c.Record(nil, out.Field{Name: "signal", Value: sig}, out.Field{Name: "name", Value: signalName(c, sig)}, out.Field{Name: "code", Value: code},
			out.Field{Name: "text", Value: text}, out.Field{Name: "errno", Value: errno})
		return nil
	}
	c.Printf("  signal %5d (%s)\n  code   %5d (%s)\n  errno  %5d (%s)\n", sig, signalName(c, sig), code, text, errno, errnoText(errno))
	const user, queue = 0, -2
	proc := func(path string) string { return "__data.__proc." + path }
	if code == user || code == queue {
		c.Printf("  signal sent from PID %d (uid %d)\n", int32(r.int(proc("__pid"))), int32(r.uint(proc("__pdata.__kill.__uid"))))
	}
	if code == queue {
		p := r.uint(proc("__pdata.__kill.__value.sival_ptr"))
		c.Printf("  signal value = 0t%d / %p\n", int32(p), p)
	}
	printCause(c, r, sig)
	if r.err != nil {
		return c.Warn(r.err, "failed to read siginfo at %p", c.Addr)
	}
	return nil
}

// printCause prints what a signal has of its own.
func printCause(c *core.Ctx, r *reader, sig int32) {
	switch sig {
	case sigCLD:
		cld := "__data.__proc.__pdata.__cld."
		c.Printf("  signal sent from child PID %d (uid %d)\n", int32(r.int("__data.__proc.__pid")), int32(r.uint("__data.__proc.__pdata.__kill.__uid")))
		c.Printf("  usr time = 0t%ld ticks, sys time = 0t%ld ticks\n", r.int(cld+"__utime"), r.int(cld+"__stime"))
		c.Printf("  wait status = 0x%x\n", uint32(r.int(cld+"__status")))
	case sigSEGV, sigBUS, sigILL, sigTRAP, sigFPE:
		f := "__data.__fault."
		c.Printf("  fault address = 0x%p\n  trapno = %d\n", r.uint(f+"__addr"), int32(r.int(f+"__trapno")))
		pc := r.uint(f + "__pc")
		c.Printf("  instruction address = 0x%p %lA\n", pc, pc)
	case sigPOLL, sigXFSZ:
		c.Printf("  fd = %d  band = 0x%lx\n", int32(r.int("__data.__file.__fd")), uint64(r.int("__data.__file.__band")))
	case sigPROF:
		printProf(c, r)
	}
}

// printProf prints what SIGPROF says of the interval.
func printProf(c *core.Ctx, r *reader) {
	p := "__data.__prof."
	c.Printf("  last fault address = 0x%p fault type = %d\n", r.uint(p+"__faddr"), int32(r.int(p+"__fault")))
	c.Printf("  timestamp = 0t%ld sec 0t%ld nsec\n", r.int(p+"__tstamp.tv_sec"), r.int(p+"__tstamp.tv_nsec"))
	if nr := r.uint(p + "__syscall"); nr != 0 {
		c.Printf("  system call %d (", int32(nr))
		for i := range min(r.uint(p+"__nsysarg"), 8) {
			sep := ", "
			if i == 0 {
				sep = ""
			}
			c.Printf("%s%lx", sep, uint64(r.int(fmt.Sprintf("%s__sysarg[%d]", p, i))))
		}
		c.Printf("  )\n")
	}
	for i, name := range microstates {
		c.Printf("  mstate[\"%s\"] = %d\n", name, int32(r.int(fmt.Sprintf("%s__mstate[%d]", p, i))))
	}
}
