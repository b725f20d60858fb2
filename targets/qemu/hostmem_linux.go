package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/xmdb/xmdb/core/mem"
)

// A hostProcess is the hypervisor as a process of this host.
type hostProcess struct {
	pid   int
	maps  []vma
	mem   *os.File            // nil until it is wanted
	files map[uint64]*os.File // of shared memory, by inode
}

// openHost looks at a process; an error says what right is missing.
func openHost(pid int) (*hostProcess, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	h := &hostProcess{pid: pid, maps: parseMaps(string(text)), files: map[uint64]*os.File{}}
	if len(h.maps) == 0 {
		return nil, fmt.Errorf("process %d has no memory", pid)
	}
	return h, nil
}

// at gives a way to size bytes at an address of the process: off counts in what is
// given. How tells the way.
func (h *hostProcess) at(addr, size uint64) (f *os.File, off uint64, how string, err error) {
	v := covering(h.maps, addr)
	if v == nil || !v.readable || size > v.end-addr {
		return nil, 0, "", fmt.Errorf("process %d has no %d bytes at %#x", h.pid, size, addr)
	}
	if v.shared && v.inode != 0 {
		if f := h.sharedFile(v); f != nil {
			return f, v.off + addr - v.start, "shared memory " + v.path, nil
		}
	}
	if h.mem == nil {
		if h.mem, err = os.Open(fmt.Sprintf("/proc/%d/mem", h.pid)); err != nil {
			return nil, 0, "", err
		}
	}
	return h.mem, addr, fmt.Sprintf("/proc/%d/mem", h.pid), nil
}

// sharedFile opens the file behind a shared mapping: by its path if that is the same
// file, else through a descriptor of the process that is. To read a file fills no
// holes, which reading the process' memory does.
func (h *hostProcess) sharedFile(v *vma) *os.File {
	if f := h.files[v.inode]; f != nil {
		return f
	}
	names := []string{v.path, fmt.Sprintf("/proc/%d/root%s", h.pid, v.path)}
	dir := fmt.Sprintf("/proc/%d/fd", h.pid)
	if fds, err := os.ReadDir(dir); err == nil {
		for _, fd := range fds {
			names = append(names, filepath.Join(dir, fd.Name()))
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "/") {
			continue
		}
		st, err := os.Stat(name)
		if err != nil || !st.Mode().IsRegular() || !sameFile(st, v) {
			continue
		}
		if f, err := os.Open(name); err == nil {
			h.files[v.inode] = f
			return f
		}
	}
	return nil
}

// sameFile compares the inode, and the device where the file system shows the same
// one in maps (btrfs and overlayfs do not).
func sameFile(st os.FileInfo, v *vma) bool {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok || s.Ino != v.inode {
		return false
	}
	dev := fmt.Sprintf("%02x:%02x", unix.Major(s.Dev), unix.Minor(s.Dev))
	return dev == v.dev || uint64(st.Size()) >= v.off+(v.end-v.start)
}

// alive tells whether the process is still there.
func (h *hostProcess) alive() bool { return unix.Kill(h.pid, 0) != unix.ESRCH }

func (h *hostProcess) Close() error {
	if h.mem != nil {
		h.mem.Close()
	}
	for _, f := range h.files {
		f.Close()
	}
	return nil
}

// extents lists the parts of [off, off+size) of a file that are not holes: coarse
// ones, and all of it where the file system cannot tell. Offsets count from off.
func extents(f *os.File, off, size uint64) []mem.Mapping {
	const coarse, most = 1 << 20, 1 << 16
	whole := []mem.Mapping{{Size: size}}
	fd := int(f.Fd())
	var list []mem.Mapping
	at, end := int64(off), int64(off+size)
	for range most {
		if at >= end {
			return list
		}
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if err == unix.ENXIO || err == nil && data >= end {
			return list
		}
		if err != nil {
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
