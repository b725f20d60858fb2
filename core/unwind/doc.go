// Package unwind finds the frames of a stack.
//
// # Model
//
// An Unwinder starts with a thread's registers and steps from callee to caller.
// Each step looks for the surest way there is to the caller's registers:
//
//   - call frame information (package cfi) for the code the frame executes;
//   - the context the kernel saved, if the code is a signal trampoline that has
//     no call frame information;
//   - a table of frame sizes, which Go programs have when stripped;
//   - the frame-pointer chain;
//   - in the innermost frame, and in one interrupted by a signal, what can be
//     guessed: a call through a null or wild pointer has just pushed the return
//     address; so has a call to a function that is at its first instruction, or
//     that is a leaf without a frame; else the first word on the stack that is a
//     return address.
//
// Frame.Source names the one that produced the frame. A frame that a call made
// has a return address for PC, and it is the byte before by which its code is
// looked up (Frame.CodeAddr), since a call may be the last instruction of a
// function. The innermost frame and one that a signal interrupted are exact, and so
// is one at the start of a function, where no call returns to.
//
// Registers are numbered as in DWARF, so that the rules, location expressions and
// architectures share one form; Arch says which number is what. A register that
// cannot be recovered (its rule says so, its slot cannot be read) is unknown, not
// zero. One that no rule mentions keeps its value, as gdb has it, but is marked
// stale if the ABI lets a callee clobber it.
//
// # Ends
//
// A walk ends without an error where the outermost frame is marked: an undefined
// return address in the call frame information, a return address of 0, or a frame
// pointer of 0 where nothing better is known. Otherwise it ends with an *Error,
// which has the PC of the frame that could not be left. The stack pointer has to
// rise from frame to frame, but for frames that change the stack on purpose
// (signals on an alternate stack, rules that load the stack pointer); a cycle
// through those is detected by Brent's algorithm. Recursion may be as deep as
// MaxFrames; nothing is kept of frames already yielded.
//
// # Not handled
//
// Stacks of the Linux kernel: package orc has those. Kernel entry stacks (pt_regs) other
// than by call frame information. Shadow stacks. Signal trampolines other than Linux's
// of amd64, i386 and arm64 need call frame information, which C libraries and the vDSO have.
package unwind
