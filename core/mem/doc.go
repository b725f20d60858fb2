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
package mem
