package system

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/ctype/ctf"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/value"
)

// KernelMemory is what a kernel is recognised in: the physical memory of a machine
// or of a guest. A KernelDump is one that knows more.
type KernelMemory interface {
	Physical() mem.Space
}

// PageRoot is an ability of a KernelMemory without a translation map: the physical
// address of the top page table that a CPU used in the kernel (%cr3 without its flag
// bits).
type PageRoot interface {
	PageTable() (pa uint64, ok bool)
}

// IllumosKernel is an illumos kernel of amd64. See the package comment.
type IllumosKernel struct {
	mem      KernelMemory
	phys     mem.Space
	virt     mem.Space     // the kernel's memory where it is read by VA alone; else nil
	cpus     Processors    // mem, if it is one
	dump     KernelDump    // mem, if it is one
	kas      uint64        // VA of the kernel's struct as
	cr3      *paging.Table // where the container named it
	space    *kernelSpace
	ns       *sym.Namespace
	modules  []*KernelModule
	byName   map[string]*KernelModule
	byObject map[*sym.Object]*KernelModule
	hasTypes bool
	warnings []string
	bad      int // modules that cannot be read

	parentTypes *ctf.File // of genunix, as opened to find the modules

	hatMu sync.Mutex
	hats  map[uint64]*paging.Table // by struct as; nil: has none

	memberMu sync.Mutex
	members  map[string]memberResult

	presentOnce sync.Once
	present     []mem.Mapping

	regsOnce sync.Once
	regs     *arch.Regs // of the panic
	regsErr  error

	world     *value.World
	args      map[uint64]*savedArgs // by function
	argsMu    sync.Mutex
	worldOnce sync.Once

	moment atomic.Uint64 // rises with Refresh: pages read before are stale
	cpusMu sync.Mutex
	onCPU  map[uint64]*Processor // by thread; nil: not read since Refresh
}

