// Package linux is the module for Linux kernels: processes and threads, memory, files,
// networks, containers, and the lists and trees that kernel code keeps things in.
//
// # The model
//
// The kernel was recognised by core/system, which gives symbols (kallsyms), types (BTF),
// CPUs, tasks and stacks. This module reads structures by the names of their members
// through those types (modules/kernel: View, Lay); nothing in it is an offset. Where
// releases name or place a member differently the alternatives stand in the tag of the
// field; what a release lacks disables a column.
//
// Where MDB has a dcmd of the name, the columns are MDB's; else those of ps, ss or lsmod.
//
// # Lists that change
//
// Every walk is bounded, ends at what it met before and names the address where it could
// not go on. The kernel may run while it is read: a list or tree that leads nowhere then is
// read anew, some times, before that is told (steady.go), and so is a slab whose list of
// free objects does.
//
// # What a thread waits for
//
// No structure of a thread says it. The functions on its stack tell the kind (sobjs in
// stacks.go), and what it put on its stack to wait with leads to the lock or queue
// (waits.go).
//
// # Not handled
//
// The allocators SLAB and SLOB, the log of kernels before 5.10, the queues of real-time
// groups, locks of kernels that are built for real time (PREEMPT_RT).
package linux
