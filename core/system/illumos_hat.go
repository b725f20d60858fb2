package system

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
)

// Page table entries of amd64 as illumos uses them (facts: reference/
// illumos-formats.md section 5.2; uts/i86pc/vm/hat_pte.h).
const (
	pteValid  = 1 << 0
	ptePaged  = 1 << 7 // above the last level: a large page
	ptePFN    = 0x000f_ffff_ffff_f000
	pteTables = 512 // entries of a table
	hatLevels = 4   // levels of amd64 tables; level 0 maps pages of 4 KB
)

// levelShift is the bit of an address at which the index of a level begins.
func levelShift(level int) uint { return 12 + 9*uint(level) }

// errNotMapped is the end of a walk at an entry that is not valid.
var errNotMapped = errors.New("no mapping for address")

// pageTable is a page table by the physical address of its top.
type pageTable struct {
	phys  mem.Space
	root  uint64 // physical address of the top table
	level int    // of the top table
	// copied are the entries of the top table where the kernel keeps them in the
	// hat and not in a page (HTABLE_COPIED); then root is not used.
	copied []uint64
}

// translate walks the tables as the processor does.
func (t *pageTable) translate(va uint64) (uint64, error) {
	table := t.root
	for level := t.level; level >= 0; level-- {
		i := va >> levelShift(level) & (pteTables - 1)
		var pte uint64
		if level == t.level && t.copied != nil {
			if i >= uint64(len(t.copied)) {
				return 0, errNotMapped
			}
			pte = t.copied[i]
		} else {
			var err error
			if pte, err = mem.ReadUint(t.phys, mem.Addr(table+8*i), 8, binary.LittleEndian); err != nil {
				return 0, fmt.Errorf("read page table of level %d: %w", level, err)
			}
		}
		if pte&pteValid == 0 {
			return 0, errNotMapped
		}
		if level == 0 || pte&ptePaged != 0 {
			mask := uint64(1)<<levelShift(level) - 1
			return pte&ptePFN&^mask | va&mask, nil
		}
		table = pte & ptePFN
	}
	return 0, errNotMapped
}

// canonical tells whether an address has no bits in the hole of amd64.
func canonical(va uint64) bool { return int64(va)<<16>>16 == int64(va) }

// hatTable finds the page table of an address space by its struct as: a_hat,
// hat_htable, ht_pfn.
func (k *IllumosKernel) hatTable(as uint64) (*pageTable, error) {
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
		k.hats = map[uint64]*pageTable{}
	}
	if len(k.hats) < maxHats {
		k.hats[as] = t
	}
	return t, err
}

// maxHats bounds the page tables that are remembered.
const maxHats = 1 << 16

func (k *IllumosKernel) readHat(as uint64) (*pageTable, error) {
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
	t := &pageTable{phys: k.mem.Physical(), root: pfn << 12, level: int(level)}
	if flags&htableCopied != 0 {
		if t.copied, err = k.copiedPTEs(hat); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// htableCopied is the flag of a table whose entries are in the hat (vm/htable.h;
// older kernels call it HTABLE_VLP).
const htableCopied = 1

func (k *IllumosKernel) copiedPTEs(hat uint64) ([]uint64, error) {
	o, err := k.member("struct hat", "hat_copied_ptes|hat_vlp_ptes")
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(o.size, 8*pteTables))
	if err := mem.ReadFull(mapSpace{k}, b, mem.Addr(hat+o.off)); err != nil {
		return nil, err
	}
	ptes := make([]uint64, len(b)/8)
	for i := range ptes {
		ptes[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return ptes, nil
}
