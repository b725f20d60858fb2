// Package zfs is MDB's module zfs: pools, their devices, I/O in flight, data sets and
// their blocks in memory, the log of ZFS, its cache's figures and tunables.
//
// # The model
//
// The pools are the spa_t in the tree spa_namespace_avl. Each has a tree of vdev_t
// under spa_root_vdev, with arrays of children, and two arrays of vdevs beside it:
// spares and cache devices (spa_aux_vdev_t). An I/O is a zio_t of the cache zio_cache;
// zio_link_t join parents and children, each on a list of both. The pool's dsl_pool_t
// has the state of transaction groups (tx_state_t): one open, one quiescing, one
// syncing.
//
// A pool keeps its data sets as objects of an object set of its own, the MOS
// (dp_meta_objset). dsl.go finds those that somebody holds: the MOS' list of dnodes
// leads to their bonus buffers, and these to dsl_dir_t and dsl_dataset_t; mos.go reads
// what nobody holds out of blocks of the MOS that are in memory, as it is on disk. A
// dbuf (dmu_buf_impl_t) is a block of an object in memory. Those of blocks are in
// dbuf_hash_table, those of bonus buffers in no table: both are walked by their kmem
// cache if there is one. A header of the ARC (arc_buf_hdr_t) is in buf_hash_table
// and, unless it is in use, on a multilist of its state (arc_state_t), a list for each
// CPU. hashtable.go goes through either table; which bucket something is in does not
// matter to it, so it does not know the hash functions.
//
// # Invariants
//
// Members are found by name in the kernel's type data. What ZFS shares with the
// kernel it runs in, lists, trees and the clock, is read by modules/kernel and in
// clock.go; the rest holds wherever ZFS does. Arrays, lists and trees are bounded:
// what is met twice, cannot be read or has an impossible size ends the command with a
// message that names the address.
//
// # Differences
//
// ::zio_stuck, ::txg_state and ::zfs_datasets are not in MDB. ::abuf_find goes on to the
// hash table where MDB gives up. ::dbuf_stats of a kernel without dbufs does not divide
// by their number.
package zfs
