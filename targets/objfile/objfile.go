package objfile

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/system"
)

// Target is an ELF file.
type Target struct {
	path    string
	file    *elffile.File
	set     *elffile.Set
	files   *system.Files // nil if nothing is to be looked for
	f       *os.File      // for reading
	write   bool          // the file may be written to
	virtual *mem.Segments
	object  *system.ObjectSpace
	maps    []mem.Mapping
}

// Open opens an ELF file; files says where its debug file may be. An error of
// kind elffile.ErrNotELF means that it is no ELF file.
func Open(path string, files *system.Files, writable bool) (*Target, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	t, err := OpenAt(path, f, st.Size(), files)
	if err != nil {
		f.Close()
		return nil, err
	}
	t.f = f
	if err := t.SetWritable(writable); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// OpenAt is Open for an ELF file that is not a file of the host: size bytes of r,
// called path.
func OpenAt(path string, r io.ReaderAt, size int64, files *system.Files) (*Target, error) {
	e, err := elffile.New(r, size)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	e.Path = path
	finder := &elffile.Finder{}
	if files != nil {
		finder = &files.Finder
	}
	t := &Target{path: path, file: e, set: elffile.NewSet(e, finder), files: files}
	t.segments()
	return t, nil
}

// segments lays out the address spaces.
func (t *Target) segments() {
	cache := mem.NewSpaceCache(backing{t}, mem.DefaultCache)
	var segs []mem.Segment
	name := t.FullName()
	// In the order of the headers: MDB takes the first for the program's text.
	for _, p := range t.file.Progs {
		if p.Type != elf.PT_LOAD || p.Filesz == 0 {
			continue
		}
		segs = append(segs, mem.Segment{
			Base: mem.Addr(p.Vaddr), Size: p.Filesz, Src: readOnly{cache}, Off: mem.Addr(p.Off),
			Name: name, File: p.Off, Prot: prot(p.Flags),
		})
		t.maps = append(t.maps, mem.Mapping{Base: mem.Addr(p.Vaddr), Size: p.Filesz, Name: name, Off: p.Off, Prot: prot(p.Flags)})
	}
	t.virtual = mem.NewSegments(segs)
	t.object = system.NewObjectSpace(t.file, cache, 0)
}

func prot(f elf.ProgFlag) mem.Prot {
	var p mem.Prot
	if f&elf.PF_R != 0 {
		p |= mem.ProtRead
	}
	if f&elf.PF_W != 0 {
		p |= mem.ProtWrite
	}
	if f&elf.PF_X != 0 {
		p |= mem.ProtExec
	}
	return p
}

// readOnly is the file in the virtual address space of an idle process: it has
// no memory to write to, and what the end of a cut file takes away is unmapped.
type readOnly struct{ c *mem.Cache }

func (r readOnly) ReadAt(p []byte, a mem.Addr) (int, error) {
	n, err := r.c.ReadAt(p, a)
	if err != nil {
		err = mem.Fault(a+mem.Addr(n), mem.ErrUnmapped)
	}
	return n, err
}

func (r readOnly) View(a mem.Addr, n int) []byte { return r.c.View(a, n) }

func (r readOnly) WriteAt(p []byte, a mem.Addr) (int, error) {
	return 0, mem.Fault(a, mem.ErrUnmapped)
}

// backing is the file as the cache sees it.
type backing struct{ t *Target }

func (b backing) ReadAt(p []byte, a mem.Addr) (int, error) {
	f := mem.File{R: b.t.file.ReaderAt(), Size: b.t.file.Size}
	return f.ReadAt(p, a)
}

func (b backing) WriteAt(p []byte, a mem.Addr) (int, error) {
	if !b.t.write {
		return 0, mem.Fault(a, mem.ErrReadOnly)
	}
	// It is open for no longer than the write: until then nobody could run it.
	w, err := os.OpenFile(b.t.path, os.O_WRONLY, 0)
	if err != nil {
		return 0, mem.Fault(a, err)
	}
	n, err := w.WriteAt(p, int64(a))
	if err = errors.Join(err, w.Close()); err != nil {
		return n, mem.Fault(a+mem.Addr(n), err)
	}
	return n, nil
}

// Kind implements core.Target: to MDB this is a process that does not run.
func (t *Target) Kind() string { return "proc" }

// Name implements core.Target.
func (t *Target) Name() string { return t.path }

// Close implements core.Target.
func (t *Target) Close() error {
	var err error
	if t.f != nil {
		err = t.f.Close()
	}
	return errors.Join(err, t.set.Close())
}

// Virtual implements core.Virtual.
func (t *Target) Virtual() mem.Space { return t.virtual }

// ObjectFile implements core.ObjectFile.
func (t *Target) ObjectFile() mem.Space { return t.object }

// Mappings implements core.Mapped.
func (t *Target) Mappings() []mem.Mapping { return t.virtual.Mappings() }

// FileSet implements system.FileSource.
func (t *Target) FileSet() *elffile.Set { return t.set }

// FileMappings implements system.FileSource.
func (t *Target) FileMappings() []mem.Mapping { return t.maps }

// Files implements system.FileSource.
func (t *Target) Files() *system.Files { return t.files }

// Arch implements core.Machine.
func (t *Target) Arch() *arch.Arch {
	return arch.ForELF(t.file.Machine, t.file.Class, t.file.FileHeader.Data)
}

// Variable implements core.Variables.
func (t *Target) Variable(name string) (uint64, bool) { return t.object.Variable(name) }

// Status implements core.StatusReporter.
func (t *Target) Status(p *out.Printer) {
	kind, bits := "object", 64
	if t.file.Type == elf.ET_EXEC {
		kind = "executable"
	}
	if t.file.Class == elf.ELFCLASS32 {
		bits = 32
	}
	fmt.Fprintf(p, "debugging %s file (%d-bit)\nfile: %s\nstatus: idle\n", kind, bits, t.FullName())
}

// FullName implements system.FileSource: the path as libproc keeps it: the working directory and the name
// given, joined and not cleaned.
func (t *Target) FullName() string {
	if filepath.IsAbs(t.path) {
		return t.path
	}
	dir, err := os.Getwd()
	if err != nil {
		return t.path
	}
	return dir + "/" + t.path
}

// Sizes of illumos's structures, bytes: MDB lists them though there is no process
// to fill them.
const (
	pshandleSize = 8
	psinfoSize   = 416
	pstatusSize  = 1680
	utsnameSize  = 1285
)

// Xdata implements core.Xdata: MDB's list for an idle process. Only the ELF
// header has data.
func (t *Target) Xdata() []core.Blob {
	return []core.Blob{
		{Name: "auxv", Descr: "procfs auxv_t array"},
		{Name: "cred", Descr: "procfs prcred_t structure"},
		{Name: "ehdr", Descr: "executable file GElf_Ehdr structure", Data: t.header()},
		{Name: "lwpstatus", Descr: "procfs lwpstatus_t array"},
		{Name: "pshandle", Descr: "libproc proc service API handle", Size: pshandleSize},
		{Name: "psinfo", Descr: "procfs psinfo_t structure", Size: psinfoSize},
		{Name: "pstatus", Descr: "procfs pstatus_t structure", Size: pstatusSize},
		{Name: "utsname", Descr: "utsname structure", Size: utsnameSize},
	}
}

// header is the ELF header as Elf64_Ehdr.
func (t *Target) header() []byte {
	b := make([]byte, 64)
	if t.file.Class != elf.ELFCLASS64 {
		b = b[:52] // as it is in the file: Elf32_Ehdr
	}
	n, _ := t.file.ReaderAt().ReadAt(b, 0)
	return b[:n]
}

// State implements core.Stater.
func (t *Target) State() core.State { return core.StateIdle }

// Writable implements core.Reopener.
func (t *Target) Writable() bool { return t.write }

// SetWritable implements core.Reopener. A program that runs may be made writable: it is
// each write that fails while it does.
func (t *Target) SetWritable(on bool) error {
	if on && !t.write {
		if err := mayWrite(t.path); err != nil {
			return err
		}
	}
	t.write = on
	return nil
}
