package system

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
)

// maxKsyms bounds the image of a kernel's symbols, bytes: a real one has some ten
// million.
const maxKsyms = 1 << 30

var errNoKsyms = errors.New("the dump has no kernel symbols")

// readKsyms reads the ELF file that unix.N and the ksyms of a dump are (facts:
// reference/illumos-formats.md section 2.1): its symbol table and strings, found by
// the section headers. Every symbol has an absolute value.
func readKsyms(r io.ReaderAt, size int64) (*sym.Table, error) {
	if r == nil || size <= 0 {
		return nil, errNoKsyms
	}
	if size > maxKsyms {
		return nil, fmt.Errorf("read kernel symbols: %d bytes are too many", size)
	}
	le := binary.LittleEndian
	var h [64]byte
	if err := readAtFull(r, h[:], 0); err != nil {
		return nil, fmt.Errorf("read header of kernel symbols: %w", err)
	}
	if string(h[:4]) != elf.ELFMAG || elf.Class(h[4]) != elf.ELFCLASS64 || elf.Data(h[5]) != elf.ELFDATA2LSB {
		return nil, errors.New("kernel symbols are not a 64-bit little-endian ELF file")
	}
	shoff, entsize, shnum := le.Uint64(h[40:]), uint64(le.Uint16(h[58:])), uint64(le.Uint16(h[60:]))
	if entsize != 64 || shoff > uint64(size) || shnum*entsize > uint64(size)-shoff {
		return nil, fmt.Errorf("section headers of kernel symbols (%d at %#x) lie outside of them", shnum, shoff)
	}
	sh := make([]byte, shnum*entsize)
	if err := readAtFull(r, sh, shoff); err != nil {
		return nil, fmt.Errorf("read section headers of kernel symbols: %w", err)
	}
	for i := range shnum {
		s := sh[i*entsize:]
		link := uint64(le.Uint32(s[40:]))
		if elf.SectionType(le.Uint32(s[4:])) != elf.SHT_SYMTAB || link >= shnum {
			continue
		}
		src := sym.Source{Kind: sym.Symtab, Rule: sym.RuleKernel, Class: elf.ELFCLASS64, Order: le}
		var err error
		if src.Syms, err = ksymsSection(r, size, s); err == nil {
			src.Strs, err = ksymsSection(r, size, sh[link*entsize:])
		}
		if err != nil {
			return nil, err
		}
		return sym.NewTable(src), nil
	}
	return nil, errors.New("kernel symbols have no symbol table")
}

// readAtFull reads all of b or fails: an io.ReaderAt may say io.EOF with the last byte.
func readAtFull(r io.ReaderAt, b []byte, off uint64) error {
	n, err := r.ReadAt(b, int64(off))
	switch {
	case n == len(b):
		return nil
	case err == nil:
		return io.ErrUnexpectedEOF
	}
	return err
}

// ksymsSection reads the bytes of the section whose header is at s.
func ksymsSection(r io.ReaderAt, size int64, s []byte) ([]byte, error) {
	off, n := binary.LittleEndian.Uint64(s[24:]), binary.LittleEndian.Uint64(s[32:])
	if off > uint64(size) || n > uint64(size)-off {
		return nil, fmt.Errorf("section of kernel symbols (%d bytes at %#x) lies outside of them", n, off)
	}
	b := make([]byte, n)
	if err := readAtFull(r, b, off); err != nil {
		return nil, fmt.Errorf("read kernel symbols: %w", err)
	}
	return b, nil
}

// maxKsymsPhdrs bounds the program headers that are looked at: a ksyms image has two.
const maxKsymsPhdrs = 64

// Variable implements core.Variables: what the header of the kernel's symbols says of
// its text and data, as of any program's.
func (k *IllumosKernel) Variable(name string) (uint64, bool) {
	if k.dump == nil {
		return 0, false
	}
	le := binary.LittleEndian
	r, size := k.dump.KSyms()
	var h [64]byte
	if r == nil || size < int64(len(h)) {
		return 0, false
	}
	if err := readAtFull(r, h[:], 0); err != nil {
		return 0, false
	}
	off, n := le.Uint64(h[32:]), min(int(le.Uint16(h[56:])), maxKsymsPhdrs)
	o := &ObjectSpace{file: &elffile.File{File: &elf.File{FileHeader: elf.FileHeader{Entry: le.Uint64(h[24:]), ByteOrder: le}}}}
	for i := range n {
		var p [56]byte
		if off > uint64(size) || readAtFull(r, p[:], off+uint64(i*len(p))) != nil {
			break
		}
		o.progs = append(o.progs, elf.ProgHeader{
			Type: elf.ProgType(le.Uint32(p[:])), Flags: elf.ProgFlag(le.Uint32(p[4:])),
			Vaddr: le.Uint64(p[16:]), Memsz: le.Uint64(p[40:]),
		})
	}
	return o.Variable(name)
}
