// Package control runs a process or a machine and tells what stopped it: the
// events of MDB (breakpoints, watchpoints, signals, faults, system calls), their
// counts, limits and actions.
//
// # Model
//
// A Machine (ptrace, a gdb stub) can be armed with breakpoints, watchpoints and
// traced system calls, and resumed. It stops for what a Stop says. Between the two
// stands the Engine with its list of Events: it arms what is active before the
// machine runs, decides at each Stop which events match, and goes on at once when
// none does.
//
// An event has an id, flags and counts as MDB's event specifiers have. Ids above
// zero are the user's; those below are the debugger's own, hidden from lists.
//
//   - idle: there is no process, or the symbol is not known yet, or the address is
//     not mapped; Err says which. Engine.Activate tries again, when objects were
//     loaded.
//   - active: it can be armed.
//   - armed: the machine runs with it.
//   - error: arming failed; Err says why.
//
// # The order of things at a stop
//
// The machine asks the engine's filter while only one thread is stopped. The filter
// settles what needs no more: no event matches, a condition is false, a limit of an
// event that stops only at its limit is not reached. These stops cost the process
// one thread's halt and are counted, but nobody sees them. For any other stop the
// machine halts every thread; then hits are counted, actions run, limits are
// applied, temporary events are deleted, and the process goes on if every action
// that ran asked for it.
//
// # Not handled
//
// Events of several processes at once: after a fork one process is followed.
package control
