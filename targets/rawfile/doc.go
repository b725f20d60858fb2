// Package rawfile is the target for files xmdb knows nothing about: MDB's raw
// file target. An address is an offset in the file, in every address space. Two
// files may be given; `?` then means the first (the "object file"), `/`, `\` and
// `@` the second (the "core file").
//
// A write past the end of a file opened for writing makes the file longer, as in
// MDB. A read that begins past the end has ErrEOF as its reason; one that the end
// cuts short has MDB's own: the reason of whatever failed before, which on this
// target is always the lookup of a symbol.
package rawfile
