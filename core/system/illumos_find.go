package system

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
)

// Finding an illumos kernel of which nothing is known but memory and, it may be, the
// state of processors. The kernel is linked for a fixed address, so that its data lies
// between coreBase and the top of every address space that has the kernel in it. There
// is the symbol modules: the head of a ring of modctls (next and prev come first in
// each), with a pointer to the string "unix". Symbols, types and modules follow from
// the ring.

// coreBase is where the text of unix begins (KERNEL_TEXT of
// uts/i86pc/sys/machparam.h); lowestKernel the lowest address that a kernel has.
const (
	coreBase     = 0xffff_ffff_fb80_0000
	lowestKernel = 0xffff_8000_0000_0000
)

// Limits of the search.
const (
	maxCoreBytes = 256 << 20 // of mapped memory that is looked through
	scanBytes    = 64 << 10  // read at once
	maxHeads     = 64        // rings of modules that are tried
)

var errNoIllumos = fmt.Errorf("%w of illumos", ErrNoKernel)

// illumosByProcessors looks for the kernel in the address space of each processor.
func illumosByProcessors(ctx context.Context, m KernelMemory) (*IllumosKernel, error) {
	if virt := onlyVirtual(m); virt != nil {
		return illumosByAddress(ctx, m, virt)
	}
	src, ok := m.(Processors)
	if !ok {
		return nil, fmt.Errorf("%w: no registers were given", errNoIllumos)
	}
	list, err := src.Processors()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoIllumos, err)
	}
	tried, left := map[uint64]bool{}, newFindBudget()
	for i := range list {
		s := &list[i].System
		mode, known := (&rawCPU{Processor: list[i]}).mode()
		if !s.Has(HasCR3) || !known || mode != paging.Long4 {
			continue
		}
		t := paging.New(m.Physical(), paging.Long4, s.CR3, paging.Options{})
		if tried[t.Root()] {
			continue
		}
		tried[t.Root()] = true
		if k, err := illumosAt(ctx, m, t, left); k != nil || err != nil {
			return k, err
		}
	}
	return nil, fmt.Errorf("%w: no list of modules where one would be, by the page tables of %s", errNoIllumos, counted(len(tried), "processor"))
}

// probeIllumosMemory looks for the kernel's page table in all of a machine's memory:
// for machines whose processors were not in a kernel when their state was taken, or of
// which there is no state.
func probeIllumosMemory(ctx context.Context, target any) (any, error) {
	m, ok := machineMemory(target)
	if !ok {
		return nil, nil
	}
	f := &rootFinder{ctx: ctx, m: m, phys: m.Physical(), left: newFindBudget(), tried: map[uint64]bool{}}
	k, err := f.search()
	if k != nil {
		return k, nil
	}
	return nil, err
}

// findBudget is what may still be spent on a search.
type findBudget struct {
	bytes uint64
	heads int // rings of modules
}

func newFindBudget() *findBudget { return &findBudget{maxCoreBytes, maxHeads} }

// illumosAt looks for the kernel in an address space; nil without an error if it is not
// there.
func illumosAt(ctx context.Context, m KernelMemory, t *paging.Table, left *findBudget) (*IllumosKernel, error) {
	if _, _, err := t.Translate(coreBase); err != nil {
		return nil, nil
	}
	h := &headFinder{ctx: ctx, space: t.Space(1024), left: left}
	for {
		head, err := h.next(t)
		if head == 0 || left.heads <= 0 {
			return nil, err
		}
		left.heads--
		k := bareIllumos(m, nil)
		k.cr3 = t
		if k.fromRing(head) {
			return k, nil
		}
	}
}

