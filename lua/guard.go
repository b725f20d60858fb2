package lua

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core"
)

// Why Lua code is made to end. The text follows the line it was at.
var (
	errInterrupted = errors.New("interrupted")
	errTimeout     = errors.New("took too long")
	errMemory      = errors.New("uses too much memory")
	errStopped     = errors.New("stopped") // the consumer of a walk wants no more
)

// Limits of running code; tests lower them.
var (
	maxMemory  uint64 = 256 << 20 // bytes a module's code may add to the heap
	loadTime          = 5 * time.Second
	hookTime          = 2 * time.Second // activation, completion, callbacks
	maxString         = 16 << 20        // bytes of a string
	maxThreads        = 1000            // live coroutines and unfinished walks
	maxEntries        = 16              // calls into one module, nested by commands
)

const (
	checkEvery = 4096    // instructions, or units of work in Go, between checks
	pollEvery  = 64      // checks between looks at the heap
	pollBytes  = 4 << 20 // bytes accounted for that bring the next look forward
)

// thread is one Lua stack being run. It is the context.Context of its LState:
// the VM asks for Done before every instruction, which makes it the place to
// count and to end what must not go on.
type thread struct {
	st     *state
	L      *glua.LState
	c      *core.Ctx       // the command on whose behalf it runs
	parent context.Context // its cancellation
	left   int             // until the next check
	checks int
	why    error // why it ends; stays set until the outermost call returns

	// yield passes values out of a coroutine or a walk; nil elsewhere. It gives
	// how many values are on the stack for the caller of coroutine.yield.
	yield func(L *glua.LState) int

	busyFrom time.Time // when it last came back from output: what loops is told from what waits
}

// threadOf is the thread an LState is run by.
func threadOf(L *glua.LState) *thread { return L.Context().(*thread) }

// Deadline implements context.Context.
func (t *thread) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context.
func (t *thread) Value(any) any { return nil }

// Err implements context.Context: the reason the VM reports.
func (t *thread) Err() error { return t.why }

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done implements context.Context. A nil channel lets the next instruction run.
func (t *thread) Done() <-chan struct{} {
	if t.left--; t.left > 0 {
		return nil
	}
	if t.check() != nil {
		return closed
	}
	return nil
}

// check looks at what may end the code.
func (t *thread) check() error {
	if t.why != nil {
		t.left = 0
		return t.why
	}
	t.left = checkEvery
	t.checks++
	if err := t.parent.Err(); err != nil {
		t.end(ending(err))
	} else if t.checks%pollEvery == 0 || t.st.charged > pollBytes {
		t.checks = 0
		t.end(t.st.poll())
	}
	return t.why
}

func ending(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errTimeout
	}
	return errInterrupted
}

// end makes the code of t end for a reason; nil is none.
func (t *thread) end(why error) {
	if why != nil && t.why == nil {
		t.why, t.left = why, 0
	}
}

// raise ends the Go function running in t if t has to end.
func (t *thread) raise(L *glua.LState) {
	if t.why != nil {
		L.RaiseError("%s", t.why.Error())
	}
}

// work accounts for n units of work of a Go function and does not return if t
// has to end.
func (t *thread) work(L *glua.LState, n int) {
	if t.left -= n; t.left <= 0 {
		t.check()
		t.raise(L)
	}
}

// charge accounts for n bytes that a Go function is about to allocate.
func (t *thread) charge(L *glua.LState, n int) {
	t.st.charged += n
	if t.st.charged > pollBytes {
		t.left = 0
		t.work(L, 1)
	}
}

// str charges for a string of n bytes and refuses one beyond the limit.
func (t *thread) str(L *glua.LState, n int) {
	if n > maxString || n < 0 {
		L.RaiseError("string is longer than %d bytes", maxString)
	}
	t.charge(L, n)
}

// poll compares the heap with what it was when the outermost call began.
func (st *state) poll() error {
	st.charged = 0
	st.heap = min(st.heap, metric("/gc/heap/live:bytes")) // what was garbage then is gone
	if heapBytes() <= st.heap+maxMemory {
		return nil
	}
	runtime.GC() // what is over may be garbage
	if now := heapBytes(); now <= st.heap+maxMemory {
		return nil
	}
	return errMemory
}

// apart runs f, whose allocations belong to the debugger and not to the module:
// indexes of types, pages of the target.
func (st *state) apart(f func()) {
	before := heapBytes()
	f()
	if after := heapBytes(); after > before {
		st.heap += after - before
	}
}

// settle gives what the heap holds as a call begins, garbage left out.
func settle() uint64 {
	live, now := metric("/gc/heap/live:bytes"), heapBytes()
	if now > live+maxMemory/4 {
		runtime.GC()
		return heapBytes()
	}
	return live
}

// heapBytes is what the heap holds, garbage included.
func heapBytes() uint64 { return metric("/memory/classes/heap/objects:bytes") }

func metric(name string) uint64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}

// outcome is what a call that ended in err is for the engine: nil, or the error
// to report, message and line, or an error that has been reported.
func (t *thread) outcome(err error) error {
	if err == nil && t.why == nil {
		return nil
	}
	why := t.why
	switch {
	case errors.Is(why, errStopped):
		return nil
	case errors.Is(why, errMemory):
		t.st.broken = fmt.Errorf("%s: used too much memory: load it again", t.st.file)
	case errors.Is(why, errInterrupted):
		// The engine says nothing of Ctrl-C. Where a command was looping is
		// worth a line; where it was waiting for the pager is not.
		if time.Since(t.busyFrom) > 200*time.Millisecond && err != nil {
			t.c.Session.Warnf("%s", t.st.message(err))
		}
		return core.ErrIntr
	case errors.Is(why, core.ErrQuit), errors.Is(why, core.ErrIntr), errors.Is(why, core.ErrAbort):
		return why
	}
	if err == nil {
		err = why
	}
	return errors.New(t.st.message(err))
}

// message is the text of an error of Lua code, with its line.
func (st *state) message(err error) string {
	var ae *glua.ApiError
	if !errors.As(err, &ae) {
		return fmt.Sprintf("%s: %v", st.file, err)
	}
	text := ""
	switch o := ae.Object.(type) {
	case glua.LString:
		text = string(o)
	case *glua.LUserData:
		if n, ok := o.Value.(*integer); ok {
			text = st.file + ": " + n.String()
		}
	case glua.LNumber:
		text = st.file + ": " + o.String()
	case *glua.LTable:
		if m, ok := o.RawGetString("message").(glua.LString); ok {
			text = st.file + ": " + string(m)
		}
	}
	switch {
	case text == "" && ae.Object != nil:
		text = fmt.Sprintf("%s: error is a %s value", st.file, ae.Object.Type())
	case ae.Type == glua.ApiErrorPanic:
		text = st.file + ": internal error: " + text
	}
	if len(text) > 1000 {
		text = text[:1000] + "..."
	}
	return text
}
