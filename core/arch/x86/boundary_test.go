package x86

import (
	"bufio"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// libraries are what the boundaries are compared over: all the code of the C
// and the C++ library, hand-written vector routines included.
var libraries = []string{"libc.so.6", "libstdc++.so.6"}

func findLibrary(t *testing.T, name string) string {
	for _, dir := range []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"} {
		p := filepath.Join(dir, name)
		f, err := elf.Open(p)
		if err != nil {
			continue
		}
		m := f.Machine
		f.Close()
		if m == elf.EM_X86_64 {
			return p
		}
	}
	t.Skipf("no %s for amd64 on this machine", name)
	return ""
}

func TestBoundaries(t *testing.T) {
	fixtures.Need(t, "objdump")
	const objdump = "objdump"
	for _, name := range libraries {
		t.Run(name, func(t *testing.T) { compareBoundaries(t, objdump, findLibrary(t, name)) })
	}
}

// compareBoundaries checks every instruction that objdump finds in a library:
// that an instruction begins where objdump says, and that it is undecodable
// where objdump says so.
func compareBoundaries(t *testing.T, objdump, path string) {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(objdump, "-d", "-w", "--no-show-raw-insn", path)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var code []byte
	var base, next uint64
	n, wrong := 0, 0
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		line := s.Text()
		if sec, ok := strings.CutPrefix(line, "Disassembly of section "); ok {
			x := f.Section(strings.TrimSuffix(sec, ":"))
			if code, err = x.Data(); err != nil {
				t.Fatal(err)
			}
			base, next = x.Addr, x.Addr
			continue
		}
		a, text, ok := strings.Cut(line, ":\t")
		if !ok {
			continue
		}
		addr, err := strconv.ParseUint(strings.TrimSpace(a), 16, 64)
		if err != nil {
			t.Fatalf("objdump: %q", line)
		}
		if addr != next {
			if wrong++; wrong <= 20 {
				t.Errorf("%x: %s: we are at %x", addr, text, next)
			}
		}
		in := Decode(Mode64, code[addr-base:], addr, nil)
		if bad := strings.Contains(text, "(bad)"); bad == in.OK {
			if wrong++; wrong <= 20 {
				t.Errorf("%x: % x: %s: we have %q", addr, code[addr-base:][:in.Len], text, in.Text)
			}
		}
		next = addr + uint64(in.Len)
		n++
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if n < 1000 {
		t.Errorf("objdump gave only %d instructions", n)
	}
	t.Logf("%d instructions, %d differences", n, wrong)
}
