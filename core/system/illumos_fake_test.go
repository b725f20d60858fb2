package system

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/ctf"
	"github.com/xmdb/xmdb/core/mem"
)

// fakeDump is a kernel dump made by hand: pages by virtual address, whose frames are
// numbered in the order in which they were touched.
type fakeDump struct {
	frames [][]byte
	maps   map[uint64]uint64 // page of a VA to pfn
	kas    uint64
	ksyms  []byte
	header DumpHeader
	pids   map[uint64]map[uint64]uint64 // other address spaces
}

func newFakeDump() *fakeDump {
	return &fakeDump{maps: map[uint64]uint64{}, kas: 0xfffffffffbc01000, pids: map[uint64]map[uint64]uint64{}}
}

func (d *fakeDump) DumpHeader() *DumpHeader     { return &d.header }
func (d *fakeDump) Physical() mem.Space         { return d }
func (d *fakeDump) KSyms() (io.ReaderAt, int64) { return bytes.NewReader(d.ksyms), int64(len(d.ksyms)) }
func (d *fakeDump) Coverage() Coverage          { return Coverage{Pages: 1, Kept: 1} }
func (d *fakeDump) Name() string                { return "vmcore.0" }

func (d *fakeDump) Lookup(as, va uint64) (uint64, bool) {
	m := d.maps
	if as != d.kas {
		m = d.pids[as]
	}
	pfn, ok := m[va>>pageShift]
	return pfn, ok
}

// ReadAt reads physical memory.
func (d *fakeDump) ReadAt(p []byte, a mem.Addr) (int, error) {
	done := 0
	for done < len(p) {
		at := a + mem.Addr(done)
		pfn := uint64(at >> pageShift)
		if pfn >= uint64(len(d.frames)) {
			return done, mem.Fault(at, mem.ErrNotDumped)
		}
		done += copy(p[done:], d.frames[pfn][at%pageSize:])
	}
	return done, nil
}

// frame makes a new frame.
func (d *fakeDump) frame() uint64 {
	d.frames = append(d.frames, make([]byte, pageSize))
	return uint64(len(d.frames) - 1)
}

// write writes kernel memory, and maps it.
func (d *fakeDump) write(va uint64, b []byte) {
	for len(b) > 0 {
		page := va >> pageShift
		if _, ok := d.maps[page]; !ok {
			d.maps[page] = d.frame()
		}
		n := copy(d.frames[d.maps[page]][va%pageSize:], b)
		va, b = va+uint64(n), b[n:]
	}
}

func (d *fakeDump) put(va, v uint64) { d.write(va, binary.LittleEndian.AppendUint64(nil, v)) }

func (d *fakeDump) putPhys(pa, v uint64) {
	binary.LittleEndian.PutUint64(d.frames[pa>>pageShift][pa%pageSize:], v)
}

// fakeSym is a symbol.
type fakeSym struct {
	name        string
	value, size uint64
	info        byte // STT_FUNC 2, STT_OBJECT 1; global 0x10
}

// symtab encodes symbols and their strings, after the null symbol.
func symtab(list []fakeSym) (syms, strs []byte) {
	le := binary.LittleEndian
	syms, strs = make([]byte, 24), []byte{0}
	for _, s := range list {
		syms = le.AppendUint32(syms, uint32(len(strs)))
		syms = append(syms, s.info, 0)
		syms = le.AppendUint16(syms, 0xfff1)
		syms = le.AppendUint64(le.AppendUint64(syms, s.value), s.size)
		strs = append(append(strs, s.name...), 0)
	}
	return syms, strs
}

// fakeKsyms makes the ELF file of a ksyms image.
func fakeKsyms(list []fakeSym) []byte {
	le := binary.LittleEndian
	syms, strs := symtab(list)
	b := make([]byte, 64+3*64)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], 2)
	le.PutUint64(b[40:], 64)
	le.PutUint16(b[58:], 64)
	le.PutUint16(b[60:], 3)
	sect := func(i int, typ, link uint32, data []byte) {
		s := b[64+64*i:]
		le.PutUint32(s[4:], typ)
		le.PutUint64(s[24:], uint64(len(b)))
		le.PutUint64(s[32:], uint64(len(data)))
		le.PutUint32(s[40:], link)
		b = append(b, data...)
	}
	sect(1, 2, 2, syms)
	sect(2, 3, 0, strs)
	return b
}

// fakeTypes makes types by hand.
type fakeTypes struct {
	long, integer, char, pointer *ctype.Type
	list                         []*ctype.Type
}