// probeIllumos takes crash dumps of illumos kernels, and machines one of whose
// processors runs in such a kernel.
func probeIllumos(ctx context.Context, target any) (any, error) {
	if m, ok := machineMemory(target); ok {
		k, err := illumosByProcessors(ctx, m)
		if err != nil {
			return nil, err
		}
		return k, nil
	}
	src, ok := target.(KernelDump)
	if !ok {
		return nil, nil
	}
	k, err := NewIllumosKernel(src)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// NewIllumosKernel recognises the kernel of a crash dump: its symbols, the symbol
// kas, by which the dump's map knows kernel addresses, and the list of modules.
// Without symbols there is nothing to go by, which is an error; what else is wrong
// are Warnings.
func NewIllumosKernel(src KernelDump) (*IllumosKernel, error) {
	table, err := readKsyms(src.KSyms())
	if err != nil {
		return nil, err
	}
	return newIllumos(src, src, table)
}

func newIllumos(m KernelMemory, dump KernelDump, table *sym.Table) (*IllumosKernel, error) {
	k := bareIllumos(m, dump)
	if r, ok := m.(PageRoot); ok {
		if pa, ok := r.PageTable(); ok {
			k.cr3 = paging.New(m.Physical(), paging.Long4, pa, paging.Options{})
		}
	}
	if err := k.setSymbols(table); err != nil {
		return nil, err
	}
	_, k.hasTypes = k.symbol("ctf_arena") // krtld knows of type data since it has this arena
	if head, ok := k.symbol("modules"); ok {
		k.loadModules(head)
	} else {
		k.byName, k.byObject = map[string]*KernelModule{}, map[*sym.Object]*KernelModule{}
		k.warn("failed to get 'modules' symbol")
	}
	k.setObjects()
	return k, nil
}

// bareIllumos is a kernel of which nothing but the memory is known.
func bareIllumos(m KernelMemory, dump KernelDump) *IllumosKernel {
	k := &IllumosKernel{mem: m, phys: m.Physical(), dump: dump, ns: sym.NewNamespace()}
	k.cpus, _ = m.(Processors)
	k.space = newKernelSpace(k, 0, spacePages)
	return k
}

// setSymbols takes the table of the whole kernel, and the symbol kas from it.
func (k *IllumosKernel) setSymbols(table *sym.Table) error {
	kernel := &sym.Object{Name: "unix", Main: true}
	kernel.SetLoader(func(_ *sym.Object, kind sym.Kind) (*sym.Table, error) {
		if kind == sym.Symtab {
			return table, nil
		}
		return nil, nil
	})
	k.ns.Kernel = kernel
	kas, ok := k.symbol("kas")
	if !ok {
		return fmt.Errorf("'kas' symbol is missing from kernel")
	}
	k.kas, k.space.as = kas, kas
	return nil
}

// setObjects makes the modules the load objects.
func (k *IllumosKernel) setObjects() {
	objs := make([]*sym.Object, 0, len(k.modules))
	for _, mod := range k.modules {
		objs = append(objs, mod.Object)
	}
	k.ns.SetObjects(objs)
}

// symbol gives the value of a symbol of the kernel's own table.
func (k *IllumosKernel) symbol(name string) (uint64, bool) {
	s, ok := k.ns.Kernel.Table(sym.Symtab).ByName(name)
	return s.Value, ok
}

func (k *IllumosKernel) warn(format string, args ...any) {
	k.warnings = append(k.warnings, "warning: "+fmt.Sprintf(format, args...))
}

// Warnings implements core.Warner.
func (k *IllumosKernel) Warnings() []string { return k.warnings }

// Arch implements core.Machine.
func (k *IllumosKernel) Arch() *arch.Arch { return arch.AMD64 }

// Virtual implements core.Virtual: the kernel's address space.
func (k *IllumosKernel) Virtual() mem.Space { return k.space }

// Physical implements core.Physical.
func (k *IllumosKernel) Physical() mem.Space { return k.phys }

// Namespace implements core.Symbols.
func (k *IllumosKernel) Namespace() *sym.Namespace { return k.ns }

// Dump is the crash dump that the kernel was found in; nil if it was found
// elsewhere.
func (k *IllumosKernel) Dump() KernelDump { return k.dump }

// KernelAS is the VA of the kernel's struct as: the symbol kas.
func (k *IllumosKernel) KernelAS() uint64 { return k.kas }

// Space gives the address space whose struct as is at as: the kernel's, or a
// process', whose pages a dump has only if it says so.
func (k *IllumosKernel) Space(as uint64) mem.Space {
	if as == k.kas {
		return k.space
	}
	return newKernelSpace(k, as, userPages)
}

// Translate implements core.Translator, for the kernel's address space.
func (k *IllumosKernel) Translate(va uint64) (uint64, error) { return k.translate(k.kas, va) }

// TranslateAS gives the physical address of va in the address space whose struct as
// is at as.
func (k *IllumosKernel) TranslateAS(as, va uint64) (uint64, error) { return k.translate(as, va) }

// ObjectFile implements core.ObjectFile: `?` reads the kernel's memory, as the
// symbols' file has no contents.
func (k *IllumosKernel) ObjectFile() mem.Space { return k.space }

// World is what values of the kernel are read in.
func (k *IllumosKernel) World() *value.World {
	k.worldOnce.Do(func() {
		k.world = &value.World{Space: k.space, Order: k.Arch().Order, Types: k.composite(), Symbol: func(a uint64) (string, bool) {
			return k.ns.Format(a, 0, 16)
		}}
	})
	return k.world
}

// global reads an unsigned variable of the kernel, size bytes wide.
func (k *IllumosKernel) global(name string, size int) (uint64, error) {
	at, ok := k.symbol(name)
	if !ok {
		return 0, fmt.Errorf("%s: %w", name, sym.ErrNoSymbol)
	}
	return mem.ReadUint(k.space, mem.Addr(at), size, k.Arch().Order)
}
