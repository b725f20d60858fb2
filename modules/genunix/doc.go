// Package genunix is MDB's module of the same name for illumos kernels: processes,
// threads, credentials, files, address spaces, zones, and what else the generic part
// of the kernel keeps.
//
// # The model
//
// Every dcmd finds the kernel's structures by the names of their members in the
// kernel's own type data (value.Load, value.Access); where releases differ the
// alternatives stand in the field's tag. Nothing is known by offset. A member that a
// release does not have disables its column, not the command.
//
// The columns are MDB's to the letter (the illumos source, usr/src/cmd/mdb/common/
// modules/genunix, says what they are).
//
// # Invariants
//
// A dump's lists may be cut, crossed or closed into rings. Every walk is bounded: an
// element that was there before, one that cannot be read, and one whose magic is
// wrong end the walk with a message that names the address.
package genunix
