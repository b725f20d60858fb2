package core

import (
	"context"
	"iter"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/unwind"
)

// Target is what a session looks at. Its abilities are the interfaces below.
type Target interface {
	// Kind is MDB's name of the kind of target: "proc", "raw", "kvm".
	Kind() string
	// Name is what was opened, for messages.
	Name() string
	Close() error
}

// As finds an ability: the system's if it has it, else the target's.
func As[T any](cx *Context) (T, bool) {
	if v, ok := cx.System.(T); ok {
		return v, true
	}
	v, ok := cx.Target.(T)
	return v, ok
}

// The abilities of targets and systems.
type (
	// Virtual has a virtual address space: `/`.
	Virtual interface{ Virtual() mem.Space }
	// Physical has physical memory: `\` and `@`.
	Physical interface{ Physical() mem.Space }
	// ObjectFile has the bytes of an object file by its own addresses: `?`.
	ObjectFile interface{ ObjectFile() mem.Space }
	// Machine knows its architecture.
	Machine interface{ Arch() *arch.Arch }
	// Symbols has load objects and symbols.
	Symbols interface{ Namespace() *sym.Namespace }
	// Types knows the types of a load object; nil if the object has none.
	Types interface {
		TypeScope(*sym.Object) ctype.Scope
	}
	// Mapped lists the mapped ranges of the virtual address space.
	Mapped interface{ Mappings() []mem.Mapping }
	// Threads has threads of execution, the representative one first.
	Threads interface{ Threads() []Thread }
	// Registers has registers for each thread.
	Registers interface {
		Registers(thread uint64) (*arch.Regs, error)
	}
	// Unwinder gives the frames of a stack from registers, innermost first.
	Unwinder interface {
		Frames(ctx context.Context, regs *arch.Regs) iter.Seq2[unwind.Frame, error]
	}
	// StatusReporter writes the lines of ::status.
	StatusReporter interface{ Status(p *out.Printer) }
	// Xdata exports named blobs, for ::xdata.
	Xdata interface{ Xdata() []Blob }
	// Variables gives the values of b d t e m.
	Variables interface {
		Variable(name string) (uint64, bool)
	}
	// Reopener can be reopened for writing: $W, ::set -w.
	Reopener interface {
		SetWritable(on bool) error
		Writable() bool
	}
	// Stater tells the state of execution: "idle", "core".
	Stater interface{ State() State }
)

// Thread is a thread of execution.
type Thread struct {
	ID   uint64 // what MDB's `thread` variable and walker give: an LWP id, a kthread address
	Name string
}

// Blob is a named piece of target data.
type Blob struct {
	Name, Descr string
	Data        []byte
}

// State is the state of a target, with MDB's numbers.
type State int

// States of a target.
const (
	StateIdle State = iota
	StateRunning
	StateStopped
	StateUndead
	StateDead
	StateLost
)

// Warner has what a user should be told once when the target is opened: damage,
// files that are not the ones that were mapped.
type Warner interface{ Warnings() []string }
