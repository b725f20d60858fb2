package system

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/fixtures"
)

// asLoaded maps a file as the kernel and the run-time linker do, bias added.
func asLoaded(t *testing.T, path string, bias uint64) (*elffile.File, *mem.Segments) {
	t.Helper()
	f, err := elffile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var segs []mem.Segment
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			low := p.Vaddr & 0xfff // a page has what lies before the segment in the file
			segs = append(segs, mem.Segment{
				Base: mem.Addr(bias + p.Vaddr - low), Size: p.Filesz + low,
				Src: &mem.File{R: f.ReaderAt(), Size: f.Size}, Off: mem.Addr(p.Off - low),
			})
		}
	}
	return f, mem.NewSegments(segs)
}

// TestMemoryImage reads headers, build-id and dynamic symbols of a program from
// its memory and compares them with the file's.
func TestMemoryImage(t *testing.T) {
	for _, name := range []string{"c/O2", "c/nopie", "c/stripped", "cxx/O0"} {
		t.Run(name, func(t *testing.T) {
			bias := uint64(0x555555554000)
			path := fixtures.BuildProgram(t, name).Exe
			f, err := elffile.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if f.Type == elf.ET_EXEC {
				bias = 0
			}
			f.Close()
			f, space := asLoaded(t, path, bias)
			base := bias + f.Progs[0].Vaddr - f.Progs[0].Off // PT_PHDR
			im, err := readImage(space, base)
			if err != nil {
				t.Fatal(err)
			}
			if im.bias != bias || im.buildID != f.BuildID() || im.entry != f.Entry || len(im.progs) != len(f.Progs) {
				t.Errorf("bias %#x, build-id %s, entry %#x, %d program headers", im.bias, im.buildID, im.entry, len(im.progs))
			}
			if id := BuildIDAt(space, base); id != f.BuildID() {
				t.Errorf("BuildIDAt = %q", id)
			}
			by, err := imageAt(space, base+64, uint64(len(f.Progs)), 8)
			if err != nil || by.bias != bias || by.base != base {
				t.Errorf("by program headers: %+v, %v", by, err)
			}
			got, err := im.dynsym()
			if err != nil {
				t.Fatal(err)
			}
			want, err := f.Symbols(sym.Dynsym, sym.RuleProcess, bias)
			if err != nil {
				t.Fatal(err)
			}
			if got.Len() != want.Len() {
				t.Fatalf("%d dynamic symbols, the file has %d", got.Len(), want.Len())
			}
			for i := range want.Len() {
				if got.At(i) != want.At(i) {
					t.Errorf("symbol %d: %+v, want %+v", i, got.At(i), want.At(i))
				}
			}
		})
	}
}

func TestGNUHashWithoutSymbols(t *testing.T) {
	// One bucket, first hashed symbol 5, one word of Bloom filter, bucket empty.
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, []uint32{1, 5, 1, 0, 0, 0, 0})
	im := &memImage{sizes: &elf64, space: &mem.File{R: bytes.NewReader(b.Bytes()), Size: int64(b.Len())}}
	if n, ok := im.gnuHashCount(0); !ok || n != 5 {
		t.Errorf("%d, %v", n, ok)
	}
}

func TestLoads(t *testing.T) {
	progs := []elf.ProgHeader{
		{Type: elf.PT_LOAD, Vaddr: 0x400, Memsz: 0x100},
		{Type: elf.PT_DYNAMIC, Vaddr: 0x9000, Memsz: 0x100},
		{Type: elf.PT_LOAD, Vaddr: 0x800, Memsz: 0x1000}, // its first page is the one before's
		{Type: elf.PT_LOAD, Vaddr: 0x5000, Memsz: 1 << 50},
		{Type: elf.PT_LOAD, Vaddr: 0x6000, Memsz: 0},
		{Type: elf.PT_LOAD, Vaddr: 0x7ff0, Memsz: 0x20},
	}
	got := loads(progs, 0x10000, 0x1000)
	want := []sym.Range{{Base: 0x10000, Size: 0x1000}, {Base: 0x11000, Size: 0x1000}, {Base: 0x17000, Size: 0x2000}}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}

// FuzzImage takes bytes for the memory of an ELF image.
func FuzzImage(f *testing.F) {
	b := make([]byte, 0x400)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint64(b[32:], 64)
	le.PutUint16(b[54:], uint16(elf64.phdr))
	le.PutUint16(b[56:], 3)
	for i, p := range []struct {
		typ elf.ProgType
		at  uint64
	}{{elf.PT_LOAD, 0}, {elf.PT_DYNAMIC, 0x200}, {elf.PT_NOTE, 0x300}} {
		h := b[64+i*int(elf64.phdr):]
		le.PutUint32(h, uint32(p.typ))
		le.PutUint64(h[8:], p.at)
		le.PutUint64(h[16:], p.at)
		le.PutUint64(h[32:], 0x100)
		le.PutUint64(h[40:], 0x100)
	}
	for i, v := range []uint64{uint64(elf.DT_SYMTAB), 0x280, uint64(elf.DT_STRTAB), 0x2c8, uint64(elf.DT_STRSZ), 8, uint64(elf.DT_GNU_HASH), 0x380} {
		le.PutUint64(b[0x200+8*i:], v)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &mem.File{R: bytes.NewReader(b), Size: int64(len(b))}
		im, err := readImage(s, 0)
		if err != nil {
			return
		}
		loads(im.progs, im.bias, 4096)
		if tab, err := im.dynsym(); err == nil {
			for range tab.All() {
			}
		}
	})
}
