package elfcore

import (
	"cmp"
	"debug/elf"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/system"
)

// layOut makes the address space: for each PT_LOAD the bytes in the core, then
// what the mapped file has, then nothing, with the reason.
func (t *coreFile) layOut(h *header) {
	// A SectionReader cannot be written to, as the files behind it must not.
	cache := mem.NewCache(io.NewSectionReader(t.data, 0, t.size), t.size, mem.DefaultCache)
	files := slices.Clone(t.mapped)
	slices.SortStableFunc(files, func(a, b MappedFile) int { return cmp.Compare(a.Start, b.Start) })
	var segs []mem.Segment
	for _, p := range h.progs {
		if len(segs) > maxPieces {
			t.warn("core file is damaged: its segments overlap without end")
			break
		}
		if elf.ProgType(p.typ) == elf.PT_LOAD && p.memsz != 0 {
			segs = append(segs, t.segment(p, cache, files)...)
		}
	}
	// Without the files the core alone is there: what objects are told by.
	t.inCore = mem.NewSegments(dumped(segs))
	t.space = mem.NewSegments(append(segs, t.leftOut(segs, files)...))
	t.maps = t.space.Mappings()
}

// dumped keeps the segments whose bytes are in the core.
func dumped(segs []mem.Segment) []mem.Segment {
	var out []mem.Segment
	for _, s := range segs {
		if _, fill := s.Src.(*fileSpace); fill {
			s.Src, s.Err = nil, mem.ErrNotDumped
		}
		out = append(out, s)
	}
	return out
}

// leftOut makes segments of the mapped files that have no PT_LOAD at all: gdb's
// gcore leaves out what can be read from the file.
func (t *coreFile) leftOut(segs []mem.Segment, files []MappedFile) []mem.Segment {
	have := mem.NewSegments(segs).All()
	var out []mem.Segment
	steps := 0
	for _, f := range files {
		i, _ := slices.BinarySearchFunc(have, f.Start, func(s mem.Segment, a uint64) int { return cmp.Compare(uint64(s.Base), a) })
		if i > 0 && uint64(have[i-1].Base)+have[i-1].Size > f.Start {
			i--
		}
		for at := f.Start; at < f.End; {
			if steps++; steps > maxPieces {
				return out
			}
			end := f.End
			if i < len(have) {
				end = min(end, uint64(have[i].Base))
			}
			if end > at {
				out = append(out, t.fromFile(f, at, end))
			}
			if i >= len(have) || uint64(have[i].Base) >= f.End {
				break
			}
			at = max(at, uint64(have[i].Base)+have[i].Size)
			i++
		}
	}
	return out
}

// fromFile is the part [at, end) of a mapped file.
func (t *coreFile) fromFile(f MappedFile, at, end uint64) mem.Segment {
	off := at - f.Start + f.Off
	s := mem.Segment{
		Base: mem.Addr(at), Size: end - at, Off: mem.Addr(off), Err: mem.ErrNotDumped,
		Name: f.Path, File: off, Prot: mem.ProtRead,
	}
	if src := t.fill(f.Path); src != nil {
		s.Src = src
	}
	if base, ok := t.fileBase(f.Path); ok {
		if flags, ok := system.FlagsAt(t.inCore, base, off); ok {
			s.Prot = segProt(uint32(flags))
		}
	}
	return s
}

// segment splits one PT_LOAD where a mapped file begins or ends and where its
// bytes in the core end.
func (t *coreFile) segment(p progHeader, cache *mem.Cache, files []MappedFile) []mem.Segment {
	var out []mem.Segment
	memsz := max(p.memsz, p.filesz)
	if top := ^uint64(0) - p.vaddr; memsz-1 > top {
		memsz = top
	}
	end := p.vaddr + memsz
	for at := p.vaddr; at < end; {
		f, next := fileAt(files, at, end)
		out = append(out, t.pieces(p, at, next, f, cache)...)
		at = next
	}
	return out
}

