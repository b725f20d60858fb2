package linuxdump

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"time"
)

// Signatures of dumps with a page descriptor for each page.
const (
	kdumpSignature    = "KDUMP   "
	diskdumpSignature = "DISKDUMP"
)

// Limits of a kdump file.
const (
	minBlock    = 1 << 10
	maxBlock    = 1 << 16
	maxSubBlock = 1 << 12 // of the sub header, blocks
	maxBitmap   = 1 << 31 // bytes of both bitmaps: 32 TiB in pages of 4 KiB
)

// Bits of a page's flags and, but for the last two, of the header's status.
const (
	pageZlib       = 0x1
	pageLZO        = 0x2
	pageSnappy     = 0x4
	statusPartial  = 0x8  // the disk was full
	statusNoVmmap  = 0x10 // page structures of pages that were left out are left out
	pageZstd       = 0x20
	pageCompressed = pageZlib | pageLZO | pageSnappy | pageZstd
)

// kdumpShape is where the fields are of a kdump file that a program of one word size
// wrote, bytes. Source: makedumpfile, diskdump_mod.h and IMPLEMENTATION; QEMU,
// include/sysemu/dump.h.
type kdumpShape struct {
	word                               int
	timestamp, status                  int // in the header; block size and so on follow the status
	dumpLevel, split, startPFN, endPFN int // in the sub header
	vmcoreinfo, note, erase, start64   int // offset and size each; end and number of pages follow start64
}

var (
	kdump64 = kdumpShape{8, 408, 424, 8, 12, 16, 24, 32, 48, 64, 80}
	kdump32 = kdumpShape{4, 404, 412, 4, 8, 12, 16, 20, 32, 44, 56}
)

const (
	kdumpUtsname = 12 // six strings of 65 bytes
	utsnameLen   = 65
)

// kdumpHeader is what the headers say.
type kdumpHeader struct {
	shape       *kdumpShape
	version     uint32
	uts         [6]string
	when        time.Time // zero if it is not told
	status      uint32
	blockSize   uint64
	blockShift  uint
	bitmapOff   uint64
	bitmapLen   uint64 // of both, bytes
	pages       uint64 // page frames, memory or not
	level       uint32 // what was left out: makedumpfile's -d
	hasLevel    bool
	split       bool
	start, end  uint64 // page frames of this file
	info, note  fileRange
	erased      bool
	descriptors uint64 // offset
	machine     elf.Machine
	head, sub   [512]byte // as they are in the file
}

type fileRange struct{ off, n uint64 }

func isKdump(head []byte) bool {
	return len(head) >= 8 && string(head[:8]) == kdumpSignature
}

// readKdumpHeader reads the header and the sub header.
func readKdumpHeader(r io.ReaderAt) (*kdumpHeader, error) {
	h := &kdumpHeader{}
	if n, err := r.ReadAt(h.head[:], 0); n < 464 {
		return nil, fmt.Errorf("read kdump header: %w", short(err))
	}
	h.version = le.Uint32(h.head[8:])
	for i := range h.uts {
		s, _, _ := bytes.Cut(h.head[kdumpUtsname+utsnameLen*i:][:utsnameLen], []byte{0})
		h.uts[i] = string(s)
	}
	if err := h.setMachine(); err != nil {
		return nil, err
	}
	if !h.setBlock() {
		return nil, fmt.Errorf("read kdump header: block size of %d bytes", h.blockSize)
	}
	s := h.shape
	if sec := s.uint(h.head[s.timestamp:]); sec > 0 && sec < 1<<40 {
		h.when = time.Unix(int64(sec), 0)
	}
	subBlocks := uint64(le.Uint32(h.head[s.status+8:]))
	h.bitmapLen = uint64(le.Uint32(h.head[s.status+12:])) * h.blockSize
	h.pages = uint64(le.Uint32(h.head[s.status+16:]))
	if subBlocks == 0 || subBlocks > maxSubBlock || h.bitmapLen == 0 || h.bitmapLen > maxBitmap {
		return nil, fmt.Errorf("read kdump header: a sub header of %d blocks and bitmaps of %d bytes", subBlocks, h.bitmapLen)
	}
	h.bitmapOff = (1 + subBlocks) * h.blockSize
	h.descriptors = h.bitmapOff + h.bitmapLen
	if n, err := r.ReadAt(h.sub[:], int64(h.blockSize)); n < 128 {
		return nil, fmt.Errorf("read kdump sub header: %w", short(err))
	}
	return h, h.readSub()
}

