package holes

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/xmdb/xmdb/core/mem"
)

const (
	coarse = 1 << 20 // holes that are smaller do not count, bytes
	most   = 1 << 16 // parts
)

// Extents lists the parts of [off, off+size) of a file that may hold anything but
// zeros, ascending, counted from off. The file's position is changed.
func Extents(f *os.File, off, size uint64) []mem.Mapping {
	whole := []mem.Mapping{{Size: size}}
	fd := int(f.Fd())
	var list []mem.Mapping
	at, end := int64(off), int64(off+size)
	if at < 0 || end < at {
		return whole
	}
	for range most {
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		switch {
		case err == unix.ENXIO, err == nil && data >= end, at >= end:
			return list
		case err != nil:
			return whole
		}
		hole, err := unix.Seek(fd, data, unix.SEEK_HOLE)
		if err != nil || hole <= data {
			return whole
		}
		at = min(hole, end)
		m := mem.Mapping{Base: mem.Addr(uint64(data) - off), Size: uint64(at - data)}
		if n := len(list); n > 0 && m.Base-list[n-1].End() < coarse {
			list[n-1].Size = uint64(m.End() - list[n-1].Base)
			continue
		}
		list = append(list, m)
	}
	return whole
}
