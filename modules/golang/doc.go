// Package golang is the module for programs written in Go: their goroutines and
// stacks, types and values, and the heap.
//
// # What it reads
//
// Everything is found through the program's own debug data: the runtime's
// structures by the names of their members, alternatives of releases beside the
// use (Go 1.22 to 1.26 are tested), the runtime's variables by symbol. Nothing is
// known by offset. Sources of the formats are the runtime's own: runtime/
// runtime2.go (g, m, p, sudog), chan.go, mheap.go (mspan, heapArena), symtab.go
// (moduledata), internal/abi/type.go (run-time types), internal/runtime/maps (maps
// since Go 1.24), map.go (before); and cmd/link/internal/ld/dwarf.go for what
// DWARF the linker writes for Go's types.
//
//	runtime.allgs    []*g     every goroutine there ever was a g of; ended ones are reused
//	runtime.allm     *m       list of threads by alllink; m.procid is the system's thread id
//	runtime.allp     []*p     processors of the scheduler
//	runtime.mheap_   mheap    allspans, arenas[l1][l2].spans[page]
//	firstmoduledata  list     sections, where type data and names lie
//
// # Types
//
// A goType is a Go type made of either of two sources: debug data, for the type of
// a variable (dwarftype.go), or the run-time type data that an interface value or a
// channel points to (rtype.go). One printer shows values of both, so that what an
// interface holds is shown in full whatever it is.
//
// # Stacks
//
// A goroutine that a thread runs is walked from that thread's registers; on its
// system stack the frames there come first and the goroutine's follow from its
// gobuf, where runtime.systemstack left its place. One in a system call without a
// thread in the dump begins where it entered; any other where the scheduler will
// resume it.
//
// # Invariants
//
// What a program says of itself is not trusted: lists are watched for coming back
// to where they were, lengths have bounds, and a message names the address at which
// a structure is not what it should be. A value that cannot be read is shown as
// "???" with the reason, what is around it is not affected.
//
// # What it does not handle
//
// Programs without debug data (linked with -w): functions and lines still come from
// the runtime's tables (core/sym/pclntab), but what needs the runtime's types says
// that they are missing. Types made by reflection at run time have their names in a
// table of the runtime that is not read. Spans that have not been swept since a
// collection count garbage as allocated.
package golang
