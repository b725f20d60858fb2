package linux

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// Bits of an entry of a page table, as Linux uses them (arch/x86/include/asm/
// pgtable_types.h).
const (
	pteValid    = 1 << 0
	pteLarge    = 1 << 7 // above the last level
	ptePAT      = 1 << 7 // in the last level
	ptePATLarge = 1 << 12
	pteProtNone = 1 << 8 // of an entry that is not valid: mapped without access
	pteFrame    = 0x000f_ffff_ffff_f000
)

var pteFlags = []struct {
	bit  uint64
	name string
}{
	{1 << 63, "noexec"}, {1 << 58, "dirty-saved"}, {1 << 57, "uffd-wp"}, {1 << 11, "soft-dirty"}, {1 << 9, "special"}, {1 << 8, "global"},
	{1 << 6, "dirty"}, {1 << 5, "accessed"}, {1 << 2, "user"}, {1 << 1, "write"},
}

// pteCaching is how pages are cached by the bits of an entry, as arch/x86/mm/pat sets it
// up; "" is the usual.
var pteCaching = [8]string{"", "wrcombine", "uncached-minus", "uncached", "", "wrprotect", "uncached-minus", "wrthru"}

func pteDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "pte", Usage: ":[-l N]", Descr: "print human readable page table entry", Run: noArgs(runPTE),
		Help: "Prints what the entry means whose value is given for an address. One of a page that is\n" +
			"swapped out has the number of the swap device and the page's place on it; the kernel's\n" +
			"highest numbers are no devices but pages that migrate and the like.\n\n" +
			"-l N  the level of its table: 0, by default, maps pages of 4 KB\n",
		Opts: []core.Opt{{Letter: 'l', Kind: core.Uint, Arg: "N", Help: "the level of its table, 0 (which maps 4 KB pages) by default"}},
	}}
}

// A last-level entry that is neither valid nor zero tells where the page went to
// (arch/x86/include/asm/pgtable_64.h): the type in the highest 5 bits, the offset, inverted
// against L1TF, below. The kernel's highest types are no swap devices: which of them mean a
// page that migrates, one of a device, one that is broken, or a marker, depends on how it
// was built.
const (
	swapTypeShift   = 64 - 5
	swapOffsetShift = 9 + 5
)

func swapEntry(pte uint64) (typ, offset uint64) {
	return pte >> swapTypeShift, ^pte << 5 >> swapOffsetShift
}

// swapped prints an entry of a page that is not in memory.
func swapped(c *core.Ctx, pte, level uint64) {
	if level > 0 {
		c.Record(func() { c.Printf("pte=0x%llr: !VALID\n", pte) },
			out.Field{Name: "pte", Value: out.Hex(pte)}, out.Field{Name: "flags", Value: []string{"!VALID"}}, out.Field{Name: "valid", Value: false})
		return
	}
	typ, offset := swapEntry(pte)
	c.Record(func() { c.Printf("pte=0x%llr: !VALID swap type %d, offset 0x%llr\n", pte, typ, offset) },
		out.Field{Name: "pte", Value: out.Hex(pte)}, out.Field{Name: "flags", Value: []string{"!VALID"}}, out.Field{Name: "valid", Value: false},
		out.Field{Name: "swaptype", Value: typ}, out.Field{Name: "swapoffset", Value: out.Hex(offset)})
}

// maxLevel is the level of the highest table, of 5-level paging.
const maxLevel = 4

func runPTE(c *core.Ctx) error {
	pte := c.Addr
	level, _ := c.OptUint('l')
	if level > maxLevel {
		return fmt.Errorf("there are no page tables of level %d", level)
	}
	large := level > 0 && pte&pteLarge != 0
	frame := pte & pteFrame
	if large {
		frame &^= ptePATLarge
	}
	flags := []string{}
	for _, f := range pteFlags {
		if pte&f.bit != 0 && (pte&pteValid != 0 || f.bit != pteProtNone) {
			flags = append(flags, f.name)
		}
	}
	if large {
		flags = append(flags, "largepage")
	}
	i := pte >> 3 & 3
	if large && pte&ptePATLarge != 0 || level == 0 && pte&ptePAT != 0 {
		i |= 4
	}
	if pteCaching[i] != "" {
		flags = append(flags, pteCaching[i])
	}
	switch {
	case pte&pteValid != 0:
	case pte&pteProtNone != 0:
		flags = append(flags, "protnone")
	default:
		flags = append(flags, "!VALID")
		if pte != 0 {
			swapped(c, pte, level)
			return nil
		}
	}
	c.Record(func() { c.Printf("pte=0x%llr: pfn=0x%lr %s\n", pte, frame>>pageShift, strings.Join(flags, " ")) },
		out.Field{Name: "pte", Value: out.Hex(pte)}, out.Field{Name: "pfn", Value: out.Hex(frame >> pageShift)},
		out.Field{Name: "flags", Value: flags}, out.Field{Name: "valid", Value: pte&pteValid != 0})
	return nil
}
