package system

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/unwind"
	"github.com/xmdb/xmdb/core/unwind/cfi"
)

// Auxiliary vector entries (include/uapi/linux/auxvec.h).
const (
	atPhdr        = 3
	atPhnum       = 5
	atBase        = 7
	atEntry       = 9
	atExecfn      = 31
	atSysinfoEhdr = 33
)

// Source is what NewProcess needs of a target. A source may also have
// ProgramPath() string, which names the program when nothing in memory does.
type Source interface {
	Virtual() mem.Space
	// Mappings are the mapped ranges with the paths of mapped files.
	Mappings() []mem.Mapping
	// Aux gives an entry of the auxiliary vector.
	Aux(typ uint64) (uint64, bool)
	Arch() *arch.Arch
	// Files finds what was mapped.
	Files() *Files
}

// PointerAuth is an ability of a source whose processor may sign pointers.
type PointerAuth interface {
	// PACMask is the bits of a signed code pointer that are not address.
	PACMask() uint64
}

// Process is a Linux user process.
type Process struct {
	src   Source
	space mem.Space
	maps  []mem.Mapping // ascending
	ns    *sym.Namespace
	infos map[*sym.Object]*Info
	uw    *unwind.Unwinder // nil for an architecture that has none

	warnings   []string
	mismatches int                      // files that are not the ones mapped
	object     *ObjectSpace             // of the program's file, made when asked for
	byName     map[string][]mem.Mapping // of maps, made when asked for
}

// NewProcess finds the load objects of a process. It never fails: a process of
// which nothing is known has no objects, and Warnings says what could not be
// read.
func NewProcess(src Source) *Process {
	p := &Process{src: src, space: src.Virtual(), maps: src.Mappings(), infos: map[*sym.Object]*Info{}}
	p.ns = sym.NewNamespace(p.findObjects()...)
	if a := unwind.ForArch(src.Arch()); a != nil {
		p.uw = unwind.New(a, p.space, p)
		if auth, ok := src.(PointerAuth); ok {
			p.uw.PACMask = auth.PACMask()
		}
	}
	return p
}

// Namespace implements core.Symbols.
func (p *Process) Namespace() *sym.Namespace { return p.ns }

// Info tells what lies behind a load object; nil if it is not one of this
// process.
func (p *Process) Info(o *sym.Object) *Info { return p.infos[o] }

// MissingFiles implements core.FileReporter.
func (p *Process) MissingFiles(o *sym.Object) []elffile.Missing {
	if in := p.infos[o]; in != nil {
		return in.Missing()
	}
	return nil
}

// TypeScope implements core.Types.
func (p *Process) TypeScope(o *sym.Object) ctype.Scope {
	in := p.infos[o]
	if in == nil {
		return nil
	}
	return in.scope()
}

// CFI implements unwind.Tables.
func (p *Process) CFI(pc uint64) (t *cfi.Table, bias uint64, ok bool) {
	o := p.ns.ObjectAt(pc)
	if o == nil {
		return nil, 0, false
	}
	t, bias = p.infos[o].frames()
	return t, bias, t != nil
}

// Executable implements unwind.Code.
func (p *Process) Executable(pc uint64) bool {
	m := findMapping(p.maps, pc)
	return m != nil && m.Prot&mem.ProtExec != 0
}

// Frames implements core.Unwinder.
func (p *Process) Frames(ctx context.Context, regs *arch.Regs) iter.Seq2[unwind.Frame, error] {
	return func(yield func(unwind.Frame, error) bool) {
		if p.uw == nil {
			return
		}
		r, err := unwind.FromArch(regs)
		if err != nil {
			yield(unwind.Frame{}, err)
			return
		}
		for f, err := range p.uw.Frames(ctx, r) {
			if !yield(f, err) {
				return
			}
		}
	}
}

// maxMismatches is how many files that are not the ones mapped are told one by
// one: a core from another machine may have hundreds.
const maxMismatches = 3

// Warnings are what a user should be told once: files that are not the ones
// that were mapped, lists that could not be read.
func (p *Process) Warnings() []string {
	if more := p.mismatches - maxMismatches; more > 0 {
		s := fmt.Sprintf("warning: %d more files are not the ones that were mapped (see ::objects -v)", more)
		return append(p.warnings[:len(p.warnings):len(p.warnings)], s)
	}
	return p.warnings
}

func (p *Process) warn(s string) { p.warnings = append(p.warnings, s) }

