package unix

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// maxLevels is how many levels of page tables there may be.
const maxLevels = 4

const pageShift = 12

// mmu is what the kernel knows of its page tables, struct hat_mmu_info, and its hat.
type mmu struct {
	c *core.Ctx
	v *kernel.View

	nx, global, maxLevel, maxPageLevel, ptes uint64
	shift                                    [maxLevels]uint64
	copied                                   uint64 // entries of tables that hats keep copies of

	kernelHat, kernelBase uint64

	hat   *hatLayout
	table *htableLayout
	phys  mem.Space
}

type mmuLayout struct {
	Size      uint64       `ctf:"sizeof"`
	NX        kernel.Field `ctf:"pt_nx"`
	Global    kernel.Field `ctf:"pt_global"`
	Levels    kernel.Field `ctf:"num_level"`
	Max       kernel.Field `ctf:"max_level"`
	MaxPage   kernel.Field `ctf:"max_page_level"`
	PTEs      kernel.Field `ctf:"ptes_per_table"`
	NumCopied kernel.Field `ctf:"num_copied_ents|top_level_count,optional"`
	Shift     kernel.Field `ctf:"level_shift"`
}

type hatLayout struct {
	Size     uint64       `ctf:"sizeof"`
	Next     kernel.Field `ctf:"hat_next"`
	MaxLevel kernel.Field `ctf:"hat_max_level,optional"`
	Hashes   kernel.Field `ctf:"hat_num_hash"`
	Hash     kernel.Field `ctf:"hat_ht_hash"`
	Copied   kernel.Field `ctf:"hat_copied_ptes|hat_vlp_ptes,optional"`
}

type htableLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Next  kernel.Field `ctf:"ht_next"`
	VA    kernel.Field `ctf:"ht_vaddr"`
	Level kernel.Field `ctf:"ht_level"`
	Flags kernel.Field `ctf:"ht_flags"`
	PFN   kernel.Field `ctf:"ht_pfn"`
}

// htableCopied is set in ht_flags of a table that has no page: its entries are in the
// hat (HTABLE_COPIED).
const htableCopied = 1

// maxHash bounds the hash table of a hat.
const maxHash = 1 << 24

// openMMU reads what all commands about page tables need.
func openMMU(c *core.Ctx) (*mmu, error) {
	m := &mmu{c: c, v: kernel.Of(c.Session)}
	l, err := kernel.Lay[mmuLayout](m.v, "struct hat_mmu_info")
	if err != nil {
		return nil, err
	}
	s, err := m.v.Symbol("unix", "mmu")
	if err != nil {
		return nil, kernel.Failed(err, "can't use HAT information before mmu_init()")
	}
	b, err := m.v.Bytes(s.Value, l.Size, nil)
	if err != nil {
		return nil, kernel.Failed(err, "failed to read mmu at %x", s.Value)
	}
	m.nx, m.global, m.maxLevel, m.maxPageLevel, m.ptes = l.NX.Of(b), l.Global.Of(b), l.Max.Of(b), l.MaxPage.Of(b), l.PTEs.Of(b)
	if n := l.Levels.Of(b); n == 0 || m.maxLevel >= maxLevels || m.ptes == 0 || m.ptes > 1024 {
		return nil, fmt.Errorf("mmu at %x is not set up: %d levels, %d entries in a table", s.Value, n, m.ptes)
	}
	m.copied = l.NumCopied.Of(b)
	for i := range m.shift {
		m.shift[i] = uint64(binary.LittleEndian.Uint32(b[l.Shift.Off+4*uint64(i):]))
	}
	if m.hat, err = kernel.Lay[hatLayout](m.v, "struct hat"); err != nil {
		return nil, err
	}
	if m.table, err = kernel.Lay[htableLayout](m.v, "struct htable"); err != nil {
		return nil, err
	}
	if m.kernelHat, err = m.hatOf(0); err != nil {
		return nil, err
	}
	if m.kernelBase, err = m.v.Variable("unix", "kernelbase"); err != nil {
		return nil, kernel.Failed(err, "couldn't find kernelbase")
	}
	if p, ok := core.As[core.Physical](c.Session.Context()); ok {
		m.phys = p.Physical()
	} else {
		return nil, errors.New("the target has no physical memory")
	}
	return m, nil
}

