package paging

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
)

// Bits of an entry.
const (
	Present  = 1 << 0
	Writable = 1 << 1
	User     = 1 << 2
	Through  = 1 << 3 // write-through
	NoCache  = 1 << 4
	Accessed = 1 << 5
	Dirty    = 1 << 6
	Large    = 1 << 7 // above level 1: a page, no table
	Global   = 1 << 8
	NoExec   = 1 << 63

	addrMask = 0x000f_ffff_ffff_f000
)

// Reasons of an *Error beside those of package mem.
var (
	ErrNonCanonical = fmt.Errorf("address is not one of the paging mode: %w", mem.ErrUnmapped)
	ErrReserved     = fmt.Errorf("reserved bit in page table entry: %w", mem.ErrUnmapped)
	ErrLoop         = errors.New("page table refers to itself")
	ErrTooMany      = errors.New("too many page tables")
)

// Error is a translation that failed.
type Error struct {
	VA    uint64
	Level int    // of the table that had no way on, 0 if none was read
	Entry uint64 // physical address of the entry
	Raw   uint64 // the entry, if it could be read
	Err   error
}

func (e *Error) Error() string {
	if e.Level == 0 {
		return fmt.Sprintf("%#x: %v", e.VA, e.Err)
	}
	return fmt.Sprintf("%#x: %v (level %d entry at physical %#x)", e.VA, e.Err, e.Level, e.Entry)
}

func (e *Error) Unwrap() error { return e.Err }

// Options change how entries are read.
type Options struct {
	// PhysBits is the physical address width in bits; 0 is the format's 52.
	PhysBits int
	// Encryption is the mask of address bits that mark memory as encrypted or shared
	// and are no part of an address.
	Encryption uint64
	// Levels is the number of levels where it is not the mode's: a table whose top
	// was left out. 0 is the mode's.
	Levels int
	// Top are the entries of the top table where it does not lie in memory.
	Top []uint64
	// MaxTables bounds what Pages reads; 0 is DefaultMaxTables.
	MaxTables int
}

// Table is a page table.
type Table struct {
	phys   mem.Space
	mode   Mode
	root   uint64
	levels int
	mask   uint64 // address bits of an entry
	top    []uint64
	max    int
}

// New is the page table of a mode with its top at root in the physical memory phys.
// root may be a whole CR3: bits that are no address are left out.
func New(phys mem.Space, mode Mode, root uint64, o Options) *Table {
	mode = mode.known()
	mask := uint64(addrMask)
	if o.PhysBits > 12 && o.PhysBits < 52 {
		mask &= 1<<o.PhysBits - 1
	}
	t := &Table{phys: phys, mode: mode, levels: mode.Levels(), mask: mask &^ o.Encryption, top: o.Top, max: o.MaxTables}
	t.root = mode.root(root) &^ o.Encryption
	if o.Levels > 0 && o.Levels <= t.levels {
		t.levels = o.Levels
	}
	if t.max <= 0 {
		t.max = DefaultMaxTables
	}
	return t
}

// Mode is the table's mode.
func (t *Table) Mode() Mode { return t.mode }

// Root is the physical address of the top table.
func (t *Table) Root() uint64 { return t.root }

// Physical is the memory the table lies in.
func (t *Table) Physical() mem.Space { return t.phys }

// Entry is an entry on the way to an address.
type Entry struct {
	Level int
	Table uint64 // physical address of its table
	Index int    // in the table
	Raw   uint64
}

// Addr is the physical address of the entry.
func (e Entry) Addr(m Mode) uint64 { return e.Table + uint64(e.Index*m.EntrySize()) }

