// Package linuxdump opens files that hold the memory of a whole machine: what QEMU,
// libvirt, kdump, makedumpfile and LiME write, plain memory, and /proc/kcore. It gives
// physical memory, where there is some, the kernel's virtual memory where the file
// knows addresses of it, the state of the processors and Linux' VMCOREINFO (the
// interfaces of core/system/machine.go); what kernel that is, is core/system's affair.
//
// # The files
//
// ELF cores (elf.go, notes.go, cpu.go, elfdump.go). PT_LOAD segments with physical
// addresses. QEMU (dump/dump.c, target/i386/arch_dump.c) writes section headers between
// the file header and the program headers, virtual addresses of 0 or, with paging=true,
// those of the page tables, a segment for each piece; a note NT_PRSTATUS and a note
// QEMU with control registers for each CPU; VMCOREINFO where the machine has that
// device. Linux' /proc/vmcore and makedumpfile -E (Documentation/admin-guide/kdump)
// have the notes of the kernel. A count of 0xffff segments is in a section header.
// Cores of 32 bits are read like those of 64.
//
// kdump-compressed (kdumpheader.go, bitmap.go, kdump.go; makedumpfile's IMPLEMENTATION
// and diskdump_mod.h, versions 1 to 6): a header of one block, a sub header with the
// notes behind it, two bitmaps (what is memory, what is in the dump), a descriptor of
// 24 bytes for each page in the dump in the order of the frames, and the pages, each
// compressed by itself: zlib, LZO1X, snappy, zstd, or not at all (codec.go, lzo.go).
// Pages of zeros share one descriptor's place. A dump may be split over files, each
// with the pages of a range of frames. QEMU fills in little more of the header than
// uname's machine, which is all that is asked for.
//
// The flattened format (flattened.go): records of offset, size and bytes, for any of
// the above; QEMU writes all kdump files so. The records are indexed once, and the
// index of a file with many is kept in the cache (flatindex.go).
//
// LiME (lime.go), plain memory (memory.go: a memory-backend-file of QEMU, a .vmem), and
// /proc/kcore (kcore.go), which changes while it is read.
//
// # Missing memory
//
// A read gives bytes or says why not: mem.ErrFiltered for pages that were left out on
// purpose, mem.ErrTruncated for what the missing end of the file had, mem.ErrNotDumped
// for what has a place in the dump but no content (the disk was full, another file of a
// split dump has it, QEMU's segments of devices), mem.ErrUnmapped for what is no memory
// by the dump, an error about damage else. Pages that were left out are zeros only
// where the dump says that nothing but zeros was left out (level 1).
//
// # Invariants
//
// Opening reads headers, notes, bitmaps and, of a flattened file, the headers of its
// records; never memory. Nothing grows with the size of the memory but the index of a
// bitmap, 8 bytes for 4096 pages, and that of a flattened file, 24 bytes for a record.
// Of the file and of decompressed pages 16 MiB each are kept. A page is decompressed
// when it is read, and once while it stays in the cache; reads of many pages use all
// processors and leave the cache alone. No size, count or offset of a file is believed
// before it is compared with the file or a bound.
//
// # Not handled
//
// diskdump, LKCD, sadump, saved states of libvirt, QEMU's migration streams, Windows'
// dumps: known ones are told by name. Machines other than amd64, i386 and arm64; the
// processors of arm64. Xen's dumps are by machine address, and their pages are not
// found by the guest's. Writing.
package linuxdump
