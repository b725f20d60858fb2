package system

import (
	"context"
	"debug/elf"
	"fmt"
	"path"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/unwind"
)

// IllumosSource is what NewIllumosProcess needs of a target.
type IllumosSource interface {
	Source
	// Linked are the load objects of the run-time linker's lists, and why there are
	// no more.
	Linked() ([]IllumosObject, error)
	// Embedded gives symbols and types that the target itself has of the object mapped
	// at base, as an ELF file; nil if it has none.
	Embedded(base, size uint64) *elffile.File
}

// IllumosProcess is an illumos user process.
type IllumosProcess struct {
	*Process
	src     IllumosSource
	modules map[*sym.Object]uint64 // of thread-local storage
}

// NewIllumosProcess finds the load objects of a process by the run-time linker's
// lists. It never fails: Warnings says what could not be read.
func NewIllumosProcess(src IllumosSource) *IllumosProcess {
	p := &IllumosProcess{src: src, modules: map[*sym.Object]uint64{}}
	p.Process = &Process{src: src, space: src.Virtual(), maps: src.Mappings(), infos: map[*sym.Object]*Info{}}
	p.ns = sym.NewNamespace(p.findObjects()...)
	if a := unwind.ForArch(src.Arch()); a != nil {
		p.uw = unwind.New(a, p.space, p.Process)
	}
	return p
}

// probeIllumosProcess takes a target that gives what NewIllumosProcess needs.
func probeIllumosProcess(_ context.Context, target any) (any, error) {
	if src, ok := target.(IllumosSource); ok {
		return NewIllumosProcess(src), nil
	}
	return nil, nil
}

func (p *IllumosProcess) findObjects() []*sym.Object {
	linked, err := p.src.Linked()
	if _, dynamic := p.src.Aux(atBase); err != nil && dynamic {
		p.warn(fmt.Sprintf("warning: shared library information will not be available: %v", err))
	}
	entry, hasEntry := p.src.Aux(atEntry)
	var objs []*sym.Object
	for i, l := range linked {
		main := hasEntry && entry-l.Base < l.Size || !hasEntry && i == 0
		if l.Size == 0 || covered(objs, l.Base) {
			continue
		}
		objs = append(objs, p.addLinked(l, main && !hasMain(objs)))
	}
	if !hasMain(objs) {
		if o := p.unlinkedMain(); o != nil {
			objs = append([]*sym.Object{o}, objs...)
		}
	}
	return objs
}

func hasMain(objs []*sym.Object) bool {
	for _, o := range objs {
		if o.Main {
			return true
		}
	}
	return false
}

// unlinkedMain makes the program of its headers in memory: it is statically linked, or
// the lists cannot be read.
func (p *IllumosProcess) unlinkedMain() *sym.Object {
	phdr, ok := p.src.Aux(atPhdr)
	phnum, ok2 := p.src.Aux(atPhnum)
	if !ok || !ok2 {
		return nil
	}
	im, err := imageAt(p.space, phdr, phnum, p.ptr())
	if err != nil {
		return nil
	}
	if full, err := p.headerNear(phdr, im); err == nil {
		im = full
	}
	name := ""
	if n, ok := p.src.(interface{ ProgramPath() string }); ok {
		name = n.ProgramPath()
	}
	l := IllumosObject{Name: name, Base: im.base}
	for _, r := range loads(im.progs, im.bias, p.src.Arch().PageSize) {
		l.Size = r.Base + r.Size - im.base
	}
	return p.addLinked(l, true)
}

// addLinked makes a load object. Its symbols and types are those of its file, if the
// file is the one that was mapped, else those the target has of it.
func (p *IllumosProcess) addLinked(l IllumosObject, main bool) *sym.Object {
	im, err := readImage(p.space, l.Base)
	if err != nil {
		im = nil
	}
	bias := l.Base
	if im != nil {
		bias = im.bias
	} else if main {
		bias = 0 // the headers are not there; programs are linked at their address
	}
	if l.LMID == lmidRTLD && path.Base(l.Name) == "ld.so.1" {
		l.LMID = 0 // MDB names it without its link map, which is always the same
	}
	o := &sym.Object{Path: l.Name, Name: path.Base(l.Name), Base: l.Base, Size: l.Size, Bias: bias, Main: main, LMID: l.LMID}
	if l.Name == "" {
		o.Name, o.Path = fmt.Sprintf("%#x", l.Base), ""
	}
	in := &Info{Object: o, image: im, space: p.space, files: p.src.Files(), linkMap: l.Entry, native: true}
	in.Found = p.findFile(l, o)
	if in.Found.Set != nil && !in.Found.DebugOnly {
		o.File = in.Found.Set.File.Path
		if main {
			o.Name = path.Base(strings.ReplaceAll(o.File, "\\", "/"))
		}
	}
	if im != nil {
		p.place(o, im, main)
	}
	in.attach()
	p.infos[o] = in
	p.modules[o] = l.Module
	return o
}

// lmidRTLD is LM_ID_LDSO, the list of ld.so.1 itself.
const lmidRTLD = 1

// findFile looks for an object's file and takes it if it is what was mapped: its
// dynamic section is that in memory.
func (p *IllumosProcess) findFile(l IllumosObject, o *sym.Object) *Found {
	found := *p.src.Files().Get(l.Name, "")
	if found.Set != nil {
		f := found.Set.File
		if SameDynamic(p.space, f, p.fileBias(f, l)) {
			found.Verified = true
			return &found
		}
		err := elffile.Missing{What: "file", Path: f.Path, Err: fmt.Errorf("%w: its dynamic section is another", elffile.ErrMismatch)}
		found.Missing = append(found.Missing, err)
		if found.Given {
			p.warn("warning: " + err.Error())
		}
		found.Set = nil
	}
	if f := p.src.Embedded(o.Base, o.Size); f != nil {
		found.Set, found.DebugOnly = elffile.NewSet(f, nil), true
	}
	return &found
}

// fileBias is what is added to a file's addresses.
func (p *IllumosProcess) fileBias(f *elffile.File, l IllumosObject) uint64 {
	for _, pr := range f.Progs {
		if pr.Type == elf.PT_LOAD && pr.Off == 0 {
			return l.Base - pr.Vaddr
		}
	}
	return l.Base
}

// LinkMap gives the address of an object's Rt_map; 0 if the run-time linker has none.
func (p *IllumosProcess) LinkMap(o *sym.Object) mem.Addr {
	if in := p.infos[o]; in != nil {
		return mem.Addr(in.linkMap)
	}
	return 0
}
