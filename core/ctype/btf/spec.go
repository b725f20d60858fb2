package btf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf/btf"
)

// ErrNoBTF is returned for a file without BTF.
var ErrNoBTF = errors.New("no BTF")

const (
	// maxBlob bounds a blob's size: a kernel's is 5 to 15 MB.
	maxBlob = 256 << 20
	// maxTypes bounds the types of a blob. The library recurses through what a
	// type refers to, at most as deep as there are types, and a goroutine's
	// stack ends at 1 GB: beyond that the process would die. A kernel with
	// everything built in has some 200,000 types.
	maxTypes = 1 << 18
)

// guard turns a panic of the library into an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode BTF: %v", p)
		}
	}()
	return f()
}

// blobs reads the BTF of a file: raw, or the sections .BTF and .BTF.base of an
// ELF file.
func blobs(r io.ReaderAt) (main, distilled []byte, err error) {
	var magic [4]byte
	if n, err := r.ReadAt(magic[:], 0); n < len(magic) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, nil, fmt.Errorf("read BTF: %w", err)
	}
	if string(magic[:]) != elf.ELFMAG {
		main, err = io.ReadAll(io.NewSectionReader(r, 0, maxBlob+1))
		if err == nil && len(main) > maxBlob {
			err = errors.New("too large")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read BTF: %w", err)
		}
		return main, nil, nil
	}
	err = guard(func() error {
		f, err := elf.NewFile(r)
		if err != nil {
			return err
		}
		if main, err = section(f, ".BTF"); err == nil {
			distilled, err = section(f, ".BTF.base")
		}
		return err
	})
	if err == nil && main == nil {
		err = ErrNoBTF
	}
	return main, distilled, err
}

func section(f *elf.File, name string) ([]byte, error) {
	s := f.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	if s.Size > maxBlob || s.FileSize > maxBlob {
		return nil, fmt.Errorf("section %s is too large", name)
	}
	b, err := s.Data()
	if err != nil {
		return nil, fmt.Errorf("read section %s: %w", name, err)
	}
	return b, nil
}

// check bounds the number of types of a blob, before the library sees it. What
// it cannot make sense of it leaves to the library to refuse. signs tells whether
// enums are marked as signed or not: see enumerators.
func check(b []byte) (signs bool, err error) {
	const headerSize = 24
	if len(b) < headerSize {
		return false, errors.New("BTF header is cut short")
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 0xeb && b[1] == 0x9f {
		order = binary.BigEndian
	}
	start := uint64(order.Uint32(b[4:])) + uint64(order.Uint32(b[8:]))
	size := uint64(order.Uint32(b[12:]))
	if start > uint64(len(b)) || size > uint64(len(b))-start {
		return false, errors.New("BTF types lie outside the data")
	}
	types := b[start : start+size]
	for n := 0; len(types) >= 12; n++ {
		if n >= maxTypes {
			return false, fmt.Errorf("more than %d types", maxTypes)
		}
		info := order.Uint32(types[4:])
		kind := info >> 24 & 0x1f
		signs = signs || kind == kindEnum64 || kind == kindEnum && info>>31 != 0
		extra := uint64(extraSize(kind)) + uint64(info&0xffff)*uint64(memberSize(kind))
		if extra > uint64(len(types)-12) {
			break
		}
		types = types[12+extra:]
	}
	return signs, nil
}

// Kinds of BTF with data behind the common header (btf.rst).
const (
	kindInt       = 1
	kindArray     = 3
	kindStruct    = 4
	kindUnion     = 5
	kindEnum      = 6
	kindFuncProto = 13
	kindVar       = 14
	kindDatasec   = 15
	kindDeclTag   = 17
	kindEnum64    = 19
)

// extraSize is the size of what follows the header of a kind once.
func extraSize(kind uint32) int {
	switch kind {
	case kindInt, kindVar, kindDeclTag:
		return 4
	case kindArray:
		return 12
	}
	return 0
}

// memberSize is the size of what follows vlen times.
func memberSize(kind uint32) int {
	switch kind {
	case kindStruct, kindUnion, kindDatasec, kindEnum64:
		return 12
	case kindEnum, kindFuncProto:
		return 8
	}
	return 0
}

// load decodes a blob on a base, which may be nil.
func load(b []byte, base *btf.Spec) (spec *btf.Spec, signs bool, err error) {
	if signs, err = check(b); err != nil {
		return nil, false, err
	}
	err = guard(func() (err error) {
		if base == nil {
			spec, err = btf.LoadSpecFromReader(bytes.NewReader(b))
		} else {
			spec, err = btf.LoadSplitSpecFromReader(bytes.NewReader(b), base)
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return spec, signs, nil
}
