package linuxdump

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
)

// elfSpec says what kind of ELF dump to write.
type elfSpec struct {
	word     int // bytes: 8 or 4
	machine  elf.Machine
	sections bool // section headers come before the program headers, as QEMU has it
	xnum     bool // the number of program headers is in a section header
	notes    []byte
	loads    []progHeader // off counts from the end of the headers
	size     int          // of the memory
}

// memoryByte is the byte at an offset of the memory.
func memoryByte(off int) byte { return byte(off ^ off>>8 ^ off>>16) }

func (s *elfSpec) file() []byte {
	shape := &shape64
	if s.word == 4 {
		shape = &shape32
	}
	le := binary.LittleEndian
	word := func(b []byte, v uint64) {
		if s.word == 4 {
			le.PutUint32(b, uint32(v))
		} else {
			le.PutUint64(b, v)
		}
	}
	phoff, shoff := shape.ehdr, 0
	if s.sections || s.xnum {
		shoff, phoff = shape.ehdr, shape.ehdr+2*shape.shdr
	}
	n := len(s.loads) + 1
	head := phoff + n*shape.phdr + len(s.notes)
	b := make([]byte, head+s.size)
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA], b[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	if s.word == 4 {
		b[elf.EI_CLASS] = byte(elf.ELFCLASS32)
	}
	le.PutUint16(b[16:], uint16(elf.ET_CORE))
	le.PutUint16(b[18:], uint16(s.machine))
	word(b[shape.phoff:], uint64(phoff))
	word(b[shape.shoff:], uint64(shoff))
	le.PutUint16(b[shape.phentsize:], uint16(shape.phdr))
	le.PutUint16(b[shape.phentsize+2:], uint16(n))
	if s.xnum {
		le.PutUint16(b[shape.phentsize+2:], pnXnum)
		le.PutUint32(b[shoff+shape.shInfo:], uint32(n))
	}
	notes := progHeader{off: uint64(head - len(s.notes)), filesz: uint64(len(s.notes))}
	copy(b[notes.off:], s.notes)
	for i, p := range append([]progHeader{notes}, s.loads...) {
		h := b[phoff+i*shape.phdr:]
		if i == 0 {
			le.PutUint32(h, uint32(elf.PT_NOTE))
		} else {
			le.PutUint32(h, uint32(elf.PT_LOAD))
			if p.off != ^uint64(0) {
				p.off += uint64(head)
			}
		}
		word(h[shape.pOffset:], p.off)
		word(h[shape.pVaddr:], p.vaddr)
		word(h[shape.pPaddr:], p.paddr)
		word(h[shape.pFilesz:], p.filesz)
		word(h[shape.pMemsz:], p.memsz)
	}
	for i := range s.size {
		b[head+i] = memoryByte(i)
	}
	return b
}

// qemuDump is a dump as QEMU makes it, without virtual addresses.
func qemuDump() *elfSpec {
	return &elfSpec{
		word: 8, machine: elf.EM_X86_64, sections: true,
		notes: append(testNotes(2, true), note("VMCOREINFO", 0, []byte("OSRELEASE=6.1\n"))...),
		loads: []progHeader{{0, 0, 0, 0x20000, 0x20000}, {0x20000, 0xfffc0000, 0xfffc0000, 0x1000, 0x1000}},
		size:  0x21000,
	}
}

// checkMemory compares a range of physical memory with that of the writer.
func checkMemory(t *testing.T, s mem.Space, a mem.Addr, off, n int) {
	t.Helper()
	b := make([]byte, n)
	if err := mem.ReadFull(s, b, a); err != nil {
		t.Errorf("%v: %v", a, err)
		return
	}
	for i := range b {
		if b[i] != memoryByte(off+i) {
			t.Errorf("%v: another byte", a+mem.Addr(i))
			return
		}
	}
	if v, ok := s.(mem.Viewer); ok && n >= 64 {
		if w := v.View(a, 64); w != nil && !bytes.Equal(w, b[:64]) {
			t.Errorf("%v: another view", a)
		}
	}
}

