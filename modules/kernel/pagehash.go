package kernel

import (
	"errors"
	"fmt"
	"math/bits"
)

// PageHash is illumos' table of physical pages by vnode and offset: page_hash, chains of
// page_t (vm/page.h).
type PageHash struct {
	v           *View
	l           *hashedPage
	table, size uint64
	shift       uint64
}

type hashedPage struct {
	Size    uint64 `ctf:"sizeof"`
	Offset  Field  `ctf:"p_offset"`
	Vnode   Field  `ctf:"p_vnode"`
	Hash    Field  `ctf:"p_hash"`
	PageNum Field  `ctf:"p_pagenum"`
}

// maxPageHash bounds the chains of the table: those of 256 TiB in pages.
const maxPageHash = 1 << 36

// OpenPageHash finds the table by the kernel's variables.
func OpenPageHash(v *View) (*PageHash, error) {
	h := &PageHash{v: v}
	var err error
	if h.l, err = Lay[hashedPage](v, "page_t"); err != nil {
		return nil, err
	}
	if h.table, err = v.Variable("unix", "page_hash"); err != nil {
		return nil, Failed(err, "unable to read page_hash")
	}
	if h.size, err = v.Variable("unix", "page_hashsz"); err != nil {
		return nil, Failed(err, "unable to read page_hashsz")
	}
	if h.shift, err = v.Variable("unix", "page_hashsz_shift"); err != nil {
		h.shift = uint64(bits.Len64(h.size) - 1)
	}
	if h.table == 0 || h.size == 0 || h.size&(h.size-1) != 0 || h.size > maxPageHash {
		return nil, errors.New("page_hash, page_hashsz not found or invalid")
	}
	return h, nil
}

// What the hash of pages is made of (PAGE_HASH_FUNC of vm/page.h): PH_SHIFT_SIZE,
// AN_VPSHIFT and VNODE_ALIGN_LOG2.
const (
	pageHashShift = 9
	swapVPShift   = 11
	vnodeAlignLog = 8
)

// Chains is how many chains the table has.
func (h *PageHash) Chains() uint64 { return h.size }

// Chain is the address of a chain's first page_t, 0 if it has none.
func (h *PageHash) Chain(i uint64) (uint64, error) {
	at, err := h.v.Pointer(h.table + 8*i)
	if err != nil {
		return 0, Failed(err, "unable to read page_hash[%d] (%x)", i, h.table+8*i)
	}
	return at, nil
}

// bucket is the number of the chain that a page is on.
func (h *PageHash) bucket(vp, off uint64) uint64 {
	left := (h.shift - swapVPShift - vnodeAlignLog) & 63 // as the processor takes it
	return (off>>12 ^ off>>(12+pageHashShift) ^ vp>>3 ^ vp>>(3+pageHashShift) ^ vp>>(3+2*pageHashShift) ^ vp<<left) & (h.size - 1)
}

// Follow walks the pages of a chain from one on, each with its bytes. A chain that closes
// is found by the last of the marks at growing distances.
func (h *PageHash) Follow(at uint64, yield func(at uint64, b []byte) bool) error {
	mark, steps, limit := uint64(0), 0, 2
	for at != 0 {
		if at == mark {
			return fmt.Errorf("page %x is in its hash chain twice", at)
		}
		if steps++; steps == limit {
			mark, steps, limit = at, 0, limit*2
		}
		b, err := h.v.Bytes(at, h.l.Size, nil)
		if err != nil {
			return Failed(err, "unable to read page_t at %#x", at)
		}
		next := h.l.Hash.Of(b)
		if !yield(at, b) {
			return nil
		}
		at = next
	}
	return nil
}

// Lookup finds the page_t of a vnode at an offset and its page number; 0 if it is not in
// memory.
func (h *PageHash) Lookup(vp, off uint64) (page, pfn uint64, err error) {
	bucket := h.bucket(vp, off)
	first, err := h.Chain(bucket)
	if err != nil {
		return 0, 0, err
	}
	var wrong error
	err = h.Follow(first, func(at uint64, b []byte) bool {
		pvp, poff := h.l.Vnode.Of(b), h.l.Offset.Of(b)
		if pvp == vp && poff == off {
			page, pfn = at, h.l.PageNum.Of(b)
			return false
		}
		if n := h.bucket(pvp, poff); pvp != 0 && n != bucket {
			wrong = fmt.Errorf("page hash mismatch: in bucket %d, but page %x hashes to bucket %d", bucket, at, n)
		}
		return wrong == nil
	})
	if err == nil {
		err = wrong
	}
	return page, pfn, err
}
