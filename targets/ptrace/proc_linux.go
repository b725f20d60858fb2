//go:build amd64 || arm64

package ptrace

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
)

// readMaps reads /proc/PID/maps (proc(5)).
func readMaps(pid int) ([]mem.Mapping, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []mem.Mapping
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if m, ok := parseMap(sc.Text()); ok {
			list = append(list, m)
		}
	}
	return list, sc.Err()
}

// parseMap reads a line "start-end perms offset dev inode path".
func parseMap(line string) (m mem.Mapping, ok bool) {
	span, rest, _ := strings.Cut(line, " ")
	perms, rest, _ := strings.Cut(rest, " ")
	offset, rest, _ := strings.Cut(rest, " ")
	_, rest, _ = strings.Cut(rest, " ") // device
	_, path, _ := strings.Cut(rest, " ")
	from, to, ok := strings.Cut(span, "-")
	if !ok || len(perms) < 4 {
		return m, false
	}
	start, err1 := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	off, err3 := strconv.ParseUint(offset, 16, 64)
	if err := errors.Join(err1, err2, err3); err != nil || end <= start {
		return m, false
	}
	m = mem.Mapping{Base: mem.Addr(start), Size: end - start, Name: unescape(strings.TrimLeft(path, " ")), Off: off}
	for i, p := range []mem.Prot{mem.ProtRead, mem.ProtWrite, mem.ProtExec} {
		if perms[i] != '-' {
			m.Prot |= p
		}
	}
	return m, true
}

// unescape undoes \012, which is how the kernel writes a newline in a path.
func unescape(s string) string { return strings.ReplaceAll(s, `\012`, "\n") }

// readAuxv reads /proc/PID/auxv: pairs of words.
func readAuxv(pid int) ([]core.Aux, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid))
	if err != nil {
		return nil, err
	}
	var list []core.Aux
	for ; len(b) >= 16; b = b[16:] {
		a := core.Aux{Type: binary.LittleEndian.Uint64(b), Value: binary.LittleEndian.Uint64(b[8:])}
		if a.Type == 0 {
			break
		}
		list = append(list, a)
	}
	return list, nil
}

func zeroSeparated(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00"), nil
}

// Root is where a process's files are for us: "" if it sees the same as we do.
func Root(pid int) string {
	root := fmt.Sprintf("/proc/%d/root", pid)
	ours, err1 := os.Readlink("/proc/self/ns/mnt")
	its, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	dir, err3 := os.Readlink(root)
	if err1 == nil && err2 == nil && ours == its && (err3 != nil || dir == "/") {
		return ""
	}
	if _, err := os.Stat(root + "/."); err != nil {
		return ""
	}
	return root
}

// stillOpen is a name for a deleted file that a process has mapped.
func stillOpen(pid int, m mem.Mapping) string {
	exe := fmt.Sprintf("/proc/%d/exe", pid)
	if at, err := os.Readlink(exe); err == nil && at == m.Name {
		return exe
	}
	name := fmt.Sprintf("/proc/%d/map_files/%x-%x", pid, uint64(m.Base), uint64(m.End()))
	if f, err := os.Open(name); err == nil {
		f.Close()
		return name
	}
	return ""
}

// lookable says why a process cannot even be looked at.
func lookable(pid int) error {
	st, err := readStatus(pid)
	switch {
	case err != nil:
		return control.ErrNoProcess
	case st.state == 'Z' || st.state == 'X':
		return errors.New("process is a zombie: it has ended and waits for its parent")
	case st.kernel:
		return errors.New("it is a thread of the kernel")
	}
	if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid)); err != nil {
		return refused(pid, errPerm(err))
	}
	return nil
}

const (
	atPhdr  = 3
	atEntry = 9
)

// entry is where the program begins.
func (p *process) entry() uint64 {
	aux, err := readAuxv(p.pid)
	if err != nil {
		return 0
	}
	for _, a := range aux {
		if a.Type == atEntry {
			return a.Value
		}
	}
	return 0
}

// entryHeader is an address in the page of the program's ELF header.
func (t *Target) entryHeader() uint64 {
	a, _ := t.Aux(atPhdr)
	return a &^ 0xfff
}

// elf32 tells whether the ELF header at an address is that of a 32-bit program.
func elf32(s mem.Space, addr uint64) bool {
	var b [5]byte
	return addr != 0 && mem.ReadFull(s, b[:], mem.Addr(addr)) == nil && string(b[:4]) == "\x7fELF" && b[4] == 1
}
