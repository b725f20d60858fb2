package linuxdump

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
)

func TestParseMemory(t *testing.T) {
	tests := []struct {
		spec, path string
		low        uint64
		bad        bool
	}{
		{"ram", "ram", 0, false},
		{"/a,b/ram", "/a,b/ram", 0, false},
		{"ram,hole=3G", "ram", 3 << 30, false},
		{"ram,hole=2048m", "ram", 2 << 30, false},
		{"ram,hole=0xb0000000", "ram", 0xb0000000, false},
		{"ram,hole=none", "ram", NoHole, false},
		{"ram,hole=", "", 0, true},
		{"ram,hole=0", "", 0, true},
		{"ram,hole=5G", "", 0, true},
		{"ram,hole=1000", "", 0, true},
		{"ram,hole=99999999999G", "", 0, true},
		{",hole=3G", "", 0, true},
		{"", "", 0, true},
	}
	for _, tt := range tests {
		path, o, err := ParseMemory(tt.spec)
		if path != tt.path || o.Low != tt.low || (err != nil) != tt.bad {
			t.Errorf("%q: %q, %#x, %v", tt.spec, path, o.Low, err)
		}
	}
}

// acpi makes the low megabyte of a machine whose firmware put the tables below low,
// and the tables.
func acpi(low uint64) *patched {
	rsdp := make([]byte, 20)
	copy(rsdp, "RSD PTR ")
	binary.LittleEndian.PutUint32(rsdp[16:], uint32(low-0x1234))
	rsdp[8] = -checksum(rsdp)
	return &patched{parts: map[int64][]byte{0xf5a40: rsdp, int64(low - 0x1234): []byte("RSDT")}}
}

// patched is a file of zeros with some bytes in it.
type patched struct {
	size  int64
	parts map[int64][]byte
}

func (f *patched) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(f.size-off, 0)))
	clear(p[:n])
	for at, b := range f.parts {
		for i, c := range b {
			if k := at + int64(i) - off; k >= 0 && k < int64(n) {
				p[k] = c
			}
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// TestHole opens plain memory of several machines: where it goes on above 4 GiB.
func TestHole(t *testing.T) {
	const g = uint64(1 << 30)
	tests := []struct {
		name  string
		size  uint64
		low   uint64 // by the firmware's tables; 0: there are none
		given uint64
		want  uint64 // below the hole; 0 for none
		warns bool
	}{
		{"small", g / 2, 0, 0, 0, false},
		{"q35 of 4 GiB", 4 * g, 2 * g, 0, 2 * g, false},
		{"pc of 4 GiB", 4 * g, 3 * g, 0, 3 * g, false},
		{"pc of 3 GiB", 3 * g, 3 * g, 0, 0, false},
		{"q35 of 3 GiB", 3 * g, 2 * g, 0, 2 * g, false},
		{"3 GiB without tables", 3 * g, 0, 0, 0, false},
		{"8 GiB without tables", 8 * g, 0, 0, 3 * g, true},
		{"given", 8 * g, 0, 2 * g, 2 * g, false},
		{"none given", 8 * g, 0, NoHole, 0, false},
	}
	for _, tt := range tests {
		f := &patched{}
		if tt.low != 0 {
			f = acpi(tt.low)
		}
		f.size = int64(tt.size)
		x, err := OpenMemoryAt(context.Background(), "ram", f, f.size, MemoryOptions{Low: tt.given})
		if err != nil {
			t.Fatal(err)
		}
		want := []mem.Mapping{{Size: tt.size, Prot: 7}}
		if tt.want != 0 {
			want = []mem.Mapping{{Size: tt.want, Prot: 7}, {Base: fourGiB, Size: tt.size - tt.want, Prot: 7}}
		}
		if d := cmp.Diff(want, x.PhysicalRanges()); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		if (len(x.Warnings()) > 0) != tt.warns {
			t.Errorf("%s: warnings %q", tt.name, x.Warnings())
		}
	}
}

func TestOpenMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ram")
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = memoryByte(i)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := OpenMemory(context.Background(), path, MemoryOptions{Low: 0x80000})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	checkMemory(t, x.Physical(), 0, 0, 0x80000)
	checkMemory(t, x.Physical(), fourGiB, 0x80000, 0x80000)
	if _, err := x.Physical().ReadAt(b[:8], 0x80000); !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("in the hole: %v", err)
	}
	if ps, err := x.Processors(); len(ps) > 0 || err != nil {
		t.Errorf("processors: %v, %v", ps, err)
	}
	if text := status(x); !strings.Contains(text, "a hole at 0x80000") || !strings.Contains(text, "nothing of processors") {
		t.Error(text)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, t.TempDir(), path + "x"} {
		if _, err := OpenMemory(context.Background(), path, MemoryOptions{}); err == nil {
			t.Errorf("%s: opened", path)
		}
	}
}

func limeRange(first, last uint64, b []byte) []byte {
	h := binary.LittleEndian.AppendUint32(nil, limeMagic)
	h = binary.LittleEndian.AppendUint32(h, 1)
	h = binary.LittleEndian.AppendUint64(h, first)
	h = binary.LittleEndian.AppendUint64(h, last)
	return append(append(h, make([]byte, 8)...), b...)
}

