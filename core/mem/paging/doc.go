// Package paging walks the page tables of x86 in every mode of the processor.
//
// # Model
//
// A Table is a page table: the physical memory it lies in, a Mode and the physical
// address of its top. Walk shows each entry on the way to an address, Translate only
// the end, Space is the virtual memory that the table makes, Pages everything it maps.
// Nothing is known here of a kernel or a processor: ModeOf reads the mode from control
// registers, the rest is memory.
//
// # Format
//
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3A, chapter 4
// (Paging), and AMD64 Architecture Programmer's Manual, volume 2, chapter 5:
//
//	mode    levels  entry    address  pages
//	None    0       -        32 bits  -               real mode, or paging is off
//	Bits32  2       4 bytes  32 bits  4K, 4M if CR4.PSE (with PSE-36's 8 more bits)
//	PAE     3       8 bytes  32 bits  4K, 2M          the top has 4 entries, at 32 bytes
//	Long4   4       8 bytes  48 bits  4K, 2M, 1G
//	Long5   5       8 bytes  57 bits  4K, 2M, 1G
//
// Levels count from the pages: 1 is the table whose entries map 4K, 2 the directory,
// 5 the top of Long5. The address in an entry is its bits 12 to 51 less what Options
// take away: the physical width of the processor, the bit that marks encrypted memory
// (AMD's C-bit, Intel TDX's shared bit).
//
// # Invariants
//
// A walk reads at most one entry a level, so that a table that refers to itself ends
// like any other. Pages does not follow an entry to a table that is on the way to it,
// says so, and stops after a number of tables.
//
// An address that is not mapped is mem.ErrUnmapped; an entry that cannot be read gives
// the physical memory's own reason; both come as an *Error that tells the level. The
// processor faults on reserved bits: of these only the one that would make a page of
// 512G or more is looked at, as the width of the processor is not known.
//
// # Not handled
//
// Extended page tables (Intel's EPT: other present bits), though AMD's nested tables
// are ordinary ones; protection keys and shadow stacks, which change no translation;
// entries that only a kernel understands (swapped, PROT_NONE).
package paging