// illumosByAddress looks for the kernel in a machine's virtual memory.
func illumosByAddress(ctx context.Context, m KernelMemory, virt mem.Space) (*IllumosKernel, error) {
	if _, err := virt.ReadAt(make([]byte, 1), coreBase); err != nil {
		return nil, fmt.Errorf("%w: where its text would be: %w", errNoIllumos, mem.Reason(err))
	}
	h := &headFinder{ctx: ctx, space: virt, left: newFindBudget()}
	for ; h.left.heads > 0; h.left.heads-- {
		head, err := h.nextByAddress()
		if err != nil {
			return nil, err
		}
		if head == 0 {
			break
		}
		k, w := bareIllumos(m, nil), &window{virt: virt}
		k.virt, k.phys = virt, w
		if k.fromRing(head) {
			base, err := k.global("kpm_vbase", 8)
			size, err2 := k.global("kpm_size", 8)
			if err == nil && err2 == nil {
				w.open(base, size)
			}
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w: no list of modules where one would be", errNoIllumos)
}

// fromRing sets a kernel up from the head of its ring of modules; it tells whether that
// is one.
func (k *IllumosKernel) fromRing(head uint64) bool {
	k.hasTypes = true
	k.loadModules(head)
	if k.byName["unix"] == nil || k.byName["unix"].Modctl != head || k.byName[parentModule] == nil {
		return false
	}
	table, err := k.moduleSymbols()
	if err != nil || k.setSymbols(table) != nil {
		return false
	}
	if at, ok := k.symbol("modules"); !ok || at != head {
		return false
	}
	k.setObjects()
	return true
}

// headFinder looks for heads of the ring of modules in what is mapped above coreBase.
type headFinder struct {
	ctx   context.Context
	space mem.Space
	from  uint64 // address to go on at
	left  *findBudget
}

// next gives the next address that looks like the head; 0 if there is none, with an
// error if the search was cancelled.
func (h *headFinder) next(t *paging.Table) (uint64, error) {
	buf := make([]byte, scanBytes)
	for p, err := range t.Pages(max(coreBase, h.from), ^uint64(0)) {
		if err != nil {
			continue
		}
		for at := max(p.VA, h.from&^(scanBytes-1)); at-p.VA < p.PageSize; at += scanBytes {
			if err := h.ctx.Err(); err != nil {
				return 0, err
			}
			n := min(scanBytes, p.PageSize-(at-p.VA))
			if h.left.bytes < n {
				return 0, nil
			}
			h.left.bytes -= n
			got, _ := h.space.ReadAt(buf[:n], mem.Addr(at))
			if head := h.scan(buf[:got], at); head != 0 {
				h.from = head + 8
				return head, nil
			}
		}
		if p.VA+(p.PageSize-1) == ^uint64(0) {
			break
		}
	}
	return 0, nil
}

// nextByAddress is next where only reading tells what is mapped.
func (h *headFinder) nextByAddress() (uint64, error) {
	buf := make([]byte, scanBytes)
	for at := max(coreBase, h.from&^(scanBytes-1)); at >= coreBase; {
		if err := h.ctx.Err(); err != nil {
			return 0, err
		}
		n := min(scanBytes, -at) // to the top
		got, _ := h.space.ReadAt(buf[:n], mem.Addr(at))
		if h.left.bytes < uint64(got) {
			return 0, nil
		}
		h.left.bytes -= uint64(got)
		if head := h.scan(buf[:got], at); head != 0 {
			h.from = head + 8
			return head, nil
		}
		at += max(uint64(got)&^(pageSize-1), pageSize)
	}
	return 0, nil
}

// scan looks for a head that begins in b, which lies at an address.
func (h *headFinder) scan(b []byte, at uint64) uint64 {
	le := binary.LittleEndian
	for off := 0; off+8 <= len(b); off += 8 {
		next, a := le.Uint64(b[off:]), at+uint64(off)
		if a < h.from || !kernelPointer(next) || next == a || h.word(next+8) != a {
			continue
		}
		if prev := h.word(a + 8); kernelPointer(prev) && h.word(prev) == a && h.named(a) {
			return a
		}
	}
	return 0
}

// kernelPointer tells whether a word may be the address of a structure of the kernel.
func kernelPointer(v uint64) bool { return v >= lowestKernel && v&7 == 0 && v < ^uint64(0)-modctlScan }

func (h *headFinder) word(a uint64) uint64 {
	v, err := mem.ReadUint(h.space, mem.Addr(a), 8, binary.LittleEndian)
	if err != nil {
		return 0
	}
	return v
}

// named tells whether one of the words at a points to the name of unix.
func (h *headFinder) named(a uint64) bool {
	var name [5]byte
	for off := uint64(16); off < modctlScan/4; off += 8 {
		p := h.word(a + off)
		if p >= lowestKernel && mem.ReadFull(h.space, name[:], mem.Addr(p)) == nil && bytes.Equal(name[:], []byte("unix\x00")) {
			return true
		}
	}
	return false
}

// rootFinder looks through physical memory for the top of a page table that has the
// kernel's text.
type rootFinder struct {
	ctx   context.Context
	m     KernelMemory
	phys  mem.Space
	left  *findBudget
	tried map[uint64]bool // tables of the top 1 GB: processes share the kernel's
}

var errNoRanges = fmt.Errorf("%w: where its memory lies is not known", errNoIllumos)

func (f *rootFinder) search() (*IllumosKernel, error) {
	ranges := f.ranges()
	if len(ranges) == 0 {
		return nil, errNoRanges
	}
	limit := newSearchLimit(f.ctx, f.m, ranges)
	defer limit.end()
	for r := range pieces(likeliest(ranges), scanChunk) {
		if !limit.more(r.Size) {
			if err := f.ctx.Err(); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%w: no page table leads to a list of modules%s", errNoIllumos, limit.end())
		}
		k, err := f.in(r)
		if k != nil || err != nil {
			return k, err
		}
	}
	return nil, fmt.Errorf("%w: no page table in memory leads to a list of modules", errNoIllumos)
}

// ranges are where memory is, without what was never written if that is known.
func (f *rootFinder) ranges() []mem.Mapping {
	if p, ok := f.m.(PresentMemory); ok {
		if list := p.PresentRanges(); list != nil {
			return list
		}
	}
	if r, ok := f.m.(PhysicalRanges); ok {
		return r.PhysicalRanges()
	}
	if r, ok := f.phys.(mem.Mapper); ok {
		return r.Mappings()
	}
	return nil
}

// in tries each page of a range as the top of a page table.
func (f *rootFinder) in(r mem.Mapping) (*IllumosKernel, error) {
	for n, pa := 0, (uint64(r.Base)+pageSize-1)&^uint64(pageSize-1); r.Contains(mem.Addr(pa)); n, pa = n+1, pa+pageSize {
		if n%1024 == 0 && f.ctx.Err() != nil {
			return nil, f.ctx.Err()
		}
		if low, ok := f.plausible(pa); !ok || f.tried[low] {
			continue
		} else {
			f.tried[low] = true
		}
		t := paging.New(f.phys, paging.Long4, pa, paging.Options{})
		if k, err := illumosAt(f.ctx, f.m, t, f.left); k != nil || err != nil {
			return k, err
		}
	}
	return nil, nil
}

// plausible tells whether the page has the entry of the top 512 GB, and the table it
// leads to that of the top 1 GB, like those that map the kernel's text; low is the
// table of the top 1 GB.
func (f *rootFinder) plausible(pa uint64) (low uint64, ok bool) {
	for range 2 {
		e, err := mem.ReadUint(f.phys, mem.Addr(pa+pageSize-8), 8, binary.LittleEndian)
		if err != nil || e&(paging.Present|paging.Writable|paging.Large) != paging.Present|paging.Writable {
			return 0, false
		}
		pa = e &^ paging.NoExec &^ (pageSize - 1)
	}
	return pa, true
}
