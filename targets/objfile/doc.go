// Package objfile is the target for an ELF file that is not running: an
// executable, a library, an object file. MDB has it as the idle state of its
// process target, and what can be read where follows from that:
//
//   - `/` reads the PT_LOAD segments as far as the file has bytes for them: .bss
//     is not there ("no mapping for address"), and nothing can be written.
//   - `?` reads the same segments, .bss as zeros; an object file (ET_REL), which
//     has no segments, shows each allocated section with contents at its offset
//     in the file. With -w it can be written, .bss excepted.
//
// Addresses are the file's own; nothing is relocated. The variables b d t e m
// come from the header and program headers as MDB takes them: b and d the address
// and size of the first writable segment, t the size of the first executable
// one, e the entry point, m the first four bytes of the file.
package objfile
