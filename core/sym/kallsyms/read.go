package kallsyms

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// Limits of what is decoded.
const (
	maxSyms   = 16 << 20
	maxNames  = 256 << 20
	maxTokens = 64 << 10 // bytes: an index is 16 bits
	maxName   = 512      // KSYM_NAME_LEN, which was 128 before 6.1
	tokens    = 256
	// perMarker is the number of symbols from a marker to the next.
	perMarker = 256
)

// ErrBad says that the tables make no sense.
var ErrBad = errors.New("kallsyms is damaged")

// Tables are the VAs of the parts. Either Addresses is set, or Offsets, which count from
// RelativeBase or, without one, each from its own place. 0 is unknown.
type Tables struct {
	NumSyms, Names         uint64
	TokenTable, TokenIndex uint64
	Offsets, RelativeBase  uint64
	Addresses              uint64
}

// Whole tells whether all parts that are needed are known.
func (t *Tables) Whole() bool {
	return t.NumSyms != 0 && t.Names != 0 && t.TokenTable != 0 && t.TokenIndex != 0 &&
		(t.Addresses != 0 || t.Offsets != 0)
}

// ByPlace tells that offsets count from where they are: read from anywhere else, as from
// physical memory, the symbols have other values.
func (t *Tables) ByPlace() bool { return t.Addresses == 0 && t.RelativeBase == 0 }

// Moved is the tables, as they lie elsewhere: by is added to their addresses.
func (t Tables) Moved(by uint64) Tables {
	for _, p := range []*uint64{&t.NumSyms, &t.Names, &t.TokenTable, &t.TokenIndex, &t.Offsets, &t.RelativeBase, &t.Addresses} {
		if *p != 0 {
			*p += by
		}
	}
	return t
}

// Read decodes the tables. The result's rule is the kernel's, with the first of
// symbols that share an address standing for it.
func Read(sp mem.Space, t Tables) (*sym.Table, error) {
	if !t.Whole() {
		return nil, fmt.Errorf("read kallsyms: a part was not found: %w", ErrBad)
	}
	n, err := mem.ReadUint(sp, mem.Addr(t.NumSyms), 4, binary.LittleEndian)
	if err != nil {
		return nil, fmt.Errorf("read kallsyms_num_syms: %w", err)
	}
	if n == 0 || n > maxSyms {
		return nil, fmt.Errorf("%d symbols: %w", n, ErrBad)
	}
	d := decoder{n: int(n)}
	if err := d.readTokens(sp, &t); err != nil {
		return nil, err
	}
	if err := d.readNames(sp, &t); err != nil {
		return nil, err
	}
	if err := d.readAddresses(sp, &t); err != nil {
		return nil, err
	}
	if err := d.decode(); err != nil {
		return nil, err
	}
	return sym.NewTable(sym.Source{
		Kind: sym.Symtab, Rule: sym.RuleKernel, First: true, Indexed: true, Class: elf.ELFCLASS64,
		Order: binary.LittleEndian, Syms: d.syms, Strs: d.strs,
	}), nil
}

// decoder is a run of Read.
type decoder struct {
	n     int
	token [tokens]string
	addr  []uint64
	names []byte
	syms  []byte // Elf64_Sym
	strs  []byte
}

// readTokens takes the token table apart.
func (d *decoder) readTokens(sp mem.Space, t *Tables) error {
	var index [2 * tokens]byte
	if err := mem.ReadFull(sp, index[:], mem.Addr(t.TokenIndex)); err != nil {
		return fmt.Errorf("read kallsyms_token_index: %w", err)
	}
	size := uint64(maxTokens)
	if t.TokenIndex > t.TokenTable {
		size = min(size, t.TokenIndex-t.TokenTable)
	}
	table := make([]byte, size)
	got, err := sp.ReadAt(table, mem.Addr(t.TokenTable))
	table = table[:got]
	for i := range d.token {
		at := int(binary.LittleEndian.Uint16(index[2*i:]))
		s, ok := cstring(table, at)
		if !ok {
			if err != nil {
				return fmt.Errorf("read kallsyms_token_table: %w", err)
			}
			return fmt.Errorf("token %d: %w", i, ErrBad)
		}
		d.token[i] = s
	}
	return nil
}

// cstring is the string at an offset, of at most 256 bytes.
func cstring(b []byte, at int) (string, bool) {
	if at < 0 || at >= len(b) {
		return "", false
	}
	for end := at; end < len(b) && end-at <= tokens; end++ {
		if b[end] == 0 {
			return string(b[at:end]), true
		}
	}
	return "", false
}

