package qemu

import (
	"strconv"
	"strings"
)

// A vma is a line of a process' memory map.
type vma struct {
	start, end uint64
	shared     bool
	readable   bool
	off        uint64 // in the file
	dev        string // major:minor, hexadecimal
	inode      uint64
	path       string
}

// parseMaps reads /proc/PID/maps (proc(5)).
func parseMaps(text string) []vma {
	var list []vma
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimRight(line, "\n"), " ", 6)
		if len(f) < 5 || len(f[1]) != 4 {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		off, err3 := strconv.ParseUint(f[2], 16, 64)
		inode, err4 := strconv.ParseUint(f[4], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil || end <= start {
			continue
		}
		v := vma{start: start, end: end, off: off, dev: f[3], inode: inode, shared: f[1][3] == 's', readable: f[1][0] == 'r'}
		if len(f) == 6 {
			v.path = strings.TrimLeft(f[5], " ")
		}
		list = append(list, v)
	}
	return list
}

// covering finds the mapping that holds an address.
func covering(maps []vma, addr uint64) *vma {
	for i := range maps {
		if addr-maps[i].start < maps[i].end-maps[i].start {
			return &maps[i]
		}
	}
	return nil
}