// fileAt gives the mapped file at an address, nil if there is none, and where
// that changes, at most end.
func fileAt(files []MappedFile, at, end uint64) (*MappedFile, uint64) {
	i, ok := slices.BinarySearchFunc(files, at, func(f MappedFile, a uint64) int { return cmp.Compare(f.Start, a) })
	if !ok {
		if i > 0 && at < files[i-1].End {
			return &files[i-1], min(end, files[i-1].End)
		}
		if i < len(files) {
			return nil, min(end, files[i].Start)
		}
		return nil, end
	}
	// Of files that begin together any but an empty one will do.
	return &files[i], min(end, files[i].End)
}

// pieces cuts [at, next) of p into what is in the core, what the core should
// have but is cut off, and what was not dumped.
func (t *coreFile) pieces(p progHeader, at, next uint64, f *MappedFile, cache *mem.Cache) []mem.Segment {
	s := mem.Segment{Prot: segProt(p.flags)}
	if f != nil {
		s.Name = f.Path
	}
	var out []mem.Segment
	add := func(to uint64, src mem.Space, off uint64, err error) {
		if to <= at {
			return
		}
		s.Base, s.Size, s.Src, s.Off, s.Err = mem.Addr(at), to-at, src, mem.Addr(off), err
		if f != nil {
			s.File = at - f.Start + f.Off
		} else {
			s.File = at - p.vaddr
		}
		out = append(out, s)
		at = to
	}
	inCore := min(next, p.vaddr+p.filesz)
	if p.vaddr+p.filesz < p.vaddr {
		inCore = next
	}
	if off := p.off + (at - p.vaddr); at < inCore && off >= p.off && off < uint64(t.size) {
		add(at+min(inCore-at, uint64(t.size)-off), cache, off, nil)
	}
	if at < inCore {
		add(inCore, nil, 0, mem.ErrTruncated)
	}
	if at < next && f != nil {
		if src := t.fill(f.Path); src != nil {
			add(next, src, at-f.Start+f.Off, nil)
		}
	}
	add(next, nil, 0, mem.ErrNotDumped)
	return out
}

func segProt(f uint32) mem.Prot {
	var p mem.Prot
	if elf.ProgFlag(f)&elf.PF_R != 0 {
		p |= mem.ProtRead
	}
	if elf.ProgFlag(f)&elf.PF_W != 0 {
		p |= mem.ProtWrite
	}
	if elf.ProgFlag(f)&elf.PF_X != 0 {
		p |= mem.ProtExec
	}
	return p
}

// fill gives the Space of a mapped file's bytes; one per path.
func (t *coreFile) fill(path string) mem.Space {
	if strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/SYSV") || strings.HasPrefix(path, "/memfd:") {
		return nil
	}
	if s := t.fills[path]; s != nil {
		return s
	}
	s := &fileSpace{t: t, path: path}
	t.fills[path] = s
	return s
}

// fileSpace is a mapped file by its offsets. It is looked for on the first read,
// and used only if it is the file that was mapped.
type fileSpace struct {
	t    *coreFile
	path string
	once sync.Once
	src  *mem.Cache
}

// open finds the file and takes it if it is the one that was mapped.
func (f *fileSpace) open() {
	base, ok := f.t.fileBase(f.path)
	if !ok {
		return
	}
	id := system.BuildIDAt(f.t.inCore, base)
	found := f.t.files.Get(f.path, id)
	if found.Set == nil || found.DebugOnly || !found.Verified && !f.same(found.Set.File, base) {
		return
	}
	file := found.Set.File
	f.src = mem.NewCache(io.NewSectionReader(file.ReaderAt(), 0, file.Size), file.Size, fileCache)
}