// short is why a read gave less than there should be.
func short(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// setMachine takes the architecture from uname's machine: the one thing QEMU writes of
// it.
func (h *kdumpHeader) setMachine() error {
	switch m := h.uts[4]; {
	case m == "x86_64":
		h.machine = elf.EM_X86_64
	case len(m) == 4 && m[0] == 'i' && strings.HasSuffix(m, "86"):
		h.machine = elf.EM_386
	case m == "aarch64":
		h.machine = elf.EM_AARCH64
	default:
		return fmt.Errorf("kdump file of a machine of %q: %w", m, ErrArch)
	}
	return nil
}

// setBlock finds out by which word size the file was written: by where the size of a
// block is one.
func (h *kdumpHeader) setBlock() bool {
	shapes := []*kdumpShape{&kdump64, &kdump32}
	if h.machine == elf.EM_386 {
		shapes[0], shapes[1] = shapes[1], shapes[0]
	}
	for _, s := range shapes {
		h.shape, h.status = s, le.Uint32(h.head[s.status:])
		h.blockSize = uint64(le.Uint32(h.head[s.status+4:]))
		if h.blockSize >= minBlock && h.blockSize <= maxBlock && bits.OnesCount64(h.blockSize) == 1 {
			h.blockShift = uint(bits.TrailingZeros64(h.blockSize))
			return true
		}
	}
	return false
}

func (s *kdumpShape) uint(b []byte) uint64 {
	if s.word == 4 {
		return uint64(le.Uint32(b))
	}
	return le.Uint64(b)
}

// readSub reads the sub header, whose fields came with versions.
func (h *kdumpHeader) readSub() error {
	s, b := h.shape, h.sub[:]
	if h.version >= 1 {
		h.level, h.hasLevel = le.Uint32(b[s.dumpLevel:]), true
	}
	if h.version >= 2 {
		h.split = le.Uint32(b[s.split:]) != 0
		h.start, h.end = s.uint(b[s.startPFN:]), s.uint(b[s.endPFN:])
	}
	area := func(at int) fileRange { return fileRange{le.Uint64(b[at:]), s.uint(b[at+8:])} }
	if h.version >= 3 {
		h.info = area(s.vmcoreinfo)
	}
	if h.version >= 4 {
		h.note = area(s.note)
	}
	if h.version >= 5 {
		h.erased = area(s.erase).n > 0
	}
	if h.version >= 6 {
		h.start, h.end = le.Uint64(b[s.start64:]), le.Uint64(b[s.start64+8:])
		h.pages = le.Uint64(b[s.start64+16:])
	}
	if !h.split {
		h.start, h.end = 0, h.pages
	}
	if h.pages == 0 || h.pages > 8*h.bitmapLen {
		return fmt.Errorf("read kdump header: %d page frames in bitmaps of %d bytes", h.pages, h.bitmapLen)
	}
	h.end = min(h.end, h.pages)
	if h.start > h.end {
		return errors.New("read kdump header: the file's pages end before they begin")
	}
	return nil
}

// bitmaps gives the offsets of the bitmaps: of what is memory, and of what is in the
// dump. Old dumps with all pages have one for both.
func (h *kdumpHeader) bitmaps() (ram, dumped uint64) {
	one := (h.pages/8 + h.blockSize) &^ (h.blockSize - 1)
	if h.pages%(8*h.blockSize) == 0 {
		one = h.pages / 8
	}
	if h.bitmapLen >= 2*one {
		return h.bitmapOff, h.bitmapOff + h.bitmapLen/2
	}
	return h.bitmapOff, h.bitmapOff
}

// codecs names the ways pages are compressed, by the status; "" if it tells none.
func (h *kdumpHeader) codecs() string {
	var names []string
	for _, c := range []struct {
		bit  uint32
		name string
	}{{pageZlib, "zlib"}, {pageLZO, "lzo"}, {pageSnappy, "snappy"}, {pageZstd, "zstd"}} {
		if h.status&c.bit != 0 {
			names = append(names, c.name)
		}
	}
	return strings.Join(names, ", ")
}
