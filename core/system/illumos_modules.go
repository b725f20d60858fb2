package system

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core/ctype/ctf"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// Limits of the list of modules.
const (
	maxModules  = 8192
	maxModName  = 256      // MAXNAMELEN
	maxModPath  = 1024     // MAXPATHLEN
	maxSymspace = 64 << 20 // bytes of one module's symbols
)

// KernelModule is a module of the kernel: a modctl that has a struct module with
// symbols.
type KernelModule struct {
	Name     string // mod_modname
	Filename string // mod_filename, as the kernel has it: "fs/zfs"
	ID       int32
	Modctl   uint64 // VA of the struct modctl
	Module   uint64 // VA of the struct module
	Text     sym.Range
	Data     sym.Range
	BSS      sym.Range
	Object   *sym.Object

	symspace, symsize uint64
	symtbl, strings   uint64 // VAs in symspace
	symBytes, strSize uint64
	ctf, ctfSize      uint64
	types             moduleTypes
}

// Modules are the kernel's modules in load order, unix first.
func (k *IllumosKernel) Modules() []*KernelModule { return k.modules }

// Module finds a module by its name; nil if there is none.
func (k *IllumosKernel) Module(name string) *KernelModule { return k.byName[name] }

// ModuleAt finds the module whose text or data holds addr; nil if none does.
func (k *IllumosKernel) ModuleAt(addr uint64) *KernelModule {
	if o := k.ns.ObjectAt(addr); o != nil {
		return k.byObject[o]
	}
	return nil
}

// moduleLayout is where the members of modctl and struct module are that lead to a
// module's symbols and types. It has to be known before there are types.
type moduleLayout struct {
	next, id, mp, modname, filename int // in struct modctl

	symhdr, strhdr, symsize, symspace, symtbl, strings int // in struct module
	text, textSize, data, dataSize, bss, bssSize       int
	ctfdata, ctfsize                                   int
}

// illumosModules is the layout that LP64 kernels have had since 2005 (facts:
// reference/illumos-formats.md section 2.3). A kernel that has type data is asked
// for its own.
var illumosModules = moduleLayout{
	next: 0, id: 16, mp: 24, modname: 64, filename: 56,
	symhdr: 80, strhdr: 88, symsize: 104, symspace: 112, symtbl: 168, strings: 176,
	text: 144, textSize: 128, data: 152, dataSize: 136, bss: 224, bssSize: 216,
	ctfdata: 272, ctfsize: 280,
}

// ofTypes gives the layout that a kernel's own types tell.
func (l moduleLayout) ofTypes(f *ctf.File) (moduleLayout, error) {
	for _, m := range []struct {
		typ, name string
		off       *int
	}{
		{"struct modctl", "mod_next", &l.next}, {"struct modctl", "mod_id", &l.id},
		{"struct modctl", "mod_mp", &l.mp}, {"struct modctl", "mod_modname", &l.modname},
		{"struct modctl", "mod_filename", &l.filename},
		{"struct module", "symhdr", &l.symhdr}, {"struct module", "strhdr", &l.strhdr},
		{"struct module", "symsize", &l.symsize}, {"struct module", "symspace", &l.symspace},
		{"struct module", "symtbl", &l.symtbl}, {"struct module", "strings", &l.strings},
		{"struct module", "text", &l.text}, {"struct module", "text_size", &l.textSize},
		{"struct module", "data", &l.data}, {"struct module", "data_size", &l.dataSize},
		{"struct module", "bss", &l.bss}, {"struct module", "bss_size", &l.bssSize},
		{"struct module", "ctfdata", &l.ctfdata}, {"struct module", "ctfsize", &l.ctfsize},
	} {
		at, err := findMember(f, m.typ, m.name)
		if err != nil {
			return l, err
		}
		*m.off = int(at.off)
	}
	return l, nil
}

// modctlSize and moduleSize are how much of the structures is read.
func (l *moduleLayout) modctlSize() int { return max(l.next, l.id, l.mp, l.modname, l.filename) + 8 }

