package unix

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Bits of an entry of a page table.
const (
	ptValid     = 0x1
	ptWritable  = 0x2
	ptUser      = 0x4
	ptWriteThru = 0x8
	ptNoCache   = 0x10
	ptRef       = 0x20
	ptMod       = 0x40
	ptPageSize  = 0x80 // above level 0
	ptPAT4K     = 0x80 // at level 0
	ptPATLarge  = 0x1000
	ptNoSync    = 0x200
	ptNoConsist = 0x400

	ptAddr      = 0x000ffffffffff000
	ptAddrLarge = 0x000fffffffffe000
)

// ptePFN is the page that an entry maps, or that of the table below.
func ptePFN(pte, level uint64) uint64 {
	if level > 0 && pte&ptPageSize != 0 {
		return pte & ptAddrLarge >> pageShift
	}
	return pte & ptAddr >> pageShift
}

// caching are the attributes that the kernel sets up for the bits of an entry.
var caching = [8]string{"wrback", "wrthru", "uncached", "uncached", "wrback", "wrthru", "wrcombine", "uncached"}

// describe names what is set in an entry, and how its page is cached if not as usual.
func (m *mmu) describe(pte, level uint64) (flags []string, cached string) {
	flags = []string{} // in JSON too
	large := level > 0 && pte&ptPageSize != 0
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"noexec", pte&m.nx != 0}, {"noconsist", pte&ptNoConsist != 0}, {"nosync", pte&ptNoSync != 0},
		{"global", pte&m.global != 0}, {"largepage", large}, {"mod", level > 0 && pte&ptMod != 0}, {"ref", level > 0 && pte&ptRef != 0},
		{"user", pte&ptUser != 0}, {"write", pte&ptWritable != 0},
	} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	i := pte >> 3 & 3
	if large && pte&ptPATLarge != 0 || level == 0 && pte&ptPAT4K != 0 {
		i += 4
	}
	if i != 0 {
		cached = caching[i]
	}
	return flags, cached
}

// show prints an entry, behind what lead prints.
func (m *mmu) show(lead func(), pte, level uint64, more ...out.Field) {
	flags, cached := m.describe(pte, level)
	c := m.c
	c.Record(func() {
		lead()
		c.Printf("pte=0x%llr: pfn=0x%lr ", pte, ptePFN(pte, level))
		if len(flags) > 0 {
			c.Printf("%s ", strings.Join(flags, " "))
		}
		c.Printf("%s", cached)
		if pte&ptValid == 0 {
			c.Printf(" !VALID ")
		}
		c.Printf("\n")
	}, append(more, out.Field{Name: "pte", Value: out.Hex(pte)}, out.Field{Name: "pfn", Value: out.Hex(ptePFN(pte, level))},
		out.Field{Name: "flags", Value: flags}, out.Field{Name: "caching", Value: cached}, out.Field{Name: "valid", Value: pte&ptValid != 0})...)
}

// hatDcmds are the commands about page tables.
func hatDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "vatopfn", Usage: ":[-a as]", Descr: "translate address to physical page", Run: noArgs(runVatopfn),
			Opts: []core.Opt{{Letter: 'a', Kind: core.Str, Arg: "as", Help: "the address space, that of the kernel by default"}}},
		{Name: "report_maps", Usage: ":[-m]", Descr: "Given PFN, report mappings / page table usage", Run: noArgs(runReportMaps),
			Help: "Prints the hats that map the page at the page frame number, with the addresses, or use\nit as a page table.\n",
			Opts: []core.Opt{machineOpt}},
		{Name: "htables", Usage: ":", Descr: "Given hat_t *, lists all its htable_t * values", Type: "hat_t", Run: noArgs(runHtables),
			Help: "Lists the page tables of a hat.\n"},
		{Name: "ptable", Usage: ":[-lm]", Descr: "Given PFN, dump contents of a page table", Run: noArgs(runPtable),
			Help: "Prints the page table in the page at the page frame number, and its htable.\n",
			Opts: []core.Opt{machineOpt, {Letter: 'l', Kind: core.Uint, Arg: "level", Help: "its level, 3 the top, instead of the htable's"}}},
		{Name: "ptmap", Usage: ":", Descr: "Given a cr3 value, dump all mappings", Run: noArgs(runPtmap),
			Help: "Prints what the page tables map whose top is at the physical address, %cr3.\n",
			Opts: []core.Opt{{Letter: 'w', Help: "with ::whatis of the ranges' starts"}}},
		{Name: "pte", Usage: ":[-l N]", Descr: "print human readable page table entry", Run: noArgs(runPTE),
			Help: "Prints what the entry means whose value is given for an address.\n",
			Opts: []core.Opt{{Letter: 'l', Kind: core.Uint, Arg: "N", Help: "the level of its table, 0 by default"}}},
		{Name: "pfntomfn", Usage: ":", Descr: "convert physical page to hypervisor machine page", Run: noArgs(runSame)},
		{Name: "mfntopfn", Usage: ":", Descr: "convert hypervisor machine page to physical page", Run: noArgs(runSame)},
	}
}

// Pages of the machine are those of the kernel, but below Xen.
var machineOpt = core.Opt{Letter: 'm', Help: "the number is the hypervisor's"}

