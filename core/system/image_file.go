package system

import (
	"path"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/unwind/cfi"
)

// Image is an ELF file that is not running.
type Image struct {
	info *Info
	ns   *sym.Namespace
}

// FileSource is what NewImage needs of a target.
type FileSource interface {
	// FileSet is the file and its debug file.
	FileSet() *elffile.Set
	// FullName is what the file is called in full.
	FullName() string
	// FileMappings are where its bytes are addressed, in the order of its headers:
	// MDB takes the first of them for the program's text.
	FileMappings() []mem.Mapping
	// Files says how debug data is opened; it may be nil.
	Files() *Files
}

// NewImage makes a system of one file.
func NewImage(src FileSource) *Image {
	set, name := src.FileSet(), src.FullName()
	f := set.File
	o := &sym.Object{
		Name: path.Base(strings.ReplaceAll(f.Path, "\\", "/")), Path: name, File: f.Path,
		FileID: f.BuildID(), Main: true, Ranges: []sym.Range{},
	}
	o.BuildID = o.FileID
	for _, m := range src.FileMappings() {
		o.Ranges = append(o.Ranges, sym.Range{Base: uint64(m.Base), Size: m.Size})
	}
	if len(o.Ranges) > 0 {
		o.Base, o.Size = o.Ranges[0].Base, o.Ranges[0].Size
		o.Text = o.Ranges[0]
	} else {
		o.Text = sym.Range{Base: ^uint64(0), Size: 1} // nothing prints without a name
	}
	in := &Info{Object: o, Found: &Found{Set: set, BuildID: o.FileID, Verified: true}, files: src.Files()}
	in.attach()
	return &Image{info: in, ns: sym.NewNamespace(o)}
}

// Namespace implements core.Symbols.
func (im *Image) Namespace() *sym.Namespace { return im.ns }

// Info tells what lies behind the object.
func (im *Image) Info(o *sym.Object) *Info {
	if o == im.info.Object {
		return im.info
	}
	return nil
}

// TypeScope implements core.Types.
func (im *Image) TypeScope(o *sym.Object) ctype.Scope {
	if o != im.info.Object {
		return nil
	}
	return im.info.scope()
}

// CFI implements unwind.Tables.
func (im *Image) CFI(pc uint64) (t *cfi.Table, bias uint64, ok bool) {
	t, bias = im.info.frames()
	return t, bias, t != nil
}

// Needed lists the libraries the file names (DT_NEEDED).
func (im *Image) Needed() []string {
	return im.info.Set().File.Needed()
}
