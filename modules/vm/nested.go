package vm

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Geometry of nested page tables, Intel's (EPT) and AMD's (RVI, the ordinary format).
const (
	pageShift   = 12
	pageSize    = 1 << pageShift
	tableLevels = 4
	entryPA     = 0x000ffffffffff000
	entryLarge  = 0x80
	eptAccess   = 0x7 // read, write, execute: an EPT entry without any is empty
	rviPresent  = 0x1
)

// errNotTouched is why a page of a guest's memory is in no nested page table.
var errNotTouched = errors.New("the guest has not touched the page")

// nestedSpace is a guest's memory by its nested page tables: what the guest has touched.
type nestedSpace struct {
	virt   mem.Space // the host kernel's
	phys   mem.Space
	root   uint64 // kernel address of the table at the top
	levels int
	valid  uint64 // bits of an entry that is in use
}

type pmapLayout struct {
	Root kernel.Field `ctf:"vms_pmap.pm_pml4"`
	Type kernel.Field `ctf:"vms_pmap.pm_type"`
}

// gptLayout is what took the place of the pmap in 2021.
type gptLayout struct {
	GPT kernel.Field `ctf:"vms_gpt"`
}

// pmapRVI is PT_RVI of enum pmap_type.
const pmapRVI = 2

// nested gives the machine's nested page tables as a space.
func (g *bhyveVM) nested() (*nestedSpace, error) {
	phys, err := g.hostPhysical()
	if err != nil {
		return nil, err
	}
	s := &nestedSpace{virt: g.v.Space(), phys: phys, levels: tableLevels, valid: eptAccess}
	if g.vendor == AMD {
		s.valid = rviPresent
	}
	space := g.l.Space.Of(g.b)
	l, err := kernel.Lay[pmapLayout](g.v, "struct vmspace")
	if err != nil {
		return g.gpt(s, space)
	}
	size, err := g.v.Size("struct vmspace")
	if err != nil {
		return nil, err
	}
	b, err := g.v.Bytes(space, size, nil)
	if err != nil {
		return nil, kernel.BadRead("struct vmspace", space, err)
	}
	if s.root = l.Root.Of(b); l.Type.Of(b) == pmapRVI {
		s.valid = rviPresent
	}
	return s, nil
}

// gpt finds the tables of a vmspace that has a vmm_gpt_t.
func (g *bhyveVM) gpt(s *nestedSpace, space uint64) (*nestedSpace, error) {
	l, err := kernel.Lay[gptLayout](g.v, "struct vmspace")
	if err != nil {
		return nil, err
	}
	at, err := g.v.Pointer(space + l.GPT.Off)
	if err != nil {
		return nil, kernel.BadRead("struct vmspace", space, err)
	}
	root, err := kernel.Lay[struct {
		Root kernel.Field `ctf:"vgpt_root"`
	}](g.v, "struct vmm_gpt")
	if err != nil {
		return nil, err
	}
	node, err := g.v.Pointer(at + root.Root.Off)
	if err != nil {
		return nil, kernel.BadRead("struct vmm_gpt", at, err)
	}
	entries, err := kernel.Lay[struct {
		Entries kernel.Field `ctf:"vgn_entries"`
	}](g.v, "struct vmm_gpt_node")
	if err != nil {
		return nil, err
	}
	if s.root, err = g.v.Pointer(node + entries.Entries.Off); err != nil {
		return nil, kernel.BadRead("struct vmm_gpt_node", node, err)
	}
	return s, nil
}

// Translate gives the host's physical address of a guest-physical one, and how many
// bytes from it on lie on the same page. Its errors are reasons.
func (s *nestedSpace) Translate(gpa uint64) (pa, n uint64, err error) {
	if gpa>>(pageShift+9*uint(s.levels)) != 0 {
		return 0, 0, mem.ErrUnmapped
	}
	table := uint64(0)
	for level := s.levels - 1; level >= 0; level-- {
		shift := pageShift + 9*uint(level)
		at := gpa >> shift & 0x1ff * 8
		e, err := s.entry(table, at, level)
		if err != nil {
			return 0, 0, err
		}
		switch {
		case e&s.valid == 0:
			return 0, 0, errNotTouched
		case level == 0 || e&entryLarge != 0:
			if level > 2 {
				return 0, 0, fmt.Errorf("nested page table entry %#x of %#x is damaged", e, gpa)
			}
			mask := uint64(1)<<shift - 1
			return e&entryPA&^mask | gpa&mask, mask + 1 - gpa&mask, nil
		}
		table = e & entryPA
	}
	return 0, 0, mem.ErrUnmapped
}

// entry reads an entry: of the top table by the kernel's address, of others by their
// physical one.
func (s *nestedSpace) entry(table, at uint64, level int) (uint64, error) {
	sp, base := s.phys, table
	if level == s.levels-1 {
		sp, base = s.virt, s.root
	}
	e, err := mem.ReadUint(sp, mem.Addr(base+at), 8, binary.LittleEndian)
	if err != nil {
		return 0, fmt.Errorf("nested page table at %x cannot be read: %w", base, mem.Reason(err))
	}
	return e, nil
}

// ReadAt implements mem.Space.
func (s *nestedSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	return readPages(s.phys, s.Translate, p, a)
}

// readPages reads memory whose pages translate finds in physical memory.
func readPages(phys mem.Space, translate func(uint64) (pa, n uint64, err error), p []byte, a mem.Addr) (int, error) {
	done := 0
	for done < len(p) {
		at := a + mem.Addr(done)
		pa, n, err := translate(uint64(at))
		if err == nil && at < a {
			err = mem.ErrUnmapped
		}
		if err != nil {
			return done, mem.Fault(at, err)
		}
		k := int(min(n, uint64(len(p)-done)))
		got, err := phys.ReadAt(p[done:done+k], mem.Addr(pa))
		if done += got; got < k {
			if err == nil {
				err = mem.ErrNotDumped
			}
			return done, mem.Fault(a+mem.Addr(done), mem.Reason(err))
		}
	}
	return done, nil
}
