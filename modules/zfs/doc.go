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
// leads to their bonus buffers, and these to dsl_dir_t and dsl_dataset_t. Those that nobody
// holds are found as they are on disk (dsltree.go): mos.go reads objects of the MOS,
// zapnames.go maps of names; a block is in a dbuf, in the pointer to it (diskblock.go) or
// in the ARC (arcdata.go). A
// dbuf (dmu_buf_impl_t) is a block of an object in memory. Those of blocks are in
// dbuf_hash_table, those of bonus buffers in no table: both are walked by their kmem
// cache if there is one. A header of the ARC (arc_buf_hdr_t) is in buf_hash_table
// and, unless it is in use, on a multilist of its state (arc_state_t), a list for each
// CPU. hashtable.go goes through either table; which bucket something is in does not
// matter to it, so it does not know the hash functions; only a block of the MOS is looked
// up by its hash.
//
// The space of a device at the top is cut into metaslabs (metaslab_t in vdev_ms), which
// are a group (metaslab_group_t), which belongs to a class of the pool's devices. What
// a metaslab has free is in its space map on disk and, while it is loaded, in a range
// tree; more range trees hold what changes. A range_tree_t keeps its segments in a
// zfs_btree_t, whose nodes have the elements themselves (btree.go), of one of three
// types; before that it was an avl_tree_t of range_seg_t (rangetree.go). Formats that
// are the same on disk everywhere, block pointers, space map entries, ZAP leaves, ACL
// entries, are decoded where they are printed, with their constants.
//
// # Invariants
//
// Members are found by name in the kernel's type data. What ZFS shares with the
// kernel it runs in, lists, trees and the clock, is read by modules/kernel and in
// clock.go; the rest holds wherever ZFS does. Arrays, lists and trees are bounded:
// what is met twice, cannot be read or has an impossible size ends the command with a
// message that names the address.
//
// # OpenZFS on Linux
//
// There gethrtime is the raw monotonic clock, known as of its last update, a tick ago or
// more. The log zfs_dbgmsgs is a procfs_list_t, a list_t within. Statistics of the ARC are
// kept in arc_sums, as wmsum_t (a struct percpu_counter) and aggsum_t (buckets that borrow
// from a bound), and in the ARC's states; what arc_stats holds is of the last reading of
// /proc, and only for what nothing else keeps is it taken (arcstats.go). Tunables are the
// modules' parameters (moduleparam.go). BTF has one dimension for arrays of several, so
// that the number of types tells how long a level of zfs_all_blkstats_t is. ::spa -v says
// how far a scrub is (scan.go), which MDB does not. An I/O's memory comes from a slab cache
// named zio_cache, as walked by the module linux. Tested against 2.1 on Linux 6.1
// and 2.3 on 6.12, on the same pools. What 2.2 and 2.3 have in another way: range trees and
// their segments begin with zfs_, the ARC's states count data and metadata apart, the
// number of its headers has no maximum of its own, headers do not count their buffers, and
// ::spa_space tells what is cloned (brt.go).
//
// # Differences
//
// ::zio_stuck, ::txg_state and ::zfs_datasets are not in MDB, nor is the walker range_tree
// and the histogram that ::range_tree -h draws. What is wrong with one of several pools,
// devices or metaslabs is said, and the others are printed, where MDB stops. A metaslab
// that has no tree of some kind counts as nothing of it; MDB cannot read it. ::range_tree
// knows trees whose segments have gaps. ::sm_entries without a length prints an entry of
// two words whole. ::zap_leaf prints text that fills a chunk, and reads no more than the
// 4K that -4 says. ::rrwlock needs no rrw_tsd_key, which MDB reads for nothing. Of a scrub
// that counted nothing of a size a ratio is a dash. ::abuf_find goes on to the
// hash table where MDB gives up. ::dbuf_stats of a kernel without dbufs does not divide
// by their number.
package zfs
