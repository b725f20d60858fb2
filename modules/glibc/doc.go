// Package glibc knows the heap of glibc's malloc in a process: its arenas, the
// chunks in them, and which of those are free.
//
// # The model
//
// An arena (struct malloc_state) owns one or more regions of consecutive chunks.
// The main arena's region is the program break's mapping. The others have heaps:
// blocks aligned to 64 MiB that begin with a heap_info which names the arena; the
// first heap of an arena holds the arena itself. A chunk has a header of two words,
// the size of the chunk before it if that one is free, and its own size with three
// flags in the low bits: the chunk before it is in use (1), it was mapped by itself
// (2), it is in an arena other than the main one (4). What malloc returned is the
// address behind the header. A region ends in the arena's top chunk, or in a
// fencepost.
//
// Freed chunks wait in a thread's tcache or in an arena's fastbins, where they look
// as if in use, before they are merged and put into bins. The lists of both are
// singly linked, since glibc 2.32 with each link exclusive-ored with the page number
// of its own address (safe-linking).
//
// # Where it comes from
//
// malloc/malloc.c and malloc/arena.c of glibc 2.26 to 2.41, for 64-bit targets. The
// offsets in struct malloc_state are the same in all of these (layout.go). libc's
// symbols are seldom there: the main arena is found in libc's data by its form,
// above all by its 127 bins, whose heads point at themselves when empty or at chunks
// that point back. A tcache is recognised by the size of its chunk and by every
// entry's being a chunk of the entry's class.
//
// # What it does not handle
//
// 32-bit processes; glibc before 2.26 (no tcache) beyond arenas, chunks and
// fastbins; the tcache of glibc 2.42 and later, whose chunks count as in use;
// programs that replace malloc: such a heap has no arena to find.
package glibc
