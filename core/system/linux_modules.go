package system

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/kallsyms"
)

// Bounds of what is read of modules.
const (
	maxLinuxModules = 8192
	maxModuleSyms   = 1 << 20
	maxModuleMem    = 512 << 20
	maxLinuxModName = 64
)

// States of a module (enum module_state of linux/module.h).
const (
	ModuleLive = iota
	ModuleComing
	ModuleGoing
	ModuleUnformed
)

// LinuxModule is a module of the kernel.
type LinuxModule struct {
	Name   string
	Addr   uint64 // VA of its struct module
	State  int
	Text   sym.Range   // of its code
	Ranges []sym.Range // all of its memory, ascending
	Object *sym.Object

	PerCPU     uint64 // its per-CPU variables, an address as PerCPU takes it
	PerCPUSize uint64

	syms  moduleSyms
	orc   orcRange
	btf   blobRange
	types moduleBTF
}

// moduleSyms is a struct mod_kallsyms.
type moduleSyms struct{ symtab, num, strtab, typetab uint64 }

// blobRange is a piece of memory.
type blobRange struct{ addr, size uint64 }

// orcRange is a module's unwind tables.
type orcRange struct{ ip, entries, n uint64 }

// linuxModules is the list, and an index.
type linuxModules struct {
	mu       sync.Mutex
	list     []*LinuxModule
	byObject map[*sym.Object]*LinuxModule
	byName   map[string]*LinuxModule
}

// Modules are the loaded modules in the kernel's order: the newest first.
func (k *LinuxKernel) Modules() []*LinuxModule {
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	return k.modules.list
}

// Module is the module of a name; nil if there is none.
func (k *LinuxKernel) Module(name string) *LinuxModule {
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	return k.modules.byName[name]
}

// ModuleAt is the module that an address lies in; nil if it is in none.
func (k *LinuxKernel) ModuleAt(addr uint64) *LinuxModule { return k.moduleOf(k.ns.ObjectAt(addr)) }

func (k *LinuxKernel) moduleOf(o *sym.Object) *LinuxModule {
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	return k.modules.byObject[o]
}

// loadModules reads the list of modules. Modules that are as they were keep their
// objects, with the symbols and types that were read.
func (k *LinuxKernel) loadModules() {
	var list []*LinuxModule
	if err := k.Retry(func() (err error) {
		list, err = k.readModules()
		return err
	}); err != nil {
		k.warn("modules: %v", err)
	}
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	old := k.modules.byName
	k.modules.byName, k.modules.byObject = map[string]*LinuxModule{}, map[*sym.Object]*LinuxModule{}
	objs := []*sym.Object{k.main}
	for i, m := range list {
		if o := old[m.Name]; o != nil && o.Addr == m.Addr && slices.Equal(o.Ranges, m.Ranges) && o.syms == m.syms && o.btf == m.btf {
			o.State, list[i], m = m.State, o, o
		} else {
			k.makeObject(m)
		}
		k.modules.byName[m.Name], k.modules.byObject[m.Object] = m, m
		objs = append(objs, m.Object)
	}
	k.modules.list = list
	k.ns.SetObjects(objs)
}

// readModules walks the list; what was read up to damage comes with the error.
func (k *LinuxKernel) readModules() ([]*LinuxModule, error) {
	head, ok := k.Symbol("modules")
	if !ok {
		return nil, nil // CONFIG_MODULES is not set
	}
	link, err := k.member("struct module", "list")
	if err != nil {
		return nil, err
	}
	blobs, berr := k.moduleBlobs()
	if berr != nil {
		k.warn("types of modules: %v", berr)
	}
	var list []*LinuxModule
	for addr, err := range k.list(head, link.off) {
		if err != nil {
			return list, fmt.Errorf("list of modules: %w", err)
		}
		if len(list) >= maxLinuxModules {
			return list, fmt.Errorf("more than %d modules", maxLinuxModules)
		}
		m, err := k.readModule(addr)
		if err != nil {
			k.warn("module at %#x: %v", addr, err)
		} else if m.State != ModuleUnformed {
			m.btf = blobs[m.Addr]
			list = append(list, m)
		}
	}
	return list, nil
}

// readModule reads what is needed of a struct module.
func (k *LinuxKernel) readModule(addr uint64) (*LinuxModule, error) {
	m := &LinuxModule{Addr: addr}
	at, err := k.member("struct module", "name")
	if err != nil {
		return nil, err
	}
	if m.Name, err = mem.ReadString(k.space, mem.Addr(addr+at.off), maxLinuxModName); err != nil {
		return nil, fmt.Errorf("read name: %w", err)
	}
	if m.Name == "" {
		return nil, errors.New("its name is empty")
	}
	state, err := k.uintMember("struct module", "state", addr)
	if err != nil {
		return nil, err
	}
	m.State = int(state)
	k.readModuleRanges(m)
	if len(m.Ranges) == 0 && m.State != ModuleUnformed {
		return nil, fmt.Errorf("%s has no memory", m.Name)
	}
	m.PerCPU, _ = k.uintMember("struct module", "percpu", addr)
	m.PerCPUSize, _ = k.uintMember("struct module", "percpu_size", addr)
	m.orc.ip, _ = k.uintMember("struct module", "arch.orc_unwind_ip", addr)
	m.orc.entries, _ = k.uintMember("struct module", "arch.orc_unwind", addr)
	m.orc.n, _ = k.uintMember("struct module", "arch.num_orcs", addr)
	if tab, err := k.uintMember("struct module", "kallsyms", addr); err == nil && tab != 0 {
		m.syms.symtab, _ = k.uintMember("struct mod_kallsyms", "symtab", tab)
		m.syms.num, _ = k.uintMember("struct mod_kallsyms", "num_symtab", tab)
		m.syms.strtab, _ = k.uintMember("struct mod_kallsyms", "strtab", tab)
		m.syms.typetab, _ = k.uintMember("struct mod_kallsyms", "typetab", tab)
	}
	return m, nil
}

