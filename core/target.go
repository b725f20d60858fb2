package core

import (
	"context"
	"iter"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/sym/pclntab"
	"github.com/xmdb/xmdb/core/system"
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
	// Sparse is a virtual address space most of which is not there though it is
	// mapped: Present lists what is, ascending, so that a search need not try all of
	// it.
	Sparse interface{ Present() []mem.Mapping }
	// Threads has threads of execution, the representative one first.
	Threads interface{ Threads() []Thread }
	// Representative names the representative thread where Threads would have to
	// walk a kernel's; 0 if there is none.
	Representative interface{ RepresentativeThread() uint64 }
	// Registers has registers for each thread.
	Registers interface {
		Registers(thread uint64) (*arch.Regs, error)
	}
	// Syscalls tells the system call a thread is in, by the system's number of it;
	// ok is false if the thread is in none.
	Syscalls interface {
		Syscall(thread uint64) (nr int64, ok bool)
	}
	// Unwinder gives the frames of a stack from registers, innermost first.
	Unwinder interface {
		Frames(ctx context.Context, regs *arch.Regs) iter.Seq2[unwind.Frame, error]
	}
	// SavedArgs gives the arguments that the function of a frame has saved on the
	// stack; nil if it has not, or they are not known.
	SavedArgs interface {
		SavedArgs(f *unwind.Frame) []uint64
	}
	// StatusReporter writes the lines of ::status.
	StatusReporter interface{ Status(p *out.Printer) }
	// StatusDetailer writes what ::status -v tells beyond that.
	StatusDetailer interface{ StatusDetail(p *out.Printer) }
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
	// Translator maps a virtual address of the current space to a physical one.
	Translator interface {
		Translate(va uint64) (pa uint64, err error)
	}
	// SpaceTranslator is a Translator for any address space of a kernel: as is the
	// address of its struct as.
	SpaceTranslator interface {
		TranslateAS(as, va uint64) (pa uint64, err error)
	}
	// Inverse lists the virtual addresses of a physical one, each with the address
	// space it is in (see SpaceTranslator), until yield returns false.
	Inverse interface {
		VirtualAddresses(pa uint64, yield func(as, va uint64) bool)
	}
	// ProcessOpener opens the address space of a process inside a kernel, by the
	// address of its structure: ::context. The result is a target of its own.
	ProcessOpener interface {
		OpenProcess(proc uint64) (system.ProcessTarget, error)
	}
	// Unamer knows what a system calls itself, and the name of its platform.
	Unamer interface {
		Utsname() (system.Utsname, error)
		Platform() string
	}
	// ContextSetter switches the address space to that of the process at an
	// address, 0 for the kernel's: ::context. It says what it did.
	ContextSetter interface {
		SetContext(c *Ctx, addr uint64) error
	}
	// PLTResolver knows the function that a stub of a procedure linkage table leads
	// to.
	PLTResolver interface {
		Bound(stub uint64) (uint64, bool)
	}
	// Stater tells the state of execution: "idle", "core".
	Stater interface{ State() State }
)

// Thread is a thread of execution.
type Thread = system.Thread

// Blob is a named piece of target data.
type Blob struct {
	Name, Descr string
	Data        []byte
	// Size is what MDB gives as the size, bytes, where the data is not to be had:
	// that of the structure. It counts only if Data is nil.
	Size int
}

// Len is the size of the blob, bytes.
func (b *Blob) Len() int {
	if b.Data == nil {
		return b.Size
	}
	return len(b.Data)
}

// FileReporter tells which files were wanted for a load object and are not in
// use: not found, or not the ones that were mapped.
type FileReporter interface {
	MissingFiles(*sym.Object) []elffile.Missing
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

// The abilities of a user process.
type (
	// Process has an id and a signal that stopped or ended it.
	Process interface {
		PID() int
		// Signal is the signal, 0 if there is none.
		Signal() int
		// SignalName gives a signal's name and MDB's description of it.
		SignalName(sig int) (name, descr string)
	}
	// Environ has the strings the process was started with, as they are in
	// memory now.
	Environ interface {
		Args() ([]string, error)
		Env() ([]string, error)
	}
	// Auxiliary has the auxiliary vector.
	Auxiliary interface{ Auxv() []Aux }
	// Siginfos has what came with the signal a thread stopped for; nil if the
	// thread stopped for none.
	Siginfos interface {
		Siginfo(thread uint64) *Siginfo
	}
)

// ThreadLocal knows where a thread's copy of an object's thread-local storage is:
// a TLS symbol's value counts from there. nil is the program.
type ThreadLocal interface {
	TLSBase(thread uint64, o *sym.Object) (uint64, error)
}

// Aux is an entry of an auxiliary vector: AT_* and its value.
type Aux struct{ Type, Value uint64 }

// Siginfo is what a siginfo_t says.
type Siginfo struct {
	Signo, Code int
	CodeName    string // "SEGV_MAPERR"; "" if unknown
	Errno       int
	Addr        uint64 // of a fault
	HasAddr     bool
	PID, UID    int // of the sender
	HasSender   bool
	Raw         []byte
}

// DebugInfo has DWARF data of load objects; addresses in it are the file's, the
// object's Bias not added. nil for an object without any.
type DebugInfo interface {
	DebugData(*sym.Object) *dwarf.Data
}

// GoTables has the tables by which Go programs know their own functions and lines;
// addresses in them are the file's, the object's Bias not added. nil for an object
// without one.
type GoTables interface {
	GoTable(*sym.Object) *pclntab.Table
}

// The abilities of a machine with processors.
type (
	// CPUSwitcher has a current processor, whose registers and virtual memory are the
	// machine's; a thread is a processor.
	CPUSwitcher interface {
		CPUStates() ([]system.CPUState, error)
		CurrentCPU() int
		SwitchCPU(id int) error
	}
	// Paged has the page table of its current virtual memory.
	Paged interface {
		CurrentTable() (*paging.Table, error)
	}
)
