package qemu

import (
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core/system/hmp"
)

// A block is a range of guest-physical addresses behind which there is memory of the
// host.
type block struct {
	hmp.Range
	HVA uint64 // address in the hypervisor, 0 if it is not known
}

// parseLayout reads `info mtree -f`.
func parseLayout(text string) []block {
	var list []block
	for _, r := range hmp.Layout(text) {
		list = append(list, block{Range: r})
	}
	return list
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
		return []block{{Range: hmp.Range{Size: size}}}
	}
	return []block{{Range: hmp.Range{Size: low}}, {Range: hmp.Range{Base: 1 << 32, Size: size - low, Off: low}}}
}
