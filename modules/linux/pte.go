package linux

import (
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
		Help: "Prints what the entry means whose value is given for an address.\n",
		Opts: []core.Opt{{Letter: 'l', Kind: core.Uint, Arg: "N", Help: "the level of its table, 0 (which maps 4 KB pages) by default"}},
	}}
}

func runPTE(c *core.Ctx) error {
	pte := c.Addr
	level, _ := c.OptUint('l')
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
	}
	c.Record(func() { c.Printf("pte=0x%llr: pfn=0x%lr %s\n", pte, frame>>pageShift, strings.Join(flags, " ")) },
		out.Field{Name: "pte", Value: out.Hex(pte)}, out.Field{Name: "pfn", Value: out.Hex(frame >> pageShift)},
		out.Field{Name: "flags", Value: flags}, out.Field{Name: "valid", Value: pte&pteValid != 0})
	return nil
}
