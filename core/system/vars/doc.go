// Package vars gives the variables of a frame: their names, blocks and values.
//
// # Model
//
// A Reader knows a process as far as variables need it: memory, debug data by
// address, thread-local storage. A Frame is a frame of core/unwind with its caller,
// of which the values at the entry to the frame's function may still be told.
// Scopes lists the functions a frame is in: those inlined at its address, the
// innermost first, and the function the code belongs to. A Scope has parameters and
// local variables, each Var a value:
//
//   - one in memory is a value.Value at its address;
//   - one in registers, in pieces, or that is a constant, is a value.Value over a
//     space of its own (Var's place), which computes each byte when it is read. What
//     exists nowhere fails with value.OptimisedOut, so that a printer shows the
//     members of a structure that are left.
//
// # What is known
//
// Debug information says where a variable is if the compiler kept its word, and
// registers are what call frame information recovers. A register that a callee may
// have overwritten and that no rule restores is not known here, although its value
// may by luck still be right (gdb shows it). In Go code no register but the stack
// and frame pointer outlives a call, whatever the rules say. Vector registers are
// known in the innermost frame only: no call preserves them.
//
// Values at entry (DW_OP_entry_value) come from the caller's call site (DWARF 5
// section 3.4). They count only if the call went to this function: the call
// instruction, or the expression for the callee's address, must lead to its first
// instruction, and the function must not be able to reach itself by jumps, for then
// its arguments were replaced since. Where the call went to a function that has then
// jumped here, and there is only one jump it can have been, that is the call site.
//
// # Format
//
// DWARF 5 sections 2.5, 2.6 (evaluated by core/unwind/dwexpr), 3.3.5 frame bases,
// 3.4 call sites, 4.1 data objects. Numbers of vector registers are those of the
// System V psABI for x86-64, figure 3.36.
//
// # Not handled
//
// Bounds of arrays that are computed at run time: such an array has no elements.
// Frames of functions that have left the stack by a tail call. Variables of assembly code.
package vars
