package linuxdump

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/store"
	"github.com/xmdb/xmdb/core/system"
)

// Errors of opening.
var (
	ErrNotDump = errors.New("not a dump of a machine's memory")
	ErrArch    = errors.New("only machines of amd64, i386 and arm64 are supported")
)

// Options say how a dump is opened.
type Options struct {
	Vmlinux  string                  // path of the kernel's file with debug data; "" for none
	Cache    *store.Store            // of indexes; nil for none
	Progress func(done, total int64) // of long work; nil for none
}

// fileCache bounds what is kept of the file, bytes.
const fileCache = 16 << 20

// Target is a machine's memory in files. It implements core.Target and the abilities
// of a machine of core/system.
type Target struct {
	name     string
	closers  []io.Closer
	o        Options
	format   string // what kind of file it is, for ::status
	flat     bool   // it is in the flattened format
	kcore    bool   // it is /proc/kcore
	machine  elf.Machine
	physical mem.Space
	ranges   []mem.Mapping
	present  []mem.Mapping // what of them was ever written; nil if that is not told
	virtual  mem.Space     // nil if it gives none
	notes    notes
	details  []string // lines of ::status
	warnings []string
}

var (
	_ core.Target           = (*Target)(nil)
	_ core.Physical         = (*Target)(nil)
	_ core.Machine          = (*Target)(nil)
	_ core.Warner           = (*Target)(nil)
	_ system.Processors     = (*Target)(nil)
	_ system.VMCoreInfo     = (*Target)(nil)
	_ system.KernelVirtual  = (*Target)(nil)
	_ system.PhysicalRanges = (*Target)(nil)
)

// Open opens a dump: one file, or all files of one that was split. Files that are no
// dump are ErrNotDump. When the context ends before the dump is open, the error is
// the context's.
func Open(ctx context.Context, paths []string, o Options) (*Target, error) {
	t := &Target{o: o}
	err := t.openPaths(ctx, paths)
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// part is one file of a dump.
type part struct {
	name string
	r    io.ReaderAt
	size uint64
}

func (t *Target) openPaths(ctx context.Context, paths []string) error {
	var parts []part
	for _, path := range paths {
		st, err := os.Stat(path) // first: to open a named pipe would wait for its writer
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() {
			return ErrNotDump
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		t.closers = append(t.closers, f)
		parts = append(parts, part{path, f, uint64(st.Size())})
	}
	return t.open(ctx, parts)
}

// OpenAt opens the dump in the first size bytes of r.
func OpenAt(ctx context.Context, name string, r io.ReaderAt, size int64, o Options) (*Target, error) {
	t := &Target{o: o}
	if err := t.open(ctx, []part{{name, r, uint64(max(size, 0))}}); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Target) open(ctx context.Context, parts []part) error {
	if len(parts) == 0 {
		return ErrNotDump
	}
	t.name = parts[0].name
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range parts {
		var err error
		if parts[i], err = t.unflatten(ctx, parts[i]); err != nil {
			return err
		}
	}
	p := parts[0]
	head := headOf(p.r)
	switch {
	case isKdump(head):
		return t.openKdump(ctx, parts)
	case isLime(head) && len(parts) == 1:
		return t.openLime(ctx, p)
	case foreign(head) != "":
		return fmt.Errorf("%s: %w", foreign(head), ErrNotDump)
	}
	f, err := readELF(p.r, p.size)
	switch {
	case errors.Is(err, errNotELF):
		return ErrNotDump
	case err != nil:
		return err
	case len(parts) > 1:
		return errors.New("several files are one dump only if they are parts of a kdump file that was split")
	}
	return t.takeELF(f, p, mem.NewCache(p.r, int64(p.size), fileCache))
}

// unflatten gives the rearranged file of one in the flattened format, others as they
// are.
func (t *Target) unflatten(ctx context.Context, p part) (part, error) {
	if !isFlattened(headOf(p.r)) {
		return p, nil
	}
	p, err := t.openFlattened(ctx, p)
	if err != nil && len(t.closers) > 1 && ctx.Err() == nil {
		err = fmt.Errorf("%s: %w", p.name, err)
	}
	t.flat = true
	return p, err
}

// setMachine takes the architecture of a dump.
func (t *Target) setMachine(m elf.Machine) error {
	if m != elf.EM_X86_64 && m != elf.EM_386 && m != elf.EM_AARCH64 {
		return fmt.Errorf("dump of a machine of %s: %w", machineName(m), ErrArch)
	}
	t.machine = m
	return nil
}

// Hold has the target close c with itself: what a file that is not one is read from.
func (t *Target) Hold(c io.Closer) { t.closers = append(t.closers, c) }

// Warn adds a warning about the file.
func (t *Target) Warn(format string, args ...any) { t.warn(format, args...) }

func (t *Target) warn(format string, args ...any) {
	t.warnings = append(t.warnings, "warning: "+t.name+": "+fmt.Sprintf(format, args...))
}

// warnXen tells a dump of a machine with a hypervisor of Xen: what its kernels call
// physical addresses are not those of the dump.
func (t *Target) warnXen() {
	if t.notes.xen {
		t.warn("a machine of Xen: memory is by machine address, and kernels in it are not found")
	}
}

// Kind implements core.Target.
func (t *Target) Kind() string { return "kvm" }

// Name implements core.Target.
func (t *Target) Name() string { return t.name }

// Close implements core.Target.
func (t *Target) Close() error {
	var err error
	for _, c := range t.closers {
		err = errors.Join(err, c.Close())
	}
	t.closers = nil
	return err
}

// Vmlinux is the path of the kernel's own file that was given with the dump; "" if
// none was.
func (t *Target) Vmlinux() string { return t.o.Vmlinux }

// Arch implements core.Machine. An i386 machine is one of amd64 in another mode.
func (t *Target) Arch() *arch.Arch {
	if t.machine == elf.EM_AARCH64 {
		return arch.ARM64
	}
	return arch.AMD64
}

// State implements core.Stater.
func (t *Target) State() core.State { return core.StateDead }

// Physical implements core.Physical and system.KernelMemory. The Space is a
// mem.Viewer. What cannot be read is mem.ErrFiltered (left out on purpose),
// mem.ErrTruncated (in a part of the file that is gone), mem.ErrNotDumped (the dump
// has a place for it without content), mem.ErrUnmapped (no memory by the dump), or
// damage.
func (t *Target) Physical() mem.Space { return t.physical }

// PhysicalRanges implements system.PhysicalRanges.
func (t *Target) PhysicalRanges() []mem.Mapping { return t.ranges }

// KernelVirtual implements system.KernelVirtual; nil if the dump gives no virtual
// addresses. Those of a vmcore come from the program that set up the crash kernel,
// which may not have known where the kernel was: page tables are surer.
func (t *Target) KernelVirtual() mem.Space { return t.virtual }

// VMCoreInfo implements system.VMCoreInfo.
func (t *Target) VMCoreInfo() []byte { return t.notes.vmcoreinfo }

// Processors implements system.Processors: the CPUs in the order of their notes.
// Those that QEMU wrote have control registers.
func (t *Target) Processors() ([]system.Processor, error) {
	return t.notes.processors(t.machine), nil
}

// Warnings implements core.Warner.
func (t *Target) Warnings() []string { return t.warnings }