func runSame(c *core.Ctx) error {
	c.Record(func() { c.Printf("%lr\n", c.Addr) }, out.Field{Name: "pfn", Value: out.Hex(c.Addr)})
	return nil
}

func runPTE(c *core.Ctx) error {
	m, err := openMMU(c)
	if err != nil {
		return err
	}
	level, _ := c.OptUint('l')
	if level > m.maxLevel {
		return fmt.Errorf("invalid level %d", level)
	}
	if c.Addr != 0 {
		m.show(func() {}, c.Addr, level)
	}
	return nil
}

func runPtable(c *core.Ctx) error {
	m, err := openMMU(c)
	if err != nil {
		return err
	}
	level, given := c.OptUint('l')
	if given && level > m.maxLevel {
		return fmt.Errorf("invalid level %d", level)
	}
	var found *htable
	err = m.hats(func(h *hat) bool {
		c.Fail(h.tables(func(t *htable) bool {
			if t.pfn == c.Addr {
				found = t
			}
			return found == nil
		}))
		return found == nil && c.Err() == nil
	})
	if found == nil {
		c.Fail(err)
	}
	base := uint64(0)
	switch {
	case found == nil:
		c.Warnf("couldn't find matching htable, using level=%d, base address=0x0", level)
	default:
		if !c.Opts.JSON {
			c.Printf("htable=%p\n", found.addr)
		}
		if !given {
			level = found.level
		} else if found.level != level {
			c.Warnf("htable has level %d but forcing level %d", found.level, level)
		}
		base = found.va
	}
	b := make([]byte, m.ptes*8)
	if err := mem.ReadFull(m.phys, b, mem.Addr(c.Addr<<pageShift)); err != nil {
		return kernel.Failed(err, "couldn't read page table %x", c.Addr)
	}
	for i := range m.ptes {
		pte := binary.LittleEndian.Uint64(b[8*i:])
		if pte == 0 {
			continue
		}
		va := signed(base + i<<m.shift[level])
		m.show(func() { c.Printf("[%3d] va=0x%p ", i, va) }, pte, level, out.Field{Name: "index", Value: i}, out.Field{Name: "va", Value: out.Hex(va)})
	}
	return nil
}

// signed makes an address of its 48 bits.
func signed(va uint64) uint64 { return uint64(int64(va<<16) >> 16) }

// maxTables bounds the page tables that ::ptmap reads: damaged ones may be each
// other's.
const maxTables = 1 << 22

// mapping is a range of addresses that are mapped alike.
type mapping struct {
	start       uint64
	open        bool
	user, write bool
}

// ptmap goes through page tables.
type ptmap struct {
	m      *mmu
	cur    mapping
	whatis bool
	tables int
}

func runPtmap(c *core.Ctx) error {
	m, err := openMMU(c)
	if err != nil {
		return err
	}
	p := &ptmap{m: m, whatis: c.Opt('w')}
	if err := p.walk(c.Addr&^(1<<pageShift-1), m.maxLevel, 0); err != nil {
		return err
	}
	p.close(signed(m.ptes << m.shift[m.maxLevel]))
	return nil
}

// walk goes through a table of a level that maps addresses from va on.
func (p *ptmap) walk(at, level, va uint64) error {
	m := p.m
	if p.tables++; p.tables > maxTables {
		return fmt.Errorf("more than %d page tables: that at %x is not the last", maxTables, at)
	}
	b := make([]byte, m.ptes*8)
	if err := mem.ReadFull(m.phys, b, mem.Addr(at)); err != nil {
		return kernel.Failed(err, "couldn't read pte at %x", at)
	}
	if m.c.Err() != nil {
		return core.ErrIntr
	}
	for i := range m.ptes {
		pte := binary.LittleEndian.Uint64(b[8*i:])
		here := va + i<<m.shift[level]
		switch {
		case pte&ptValid == 0:
			p.close(signed(here))
		case level == 0 || pte&ptPageSize != 0:
			p.add(signed(here), pte)
		default:
			if err := p.walk(ptePFN(pte, level)<<pageShift, level-1, here); err != nil {
				return err
			}
		}
	}
	return nil
}

// add adds a page to the range, or begins another.
func (p *ptmap) add(va, pte uint64) {
	user, write := pte&ptUser != 0, pte&ptWritable != 0
	if p.cur.open && (p.cur.user != user || p.cur.write != write) {
		p.close(va)
	}
	if !p.cur.open {
		p.cur = mapping{va, true, user, write}
	}
}

// close ends a range and prints it.
func (p *ptmap) close(end uint64) {
	if !p.cur.open {
		return
	}
	r, c := p.cur, p.m.c
	p.cur.open = false
	who, how := "kernel", "read-only"
	if r.user {
		who = "user"
	}
	if r.write {
		how = "writable"
	}
	c.Record(func() { c.Printf("mapped %s,%s range of %lu bytes: %a-%a\n", who, how, end-r.start, r.start, end-1) },
		out.Field{Name: "start", Value: out.Hex(r.start)}, out.Field{Name: "size", Value: end - r.start},
		out.Field{Name: "user", Value: r.user}, out.Field{Name: "write", Value: r.write})
	if p.whatis && r.start >= p.m.kernelBase {
		_ = c.Session.Eval.Eval(c, c.Session, fmt.Sprintf("0x%x::whatis", r.start)) // what fails has told why
	}
}
