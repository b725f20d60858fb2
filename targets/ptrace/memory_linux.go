//go:build amd64 || arm64

package ptrace

import (
	"errors"
	"fmt"
	"os"

	"github.com/xmdb/xmdb/core/mem"
	"golang.org/x/sys/unix"
)

// memory is the memory of a process: by process_vm_readv where that may, else by
// /proc/PID/mem, which reads what the process itself may not and writes to
// read-only text.
type memory struct {
	pid  int
	file *os.File // made when first wanted; of the memory the process had then
}

func newMemory(pid int) *memory { return &memory{pid: pid} }

func (m *memory) open() (*os.File, error) {
	if m.file == nil {
		name := fmt.Sprintf("/proc/%d/mem", m.pid)
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if errors.Is(err, os.ErrPermission) {
			f, err = os.Open(name)
		}
		if err != nil {
			return nil, err
		}
		m.file = f
	}
	return m.file, nil
}

// forget closes the file: the process has other memory now.
func (m *memory) forget() {
	if m.file != nil {
		m.file.Close()
		m.file = nil
	}
}

// read fills b as far as memory is there.
func (m *memory) read(b []byte, addr uint64) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}
	n, err := unix.ProcessVMReadv(m.pid, local, remote, 0)
	if err == nil && n == len(b) {
		return n, nil
	}
	f, ferr := m.open()
	if ferr != nil {
		if n > 0 {
			return n, mem.ErrUnmapped
		}
		return 0, ferr
	}
	n, err = f.ReadAt(b, int64(addr))
	if err != nil {
		return n, mem.ErrUnmapped
	}
	return n, nil
}

func (m *memory) write(b []byte, addr uint64) error {
	f, err := m.open()
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(b, int64(addr)); err != nil {
		return fmt.Errorf("write %d bytes at %#x: %w", len(b), addr, err)
	}
	return nil
}