// hatOf is the hat of an address space: of the kernel's if it is 0.
func (m *mmu) hatOf(as uint64) (uint64, error) {
	what := "struct as"
	if as == 0 {
		s, err := m.v.Symbol("unix", "kas")
		if err != nil {
			return 0, kernel.Failed(err, "couldn't find kas - kernel's struct as")
		}
		as, what = s.Value, "kas"
	}
	l, err := kernel.Lay[struct {
		Hat kernel.Field `ctf:"a_hat"`
	}](m.v, "struct as")
	if err != nil {
		return 0, err
	}
	hat, err := m.v.Pointer(as + l.Hat.Off)
	if err != nil {
		return 0, kernel.Failed(err, "couldn't read %s at %x", what, as)
	}
	return hat, nil
}

// pte reads an entry in physical memory.
func (m *mmu) pte(at uint64) (uint64, error) {
	return mem.ReadUint(m.phys, mem.Addr(at), 8, binary.LittleEndian)
}

// hat is a struct hat, read.
type hat struct {
	m    *mmu
	addr uint64
	b    []byte
}

func (m *mmu) readHat(at uint64) (*hat, error) {
	b, err := m.v.Bytes(at, m.hat.Size, nil)
	if err != nil {
		return nil, kernel.Failed(err, "couldn't read struct hat at %x", at)
	}
	if n := m.hat.Hashes.Of(b); n > maxHash {
		return nil, fmt.Errorf("hat %x has a hash table of %d", at, n)
	}
	return &hat{m, at, b}, nil
}

// hats walks all hats, the kernel's first.
func (m *mmu) hats(yield func(*hat) bool) error {
	met := kernel.Met{}
	for at := m.kernelHat; at != 0; {
		if met.Again(at) {
			return fmt.Errorf("hat %x is on its list twice", at)
		}
		h, err := m.readHat(at)
		if err != nil {
			return err
		}
		if !yield(h) {
			return nil
		}
		at = m.hat.Next.Of(h.b)
	}
	return nil
}

// top is the level of the hat's highest table.
func (h *hat) top() uint64 {
	if h.m.hat.MaxLevel.OK() {
		return h.m.hat.MaxLevel.Of(h.b)
	}
	return h.m.maxLevel
}

// htable is a struct htable, read: what is known of a page table.
type htable struct {
	h                    *hat
	addr, va, level, pfn uint64
	copied               bool
}

// tables walks the page tables of a hat in the order of their hash.
func (h *hat) tables(yield func(*htable) bool) error {
	m, l := h.m, h.m.table
	hash, n := m.hat.Hash.Of(h.b), m.hat.Hashes.Of(h.b)
	if n == 0 {
		return nil
	}
	heads, err := m.v.Bytes(hash, n*8, nil)
	if err != nil {
		return kernel.Failed(err, "couldn't read htables at %x", hash)
	}
	met := kernel.Met{}
	for i := range n {
		for at := binary.LittleEndian.Uint64(heads[8*i:]); at != 0; {
			if met.Again(at) {
				return fmt.Errorf("htable %x is in the hash of hat %x twice", at, h.addr)
			}
			b, err := m.v.Bytes(at, l.Size, nil)
			if err != nil {
				return kernel.Failed(err, "couldn't read htable at %x", at)
			}
			t := &htable{h, at, l.VA.Of(b), l.Level.Of(b), l.PFN.Of(b), l.Flags.Of(b)&htableCopied != 0}
			if t.level > m.maxLevel {
				return fmt.Errorf("htable %x is of level %d", at, int64(t.level))
			}
			if !yield(t) {
				return nil
			}
			at = l.Next.Of(b)
		}
		if m.c.Err() != nil {
			return core.ErrIntr
		}
	}
	return nil
}

// count is how many entries the table has.
func (t *htable) count() uint64 {
	if t.copied {
		return t.h.m.copied
	}
	return t.h.m.ptes
}

// entry reads an entry of the table.
func (t *htable) entry(i uint64) (uint64, error) {
	m := t.h.m
	if t.copied {
		return m.v.Pointer(t.h.addr + m.hat.Copied.Off + 8*i)
	}
	return m.pte(t.pfn<<pageShift + 8*i)
}

// index is the entry of the table that maps an address.
func (t *htable) index(va uint64) uint64 {
	return (va - t.va) >> t.h.m.shift[t.level] & (t.h.m.ptes - 1)
}

func runHtables(c *core.Ctx) error {
	m, err := openMMU(c)
	if err != nil {
		return err
	}
	h, err := m.readHat(c.Addr)
	if err != nil {
		return err
	}
	t := m.v.TypeOrNil("struct htable")
	return h.tables(func(ht *htable) bool {
		if c.PipeOut {
			c.Emit(ht.addr, t)
			return true
		}
		c.Record(func() { c.Printf("%p\n", ht.addr) }, out.Field{Name: "htable", Value: out.Hex(ht.addr)},
			out.Field{Name: "va", Value: out.Hex(ht.va)}, out.Field{Name: "level", Value: ht.level}, out.Field{Name: "pfn", Value: out.Hex(ht.pfn)})
		return true
	})
}

