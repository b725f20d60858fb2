package system

import (
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/ctf"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// parentModule has the types that all modules share and that names without a module
// mean (MDB's KT_CTFPARENT).
const parentModule = "genunix"

// maxCTF bounds a module's compressed type data, bytes; genunix has 1 MB.
const maxCTF = 64 << 20

// moduleTypes is the type data of a module, opened when it is asked for.
type moduleTypes struct {
	once sync.Once
	file *ctf.File
	err  error

	ownOnce sync.Once
	own     *ctf.File // before the parent is imported
	ownErr  error
}

// TypeScope implements core.Types: the types of a module, or, for the whole kernel,
// genunix's.
func (k *IllumosKernel) TypeScope(o *sym.Object) ctype.Scope {
	m := k.byObject[o]
	if o == k.ns.Kernel {
		m = k.byName[parentModule]
	}
	if m == nil {
		return nil
	}
	switch f := k.types(m); {
	case f == nil && m.types.err != nil:
		return &brokenTypes{m.Name, m.types.err}
	case f == nil:
		return nil
	case o == k.ns.Kernel:
		return &kernelTypes{f, k}
	default:
		return f
	}
}

// brokenTypes stands for type data that cannot be read: whoever looks for a type there
// is told why.
type brokenTypes struct {
	label string
	err   error
}

func (b *brokenTypes) Label() string                                          { return b.label }
func (b *brokenTypes) PointerSize() int                                       { return 8 }
func (b *brokenTypes) Lookup(string) (*ctype.Type, error)                     { return nil, b.err }
func (b *brokenTypes) All() iter.Seq[*ctype.Type]                             { return func(func(*ctype.Type) bool) {} }
func (b *brokenTypes) SymbolType(string, uint64, uint32) (*ctype.Type, error) { return nil, b.err }

// TypeError is why a module has no types: nil if it has or never had any.
func (k *IllumosKernel) TypeError(m *KernelModule) error {
	k.types(m)
	return m.types.err
}

// types opens the type data of a module; nil if it has none. A module whose parent
// cannot be opened has the types that are its own.
func (k *IllumosKernel) types(m *KernelModule) *ctf.File {
	m.types.once.Do(func() { m.types.file, m.types.err = k.openTypes(m) })
	return m.types.file
}

func (k *IllumosKernel) openTypes(m *KernelModule) (*ctf.File, error) {
	f, err := k.ownTypes(m)
	if f == nil || err != nil {
		return nil, err
	}
	parent := f.ParentName()
	if parent == "" {
		return f, nil
	}
	// A parent has none itself: in a damaged kernel modules may be each other's.
	p := k.byName[parent]
	if p == nil || p == m {
		return f, fmt.Errorf("types of %s: parent %s not loaded", m.Name, parent)
	}
	pf, err := k.ownTypes(p)
	if pf == nil || err != nil || pf.ParentName() != "" {
		return f, fmt.Errorf("types of %s: parent %s not loaded", m.Name, parent)
	}
	if err := f.Import(pf); err != nil {
		return f, fmt.Errorf("failed to import parent types into %s: %w", m.Name, err)
	}
	return f, nil
}

// ownTypes opens the type data of a module without its parent's.
func (k *IllumosKernel) ownTypes(m *KernelModule) (*ctf.File, error) {
	t := &m.types
	t.ownOnce.Do(func() { t.own, t.ownErr = k.readTypes(m) })
	return t.own, t.ownErr
}

// readTypes reads through mapSpace: to look into page tables takes types.
func (k *IllumosKernel) readTypes(m *KernelModule) (*ctf.File, error) {
	if m.ctf == 0 || m.ctfSize == 0 {
		return nil, nil
	}
	if m.Name == parentModule && k.parentTypes != nil {
		return k.parentTypes, nil // opened to find the modules
	}
	if m.ctfSize > maxCTF {
		return nil, fmt.Errorf("type data of %s at %#x: %d bytes are too many", m.Name, m.ctf, m.ctfSize)
	}
	b := make([]byte, m.ctfSize)
	if err := mem.ReadFull(mapSpace{k}, b, mem.Addr(m.ctf)); err != nil {
		return nil, fmt.Errorf("failed to read %d bytes of debug data for %s at %#x: %w", m.ctfSize, m.Name, m.ctf, err)
	}
	f, err := ctf.Open(b, ctf.Options{Label: m.Name, PointerSize: 8, Symtab: func() ([]ctf.Symbol, []byte) { return k.ctfSymbols(m) }})
	if err != nil {
		return nil, fmt.Errorf("read types of %s at %#x: %w", m.Name, m.ctf, err)
	}
	return f, nil
}

// ctfSymbols is a module's own symbol table as its type data counts it.
func (k *IllumosKernel) ctfSymbols(m *KernelModule) ([]ctf.Symbol, []byte) {
	if m == nil {
		return nil, nil
	}
	t := m.Object.Table(sym.Symtab)
	list := make([]ctf.Symbol, 0, t.Len())
	for s := range t.All() {
		list = append(list, ctf.Symbol{Name: s.Name, Value: s.Value, Info: s.Info, Shndx: s.Section})
	}
	return list, t.Strings()
}

// kernelTypes are the types of the whole kernel: genunix's by name, and for a symbol
// those of the module it lies in.
type kernelTypes struct {
	ctype.Scope
	k *IllumosKernel
}

// SymbolType implements ctype.SymbolTyper. The symbol is one of the kernel's table;
// in its module's own it has another index.
func (t *kernelTypes) SymbolType(name string, addr uint64, _ uint32) (*ctype.Type, error) {
	m := t.k.ModuleAt(addr)
	if m == nil {
		return nil, ctype.ErrNoSymType
	}
	f := t.k.types(m)
	if f == nil {
		return nil, ctype.ErrNoData
	}
	index := ^uint32(0) // by name
	if s, ok := m.Object.Table(sym.Symtab).ByAddr(addr, 1); ok && s.Value == addr && s.Name == name {
		index = s.Index
	}
	return f.SymbolType(name, addr, index)
}

// composite resolves type names as a session does: genunix, then every module.
func (k *IllumosKernel) composite() *ctype.Composite {
	return &ctype.Composite{
		Exec: func() (ctype.Scope, error) {
			if s := k.TypeScope(k.ns.Kernel); s != nil {
				return s, nil
			}
			return nil, ctype.ErrNoData
		},
		Object: func(name string) (ctype.Scope, error) {
			if m := k.byName[name]; m != nil && k.types(m) != nil {
				return k.types(m), nil
			}
			return nil, sym.ErrNoObject
		},
		Objects: func() iter.Seq[ctype.Scope] {
			return func(yield func(ctype.Scope) bool) {
				for _, m := range k.modules {
					if f := k.types(m); f != nil && !yield(f) {
						return
					}
				}
			}
		},
	}
}

// memberAt is a member of a structure.
type memberAt struct {
	off, size uint64 // bytes
}

// member finds a member of a type by name; alternatives are separated by "|".
func (k *IllumosKernel) member(typ, names string) (memberAt, error) {
	key := typ + "." + names
	k.memberMu.Lock()
	defer k.memberMu.Unlock()
	if m, ok := k.members[key]; ok {
		return m.memberAt, m.err
	}
	at, err := findMember(k.composite(), typ, names)
	if k.members == nil {
		k.members = map[string]memberResult{}
	}
	k.members[key] = memberResult{at, err}
	return at, err
}

type memberResult struct {
	memberAt
	err error
}

// lookuper finds types by name: a scope, or several.
type lookuper interface {
	Lookup(name string) (*ctype.Type, error)
}

func findMember(in lookuper, typ, names string) (memberAt, error) {
	t, err := in.Lookup(typ)
	if err != nil {
		return memberAt{}, fmt.Errorf("look up %s: %w", typ, err)
	}
	var missing error
	for name := range strings.SplitSeq(names, "|") {
		p, err := ctype.CompilePath(t, name, ctype.PathOptions{})
		if err == nil {
			err = p.Err
		}
		if err != nil {
			missing = err
			continue
		}
		at := memberAt{size: p.Type.Resolve().Size()}
		for _, s := range p.Steps {
			if s.Ptr != 0 {
				return at, fmt.Errorf("member %s of %s is behind a pointer", name, typ)
			}
			at.off += s.Add
		}
		return at, nil
	}
	return memberAt{}, missing
}

// uintMember reads an unsigned member of the structure at addr.
func (k *IllumosKernel) uintMember(sp mem.Space, typ, names string, addr uint64) (uint64, error) {
	m, err := k.member(typ, names)
	if err != nil {
		return 0, err
	}
	return mem.ReadUint(sp, mem.Addr(addr+m.off), int(m.size), k.Arch().Order)
}

// pointerMember is uintMember for a pointer that must not be null.
func (k *IllumosKernel) pointerMember(sp mem.Space, typ, names string, addr uint64) (uint64, error) {
	p, err := k.uintMember(sp, typ, names, addr)
	if err == nil && p == 0 {
		err = fmt.Errorf("%s of %s at %#x is null", names, typ, addr)
	}
	return p, err
}
