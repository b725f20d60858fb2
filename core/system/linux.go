package system

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/value"
)

// LinuxObject is the name of the load object that is the kernel itself.
const LinuxObject = "vmlinux"

// LinuxKernel is a Linux kernel of amd64 in the physical memory of a machine. See the
// package comment.
type LinuxKernel struct {
	mem   KernelMemory
	phys  mem.Space
	image *linuxImage
	table *paging.Table // of the kernel: init_top_pgt
	space *linuxSpace
	ns    *sym.Namespace
	main  *sym.Object

	text      sym.Range // of the image's code
	directMap uint64    // VA at which physical memory is mapped; 0 unknown

	mu       sync.Mutex // of what follows
	warnings []string
	warned   map[string]bool
	declared map[string]string // type names by variable
	members  map[string]memberResult
	percpu   []uint64 // __per_cpu_offset of possible CPUs
	cpus     []LinuxCPU
	cpusErr  error
	cpusRead bool

	types   linuxTypes
	modules linuxModules
	orc     linuxORC
	files   linuxFiles

	worldOnce sync.Once
	world     *value.World
}

// probeLinux takes any machine's memory.
func probeLinux(ctx context.Context, target any) (any, error) {
	m, ok := machineMemory(target)
	if !ok {
		return nil, nil
	}
	k, err := NewLinuxKernel(ctx, m)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// NewLinuxKernel finds a Linux kernel in a machine's memory: its image, page table and
// symbols. Without these there is nothing to go by, which is an error that tells what
// was tried; what else is wrong are Warnings. It ends early with the context.
func NewLinuxKernel(ctx context.Context, m KernelMemory) (*LinuxKernel, error) {
	f := newLinuxFinder(ctx, m)
	im, err := f.find()
	if err != nil {
		return nil, err
	}
	return f.kernel(im), nil
}

// kernel makes the kernel of an image.
func (f *linuxFinder) kernel(im *linuxImage) *LinuxKernel {
	m := f.mem
	k := &LinuxKernel{mem: m, phys: f.phys, image: im, warned: map[string]bool{}, declared: map[string]string{}}
	k.table = paging.New(k.phys, im.mode, im.root, paging.Options{})
	k.space = k.newSpace(k.table, spacePages)
	if v, ok := m.(KernelVirtual); ok {
		k.space.also = v.KernelVirtual()
	}
	k.makeMain()
	k.directMap = k.findDirectMap()
	k.space.directMap = k.directMap
	if err := k.checkTables(); err != nil {
		k.warn("page tables of the kernel: %v", err)
	}
	k.declare(linuxVariables)
	k.ns = sym.NewNamespace(k.main)
	k.loadModules()
	return k
}

// makeMain makes the load object of the kernel's image.
func (k *LinuxKernel) makeMain() {
	at := func(name string) uint64 { v, _ := k.Symbol(name); return v }
	k.text = sym.Range{Base: at("_stext"), Size: at("_etext") - at("_stext")}
	first, end := at("_text"), at("_end")
	if first == 0 {
		first = k.text.Base
	}
	if end <= first || end-first > maxImage {
		end = first + maxImage
	}
	k.main = &sym.Object{Name: LinuxObject, Main: true, Base: first, Size: end - first,
		Ranges: []sym.Range{{Base: first, Size: end - first}}}
	if k.image.info != nil {
		k.main.BuildID = k.image.info.BuildID
	}
	if k.main.BuildID == "" {
		k.main.BuildID = k.buildID()
	}
	k.main.Bias, _ = k.KASLROffset()
	k.main.SetLoader(func(_ *sym.Object, kind sym.Kind) (*sym.Table, error) {
		if kind == sym.Symtab {
			return k.image.symbols, nil
		}
		return nil, nil
	})
}

// checkTables tells whether the page table maps the image where it is.
func (k *LinuxKernel) checkTables() error {
	banner, _ := k.Symbol("linux_banner")
	pa, _, err := k.table.Translate(banner)
	if err != nil {
		return err
	}
	if want := k.image.phys(banner); pa != want {
		return fmt.Errorf("the image is at %#x, they map %#x", want, pa)
	}
	return nil
}

// warn keeps a warning, once.
func (k *LinuxKernel) warn(format string, args ...any) {
	text := "warning: " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.warned) < maxWarnings && !k.warned[text] {
		k.warned[text] = true
		k.warnings = append(k.warnings, text)
	}
}

// maxWarnings bounds what a damaged kernel has to say.
const maxWarnings = 64

// Warnings implements core.Warner.
func (k *LinuxKernel) Warnings() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.warnings...)
}

// Memory is the machine's memory that the kernel was found in.
func (k *LinuxKernel) Memory() KernelMemory { return k.mem }

// Arch implements core.Machine.
func (k *LinuxKernel) Arch() *arch.Arch { return arch.AMD64 }

// Virtual implements core.Virtual: the kernel's address space.
func (k *LinuxKernel) Virtual() mem.Space { return k.space }

// Physical implements core.Physical.
func (k *LinuxKernel) Physical() mem.Space { return k.phys }

// ObjectFile implements core.ObjectFile: `?` reads the kernel's memory.
func (k *LinuxKernel) ObjectFile() mem.Space { return k.space }

// Namespace implements core.Symbols.
func (k *LinuxKernel) Namespace() *sym.Namespace { return k.ns }

// Main is the load object of the kernel's image.
func (k *LinuxKernel) Main() *sym.Object { return k.main }

// VMCoreInfo is what VMCOREINFO told; nil if none was given, nor needed.
func (k *LinuxKernel) VMCoreInfo() *VMCoreInfoText { return k.image.info }

// Symbol gives the value of a symbol of the kernel's image: a VA, of a per-CPU variable
// its offset (see PerCPU).
func (k *LinuxKernel) Symbol(name string) (uint64, bool) {
	s, ok := k.image.symbols.ByName(name)
	return s.Value, ok
}

// Uint reads an unsigned variable of the image, size bytes wide.
func (k *LinuxKernel) Uint(name string, size int) (uint64, error) {
	at, ok := k.Symbol(name)
	if !ok {
		return 0, fmt.Errorf("%s: %w", name, sym.ErrNoSymbol)
	}
	return mem.ReadUint(k.space, mem.Addr(at), size, binary.LittleEndian)
}

// World is what values of the kernel are read in.
func (k *LinuxKernel) World() *value.World {
	k.worldOnce.Do(func() {
		k.world = &value.World{Space: k.space, Order: k.Arch().Order, Types: k.composite(), Symbol: func(a uint64) (string, bool) {
			return k.ns.Format(a, 0, 16)
		}}
	})
	return k.world
}

// Refresh implements Refresher: pages and lists are read again, symbols of the image
// and types stay.
func (k *LinuxKernel) Refresh() {
	k.space.Flush()
	k.mu.Lock()
	k.percpu, k.cpus, k.cpusErr, k.cpusRead = nil, nil, nil, false
	k.mu.Unlock()
	k.orc.forget()
	k.forgetTypes()
	k.loadModules()
}
