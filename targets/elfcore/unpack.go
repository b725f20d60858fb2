package elfcore

import (
	"context"
	"io"
	"os"
)

// Unpacked is what a compressed file decompresses to, in a temporary place until it is
// closed.
type Unpacked struct {
	io.ReaderAt
	io.Closer
	Size int64
	Cut  error // why the end is missing; nil if it is not
}

// Unpack decompresses a file whatever it holds, if its first bytes (64, or all) are
// accepted; else it is ErrNotCore. When the context ends, so does it.
func Unpack(ctx context.Context, path string, accept func(head []byte) bool, progress Progress) (*Unpacked, error) {
	f, size, kind, err := openCompressed(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, n, cut, err := decompress(ctx, f, size, kind, accept, progress)
	if err != nil {
		return nil, err
	}
	return &Unpacked{s, s, n, cut}, nil
}

// Peek gives the first n bytes of what a compressed file decompresses to, or as many as
// there are; nil if the file is not compressed.
func Peek(path string, n int) []byte {
	f, _, kind, err := openCompressed(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	for _, c := range compressions {
		if c.name != kind {
			continue
		}
		r, err := c.open(f)
		if err != nil {
			return nil
		}
		if c, ok := r.(io.Closer); ok {
			defer c.Close()
		}
		b := make([]byte, n)
		got, _ := io.ReadFull(r, b)
		return b[:got]
	}
	return nil
}

// openCompressed opens a file that is compressed; another one is ErrNotCore.
func openCompressed(path string) (f *os.File, size int64, kind string, err error) {
	st, err := os.Stat(path) // first: to open a named pipe would wait for its writer
	if err != nil {
		return nil, 0, "", err
	}
	if !st.Mode().IsRegular() {
		return nil, 0, "", ErrNotCore
	}
	if f, err = os.Open(path); err != nil {
		return nil, 0, "", err
	}
	head := make([]byte, ehdrSize)
	n, _ := f.ReadAt(head, 0)
	if kind = Compressed(head[:n]); kind == "" {
		f.Close()
		return nil, 0, "", ErrNotCore
	}
	return f, st.Size(), kind, nil
}
