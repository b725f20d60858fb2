package system

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// Limits of the run-time linker's lists.
const (
	maxLinkMaps   = 1 << 14 // of all namespaces
	maxUnlisted   = 1 << 12 // mapped files that no link map has
	maxNamespaces = 64
	maxPath       = 4096 // bytes
)

// linkMap is a struct link_map, five pointers: l_addr, l_name, l_ld,
// l_next, l_prev.
type linkMap struct {
	at       uint64 // VA of the structure
	addr, ld uint64
	name     string
	lmid     uint64
}

func isErr(err, target error) bool { return errors.Is(err, target) }

// ptr is the size of a pointer, bytes.
func (p *Process) ptr() int { return p.src.Arch().PtrSize }

// word reads a pointer.
func (p *Process) word(a uint64) (uint64, error) {
	return mem.ReadUint(p.space, mem.Addr(a), p.ptr(), binary.LittleEndian)
}

// findObjects finds the load objects in the order MDB has them: the program, the
// run-time linker's list, then mapped files the list does not hold.
func (p *Process) findObjects() []*sym.Object {
	var objs []*sym.Object
	main, im := p.findMain()
	if main != nil {
		objs = append(objs, main)
	}
	if im != nil {
		for _, lm := range p.linkMaps(im) {
			if o := p.fromLinkMap(lm, objs); o != nil {
				objs = append(objs, o)
			}
		}
	}
	if at, ok := p.src.Aux(atSysinfoEhdr); ok && !covered(objs, at) {
		if im, err := readImage(p.space, at); err == nil {
			objs = append(objs, p.add(im, "[vdso]", false))
		}
	}
	return p.mappedFiles(objs)
}

// findMain finds the program by AT_PHDR, else by AT_ENTRY's mapping.
func (p *Process) findMain() (*sym.Object, *memImage) {
	phdr, ok := p.src.Aux(atPhdr)
	phnum, ok2 := p.src.Aux(atPhnum)
	entry, ok3 := p.src.Aux(atEntry)
	var im *memImage
	if ok && ok2 {
		var err error
		if im, err = imageAt(p.space, phdr, phnum, p.ptr()); err != nil {
			im = nil
		}
	}
	name := ""
	if ok3 {
		if m := findMapping(p.maps, entry); m != nil {
			name = m.Name
		}
	}
	if name == "" && ok {
		if m := findMapping(p.maps, phdr); m != nil {
			name = m.Name
		}
	}
	if name == "" {
		name = p.execfn()
	}
	if n, ok := p.src.(interface{ ProgramPath() string }); name == "" && ok {
		name = n.ProgramPath()
	}
	if im == nil {
		return p.mainByFile(name)
	}
	// The ELF header is on the page of the program headers; it has the entry
	// point and, if the headers have no PT_PHDR, the base.
	if full, err := p.headerNear(phdr, im); err == nil {
		im = full
	}
	return p.add(im, name, true), im
}

// headerNear reads the ELF header from which the program headers at phdr hang.
func (p *Process) headerNear(phdr uint64, im *memImage) (*memImage, error) {
	base := im.base
	if base == 0 {
		base = phdr &^ (p.src.Arch().PageSize - 1)
	}
	return readImage(p.space, base)
}

// mainByFile is for a process whose program headers are not in memory.
func (p *Process) mainByFile(name string) (*sym.Object, *memImage) {
	if name == "" {
		return nil, nil
	}
	for _, m := range p.mappingsOf(name) {
		if m.Off != 0 {
			continue
		}
		if im, err := readImage(p.space, uint64(m.Base)); err == nil {
			return p.add(im, name, true), im
		}
	}
	o := p.noImage(name, p.mappingsOf(name), true)
	if o == nil {
		return nil, nil
	}
	return o, p.infos[o].image
}

// execfn is the path the program was started by (AT_EXECFN).
func (p *Process) execfn() string {
	at, ok := p.src.Aux(atExecfn)
	if !ok {
		return ""
	}
	s, err := mem.ReadString(p.space, mem.Addr(at), maxPath)
	if err != nil {
		return ""
	}
	return s
}

// linkMaps reads the run-time linker's lists through DT_DEBUG of the program.
func (p *Process) linkMaps(im *memImage) []linkMap {
	d, err := im.dynamic()
	if d == nil {
		if err != nil {
			p.warn(fmt.Sprintf("warning: cannot read the dynamic section of the program: %v", err))
		}
		return nil // statically linked
	}
	debug := d[elf.DT_DEBUG]
	if debug == 0 {
		return nil // the run-time linker has not got so far
	}
	var out []linkMap
	seen := map[uint64]bool{}
	// struct r_debug: r_version, r_map, r_brk, r_state, r_ldbase; glibc 2.35 has
	// r_next for further namespaces, from version 2.
	for lmid := uint64(0); debug != 0 && lmid < maxNamespaces && !seen[debug]; lmid++ {
		seen[debug] = true
		list, err := p.linkList(debug, lmid, maxLinkMaps-len(out))
		out = append(out, list...)
		if err != nil {
			p.warn(fmt.Sprintf("warning: cannot read the run-time linker's list: %v", err))
			break
		}
		version, err := p.word(debug)
		if err != nil || version&0xffffffff < 2 {
			break
		}
		if debug, err = p.word(debug + 5*uint64(p.ptr())); err != nil {
			break
		}
	}
	return out
}

