package elfcore

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/system"
)

// Illumos is a core of an illumos process.
type Illumos struct {
	coreFile
	notes    *illumosNotes
	lay      *illumosLayout
	linked   []system.IllumosObject
	linkErr  error
	embedded embeddedSections
	byID     map[uint64]*illumosLWP
}

// OpenProcess opens a core of whatever system: a *Target or an *Illumos. The errors
// are those of Open.
func OpenProcess(ctx context.Context, path string, o Options) (core.Target, error) {
	t := newTarget(path, o)
	if err := t.openData(ctx, o.Progress); err != nil {
		return result(t.opened(err))
	}
	return t.openEither(o)
}

// OpenProcessAt is OpenProcess for a core that is not a file, and not compressed.
func OpenProcessAt(path string, r io.ReaderAt, size int64, o Options) (core.Target, error) {
	t := newTarget(path, o)
	t.data, t.size = r, size
	return t.openEither(o)
}

// result keeps a nil *Target from becoming a target that is not nil.
func result(t *Target, err error) (core.Target, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Target) openEither(o Options) (core.Target, error) {
	err := t.open(o)
	if !errors.Is(err, errIllumos) {
		return result(t.opened(err))
	}
	h, err := readHeader(t.data, t.size)
	if err != nil {
		return result(t.opened(err))
	}
	ill := &Illumos{coreFile: t.coreFile, lay: illumosLayoutFor(h.layout)}
	ill.fills, ill.warnings = map[string]*fileSpace{}, nil
	ill.open(h, o)
	return ill, nil
}

// open never fails: what cannot be read is warned of.
func (t *Illumos) open(h *header, o Options) {
	t.layout = h.layout
	t.warnDamage(h)
	b, err := lastNotes(t.data, t.size, h)
	if err != nil {
		t.warn("core file is damaged: " + err.Error())
	}
	t.notes = parseIllumos(b, t.lay)
	if len(t.Threads()) == 0 {
		t.warn("core file has no threads: its notes are missing")
	}
	t.warnUnsaved(h)
	t.embedded = readEmbedded(t.data, t.size, t.lay.word)
	t.layOut(h)
	t.linked, t.linkErr = system.IllumosObjects(t.inCore, t.lay.word, t.Aux, t.programDynamic())
	t.override(o.Program)
	t.mapObjects()
	t.clipMapped(h)
	if len(t.mapped) > 0 {
		t.layOut(h)
	}
	t.tagMappings()
}

// warnUnsaved tells of mappings the kernel could not write.
func (t *Illumos) warnUnsaved(h *header) {
	n := 0
	for _, p := range h.progs {
		if elf.ProgType(p.typ) == elf.PT_LOAD && p.flags&(pfSunwFailure|pfSunwKilled) != 0 {
			n++
		}
	}
	if n > 0 {
		t.warn(fmt.Sprintf("core file is incomplete: %d of its mappings could not be saved", n))
	}
}

// programDynamic is where the program's dynamic section is, by its headers in memory;
// 0 if they are not there.
func (t *Illumos) programDynamic() uint64 {
	phdr, ok := t.Aux(3)
	n, ok2 := t.Aux(5)
	if !ok || !ok2 || n > 4096 {
		return 0
	}
	z := &elf64
	if t.lay.word == 4 {
		z = &elf32
	}
	b := make([]byte, n*uint64(z.phdr))
	if mem.ReadFull(t.inCore, b, mem.Addr(phdr)) != nil {
		return 0
	}
	bias := uint64(0)
	for r := b; len(r) > 0; r = r[z.phdr:] {
		p := t.layout.progHeader(r)
		switch elf.ProgType(p.typ) {
		case elf.PT_PHDR:
			bias = phdr - p.vaddr
		case elf.PT_DYNAMIC:
			return p.vaddr + bias
		}
	}
	return 0
}

// override makes the file the user named, or one of the program's name beside the
// core, the answer for the program's path.
func (t *Illumos) override(given string) {
	name := t.ProgramPath()
	if given != "" {
		t.program = name
		t.files.Override(name, given)
		return
	}
	if name == "" || t.files.Get(name, "").Set != nil {
		return
	}
	beside := filepath.Join(filepath.Dir(t.path), path.Base(name))
	if f, err := elffile.Open(beside); err == nil {
		f.Close()
		t.files.Override(name, beside)
	}
}

