package btf

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
)

// ErrNoBTF is returned for a file without BTF.
var ErrNoBTF = errors.New("no BTF")

// maxBlob bounds a blob's size: a kernel's is 5 to 15 MB.
const maxBlob = 256 << 20

// guard turns a panic of debug/elf into an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode ELF file: %v", p)
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
