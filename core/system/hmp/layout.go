package hmp

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// A Range is a range of guest-physical addresses behind which there is memory.
type Range struct {
	Base, Size uint64 // guest-physical; bytes
	Name       string // of the RAM block
	Off        uint64 // of Base in it
}

// maxRanges bounds the ranges of a machine.
const maxRanges = 4096

// Layout reads what `info mtree -f` prints (softmmu/memory.c)
// and gives the ranges of memory that the address space "memory" has, ascending: those
// of kinds ram, rom and romd.
//
//	FlatView #0
//	 AS "memory", root: system
//	 Root memory region: system
//	  0000000000000000-00000000000c2fff (prio 0, ram): pc.ram
//	  00000000000c3000-00000000000e7fff (prio 0, rom): pc.ram @00000000000c3000 KVM
func Layout(text string) []Range {
	var list []Range
	in := false
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "FlatView #"):
			if in {
				return ascending(list)
			}
		case strings.HasPrefix(line, `AS "memory"`):
			in = true
		case in && len(list) < maxRanges:
			if b, ok := parseRange(line); ok {
				list = append(list, b)
			}
		}
	}
	return ascending(list)
}

// ascending sorts ranges and leaves out those that overlap one before.
func ascending(list []Range) []Range {
	slices.SortStableFunc(list, func(a, b Range) int { return cmp.Compare(a.Base, b.Base) })
	out := list[:0]
	for _, b := range list {
		if n := len(out); n > 0 && b.Base-out[n-1].Base < out[n-1].Size {
			continue
		}
		out = append(out, b)
	}
	return out
}

func parseRange(line string) (b Range, ok bool) {
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
	b = Range{Base: lo, Size: hi - lo + 1}
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