// mapObjects makes entries of the files that are mapped, for names and for text that
// is not in the core: where the list says they are, if the file is there and has such
// segments; else by the image's extent.
func (t *Illumos) mapObjects() {
	for _, l := range t.linked {
		if l.Name == "" || l.Size == 0 {
			continue
		}
		found := t.files.Get(l.Name, "")
		if found.Set == nil || !t.sameFile(found.Set.File, l) {
			t.mapped = append(t.mapped, MappedFile{Start: l.Base, End: l.Base + l.Size, Path: l.Name})
			continue
		}
		f := found.Set.File
		bias := l.Base
		for _, p := range f.Progs {
			if p.Type == elf.PT_LOAD && p.Off == 0 {
				bias = l.Base - p.Vaddr
			}
		}
		page := t.layout.arch.PageSize
		for _, p := range f.Progs {
			if p.Type != elf.PT_LOAD || p.Memsz == 0 {
				continue
			}
			start, off := (bias+p.Vaddr)&^(page-1), p.Off&^(page-1)
			if end := (bias + p.Vaddr + p.Memsz + page - 1) &^ (page - 1); end > start {
				t.mapped = append(t.mapped, MappedFile{Start: start, End: end, Off: off, Path: l.Name})
			}
		}
	}
}

// sameFile tells whether a file is what was mapped: by its dynamic section, which is in
// memory that can be written to, and so in the core.
func (t *Illumos) sameFile(f *elffile.File, l system.IllumosObject) bool {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Off == 0 {
			return system.SameDynamic(t.inCore, f, l.Base-p.Vaddr)
		}
	}
	return false
}

// clipMapped keeps of the mapped files what the core has segments of: it has one for
// every mapping of the process, saved or not.
func (t *Illumos) clipMapped(h *header) {
	var out []MappedFile
	for _, f := range t.mapped {
		for i := range h.progs {
			p := &h.progs[i]
			if elf.ProgType(p.typ) != elf.PT_LOAD || p.memsz == 0 || p.vaddr+p.memsz-1 < p.vaddr {
				continue
			}
			start, end := max(f.Start, p.vaddr), min(f.End, p.vaddr+p.memsz)
			if start < end {
				out = append(out, MappedFile{Start: start, End: end, Off: f.Off + start - f.Start, Path: f.Path})
			}
		}
	}
	t.mapped = out
}

// tagMappings names the heap by where the break is, and the stack.
func (t *Illumos) tagMappings() {
	p := t.notes.pstatus
	if p == nil {
		return
	}
	brk, size := t.lay.uint(p[t.lay.brkbase:]), t.lay.uint(p[t.lay.brksize:])
	stk := t.lay.uint(p[t.lay.stkbase:])
	for i := range t.maps {
		m := &t.maps[i]
		switch {
		case m.Name != "":
		case size > 0 && m.Contains(mem.Addr(brk+size-1)):
			m.Name = "[heap]"
		case stk != 0 && m.Contains(mem.Addr(stk)):
			m.Name = "[stack]"
		}
	}
}

// ProgramPath is the path of the program: the run-time linker's name of what has the
// entry point, else AT_SUN_EXECNAME, else its name in NT_PSINFO.
func (t *Illumos) ProgramPath() string {
	const atExecname = 2014
	if entry, ok := t.Aux(atEntry); ok {
		for _, l := range t.linked {
			if entry-l.Base < l.Size && l.Name != "" {
				return l.Name
			}
		}
	}
	if at, ok := t.Aux(atExecname); ok {
		if s, err := mem.ReadString(t.inCore, mem.Addr(at), 4096); err == nil && s != "" {
			return s
		}
	}
	return t.fname()
}

// Linked implements system.IllumosSource.
func (t *Illumos) Linked() ([]system.IllumosObject, error) { return t.linked, t.linkErr }

// Embedded implements system.IllumosSource.
func (t *Illumos) Embedded(base, size uint64) *elffile.File {
	return t.embedded.file(t.data, t.layout, base, size)
}

// Kind implements core.Target.
func (t *Illumos) Kind() string { return "proc" }

// Aux implements system.Source.
func (t *Illumos) Aux(typ uint64) (uint64, bool) { return auxValue(t.notes.auxv, typ) }

// Auxv implements core.Auxiliary.
func (t *Illumos) Auxv() []Aux { return t.notes.auxv }

// representative is the id of the LWP the core is of; 0 if it is not known.
func (t *Illumos) representative() uint64 {
	if p := t.notes.pstatus; p != nil {
		return uint64(le.Uint32(p[t.lay.repr+4:]))
	}
	return 0
}

// Threads implements core.Threads: the LWPs that have not exited.
func (t *Illumos) Threads() []core.Thread {
	var out []core.Thread
	first := t.representative()
	for _, l := range t.notes.lwps {
		if l.status == nil {
			continue
		}
		th := core.Thread{ID: l.id, Name: l.name}
		if l.id == first && len(out) > 0 {
			out = append([]core.Thread{th}, out...)
			continue
		}
		out = append(out, th)
	}
	return out
}

