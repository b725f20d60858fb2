package system

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"sync"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/btf"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// maxBTF bounds the type data of a kernel or a module, bytes: a kernel's is 4 to 15 MB.
const maxBTF = 128 << 20

// linuxTypes is the kernel's own BTF, read when it is asked for.
type linuxTypes struct {
	once sync.Once
	file *btf.File
	err  error
}

// moduleBTF is a module's, split from the kernel's.
type moduleBTF struct {
	once sync.Once
	file *btf.File
	err  error
}

// kernelBTF opens the BTF of the image.
func (k *LinuxKernel) kernelBTF() (*btf.File, error) {
	k.types.once.Do(func() {
		k.types.file, k.types.err = k.readBTF()
		if k.types.err != nil {
			k.warn("types: %v", k.types.err)
		}
	})
	return k.types.file, k.types.err
}

// forgetTypes forgets of a machine that runs that it had no types: while a kernel boots its
// own are not mapped yet.
func (k *LinuxKernel) forgetTypes() {
	if k.types.err == nil || !k.changing() {
		return
	}
	k.types, k.orc = linuxTypes{}, linuxORC{}
	k.mu.Lock()
	k.members = nil
	k.mu.Unlock()
}

func (k *LinuxKernel) readBTF() (*btf.File, error) {
	start, ok := k.Symbol("__start_BTF")
	stop, ok2 := k.Symbol("__stop_BTF")
	if !ok || !ok2 || stop <= start {
		return nil, ctype.ErrNoData // CONFIG_DEBUG_INFO_BTF is not set
	}
	return k.openBTF(blobRange{start, stop - start}, btf.Options{Name: LinuxObject})
}

func (k *LinuxKernel) openBTF(at blobRange, o btf.Options) (*btf.File, error) {
	if at.size > maxBTF {
		return nil, fmt.Errorf("BTF of %s: %d bytes are too many", o.Name, at.size)
	}
	b := make([]byte, at.size)
	if err := mem.ReadFull(k.space, b, mem.Addr(at.addr)); err != nil {
		return nil, fmt.Errorf("read BTF of %s at %#x: %w", o.Name, at.addr, reason(err))
	}
	f, err := btf.OpenBytes(b, o)
	if err != nil {
		return nil, fmt.Errorf("BTF of %s at %#x: %w", o.Name, at.addr, err)
	}
	return f, nil
}

// moduleBlobs finds the BTF of modules: btf_modules is the list of what was loaded with
// them, by VA of the struct module.
func (k *LinuxKernel) moduleBlobs() (map[uint64]blobRange, error) {
	head, ok := k.Symbol("btf_modules")
	if !ok {
		return nil, nil // CONFIG_DEBUG_INFO_BTF_MODULES is not set
	}
	link, err := k.member("struct btf_module", "list")
	if err != nil {
		return nil, err
	}
	blobs := map[uint64]blobRange{}
	for entry, err := range k.Settled(k.list(head, link.off)) {
		if err != nil {
			return blobs, fmt.Errorf("list of BTF: %w", err)
		}
		if len(blobs) >= maxLinuxModules {
			return blobs, fmt.Errorf("more than %d modules with BTF", maxLinuxModules)
		}
		mod, err1 := k.uintMember("struct btf_module", "module", entry)
		of, err2 := k.uintMember("struct btf_module", "btf", entry)
		if err := cmp.Or(err1, err2); err != nil {
			return blobs, err
		}
		data, err1 := k.uintMember("struct btf", "data", of)
		size, err2 := k.uintMember("struct btf", "data_size", of)
		if err := cmp.Or(err1, err2); err != nil {
			return blobs, fmt.Errorf("BTF at %#x: %w", of, err)
		}
		blobs[mod] = blobRange{data, size}
	}
	return blobs, nil
}

// moduleTypes opens the BTF of a module; nil if it has none.
func (k *LinuxKernel) moduleTypes(m *LinuxModule) (*btf.File, error) {
	m.types.once.Do(func() {
		if m.btf.size == 0 {
			return
		}
		base, err := k.kernelBTF()
		if err == nil {
			m.types.file, err = k.openBTF(m.btf, btf.Options{Name: m.Name, Base: base})
		}
		if m.types.err = err; err != nil {
			k.warn("types of %s: %v", m.Name, err)
		}
	})
	return m.types.file, m.types.err
}

// TypeScope implements core.Types: the types of the kernel, or of a module, which has
// the kernel's too.
func (k *LinuxKernel) TypeScope(o *sym.Object) ctype.Scope {
	var f *btf.File
	var err error
	if o == k.main {
		f, err = k.kernelBTF()
	} else if m := k.moduleOf(o); m != nil {
		f, err = k.moduleTypes(m)
	} else {
		return nil
	}
	switch {
	case f != nil:
		return &linuxScope{f, k, o}
	case o == k.main && k.fileTypes() != nil: // a kernel without BTF
		return k.fileTypes()
	case err != nil && err != ctype.ErrNoData:
		return &brokenTypes{o.Name, err}
	}
	return nil
}

