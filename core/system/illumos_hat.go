package system

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
)

// hatLevels are the levels of the tables of a hat; level 0 maps pages of 4 KB (facts:
// reference/illumos-formats.md section 5.2; uts/i86pc/vm/hat_pte.h).
const hatLevels = 4

// errNotMapped is what an address space without page tables has.
var errNotMapped = errors.New("no mapping for address")

// hatTable finds the page table of an address space by its struct as: a_hat,
// hat_htable, ht_pfn.
func (k *IllumosKernel) hatTable(as uint64) (*paging.Table, error) {
	k.hatMu.Lock()
	defer k.hatMu.Unlock()
	if t, ok := k.hats[as]; ok {
		if t == nil {
			return nil, errNotMapped
		}
		return t, nil
	}
	t, err := k.readHat(as)
	if k.hats == nil {
		k.hats = map[uint64]*paging.Table{}
	}
	if len(k.hats) < maxHats {
		k.hats[as] = t
	}
	return t, err
}

// maxHats bounds the page tables that are remembered.
const maxHats = 1 << 16

func (k *IllumosKernel) readHat(as uint64) (*paging.Table, error) {
	hat, err := k.pointerMember(mapSpace{k}, "struct as", "a_hat", as)
	if err != nil {
		return nil, err
	}
	top, err := k.pointerMember(mapSpace{k}, "struct hat", "hat_htable", hat)
	if err != nil {
		return nil, err
	}
	level, err := k.uintMember(mapSpace{k}, "struct htable", "ht_level", top)
	if err != nil {
		return nil, err
	}
	flags, err := k.uintMember(mapSpace{k}, "struct htable", "ht_flags", top)
	if err != nil {
		return nil, err
	}
	pfn, err := k.uintMember(mapSpace{k}, "struct htable", "ht_pfn", top)
	if err != nil {
		return nil, err
	}
	if level >= hatLevels {
		return nil, fmt.Errorf("htable at %#x is of level %d", top, level)
	}
	o := paging.Options{Levels: int(level) + 1}
	if flags&htableCopied != 0 {
		if o.Top, err = k.copiedPTEs(hat); err != nil {
			return nil, err
		}
	}
	return paging.New(k.phys, paging.Long4, pfn<<pageShift, o), nil
}

// htableCopied is the flag of a table whose entries are in the hat (vm/htable.h;
// older kernels call it HTABLE_VLP).
const htableCopied = 1

func (k *IllumosKernel) copiedPTEs(hat uint64) ([]uint64, error) {
	o, err := k.member("struct hat", "hat_copied_ptes|hat_vlp_ptes")
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(o.size, pageSize))
	if err := mem.ReadFull(mapSpace{k}, b, mem.Addr(hat+o.off)); err != nil {
		return nil, err
	}
	ptes := make([]uint64, len(b)/8)
	for i := range ptes {
		ptes[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return ptes, nil
}

// CurrentTable implements core.Paged: the kernel's page table.
func (k *IllumosKernel) CurrentTable() (*paging.Table, error) {
	if k.cr3 != nil {
		return k.cr3, nil
	}
	return k.hatTable(k.kas)
}