func (l *moduleLayout) moduleSize() int {
	return max(l.symhdr, l.strhdr, l.symsize, l.symspace, l.symtbl, l.strings, l.text, l.textSize,
		l.data, l.dataSize, l.bss, l.bssSize, l.ctfdata, l.ctfsize) + 8
}

// word reads a pointer or size out of a structure's bytes.
func word(b []byte, off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }

// loadModules makes the load objects of the ring of modctls that begins at head, the
// symbol modules. What is wrong with the ring ends it with a warning that names the
// address and the modules read so far.
func (k *IllumosKernel) loadModules(head uint64) {
	k.byName, k.byObject = map[string]*KernelModule{}, map[*sym.Object]*KernelModule{}
	l, err := k.moduleLayout(head)
	if err != nil {
		k.warn("types of the kernel are not to be had: %v", err)
	}
	defer func() {
		if more := k.bad - maxBadModules; more > 0 {
			k.warn("%d more modules cannot be read", more)
		}
	}()
	seen := map[uint64]bool{}
	for addr, from := head, uint64(0); addr != 0; {
		if seen[addr] || len(seen) >= maxModules {
			k.ringEnds("list of modules does not lead back to its head: modctl at %#x after %#x was there before", addr, from)
			return
		}
		seen[addr] = true
		b := make([]byte, l.modctlSize())
		if err := mem.ReadFull(k.space, b, mem.Addr(addr)); err != nil {
			k.ringEnds("failed to read modctl at %#x: %v", addr, reason(err))
			return
		}
		k.addModule(&l, addr, b)
		from, addr = addr, word(b, l.next)
		if addr == head {
			return
		}
	}
	k.ringEnds("list of modules ends in a null pointer")
}

// ringEnds warns that the list of modules breaks off.
func (k *IllumosKernel) ringEnds(format string, args ...any) {
	names := make([]string, 0, len(k.modules))
	for _, m := range k.modules {
		names = append(names, m.Name)
	}
	if n := len(names); n > 8 {
		names = append(names[:4:4], append([]string{"..."}, names[n-3:]...)...)
	}
	why := fmt.Sprintf(format, args...)
	if len(names) == 0 {
		k.warn("%s; no module was read", why)
		return
	}
	k.warn("%s; %d modules read so far: %s", why, len(k.modules), strings.Join(names, " "))
}

// maxBadModules is how many modules that cannot be read are told one by one.
const maxBadModules = 3

// badModule warns of a module that is left out.
func (k *IllumosKernel) badModule(format string, args ...any) {
	if k.bad++; k.bad <= maxBadModules {
		k.warn(format, args...)
	}
}

// addModule makes a load object of a modctl, unless nothing is loaded for it.
func (k *IllumosKernel) addModule(l *moduleLayout, addr uint64, ctl []byte) {
	mp := word(ctl, l.mp)
	if mp == 0 {
		return
	}
	name, err := mem.ReadString(k.space, mem.Addr(word(ctl, l.modname)), maxModName)
	if err != nil || name == "" {
		k.badModule("failed to read module name at %#x of modctl %#x", word(ctl, l.modname), addr)
		return
	}
	m := &KernelModule{Name: name, Modctl: addr, Module: mp, ID: int32(binary.LittleEndian.Uint32(ctl[l.id:]))}
	m.Filename, _ = mem.ReadString(k.space, mem.Addr(word(ctl, l.filename)), maxModPath)
	if k.byName[name] != nil {
		k.badModule("skipping duplicate module '%s', id=%d", name, m.ID)
		return
	}
	b := make([]byte, l.moduleSize())
	if err := mem.ReadFull(k.space, b, mem.Addr(mp)); err != nil {
		k.badModule("failed to read module at %#x of '%s': %v", mp, name, reason(err))
		return
	}
	m.Text = sym.Range{Base: word(b, l.text), Size: word(b, l.textSize)}
	m.Data = sym.Range{Base: word(b, l.data), Size: word(b, l.dataSize)}
	m.BSS = sym.Range{Base: word(b, l.bss), Size: word(b, l.bssSize)}
	m.ctf, m.ctfSize = word(b, l.ctfdata), word(b, l.ctfsize)
	if !k.hasTypes {
		m.ctf = 0
	}
	if err := m.findSymbols(k.space, l, b); err != nil {
		if err != errNoSymspace {
			k.badModule("skipping module '%s', id=%d: %v", name, m.ID, err)
		}
		return
	}
	m.makeObject(k)
	k.modules = append(k.modules, m)
	k.byName[name], k.byObject[m.Object] = m, m
}

