package system

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/sym/pclntab"
)

// GoTable gives the table by which a Go program knows its own functions and
// lines, which stripping leaves in place; nil if the file has none. Addresses in
// it are the file's.
func (in *Info) GoTable() *pclntab.Table {
	in.goOnce.Do(func() {
		if s := in.Set(); s != nil && !in.Found.DebugOnly {
			in.goTable = openGoTable(s.File)
		}
	})
	return in.goTable
}

// goSections are the names of the section that holds the table: the second is that
// of position-independent programs of older linkers.
var goSections = []string{".gopclntab", ".data.rel.ro.gopclntab"}

// maxGoTable bounds the table, bytes.
const maxGoTable = 1 << 30

func openGoTable(f *elffile.File) *pclntab.Table {
	for _, name := range goSections {
		s := f.Section(name)
		if s == nil || s.FileSize > maxGoTable {
			continue
		}
		b, err := f.Data(s)
		if err != nil {
			return nil
		}
		t, err := pclntab.Open(b, goText(f, s.Addr))
		if err != nil {
			return nil
		}
		return t
	}
	return nil
}

// goText finds where Go's text begins, which offsets in the table count from: the
// runtime's moduledata says so, whose first word is the address of the table
// (runtime/symtab.go: six slices and a word later minpc, maxpc, text). In a file
// whose moduledata is filled in by relocations it is the start of .text, which
// holds if no C code comes before.
func goText(f *elffile.File, table uint64) uint64 {
	const minpc, text, end = 8 + 6*24 + 8, 8 + 6*24 + 24, 8 + 6*24 + 32
	start := uint64(0)
	if s := f.Section(".text"); s != nil {
		start = s.Addr
	}
	for _, name := range []string{".go.module", ".noptrdata", ".data", ".data.rel.ro"} {
		s := f.Section(name)
		if s == nil || s.FileSize > maxGoData {
			continue
		}
		b, err := f.Data(s)
		if err != nil {
			continue
		}
		for i := 0; i+end <= len(b); i += 8 {
			if f.ByteOrder.Uint64(b[i:]) != table {
				continue
			}
			lo, at := f.ByteOrder.Uint64(b[i+minpc:]), f.ByteOrder.Uint64(b[i+text:])
			if at >= start && at <= lo && lo-at < 1<<20 {
				return at
			}
		}
	}
	return start
}

// maxGoData bounds the sections that are searched for the moduledata, bytes.
const maxGoData = 64 << 20

// goSymbols makes a symbol table of the functions of a Go program that has been
// stripped of its own.
func (in *Info) goSymbols(rule sym.Rule, bias uint64) *sym.Table {
	t := in.GoTable()
	if t == nil || in.Set().File.ByteOrder != binary.ByteOrder(binary.LittleEndian) {
		return nil
	}
	const text = 1 // any section will do, for the bias to be added
	return t.Symbols(rule, text, bias)
}

// GoTable implements core.GoTables.
func (p *Process) GoTable(o *sym.Object) *pclntab.Table {
	if in := p.infos[o]; in != nil {
		return in.GoTable()
	}
	return nil
}

// GoTable implements core.GoTables.
func (im *Image) GoTable(o *sym.Object) *pclntab.Table {
	if o == im.info.Object {
		return im.info.GoTable()
	}
	return nil
}

// FrameSize implements unwind.FrameSizes: by the tables of a Go program.
func (p *Process) FrameSize(pc uint64) (uint64, bool) {
	o := p.ns.ObjectAt(pc)
	if o == nil {
		return 0, false
	}
	t := p.GoTable(o)
	if t == nil {
		return 0, false
	}
	return t.FrameSize(pc - o.Bias)
}
