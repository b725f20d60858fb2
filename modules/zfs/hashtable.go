package zfs

import (
	"cmp"
	"fmt"
	mathbits "math/bits"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Chains lie all over memory, and reading a page for each object of them is what costs:
// the chains of many buckets are followed together, and what is met at the same place
// of each is read in the order of addresses.
const (
	bucketsAtOnce = 1 << 18
	bucketsRead   = 512 // how many buckets lie in a page
)

// hashTable is an array of pointers to chains: that of the dbufs and that of the ARC's
// headers are alike.
type hashTable struct {
	v       *kernel.View
	what    string // the type of what is in it
	table   uint64
	buckets uint64
	size    uint64       // how much of an object is read
	next    kernel.Field // its link
	broken  int          // chains that could not be followed
}

// newHashTable makes one of what a kernel keeps of it; mask is the number of its
// buckets, a power of two, less one.
func newHashTable(v *kernel.View, what string, table, mask, size uint64, next kernel.Field) (*hashTable, error) {
	if mathbits.OnesCount64(mask+1) != 1 || table == 0 {
		return nil, fmt.Errorf("the hash table of %s at %x cannot have the mask %x", what, table, mask)
	}
	return &hashTable{v: v, what: what, table: table, buckets: mask + 1, size: size, next: next}, nil
}

// link is how far a chain has been followed.
type link struct {
	at  uint64
	met kernel.Met // of long chains
}

// loopAt is how long a chain gets before it is watched for loops, and maxBroken how
// many chains may be broken before the table as a whole is taken for that.
const (
	loopAt    = 64
	maxBroken = 20
)

// each goes through the chains; f gets an object, what it consists of, and at which
// place of its chain it is, and end the length of each chain. A chain that cannot be
// followed is warned of and ends there.
func (h *hashTable) each(c *core.Ctx, f func(addr uint64, b []byte, depth int) error, end func(length int)) error {
	var links []link
	var err error
	for first := uint64(0); first < h.buckets; first += bucketsAtOnce {
		n := min(bucketsAtOnce, h.buckets-first)
		if links, err = h.heads(c, links[:0], first, n); err != nil {
			return err
		}
		for range n - uint64(len(links)) {
			end(0)
		}
		if err := h.follow(c, links, f, end); err != nil {
			return err
		}
	}
	return nil
}

// heads appends the first of each chain of n buckets that is not empty.
func (h *hashTable) heads(c *core.Ctx, links []link, first, n uint64) ([]link, error) {
	var buf []byte
	for end := first + n; first < end; first += bucketsRead {
		if c.Err() != nil {
			return nil, core.ErrIntr
		}
		n := min(bucketsRead, end-first)
		b, err := h.v.Bytes(h.table+first*8, n*8, buf)
		if err != nil {
			return nil, kernel.Failed(err, "failed to read hash bucket %d at %x", first, h.table+first*8)
		}
		for _, at := range words(kernel.Field{Size: n * 8}, b) {
			if at != 0 {
				links = append(links, link{at: at})
			}
		}
	}
	return links, nil
}

// follow goes down chains by one object each at a time.
func (h *hashTable) follow(c *core.Ctx, links []link, f func(addr uint64, b []byte, depth int) error, end func(length int)) error {
	var buf []byte
	for depth := 0; len(links) > 0; depth++ {
		slices.SortFunc(links, func(x, y link) int { return cmp.Compare(x.at, y.at) })
		next := links[:0]
		for i, l := range links {
			if i%1024 == 0 && c.Err() != nil {
				return core.ErrIntr
			}
			if depth == loopAt {
				l.met = kernel.Met{}
			}
			var err error
			if l.met != nil && l.met.Again(l.at) {
				err = fmt.Errorf("%s %x is on its hash chain twice", h.what, l.at)
			} else if buf, err = h.v.Bytes(l.at, h.size, buf); err != nil {
				err = kernel.BadRead(h.what, l.at, err)
			}
			if err != nil {
				if h.broken++; h.broken == maxBroken {
					return fmt.Errorf("the hash table of %s at %x is broken: %w", h.what, h.table, err)
				}
				c.Warnf("%s", err.Error())
				end(depth)
				continue
			}
			at := h.next.Of(buf)
			if err := f(l.at, buf, depth); err != nil {
				return err
			}
			if at == 0 {
				end(depth + 1)
			} else {
				next = append(next, link{at, l.met})
			}
		}
		links = next
	}
	return nil
}