func newFakeTypes() *fakeTypes {
	ty := &fakeTypes{}
	prim := func(name string, size uint64, signed bool) *ctype.Type {
		t := ctype.New(nil, uint64(len(ty.list)+1), ctype.Integer, name,
			&ctype.Body{Size: size, Enc: ctype.Encoding{Signed: signed, Bits: uint32(8 * size)}})
		ty.list = append(ty.list, t)
		return t
	}
	ty.long, ty.integer, ty.char = prim("unsigned long", 8, false), prim("int", 4, true), prim("char", 1, true)
	ty.pointer = ctype.New(nil, 9, ctype.Pointer, "", &ctype.Body{Size: 8, Elem: ty.char})
	ty.list = append(ty.list, ty.pointer)
	return ty
}

// fakeMember is a member: a name, a place, a type.
type fakeMember struct {
	name string
	off  uint64
	typ  *ctype.Type
}

func (ty *fakeTypes) structure(name string, size uint64, members ...fakeMember) *ctype.Type {
	b := &ctype.Body{Size: size}
	for _, m := range members {
		b.Members = append(b.Members, ctype.Member{Name: m.name, Off: 8 * m.off, Type: m.typ})
	}
	t := ctype.New(nil, uint64(len(ty.list)+10), ctype.Struct, name, b)
	ty.list = append(ty.list, t)
	return t
}

func (ty *fakeTypes) array(elem *ctype.Type, n uint64) *ctype.Type {
	return ctype.New(nil, 0, ctype.Array, "", &ctype.Body{Size: n * elem.Size(), Elem: elem, Index: ty.long, Count: n})
}

func (ty *fakeTypes) typedef(name string, t *ctype.Type) {
	ty.list = append(ty.list, ctype.New(nil, 0, ctype.Typedef, name, &ctype.Body{Elem: t}))
}

