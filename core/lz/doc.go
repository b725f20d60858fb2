// Package lz decompresses what fits into memory at once and is in several formats that
// debuggers read: LZ4's blocks, in frames of compressed cores and in blocks of ZFS, and
// LZJB, in illumos crash dumps and in blocks of ZFS. A stream that is damaged gives an
// error, and no more than the caller has room for.
package lz