func (t *Illumos) lwp(id uint64) *illumosLWP {
	if t.byID == nil {
		t.byID = make(map[uint64]*illumosLWP, len(t.notes.lwps))
		for _, l := range t.notes.lwps {
			if t.byID[l.id] == nil {
				t.byID[l.id] = l
			}
		}
	}
	return t.byID[id]
}

// AreaFPChip is, in arch.Regs.Areas, what the kernel noted of the floating point unit
// at an exception: its status and mxcsr then, 4 bytes each.
const AreaFPChip = "fpchip_state"

// Registers implements core.Registers.
func (t *Illumos) Registers(id uint64) (*arch.Regs, error) {
	l := t.lwp(id)
	if l == nil {
		return nil, ErrNoThread
	}
	if l.status == nil {
		return nil, errNoRegs
	}
	r := arch.NewRegs(t.lay.arch)
	for i, name := range t.lay.regs {
		r.Set(name, t.lay.uint(l.status[t.lay.reg+i*t.lay.word:]))
	}
	fp := l.status[t.lay.fpreg:][:t.lay.fpsize]
	if t.lay.word == 8 {
		r.Areas = map[string][]byte{AreaFXSave: fp[:512], AreaFPChip: fp[512:520]}
	} else {
		noted := append(append([]byte(nil), fp[chipStatus:chipStatus+4]...), fp[chipXStatus:chipXStatus+4]...)
		r.Areas = map[string][]byte{AreaFXSave: chipToFXSave(fp), AreaFPChip: noted}
	}
	return r, nil
}

// Offsets in struct fpchip_state of i386: an image as FSAVE writes it, then what
// FXSAVE adds.
const (
	chipST                                      = 28
	chipStatus, chipMXCSR, chipXStatus, chipXMM = 108, 112, 116, 128
	chipSize                                    = 256
)

// chipToFXSave turns i386's struct fpchip_state into an FXSAVE area.
func chipToFXSave(fp []byte) []byte {
	fx := make([]byte, 512)
	copy(fx, fp[:2])      // control word
	copy(fx[2:], fp[4:6]) // status word
	tags := le.Uint16(fp[8:])
	for i := range 8 {
		if tags>>(2*i)&3 != 3 {
			fx[4] |= 1 << i
		}
	}
	copy(fx[8:], fp[12:16]) // instruction offset, selector, opcode
	copy(fx[12:], fp[16:18])
	copy(fx[6:], fp[18:20])
	copy(fx[16:], fp[20:26]) // data offset, selector
	copy(fx[24:], fp[chipMXCSR:chipMXCSR+4])
	for i := range 8 {
		copy(fx[32+16*i:], fp[chipST+10*i:][:10])
	}
	copy(fx[160:], fp[chipXMM:chipSize])
	return fx
}

// Syscall implements core.Syscalls.
func (t *Illumos) Syscall(id uint64) (nr int64, ok bool) {
	if l := t.lwp(id); l != nil && l.status != nil {
		nr = int64(int16(le.Uint16(l.status[t.lay.syscall:])))
	}
	return nr, nr > 0
}

// State implements core.Stater.
func (t *Illumos) State() core.State { return core.StateDead }

// Program is the executable's file on this host; "" if it was not found.
func (t *Illumos) Program() string {
	name := t.ProgramPath()
	found := t.files.Get(name, "")
	if found.Set == nil || found.DebugOnly {
		return ""
	}
	return found.Set.File.Path
}

// fname is the name of the program in NT_PSINFO.
func (t *Illumos) fname() string {
	if p := t.notes.psinfo; p != nil {
		return strings.TrimSpace(cstring(p[t.lay.fname : t.lay.fname+16]))
	}
	return ""
}

// Args implements core.Environ: the arguments, as they are in memory now.
func (t *Illumos) Args() ([]string, error) {
	p := t.notes.psinfo
	if p == nil {
		return nil, errNoStack
	}
	return t.stringsAt(t.lay.uint(p[t.lay.argv:]), uint64(le.Uint32(p[t.lay.argc:])))
}

// Env implements core.Environ: the environment the process was started with, as it is
// in memory now.
func (t *Illumos) Env() ([]string, error) {
	p := t.notes.psinfo
	if p == nil {
		return nil, errNoStack
	}
	return t.stringsAt(t.lay.uint(p[t.lay.envp:]), maxStrings)
}

// stringsAt reads the strings of an array of pointers that ends in a null pointer or
// after n.
func (t *Illumos) stringsAt(at, n uint64) ([]string, error) {
	var out []string
	for i := range min(n, maxStrings) {
		w, ok := t.words(at+i*uint64(t.lay.word), 1)
		if !ok {
			if i == 0 {
				return nil, errNoStack
			}
			break
		}
		if w[0] == 0 {
			break
		}
		s, _ := mem.ReadString(t.space, mem.Addr(w[0]), maxString)
		out = append(out, s)
	}
	return out, nil
}
