// Package x86 disassembles 16-, 32- and 64-bit x86 code in MDB's AT&T style.
//
// # Two decoders in one
//
// MDB's text is an interface: people and scripts know "movl   %edi,-0x14(%rbp)",
// "cmovl.ne" and "repz". It is also more than a notation. Which prefixes a
// mnemonic shows, where an operand's width comes from, what counts as an
// instruction at all, follow from how MDB walks its opcode maps, so that a
// printer over another decoder (golang.org/x/arch/x86/x86asm, say) would be a
// list of exceptions longer than a decoder. This package therefore has its own,
// driven by tables, that reads bytes as MDB does:
//
//	map_one, map_two, map_three   one-byte, 0F, 0F 38 and 0F 3A opcodes
//	map_sse                       what 66, F2 and F3 make of the 0F map
//	map_group, map_x87            the reg field of ModRM selects; D8 to DF
//	map_vex, map_vex38, map_evex  AVX to AVX2, and the EVEX forms MDB has
//
// An entry is a name, a form and flags. A form (op.go) is a list of operands in
// AT&T order, spelled like an opcode map of the processor manuals: aEv is "r/m
// field, operand size", aGx "reg field, a vector of this instruction's length".
//
// Where that decoder finds nothing, a second pass (ext*.go) takes what MDB does
// not know: 64-bit FSGSBASE, CET, MPX, keys, TSX, TDX, UINTR, Key Locker,
// 3DNow!, XOP, FMA4, AMX, AVX-512 with its FP16 half, and prefixes that the
// processor ignores and MDB refuses. The vector extensions are text tables of
// one line an instruction, parsed when first needed. They are printed by the
// same printer. So everything MDB can decode looks as in MDB, and the rest looks
// as it would.
//
// # Never losing step
//
// Len is what the next instruction hangs on, so it is the processor's, not
// always MDB's: fixedLen lists the few opcodes that MDB reads with another
// length. The oracle is GNU objdump, over the whole of the opcode maps in three
// modes (objdump_test.go) and over all of libc and libstdc++ (boundary_test.go).
// Bytes that are no instruction have MDB's text, and objdump's step.
//
// # The text
//
// Mnemonic padded to six characters and a blank; operands, sources first,
// separated by commas without blanks. Immediates ($) are printed at operand
// width, as negative numbers from -0xff on except after logical, shift and I/O
// operations; displacements at address width by the same rule; branches and
// %rip-relative operands as signed distances with + or -. Then a tab and, in
// angle brackets, the symbol of an immediate or address; another for the
// unsigned value where a negative immediate was printed; another for the target
// of a branch or %rip-relative operand, as symbol or number. A segment override
// stands before the operand that it applies to, and if there is none, before
// every number.
//
// What is strange in it is MDB's, kept because the text has to be the same:
// register names of an address follow the mode, not the address size; a direct
// 16-bit address is printed like an immediate; sal, sall and salbl; "movzld" for
// movslq without REX; "tisttpl"; movd for movq; a VEX or EVEX opcode without
// prefix is looked up in the 0F map whatever the prefix says; names that run
// past the end of a table (%zmm0 after %k7).
//
// # What is deliberately not MDB's
//
// In 16-bit mode with 32-bit addresses MDB names 64-bit registers; here they are
// the 32-bit ones. An XOP instruction is one, not a pop followed by garbage.
//
// Sources: Intel's Software Developer's Manual, AMD's Architecture Programmer's
// Manual, MDB's observed output (testdata/dis.tsv.gz: mode, address, fifteen
// bytes, text) and, for facts about its rules, illumos'
// usr/src/common/dis/i386/dis_tables.c.
package x86
