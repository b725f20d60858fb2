package system

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
)

// Bounds of what is read of an address space.
const (
	maxAreas     = 1 << 18 // vm.max_map_count is 65530 unless set
	maxTreeNodes = 1 << 16
	maxPathParts = 256
	maxPathName  = 256
)

// areas are the mapped areas of an mm_struct, ascending, with the paths of mapped files
// as the root of the machine sees them. What was read up to damage comes with the error.
func (k *LinuxKernel) areas(mm uint64) ([]mem.Mapping, error) {
	var maps []mem.Mapping
	add := func(vma uint64) bool {
		m, err := k.area(mm, vma)
		if err != nil {
			return true // one that is torn down: the rest is good
		}
		maps = append(maps, m)
		return len(maps) < maxAreas
	}
	var err error
	if root, merr := k.member("struct mm_struct", "mm_mt"); merr == nil { // since 6.1
		err = k.mapleEntries(mm+root.off, add)
	} else {
		err = k.areaList(mm, add)
	}
	slices.SortFunc(maps, func(a, b mem.Mapping) int { return cmp.Compare(a.Base, b.Base) })
	return maps, err
}

// areaList walks the list that address spaces were until 6.0.
func (k *LinuxKernel) areaList(mm uint64, add func(vma uint64) bool) error {
	at, err := k.uintMember("struct mm_struct", "mmap", mm)
	seen := map[uint64]bool{}
	for ; err == nil && at != 0; at, err = k.uintMember("struct vm_area_struct", "vm_next", at) {
		if seen[at] {
			return fmt.Errorf("list of areas comes to %#x again", at)
		}
		seen[at] = true
		if !add(at) {
			return nil
		}
	}
	return err
}

// Kinds of nodes of a maple tree (enum maple_type of linux/maple_tree.h), which are
// bits 3 to 6 of a pointer to one; it is aligned to 256.
const (
	mapleLeaf   = 1
	mapleRange  = 2
	mapleArange = 3
	mapleMask   = 0xff
)

// mapleNode is what is known of a kind.
type mapleNode struct {
	pivot, slot memberAt
}

// mapleEntries walks the entries of a struct maple_tree in order.
func (k *LinuxKernel) mapleEntries(tree uint64, add func(entry uint64) bool) error {
	root, err := k.uintMember("struct maple_tree", "ma_root", tree)
	if err != nil {
		return err
	}
	w := mapleWalk{k: k, add: add, seen: map[uint64]bool{}}
	for kind, typ := range map[uint64]string{mapleLeaf: "struct maple_range_64", mapleRange: "struct maple_range_64", mapleArange: "struct maple_arange_64"} {
		var err1, err2 error
		w.nodes[kind].pivot, err1 = k.member(typ, "pivot")
		w.nodes[kind].slot, err2 = k.member(typ, "slot")
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
	}
	if root&3 != 2 || root < pageSize { // not a node: the one entry, or none
		if root != 0 && root&3 == 0 {
			add(root)
		}
		return nil
	}
	_, err = w.node(root, 0, ^uint64(0))
	return err
}

// mapleWalk is a walk of a tree.
type mapleWalk struct {
	k     *LinuxKernel
	add   func(uint64) bool
	nodes [4]mapleNode
	seen  map[uint64]bool
	depth int
}

// maxMapleDepth bounds the height: MAPLE_HEIGHT_MAX.
const maxMapleDepth = 31

// node walks a node that is about [lo, hi]; more is false when the walk is to end.
func (w *mapleWalk) node(ptr, lo, hi uint64) (more bool, err error) {
	kind, at := ptr>>3&0xf, ptr&^mapleMask
	if kind < mapleLeaf || kind > mapleArange {
		return false, fmt.Errorf("maple node %#x is of kind %d", at, kind)
	}
	if w.seen[at] || len(w.seen) >= maxTreeNodes || w.depth >= maxMapleDepth {
		return false, fmt.Errorf("maple tree comes to %#x again", at)
	}
	w.seen[at] = true
	w.depth++
	defer func() { w.depth-- }()
	b := make([]byte, mapleMask+1)
	if err := mem.ReadFull(w.k.space, b, mem.Addr(at)); err != nil {
		return false, err
	}
	n := &w.nodes[kind]
	words := func(m memberAt) []byte { return b[min(m.off, 256):min(m.off+m.size, 256)] }
	pivots, slots := words(n.pivot), words(n.slot)
	for i := 0; 8*i+8 <= len(slots); i++ {
		last := hi
		if 8*i+8 <= len(pivots) {
			if p := binary.LittleEndian.Uint64(pivots[8*i:]); p != 0 || i == 0 {
				last = min(p, hi)
			}
		}
		if slot := binary.LittleEndian.Uint64(slots[8*i:]); kind == mapleLeaf {
			if slot >= pageSize && slot&3 == 0 && !w.add(slot) {
				return false, nil
			}
		} else if slot >= pageSize {
			if more, err := w.node(slot, lo, last); !more {
				return false, err
			}
		}
		if last >= hi {
			break
		}
		lo = last + 1
	}
	return true, nil
}

