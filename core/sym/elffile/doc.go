// Package elffile opens ELF files that may be damaged or hostile and finds what
// a debugger wants of them: segments, symbol tables, the build-id, PLT slots and
// the separate files that hold what was stripped.
//
// debug/elf decodes headers; it is called behind one recover, and what it lets
// through is bounded here: counts of sections, sizes of sections against the
// file, sizes of decompressed ones.
//
// Formats: System V gABI (headers, symbols, notes, compressed sections); the
// GNU note of the build-id; GDB's manual, "Debugging Information in Separate
// Files", for .gnu_debuglink, build-id directories and "MiniDebugInfo" for
// .gnu_debugdata (an xz-compressed ELF file with a .symtab of the functions that
// .dynsym lacks).
//
// Not handled: dwz's .gnu_debugaltlink (it is left to the DWARF reader), prelink
// undo data.
package elffile
