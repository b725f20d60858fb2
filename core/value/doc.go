// Package value is typed views of a target's memory, and ::print's printer.
//
// A Value is a type at an address of a space (or a few bytes that stand for
// memory). It reads nothing until it is asked: Member, Index, Deref and Path only
// move, Uint, Int, Float, Text and the like read just the bytes they need. A
// World is what values are read in: the address space, the byte order, the types
// by which a structure that is only declared is completed, the names of symbols.
//
// A member path is compiled once (ctype.CompilePath) and followed by an Access
// from any number of addresses without allocating.
//
// Load fills a Go structure from members named in its fields' tags: what a module
// uses in place of the target's headers.
//
// # The printer
//
// Printer lays a value out as MDB's ::print does, to the byte (reference/
// builtins.md section 7.3; illumos mdb_print.c). Its rules come from the way MDB
// walks a type, and are kept as a state machine, for their corner cases show:
//
//   - a structure prints its opening brace; the brace is closed when an element
//     of the same or a lower depth comes, or at the end;
//   - an array is a scope of its own with depth starting at 0 again, one level
//     further in; elements that are composite get lines of their own, others
//     share a line; structures in arrays are followed by a comma;
//   - what cannot be read takes its line with it: the line is discarded, a
//     warning says why, and the walk of the innermost array's element or of the
//     whole value ends there, braces closed.
//
// What C does not have is shown in the same style: base classes as members
// "<Base>", references as pointers, of a Rust enum the active alternative, 128-bit
// integers in hex. An empty structure is "{}", where MDB leaves a brace open; a
// base class without data is left out.
//
// JSON gives the same value as nested objects; a member that cannot be read is
// null, with the reason beside it.
package value
