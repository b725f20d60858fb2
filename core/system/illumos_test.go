package system

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// Page tables as the fake kernels below make them.
const (
	pteValid  = 1 << 0
	ptePaged  = 1 << 7 // above the last level: a large page
	pteTables = 512    // entries of a table
)

// levelShift is the bit of an address at which the index of a level begins.
func levelShift(level int) uint { return 12 + 9*uint(level) }

func moduleNames(k *IllumosKernel) []string {
	var l []string
	for _, m := range k.Modules() {
		l = append(l, m.Name)
	}
	return l
}

// TestIllumosModules finds modules, symbols and types, in a release that has them
// where they are customary and in one that has not.
func TestIllumosModules(t *testing.T) {
	for _, shift := range []uint64{0, 8, 40} {
		t.Run(fmt.Sprint(shift), func(t *testing.T) {
			f := newFakeKernel(t, shift)
			f.modules()
			k := f.open()
			if d := cmp.Diff([]string{"unix", "genunix", "zfs"}, moduleNames(k)); d != "" || len(k.Warnings()) != 0 {
				t.Fatal(d, k.Warnings())
			}
			for addr, want := range map[uint64]string{
				0xfffffffffb900210: "panic+0x10",
				0xfffffffff7800018: "zfs`spa_sync+8",
				0xfffffffffb800100: "cmntrap",
			} {
				if got, _ := k.Namespace().Format(addr, 0, 16); got != want {
					t.Errorf("%#x is %q, want %q", addr, got, want)
				}
			}
			m, err := k.Namespace().LookupName("zfs", "spa_sync")
			if err != nil || m.Value != 0xfffffffff7800010 || m.Object.Name != "zfs" {
				t.Errorf("zfs`spa_sync: %+v %v", m, err)
			}
			sizes := map[string]uint64{}
			for _, m := range k.Modules() {
				if ty, err := k.TypeScope(m.Object).Lookup("struct cpu"); err == nil {
					sizes[m.Name] = ty.Size()
				}
			}
			if d := cmp.Diff(map[string]uint64{"unix": 8192, "genunix": 64}, sizes); d != "" {
				t.Error(d)
			}
			if ty, err := k.TypeScope(k.Namespace().Main()).Lookup("struct cpu"); err != nil || ty.Size() != 64 {
				t.Errorf("the kernel's struct cpu: %v %v", ty, err)
			}
			if got := k.ModuleAt(0xffffffffc0000010); got == nil || got.Name != "zfs" || got.Filename != "/kernel/zfs" {
				t.Errorf("module of zfs's data: %+v", got)
			}
		})
	}
}

// TestIllumosModulePreferred checks which of two tables names an address.
func TestIllumosModulePreferred(t *testing.T) {
	f := newFakeKernel(t, 0)
	f.modules()
	// zfs has no symbols in ksyms; an unsized one lies before its text.
	f.ksyms = append(f.ksyms, fakeSym{"before", 0xfffffffff77fff00, 0x10, 0x12})
	k := f.open()
	ns := k.Namespace()
	for _, c := range []struct {
		addr, distance uint64
		want           string
	}{
		{0xfffffffff7800018, 0x10000, "zfs`spa_sync+8"},
		{0xfffffffff7800008, 0x10000, "before+0x108"},
		{0xfffffffff7800008, 0, ""},
	} {
		if got, _ := ns.Format(c.addr, c.distance, 16); got != c.want {
			t.Errorf("%#x within %#x is %q, want %q", c.addr, c.distance, got, c.want)
		}
	}
}

// TestIllumosRing damages the list of modules.
func TestIllumosRing(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(*fakeKernel)
		want   string
		mods   string
	}{
		{"loop", func(f *fakeKernel) { f.put(f.ctls["zfs"], f.ctls["genunix"]) }, "was there before", "unix genunix zfs"},
		{"wild", func(f *fakeKernel) { f.put(f.ctls["genunix"], 0xdeadbeef000) }, "failed to read modctl at 0xdeadbeef000", "unix genunix"},
		{"null", func(f *fakeKernel) { f.put(f.ctls["zfs"], 0) }, "ends in a null pointer", "unix genunix zfs"},
		{"module", func(f *fakeKernel) { f.put(f.ctls["zfs"]+24, 0xdeadbeef000) }, "failed to read module at 0xdeadbeef000", "unix genunix"},
		{"name", func(f *fakeKernel) { f.put(f.ctls["zfs"]+64, 0xdeadbeef000) }, "failed to read module name at 0xdeadbeef000", "unix genunix"},
		{"duplicate", func(f *fakeKernel) { f.put(f.ctls["zfs"]+64, f.str("unix")) }, "skipping duplicate module 'unix', id=2", "unix genunix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeKernel(t, 0)
			f.modules()
			c.damage(f)
			k := f.open()
			if got := strings.Join(moduleNames(k), " "); got != c.mods {
				t.Errorf("modules are %s", got)
			}
			if got := strings.Join(k.Warnings(), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("warnings are %q", got)
			}
		})
	}
}

