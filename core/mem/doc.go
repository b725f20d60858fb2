// Package mem is memory as a debugger sees it: address spaces that are objects,
// bytes that come with an error when they are not there, and a page cache.
//
// An address is a number of 64 bits whatever the target (Addr). A Space is one
// address space: a process's virtual memory, a kernel's, physical memory, or the
// bytes of a file. Nothing in xmdb names a space by an enumeration; what has two
// spaces hands out two objects.
//
// A read gives all the bytes asked for, or those before the first byte that is
// missing together with an *Error that says where and why. No read ever gives a
// zero for a byte that the target does not have.
//
// A Cache keeps pages of a file or of a slow Space; Segments puts a Space together
// from pieces of others, some of which may be missing for a stated reason. Both
// are Viewers: a small read from a cached page is a slice of it, without a lock
// or a copy, which is what a walk of a million nodes is made of. Cached pages do
// not change; what falls out of the cache is left to the garbage collector.
//
// Spaces may be read by several goroutines. Writing is for one at a time.
package mem
