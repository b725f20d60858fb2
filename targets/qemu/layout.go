package qemu

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// A block is a range of guest-physical addresses behind which there is memory of the
// host.
type block struct {
	Base, Size uint64 // guest-physical
	Name       string // of the RAM block
	Off        uint64 // of Base in it
	HVA        uint64 // address in the hypervisor, 0 if it is not known
}

// maxBlocks bounds the ranges of a machine.
const maxBlocks = 4096

// parseLayout reads what the human monitor's `info mtree -f` prints (softmmu/memory.c)
// and gives the ranges of memory that the address space "memory" has, ascending: those
// of kinds ram, rom and romd.
//
//	FlatView #0
//	 AS "memory", root: system
//	 Root memory region: system
//	  0000000000000000-00000000000c2fff (prio 0, ram): pc.ram
//	  00000000000c3000-00000000000e7fff (prio 0, rom): pc.ram @00000000000c3000 KVM
func parseLayout(text string) []block {
	var list []block
	in := false
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "FlatView #"):
			if in {
				return ascending(list)
			}
		case strings.HasPrefix(line, `AS "memory"`):
			in = true
		case in && len(list) < maxBlocks:
			if b, ok := parseRange(line); ok {
				list = append(list, b)
			}
		}
	}
	return ascending(list)
}

// ascending sorts ranges and leaves out those that overlap one before.
func ascending(list []block) []block {
	slices.SortStableFunc(list, func(a, b block) int { return cmp.Compare(a.Base, b.Base) })
	out := list[:0]
	for _, b := range list {
		if n := len(out); n > 0 && b.Base-out[n-1].Base < out[n-1].Size {
			continue
		}
		out = append(out, b)
	}
	return out
}

func parseRange(line string) (b block, ok bool) {
	span, rest, ok := strings.Cut(line, " (")
	if !ok {
		return b, false
	}
	kind, name, ok := strings.Cut(rest, "): ")
	if !ok || !(strings.HasSuffix(kind, ", ram") || strings.HasSuffix(kind, ", rom") || strings.HasSuffix(kind, ", romd")) {
		return b, false
	}
	from, to, ok := strings.Cut(span, "-")
	lo, err := strconv.ParseUint(from, 16, 64)
	hi, err2 := strconv.ParseUint(to, 16, 64)
	if !ok || err != nil || err2 != nil || hi < lo || hi-lo == 1<<64-1 {
		return b, false
	}
	b = block{Base: lo, Size: hi - lo + 1}
	name = strings.TrimSuffix(name, " KVM")
	if i := strings.LastIndex(name, " @"); i >= 0 {
		off, err := strconv.ParseUint(name[i+2:], 16, 64)
		if err != nil {
			return b, false
		}
		b.Off, name = off, name[:i]
	}
	b.Name = name
	return b, b.Off+b.Size >= b.Off
}

// parseHVA reads the answer to `gpa2hva`: "Host virtual address for 0x0 (pc.ram) is
// 0x7f2dcfe00000".
func parseHVA(text string) (uint64, bool) {
	i := strings.LastIndex(text, " is 0x")
	if i < 0 || !strings.HasPrefix(text, "Host virtual address for ") {
		return 0, false
	}
	v, err := strconv.ParseUint(strings.TrimSpace(text[i+6:]), 16, 64)
	return v, err == nil && v != 0
}

// splitLow gives the ranges of a PC's memory of size bytes that is one RAM block:
// what does not fit below the hole for devices continues at 4 GiB. The size of the
// lower part depends on the machine (hw/i386/pc_piix.c pc_init1, pc_q35.c
// pc_q35_init, microvm.c): whole gibibytes where memory does not fit.
func splitLow(size uint64, c command) []block {
	full, low := uint64(0xe0000000), uint64(0xc0000000)
	switch {
	case strings.Contains(c.machine, "q35"):
		full, low = 0xb0000000, 0x80000000
	case strings.Contains(c.machine, "microvm"):
		full = 0xc0000000
	}
	if c.lowest != 0 && c.lowest < full {
		full, low = c.lowest, c.lowest
	}
	if size <= low || size < full {
		return []block{{Size: size}}
	}
	return []block{{Size: low}, {Base: 1 << 32, Size: size - low, Off: low}}
}