// TestIllumosBrokenTypes asks a module for types that cannot be read.
func TestIllumosBrokenTypes(t *testing.T) {
	f := newFakeKernel(t, 0)
	f.modules()
	f.load(fakeModule{"bad", 0xfffffffff7900000, 0xffffffffc0100000, nil, []byte("\xf1\xcf\x02\x00 this is no type data, whatever it says"), true})
	f.load(fakeModule{"none", 0xfffffffff7a00000, 0xffffffffc0200000, nil, nil, true})
	k := f.open()
	sc := k.TypeScope(k.Module("bad").Object)
	if sc == nil {
		t.Fatal("no types, and no reason")
	}
	if _, err := sc.Lookup("int"); err == nil || !strings.Contains(err.Error(), "read types of bad at 0x") {
		t.Error(err)
	}
	if sc := k.TypeScope(k.Module("none").Object); sc != nil {
		t.Errorf("types of a module without: %v", sc)
	}
	if ty, err := k.TypeScope(k.Module("zfs").Object).Lookup("struct spa"); err != nil || ty.Size() != 16 {
		t.Errorf("types of another module: %v %v", ty, err)
	}
}

// TestIllumosRegisters reads panicbuf and labels.
func TestIllumosRegisters(t *testing.T) {
	f := newFakeKernel(t, 0)
	f.modules()
	b := make([]byte, panicNV)
	binary.LittleEndian.PutUint32(b, panicVersion)
	nv := func(name string, v uint64) {
		b = append(b, append([]byte(name), make([]byte, panicNVName-len(name))...)...)
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	nv("rip", 0xfffffffffb900200)
	nv("rbp", 0x1000)
	nv("gdt_hi", 7)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	f.global("panicbuf", append(b, "message\x00"...))
	thread := f.alloc(944)
	f.put(thread+64, 0xfffffffffb800110)
	f.put(thread+80, 0x2000)
	panicked := f.alloc(944)
	f.globalWord("panic_thread", panicked)
	k := f.open()
	r, err := k.Registers(panicked)
	if err != nil || r.PC() != 0xfffffffffb900200 || r.FP() != 0x1000 {
		t.Errorf("registers of the panic: %+v %v", r, err)
	}
	if _, ok := r.Get("rax"); ok {
		t.Error("rax is known, and was not in panicbuf")
	}
	if r, err = k.Registers(thread); err != nil || r.PC() != 0xfffffffffb800110 || r.FP() != 0x2000 {
		t.Errorf("registers of a thread: %+v %v", r, err)
	}
	if _, err := k.Registers(0xdead000); err == nil {
		t.Error("registers of a thread that is not there")
	}
}

// TestIllumosStack follows frames, and what is wrong with them.
func TestIllumosStack(t *testing.T) {
	f := newFakeKernel(t, 0)
	f.modules()
	base := f.alloc(4096)
	frame := func(i, to int, pc uint64) {
		at := base + uint64(i)*64
		next := base + uint64(to)*64
		if to < 0 {
			next = 0
		}
		f.put(at, next)
		f.put(at+8, pc)
	}
	// 0 to 3: a stack; 10 to 12: one that goes in circles; 20: into nowhere.
	frame(0, 1, 101)
	frame(1, 2, 102)
	frame(2, 3, 103)
	frame(3, -1, 0)
	frame(10, 11, 1)
	frame(11, 12, 2)
	frame(12, 10, 3)
	f.put(base+20*64, 0xdeadbee0)
	f.put(base+20*64+8, 9)
	k := f.open()
	pcs := func(fp int) ([]uint64, error) {
		l, err := k.Stack(nil, 100, base+uint64(fp)*64)
		var out []uint64
		for _, f := range l {
			out = append(out, f.PC)
		}
		return out, err
	}
	got, err := pcs(0)
	if d := cmp.Diff([]uint64{100, 101, 102, 103}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	got, err = pcs(20)
	if d := cmp.Diff([]uint64{100}, got); d != "" || err == nil || err.Error() != "deadbee0 [no mapping for address]" {
		t.Error(d, err)
	}
	if _, err = pcs(10); err == nil || !strings.HasSuffix(err.Error(), "[stack frame pointer is invalid]") {
		t.Error(err)
	}
	if l, err := k.Stack(nil, 0, base); err != nil || len(l) != 3 {
		t.Errorf("without a pc: %v %v", l, err)
	}
}

// TestIllumosPageTables reads what the dump's map does not have.
func TestIllumosPageTables(t *testing.T) {
	f := newFakeKernel(t, 0)
	f.modules()
	va := uint64(0xfffffd0000003000)
	page := f.frame()
	copy(f.frames[page][0x10:], "kpm page")
	tables := [4]uint64{}
	for i := range tables {
		tables[i] = f.frame()
	}
	for level := 3; level > 0; level-- {
		f.putPhys(tables[level]<<12|va>>levelShift(level)&511<<3, tables[level-1]<<12|3)
	}
	f.putPhys(tables[0]<<12|va>>12&511<<3, page<<12|1<<63|3)
	// A large page behind the same tables: the next gigabyte.
	big := va + 1<<30
	f.putPhys(tables[2]<<12|big>>levelShift(2)&511<<3, 0<<12|ptePaged|3)
	hat, top := f.alloc(4240), f.alloc(72)
	f.put(hat+96, top)
	f.write(top+24, []byte{3, 0})
	f.put(top+40, tables[3])
	k := f.open()
	f.put(f.kas+8, hat)
	b := make([]byte, 8)
	if err := mem.ReadFull(k.Virtual(), b, mem.Addr(va+0x10)); err != nil || string(b) != "kpm page" {
		t.Errorf("%q %v", b, err)
	}
	if pa, err := k.Translate(big + 0x123456); err != nil || pa != big&(1<<30-1)+0x123456 {
		t.Errorf("large page: %#x %v", pa, err)
	}
	if _, err := k.Translate(va + 0x1000); err == nil {
		t.Error("a page that no table has")
	}
	if _, err := k.Virtual().ReadAt(b, 0x800000000000); mem.Reason(err) != mem.ErrUnmapped {
		t.Errorf("an address in the hole: %v", err)
	}
	// A user's tables, whose top is in the hat.
	as := f.alloc(160)
	uhat, utop := f.alloc(4240), f.alloc(72)
	f.put(as+8, uhat)
	f.put(uhat+96, utop)
	f.write(utop+24, []byte{3, htableCopied})
	f.put(utop+40, ^uint64(0))
	f.put(uhat+144, tables[2]<<12|3)
	user := va & (1<<39 - 1)
	if pa, err := k.TranslateAS(as, user); err != nil || pa != page<<12 {
		t.Errorf("copied table: %#x %v", pa, err)
	}
}

func TestSavedArgs(t *testing.T) {
	push, move := "\x55\x48\x89\xe5", func(i int) string { return saveMoves[i] }
	for _, c := range []struct {
		name        string
		text        string
		argc, first int
		saved       bool
		extra       int
	}{
		{"moves", push + "\x48\x83\xec\x20" + move(0) + move(1) + move(2), 3, 0, true, 0},
		{"moves, backwards", push + move(1) + move(0), 2, 0, true, 0},
		{"one is missing", push + move(0) + move(2), 3, 0, false, 0},
		{"pushes", push + savePushes[0] + savePushes[1] + savePushes[4], 2, 0, true, 0},
		{"int3", "\xcc\x48\x8b\xec" + move(0), 1, 0, true, 0},
		{"no frame", "\x48\x89\xe5" + move(0), 1, 0, false, 0},
		{"seven", push + strings.Join(saveMoves[:], ""), 7, 0, true, 0},
		{"structure, gcc", push + saveShifted[0] + saveShifted[1], 2, 1, true, 0},
		{"structure, Studio", push + move(0) + move(1) + move(2), 2, 1, true, 1},
		{"cut in an instruction", (push + move(0))[:6], 1, 0, false, 0},
		{"nothing", "", 1, 0, false, 0},
	} {
		if saved, extra := findSaves([]byte(c.text), c.argc, c.first); saved != c.saved || extra != c.extra {
			t.Errorf("%s: %v, %d", c.name, saved, extra)
		}
	}
}

// image is a small kernel as one piece of bytes, for the fuzzers.
func image(t testing.TB) (*fakeKernel, []byte) {
	f := newFakeKernel(t, 0)
	f.modules()
	f.fakeDump.ksyms = fakeKsyms(f.ksyms)
	f.write(f.kas, make([]byte, 160))
	return f, slices.Concat(f.frames...)
}

// FuzzIllumosModules changes the memory of a kernel that modules, symbols and types
// are read from.
func FuzzIllumosModules(f *testing.F) {
	k, whole := image(f)
	for i := 0; i < len(whole); i += 257 {
		f.Add(uint32(i), uint64(0xdeadbeefdeadbeef))
		f.Add(uint32(i), uint64(0xfffffffffbc00100))
	}
	f.Fuzz(func(t *testing.T, at uint32, v uint64) {
		d := *k.fakeDump
		d.frames = nil
		for _, p := range k.frames {
			d.frames = append(d.frames, slices.Clone(p))
		}
		if n := uint32(len(d.frames)) * pageSize; n > 8 {
			d.putPhys(uint64(at%n)&^7, v)
		}
		kern, err := NewIllumosKernel(&d)
		if err != nil {
			t.Fatal(err) // the symbols are whole
		}
		lookEverywhere(kern)
	})
}

// lookEverywhere asks a kernel for all it has.
func lookEverywhere(k *IllumosKernel) {
	for _, m := range k.Modules() {
		for s := range m.Object.Table(sym.Symtab).All() {
			k.Namespace().Format(s.Value+1, 0, 16)
		}
		if sc := k.TypeScope(m.Object); sc != nil {
			for ty := range sc.All() {
				ty.Body()
			}
		}
		k.ArgsOf(KernelFrame{PC: m.Text.Base + 0x20, FP: m.Data.Base})
	}
	k.Registers(k.PanicThread())
	k.CPUs()
	k.Mappings()
	k.Translate(0xfffffd0000000000)
}

func FuzzKsyms(f *testing.F) {
	f.Add(fakeKsyms([]fakeSym{{"kas", 0x1000, 8, 0x11}, {"modules", 0x2000, 144, 0x11}}))
	f.Add([]byte("\x7fELF\x02\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newFakeDump()
		d.ksyms = b
		k, err := NewIllumosKernel(d)
		if err != nil {
			return
		}
		lookEverywhere(k)
	})
}

// guest is a machine's memory and nothing more: what a hypervisor gives.
type guest struct {
	*fakeDump
	root uint64
}

func (g guest) Physical() mem.Space       { return g.fakeDump }
func (g guest) PageTable() (uint64, bool) { return g.root, true }

// TestIllumosGuest recognises a kernel by its page table in place of a dump's map.
func TestIllumosGuest(t *testing.T) {
	f := newFakeKernel(t, 0)
	f.modules()
	f.write(f.kas, make([]byte, 160))
	tables := map[string]uint64{}
	table := func(va uint64, level int) uint64 { // the table of a level that va is in
		key := fmt.Sprintf("%d %x", level, va>>levelShift(level+1))
		if _, ok := tables[key]; !ok {
			tables[key] = f.frame()
		}
		return tables[key] << pageShift
	}
	root := table(0, hatLevels-1)
	for page, pfn := range f.maps {
		va := page << pageShift
		at := func(level int) uint64 {
			if level == hatLevels-1 {
				return root
			}
			return table(va, level)
		}
		for level := hatLevels - 1; level >= 0; level-- {
			entry := pfn << pageShift
			if level > 0 {
				entry = at(level - 1)
			}
			f.putPhys(at(level)|va>>levelShift(level)&(pteTables-1)<<3, entry|pteValid)
		}
	}
	syms, err := readKsyms(bytes.NewReader(fakeKsyms(f.ksyms)), int64(len(fakeKsyms(f.ksyms))))
	if err != nil {
		t.Fatal(err)
	}
	k, err := newIllumos(guest{f.fakeDump, root}, nil, syms)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"unix", "genunix", "zfs"}, moduleNames(k)); d != "" || len(k.Warnings()) != 0 {
		t.Error(d, k.Warnings())
	}
	if pa, err := k.Translate(f.kas + 8); err != nil || pa != f.maps[f.kas>>pageShift]<<pageShift+8 {
		t.Errorf("kas is at %#x: %v", pa, err)
	}
}
