// Package ctf reads and writes CTF, the Compact C Type Format of illumos (and,
// in its version 3, of FreeBSD): the types of one object in a section
// .SUNW_ctf, of the kernel and each of its modules in a dump.
//
// # The format
//
// Source: illumos sys/ctf.h and ctf(5), facts in reference/illumos-formats.md
// section 3. A 36-byte header is followed by a body, whole or as one zlib
// stream, of sections named by offsets from the end of the header: labels, a
// type id for each data symbol, a record for each function symbol, the types,
// the strings. Types are numbered from 1 in the order they lie in the file; a
// child container's ids have the top bit set (0x8000 in version 2) and ids
// without it belong to its parent, whose name is in the header. A string is
// named by a 31-bit offset and a bit that tells the container's own strings
// from those of the ELF string table.
//
// A type record is a name, a word of kind, root bit and count, and a size or a
// type id, then what its kind needs; a size that does not fit is marked by a
// sentinel and follows in 64 bits. Members of structures of 8192 bytes and more
// have 64-bit offsets. A bit-field is a member whose type is an integer named
// "unsigned int:3" with an encoding of 3 bits.
//
// The object and function sections have no names: they run parallel to the
// symbol table, skipping undefined and nameless symbols, _START_ and _END_, and
// absolute data symbols of value 0.
//
// GNU's form, of gcc -gctf, is another: gnu.go.
//
// # Lookups
//
// Names are found as the library of MDB finds them: tags in their own name
// spaces, qualifiers ignored, the last definition of a name wins (of an integer
// the first, unless a later one is a root type), and "T *" names a type only if
// the container has a pointer to T, or one to what T is a typedef of. No array
// can be named.
//
// # Not handled
//
// Version 1 (never shipped since 2003). Of an archive of GNU's containers only the
// shared one is read. GNU's function and label sections of versions before binutils
// 2.36 are not known. Type bodies are decoded when they are
// looked into; a record that lies outside its section gives a type of Kind
// Unknown with an error, never a panic.
package ctf