func (ty *fakeTypes) encode(t testing.TB, parent string) []byte {
	t.Helper()
	b, err := ctf.Encode(&ctf.Content{Types: ty.list, Compress: true})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kernelTypes are those by which system finds its way in a kernel. shift moves the
// members of modctl and module, as a release may that adds some.
func kernelTypesFor(shift uint64) *fakeTypes {
	ty := newFakeTypes()
	p, l := ty.pointer, ty.long
	s := func(off uint64) uint64 {
		if off == 0 {
			return 0
		}
		return off + shift
	}
	ty.structure("modctl", 144+shift, fakeMember{"mod_next", 0, p}, fakeMember{"mod_id", s(16), ty.integer},
		fakeMember{"mod_mp", s(24), p}, fakeMember{"mod_filename", s(56), p}, fakeMember{"mod_modname", s(64), p})
	ty.structure("module", 384+2*shift, fakeMember{"symhdr", s(80), p}, fakeMember{"strhdr", s(88), p},
		fakeMember{"symsize", s(104), l}, fakeMember{"symspace", s(112), p}, fakeMember{"text_size", s(128), l},
		fakeMember{"data_size", s(136), l}, fakeMember{"text", s(144), p}, fakeMember{"data", s(152), p},
		fakeMember{"symtbl", s(168), p}, fakeMember{"strings", s(176), p}, fakeMember{"bss_size", s(216), l},
		fakeMember{"bss", s(224), p}, fakeMember{"ctfdata", s(272), p}, fakeMember{"ctfsize", s(280), l})
	label := ty.structure("_label_t", 64, fakeMember{"val", 0, ty.array(l, 8)})
	ty.typedef("kthread_t", ty.structure("_kthread", 944, fakeMember{"t_pcb", 64, label}, fakeMember{"t_procp", 408, p}))
	ty.structure("as", 160, fakeMember{"a_hat", 8, p})
	ty.structure("hat", 4240, fakeMember{"hat_htable", 96, p}, fakeMember{"hat_copied_ptes", 144, ty.array(l, 512)})
	ty.structure("htable", 72, fakeMember{"ht_level", 24, ty.char}, fakeMember{"ht_flags", 25, ty.char}, fakeMember{"ht_pfn", 40, l})
	ty.structure("cpu", 64, fakeMember{"cpu_own", 0, l})
	return ty
}

// fakeModule is a module to lay out.
type fakeModule struct {
	name       string
	text, data uint64 // VAs; each 0x1000 long
	syms       []fakeSym
	types      []byte
	exported   bool // its symbols are in ksyms, too
}

// fakeKernel lays out a kernel: modules in a ring, each with symbols and types.
type fakeKernel struct {
	*fakeDump
	t      testing.TB
	heap   uint64
	shift  uint64
	ctls   map[string]uint64
	loaded int
	ksyms  []fakeSym
}

func newFakeKernel(t testing.TB, shift uint64) *fakeKernel {
	k := &fakeKernel{fakeDump: newFakeDump(), t: t, heap: 0xfffffe0000000000, shift: shift, ctls: map[string]uint64{}}
	k.ksyms = []fakeSym{{"kas", k.kas, 160, 0x11}, {"modules", 0xfffffffffbc00100, 144 + shift, 0x11}, {"ctf_arena", 0xfffffffffbc00800, 8, 1}}
	return k
}

// alloc gives n bytes of fresh kernel memory, zeroed.
func (k *fakeKernel) alloc(n int) uint64 {
	va := k.heap
	k.heap += uint64(n+63) &^ 63
	k.write(va, make([]byte, n))
	return va
}

func (k *fakeKernel) bytes(b []byte) uint64 {
	va := k.alloc(len(b))
	k.write(va, b)
	return va
}

func (k *fakeKernel) str(s string) uint64 { return k.bytes(append([]byte(s), 0)) }

// global makes a variable with a symbol.
func (k *fakeKernel) global(name string, b []byte) uint64 {
	va := k.bytes(b)
	k.ksyms = append(k.ksyms, fakeSym{name, va, uint64(len(b)), 0x11})
	return va
}

func (k *fakeKernel) globalWord(name string, v uint64) uint64 {
	return k.global(name, binary.LittleEndian.AppendUint64(nil, v))
}

// load adds a module to the ring.
func (k *fakeKernel) load(m fakeModule) {
	s := func(off uint64) uint64 { return off + k.shift }
	ctl := uint64(0xfffffffffbc00100)
	if len(k.ctls) > 0 {
		ctl = k.alloc(144 + int(k.shift))
	} else {
		k.write(ctl, make([]byte, 144+k.shift))
	}
	mod := k.alloc(384 + 2*int(k.shift))
	syms, strs := symtab(m.syms)
	space := k.bytes(append(append([]byte{}, syms...), strs...))
	shdr := func(size int) uint64 {
		b := make([]byte, 64)
		binary.LittleEndian.PutUint64(b[32:], uint64(size))
		return k.bytes(b)
	}
	for off, v := range map[uint64]uint64{
		80: shdr(len(syms)), 88: shdr(len(strs)), 104: uint64(len(syms) + len(strs)), 112: space,
		128: 0x1000, 136: 0x1000, 144: m.text, 152: m.data, 168: space, 176: space + uint64(len(syms)),
	} {
		k.put(mod+s(off), v)
	}
	if m.types != nil {
		k.put(mod+s(272), k.bytes(m.types))
		k.put(mod+s(280), uint64(len(m.types)))
	}
	k.write(mod+8, []byte("\x7fELF"))
	k.put(ctl+s(24), mod)
	k.put(ctl+s(56), k.str("/kernel/"+m.name))
	k.put(ctl+s(64), k.str(m.name))
	k.put(ctl+s(16), uint64(k.loaded))
	k.loaded++
	head := uint64(0xfffffffffbc00100)
	if last, ok := k.ctls[""]; ok {
		k.put(last, ctl)
	}
	k.put(ctl, head)
	k.ctls[m.name], k.ctls[""] = ctl, ctl
	if m.exported {
		k.ksyms = append(k.ksyms, m.syms...)
	}
}

// open recognises the kernel.
func (k *fakeKernel) open() *IllumosKernel {
	k.t.Helper()
	k.fakeDump.ksyms = fakeKsyms(k.ksyms)
	k.write(k.kas, make([]byte, 160))
	out, err := NewIllumosKernel(k.fakeDump)
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}

// modules lays out unix, genunix and zfs, with types.
func (k *fakeKernel) modules() {
	own := newFakeTypes()
	own.structure("cpu", 8192, fakeMember{"cpu_own", 8, own.long})
	zfs := newFakeTypes()
	zfs.structure("spa", 16, fakeMember{"spa_name", 0, zfs.array(zfs.char, 16)})
	k.load(fakeModule{"unix", 0xfffffffffb800000, 0xfffffffffbc10000, []fakeSym{{"cmntrap", 0xfffffffffb800100, 0x80, 0x12}}, own.encode(k.t, ""), true})
	k.load(fakeModule{"genunix", 0xfffffffffb900000, 0xfffffffffbc20000, []fakeSym{{"panic", 0xfffffffffb900200, 0x40, 0x12}}, kernelTypesFor(k.shift).encode(k.t, ""), true})
	k.load(fakeModule{"zfs", 0xfffffffff7800000, 0xffffffffc0000000, []fakeSym{{"spa_sync", 0xfffffffff7800010, 0x20, 2}}, zfs.encode(k.t, ""), false})
}
