package linuxdump

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
)

// MemoryOptions say how a file of nothing but memory is laid out.
type MemoryOptions struct {
	// Low is how much memory is below the hole under 4 GiB, bytes: there a place in the
	// file is the physical address, and what follows in the file begins at 4 GiB. 0:
	// it is found out; NoHole: there is no hole.
	Low     uint64
	Vmlinux string // as in Options
}

// NoHole is the MemoryOptions.Low of memory in one piece.
const NoHole = ^uint64(0)

const fourGiB = 1 << 32

// ParseMemory reads FILE[,hole=SIZE|none], where SIZE has the form of QEMU's and counts
// bytes below the hole: 3G, 0xc0000000, 2048M.
func ParseMemory(spec string) (path string, o MemoryOptions, err error) {
	path, rest, more := strings.Cut(spec, ",hole=")
	if path == "" {
		return "", o, errors.New("no file is named")
	}
	if !more {
		return path, o, nil
	}
	if rest == "none" {
		o.Low = NoHole
		return path, o, nil
	}
	if o.Low, err = parseSize(rest); err != nil || o.Low == 0 || o.Low > fourGiB || o.Low%4096 != 0 {
		return "", MemoryOptions{}, fmt.Errorf("hole=%s: not the address where a hole below 4 GiB begins", rest)
	}
	return path, o, nil
}

// parseSize reads a number with K, M or G behind it.
func parseSize(s string) (uint64, error) {
	shift := 0
	for i, unit := range []string{"K", "M", "G"} {
		if t := strings.TrimSuffix(strings.ToUpper(s), unit); len(t) < len(s) {
			s, shift = s[:len(t)], 10*(i+1)
			break
		}
	}
	v, err := strconv.ParseUint(s, 0, 64)
	if err == nil && v<<shift>>shift != v {
		err = errors.New("too large")
	}
	return v << shift, err
}

// OpenMemory opens a file of nothing but memory: a memory-backend-file of QEMU, a
// .vmem of VMware. CPUs are not known.
func OpenMemory(ctx context.Context, path string, o MemoryOptions) (*Target, error) {
	st, err := os.Stat(path) // first: to open a named pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if st.Mode()&(os.ModeNamedPipe|os.ModeSocket|os.ModeDir) != 0 {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd) // tells the size of a device, too
	if err == nil {
		var t *Target
		if t, err = OpenMemoryAt(ctx, path, f, size, o); err == nil {
			t.closers = append(t.closers, f)
			return t, nil
		}
	}
	f.Close()
	return nil, err
}

// OpenMemoryAt opens the memory in the first size bytes of r.
func OpenMemoryAt(ctx context.Context, name string, r io.ReaderAt, size int64, o MemoryOptions) (*Target, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, errors.New("the file is empty")
	}
	t := &Target{name: name, machine: elf.EM_X86_64, format: "memory by physical address", o: Options{Vmlinux: o.Vmlinux}}
	low := o.Low
	if low == 0 {
		low = t.findHole(r, uint64(size))
	}
	low = min(low, uint64(size))
	pieces := []piece{{size: low}}
	if rest := uint64(size) - low; rest > 0 {
		pieces = append(pieces, piece{base: fourGiB, size: rest, off: low})
	}
	t.setPieces(pieces, mem.NewCache(r, size, fileCache))
	if f, ok := r.(*os.File); ok {
		t.findPresent(f, pieces)
	}
	t.detail("%s of memory", bytesText(uint64(size)))
	if low < uint64(size) {
		t.detail("a hole at %#x, memory goes on at 4 GiB", low)
	}
	t.detail("nothing of processors")
	return t, nil
}

func (t *Target) setPieces(pieces []piece, file mem.Space) {
	t.physical, t.ranges = space(pieces, file), rangesOf(pieces)
}

// lows are where the hole under 4 GiB begins on the machines of QEMU (hw/i386/pc_q35.c,
// pc_piix.c: q35 has 2 GiB below it if there are 2.75 GiB or more, pc 3 GiB if there
// are 3.5 or more) and of VMware.
var lows = []uint64{2 << 30, 0xb0000000, 3 << 30, 0xe0000000}

// findHole tells how much memory is below the hole under 4 GiB.
func (t *Target) findHole(r io.ReaderAt, size uint64) uint64 {
	if size < lows[1] {
		return NoHole // every machine has it in one piece
	}
	if low, ok := acpiLow(r); ok {
		if size <= low {
			return NoHole
		}
		return low
	}
	if size <= lows[2] {
		return NoHole
	}
	t.warn("where the hole below 4 GiB begins is not told by the memory; 3 GiB is taken (say hole=SIZE if that is wrong)")
	return lows[2]
}

// acpiLow finds the end of low memory by the tables that the firmware puts there: the
// root pointer in the BIOS area (ACPI specification 5.2.5) has the address of the
// table, which is in the last megabytes.
func acpiLow(r io.ReaderAt) (uint64, bool) {
	const from, n = 0xe0000, 0x20000
	area := make([]byte, n)
	got, _ := r.ReadAt(area, from)
	for area = area[:got]; len(area) >= 20; area = area[16:] {
		if !bytes.HasPrefix(area, []byte("RSD PTR ")) || checksum(area[:20]) != 0 {
			continue
		}
		at := uint64(le.Uint32(area[16:]))
		var sig [4]byte
		if n, _ := r.ReadAt(sig[:], int64(at)); n < len(sig) || string(sig[:]) != "RSDT" {
			continue
		}
		for _, low := range lows {
			if at < low && low-at <= 16<<20 {
				return low, true
			}
		}
	}
	return 0, false
}

func checksum(b []byte) (sum byte) {
	for _, x := range b {
		sum += x
	}
	return sum
}