// Protection in vm_flags (linux/mm.h).
const (
	vmRead  = 1
	vmWrite = 2
	vmExec  = 4
)

// area reads a struct vm_area_struct.
func (k *LinuxKernel) area(mm, vma uint64) (m mem.Mapping, err error) {
	get := func(name string) uint64 {
		v, e := k.uintMember("struct vm_area_struct", name, vma)
		err = errors.Join(err, e)
		return v
	}
	start, end, flags, off, file := get("vm_start"), get("vm_end"), get("vm_flags"), get("vm_pgoff"), get("vm_file")
	if err != nil {
		return m, err
	}
	if end <= start {
		return m, fmt.Errorf("area %#x ends at %#x before it begins at %#x", vma, end, start)
	}
	m = mem.Mapping{Base: mem.Addr(start), Size: end - start}
	for bit, p := range map[uint64]mem.Prot{vmRead: mem.ProtRead, vmWrite: mem.ProtWrite, vmExec: mem.ProtExec} {
		if flags&bit != 0 {
			m.Prot |= p
		}
	}
	if file != 0 {
		m.Off = off << pageShift
		if m.Name, err = k.filePath(file); err != nil {
			m.Name, err = fmt.Sprintf("[ file %x ]", file), nil
		}
		return m, nil
	}
	m.Name = k.areaName(mm, start, end)
	return m, nil
}

// areaName names an area without a file as /proc does.
func (k *LinuxKernel) areaName(mm, start, end uint64) string {
	at := func(name string) uint64 {
		v, _ := k.uintMember("struct mm_struct", name, mm)
		return v
	}
	if s := at("start_stack"); s >= start && s < end {
		return "[stack]"
	}
	if brk := at("brk"); start <= brk && end >= at("start_brk") && brk != at("start_brk") {
		return "[heap]"
	}
	if at("context.vdso") == start {
		return "[vdso]"
	}
	return ""
}

// filePath is the path of a struct file: the names of its dentries up to the root of
// the mount, then those of the mount's place, up to the first mount.
func (k *LinuxKernel) filePath(file uint64) (string, error) {
	dentry, err1 := k.uintMember("struct file", "f_path.dentry", file)
	mnt, err2 := k.uintMember("struct file", "f_path.mnt", file)
	in, err3 := k.member("struct mount", "mnt")
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", err
	}
	mount := mnt - in.off
	var parts []string
	for range maxPathParts {
		root, err := k.uintMember("struct mount", "mnt.mnt_root", mount)
		if err != nil {
			return "", err
		}
		parent, err := k.uintMember("struct dentry", "d_parent", dentry)
		if err != nil {
			return "", err
		}
		switch {
		case dentry == root || dentry == parent:
			up, err := k.uintMember("struct mount", "mnt_parent", mount)
			if err != nil {
				return "", err
			}
			if up == mount || up == 0 {
				slices.Reverse(parts)
				return "/" + strings.Join(parts, "/"), nil
			}
			if dentry, err = k.uintMember("struct mount", "mnt_mountpoint", mount); err != nil {
				return "", err
			}
			mount = up
		default:
			name, err := k.dentryName(dentry)
			if err != nil {
				return "", err
			}
			parts = append(parts, name)
			dentry = parent
		}
	}
	return "", errors.New("path has no end")
}

func (k *LinuxKernel) dentryName(dentry uint64) (string, error) {
	at, err := k.uintMember("struct dentry", "d_name.name", dentry)
	if err != nil {
		return "", err
	}
	return mem.ReadString(k.space, mem.Addr(at), maxPathName)
}
