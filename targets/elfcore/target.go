package elfcore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/system"
)

// Auxiliary vector entries (include/uapi/linux/auxvec.h).
const (
	atBase        = 7
	atEntry       = 9
	atExecfn      = 31
	atSysinfoEhdr = 33
)

// Options of Open.
type Options struct {
	// Program is the executable given on the command line; "" infers it from the
	// core.
	Program string
	// Files finds the program and libraries; nil looks on the host alone.
	Files *system.Files
	// Progress is told how much of a compressed core has been read.
	Progress Progress
}

// coreFile is what cores of every system have: a file with segments of memory, and
// the files that were mapped.
type coreFile struct {
	path     string
	f        *os.File
	data     io.ReaderAt
	store    io.Closer // of the decompressed core; nil
	size     int64     // bytes, decompressed
	layout   *layout
	files    *system.Files
	mapped   []MappedFile          // by NT_FILE, or the run-time linker's list
	fills    map[string]*fileSpace // mapped files by path
	bases    map[string]uint64     // their first bytes; made by fileBase
	program  string                // path of the program, if the user named a file for it
	space    *mem.Segments
	inCore   *mem.Segments
	maps     []mem.Mapping
	warnings []string
}

// Target is a core of a Linux process.
type Target struct {
	coreFile
	notes *notes
	byID  map[uint64]*Thread // made by Registers
}

// Open opens a core. An error of kind ErrNotCore means that the file is no ELF
// core, compressed or not; ErrArch that it is one of another architecture or
// system.
func Open(ctx context.Context, path string, o Options) (*Target, error) {
	t := newTarget(path, o)
	err := t.openData(ctx, o.Progress)
	if err == nil {
		err = t.open(o)
	}
	return t.opened(err)
}

// OpenAt is Open for a core that is not a file, and not compressed: size bytes
// of r, called path.
func OpenAt(path string, r io.ReaderAt, size int64, o Options) (*Target, error) {
	t := newTarget(path, o)
	t.data, t.size = r, size
	return t.opened(t.open(o))
}

func newTarget(path string, o Options) *Target {
	return &Target{coreFile: newCoreFile(path, o)}
}

func newCoreFile(path string, o Options) coreFile {
	t := coreFile{path: path, files: o.Files, fills: map[string]*fileSpace{}}
	if t.files == nil {
		t.files = system.NewFiles("")
	}
	return t
}

func (t *Target) opened(err error) (*Target, error) {
	if err == nil {
		return t, nil
	}
	t.Close()
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrNotCore) {
		return nil, err
	}
	return nil, fmt.Errorf("open %s: %w", t.path, err)
}

func (t *Target) open(o Options) error {
	h, err := readHeader(t.data, t.size)
	if err != nil {
		return err
	}
	t.layout = h.layout
	t.warnDamage(h)
	if t.notes, err = readNotes(t.data, t.size, h); err != nil {
		t.warn("core file is damaged: " + err.Error())
	}
	if t.notes.foreign != "" {
		return fmt.Errorf("core file of a %s process: %w", strings.TrimSuffix(t.notes.foreign, "-CORE"), ErrArch)
	}
	if isIllumos(h, t.notes.all) && illumosLayoutFor(h.layout) != nil {
		return errIllumos
	}
	if len(t.notes.threads) == 0 {
		t.warn("core file has no threads: its notes are missing")
	}
	t.mapped = t.notes.files
	t.layOut(h)
	if len(t.mapped) == 0 {
		// What the program and the linker's list name has the text that is not here.
		if t.nameMappings(o.Program); len(t.mapped) != 0 {
			if o.Program != "" {
				t.program = t.ProgramPath()
			}
			t.layOut(h)
		}
	}
	t.tagMappings()
	t.chooseProgram(o.Program)
	return nil
}

// warnDamage tells of headers that are not whole and of a file that ends too early.
func (t *coreFile) warnDamage(h *header) {
	if h.damaged != nil {
		t.warn("core file is damaged: " + h.damaged.Error())
	}
	if h.cutAt > uint64(t.size) {
		t.warn(fmt.Sprintf("core file is truncated: it has %d of at least %d bytes", t.size, h.cutAt))
	}
}