// same tells whether a file is the one mapped at base, where no build-id says so:
// by its first page, else by its dynamic section, as far as the core has them. A
// core that has neither leaves it to the user, who may name the program.
func (f *fileSpace) same(file *elffile.File, base uint64) bool {
	var head [ehdrCompare]byte
	n, _ := f.t.inCore.ReadAt(head[:], mem.Addr(base))
	if n > 0 {
		b := make([]byte, n)
		k, _ := file.ReaderAt().ReadAt(b, 0)
		// A file with a build-id whose note no PT_NOTE covers, as Go's linker writes
		// it, has none in memory: then it takes a whole page to tell two builds apart.
		enough := ehdrSize
		if file.BuildID() != "" {
			enough = len(head)
		}
		return n >= enough && k == n && string(b) == string(head[:n])
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD && p.Off == 0 {
			bias := base - p.Vaddr
			if _, err := f.t.inCore.ReadAt(head[:8], mem.Addr(bias+dynamicAddr(file))); err == nil {
				return system.SameDynamic(f.t.inCore, file, bias)
			}
		}
	}
	return f.t.program != "" && f.path == f.t.program
}

// dynamicAddr is where the dynamic section of a file is; 0 if it has none.
func dynamicAddr(f *elffile.File) uint64 {
	for _, p := range f.Progs {
		if p.Type == elf.PT_DYNAMIC {
			return p.Vaddr
		}
	}
	return 0
}

// fileCache bounds the cache of one mapped file, bytes.
const fileCache = 1 << 20

// ehdrCompare is how much of a file is compared, where no build-id speaks: a page.
// ELF header and program headers are in it, and in a Go program its build-id.
const ehdrCompare = 4096

// fileBase is where the first byte of a file was mapped first.
func (t *coreFile) fileBase(path string) (uint64, bool) {
	if t.bases == nil {
		t.bases = map[string]uint64{}
		for _, f := range t.mapped {
			if _, again := t.bases[f.Path]; f.Off == 0 && !again {
				t.bases[f.Path] = f.Start
			}
		}
	}
	base, ok := t.bases[path]
	return base, ok
}

// ReadAt implements mem.Space.
func (f *fileSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	f.once.Do(f.open)
	if f.src == nil {
		return 0, mem.Fault(a, mem.ErrNotDumped)
	}
	n, err := f.src.ReadAt(p, a)
	if err != nil {
		err = mem.Fault(a+mem.Addr(n), mem.ErrNotDumped) // beyond the end of the file
	}
	return n, err
}

// View implements mem.Viewer.
func (f *fileSpace) View(a mem.Addr, n int) []byte {
	f.once.Do(f.open)
	if f.src == nil {
		return nil
	}
	return f.src.View(a, n)
}

// tagMappings names the mappings that are not of files: the stack by the
// registers' stack pointer, the heap as the anonymous mapping that follows the
// program, the vDSO by the auxiliary vector.
func (t *Target) tagMappings() {
	sp := uint64(0)
	if len(t.notes.threads) > 0 && t.notes.threads[0].Greg != nil {
		sp = t.notes.threads[0].Greg[t.layout.sp]
	}
	execfn, _ := t.Aux(atExecfn)
	vdso, _ := t.Aux(atSysinfoEhdr)
	entry, _ := t.Aux(atEntry)
	programEnd := uint64(0)
	program := ""
	for _, f := range t.mapped {
		if entry >= f.Start && entry < f.End {
			program = f.Path
		}
	}
	for _, f := range t.mapped {
		if f.Path == program && program != "" {
			programEnd = max(programEnd, f.End)
		}
	}
	heap := false
	for i := range t.maps {
		m := &t.maps[i]
		switch {
		case m.Name != "":
		case vdso != 0 && m.Contains(mem.Addr(vdso)):
			m.Name = "[vdso]"
		case execfn != 0 && m.Contains(mem.Addr(execfn)):
			m.Name = "[stack]"
		case execfn == 0 && sp != 0 && m.Contains(mem.Addr(sp)):
			m.Name = "[stack]"
		case uint64(m.Base) == vsyscall:
			m.Name = "[vsyscall]"
		case !heap && programEnd != 0 && uint64(m.Base) > programEnd && uint64(m.Base) < programEnd+maxBrkGap && m.Prot == mem.ProtRead|mem.ProtWrite:
			m.Name, heap = "[heap]", true
		}
	}
}

// vsyscall is the address of the vsyscall page; maxBrkGap is how far the kernel
// moves the heap away from the program (arch_randomize_brk), bytes.
const (
	vsyscall  = 0xffffffffff600000
	maxBrkGap = 1<<30 + 1<<12
)