// linuxScope is the types of the kernel or a module with those declared for variables.
type linuxScope struct {
	*btf.File
	k *LinuxKernel
	o *sym.Object
}

// SymbolType implements ctype.SymbolTyper. BTF has the types of functions and of
// per-CPU variables; those of other variables are declared (DeclareVariables), or in the
// kernel's file.
func (s *linuxScope) SymbolType(name string, addr uint64, index uint32) (*ctype.Type, error) {
	s.k.mu.Lock()
	typ, ok := s.k.declared[s.o.Name+"`"+name]
	if !ok {
		typ, ok = s.k.declared[name]
	}
	s.k.mu.Unlock()
	if ok {
		if t, err := s.Lookup(typ); err == nil {
			return t, nil
		}
	}
	t, err := s.File.SymbolType(name, addr, index)
	if err != nil && s.o == s.k.main {
		if typer, ok := s.k.fileTypes().(ctype.SymbolTyper); ok {
			return typer.SymbolType(name, addr, index)
		}
	}
	return t, err
}

// DeclareVariables tells the types of variables, which the kernel's own type data does
// not have, by name ("init_task", "zfs`spa_namespace_avl"): names of types as the
// language spells them. A name that was declared before keeps its type.
func (k *LinuxKernel) DeclareVariables(types map[string]string) { k.declare(types) }

func (k *LinuxKernel) declare(types map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, typ := range types {
		if _, ok := k.declared[name]; !ok {
			k.declared[name] = typ
		}
	}
}

// linuxVariables are the types of variables that this package reads, and of some that
// anyone would print.
var linuxVariables = map[string]string{
	"init_task": "struct task_struct", "init_mm": "struct mm_struct", "init_uts_ns": "struct uts_namespace",
	"init_pid_ns": "struct pid_namespace", "init_nsproxy": "struct nsproxy", "init_cred": "struct cred",
	"modules": "struct list_head", "btf_modules": "struct list_head", "nr_cpu_ids": "unsigned int",
	"jiffies": "unsigned long", "jiffies_64": "u64", "page_offset_base": "unsigned long",
	"vmalloc_base": "unsigned long", "vmemmap_base": "unsigned long", "phys_base": "unsigned long",
	"slab_caches": "struct list_head",
}

// composite resolves type names: in the kernel, then in every module.
func (k *LinuxKernel) composite() *ctype.Composite {
	return &ctype.Composite{
		Exec: func() (ctype.Scope, error) {
			if s := k.TypeScope(k.main); s != nil {
				return s, nil
			}
			return nil, ctype.ErrNoData
		},
		Object: func(name string) (ctype.Scope, error) {
			if o, err := k.ns.Object(name); err == nil {
				if s := k.TypeScope(o); s != nil {
					return s, nil
				}
			}
			return nil, sym.ErrNoObject
		},
		Objects: func() iter.Seq[ctype.Scope] {
			return func(yield func(ctype.Scope) bool) {
				for _, o := range k.ns.Objects() {
					if s := k.TypeScope(o); s != nil && !yield(s) {
						return
					}
				}
			}
		},
	}
}

// ownTypes are the types of the image: its BTF, else those of the kernel's file.
func (k *LinuxKernel) ownTypes() (lookuper, error) {
	f, err := k.kernelBTF()
	if err == nil {
		return f, nil
	}
	if s := k.fileTypes(); s != nil {
		return s, nil
	}
	return nil, err
}

// member finds a member of a type of the kernel's own by name; alternatives are
// separated by "|".
func (k *LinuxKernel) member(typ, names string) (memberAt, error) {
	key := typ + "." + names
	k.mu.Lock()
	m, ok := k.members[key]
	k.mu.Unlock()
	if ok {
		return m.memberAt, m.err
	}
	f, err := k.ownTypes()
	var at memberAt
	if err == nil {
		at, err = findMember(f, typ, names)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.members == nil {
		k.members = map[string]memberResult{}
	}
	k.members[key] = memberResult{at, err}
	return at, err
}

// uintMember reads an unsigned member of the structure at addr.
func (k *LinuxKernel) uintMember(typ, names string, addr uint64) (uint64, error) {
	m, err := k.member(typ, names)
	if err != nil {
		return 0, err
	}
	return mem.ReadUint(k.space, mem.Addr(addr+m.off), int(m.size), binary.LittleEndian)
}

// stringMember reads the text in an array of characters that is a member of the structure
// at addr, up to its NUL.
func (k *LinuxKernel) stringMember(typ, name string, addr uint64) (string, error) {
	m, err := k.member(typ, name)
	if err != nil {
		return "", err
	}
	return mem.ReadString(k.space, mem.Addr(addr+m.off), int(m.size))
}
