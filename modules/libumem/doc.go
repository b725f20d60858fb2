// Package libumem knows libumem, the slab allocator of illumos processes: its caches,
// slabs and magazines, its vmem arenas, and the records it keeps with UMEM_DEBUG.
//
// # The model
//
// A cache (umem_cache_t) gives buffers of one size from slabs, which it gets from a
// vmem arena. Small buffers' free list runs through the slab itself, the umem_slab_t
// at its end; caches with UMF_HASH have a umem_bufctl_t for each buffer outside of it,
// on the slab's free list or, while the buffer is allocated, in the cache's hash table.
// Above the slabs are magazines: arrays of free buffers, full ones in the depot, two
// on each CPU; and above those, for small sizes, a list in each thread's ulwp_t.
//
// With UMEM_DEBUG bufctls are umem_bufctl_audit_ts, which say who did the last
// transaction and from where, and buffers end in a umem_buftag_t behind a redzone.
// malloc(3C) puts a tag of 8 or 16 bytes before what it returns.
//
// # Where it comes from
//
// usr/src/lib/libumem of illumos; usr/src/cmd/mdb/common/modules/libumem for what the
// commands say. Structures are read by member through libumem's own CTF, which its
// file has, or a core with CTF among its contents; nothing here knows an offset.
//
// # What it does not handle
//
// A process whose libumem has no type data. libumem linked into kmdb. What MDB's
// ::findleaks -v says of its own memory and CPU time.
package libumem
