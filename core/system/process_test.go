package system

import (
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
)

// source is a process made of pages that a test writes.
type source struct {
	pages map[uint64][]byte
	maps  []mem.Mapping
	aux   map[uint64]uint64
	files *Files

	program string
}

func (s *source) ProgramPath() string { return s.program }

func (s *source) Virtual() mem.Space {
	var segs []mem.Segment
	for base, b := range s.pages {
		segs = append(segs, mem.Segment{Base: mem.Addr(base), Size: uint64(len(b)), Src: &mem.File{R: strings.NewReader(string(b)), Size: int64(len(b))}})
	}
	return mem.NewSegments(segs)
}
func (s *source) Mappings() []mem.Mapping            { return s.maps }
func (s *source) Aux(typ uint64) (v uint64, ok bool) { v, ok = s.aux[typ]; return }
func (s *source) Arch() *arch.Arch                   { return arch.AMD64 }
func (s *source) Files() *Files                      { return s.files }

func (s *source) put(at uint64, words ...uint64) {
	p := s.pages[at&^0xfff]
	for i, w := range words {
		binary.LittleEndian.PutUint64(p[at&0xfff+uint64(8*i):], w)
	}
}

func (s *source) puts(at uint64, str string) { copy(s.pages[at&^0xfff][at&0xfff:], str+"\x00") }

// image writes a page with an ELF header and the dynamic section at 0x800.
func (s *source) image(base uint64, name string, dyn ...uint64) {
	s.pages[base] = make([]byte, 4096)
	b := s.pages[base]
	le := binary.LittleEndian
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], uint16(elf.ET_DYN))
	le.PutUint64(b[24:], 0x400)
	le.PutUint64(b[32:], 64)
	le.PutUint16(b[54:], uint16(elf64.phdr))
	le.PutUint16(b[56:], 3)
	for i, p := range []struct {
		typ      elf.ProgType
		at, size uint64
	}{{elf.PT_PHDR, 64, 3 * elf64.phdr}, {elf.PT_LOAD, 0, 0x1000}, {elf.PT_DYNAMIC, 0x800, 0x100}} {
		h := b[64+i*int(elf64.phdr):]
		le.PutUint32(h, uint32(p.typ))
		le.PutUint32(h[4:], 5)
		for j, v := range []uint64{p.at, p.at, 0, p.size, p.size, 1} {
			le.PutUint64(h[8+8*j:], v)
		}
	}
	s.put(base+0x800, dyn...)
	if name != "" {
		s.maps = append(s.maps, mem.Mapping{Base: mem.Addr(base), Size: 4096, Name: name, Prot: mem.ProtRead | mem.ProtExec})
	}
}

// twoNamespaces is a program with a library on the base link map, another copy of
// it on a second one (glibc's dlmopen), and the vDSO.
func twoNamespaces() *source {
	s := &source{pages: map[uint64][]byte{}, aux: map[uint64]uint64{}, files: NewFiles("/nonexistent", "/nonexistent")}
	s.image(0x400000, "/bin/prog", uint64(elf.DT_DEBUG), 0x500000)
	s.image(0x600000, "/lib/libx.so.1")
	s.image(0x700000, "/lib/libx.so.1 (deleted)")
	s.image(0x800000, "")
	s.image(0x900000, "/lib/byhand.so") // no link map knows it
	s.pages[0x500000] = make([]byte, 4096)
	// r_debug: version 2, first map, r_brk, r_state, r_ldbase, r_next
	s.put(0x500000, 2, 0x500100, 0, 0, 0, 0x500080)
	s.put(0x500080, 2, 0x500300, 0, 0, 0, 0)
	// link_map: l_addr, l_name, l_ld, l_next, l_prev
	s.put(0x500100, 0x400000, 0x500800, 0x400800, 0x500140, 0)
	s.put(0x500140, 0x800000, 0x500810, 0x800800, 0x500180, 0x500100)
	s.put(0x500180, 0x600000, 0x500820, 0x600800, 0, 0x500140)
	s.put(0x500300, 0x700000, 0x500840, 0x700800, 0, 0)
	s.puts(0x500800, "")
	s.puts(0x500810, "linux-vdso.so.1")
	s.puts(0x500820, "/lib/libx.so.1")
	s.puts(0x500840, "/lib/libx.so.1")
	s.aux = map[uint64]uint64{atPhdr: 0x400040, atPhnum: 3, atEntry: 0x400400, atSysinfoEhdr: 0x800000}
	return s
}