var errNoSymspace = errors.New("no symbols")

// findSymbols finds the symbol table and strings of a module inside its symspace.
// mod is the struct module.
func (m *KernelModule) findSymbols(sp mem.Space, l *moduleLayout, mod []byte) error {
	symhdr, strhdr := word(mod, l.symhdr), word(mod, l.strhdr)
	m.symspace, m.symsize = word(mod, l.symspace), word(mod, l.symsize)
	if m.symspace == 0 || symhdr == 0 || strhdr == 0 {
		return errNoSymspace
	}
	sizes := [2]uint64{}
	for i, h := range [...]struct {
		name string
		addr uint64
	}{{".symtab", symhdr}, {".strtab", strhdr}} {
		var b [8]byte // Elf64_Shdr.sh_size
		if err := mem.ReadFull(sp, b[:], mem.Addr(h.addr+32)); err != nil {
			return fmt.Errorf("failed to read %s header at %#x: %w", h.name, h.addr, reason(err))
		}
		sizes[i] = word(b[:], 0)
	}
	m.symBytes, m.strSize = sizes[0], sizes[1]
	if m.symsize == 0 { // kernels whose krtld did not keep it
		m.symsize = m.symBytes + m.strSize
	}
	if m.symtbl = word(mod, l.symtbl); m.symtbl == 0 {
		m.symtbl = m.symspace
	}
	if m.strings = word(mod, l.strings); m.strings == 0 {
		m.strings = m.symspace + m.symBytes
	}
	in := sym.Range{Base: m.symspace, Size: m.symsize}
	if m.symsize > maxSymspace || !in.Contains(m.symtbl) || !in.Contains(m.strings) {
		return fmt.Errorf("corrupt symspace (%d bytes at %#x)", m.symsize, m.symspace)
	}
	return nil
}

// makeObject makes the load object; its symbols are read when they are asked for.
func (m *KernelModule) makeObject(k *IllumosKernel) {
	o := &sym.Object{Name: m.Name, Base: m.Text.Base, Size: m.Text.Size, Ranges: []sym.Range{}}
	for _, r := range []sym.Range{m.Text, m.Data, m.BSS} {
		if r.Base != 0 && r.Size != 0 {
			o.Ranges = append(o.Ranges, r)
		}
	}
	slices.SortFunc(o.Ranges, func(a, b sym.Range) int {
		if a.Base < b.Base {
			return -1
		}
		return 1
	})
	o.SetLoader(func(_ *sym.Object, kind sym.Kind) (*sym.Table, error) {
		if kind != sym.Symtab {
			return nil, nil
		}
		return m.readSymbols(mapSpace{k}) // the types that page tables take are found by symbols
	})
	m.Object = o
}

// readSymbols reads a module's symbol table out of its symspace.
func (m *KernelModule) readSymbols(sp mem.Space) (*sym.Table, error) {
	syms, strs, err := m.rawSymbols(sp)
	if err != nil {
		return nil, err
	}
	return sym.NewTable(sym.Source{
		Kind: sym.Symtab, Rule: sym.RuleKernel, Class: elf.ELFCLASS64, Order: binary.LittleEndian,
		Syms: syms, Strs: strs,
	}), nil
}

func badSymspace(m *KernelModule, got uint64, err error) error {
	return fmt.Errorf("failed to read symbols of %s at %#x: %w", m.Name, m.symspace+got, reason(err))
}

// moduleLayout finds out how modctls and modules are laid out, from genunix's types:
// those are found by what marks them, since where the pointer to them is is what is
// asked. The error says why the kernel's types do not tell; the layout is then the
// customary one.
func (k *IllumosKernel) moduleLayout(head uint64) (moduleLayout, error) {
	l := illumosModules
	if !k.hasTypes {
		return l, nil
	}
	if off, ok := k.nameOffset(head); ok {
		l.modname = off
	}
	ctl, err := k.findModctl(&l, head, parentModule)
	if err != nil {
		return l, err
	}
	if found, ok := k.layoutOf(&l, ctl); ok {
		return found, nil
	}
	return l, fmt.Errorf("module %s at modctl %#x has no type data", parentModule, ctl)
}

