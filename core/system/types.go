package system

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/btf"
	"github.com/xmdb/xmdb/core/ctype/ctf"
	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
)

// OpenTypes opens the types of a load object: CTF in the file, else DWARF in the
// file or its debug file, else BTF in the file (a BPF program's object, a
// vmlinux).
func OpenTypes(in *Info) (ctype.Scope, error) {
	set := in.Set()
	if set == nil {
		return nil, errNoTypes
	}
	c, err := ctf.FromELF(set.File.File, in.Object.Name)
	switch {
	case err == nil && c.GNU() && set.WithSection(".debug_info", ".zdebug_info") != nil:
		// GCC's has no types of static variables: DWARF tells more.
	case err == nil:
		return c, nil
	case !errors.Is(err, ctf.ErrNoCTF):
		return nil, fmt.Errorf("read CTF of %s: %w", set.File.Path, err)
	}
	d, err := in.Debug()
	if d != nil {
		return d, nil
	}
	if set.WithSection(".BTF") == set.File {
		return openBTF(in, set.File)
	}
	if err == nil {
		err = errNoTypes
	}
	return nil, err
}

func openBTF(in *Info, f *elffile.File) (ctype.Scope, error) {
	data, err := f.SectionData(".BTF")
	if err != nil {
		return nil, err
	}
	o := btf.Options{Name: in.Object.Name, PointerSize: 8}
	if f.Class == elf.ELFCLASS32 {
		o.PointerSize = 4
	}
	b, err := btf.Open(bytes.NewReader(data), o)
	if err != nil {
		return nil, fmt.Errorf("read BTF of %s: %w", f.Path, err)
	}
	return b, nil
}

// Debug gives the DWARF data of the file or its debug file; nil if neither has
// any.
func (in *Info) Debug() (*dwarf.Data, error) {
	in.debugOnce.Do(func() {
		set := in.Set()
		if set == nil {
			return
		}
		f := set.WithSection(".debug_info", ".zdebug_info")
		if f == nil {
			return
		}
		o := dwarf.Options{}
		if in.files != nil {
			o = in.files.DWARF
		}
		o.Name = in.Object.Name
		o.BuildID = in.Found.BuildID
		o.Supplementary = in.files.supplementary(f)
		beside := []string{set.File.Path}
		if f != set.File {
			beside = append(beside, f.Path)
		}
		o.Split, o.Package = in.files.splitFile(beside), packageFile(beside)
		in.debug, in.debugErr = dwarf.New(f.ReaderAt(), o)
		if in.debugErr != nil {
			in.debug = nil
			in.debugErr = fmt.Errorf("read debug data of %s: %w", f.Path, in.debugErr)
		}
	})
	return in.debug, in.debugErr
}

// DebugData gives the DWARF data of a load object, whose addresses are the
// file's: subtract the object's Bias. nil if it has none.
func (p *Process) DebugData(o *sym.Object) *dwarf.Data {
	in := p.infos[o]
	if in == nil {
		return nil
	}
	d, _ := in.Debug()
	return d
}

// DebugData gives the DWARF data of the file; nil if it has none.
func (im *Image) DebugData(o *sym.Object) *dwarf.Data {
	if o != im.info.Object {
		return nil
	}
	d, _ := im.info.Debug()
	return d
}
