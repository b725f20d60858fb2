package rawfile

import (
	"errors"
	"io"
	"os"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// errCut is what a read has that the end of the file cuts short.
var errCut = errors.New("operation not supported by target")

// Target is one or two raw files.
type Target struct {
	object, core *file
	writable     bool
}

// file is one open file and its Space.
type file struct {
	path     string
	f        *os.File
	size     int64 // bytes, as last seen
	writable bool
}

// Open opens the object file and, if core is not "", the core file.
func Open(object, core string, writable bool) (*Target, error) {
	t := &Target{}
	if err := t.open(object, core, writable); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Target) open(object, core string, writable bool) error {
	o, err := openFile(object, writable)
	if err != nil {
		return err
	}
	var c *file
	if core != "" {
		if c, err = openFile(core, writable); err != nil {
			o.f.Close()
			return err
		}
	}
	t.object, t.core, t.writable = o, c, writable
	return nil
}

func openFile(path string, writable bool) (*file, error) {
	flag := os.O_RDONLY
	if writable {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	// Seek tells the size of block devices too.
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		size = 1<<63 - 1 // a device without a size: its reads will tell
	}
	return &file{path: path, f: f, size: size, writable: writable}, nil
}

// ReadAt implements mem.Space.
func (f *file) ReadAt(p []byte, a mem.Addr) (int, error) {
	if uint64(a) >= 1<<63 {
		return 0, mem.Fault(a, mem.ErrEOF)
	}
	n, err := f.f.ReadAt(p, int64(a))
	switch {
	case n == len(p):
		return n, nil
	case err != nil && err != io.EOF:
		return n, mem.Fault(a+mem.Addr(n), err)
	case n == 0:
		return 0, mem.Fault(a, mem.ErrEOF)
	}
	return n, mem.Fault(a+mem.Addr(n), errCut)
}

// WriteAt implements mem.Writer.
func (f *file) WriteAt(p []byte, a mem.Addr) (int, error) {
	if !f.writable {
		return 0, mem.Fault(a, mem.ErrReadOnly)
	}
	if uint64(a) >= 1<<63 {
		return 0, mem.Fault(a, mem.ErrEOF)
	}
	n, err := f.f.WriteAt(p, int64(a))
	if err != nil {
		return n, mem.Fault(a+mem.Addr(n), err)
	}
	f.size = max(f.size, int64(a)+int64(n))
	return n, nil
}

// Kind implements core.Target.
func (t *Target) Kind() string { return "raw" }

// Name implements core.Target.
func (t *Target) Name() string { return t.object.path }

// Close implements core.Target.
func (t *Target) Close() error {
	err := t.object.f.Close()
	if t.core != nil {
		err = errors.Join(err, t.core.f.Close())
	}
	return err
}

// Virtual implements core.Virtual.
func (t *Target) Virtual() mem.Space {
	if t.core != nil {
		return t.core
	}
	return t.object
}

// Physical implements core.Physical.
func (t *Target) Physical() mem.Space { return t.Virtual() }

// ObjectFile implements core.ObjectFile.
func (t *Target) ObjectFile() mem.Space { return t.object }

// Mappings implements core.Mapped: each file whole, named as MDB does.
func (t *Target) Mappings() []mem.Mapping {
	prot := mem.ProtRead
	if t.writable {
		prot |= mem.ProtWrite
	}
	out := []mem.Mapping{{Size: uint64(t.object.size), Name: t.object.path + " (object file)", Prot: prot}}
	if t.core != nil {
		out = append(out, mem.Mapping{Size: uint64(t.core.size), Name: t.core.path + " (core file)", Prot: prot})
	}
	return out
}

// Variable implements core.Variables: d is the size of the object file.
func (t *Target) Variable(name string) (uint64, bool) {
	if name == "d" {
		return uint64(t.object.size), true
	}
	return 0, false
}

// Status implements core.StatusReporter.
func (t *Target) Status(p *out.Printer) {
	s := "debugging file '" + t.object.path + "' (object file)"
	if t.core != nil {
		s += " and file '" + t.core.path + "' (core file)"
	}
	p.WriteString(s + "\n")
}

// State implements core.Stater.
func (t *Target) State() core.State {
	if t.core != nil {
		return core.StateDead
	}
	return core.StateIdle
}

// Writable implements core.Reopener.
func (t *Target) Writable() bool { return t.writable }

// SetWritable implements core.Reopener: the files are opened anew. Spaces handed
// out before go on reading the files as they are now.
func (t *Target) SetWritable(on bool) error {
	if on == t.writable {
		return nil
	}
	corePath := ""
	if t.core != nil {
		corePath = t.core.path
	}
	old := *t
	if err := t.open(old.object.path, corePath, on); err != nil {
		return err
	}
	// The Space a session holds is the old file: give it the new descriptor.
	keep(&old.object, &t.object)
	if t.core != nil {
		keep(&old.core, &t.core)
	}
	return nil
}

// keep moves what was opened into the file already handed out.
func keep(old, opened **file) {
	(*old).f.Close()
	**old = **opened
	*opened = *old
}
