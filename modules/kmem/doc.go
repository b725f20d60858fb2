// Package kmem is the part of MDB's module genunix about the kernel's allocator:
// object caches with their slabs, magazines and bufctls, the arenas that vmem keeps,
// the logs, and what ::whatis says of an address in either.
//
// # The model
//
// A cache (kmem_cache_t) hands out buffers of one size. It takes slabs from an arena
// and cuts each into chunks. Slabs without free chunks are on a list, the others in
// a tree, fullest first. In a small slab the kmem_slab_t lies at its end and a free
// chunk holds the link to the next; elsewhere (KMF_HASH) bufctls lie apart, those of
// free chunks on the slab's list, those of allocated ones in a hash table by address.
// Over the slabs lie magazines: each CPU has two, the rest is in the cache's depot.
// What is in a magazine is free to the world and allocated to the slab.
//
// An arena (vmem_t) is a ring of boundary tags (vmem_seg_t) in the order of addresses:
// spans, and in them free and allocated segments; an arena may import its spans from
// another. (usr/src/uts/common/os/kmem.c and vmem.c, sys/kmem_impl.h, sys/vmem_impl.h.)
//
// A dump is taken while one CPU still runs: the counts of that CPU's magazines were
// set aside (cc_dump_rounds) and the cache says so (KMF_DUMPDIVERT).
//
// # Invariants
//
// Order, columns and messages are MDB's (usr/src/cmd/mdb/common/modules/genunix/
// kmem.c and genunix.c). Every list, ring, chain and tree is bounded: what is met
// twice, belongs to another cache, or cannot be read ends that walk with a message
// that names it, and a walk over all caches goes on with the next.
//
// # Not handled
//
// Leaks (::findleaks), ::kmem_verify, ::kgrep, ::typegraph; user processes'
// libumem.
package kmem