func TestLime(t *testing.T) {
	b := make([]byte, 0x3000)
	for i := range b {
		b[i] = memoryByte(i)
	}
	whole := append(limeRange(0x1000, 0x1fff, b[:0x1000]), limeRange(0x100000000, 0x100001fff, b[0x1000:])...)
	x := openBytes(t, whole)
	checkMemory(t, x.Physical(), 0x1000, 0, 0x1000)
	checkMemory(t, x.Physical(), 0x100000000, 0x1000, 0x2000)
	if len(x.Warnings()) > 0 || !strings.Contains(status(x), "LiME") {
		t.Error(x.Warnings(), status(x))
	}
	cut := openBytes(t, whole[:len(whole)-0x800])
	checkMemory(t, cut.Physical(), 0x100000000, 0x1000, 0x1800)
	if _, err := cut.Physical().ReadAt(b[:8], 0x100001800); !errors.Is(err, mem.ErrTruncated) || len(cut.Warnings()) != 1 {
		t.Errorf("cut: %v, %q", err, cut.Warnings())
	}
	bad := openBytes(t, append(bytes.Clone(whole), limeRange(0x2000, 0x1000, nil)...))
	if w := strings.Join(bad.Warnings(), ""); !strings.Contains(w, "damaged") {
		t.Errorf("a range that ends before it begins: %q", w)
	}
}

// kcoreFile is a kcore in which pages fail, as the kernel has it: the whole read.
type kcoreFile struct {
	b     []byte
	first int64 // of a page that cannot be read; 0 for none
	reads int
}

// kernelPSInfo is the struct elf_prpsinfo of a kcore.
func kernelPSInfo() []byte {
	b := make([]byte, 136)
	copy(b[40:], "vmlinux")
	copy(b[56:], "BOOT_IMAGE=/vmlinuz")
	return b
}

var errPage = errors.New("bad address")

func (k *kcoreFile) ReadAt(p []byte, off int64) (int, error) {
	k.reads++
	if k.first > 0 && off < k.first+4096 && off+int64(len(p)) > k.first {
		return 0, errPage
	}
	return bytes.NewReader(k.b).ReadAt(p, off)
}

func TestKcore(t *testing.T) {
	const direct, text = 0xffff888000000000, 0xffffffff81000000
	s := &elfSpec{
		word: 8, machine: 62, size: 0x40000,
		notes: append(note("CORE", ntPRPSInfo, kernelPSInfo()), note("VMCOREINFO", 0, []byte("A=1\n"))...),
		loads: []progHeader{
			{0x2000, text, 0x3000, 0x4000, 0x4000},
			{0x1000, direct + 0x1000, 0x1000, 0x20000, 0x20000},
			{0x30000, 0xffffc90000000000, ^uint64(0), 0x8000, 0x8000},
		},
	}
	f := &kcoreFile{b: s.file()}
	x, err := openLive(context.Background(), part{"kcore", f, kcoreSize}, Options{})
	if err != nil || len(x.Warnings()) > 0 {
		t.Fatal(err, x.Warnings())
	}
	checkMemory(t, x.Physical(), 0x1000, 0x1000, 0x20000)
	checkMemory(t, x.KernelVirtual(), 0xffffc90000000000, 0x30000, 0x8000)
	checkMemory(t, x.KernelVirtual(), text, 0x2000, 0x4000)
	if d := cmp.Diff([]mem.Mapping{{Base: 0x1000, Size: 0x20000, Prot: 7}}, x.PhysicalRanges()); d != "" {
		t.Error(d)
	}
	if !x.Running() || x.Moment() == 0 || string(x.VMCoreInfo()) != "A=1\n" {
		t.Error("not the live kernel")
	}

	// What was read stays until Refresh, and no longer.
	var b [1]byte
	at := len(f.b) - s.size + 0x5000
	f.b[at] ^= 0xff
	if err := mem.ReadFull(x.Physical(), b[:], 0x5000); err != nil || b[0] != memoryByte(0x5000) {
		t.Errorf("before Refresh: %#x, %v", b[0], err)
	}
	x.Refresh()
	if err := mem.ReadFull(x.Physical(), b[:], 0x5000); err != nil || b[0] != f.b[at] {
		t.Errorf("after Refresh: %#x, %v", b[0], err)
	}
	f.b[at] ^= 0xff

	// A page that cannot be read spares those around it.
	x.Refresh()
	f.first = (int64(len(f.b)-s.size)+0x10000)&^4095 + 4096
	bad := int(f.first) - (len(f.b) - s.size)
	checkMemory(t, x.Physical(), 0x1000, 0x1000, bad-0x1000)
	checkMemory(t, x.Physical(), mem.Addr(bad+4096), bad+4096, 0x8000)
	if _, err := x.Physical().ReadAt(b[:], mem.Addr(bad)); !errors.Is(err, errPage) {
		t.Errorf("the page itself: %v", err)
	}
}

// TestKcoreOld has the kcore of kernels that do not tell physical addresses.
func TestKcoreOld(t *testing.T) {
	s := &elfSpec{
		word: 8, machine: 62, size: 0x3000, notes: note("CORE", ntPRPSInfo, kernelPSInfo()),
		loads: []progHeader{{0, 0xffffffff81000000, 0, 0x1000, 0x1000}, {0x1000, 0xffff888000001000, 0, 0x2000, 0x2000}},
	}
	x, err := openLive(context.Background(), part{"kcore", bytes.NewReader(s.file()), kcoreSize}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkMemory(t, x.KernelVirtual(), 0xffff888000001000, 0x1000, 0x2000)
	if len(x.PhysicalRanges()) > 0 || len(x.Warnings()) != 1 {
		t.Errorf("physical memory at %v, warnings %q", x.PhysicalRanges(), x.Warnings())
	}
}
