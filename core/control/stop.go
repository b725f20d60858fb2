package control

import (
	"context"
	"errors"

	"github.com/xmdb/xmdb/core/arch"
)

// Why is the reason for a stop.
type Why int

// Reasons for a stop.
const (
	Requested  Why = iota // by the debugger's user
	Breakpoint            // Addr is the breakpoint's
	Watch                 // Addr was accessed, the access is done
	Step                  // one instruction is done
	Signal                // Signal is about to be delivered
	SysEntry              // Syscall is about to run
	SysExit               // Syscall has run; Ret is its result
	Fork                  // Child was forked; VFork: the two share memory
	VForkDone             // the child that shared memory has gone its way
	Exec                  // another program runs now
	JobControl            // stopped by a job control signal
	Exited                // the process is gone: Code is its exit status
	Killed                // the process is gone: Signal killed it
	Lost                  // the process is out of the debugger's reach
)

// Gone tells whether there is no process any more.
func (w Why) Gone() bool { return w == Exited || w == Killed || w == Lost }

// Stop says why a thread stopped.
type Stop struct {
	Why     Why
	Thread  uint64 // its id
	PC      uint64
	Addr    uint64 // of the breakpoint, of the data
	Access  Access // of a watchpoint, as far as it is known
	Signal  int
	Fault   bool // the signal is the processor's doing: a fault
	SigCode int  // si_code of the signal
	Syscall int64
	Ret     int64
	Child   int // process id
	VFork   bool
	Code    int  // exit status
	Core    bool // a core was dumped
}

// Access is a set of ways to use memory.
type Access uint8

// The ways to use memory.
const (
	Read Access = 1 << iota
	Write
	Execute
)

// Mode is how to resume.
type Mode int

// Ways to resume.
const (
	// Continue runs all threads.
	Continue Mode = iota
	// StepOne runs one instruction of a thread while the others stay halted.
	StepOne
	// StepBranch runs a thread to its next taken branch, the others halted.
	StepBranch
)

// Order says how to resume.
type Order struct {
	Mode   Mode
	Thread uint64 // that steps
	Signal int    // delivered to Thread, 0 for none
	// Drop makes the signal that the last stop reported for Thread vanish; else it
	// is delivered.
	Drop bool
}

// Machine is what can be run. Its methods are called by one goroutine.
type Machine interface {
	// Insert puts a breakpoint at an address, Remove takes it away. Memory read
	// through the target shows none of it.
	Insert(addr uint64) error
	Remove(addr uint64) error
	// Watch watches size bytes; ErrSoftware says that every instruction will be
	// stepped for it. Unwatch ends it.
	Watch(addr, size uint64, a Access) error
	Unwatch(addr, size uint64, a Access)
	// TraceSyscalls makes entries and exits of system calls stops.
	TraceSyscalls(on bool)
	// Resume runs until a stop that keep wants, an end of the process, or the end
	// of ctx. keep is asked with one thread halted; when it says no, that thread
	// goes on. All threads are halted when Resume returns.
	Resume(ctx context.Context, o Order, keep func(*Stop) bool) (Stop, error)
	// Registers and SetRegisters are those of a halted thread.
	Registers(thread uint64) (*arch.Regs, error)
}

// ErrSoftware tells that a watchpoint is not the hardware's.
var ErrSoftware = errors.New("no hardware watchpoint is free: every instruction will be stepped")