// readAddresses makes the values of all symbols.
func (d *decoder) readAddresses(sp mem.Space, t *Tables) error {
	d.addr = make([]uint64, d.n)
	if t.Addresses != 0 {
		b := make([]byte, 8*d.n)
		if err := mem.ReadFull(sp, b, mem.Addr(t.Addresses)); err != nil {
			return fmt.Errorf("read kallsyms_addresses: %w", err)
		}
		for i := range d.addr {
			d.addr[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
		return nil
	}
	b := make([]byte, 4*d.n)
	if err := mem.ReadFull(sp, b, mem.Addr(t.Offsets)); err != nil {
		return fmt.Errorf("read kallsyms_offsets: %w", err)
	}
	if t.RelativeBase == 0 {
		for i := range d.addr {
			d.addr[i] = t.Offsets + 4*uint64(i) + uint64(int64(int32(binary.LittleEndian.Uint32(b[4*i:]))))
		}
		return nil
	}
	base, err := mem.ReadUint(sp, mem.Addr(t.RelativeBase), 8, binary.LittleEndian)
	if err != nil {
		return fmt.Errorf("read kallsyms_relative_base: %w", err)
	}
	return d.fromBase(b, base)
}

// fromBase takes offsets from a base.
func (d *decoder) fromBase(b []byte, base uint64) error {
	negative := 0
	for i := range d.n {
		if int32(binary.LittleEndian.Uint32(b[4*i:])) < 0 {
			negative++
		}
	}
	absolute := negative > d.n/2 // CONFIG_KALLSYMS_ABSOLUTE_PERCPU
	for i := range d.addr {
		o := binary.LittleEndian.Uint32(b[4*i:])
		switch s := int32(o); {
		case !absolute:
			d.addr[i] = base + uint64(o)
		case s >= 0:
			d.addr[i] = uint64(o)
		default:
			d.addr[i] = base - 1 - uint64(int64(s))
		}
	}
	return nil
}

// piece is how much of the names is read at once.
const piece = 4 << 20

// readNames reads the compressed names: up to the token table, which lies behind
// them, or as much as there is. A name takes two bytes at least, so that what is there
// bounds the number of symbols.
func (d *decoder) readNames(sp mem.Space, t *Tables) error {
	size := uint64(maxNames)
	if t.TokenTable > t.Names {
		size = min(size, t.TokenTable-t.Names)
	}
	size = min(size, uint64(d.n)*(maxName+2))
	for err := error(nil); err == nil && uint64(len(d.names)) < size; {
		have := len(d.names)
		d.names = append(d.names, make([]byte, min(size-uint64(have), piece))...)
		var got int
		got, err = sp.ReadAt(d.names[have:], mem.Addr(t.Names+uint64(have)))
		d.names = d.names[:have+got]
		if len(d.names) == 0 {
			return fmt.Errorf("read kallsyms_names: %w", err)
		}
	}
	if d.n > len(d.names)/2 {
		return fmt.Errorf("%d symbols with names of %d bytes: %w", d.n, len(d.names), ErrBad)
	}
	return nil
}

// next gives the tokens of the first symbol of names, and what follows it.
func next(names []byte) (token, rest []byte, ok bool) {
	if len(names) < 2 {
		return nil, nil, false
	}
	n := int(names[0])
	names = names[1:]
	if n >= 0x80 {
		n = n&0x7f | int(names[0])<<7
		names = names[1:]
	}
	if n == 0 || n > len(names) {
		return nil, nil, false
	}
	return names[:n], names[n:], true
}

const symSize = 24

// decode puts the names together.
func (d *decoder) decode() error {
	d.syms = make([]byte, symSize*d.n)
	d.strs = make([]byte, 1, 24*d.n)
	rest := d.names
	for i := range d.n {
		toks, more, ok := next(rest)
		if !ok {
			return fmt.Errorf("name %d of %d: %w", i, d.n, ErrBad)
		}
		rest = more
		at := len(d.strs)
		for _, t := range toks {
			if d.strs = append(d.strs, d.token[t]...); len(d.strs)-at > maxName {
				break
			}
		}
		if len(d.strs) == at {
			d.strs = append(d.strs, '?')
		}
		kind := d.strs[at]
		if len(d.strs)-at > maxName {
			d.strs = d.strs[:at+maxName]
		}
		if d.strs = append(d.strs, 0); len(d.strs) > maxNames {
			return fmt.Errorf("names of more than %d bytes: %w", maxNames, ErrBad)
		}
		d.put(i, at+1, kind)
	}
	return nil
}

// put writes the entry of symbol i, whose name begins at an offset of the strings.
func (d *decoder) put(i, name int, kind byte) {
	e := d.syms[symSize*i:][:symSize]
	info, section := Entry(kind)
	binary.LittleEndian.PutUint32(e, uint32(name))
	e[4] = info
	binary.LittleEndian.PutUint16(e[6:], section)
	binary.LittleEndian.PutUint64(e[8:], d.addr[i])
	binary.LittleEndian.PutUint64(e[16:], d.size(i))
}

// sameAddr bounds how far the next address is looked for.
const sameAddr = 64

// size is the distance to the next address.
func (d *decoder) size(i int) uint64 {
	for k := i + 1; k < d.n && k <= i+sameAddr; k++ {
		if d.addr[k] > d.addr[i] {
			if size := d.addr[k] - d.addr[i]; size < 1<<31 {
				return size
			}
			return 0
		}
	}
	return 0
}

// Entry makes nm's letter for a symbol an ELF st_info and a section: 1, or SHN_ABS.
func Entry(kind byte) (info byte, section uint16) {
	bind, lower := elf.STB_LOCAL, kind|0x20
	if kind < 'a' {
		bind = elf.STB_GLOBAL
	}
	typ, section := elf.STT_OBJECT, uint16(1)
	switch lower {
	case 't':
		typ = elf.STT_FUNC
	case 'w':
		typ, bind = elf.STT_FUNC, elf.STB_WEAK
	case 'v':
		bind = elf.STB_WEAK
	case 'i':
		typ = elf.STT_GNU_IFUNC
	case 'a':
		section = uint16(elf.SHN_ABS)
	case 'n', '?':
		typ = elf.STT_NOTYPE
	}
	return byte(bind)<<4 | byte(typ)&0xf, section
}
