// Package store is xmdb's one on-disk cache. It keeps what is expensive to
// compute from files that do not change: an index of a debug file of hundreds of
// megabytes, keyed by the content's identity (its build-id), never by a path.
//
// # Model
//
// A Store is a directory. An entry is a file in it, named after the kind of the
// entry and a hash of its key. Everything about it may fail or vanish at any time
// without harm: Get of an entry that is missing, damaged, of another key or of
// another version is a miss, and Put that fails leaves what was there.
//
// # Format
//
// A file is a header of 32 bytes, the kind and the key, then the data:
//
//	 0  8  magic "xmdbstr1"
//	 8  4  length of the kind, little-endian
//	12  4  length of the key
//	16  8  length of the data
//	24  4  CRC-32C of kind, key and data
//	28  4  zero
//
// # Invariants
//
// Files are written under a temporary name and renamed, so that readers, other
// processes too, see all of an entry or none. The directory's total size is kept
// under the cap: Put removes the entries that were used least recently (their
// modification time is the time of the last use). Files in the directory that
// are not named like entries are left alone.
package store
