package system

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
)

// maxAreas bounds what is read of an address space: vm.max_map_count is 65530 unless set.
const maxAreas = 1 << 18

// areas are the mapped areas of an mm_struct, ascending, with the paths of mapped files
// as the root of the machine sees them. What was read up to damage comes with the error.
func (k *LinuxKernel) areas(mm uint64) (maps []mem.Mapping, err error) {
	err = k.Retry(func() (err error) {
		maps, err = k.readAreas(mm)
		return err
	})
	return maps, err
}

func (k *LinuxKernel) readAreas(mm uint64) ([]mem.Mapping, error) {
	var maps []mem.Mapping
	var torn error
	add := func(vma uint64) bool {
		m, err := k.area(mm, vma)
		if err != nil { // one that is torn down: the rest is good
			torn = err
			return true
		}
		maps = append(maps, m)
		return len(maps) < maxAreas
	}
	var err error
	if root, merr := k.member("struct mm_struct", "mm_mt"); merr == nil { // since 6.1
		err = k.areaTree(mm+root.off, add)
	} else {
		err = k.areaList(mm, add)
	}
	slices.SortFunc(maps, func(a, b mem.Mapping) int { return cmp.Compare(a.Base, b.Base) })
	for i := 1; i < len(maps) && err == nil; i++ {
		if maps[i].Base < maps[i-1].End() {
			err = fmt.Errorf("areas at %#x and %#x overlap", uint64(maps[i-1].Base), uint64(maps[i].Base))
		}
	}
	if k.changing() { // it may have been another's when it was read
		err = cmp.Or(err, torn)
	}
	return maps, err
}

// areaTree walks the tree that address spaces are since 6.1.
func (k *LinuxKernel) areaTree(tree uint64, add func(vma uint64) bool) error {
	for e, err := range k.MapleTree(tree) {
		if err != nil {
			return err
		}
		if e.Val < pageSize || e.Val&mapleTagMask != 0 {
			continue // no pointer
		}
		if !add(e.Val) {
			return nil
		}
	}
	return nil
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

// filePath is the path of a struct file.
func (k *LinuxKernel) filePath(file uint64) (string, error) {
	dentry, err1 := k.uintMember("struct file", "f_path.dentry", file)
	mnt, err2 := k.uintMember("struct file", "f_path.mnt", file)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	return k.Path(dentry, mnt)
}