func TestELF(t *testing.T) {
	tests := map[string]func(*elfSpec){
		"QEMU":                    func(*elfSpec) {},
		"section headers behind":  func(s *elfSpec) { s.sections = false },
		"number in a section":     func(s *elfSpec) { s.xnum = true },
		"32-bit":                  func(s *elfSpec) { s.word, s.machine = 4, elf.EM_386 },
		"32-bit machine above 4G": func(s *elfSpec) { s.machine = elf.EM_386 },
		"kernel's notes":          func(s *elfSpec) { s.notes = append(testNotes(2, false), note("VMCOREINFO", 0, []byte("A=1\n"))...) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := qemuDump()
			change(s)
			x := openBytes(t, s.file())
			if len(x.Warnings()) > 0 {
				t.Error(x.Warnings())
			}
			checkMemory(t, x.Physical(), 0, 0, 0x20000)
			checkMemory(t, x.Physical(), 0xfffc0000, 0x20000, 0x1000)
			if _, err := x.Physical().ReadAt(make([]byte, 2), 0x1ffff); !errors.Is(err, mem.ErrUnmapped) {
				t.Errorf("behind memory: %v", err)
			}
			want := []mem.Mapping{{Base: 0, Size: 0x20000, Prot: 7}, {Base: 0xfffc0000, Size: 0x1000, Prot: 7}}
			if d := cmp.Diff(want, x.PhysicalRanges()); d != "" {
				t.Error(d)
			}
			if ps, err := x.Processors(); err != nil || len(ps) != 2 {
				t.Errorf("processors: %v, %v", ps, err)
			}
			if x.KernelVirtual() != nil || len(x.VMCoreInfo()) == 0 || x.Arch() != arch.AMD64 {
				t.Errorf("virtual %v, VMCOREINFO %q", x.KernelVirtual(), x.VMCoreInfo())
			}
			if !strings.Contains(status(x), "132 KiB of memory in 2 segments") {
				t.Error(status(x))
			}
		})
	}
}

// TestELFVirtual has segments as QEMU makes them of page tables: they lie over one
// another, lead to parts of memory only, and to what is no memory.
func TestELFVirtual(t *testing.T) {
	const direct, text = 0xffff888000000000, 0xffffffff81000000
	s := qemuDump()
	s.size = 0x30000
	s.loads = []progHeader{
		{0x4000, text, 0x4000, 0x8000, 0x8000},
		{0x0000, direct, 0, 0x10000, 0x10000},
		{0x18000, direct + 0x18000, 0x18000, 0x8000, 0x8000},
		{0x1000, 0x400000, 0x1000, 0x1000, 0x1000}, // of a process
		{^uint64(0), 0xffffc90000000000, 0xfec00000, 0, 0x1000},
		{0x20000, direct + 0xfffc0000, 0xfffc0000, 0x1000, 0x1000},
	}
	x := openBytes(t, s.file())
	// What no segment leads to lies between those beside it: 0x10000 to 0x18000.
	checkMemory(t, x.Physical(), 0, 0, 0x20000)
	checkMemory(t, x.Physical(), 0xfffc0000, 0x20000, 0x1000)
	v := x.KernelVirtual()
	checkMemory(t, v, text, 0x4000, 0x8000)
	checkMemory(t, v, direct, 0, 0x10000)
	checkMemory(t, v, direct+0x18000, 0x18000, 0x8000)
	for a, want := range map[mem.Addr]error{0x400000: mem.ErrUnmapped, 0xffffc90000000000: mem.ErrNotDumped, direct + 0x10000: mem.ErrUnmapped} {
		if _, err := v.ReadAt(make([]byte, 8), a); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", a, err, want)
		}
	}
	if _, err := x.Physical().ReadAt(make([]byte, 8), 0xfec00000); !errors.Is(err, mem.ErrNotDumped) {
		t.Errorf("no memory: %v", err)
	}
	if len(v.(mem.Mapper).Mappings()) != 5 || !strings.Contains(status(x), "with virtual addresses") {
		t.Error(v.(mem.Mapper).Mappings(), status(x))
	}
}

// TestELFFiltered has a vmcore from which pages were left out.
func TestELFFiltered(t *testing.T) {
	s := qemuDump()
	s.notes = append(testNotes(1, false), note("VMCOREINFO", 0, []byte("A=1\n"))...)
	s.loads = []progHeader{{0, 0xffff888000000000, 0, 0x1000, 0x8000}, {0x1000, 0xffff888000008000, 0x8000, 0x1000, 0x1000}}
	x := openBytes(t, s.file())
	checkMemory(t, x.Physical(), 0, 0, 0x1000)
	checkMemory(t, x.Physical(), 0x8000, 0x1000, 0x1000)
	for _, space := range []mem.Space{x.Physical(), x.KernelVirtual()} {
		a := mem.Addr(0x1ff0)
		if space == x.KernelVirtual() {
			a += 0xffff888000000000
		}
		if n, err := space.ReadAt(make([]byte, 8), a); n != 0 || !errors.Is(err, mem.ErrFiltered) {
			t.Errorf("%v: %d, %v", a, n, err)
		}
	}
	if text := status(x); !strings.Contains(text, "28 KiB were left out") {
		t.Error(text)
	}
}

// TestXen tells of dumps by machine address, of either kind.
func TestXen(t *testing.T) {
	xen := append(testNotes(1, false), note("Xen", 0x1000001, make([]byte, 80))...)
	s := qemuDump()
	s.notes = xen
	k := sample(pageZlib)
	k.notes = xen
	for name, b := range map[string][]byte{"ELF": s.file(), "kdump": k.files(t)[0]} {
		if w := openBytes(t, b).Warnings(); len(w) != 1 || !strings.Contains(w[0], "machine of Xen") {
			t.Errorf("%s: %q", name, w)
		}
	}
}

