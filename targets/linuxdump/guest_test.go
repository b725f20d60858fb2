//go:build linux && amd64

package linuxdump

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/fixtures/guest"
)

// difference is what became of the pages of a dump beside those of the memory itself.
type difference struct {
	same    int
	missing map[error]int
}

// compareRAM reads each page of a dump: it is that of the memory's file, or missing.
func compareRAM(t *testing.T, x *Target, ram string) difference {
	t.Helper()
	f, err := os.Open(ram)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := difference{missing: map[error]int{}}
	const step = 1 << 20
	want, got := make([]byte, step), make([]byte, step)
	for at := int64(0); ; at += step {
		n, err := f.ReadAt(want, at)
		if n == 0 {
			if err != io.EOF {
				t.Fatal(err)
			}
			return d
		}
		for from := 0; from < n; {
			k, err := x.Physical().ReadAt(got[from:n], mem.Addr(at)+mem.Addr(from))
			if !bytes.Equal(got[from:from+k], want[from:from+k]) {
				t.Fatalf("%s: other bytes behind %#x", x.Name(), at+int64(from))
			}
			d.same += k / 4096
			from += k
			if err != nil {
				d.missing[mem.Reason(err)]++
				from += 4096
			}
		}
	}
}

func openGuest(t *testing.T, paths ...string) *Target {
	t.Helper()
	x, err := Open(context.Background(), paths, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// TestGuestDumps compares all dumps of one instant of a guest with its memory and with
// each other.
func TestGuestDumps(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	pages := 0
	if st, err := os.Stat(d.File(guest.RAM)); err == nil {
		pages = int(st.Size() / 4096)
	}
	info := openGuest(t, d.File(guest.ELF)).VMCoreInfo()
	if !bytes.Contains(info, []byte("OSRELEASE=")) {
		t.Errorf("VMCOREINFO is %q", info)
	}
	for _, kind := range []guest.Kind{guest.ELF, guest.ELFPaging, guest.KdumpZlib} {
		t.Run(string(kind), func(t *testing.T) {
			x := openGuest(t, d.File(kind))
			diff := compareRAM(t, x, d.File(guest.RAM))
			// Page tables do not lead to a few pages at the end of memory.
			if lost := pages - diff.same; lost != 0 && (kind != guest.ELFPaging || lost > 64) {
				t.Errorf("%d pages of %d: %v", diff.same, pages, diff.missing)
			}
			if !bytes.Equal(x.VMCoreInfo(), info) || len(x.Warnings()) > 0 {
				t.Errorf("VMCOREINFO of %d bytes, warnings %q", len(x.VMCoreInfo()), x.Warnings())
			}
			checkRegisters(t, x, d.Registers(t))
			if v := x.KernelVirtual(); (v != nil) != (kind == guest.ELFPaging) {
				t.Errorf("virtual memory: %v", v)
			}
		})
	}
	t.Run("memory", func(t *testing.T) {
		x, err := OpenMemory(context.Background(), d.File(guest.RAM), MemoryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		if diff := compareRAM(t, x, d.File(guest.RAM)); diff.same != pages {
			t.Errorf("%d pages of %d", diff.same, pages)
		}
	})
}

// checkRegisters compares processors with the text of QEMU's "info registers -a".
func checkRegisters(t *testing.T, x *Target, text string) {
	t.Helper()
	ps, err := x.Processors()
	cpus := strings.Split(text, "CPU#")[1:]
	if err != nil || len(ps) != len(cpus) || len(ps) == 0 {
		t.Fatalf("%d processors of %d, %v", len(ps), len(cpus), err)
	}
	for i, p := range ps {
		field := func(name string) uint64 {
			m := regexp.MustCompile(`\b` + name + ` ?= ?(?:[0-9a-f]{4} |     )?([0-9a-f]+)`).FindStringSubmatch(cpus[i])
			if m == nil {
				t.Fatalf("no %s in %q", name, cpus[i])
			}
			v, err := strconv.ParseUint(m[1], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		reg := func(name string) uint64 { v, _ := p.Regs.Get(name); return v }
		for name, got := range map[string]uint64{
			"RAX": reg("rax"), "RSP": reg("rsp"), "RIP": reg("rip"), "R15": reg("r15"), "RFL": reg("rflags"), "GS": reg("gsbase"), "FS": reg("fsbase"),
			"CR0": p.System.CR0, "CR2": p.System.CR2, "CR3": p.System.CR3, "CR4": p.System.CR4, "GDT": p.System.GDTBase, "IDT": p.System.IDTBase,
		} {
			if want := field(name); got != want {
				t.Errorf("CPU %d: %s is %#x, not %#x", i, name, got, want)
			}
		}
	}
}

// vmcore writes the ELF file that the guest's crash kernel would show: the memory by
// the kernel's addresses, without QEMU's notes, so that makedumpfile takes it.
func vmcore(t *testing.T, d *guest.Dumped) string {
	t.Helper()
	x := openGuest(t, d.File(guest.ELFPaging))
	number := func(name string) uint64 {
		m := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindSubmatch(x.VMCoreInfo())
		if m == nil {
			t.Fatalf("no %s in VMCOREINFO", name)
		}
		if v, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil {
			return uint64(v)
		}
		v, err := strconv.ParseUint(string(m[1]), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	maps := x.KernelVirtual().(mem.Mapper).Mappings()
	direct := slices.MaxFunc(maps, func(a, b mem.Mapping) int { return int(a.Size>>12) - int(b.Size>>12) })
	st, err := os.Stat(d.File(guest.RAM))
	if err != nil {
		t.Fatal(err)
	}
	size := uint64(st.Size())
	text := 0xffffffff80000000 + number("KERNELOFFSET")
	textPhys := text - 0xffffffff80000000 + number(`NUMBER\(phys_base\)`)
	s := &elfSpec{word: 8, machine: 62}
	for _, n := range x.notes.prstatus {
		s.notes = append(s.notes, note("CORE", ntPRStatus, n)...)
	}
	s.notes = append(s.notes, note("VMCOREINFO", 0, x.VMCoreInfo())...)
	for len(s.notes)%8 != 0 {
		s.notes = append(s.notes, 0)
	}
	// The whole file of memory stands behind the headers; the text is named twice.
	s.loads = []progHeader{
		{textPhys, text, textPhys, 48 << 20, 48 << 20},
		{0x1000, uint64(direct.Base) + 0x1000, 0x1000, 0x9e000, 0x9e000},
		{0x100000, uint64(direct.Base) + 0x100000, 0x100000, size - 0x100000, size - 0x100000},
	}
	path := filepath.Join(t.TempDir(), "vmcore")
	w, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(s.file()); err != nil {
		t.Fatal(err)
	}
	ram, err := os.Open(d.File(guest.RAM))
	if err != nil {
		t.Fatal(err)
	}
	defer ram.Close()
	if _, err := io.Copy(w, ram); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMakedumpfile has makedumpfile write dumps of a guest's memory: what it left out
// is told so, all else is the memory's.
func TestMakedumpfile(t *testing.T) {
	fixtures.Need(t, "makedumpfile")
	d := guest.Dumps(t, guest.Main)
	core := vmcore(t, d)
	all := compareRAM(t, openGuest(t, core), d.File(guest.RAM))
	tests := []struct {
		name  string
		args  []string
		files int
		less  bool // pages are left out
		text  string
	}{
		{"lzo", []string{"-l", "-d", "0"}, 1, false, "lzo"},
		{"zlib without free pages", []string{"-c", "-d", "31"}, 1, true, "zlib"},
		{"split", []string{"--split", "-l", "-d", "17"}, 3, true, "3 files"},
		{"flattened ELF", []string{"-F", "-E", "-d", "31"}, 0, true, "ELF dump, flattened"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			var paths []string
			for i := range max(tt.files, 1) {
				paths = append(paths, filepath.Join(dir, fmt.Sprintf("dump.%d", i+1)))
			}
			args := append(slices.Clone(tt.args), core)
			cmd := exec.Command("makedumpfile", args...)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			if tt.files == 0 {
				out, err := os.Create(paths[0])
				if err != nil {
					t.Fatal(err)
				}
				defer out.Close()
				cmd.Stdout = out
			} else {
				cmd.Args = append(cmd.Args, paths...)
			}
			if err := cmd.Run(); err != nil {
				t.Fatalf("makedumpfile: %v\n%s", err, errs.String())
			}
			x := openGuest(t, paths...)
			diff := compareRAM(t, x, d.File(guest.RAM))
			left := diff.missing[mem.ErrFiltered]
			if (left > 0) != tt.less || diff.same+left != all.same || diff.same == 0 {
				t.Errorf("%d pages of %d, missing %v", diff.same, all.same, diff.missing)
			}
			if len(x.Warnings()) > 0 || !strings.Contains(status(x), tt.text) {
				t.Errorf("%q\n%s", x.Warnings(), status(x))
			}
			if ps, err := x.Processors(); err != nil || len(ps) != 2 || !bytes.Contains(x.VMCoreInfo(), []byte("OSRELEASE=")) {
				t.Errorf("processors %v, %v; VMCOREINFO of %d bytes", ps, err, len(x.VMCoreInfo()))
			}
		})
	}
	t.Run("rearranged", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "plain")
		in, err := os.Open(d.File(guest.KdumpZlib))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		cmd := exec.Command("makedumpfile", "-R", path)
		cmd.Stdin = in
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("makedumpfile -R: %v\n%s", err, out)
		}
		sameAsFlattened(t, d.File(guest.KdumpZlib), path)
	})
}

// sameAsFlattened compares a flattened file as it is read with a file that was
// rearranged.
func sameAsFlattened(t *testing.T, flat, plain string) {
	t.Helper()
	f, err := os.Open(flat)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(Target).openFlattened(context.Background(), part{flat, f, uint64(st.Size())})
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(p.r, 0, int64(p.size)))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %d rearranged by makedumpfile; %v", len(got), len(want), err)
	}
}