func (p *Process) linkList(debug, lmid uint64, limit int) ([]linkMap, error) {
	at, err := p.word(debug + uint64(p.ptr()))
	if err != nil {
		return nil, err
	}
	var out []linkMap
	seen := map[uint64]bool{}
	for at != 0 {
		if seen[at] || len(out) >= limit {
			return out, fmt.Errorf("link map at %#x: list does not end", at)
		}
		seen[at] = true
		z := sizesFor(p.ptr())
		b := make([]byte, 4*z.word)
		if err := mem.ReadFull(p.space, b, mem.Addr(at)); err != nil {
			return out, err
		}
		lm := linkMap{at: at, addr: z.uint(b), ld: z.uint(b[2*z.word:]), lmid: lmid}
		if s, err := mem.ReadString(p.space, mem.Addr(z.uint(b[z.word:])), maxPath); err == nil {
			lm.name = s
		}
		out = append(out, lm)
		at = z.uint(b[3*z.word:])
	}
	return out, nil
}

// fromLinkMap makes a load object of an entry of the list, unless it is one of
// objs already.
func (p *Process) fromLinkMap(lm linkMap, objs []*sym.Object) *sym.Object {
	if covered(objs, lm.ld) {
		return nil
	}
	m := findMapping(p.maps, lm.ld)
	name := lm.name
	var maps []mem.Mapping
	if m != nil && m.Name != "" && !strings.HasPrefix(m.Name, "[") {
		maps = p.mappingsOf(m.Name)
		if name == "" || !path.IsAbs(name) {
			name = m.Name
		}
	}
	var o *sym.Object
	for _, base := range p.imageBases(lm, maps) {
		im, err := readImage(p.space, base)
		if err != nil || im.bias != lm.addr || covered(objs, base) {
			continue
		}
		if name == "" {
			name = fmt.Sprintf("%#x", base)
		}
		o = p.add(im, p.fileName(name, m), false)
		break
	}
	if o == nil && name != "" {
		o = p.noImage(p.fileName(name, m), maps, false)
	}
	if o != nil {
		o.LMID = lm.lmid
		p.infos[o].linkMap = lm.at
		o.Name = path.Base(name)
		o.Path = name
	}
	return o
}

// fileName is the path by which to look for the file: what was mapped, symbolic
// links resolved, if that is known.
func (p *Process) fileName(name string, m *mem.Mapping) string {
	if m != nil && m.Name != "" && !strings.HasPrefix(m.Name, "[") {
		return m.Name
	}
	return name
}

// imageBases are addresses where the ELF header of a link map's object may be.
func (p *Process) imageBases(lm linkMap, maps []mem.Mapping) []uint64 {
	out := []uint64{lm.addr}
	for _, m := range maps {
		if m.Off == 0 && uint64(m.Base) <= lm.ld {
			out = append(out, uint64(m.Base))
		}
	}
	if at, ok := p.src.Aux(atSysinfoEhdr); ok {
		out = append(out, at)
	}
	slices.Reverse(out[1:]) // of several mappings of one file the nearest below l_ld
	return out
}

// mappingsOf gives the mappings of a file in ascending order.
func (p *Process) mappingsOf(name string) []mem.Mapping {
	if p.byName == nil {
		p.byName = map[string][]mem.Mapping{}
		for _, m := range p.maps {
			p.byName[m.Name] = append(p.byName[m.Name], m)
		}
	}
	return p.byName[name]
}

func covered(objs []*sym.Object, a uint64) bool {
	for _, o := range objs {
		if o.Contains(a) {
			return true
		}
	}
	return false
}

// mappedFiles adds files with executable mappings that no load object covers:
// all of them, where the run-time linker's list could not be read.
func (p *Process) mappedFiles(objs []*sym.Object) []*sym.Object {
	tried := 0
	for i := range p.maps {
		m := &p.maps[i]
		if m.Prot&mem.ProtExec == 0 || m.Name == "" || strings.HasPrefix(m.Name, "[") || covered(objs, uint64(m.Base)) {
			continue
		}
		if tried++; tried > maxUnlisted {
			break
		}
		maps := p.mappingsOf(m.Name)
		var o *sym.Object
		for j := len(maps) - 1; j >= 0 && o == nil; j-- {
			if maps[j].Off != 0 || maps[j].Base > m.Base {
				continue
			}
			if im, err := readImage(p.space, uint64(maps[j].Base)); err == nil {
				o = p.add(im, m.Name, false)
			}
		}
		if o == nil {
			o = p.noImage(m.Name, maps, false)
		}
		if o != nil {
			objs = append(objs, o)
		}
	}
	return objs
}
