package golang

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/value"
)

// goroutine is what is read of a runtime.g.
type goroutine struct {
	Addr uint64

	ID         uint64  `ctf:"goid"`
	Status     uint32  `ctf:"atomicstatus.value|atomicstatus"`
	WaitSince  int64   `ctf:"waitsince,optional"`
	WaitReason uint8   `ctf:"waitreason,optional"`
	StartPC    uint64  `ctf:"startpc"`
	GoPC       uint64  `ctf:"gopc"`
	Parent     uint64  `ctf:"parentGoid,optional"`
	M          uint64  `ctf:"m"`
	LockedM    uint64  `ctf:"lockedm,optional"`
	Lo         uint64  `ctf:"stack.lo"`
	Hi         uint64  `ctf:"stack.hi"`
	SP         uint64  `ctf:"sched.sp"`
	PC         uint64  `ctf:"sched.pc"`
	BP         uint64  `ctf:"sched.bp"`
	SyscallSP  uint64  `ctf:"syscallsp"`
	SyscallPC  uint64  `ctf:"syscallpc"`
	SyscallBP  uint64  `ctf:"syscallbp,optional"` // Go 1.23
	Waiting    uint64  `ctf:"waiting,optional"`
	thread     *thread // that runs it, nil if none does
}

// States of a goroutine: runtime/runtime2.go, the constants _Gidle and so on. The
// bit of _Gscan comes on top while the collector scans the stack.
const (
	gDead      = 6
	gRunning   = 2
	gSyscall   = 3
	gWaiting   = 4
	gDeadExtra = 11 // Go 1.26
	gScan      = 0x1000
)

var states = [...]string{
	0: "idle", 1: "runnable", gRunning: "running", gSyscall: "syscall", gWaiting: "waiting", 5: "moribund",
	gDead: "dead", 7: "enqueue", 8: "copystack", 9: "preempted", 10: "leaked", gDeadExtra: "deadextra",
}

// state names the state.
func (g *goroutine) state() string {
	s := g.Status &^ gScan
	if int(s) >= len(states) {
		return fmt.Sprintf("state %#x", g.Status)
	}
	if g.Status&gScan != 0 {
		return states[s] + " (scan)"
	}
	return states[s]
}

func (g *goroutine) dead() bool {
	s := g.Status &^ gScan
	return s == gDead || s == gDeadExtra || s == 0
}

// thread is what is read of a runtime.m.
type thread struct {
	Addr    uint64
	ID      int64  `ctf:"id"`
	Proc    uint64 `ctf:"procid"` // the system's id
	G0      uint64 `ctf:"g0"`
	GSignal uint64 `ctf:"gsignal"`
	CurG    uint64 `ctf:"curg"`
	P       uint64 `ctf:"p"`
	Next    uint64 `ctf:"alllink"`
}

// maxThreads bounds the list of threads, against a list that does not end.
const maxThreads = 1 << 20

// threads gives the runtime's threads. A list that meets itself or a bad link is
// an error that names the address; what was found before it is returned.
func (r *goRuntime) threads() ([]*thread, error) {
	head, err := r.global("runtime.allm")
	if err != nil {
		return nil, err
	}
	at, err := head.Uint()
	if err != nil {
		return nil, fmt.Errorf("read runtime.allm: %w", err)
	}
	var all []*thread
	seen := map[uint64]bool{}
	for link := uint64(head.Addr); at != 0; {
		if seen[at] || len(all) >= maxThreads {
			return all, fmt.Errorf("list of threads comes back to %#x (from %#x)", at, link)
		}
		seen[at] = true
		m, err := r.threadAt(at)
		if err != nil {
			return all, fmt.Errorf("read runtime.m at %#x (from %#x): %w", at, link, err)
		}
		all = append(all, m)
		link, at = at, m.Next
	}
	return all, nil
}

func (r *goRuntime) threadAt(at uint64) (*thread, error) {
	v, err := r.at(at, "runtime.m")
	if err != nil {
		return nil, err
	}
	m := &thread{Addr: at}
	return m, value.Load(v, m)
}

// goroutineAt reads one goroutine.
func (r *goRuntime) goroutineAt(at uint64) (*goroutine, error) {
	v, err := r.at(at, "runtime.g")
	if err != nil {
		return nil, err
	}
	g := &goroutine{Addr: at}
	if err := value.Load(v, g); err != nil {
		return nil, fmt.Errorf("read runtime.g at %#x: %w", at, err)
	}
	return g, nil
}

// goroutines yields every goroutine there is a runtime.g of, dead ones included;
// one that cannot be read as an error with its address, and the walk goes on.
func (r *goRuntime) goroutines(c *core.Ctx, yield func(*goroutine, error) bool) error {
	v, err := r.global("runtime.allgs")
	if err != nil {
		return err
	}
	list, err := r.pointers(v)
	if err != nil {
		return fmt.Errorf("read runtime.allgs: %w", err)
	}
	running, err := r.running()
	if err != nil && !yield(nil, err) {
		return nil
	}
	for i, at := range list {
		if i%1024 == 0 && c.Err() != nil {
			return core.ErrIntr
		}
		g, err := r.goroutineAt(at)
		if g != nil {
			g.thread = running[at]
		}
		if !yield(g, err) {
			return nil
		}
	}
	return nil
}

// running gives the thread of each goroutine that one runs.
func (r *goRuntime) running() (map[uint64]*thread, error) {
	ms, err := r.threads()
	by := map[uint64]*thread{}
	for _, m := range ms {
		if m.CurG != 0 {
			by[m.CurG] = m
		}
	}
	return by, err
}

// one reads a goroutine by its address and finds its thread.
func (r *goRuntime) one(at uint64) (*goroutine, error) {
	g, err := r.goroutineAt(at)
	if err != nil {
		return nil, err
	}
	running, err := r.running()
	g.thread = running[at]
	return g, err
}

// waitReason is the runtime's own word for why a goroutine waits.
func (r *goRuntime) waitReason(g *goroutine) string {
	if g.Status&^gScan != gWaiting && g.Status&^gScan != gWaiting+6 { // leaked ones wait too
		return ""
	}
	if r.reasons == nil {
		r.reasons = r.readReasons()
	}
	if int(g.WaitReason) < len(r.reasons) {
		return r.reasons[g.WaitReason]
	}
	return fmt.Sprintf("reason %d", g.WaitReason)
}

// maxReason bounds the text of a wait reason, bytes.
const maxReason = 64

// readReasons reads the table of wait reasons from the program, since each
// release has its own. Entries that cannot be read are numbers.
func (r *goRuntime) readReasons() []string {
	v, err := r.global("runtime.waitReasonStrings")
	if err != nil {
		return []string{}
	}
	out := make([]string, min(v.Len(), 256))
	for i := range out {
		out[i] = fmt.Sprintf("reason %d", i)
		if e, err := v.Index(uint64(i)); err == nil {
			if s, _, err := r.stringAt(uint64(e.Addr), maxReason); err == nil {
				out[i] = s
			}
		}
	}
	return out
}
