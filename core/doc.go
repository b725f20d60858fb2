// Package core is the debugger's engine as its commands see it: sessions and
// their contexts, dcmds, walkers and modules, targets and what they can do.
//
// A Session is one conversation. It has a stack of Contexts; the top one is what
// commands work on: a Target (the transport: a core, a dump, a guest) and the
// System recognised in it (a process's load objects, a kernel), an address space,
// a representative thread, and dot.
//
// Everything a target can do beyond having a name is a small interface in
// target.go, found with As. What a target cannot do it does not have: no method
// answers "not supported".
//
// A Dcmd declares its synopsis, options and output and has a function; a Walker
// is an iterator; a Module is a list of both that activates by what the target
// holds. Commands never print to the terminal directly: a Ctx takes text, rows
// and values for the next stage of the pipe and keeps them in order.
//
// Package core does not know the command language. What needs it goes through
// the Evaluator, which core/interp implements.
package core
