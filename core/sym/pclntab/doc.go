// Package pclntab reads the tables by which a Go program knows its own functions
// and lines, which stripping leaves in place since tracebacks need them.
//
// # Format
//
// The section .gopclntab (runtime.pclntab) begins with a header of the runtime's
// pcHeader (runtime/symtab.go; go.dev/s/go12symtab for its ancestor):
//
//	magic    u32   0xfffffff0 Go 1.18, 0xfffffff1 Go 1.20 and later, in the target's order
//	         u8×2  0
//	quantum  u8    of instructions: 1, 2 or 4 bytes
//	ptrsize  u8    4 or 8
//	         word  functions, files, start of text (zero since Go 1.26)
//	         word  offsets of funcnametab, cutab, filetab, pctab, pclntab, from the header
//
// pclntab begins with functions+1 pairs of u32: a function's entry, from the start
// of text, and the offset of its _func within pclntab; the last pair has the end of
// the text only. A _func is entry u32, name i32 (in funcnametab), args i32,
// deferreturn u32, pcsp u32, pcfile u32, pcln u32, npcdata u32, cuOffset u32 and
// more. pcsp, pcfile and pcln are offsets in pctab of a table: pairs of a zigzag
// varint that is added to a value, which begins at -1, and a varint that times the
// quantum is added to the PC up to which the value holds; a zero value that is not
// the first ends it. A file number leads over cutab[cuOffset+number] to an offset
// in filetab.
//
// # Invariants
//
// Nothing in the tables is trusted: every offset is checked at use, tables of
// values have a bound, names have a bound. Addresses are the file's: the bias is
// for the caller to add.
//
// # What it does not handle
//
// The formats before Go 1.18. Inlined calls: a line is that of the innermost one,
// the function the one that was compiled.
package pclntab