// TestELFCut cuts a dump everywhere: what is there is read, what is not is told.
func TestELFCut(t *testing.T) {
	s := qemuDump()
	whole := s.file()
	head := len(whole) - s.size
	for n := 0; n <= len(whole); n += 1 + n/40 {
		x, err := OpenAt(context.Background(), "cut", bytes.NewReader(whole[:n]), int64(n), Options{})
		if err != nil {
			if n >= head {
				t.Fatalf("cut to %d: %v", n, err)
			}
			continue
		}
		if n < len(whole) && len(x.Warnings()) == 0 {
			t.Errorf("cut to %d: no word about it", n)
		}
		have := max(n-head, 0)
		checkMemory(t, x.Physical(), 0, 0, min(have, 0x20000))
		if n >= head && have < 0x20000 {
			if _, err := x.Physical().ReadAt(make([]byte, 1), mem.Addr(have)); !errors.Is(err, mem.ErrTruncated) {
				t.Errorf("cut to %d: at %#x: %v", n, have, err)
			}
		}
	}
}

// TestNotMachines are ELF files that are something else, and files of other kinds.
func TestNotMachines(t *testing.T) {
	process := qemuDump()
	process.notes = append(note("CORE", ntPRPSInfo, make([]byte, 136)), note("CORE", ntAuxv, make([]byte, 16))...)
	process.loads[0].vaddr = 0x400000
	gdb := *process // of a debugger that was looking at a kernel
	psinfo := make([]byte, 136)
	copy(psinfo[40:], "gdb")
	copy(psinfo[56:], "gdb vmlinux")
	gdb.notes = note("CORE", ntPRPSInfo, psinfo)
	s390 := qemuDump()
	s390.machine = elf.EM_S390
	big := qemuDump().file()
	big[elf.EI_DATA], big[16], big[17], big[18], big[19] = byte(elf.ELFDATA2MSB), 0, 4, 0, byte(elf.EM_S390)
	tests := []struct {
		name string
		b    []byte
		err  error
		text string
		ours bool // Probe
	}{
		{"core of a process", process.file(), ErrNotDump, "", false},
		{"core of gdb", gdb.file(), ErrNotDump, "", false},
		{"machine of s390", s390.file(), ErrArch, "machine of s390", true},
		{"big-endian", big, ErrArch, "machine of s390", false},
		{"nothing", nil, ErrNotDump, "", false},
		{"text", []byte("hello, this is a text of some length, and not a dump of anything at all"), ErrNotDump, "", false},
		{"diskdump", append([]byte("DISKDUMP"), make([]byte, 5000)...), ErrNotDump, "predecessor", true},
		{"virsh save", append([]byte("LibvirtQemudSave"), make([]byte, 5000)...), ErrNotDump, "--memory-only", true},
		{"Windows", append([]byte("PAGEDU64"), make([]byte, 5000)...), ErrNotDump, "Windows", true},
		{"kdump without a machine", append([]byte("KDUMP   "), make([]byte, 9000)...), ErrArch, "", true},
	}
	for _, tt := range tests {
		_, err := OpenAt(context.Background(), tt.name, bytes.NewReader(tt.b), int64(len(tt.b)), Options{})
		if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := Probe(bytes.NewReader(tt.b), int64(len(tt.b))); got != tt.ours {
			t.Errorf("%s: probed %v", tt.name, got)
		}
	}
}

// counting is a file of which is counted how much of it is read.
type counting struct {
	r     io.ReaderAt
	bytes int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	c.bytes += int64(n)
	return n, err
}

// sparse is a file that is zeros but for its head.
type sparse struct {
	head []byte
	size int64
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.size-off))
	clear(p[:n])
	if off < int64(len(s.head)) {
		copy(p[:n], s.head[off:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// TestLarge opens machines of 512 MiB and 64 GiB: one costs no more than the other.
func TestLarge(t *testing.T) {
	for name, write := range map[string]func(size uint64) []byte{
		"ELF": func(size uint64) []byte {
			s := qemuDump()
			s.loads, s.size = []progHeader{{0, 0, 0, size, size}}, 0
			return s.file()
		},
		"memory": func(uint64) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			var cost []int64
			for _, size := range []int64{512 << 20, 64 << 30} {
				head := write(uint64(size))
				r := &counting{r: &sparse{head, size + int64(len(head))}}
				var x *Target
				var err error
				if head == nil {
					x, err = OpenMemoryAt(context.Background(), "large", r, size, MemoryOptions{Low: 3 << 30})
				} else {
					x, err = OpenAt(context.Background(), "large", r, size+int64(len(head)), Options{})
				}
				if err != nil || len(x.Warnings()) > 0 {
					t.Fatal(err, x.Warnings())
				}
				last := mem.Addr(size - 8)
				if head == nil && size > 3<<30 {
					last += 1 << 30
				}
				if err := mem.ReadFull(x.Physical(), make([]byte, 8), last); err != nil {
					t.Error(err)
				}
				cost = append(cost, r.bytes)
			}
			if cost[0] != cost[1] || cost[0] > 64<<10 {
				t.Errorf("bytes read of 512 MiB and of 64 GiB: %d", cost)
			}
		})
	}
}
