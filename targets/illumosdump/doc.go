// Package illumosdump opens crash dumps of illumos kernels: vmcore.N, with or
// without unix.N, and vmdump.N in place, without savecore and without an expanded
// copy. It gives physical memory, the dump's translations, the symbols' ELF file
// and the header (system.KernelDump); what kernel that is, is core/system's affair.
//
// # The files
//
// Source of the format: illumos, usr/src/uts/common/sys/dumphdr.h, os/dumpsubr.c
// (what the kernel writes), cmd/savecore (what becomes of it), lib/libkvm (how it
// is read). All numbers are little-endian, offsets are from the beginning of the
// file. A dump has, each at the beginning of a page:
//
//	header   dumphdr_t, 1912 bytes, version 10 (header.go)
//	ksyms    an ELF file with the symbols of all modules: what unix.N is
//	pfns     the page frame numbers of the pages, 64 bits each, ascending
//	map      translations (address space, virtual address) to page
//	data     the pages, in the order of the pfns
//
// In a vmcore.N the map is a hash table of chains (vamap.go: hashMap) and the pages
// are as they were. In a vmdump.N, which is a small dump device, the map is an
// array in the order in which the kernel walked its segments, the pages are
// compressed, and the header stands again in the last 64 KiB, followed by
// dumpdatahdr_t, which tells how. The image of a dump device is the same, only that
// the first header is somewhere within.
//
// The data area is a sequence of words, 12 bits of tag above 20 bits of size, and
// so many bytes after each (scan.go). Tag 0 is one page of lzjb; they follow one
// another by their place in the pfns ("serial", what kernels on x86 write by
// default). Any other tag is a block of the stream of that number. A stream is
// ranges of pages, each with a header in front (dumpstreamhdr_t): either of pages
// of lzjb, where nothing is split over two blocks (lzjbindex.go), or one bzip2
// stream, cut into blocks anywhere (bzip2index.go). A word of zeros is the end.
//
// # The index
//
// Where a page is in a vmdump.N can be known only by going through the data from
// its beginning: once, then the index is in the cache (core/store), under a key
// made of the headers and samples of the content. For lzjb it has where each run of
// up to 32 pages that follow one another begins; that pass reads, but does not
// decompress. For bzip2 it has where each block of bzip2 begins, by bit, and at
// what offset of the decompressed stream, and which pages each range has; that pass
// decompresses everything, streams in parallel. To read a page then means to
// decompress it, or the block of some 100 KB it is in. The translations are indexed
// as runs of consecutive pages, sorted.
//
// # Invariants
//
// A page that is read is what is in the file or an error; damage found on the way
// ends the index, or the stream, there, and the rest is missing, which Coverage
// counts and Warnings tells. An index from the cache is trusted in nothing that
// could do harm: sizes and checksums in the file are looked at again at each use.
//
// Memory: the file's pages are read through a bounded cache (mem.Cache), of
// decompressed pages and blocks a bounded number is kept. The pfns and a vmcore's
// map stay in the file.
//
// # Not handled
//
// Versions other than 10, 32-bit kernels, SPARC, encrypted dumps: told apart by
// their errors. Dump devices are read as images only. Writing.
package illumosdump