func runVatopfn(c *core.Ctx) error {
	m, err := openMMU(c)
	if err != nil {
		return err
	}
	at := m.kernelHat
	if text, set := c.OptStr('a'); set {
		as, err := c.Strtoull(text)
		if err != nil {
			return err
		}
		if as != 0 {
			if at, err = m.hatOf(as); err != nil {
				return err
			}
		}
	}
	h, err := m.readHat(at)
	if err != nil {
		return err
	}
	pfn, found, err := h.translate(c)
	switch {
	case err != nil:
		return err
	case !found:
		return core.ErrFailed
	case c.PipeOut:
		c.Emit(pfn, nil)
		return nil
	}
	c.Record(func() { c.Printf("Virtual address 0x%p maps pfn 0x%lr\n", c.Addr, pfn) },
		out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "pfn", Value: out.Hex(pfn)})
	return nil
}

// translate goes through the tables that hold the address, from the lowest level up,
// and prints their entries.
func (h *hat) translate(c *core.Ctx) (pfn uint64, found bool, err error) {
	var levels [maxLevels][]*htable
	if err := h.tables(func(t *htable) bool {
		levels[t.level] = append(levels[t.level], t)
		return true
	}); err != nil {
		return 0, false, err
	}
	for level := range h.m.maxLevel + 1 {
		base := uint64(0)
		if level < h.top() && level < h.m.maxLevel {
			base = c.Addr &^ (1<<h.m.shift[level+1] - 1)
		}
		for _, t := range levels[level] {
			if t.va != base {
				continue
			}
			pte, err := t.entry(t.index(c.Addr))
			if err != nil {
				return 0, false, kernel.Failed(err, "couldn't read pte of htable %x", t.addr)
			}
			if !c.PipeOut && !c.Opts.JSON {
				c.Printf("\tlevel=%d htable=0x%p pte=0x%llr\n", level, t.addr, pte)
			}
			if pte&ptValid == 0 {
				c.Printf("Address %p is unmapped.\n", c.Addr)
				return 0, false, core.ErrFailed
			}
			if !found {
				pfn, found = ptePFN(pte, level), true
			}
		}
	}
	return pfn, found, nil
}

func runReportMaps(c *core.Ctx) error {
	m, err := openMMU(c)
	if err != nil {
		return err
	}
	pfn := c.Addr
	var failed error
	err = m.hats(func(h *hat) bool {
		err := h.tables(func(t *htable) bool {
			failed = t.reportMaps(c, pfn)
			return failed == nil
		})
		if failed == nil {
			failed = err
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// reportMaps prints whether the table is in the page, or maps it.
func (t *htable) reportMaps(c *core.Ctx, pfn uint64) error {
	m, h := t.h.m, t.h
	users := h.addr != m.kernelHat // what is the kernel's is told once
	if users && t.va >= m.kernelBase {
		return nil
	}
	if t.pfn == pfn {
		c.Record(func() { c.Printf("Pagetable for hat=%p htable=%p\n", h.addr, t.addr) },
			out.Field{Name: "hat", Value: out.Hex(h.addr)}, out.Field{Name: "htable", Value: out.Hex(t.addr)})
		return nil
	}
	if t.level > m.maxPageLevel {
		return nil
	}
	b := make([]byte, t.count()*8)
	if t.copied {
		var err error
		if b, err = m.v.Bytes(h.addr+m.hat.Copied.Off, uint64(len(b)), nil); err != nil {
			return kernel.Failed(err, "couldn't read entries of hat %x", h.addr)
		}
	} else if err := mem.ReadFull(m.phys, b, mem.Addr(t.pfn<<pageShift)); err != nil {
		return kernel.Failed(err, "couldn't read page table %x of htable %x", t.pfn, t.addr)
	}
	for i := range t.count() {
		va := t.va + i<<m.shift[t.level]
		if users && va >= m.kernelBase {
			break
		}
		pte := binary.LittleEndian.Uint64(b[8*i:])
		if pte&ptValid == 0 || ptePFN(pte, t.level) != pfn {
			continue
		}
		c.Record(func() { c.Printf("hat=%p maps addr=%p\n", h.addr, va) },
			out.Field{Name: "hat", Value: out.Hex(h.addr)}, out.Field{Name: "addr", Value: out.Hex(va)})
	}
	return nil
}
