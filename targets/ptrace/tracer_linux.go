//go:build amd64 || arm64

package ptrace

import (
	"runtime"
)

// A tracer is the OS thread that makes ptrace requests.
type tracer struct {
	calls chan func()
	// inside is set while a long request runs on the thread: what that request
	// calls back makes its own requests at once. The goroutine that asked waits.
	inside bool
}

func newTracer() *tracer {
	t := &tracer{calls: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for f := range t.calls {
			f()
		}
	}()
	return t
}

// do runs f on the thread.
func (t *tracer) do(f func()) {
	if t.inside {
		f()
		return
	}
	done := make(chan struct{})
	t.calls <- func() { f(); close(done) }
	<-done
}

// long is do for a request during which f calls back into the debugger.
func (t *tracer) long(f func()) {
	t.do(func() {
		was := t.inside
		t.inside = true
		defer func() { t.inside = was }()
		f()
	})
}

// end ends the thread.
func (t *tracer) end() { close(t.calls) }
