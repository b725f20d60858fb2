// Package ctype is the one model of C-like types in xmdb. CTF, DWARF, BTF and C
// declarations typed by the user are decoded into it by sub-packages; printers,
// ::print paths and modules see only this package.
//
// A Type is a node that fills itself in when it is first looked into, so that
// naming one type of a debug file of hundreds of megabytes costs that type and
// what is asked of it. Types of different containers are never compared by
// pointer: "struct proc" of two modules are two types with one name. A nil *Type
// is void, and all methods take it.
//
// Sizes and offsets are in bytes unless a name says bits. Names are C names
// without the tag keyword: struct proc has Kind Struct and Name "proc";
// (*Type).String gives "struct proc".
//
// # What is here
//
//   - ops.go: Resolve, Size, Align, FindMember, encodings; decl.go: the names of
//     types as MDB spells them ("int (*)()", "char [12]"); enum.go: the names of
//     an enum's values, flags folded ("PFX_{A|B}").
//   - name.go: type names taken apart, for the Lookup of containers; composite.go:
//     the order in which a session's containers are asked.
//   - path.go: member paths ("a.b->c[3]") compiled to additions and pointer reads,
//     which package value follows.
//
// # Bounds
//
// Type data is not trusted: chains of typedefs, nesting of anonymous members and
// of declarators are followed 64 deep and then given up (Kind Unknown, "(?)",
// alignment 1); a size that overflows is 0. Nothing panics on what a decoder may
// produce, except a Body it changes after handing it out.
//
// Not handled: bit numbering is the target's (package value cuts bit-fields out);
// alignment attributes are known only through the offsets that decoders give.
package ctype
