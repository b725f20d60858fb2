package system

import (
	"io"
	"time"

	"github.com/xmdb/xmdb/core/mem"
)

// KernelDump is what a crash dump of an illumos kernel gives: a Source for the
// kernel that is recognised in it. Nothing of it knows what the pages hold.
//
// All methods may be called from several goroutines.
type KernelDump interface {
	// DumpHeader is what the dump says of itself.
	DumpHeader() *DumpHeader

	// Physical is memory by physical address. It is a mem.Viewer. A page that
	// cannot be read has one of the reasons mem.ErrFiltered (the kernel left it
	// out: it is in no address space that was dumped), mem.ErrNotDumped (the kernel
	// meant to write it and did not get to it), mem.ErrTruncated (it is in the part
	// of the file that is gone) or a *mem.Error about damaged data.
	Physical() mem.Space

	// Lookup gives the page frame that the dump's map has for the page of a virtual
	// address in the address space whose struct as is at as; ok is false if the map
	// has none, or if it cannot be read there. The kernel's own address space is
	// that of the symbol kas; those of processes are in a dump only if
	// DumpHeader.Flags says so. Page tables are in the dump by physical address and
	// have no entries in the map.
	Lookup(as, va uint64) (pfn uint64, ok bool)

	// KSyms is the ELF file with the symbols of all modules, from unix.N if it was
	// given, else from the dump; size is its length, 0 if it is not there.
	KSyms() (r io.ReaderAt, size int64)

	// Coverage tells how much of the dump is there.
	Coverage() Coverage
}

// DumpFlags are dump_flags of sys/dumphdr.h.
type DumpFlags uint32

// The flags. A dump has one of DumpKernel, DumpAll and DumpCurProc.
const (
	DumpValid      DumpFlags = 0x1     // not yet processed by savecore
	DumpComplete   DumpFlags = 0x2     // all pages were written without error
	DumpLive       DumpFlags = 0x4     // of a running system: savecore -L
	DumpCompressed DumpFlags = 0x8     // vmdump.N
	DumpEncrypted  DumpFlags = 0x10    // data enciphered
	DumpKernel     DumpFlags = 0x10000 // kernel pages only
	DumpAll        DumpFlags = 0x20000 // all pages, all address spaces
	DumpCurProc    DumpFlags = 0x40000 // kernel pages and one process
)

// DumpHeader is dumphdr_t without its file offsets.
type DumpHeader struct {
	Version   int // of the format: 10
	WordSize  int // bits
	Flags     DumpFlags
	Utsname   Utsname
	Platform  string // "i86pc"
	Panic     string // formatted message; "" in a live dump
	CrashTime time.Time
	FMPanic   bool   // the fault manager started the panic
	UUID      string // of the OS image; "" if not set
	PageShift uint
	Pages     uint64 // pages written, by the header
	Vtops     uint64 // translations in the map
}

// Utsname is struct utsname.
type Utsname struct {
	Sysname, Nodename, Release, Version, Machine string
}

// PageSize is the size of a page in bytes.
func (h *DumpHeader) PageSize() uint64 { return 1 << h.PageShift }

// Coverage counts the pages of a dump.
type Coverage struct {
	Pages   uint64 // that the header promises
	Kept    uint64 // that can be read
	Missing uint64 // that were never written: the kernel had an error, or the data breaks off before the file ends
	Cut     uint64 // that are in the part of the file that is gone
	// Sparse tells that the file ends with a whole page: savecore does not write the
	// last pages if they are zeros, so that those in Cut may never have been there.
	Sparse bool
}

// Whole tells that nothing is missing.
func (c Coverage) Whole() bool { return c.Kept == c.Pages }
