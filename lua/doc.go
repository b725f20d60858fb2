// Package lua makes modules of Lua source files: dcmds, walkers, sources of
// ::whatis and callbacks that are to the session what those in Go are, and it
// holds the Lua modules that are part of the program (modules/*.lua).
// docs/modules.md teaches the language's side of it.
//
// # The language
//
// Lua 5.1 as github.com/yuin/gopher-lua runs it (with goto), each module in a
// world of its own. Lua's numbers are float64, which no address survives.
// Integers that need 64 bits are therefore userdata (integer), and what Lua 5.1
// does not let userdata do is done by rewriting: between parsing and compiling,
// rewriter replaces in the syntax tree
//
//   - integer literals beyond 2^53 by constants;
//   - == ~= < <= > >=, where an operand may be an integer, by calls: Lua compares
//     values of different types without asking anybody;
//   - t[k] with a computed k, so that an integer is the key its value is;
//   - t[k] = v, .. and #, which allocate or look at what is allocated, so that
//     they are accounted for; bounds of numeric loops.
//
// The functions called are upvalues whose names cannot be written in Lua. Lines
// stay what they were; strings and comments are never looked at. TestSameAsPlain
// and TestLanguage say what holds: without integers in play a program prints what
// plain Lua prints. (Two faults of gopher-lua's compiler are avoided on the way:
// see rewriter.assign.)
//
// # Invariants
//
//   - An integer never becomes a float64 silently. Arithmetic with a number that
//     is not whole, or beyond 2^53, is an error; so is :tonumber() where it would
//     round. Plain numbers remain Lua's: 2^53+1 of numbers rounds as ever.
//   - Reads give the bytes or raise an error with the address.
//   - Whatever code does ends: at Ctrl-C, after a time where nobody waits for it
//     (load, callbacks), or at a bound of memory, with an error that has its line.
//     The VM asks a context before each instruction; thread is that context and
//     counts. What runs in Go (matching, sorting, formatting) counts its own work.
//   - Memory: one string is at most 16 MB; every so many instructions, or
//     accounted bytes, the heap is compared with what it was when the call began,
//     and at 256 MB more, garbage collected, the code ends and the module is not
//     run again until it is loaded anew.
//   - Source is bounded in size, nesting, literals before the parser and the
//     compiler, whose recursion and searches depend on them, see it. Compiled Lua
//     is refused.
//   - No files, no shell, no environment: there is no os, io, package or debug, and
//     commands that a module runs are confined (core.Confine).
//   - A module's functions run on stacks (thread) of their own, taken from a pool
//     for each call from outside, so that a walk that is suspended in the middle
//     and a command that is called meanwhile do not see each other.
//
// # Coroutines and walks
//
// A coroutine is a goroutine that runs only between a resume and a yield
// (iter.Pull); so is a walk that a for loop takes elements from. A walker written
// in Lua is driven the other way round: its yield calls the consumer. What Lua
// loses without finishing it, the garbage collector hands to reaper, and the
// session's goroutine stops it at the next call.
//
// # Not handled
//
// An object is a view; assignment to its members is not offered (mdb.write is).
// Integers are of 64 bits; wider ones are objects whose bytes can be read. long
// double is read as float64. Precision in formats is MDB's, that is none; use
// string.format.
package lua