// findMapping finds the mapping of an address; maps are ascending.
func findMapping(maps []mem.Mapping, a uint64) *mem.Mapping {
	lo, hi := 0, len(maps)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if uint64(maps[mid].Base) <= a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 || !maps[lo-1].Contains(mem.Addr(a)) {
		return nil
	}
	return &maps[lo-1]
}

// add makes a load object of an image in memory and looks for its file. path is
// what the target calls it.
func (p *Process) add(im *memImage, name string, main bool) *sym.Object {
	file := &Found{}
	o := &sym.Object{Path: name, Name: path.Base(strings.TrimSuffix(name, deletedSuffix)), Bias: im.bias, Main: main}
	if at, ok := p.src.Aux(atSysinfoEhdr); !ok || at != im.base { // the vDSO has no file
		file = p.src.Files().Get(name, im.buildID)
		o.BuildID = im.buildID
	}
	in := &Info{Object: o, Found: file, image: im, space: p.space, files: p.src.Files()}
	if file.Set != nil && !file.DebugOnly {
		o.File, o.FileID = file.Set.File.Path, file.BuildID
		if main {
			// The program is called as the file that was given for it.
			o.Name = path.Base(strings.ReplaceAll(o.File, "\\", "/"))
		}
	}
	p.place(o, im, main)
	p.report(file)
	in.attach()
	p.infos[o] = in
	return o
}

// place gives the object its ranges.
func (p *Process) place(o *sym.Object, im *memImage, main bool) {
	page := p.src.Arch().PageSize
	o.Ranges = loads(im.progs, im.bias, page)
	if len(o.Ranges) > 0 {
		last := o.Ranges[len(o.Ranges)-1]
		o.Base, o.Size = o.Ranges[0].Base, last.Base+last.Size-o.Ranges[0].Base
	}
	if main {
		entry, ok := p.src.Aux(atEntry)
		if !ok {
			entry = im.bias + im.entry
		}
		for _, r := range o.Ranges {
			if r.Contains(entry) {
				o.Text = r
			}
		}
	}
}

// report turns refused files into warnings; a file that is merely not here is
// not worth one.
func (p *Process) report(f *Found) {
	for _, m := range f.Missing {
		switch {
		case f.Given:
			p.warn("warning: " + m.Error())
		case isErr(m.Err, elffile.ErrMismatch):
			if p.mismatches++; p.mismatches <= maxMismatches {
				p.warn("warning: " + m.Error())
			}
		}
	}
}

// noImage makes a load object of a mapped file whose headers are not in memory.
func (p *Process) noImage(name string, maps []mem.Mapping, main bool) *sym.Object {
	file := p.src.Files().Get(name, "")
	if file.Set == nil {
		return nil
	}
	f := file.Set.File
	im := &memImage{space: p.space, sizes: sizesFor(p.ptr()), typ: f.Type, entry: f.Entry}
	for _, pr := range f.Progs {
		im.progs = append(im.progs, pr.ProgHeader)
	}
	for _, pr := range im.progs {
		if pr.Type != elf.PT_LOAD {
			continue
		}
		for _, m := range maps {
			page := p.src.Arch().PageSize
			if m.Off == pr.Off&^(page-1) {
				im.bias = uint64(m.Base) - pr.Vaddr&^(page-1)
				im.base = im.bias + pr.Vaddr - pr.Off
				return p.add(im, name, main)
			}
		}
	}
	return nil
}

// ObjectFile implements core.ObjectFile: the program's file, at the addresses of
// the process. Nothing is mapped in it if the file was not found.
func (p *Process) ObjectFile() mem.Space {
	if s := p.objectSpace(); s != nil {
		return s
	}
	return mem.NewSegments(nil)
}

// Variable implements core.Variables.
func (p *Process) Variable(name string) (uint64, bool) {
	if s := p.objectSpace(); s != nil {
		return s.Variable(name)
	}
	return 0, false
}

func (p *Process) objectSpace() *ObjectSpace {
	m := p.ns.Main()
	if p.object == nil && m != nil && p.infos[m].Set() != nil && !p.infos[m].Found.DebugOnly {
		f := p.infos[m].Set().File
		p.object = NewObjectSpace(f, mem.NewCache(io.NewSectionReader(f.ReaderAt(), 0, f.Size), f.Size, objectCache), m.Bias)
	}
	return p.object
}

// objectCache bounds the cache of the program's file, bytes.
const objectCache = 1 << 20
