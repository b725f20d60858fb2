package system

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/sym/pclntab"
	"github.com/xmdb/xmdb/core/unwind/cfi"
)

// Info is what lies behind a load object.
type Info struct {
	Object  *sym.Object
	Found   *Found            // the search for its file
	Refused []elffile.Missing // why symbols or debug data are missing, more than Found says

	linkMap uint64    // VA of its struct link_map, 0 if not known
	native  bool      // of an illumos process: libproc's rules, no more
	image   *memImage // in the process's memory; nil for a file that is not running
	space   mem.Space

	stubsOnce sync.Once
	stubs     []elffile.Stub
	cfiDone   bool
	cfi       *cfi.Table
	cfiBias   uint64
	files     *Files // nil for a file that is not part of a process
	debugOnce sync.Once
	debug     *dwarf.Data
	debugErr  error
	goOnce    sync.Once
	goTable   *pclntab.Table
	typesOnce sync.Once
	types     ctype.Scope
}

// Set gives the file and its debug file; nil if there is none.
func (in *Info) Set() *elffile.Set {
	if in.Found == nil {
		return nil
	}
	return in.Found.Set
}

// Missing lists the files that were wanted for the object and are not in use.
// The debug file is looked for now if it has not been.
func (in *Info) Missing() []elffile.Missing {
	var out []elffile.Missing
	if in.Found != nil {
		out = append(out, in.Found.Missing...)
	}
	if s := in.Set(); s != nil {
		s.Debug()
		out = append(out, s.Missing()...)
	}
	if in.debug != nil {
		for _, err := range in.debug.MissingSplit() {
			out = append(out, elffile.Missing{What: "debug data", Path: in.Object.Path, Err: err})
		}
	}
	return append(out, in.Refused...)
}

// attach gives the object its loaders.
func (in *Info) attach() {
	in.Object.SetLoader(in.loadTable)
	in.Object.SetPLT(in.pltSlot)
}

// loadTable reads a symbol table: of the file, or without one the dynamic
// symbols in memory.
func (in *Info) loadTable(o *sym.Object, k sym.Kind) (*sym.Table, error) {
	if s := in.Set(); s != nil && (k != sym.Dynsym || !in.Found.DebugOnly) {
		rule := sym.RuleProcess
		if in.image != nil && !in.native {
			rule = sym.RuleLinux
		}
		t, err := s.Symbols(k, rule, o.Bias)
		if t == nil && k == sym.Symtab {
			t = in.goSymbols(rule, o.Bias)
		}
		if err != nil {
			in.Refused = append(in.Refused, elffile.Missing{What: "symbols", Path: s.File.Path, Err: err})
		}
		if t != nil || k != sym.Dynsym {
			return t, err
		}
	}
	if k == sym.Dynsym && in.image != nil {
		return in.image.dynsym()
	}
	return nil, nil
}

// pltSlot tells which PLT entry lies at a VA and where it leads.
func (in *Info) pltSlot(addr uint64) (sym.PLTSlot, bool) {
	in.stubsOnce.Do(func() {
		if s := in.Set(); s != nil && !in.Found.DebugOnly {
			in.stubs = s.File.Stubs()
		}
	})
	if len(in.stubs) == 0 {
		return sym.PLTSlot{}, false
	}
	st, ok := elffile.FindStub(in.stubs, addr-in.Object.Bias)
	if !ok {
		return sym.PLTSlot{}, false
	}
	slot := sym.PLTSlot{Name: st.Name}
	if in.image == nil {
		return slot, true // not running: never bound
	}
	to, err := mem.ReadUint(in.space, mem.Addr(st.Slot+in.Object.Bias), in.image.sizes.word, binary.LittleEndian)
	if err == nil && to != 0 {
		// Before it is bound the slot leads back into the PLT.
		if _, back := elffile.FindStub(in.stubs, to-in.Object.Bias); !back {
			slot.Bound = to
		}
	}
	return slot, true
}

// frames gives the call frame information and the bias of its addresses.
func (in *Info) frames() (*cfi.Table, uint64) {
	if !in.cfiDone {
		in.cfiDone = true
		var err error
		in.cfi, in.cfiBias, err = in.openFrames()
		if err != nil {
			in.Refused = append(in.Refused, elffile.Missing{What: "call frame information", Path: in.Object.Path, Err: err})
		}
	}
	return in.cfi, in.cfiBias
}

func (in *Info) openFrames() (*cfi.Table, uint64, error) {
	if s := in.Set(); s != nil {
		t, err := fileFrames(s)
		if t != nil || in.image == nil {
			return t, in.Object.Bias, err
		}
	}
	if in.image == nil {
		return nil, 0, nil
	}
	p, ok := in.image.prog(elf.PT_GNU_EH_FRAME)
	if !ok {
		return nil, 0, nil
	}
	read := func(b []byte, addr uint64) error { return mem.ReadFull(in.space, b, mem.Addr(addr)) }
	t, err := cfi.FromMemory(read, in.image.bias+p.Vaddr, in.image.sizes.word, binary.LittleEndian)
	if err != nil {
		return nil, 0, err
	}
	return t, 0, nil
}

// fileFrames makes a table of the sections of a file and its debug file.
func fileFrames(s *elffile.Set) (*cfi.Table, error) {
	f := s.File
	cfg := cfi.Config{PtrSize: 8, Order: f.ByteOrder}
	if f.Class == elf.ELFCLASS32 {
		cfg.PtrSize = 4
	}
	if sec := f.Section(".text"); sec != nil {
		cfg.Text = sec.Addr
	}
	if sec := f.Section(".got"); sec != nil {
		cfg.Data = sec.Addr
	}
	cfg.EHFrame = frameSection(f, ".eh_frame")
	cfg.EHFrameHdr = frameSection(f, ".eh_frame_hdr")
	for _, name := range []string{".debug_frame", ".zdebug_frame"} {
		if g := s.WithSection(name); g != nil && cfg.DebugFrame.Empty() {
			cfg.DebugFrame = frameSection(g, name)
		}
	}
	if cfg.EHFrame.Empty() && cfg.DebugFrame.Empty() {
		return nil, nil
	}
	return cfi.New(cfg)
}

// frameSection gives a section to be read in place, or decompressed.
func frameSection(f *elffile.File, name string) cfi.Section {
	s := f.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS || s.FileSize == 0 {
		return cfi.Section{}
	}
	if s.Flags&elf.SHF_COMPRESSED != 0 || name[1] == 'z' {
		b, err := f.Data(s)
		if err != nil {
			return cfi.Section{}
		}
		return cfi.Section{Addr: s.Addr, Data: b}
	}
	const small = 4 << 20
	if s.FileSize <= small {
		if b, err := f.Data(s); err == nil {
			return cfi.Section{Addr: s.Addr, Data: b}
		}
	}
	return cfi.Section{Addr: s.Addr, R: s.ReaderAt, Size: s.FileSize}
}

// errNoTypes is why a scope is nil.
var errNoTypes = errors.New("no symbolic debug information")

// scope gives the object's types; nil if there are none.
func (in *Info) scope() ctype.Scope {
	in.typesOnce.Do(func() {
		var err error
		if in.types, err = OpenTypes(in); err == nil {
			return
		}
		in.types = nil
		if !errors.Is(err, errNoTypes) {
			in.Refused = append(in.Refused, elffile.Missing{What: "types", Path: in.Object.Path, Err: err})
		}
	})
	return in.types
}