// openParent opens what may be genunix's type data.
func (k *IllumosKernel) openParent(data []byte) (*ctf.File, error) {
	return ctf.Open(data, ctf.Options{Label: parentModule, PointerSize: 8, Symtab: func() ([]ctf.Symbol, []byte) {
		return k.ctfSymbols(k.byName[parentModule])
	}})
}

// modctlScan is how much of a modctl or a struct module is looked through, bytes.
const modctlScan = 1024

// scan reads up to n bytes, as many as there are.
func (k *IllumosKernel) scan(addr uint64, n int) []byte {
	b := make([]byte, n)
	got, _ := k.space.ReadAt(b, mem.Addr(addr))
	return b[:got&^7]
}

// nameOffset finds mod_modname in unix's modctl: the pointer to the string "unix".
func (k *IllumosKernel) nameOffset(head uint64) (int, bool) {
	b := k.scan(head, modctlScan)
	for _, off := range append([]int{illumosModules.modname}, words(len(b))...) {
		if off+8 > len(b) {
			continue
		}
		if s, err := mem.ReadString(k.space, mem.Addr(word(b, off)), 5); err == nil && s == "unix" {
			return off, true
		}
	}
	return 0, false
}

// words are the offsets of the 8-byte words of n bytes.
func words(n int) []int {
	var l []int
	for off := 0; off+8 <= n; off += 8 {
		l = append(l, off)
	}
	return l
}

// findModctl looks for a module along the ring, whose first member links it.
func (k *IllumosKernel) findModctl(l *moduleLayout, head uint64, name string) (uint64, error) {
	addr := head
	for range maxModules {
		b := k.scan(addr, l.modname+8)
		if len(b) < l.modname+8 {
			return 0, fmt.Errorf("failed to read modctl at %#x", addr)
		}
		if s, err := mem.ReadString(k.space, mem.Addr(word(b, l.modname)), maxModName); err == nil && s == name {
			return addr, nil
		}
		if addr = word(b, l.next); addr == head || addr == 0 {
			break
		}
	}
	return 0, fmt.Errorf("no module %s in the list", name)
}

// layoutOf finds the type data of the module of a modctl (in one of the structures
// that it points to, a pointer to CTF's magic number before a length) and the layout
// that it tells. Data of other modules, which the structures lie beside, does not have
// the types in question.
func (k *IllumosKernel) layoutOf(l *moduleLayout, ctl uint64) (moduleLayout, bool) {
	c := k.scan(ctl, modctlScan)
	for _, mp := range append([]int{l.mp}, words(len(c))...) {
		if mp+8 > len(c) || word(c, mp) < pageSize {
			continue
		}
		m := k.scan(word(c, mp), modctlScan)
		for _, off := range append([]int{l.ctfdata}, words(len(m))...) {
			if off+16 > len(m) {
				continue
			}
			data := k.typeData(word(m, off), word(m, off+8))
			if data == nil {
				continue
			}
			f, err := k.openParent(data)
			if err != nil || f.ParentName() != "" {
				continue
			}
			if found, err := illumosModules.ofTypes(f); err == nil {
				k.parentTypes = f
				return found, true
			}
		}
	}
	return *l, false
}

// typeData reads n bytes of type data at addr; nil if that is none.
func (k *IllumosKernel) typeData(addr, n uint64) []byte {
	if addr < pageSize || n < 36 || n > maxCTF {
		return nil
	}
	var h [4]byte
	if mem.ReadFull(k.space, h[:], mem.Addr(addr)) != nil || h[0] != 0xf1 || h[1] != 0xcf || h[2] < 2 || h[2] > 3 {
		return nil
	}
	b := make([]byte, n)
	if mem.ReadFull(k.space, b, mem.Addr(addr)) != nil {
		return nil
	}
	return b
}
