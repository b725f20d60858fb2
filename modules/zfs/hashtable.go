package zfs

import (
	"fmt"
	mathbits "math/bits"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// bucketsAtOnce is how many buckets of a hash table are read together.
const bucketsAtOnce = 512

// hashTable is an array of pointers to chains: that of the dbufs and that of the ARC's
// headers are alike.
type hashTable struct {
	v       *kernel.View
	what    string // the type of what is in it
	table   uint64
	buckets uint64
	size    uint64       // how much of an object is read
	next    kernel.Field // its link
}

// newHashTable makes one of what a kernel keeps of it; mask is the number of its
// buckets, a power of two, less one.
func newHashTable(v *kernel.View, what string, table, mask, size uint64, next kernel.Field) (*hashTable, error) {
	if mathbits.OnesCount64(mask+1) != 1 || table == 0 {
		return nil, fmt.Errorf("the hash table of %s at %x cannot have the mask %x", what, table, mask)
	}
	return &hashTable{v: v, what: what, table: table, buckets: mask + 1, size: size, next: next}, nil
}

// each goes through the chains; f gets an object, what it consists of, and at which
// place of its chain it is, and end the length of each chain. A chain that cannot be
// followed is warned of and ends there.
func (h *hashTable) each(c *core.Ctx, f func(addr uint64, b []byte, depth int) error, end func(length int)) error {
	var buf []byte
	for first := uint64(0); first < h.buckets; first += bucketsAtOnce {
		if c.Err() != nil {
			return core.ErrIntr
		}
		n := min(bucketsAtOnce, h.buckets-first)
		b, err := h.v.Bytes(h.table+first*8, n*8, buf)
		if err != nil {
			return kernel.Failed(err, "failed to read hash bucket %d at %x", first, h.table+first*8)
		}
		for _, head := range words(kernel.Field{Size: n * 8}, b) {
			length, err := h.chain(c, head, f)
			if err != nil {
				return err
			}
			end(length)
		}
	}
	return nil
}

// loopAt is how long a chain gets before it is watched for loops.
const loopAt = 64

func (h *hashTable) chain(c *core.Ctx, at uint64, f func(addr uint64, b []byte, depth int) error) (length int, err error) {
	var met kernel.Met
	var buf []byte
	for ; at != 0; length++ {
		if length == loopAt {
			met = kernel.Met{}
		}
		if length >= loopAt && met.Again(at) {
			c.Warnf("%s %x is on its hash chain twice", h.what, at)
			return length, nil
		}
		if buf, err = h.v.Bytes(at, h.size, buf); err != nil {
			c.Warnf("%s", kernel.BadRead(h.what, at, err).Error())
			return length, nil
		}
		next := h.next.Of(buf)
		if err := f(at, buf, length); err != nil {
			return length, err
		}
		at = next
	}
	return length, nil
}
