package linuxdump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// errDamaged is why a page that is there cannot be read.
var errDamaged = errors.New("data in the dump is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// decompress fills page from src, as a page's flags say.
func decompress(page, src []byte, flags uint32) error {
	// zstd's decoder makes use of what a slice has room for behind the page: other pages,
	// which others are reading.
	page = page[:len(page):len(page)]
	switch flags & pageCompressed {
	case 0:
		if len(src) != len(page) {
			return damaged("a page of %d bytes", len(src))
		}
		copy(page, src)
		return nil
	case pageZlib:
		return unzlib(page, src)
	case pageLZO:
		if err := unlzo(page, src); err != nil {
			return damaged("%v", err)
		}
		return nil
	case pageSnappy:
		return unsnappy(page, src)
	case pageZstd:
		return unzstd(page, src)
	}
	return damaged("a page compressed in several ways (flags %#x)", flags)
}

// inflater decompresses zlib's format. It serves again.
type inflater struct {
	src bytes.Reader
	r   io.ReadCloser
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

func unzlib(page, src []byte) error {
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	f.src.Reset(src)
	var err error
	if f.r == nil {
		f.r, err = zlib.NewReader(&f.src)
	} else {
		err = f.r.(zlib.Resetter).Reset(&f.src, nil)
	}
	if err == nil {
		_, err = io.ReadFull(f.r, page)
	}
	if err == nil { // the checksum is behind the last byte
		var more [1]byte
		var n int
		if n, err = f.r.Read(more[:]); n > 0 {
			return damaged("zlib: more than a page")
		}
	}
	if err != nil && err != io.EOF {
		return damaged("%v", err)
	}
	return nil
}

func unsnappy(page, src []byte) error {
	n, err := s2.DecodedLen(src)
	if err == nil && n != len(page) {
		return damaged("snappy: a page of %d bytes", n)
	}
	if err == nil {
		_, err = s2.Decode(page, src)
	}
	if err != nil {
		return damaged("%v", err)
	}
	return nil
}

// zstdDecoder is made when the first page wants it.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.NumCPU()), zstd.WithDecoderMaxMemory(maxBlock), zstd.WithDecoderLowmem(true))
})

func unzstd(page, src []byte) error {
	d, err := zstdDecoder()
	if err != nil {
		return err
	}
	b, err := d.DecodeAll(src, page[:0])
	if err != nil {
		return damaged("%v", err)
	}
	if len(b) != len(page) {
		return damaged("zstd: a page of %d bytes", len(b))
	}
	if len(b) > 0 && &b[0] != &page[0] {
		copy(page, b)
	}
	return nil
}