// openData opens the file and, if it is compressed, decompresses it.
func (t *coreFile) openData(ctx context.Context, progress Progress) error {
	// Looked at before it is opened: to open a named pipe would wait for its writer.
	st, err := os.Stat(t.path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return ErrNotCore
	}
	f, err := os.Open(t.path)
	if err != nil {
		return err
	}
	t.f = f
	t.data, t.size = f, st.Size()
	var head [64]byte
	n, _ := f.ReadAt(head[:], 0)
	kind := Compressed(head[:n])
	if kind == "" {
		return nil
	}
	s, size, cut, err := decompress(ctx, f, t.size, kind, Probe, progress)
	if err != nil {
		return err
	}
	if cut != nil {
		t.warn("core file is damaged: " + cut.Error())
	}
	t.data, t.store, t.size = s, s, size
	return nil
}

func (t *coreFile) warn(s string) { t.warnings = append(t.warnings, "warning: "+s) }

// Warnings are what a user should be told once: damage.
func (t *coreFile) Warnings() []string { return t.warnings }

// chooseProgram makes the file given, or one beside the core, the answer for the
// path of the executable in the core.
func (t *Target) chooseProgram(given string) {
	mapped := t.ProgramPath()
	if given != "" {
		t.program = mapped
		t.files.Override(mapped, given)
		return
	}
	if mapped == "" {
		return
	}
	// The core may have been carried here together with its program.
	base, ok := t.fileBase(mapped)
	if !ok {
		return
	}
	id := system.BuildIDAt(t.inCore, base)
	if id == "" || t.files.Get(mapped, id).Set != nil {
		return
	}
	for _, dir := range []string{filepath.Dir(t.path), "."} {
		beside := filepath.Join(dir, path.Base(strings.TrimSuffix(mapped, " (deleted)")))
		f, err := elffile.Open(beside)
		if err != nil {
			continue
		}
		same := f.BuildID() == id
		f.Close()
		if same {
			t.files.Override(mapped, beside)
			return
		}
	}
}

// ProgramPath is the path of the executable as the core has it: the file mapped
// at the entry point, else what it was started by, else the mapped file that has
// the process's name.
func (t *Target) ProgramPath() string {
	if entry, ok := t.Aux(atEntry); ok {
		for _, f := range t.mapped {
			if entry >= f.Start && entry < f.End {
				return f.Path
			}
		}
	}
	if at, ok := t.Aux(atExecfn); ok {
		if s, err := mem.ReadString(t.inCore, mem.Addr(at), 4096); err == nil {
			return s
		}
	}
	if ps := t.notes.psinfo; ps != nil && ps.Fname != "" {
		for _, f := range t.mapped {
			if strings.HasPrefix(path.Base(f.Path), ps.Fname) && f.Off == 0 {
				return f.Path
			}
		}
	}
	return ""
}

// Kind implements core.Target.
func (t *Target) Kind() string { return "proc" }

// Name implements core.Target.
func (t *coreFile) Name() string { return t.path }

// Close implements core.Target.
func (t *coreFile) Close() error {
	var err error
	if t.store != nil {
		err = t.store.Close()
	}
	if t.f != nil {
		err = errors.Join(err, t.f.Close())
	}
	if t.files != nil {
		t.files.Close()
	}
	return err
}

// Virtual implements core.Virtual.
func (t *coreFile) Virtual() mem.Space { return t.space }

// Mappings implements core.Mapped.
func (t *coreFile) Mappings() []mem.Mapping { return t.maps }

// Arch implements core.Machine.
func (t *coreFile) Arch() *arch.Arch { return t.layout.arch }

// Files implements system.Source.
func (t *coreFile) Files() *system.Files { return t.files }

// Aux implements system.Source.
func (t *Target) Aux(typ uint64) (uint64, bool) { return auxValue(t.notes.auxv, typ) }

// Auxv is the auxiliary vector.
func (t *Target) Auxv() []Aux { return t.notes.auxv }

// Threads implements core.Threads.
func (t *Target) Threads() []core.Thread {
	var out []core.Thread
	for _, th := range t.notes.threads {
		out = append(out, core.Thread{ID: uint64(uint32(th.ID)), Name: t.threadName(th)})
	}
	return out
}

// threadName is known of the main thread only: the kernel dumps no other's.
func (t *Target) threadName(th *Thread) string {
	if p := t.notes.psinfo; p != nil && p.PID == th.ID {
		return p.Fname
	}
	return ""
}

// State implements core.Stater.
func (t *Target) State() core.State { return core.StateDead }

// Program is the executable's file on this host; "" if it was not found.
func (t *Target) Program() string {
	mapped, id := t.ProgramPath(), ""
	if base, ok := t.fileBase(mapped); ok {
		id = system.BuildIDAt(t.inCore, base)
	}
	if f := t.files.Get(mapped, id); f.Set != nil && !f.DebugOnly {
		return f.Set.File.Path
	}
	return ""
}