// moduleParts are members of struct module that tell of its memory, the code first:
// since 6.4 an array by kind of contents, before that two pieces.
var moduleParts = [][2]string{
	{"mem[0].base", "mem[0].size"}, {"mem[1].base", "mem[1].size"}, {"mem[2].base", "mem[2].size"},
	{"mem[3].base", "mem[3].size"}, {"mem[4].base", "mem[4].size"}, {"mem[5].base", "mem[5].size"},
	{"mem[6].base", "mem[6].size"},
	{"core_layout.base", "core_layout.size"}, {"init_layout.base", "init_layout.size"},
}

func (k *LinuxKernel) readModuleRanges(m *LinuxModule) {
	for _, p := range moduleParts {
		base, err := k.uintMember("struct module", p[0], m.Addr)
		if err != nil || base == 0 {
			continue
		}
		size, err := k.uintMember("struct module", p[1], m.Addr)
		if err != nil || size == 0 || size > maxModuleMem {
			continue
		}
		r := sym.Range{Base: base, Size: size}
		if m.Text.Size == 0 {
			m.Text = r
			if n, err := k.uintMember("struct module", "core_layout.text_size", m.Addr); err == nil && n > 0 && n <= size {
				m.Text.Size = n
			}
		}
		m.Ranges = append(m.Ranges, r)
	}
	slices.SortFunc(m.Ranges, func(a, b sym.Range) int { return cmp.Compare(a.Base, b.Base) })
}

// makeObject makes a module's load object; its symbols are read when they are asked
// for.
func (k *LinuxKernel) makeObject(m *LinuxModule) {
	m.Object = &sym.Object{Name: m.Name, Ranges: m.Ranges}
	if len(m.Ranges) > 0 {
		last := m.Ranges[len(m.Ranges)-1]
		m.Object.Base, m.Object.Size = m.Text.Base, m.Text.Size
		if m.Ranges[0].Base == m.Text.Base && last.Base+last.Size-m.Text.Base < maxModuleMem {
			m.Object.Size = last.Base + last.Size - m.Text.Base
		}
	}
	m.Object.SetLoader(func(_ *sym.Object, kind sym.Kind) (*sym.Table, error) {
		if kind != sym.Symtab || m.syms.num == 0 {
			return nil, nil
		}
		t, err := k.readModuleSyms(m)
		if err != nil {
			err = fmt.Errorf("symbols of %s: %w", m.Name, err)
			k.warn("%v", err)
		}
		return t, err
	})
}

const elfSymSize = 24

// readModuleSyms reads the symbol table that a module has in memory. Values are
// relocated already.
func (k *LinuxKernel) readModuleSyms(m *LinuxModule) (*sym.Table, error) {
	s := m.syms
	if s.num > maxModuleSyms {
		return nil, fmt.Errorf("%d symbols are too many", s.num)
	}
	syms := make([]byte, s.num*elfSymSize)
	if err := mem.ReadFull(k.space, syms, mem.Addr(s.symtab)); err != nil {
		return nil, fmt.Errorf("read table at %#x: %w", s.symtab, reason(err))
	}
	end := uint64(0)
	for _, r := range m.Ranges {
		if r.Contains(s.strtab) {
			end = r.Base + r.Size
		}
	}
	if s.typetab > s.strtab && s.typetab < end {
		end = s.typetab
	}
	if end <= s.strtab {
		return nil, fmt.Errorf("strings at %#x are outside the module", s.strtab)
	}
	strs := make([]byte, end-s.strtab)
	n, err := k.space.ReadAt(strs, mem.Addr(s.strtab))
	if n == 0 {
		return nil, fmt.Errorf("read strings at %#x: %w", s.strtab, reason(err))
	}
	if _, err := k.member("struct mod_kallsyms", "typetab"); err != nil {
		letterTypes(syms) // before 5.2
	}
	return sym.NewTable(sym.Source{Kind: sym.Symtab, Rule: sym.RuleKernel, Class: elf.ELFCLASS64,
		Order: binary.LittleEndian, Syms: syms, Strs: strs[:n]}), nil
}

// letterTypes turns nm's letters, which kernels before 5.2 put where st_info was, into
// what was there.
func letterTypes(syms []byte) {
	for ; len(syms) >= elfSymSize; syms = syms[elfSymSize:] {
		syms[4], _ = kallsyms.Entry(syms[4])
	}
}
