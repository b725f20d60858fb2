// Package ptrace is the target for live Linux processes: it attaches to one or
// starts one, and is a control.Machine for it.
//
// # Model
//
// A tracer is one locked OS thread; the kernel lets only the thread that attached
// make ptrace requests. Everything runs on it, a Resume from its start to its stop,
// so that a stop that concerns nobody costs no switch between goroutines.
//
// Every thread of the process is seized (PTRACE_SEIZE), which stops nothing and
// leaves job control alone. Threads that are created meanwhile are found by listing
// /proc/PID/task until a listing brings no new one; later ones the kernel seizes
// (PTRACE_O_TRACECLONE).
//
// A stop reports one thing. What other threads did before they were halted is kept
// (thread.pending) and offered at the next Resume; a breakpoint that another thread
// has run into meanwhile is taken back (its pc is set to the breakpoint) and hit
// again, so that no event is lost or counted twice.
//
// # Breakpoints
//
// The trap instruction stays in memory while the process is halted; memory read
// through the target shows the original bytes. A thread goes on from a breakpoint
// by one of three ways, the first that can be: the instruction is one that is
// emulated (what functions begin with, and calls, jumps and returns); it runs from
// another place (a page mapped into the process, gone again when it is let go); or all
// threads are halted,
// the trap taken out, and one step made.
//
// # Leaving
//
// Close and Release take out breakpoints and watchpoints, give each thread the
// signal it was about to get, and detach. A process that was started is killed
// (PTRACE_O_EXITKILL even where xmdb is killed).
//
// # Sources
//
// ptrace(2), proc(5), process_vm_readv(2); include/uapi/linux/ptrace.h;
// arch/x86/include/uapi/asm/debugreg.h.
//
// # Not handled
//
// 32-bit processes. Watchpoints on arm64 beyond what single steps can tell.
package ptrace
