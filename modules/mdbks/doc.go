// Package mdbks is MDB's module mdb_ks, the kernel support of other modules. What those
// need of it in MDB is here in core/system and genunix; what it shows itself is the
// directory name lookup cache (DNLC).
//
// # The cache
//
// nc_hash is an array of nc_hashsz heads of doubly linked rings of ncache_t, by the hash
// of the directory's address and the name (sys/dnlc.h, DNLCHASH). The name lies at the
// end of the entry, without a NUL: namlen has its length. As in MDB an entry counts only
// if its back link is right and its hash is that of its name; a chain with one that is
// not is given up there, and the rest goes on. What MDB prints is ordered by the vnode's
// address (bits 3 to 12) and, under it, the entry found last first.
package mdbks
