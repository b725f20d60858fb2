// Package cfi decodes DWARF call frame information, the tables that say for each
// instruction of a function where the caller's registers are.
//
// # Model
//
// A Table is the tables of one load object: its .eh_frame, found through the
// sorted table in .eh_frame_hdr where there is one, and its .debug_frame. Lookup
// finds the frame description entry (FDE) that covers a PC, and FDE.Row runs its
// program up to that PC. The result, a Row, has a rule for the canonical frame
// address (CFA) and rules for registers; package unwind applies them.
//
// All addresses are the object's own, before relocation: subtract the load bias
// from a PC first. A Table made by FromMemory, of an object whose file is gone,
// has run-time addresses and no bias.
//
// Nothing is parsed at open. With .eh_frame_hdr a lookup costs a binary search
// and the parse of one FDE and its CIE; without it the first lookup makes an
// index of all FDEs. CIEs and FDEs are cached, so a Table is not safe for
// concurrent use.
//
// # Format
//
// .debug_frame: DWARF 5 section 6.4 (CIE versions 1, 3 and 4; 32- and 64-bit).
// .eh_frame and .eh_frame_hdr: Linux Standard Base Core 5.0, chapter 10, which
// has the augmentations z, R, P, L; S (signal frame), B (arm64 pointer
// authentication with key B), G (arm64 memory tagging) and the older "eh" are
// GCC's and LLVM's. In a 64-bit .eh_frame entry the LSB has a CIE pointer of 4
// bytes and the GNU tools one of 8; the upper half tells them apart.
//
// # Limits
//
// An FDE is at most 1 MB, a CIE 4 KB, a section that has to be read whole 256 MB,
// an index 4 M entries, a row 128 registers, an expression 1 KB, the state stack 64
// deep; a program runs at most 256 K instructions; cached entries hold at most 8 MB.
// Beyond any of these, and for bytes that are no valid table, an error of kind
// ErrMalformed or ErrLimit results, never a panic.
//
// # Not handled
//
// Segment selectors (CIE version 4 may have them) are skipped over: no target
// here has segments. SPARC's register windows are not known; their opcode, which
// arm64 took over, is read as arm64's.
package cfi
