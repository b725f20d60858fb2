// Package dwarf reads DWARF debug information, versions 2 to 5, as it is asked
// for: types by name, variables and functions by address, lines.
//
// # Model
//
// Data is the debug information of one ELF file. Opening it reads the ELF
// headers and no more. What follows is read when first needed:
//
//   - the list of units: their headers only;
//   - a unit: its bytes and its abbreviations, when something in it is asked for.
//     The units used last are kept, up to a few tens of megabytes;
//   - the index of names, when something is first looked up by name: one pass over
//     the DIEs outside functions, on all cores. The index of a large file is kept
//     in the cache (core/store), also that of the names inside functions, which is
//     built when a name is not found otherwise;
//   - before that, what the file's own index of names tells (.debug_names,
//     .gdb_index; accel.go): the units that define the name, read alone;
//   - the map from addresses to units: .debug_aranges, and the root DIEs of the
//     units it leaves out; then the functions of a unit, its line table;
//   - a type's body, when it is first looked into (ctype.NewLazy).
//
// A Data implements ctype.Scope and ctype.SymbolTyper. Function, Line, PCs,
// Functions, Variable are for frames. Locations are given as expressions with
// their Unit; core/unwind/dwexpr evaluates them.
//
// # Format
//
// The DWARF Debugging Information Format, versions 2 to 5 (dwarfstd.org), with
// what GCC, LLVM, rustc and Go add under vendor numbers; 32-bit and 64-bit
// DWARF, both byte orders, type units in .debug_types and .debug_info, sections
// compressed as the gABI (zlib, zstd) and as GNU (.zdebug_) have it, partial
// units as dwz makes them, in the file or in a supplementary one
// (.gnu_debugaltlink, .debug_sup; the caller opens it); split units in .dwo files
// and .dwp packages (split.go), of DWARF 5 and of GCC's DWARF 4. In a relocatable file (.o, kernel
// module) the absolute relocations are applied.
//
// The standard library's debug/dwarf is not used to read: it holds all sections
// and the abbreviations of all units in memory from the start, 272 MB and 0.7 s
// for a kernel, and its line tables and types hang on that. Its constants are
// used, and it is the oracle of the tests.
//
// # Invariants
//
// Names are as the ::print user writes them: types with their scopes
// ("ns::vec<int>"), C's integer types as CTF spells them ("unsigned long").
// A declaration of a struct stands for its definition in another unit of the
// file; without one its Kind is Forward. Equal types of different units are
// different *ctype.Type; the index knows the first of a name.
//
// Nothing here trusts the file: offsets, counts, depths and references are
// checked, what is malformed gives an error where it is used and nowhere else.
//
// # Not handled
//
// References between the compile units of one .dwo file in a package (GCC's LTO).
// Virtual base classes are not listed as members: only the object
// tells where they are. Types inside functions have no scope in their names, and
// are found by name only in files of up to 16 MB of .debug_info. Where units
// define different types of one name ("struct slot" of two drivers), a lookup
// finds the first of the file; what refers to either refers to the right one.
// Addresses in a relocatable file count from their sections, so that Function and
// Line find one of several candidates.
package dwarf