func summary(p *Process) []string {
	var out []string
	for _, o := range p.Namespace().Objects() {
		s := o.Name + " " + o.Path
		if o.Main {
			s += " main"
		}
		if o.LMID != 0 {
			s += " LM1"
		}
		out = append(out, s)
	}
	return out
}

func TestLinkMaps(t *testing.T) {
	p := NewProcess(twoNamespaces())
	want := []string{
		"prog /bin/prog main", "linux-vdso.so.1 linux-vdso.so.1", "libx.so.1 /lib/libx.so.1",
		"libx.so.1 /lib/libx.so.1 LM1", "byhand.so /lib/byhand.so",
	}
	if d := cmp.Diff(want, summary(p)); d != "" {
		t.Error(d)
	}
	if w := p.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
	main := p.Namespace().Main()
	if main.Base != 0x400000 || main.Size != 0x1000 || main.Text.Base != 0x400000 || main.Bias != 0x400000 {
		t.Errorf("program %+v", main)
	}
	if m := p.MissingFiles(main); len(m) != 1 || m[0].Path != "/bin/prog" {
		t.Errorf("missing %v", m)
	}
	// The vDSO has no file and none is wanting.
	if m := p.MissingFiles(p.Namespace().Objects()[1]); len(m) != 0 {
		t.Errorf("missing for the vDSO: %v", m)
	}
	if !p.Executable(0x400400) || p.Executable(0x500000) {
		t.Error("executable memory")
	}
}

func TestLinkMapsDamaged(t *testing.T) {
	tests := []struct {
		name string
		harm func(*source)
		want []string
		warn string
	}{
		{"the list runs into itself", func(s *source) { s.put(0x500140+24, 0x500100) },
			[]string{"prog", "linux-vdso.so.1", "libx.so.1", "libx.so.1", "byhand.so"}, "does not end"},
		{"the list leads nowhere", func(s *source) { s.put(0x500100+24, 0xdead000) },
			[]string{"prog", "[vdso]", "libx.so.1", "libx.so.1", "byhand.so"}, "no mapping"},
		{"no r_debug yet", func(s *source) { s.put(0x400808, 0) },
			[]string{"prog", "[vdso]", "libx.so.1", "libx.so.1", "byhand.so"}, ""},
		{"no auxiliary vector", func(s *source) { s.aux = nil },
			[]string{"prog", "libx.so.1", "libx.so.1", "byhand.so"}, ""},
		{"no auxiliary vector, but a name", func(s *source) { s.aux, s.program = nil, "/bin/prog" },
			[]string{"prog", "linux-vdso.so.1", "libx.so.1", "libx.so.1", "byhand.so"}, ""},
		{"program headers not in memory", func(s *source) { s.aux[atPhdr] = 0xdead000 },
			[]string{"prog", "linux-vdso.so.1", "libx.so.1", "libx.so.1", "byhand.so"}, ""},
		{"nothing at all", func(s *source) { s.pages, s.maps = nil, nil }, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := twoNamespaces()
			tt.harm(s)
			p := NewProcess(s)
			var got []string
			for _, o := range p.Namespace().Objects() {
				got = append(got, o.Name)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if w := strings.Join(p.Warnings(), "|"); tt.warn == "" && w != "" || !strings.Contains(w, tt.warn) {
				t.Errorf("warnings %q", w)
			}
		})
	}
}

// FuzzLinkMaps changes the memory that holds the run-time linker's lists.
func FuzzLinkMaps(f *testing.F) {
	s := twoNamespaces()
	f.Add(s.pages[0x500000][:0x900], s.pages[0x400000][:0x900])
	f.Fuzz(func(t *testing.T, list, prog []byte) {
		s := twoNamespaces()
		copy(s.pages[0x500000], list)
		copy(s.pages[0x400000], prog)
		p := NewProcess(s)
		if n := len(p.Namespace().Objects()); n > 600 { // link maps that fit the page, and mappings
			t.Errorf("%d objects", n)
		}
		for _, o := range p.Namespace().Objects() {
			o.LookupName("main")
			p.CFI(o.Base)
		}
	})
}
