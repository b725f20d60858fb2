package elfcore

import (
	"debug/elf"
	"path/filepath"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym/elffile"
)

// A core without NT_FILE, as qemu's user mode emulation writes them, does not name
// what was mapped, nor has it the text. Who maps the files is the run-time linker
// then: the program is found by the auxiliary vector, libraries by the linker's
// list, as far as that lies in the core.

// maxListed bounds the run-time linker's list.
const maxListed = 1 << 12

// nameMappings makes the entries NT_FILE would have. given is the program of the
// command line.
func (t *Target) nameMappings(given string) {
	name := t.ProgramPath()
	if name == "" {
		name = given
	}
	file := t.openNamed(name, given)
	if file == nil {
		return
	}
	bias := uint64(0)
	if entry, ok := t.Aux(atEntry); ok {
		bias = entry - file.Entry
	}
	t.mapFile(file, name, bias)
	list := t.listed(file, bias)
	// The list has the run-time linker by the name in the program's PT_INTERP, which
	// is not in the core.
	if base, ok := t.Aux(atBase); ok && base != 0 && !slices.ContainsFunc(list, func(l listedFile) bool { return l.bias == base }) {
		list = append(list, listedFile{interpreter(file), base})
	}
	for _, l := range list {
		if f := t.openNamed(l.name, ""); f != nil {
			t.mapFile(f, l.name, l.bias)
		}
	}
}

// interpreter is the run-time linker that a program names (PT_INTERP), "" if none.
func interpreter(f *elffile.File) string {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			name := make([]byte, p.Filesz)
			if n, _ := f.ReaderAt().ReadAt(name, int64(p.Off)); n == len(name) {
				return cstring(name)
			}
		}
	}
	return ""
}

// openNamed finds a file of the process on this host.
func (t *Target) openNamed(name, given string) *elffile.File {
	if given != "" {
		t.files.Override(name, given)
	}
	if !filepath.IsAbs(name) && given == "" {
		return nil
	}
	if found := t.files.Get(name, ""); found.Set != nil && !found.DebugOnly {
		return found.Set.File
	}
	return nil
}

// mapFile adds a file's segments, whole pages as they are mapped.
func (t *Target) mapFile(f *elffile.File, name string, bias uint64) {
	page := t.layout.arch.PageSize
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Filesz == 0 {
			continue
		}
		start, off := (bias+p.Vaddr)&^(page-1), p.Off&^(page-1)
		end := (bias + p.Vaddr + p.Filesz + page - 1) &^ (page - 1)
		if end > start {
			t.mapped = append(t.mapped, MappedFile{Start: start, End: end, Off: off, Path: name})
		}
	}
}

type listedFile struct {
	name string
	bias uint64
}

// listed reads the run-time linker's list (struct r_debug, struct link_map) by
// DT_DEBUG in the program's dynamic section, the program itself left out.
func (t *Target) listed(program *elffile.File, bias uint64) []listedFile {
	at, ok := t.debugAddr(program, bias)
	if !ok {
		return nil
	}
	head, ok := t.words(at, 2)
	if !ok {
		return nil
	}
	var out []listedFile
	for at, n := head[1], 0; at != 0 && n < maxListed; n++ {
		lm, ok := t.words(at, 4) // l_addr, l_name, l_ld, l_next
		if !ok {
			break
		}
		if name, err := mem.ReadString(t.inCore, mem.Addr(lm[1]), 4096); err == nil && name != "" && n > 0 {
			out = append(out, listedFile{name, lm[0]})
		}
		at = lm[3]
	}
	return out
}

// debugAddr is the value of DT_DEBUG in memory.
func (t *Target) debugAddr(f *elffile.File, bias uint64) (uint64, bool) {
	at := dynamicAddr(f)
	if at == 0 {
		return 0, false
	}
	const maxEntries = 1 << 10
	for i := range uint64(maxEntries) {
		e, ok := t.words(at+bias+2*i*uint64(t.layout.word), 2)
		if !ok || elf.DynTag(e[0]) == elf.DT_NULL {
			break
		}
		if elf.DynTag(e[0]) == elf.DT_DEBUG {
			return e[1], e[1] != 0
		}
	}
	return 0, false
}

// words reads n longs of the core.
func (t *coreFile) words(at uint64, n int) ([]uint64, bool) {
	b := make([]byte, n*t.layout.word)
	if mem.ReadFull(t.inCore, b, mem.Addr(at)) != nil {
		return nil, false
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = t.layout.uint(b[i*t.layout.word:])
	}
	return out, true
}
