package illumosdump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/xmdb/xmdb/core/system"
)

var le = binary.LittleEndian

// Of sys/dumphdr.h, version 10, LP64.
const (
	headerMagic   = 0xdefec8ed
	headerVersion = 10
	headerSize    = 1912
	cryptSize     = 73 // dump_crypt_t, after a header with DumpEncrypted
	tailAlign     = 64 << 10
	maxPages      = 1 << 40 // of 4 KiB: 4 PiB
)

// ErrNotDump says that a file is no kernel crash dump.
var ErrNotDump = errors.New("not a kernel crash dump")

// header is dumphdr_t.
type header struct {
	system.DumpHeader
	start                  uint64 // where the first copy of the header is
	ksyms, pfn, vmap, data uint64 // file offsets of the areas
	hashMask               uint64
	ksymsSize, ksymsCsize  uint64 // bytes, and as stored
	raw                    [headerSize]byte
}

// hasMagic tells whether b begins like a dump header of either byte order.
func hasMagic(b []byte) bool {
	return len(b) >= 4 && (le.Uint32(b) == headerMagic || binary.BigEndian.Uint32(b) == headerMagic)
}

// Probe tells whether a file of size bytes is a crash dump: vmcore.N, vmdump.N, or
// the image of a dump device, whose header is not at its beginning.
func Probe(r io.ReaderAt, size int64) bool {
	var b [4]byte
	if n, _ := r.ReadAt(b[:], 0); hasMagic(b[:n]) {
		return true
	}
	at, ok := tailOffset(size)
	if !ok {
		return false
	}
	n, _ := r.ReadAt(b[:], at)
	return n == 4 && le.Uint32(b[:]) == headerMagic
}

// tailOffset is where the last header is on a dump device or in a vmdump.N of
// size bytes.
func tailOffset(size int64) (int64, bool) {
	if size < 2*tailAlign {
		return 0, false
	}
	return (size - tailAlign) &^ (tailAlign - 1), true
}

// parseHeader reads dumphdr_t. A header that this package cannot go on from is an
// error that says why.
func parseHeader(b []byte) (*header, error) {
	if !hasMagic(b) {
		return nil, ErrNotDump
	}
	if len(b) < 16 {
		return nil, errors.New("cannot read dump header: the file ends in it")
	}
	if binary.BigEndian.Uint32(b) == headerMagic {
		return nil, errors.New("dump is of a big-endian (SPARC) kernel: not supported")
	}
	h := &header{}
	h.Version = int(le.Uint32(b[4:]))
	h.Flags = system.DumpFlags(le.Uint32(b[8:]))
	h.WordSize = int(le.Uint32(b[12:]))
	if h.Version != headerVersion {
		return nil, fmt.Errorf("dump is of version %d: only version %d is supported", h.Version, headerVersion)
	}
	if h.WordSize != 64 {
		return nil, fmt.Errorf("dump is of a %d-bit kernel: only 64-bit kernels are supported", h.WordSize)
	}
	if h.Flags&system.DumpEncrypted != 0 {
		return nil, errors.New("dump is encrypted: let savecore decrypt it with its key first")
	}
	if len(b) < headerSize {
		return nil, errors.New("cannot read dump header: the file ends in it")
	}
	copy(h.raw[:], b)
	h.parseBody(b)
	return h, h.check()
}

func (h *header) parseBody(b []byte) {
	h.start = le.Uint64(b[16:])
	h.ksyms, h.pfn = le.Uint64(b[24:]), le.Uint64(b[32:])
	h.vmap, h.data = le.Uint64(b[40:]), le.Uint64(b[48:])
	var uts [5]string
	for i := range uts {
		uts[i] = cString(b[56+257*i:][:257])
	}
	h.Utsname = system.Utsname{Sysname: uts[0], Nodename: uts[1], Release: uts[2], Version: uts[3], Machine: uts[4]}
	h.Platform = cString(b[1341:][:257])
	h.Panic = cString(b[1598:][:200])
	h.CrashTime = time.Unix(int64(le.Uint64(b[1800:])), 0)
	h.PageShift = uint(min(le.Uint64(b[1808:]), 64))
	h.hashMask = le.Uint64(b[1824:])
	h.Vtops = le.Uint64(b[1832:])
	h.Pages = le.Uint64(b[1840:])
	h.ksymsSize, h.ksymsCsize = le.Uint64(b[1848:]), le.Uint64(b[1856:])
	h.FMPanic = le.Uint32(b[1864:]) != 0
	h.UUID = cString(b[1868:][:37])
}

// check refuses numbers that no dump has and that arithmetic would trip over.
func (h *header) check() error {
	pageSize := le.Uint64(h.raw[1816:])
	switch {
	case h.PageShift < 12 || h.PageShift > 16 || pageSize != 1<<h.PageShift:
		return fmt.Errorf("dump header is damaged: pages of %d bytes", pageSize)
	case h.Pages > maxPages:
		return fmt.Errorf("dump header is damaged: %#x pages", h.Pages)
	case h.Vtops > maxPages || h.hashMask&(h.hashMask+1) != 0 || h.hashMask > 2*maxPages:
		return fmt.Errorf("dump header is damaged: %#x translations, hash mask %#x", h.Vtops, h.hashMask)
	}
	for _, off := range []uint64{h.start, h.ksyms, h.pfn, h.vmap, h.data} {
		if off > 1<<56 {
			return fmt.Errorf("dump header is damaged: file offset %#x", off)
		}
	}
	return nil
}

func (h *header) compressed() bool { return h.Flags&system.DumpCompressed != 0 }

// same tells whether two copies of a header differ in nothing but DumpValid.
func (h *header) same(o *header) bool {
	a, b := h.raw, o.raw
	a[8] &^= byte(system.DumpValid)
	b[8] &^= byte(system.DumpValid)
	return a == b
}

func cString(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

// dataHeader is dumpdatahdr_t: how the data area is written.
type dataHeader struct {
	size       uint64 // of the data area, bytes; 0 if not known
	maxBlock   uint32 // bytes of a block of a stream
	maxRange   uint32 // pages
	streams    int
	level      int // clevel: see below
	haveHeader bool
}

// Values of dumpdatahdr_t.
const (
	dataMagic   = 0x64686472
	dataVersion = 1
	levelSerial = 0
	levelLZJB   = 1
	levelBzip2  = 2
)

// parseDataHeader reads what follows the last header. Without the magic it is a
// dump from before 2009.
func parseDataHeader(b []byte, pageSize uint64) (dataHeader, error) {
	if len(b) < 32 || le.Uint32(b) != dataMagic {
		return dataHeader{maxBlock: uint32(pageSize), maxRange: 1}, nil
	}
	if v := le.Uint32(b[4:]); v != dataVersion {
		return dataHeader{}, fmt.Errorf("dump data is of version %d: only version %d is supported", v, dataVersion)
	}
	d := dataHeader{
		size: le.Uint64(b[8:]), maxBlock: le.Uint32(b[16:]), maxRange: le.Uint32(b[20:]),
		streams: int(le.Uint16(b[24:])), level: int(le.Uint16(b[26:])), haveHeader: true,
	}
	if d.level > levelBzip2 {
		return d, fmt.Errorf("dump data is compressed by method %d: only lzjb (0, 1) and bzip2 (2) are supported", d.level)
	}
	return d, nil
}
