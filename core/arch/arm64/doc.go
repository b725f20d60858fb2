// Package arm64 disassembles 64-bit ARM (A64) code, as GNU objdump prints it.
//
// MDB has no style of its own here, so the text is GNU's: destination first,
// operands separated by a comma and a blank, immediates with #. As in MDB's
// other disassemblers the mnemonic is padded to six characters, the address
// that a branch, adr, adrp or literal load names is written out (0x10040), and
// its symbol follows a tab in angle brackets.
//
// golang.org/x/arch/arm64/arm64asm decodes the base of the architecture.
// What it lacks, or shows only by number, is decoded by the overlay:
//
//	overlay.go  hints by name (BTI, PAC, CSDB ...), mrs and msr, udf, hvc, smc
//	sysop.go    ic, dc, at, tlbi and the rest of sys
//	atomic.go   LSE atomics, compare and swap, RCPC, limited ordering
//	tag.go      memory tagging
//	auth.go     pointer authentication
//	sysreg.go   names of system registers
//
// Every instruction is four bytes, so there is no step to lose. A word that
// neither knows is printed as ".inst  0x........ ; undefined"; among these are
// SVE, SME, half-precision and dot-product instructions, which are defined on
// processors that have them.
//
// Source: Arm Architecture Reference Manual for A-profile; the oracle is GNU
// objdump 2.40 (testdata/objdump.txt).
package arm64
