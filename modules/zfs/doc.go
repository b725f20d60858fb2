// Package zfs is MDB's module zfs: pools, their devices, I/O in flight, the log of
// ZFS, its cache's figures and tunables.
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
// ::zio_stuck and ::txg_state are not in MDB. Of MDB's module these are not here:
// groups of metaslabs and histograms (::spa -M -h), space accounting, references,
// dbufs, ARC headers, system attributes, access control lists.
package zfs