// levelNames are the processor manuals' names of entries by level.
var levelNames = [...]string{"", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"}

// Name is the manuals' name of such an entry: "PTE", "PDE", "PML4E".
func (e Entry) Name() string {
	if e.Level > 0 && e.Level < len(levelNames) {
		return levelNames[e.Level]
	}
	return ""
}

// Translation is where a page is.
type Translation struct {
	VA, PA   uint64 // of the address that was asked for
	PageSize uint64 // bytes; without paging 4G
	// Prot is what all entries on the way allow; User whether user mode may.
	Prot mem.Prot
	User bool
}

// Translate gives the physical address of va and the size of the page it is in.
// Errors are *Error.
func (t *Table) Translate(va uint64) (pa, pageSize uint64, err error) {
	tr, err := t.walk(va, nil)
	return tr.PA, tr.PageSize, err
}

// Walk gives the entries on the way to va, from the top down, and where it leads. With
// an error it gives the entries up to the one that leads no further.
func (t *Table) Walk(va uint64) ([]Entry, Translation, error) {
	way := make([]Entry, 0, t.levels)
	tr, err := t.walk(va, &way)
	return way, tr, err
}

func (t *Table) walk(va uint64, way *[]Entry) (Translation, error) {
	tr := Translation{VA: va, Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec, User: true}
	if !t.mode.Canonical(va) {
		return tr, &Error{VA: va, Err: ErrNonCanonical}
	}
	if t.levels == 0 {
		tr.PA, tr.PageSize = va, 1<<32
		return tr, nil
	}
	e := Entry{Table: t.root}
	for e.Level = t.levels; ; e.Level-- {
		e.Index = int(va>>t.mode.shift(e.Level)) & (t.mode.entries(e.Level) - 1)
		var err error
		if e.Raw, err = t.read(e); err != nil {
			return tr, &Error{VA: va, Level: e.Level, Entry: e.Addr(t.mode), Err: fmt.Errorf("read page table: %w", mem.Reason(err))}
		}
		if way != nil {
			*way = append(*way, e)
		}
		next, leaf, err := t.step(e.Level, e.Raw)
		if err != nil {
			return tr, &Error{VA: va, Level: e.Level, Entry: e.Addr(t.mode), Raw: e.Raw, Err: err}
		}
		t.restrict(&tr, e.Level, e.Raw)
		if leaf {
			tr.PageSize = 1 << t.mode.shift(e.Level)
			tr.PA = next | va&(tr.PageSize-1)
			return tr, nil
		}
		e.Table = next
	}
}

// read gives the raw entry.
func (t *Table) read(e Entry) (uint64, error) {
	if e.Level == t.levels && t.top != nil {
		if e.Index >= len(t.top) {
			return 0, nil
		}
		return t.top[e.Index], nil
	}
	return mem.ReadUint(t.phys, mem.Addr(e.Addr(t.mode)), t.mode.EntrySize(), binary.LittleEndian)
}

// step gives where an entry leads: the physical address of a page or of the table one
// level down.
func (t *Table) step(level int, raw uint64) (next uint64, page bool, err error) {
	if raw&Present == 0 {
		return 0, false, mem.ErrUnmapped
	}
	if t.mode.legacy() {
		if level == 2 && raw&Large != 0 && t.mode == Bits32PSE {
			return (raw&0xffc0_0000 | raw>>13&0xff<<32) & (t.mask | 0xfff), true, nil
		}
		return raw & 0xffff_f000 & t.mask, level == 1, nil
	}
	if level == 1 {
		return raw & t.mask, true, nil
	}
	if raw&Large == 0 {
		return raw & t.mask, false, nil
	}
	if level > 3 || level == 3 && t.mode == PAE {
		return 0, false, ErrReserved
	}
	return raw & t.mask &^ (1<<t.mode.shift(level) - 1), true, nil
}

// restrict takes from tr what an entry does not allow. The top entries of PAE have no
// such bits.
func (t *Table) restrict(tr *Translation, level int, raw uint64) {
	if t.mode == PAE && level == 3 {
		return
	}
	if raw&Writable == 0 {
		tr.Prot &^= mem.ProtWrite
	}
	if raw&User == 0 {
		tr.User = false
	}
	if raw&NoExec != 0 {
		tr.Prot &^= mem.ProtExec
	}
}
