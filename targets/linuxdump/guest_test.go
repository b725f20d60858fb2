//go:build linux && amd64

package linuxdump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
		reg := func(name string) uint64 { v, _ := p.Regs.Get(name); return v }
		for name, got := range map[string]uint64{
			"[RE]AX": reg("rax"), "[RE]SP": reg("rsp"), "[RE]IP": reg("rip"), "R15": reg("r15"), "[RE]FL": reg("rflags"), "GS": reg("gsbase"), "FS": reg("fsbase"),
			"CR0": p.System.CR0, "CR2": p.System.CR2, "CR3": p.System.CR3, "CR4": p.System.CR4, "GDT": p.System.GDTBase, "IDT": p.System.IDTBase,
		} {
			m := regexp.MustCompile(`\b` + name + ` ?= ?(?:[0-9a-f]{4} |     )?([0-9a-f]+)`).FindStringSubmatch(cpus[i])
			if m == nil && name == "R15" {
				continue // the processor was in a nested machine of 16 bits
			}
			if m == nil {
				t.Fatalf("no %s in %q", name, cpus[i])
			}
			if want, err := strconv.ParseUint(m[1], 16, 64); err != nil || got != want {
				t.Errorf("CPU %d: %s is %#x, not %s", i, name, got, m[1])
			}
		}
	}
}

// TestRearranged compares a flattened file with what makedumpfile makes of it.
func TestRearranged(t *testing.T) {
	fixtures.Need(t, "makedumpfile")
	d := guest.Dumps(t, guest.Main)
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

// TestCrashed compares what makedumpfile made of a guest's own crash with what the crash
// kernel showed.
func TestCrashed(t *testing.T) {
	d := guest.Crashed(t)
	whole := openGuest(t, d.File(guest.Vmcore))
	if ps, err := whole.Processors(); err != nil || len(ps) == 0 || ps[0].Regs == nil || whole.KernelVirtual() == nil || len(whole.Warnings()) > 0 {
		t.Errorf("vmcore: processors %v, %v; %q", ps, err, whole.Warnings())
	}
	split := make([]string, guest.SplitFiles)
	for i := range split {
		split[i] = fmt.Sprintf("%s-%d", d.File(guest.KdumpSplit), i+1)
	}
	tests := []struct {
		paths []string
		less  bool
		text  string
	}{
		{[]string{d.File(guest.KdumpLZO)}, true, "compressed by lzo"},
		{[]string{d.File(guest.KdumpZlibAll)}, false, "compressed by zlib"},
		{[]string{d.File(guest.KdumpFlat)}, true, "flattened"},
		{[]string{d.File(guest.ELFExcluded)}, true, "were left out"},
		{split, true, "3 files of a split dump"},
	}
	for _, tt := range tests {
		x := openGuest(t, tt.paths...)
		same, left := comparePages(t, whole, x)
		if same == 0 || (left > 0) != tt.less || len(x.Warnings()) > 0 || !strings.Contains(status(x), tt.text) {
			t.Errorf("%s: %d pages, %d left out, %q\n%s", x.Name(), same, left, x.Warnings(), status(x))
		}
		if !bytes.Equal(x.VMCoreInfo(), whole.VMCoreInfo()) {
			t.Errorf("%s: another VMCOREINFO", x.Name())
		}
	}
}

// comparePages reads the pages of whole from x: each is the same or was left out.
func comparePages(t *testing.T, whole, x *Target) (same, left int) {
	t.Helper()
	want, got := make([]byte, 4096), make([]byte, 4096)
	for _, m := range whole.PhysicalRanges() {
		for a := m.Base; a < m.End(); a += 4096 {
			b := want[:min(4096, uint64(m.End()-a))]
			if err := mem.ReadFull(whole.Physical(), b, a); err != nil {
				t.Fatal(err)
			}
			switch err := mem.ReadFull(x.Physical(), got[:len(b)], a); {
			case err == nil && bytes.Equal(got[:len(b)], b):
				same++
			case errors.Is(err, mem.ErrFiltered):
				left++
			default:
				t.Fatalf("%s: %v: other bytes, or %v", x.Name(), a, err)
			}
		}
	}
	return same, left
}
