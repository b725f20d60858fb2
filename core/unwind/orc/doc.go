// Package orc unwinds stacks of a Linux kernel of amd64 by its ORC tables.
//
// # Model
//
// A Table is one of the kernel's pairs of arrays, read from its memory: that of the
// image, or a module's. Find gives the Entry that says how to get from a frame to its
// caller's. An Unwinder walks a stack: its Cursor is the state of unwind_next_frame
// (arch/x86/kernel/unwind_orc.c), written anew.
//
// # Format
//
// tools/objtool writes the tables, arch/x86/include/asm/orc_types.h describes them.
// orc_unwind_ip is an array of s32, each the distance from its own place to the first
// instruction it is about, ascending; orc_unwind has the entries, 6 bytes each:
//
//	s16 sp_offset
//	s16 bp_offset
//	u16 sp_reg:4, bp_reg:4, then by release
//	    4.14 to 6.2  type:2, end:1          call 0, regs 1, regs_partial 2
//	    6.3          type:2, signal:1, end:1
//	    since 6.4    type:3, signal:1       undefined 0, end 1, call 2, regs 3, regs_partial 4
//
// By 7.3 the registers have other numbers (the stack pointer is 3, not 5), which nothing
// tells but the entries themselves (Layout.Number). The Layout says where the fields are; LayoutOf takes it from the kernel's own type
// data. Stack pointer of the caller: from sp_reg with sp_offset; the return address lies
// below it (call), or there is a struct pt_regs (regs), or only the part of one that the
// processor pushes (regs_partial): an interrupt, an exception or a system call, which
// the walk crosses. sp_reg may be a register that only such a frame has. Frame pointer:
// from bp_reg with bp_offset, at the caller's stack pointer or the frame pointer itself.
//
// Code without an entry is unwound by its frame pointer, and the frame says so. Code that
// was interrupted where an entry says nothing of the stack, as in the CPU that panicked, is
// left by the first return address on it that follows a direct call of its function.
//
// # Invariants
//
// A walk ends at a user's registers, at an entry that says so, at an address outside
// the kernel. It takes at most MaxFrames steps, and on one stack the stack pointer only
// rises: pages (of ThreadSize) it leaves are not entered again. What cannot be read is
// an error with the frames up to there.
//
// # Not handled
//
// Return addresses that ftrace's graph tracer or kretprobes have replaced: Options.Return
// may put those right.
package orc
