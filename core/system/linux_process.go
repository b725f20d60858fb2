package system

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/out"
)

// ProcessTarget is a user process seen through the kernel that ran it: a target of its
// own, of the kind kproc.
type ProcessTarget interface {
	Kind() string
	Name() string
	Close() error
	Virtual() mem.Space
	// Address is the VA of the structure that it was opened by.
	Address() uint64
}

// LinuxUser is a user process seen through a Linux kernel. It is a target of its own, in
// which NewProcess finds the load objects; what of its memory is not resident cannot be
// read.
type LinuxUser struct {
	Task, MM uint64 // VAs of the task_struct and its mm_struct
	PID      int32  // of that task: of a thread its own

	k     *LinuxKernel
	arch  *arch.Arch
	space *linuxSpace
	files *Files

	mu       sync.Mutex // of maps
	maps     []mem.Mapping
	mapsRead bool
	auxOnce  sync.Once
	auxv     []auxEntry
}

// addr32 is thread_info.flags' bit of a task with addresses of 32 bits (TIF_ADDR32).
const addr32 = 1 << 29

// OpenProcess implements core.ProcessOpener: the address space of the process whose
// task_struct is at task, which a thread of the kernel does not have. Only the page
// table is looked for: mappings are read when they are asked for.
func (k *LinuxKernel) OpenProcess(task uint64) (ProcessTarget, error) {
	p := &LinuxUser{Task: task, k: k, arch: arch.AMD64, files: &Files{Foreign: true}}
	var err error
	if p.MM, err = k.uintMember("struct task_struct", "mm", task); err != nil {
		return nil, fmt.Errorf("failed to obtain address space for proc %x", task)
	}
	pid, err := k.uintMember("struct task_struct", "pid", task)
	if err != nil {
		return nil, fmt.Errorf("failed to obtain PID for proc %x", task)
	}
	p.PID = int32(pid)
	if p.MM == 0 {
		return nil, errors.New("specified process is a system process (no context)")
	}
	if flags, err := k.uintMember("struct task_struct", "thread_info.flags", task); err == nil && flags&addr32 != 0 {
		p.arch = arch.I386
	}
	t, err := k.pageTable(p.MM)
	if err != nil {
		return nil, fmt.Errorf("failed to obtain page table for proc %x: %w", task, err)
	}
	p.space = k.newSpace(t, userPages)
	return p, nil
}

// pageTable is the page table of the address space whose mm_struct is at mm. With KPTI
// mm->pgd is the kernel's of the pair, which has the user's memory too.
func (k *LinuxKernel) pageTable(mm uint64) (*paging.Table, error) {
	if init, ok := k.Symbol("init_mm"); mm == 0 || ok && mm == init {
		return k.table, nil
	}
	pgd, err := k.uintMember("struct mm_struct", "pgd", mm)
	if err != nil {
		return nil, err
	}
	pa, err := k.Translate(pgd)
	if err != nil {
		if k.directMap == 0 || pgd-k.directMap >= directSize {
			return nil, err
		}
		pa = pgd - k.directMap
	}
	return paging.New(k.phys, k.image.mode, pa, paging.Options{}), nil
}

// TranslateAS gives the physical address of va in the address space whose mm_struct is
// at as; 0 is the kernel's.
func (k *LinuxKernel) TranslateAS(as, va uint64) (uint64, error) {
	t, err := k.pageTable(as)
	if err != nil {
		return 0, err
	}
	pa, _, err := t.Translate(va)
	return pa, err
}

// Space gives the address space whose mm_struct is at mm; 0 is the kernel's.
func (k *LinuxKernel) Space(mm uint64) (mem.Space, error) {
	t, err := k.pageTable(mm)
	if err != nil {
		return nil, err
	}
	if t == k.table {
		return k.space, nil
	}
	return k.newSpace(t, userPages), nil
}

// Address implements ProcessTarget.
func (p *LinuxUser) Address() uint64 { return p.Task }

// Kernel is the kernel that ran the process.
func (p *LinuxUser) Kernel() *LinuxKernel { return p.k }

// Kind implements core.Target.
func (p *LinuxUser) Kind() string { return "kproc" }

// Name implements core.Target.
func (p *LinuxUser) Name() string { return fmt.Sprintf("PID %d", p.PID) }

// Close implements core.Target.
func (p *LinuxUser) Close() error { return nil }

// Virtual implements Source.
func (p *LinuxUser) Virtual() mem.Space { return p.space }

// Physical implements core.Physical.
func (p *LinuxUser) Physical() mem.Space { return p.k.phys }

// Translate implements core.Translator.
func (p *LinuxUser) Translate(va uint64) (uint64, error) {
	pa, _, err := p.space.Table().Translate(va)
	return pa, err
}

// Arch implements Source.
func (p *LinuxUser) Arch() *arch.Arch { return p.arch }

// Files implements Source: no file of this host is one of the machine's.
func (p *LinuxUser) Files() *Files { return p.files }

// Mappings implements Source: the areas of the mm_struct.
func (p *LinuxUser) Mappings() []mem.Mapping {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mapsRead {
		var err error
		if p.maps, err = p.k.areas(p.MM); err != nil {
			p.k.warn("mappings of PID %d: %v", p.PID, err)
		}
		p.mapsRead = true
	}
	return p.maps
}

// Running implements Changing: the process runs while its machine does.
func (p *LinuxUser) Running() bool { return p.k.changing() }

// Moment implements Changing.
func (p *LinuxUser) Moment() uint64 {
	if c, ok := p.k.mem.(Changing); ok {
		return c.Moment()
	}
	return 0
}

// Refresh implements Refresher: memory, mappings and the kernel are read again.
func (p *LinuxUser) Refresh() {
	p.k.Refresh()
	p.space.Flush()
	p.mu.Lock()
	p.maps, p.mapsRead = nil, false
	p.mu.Unlock()
}

// Aux implements Source: mm->saved_auxv has the auxiliary vector.
func (p *LinuxUser) Aux(typ uint64) (uint64, bool) {
	p.auxOnce.Do(p.readAuxv)
	for _, a := range p.auxv {
		if a.typ == typ {
			return a.value, true
		}
	}
	return 0, false
}

func (p *LinuxUser) readAuxv() {
	m, err := p.k.member("struct mm_struct", "saved_auxv")
	if err != nil {
		return
	}
	b := make([]byte, min(m.size, 16*maxAuxv))
	n, _ := p.k.space.ReadAt(b, mem.Addr(p.MM+m.off))
	for b = b[:n]; len(b) >= 16; b = b[16:] {
		typ := binary.LittleEndian.Uint64(b)
		if typ == 0 {
			break
		}
		p.auxv = append(p.auxv, auxEntry{typ, binary.LittleEndian.Uint64(b[8:])})
	}
}

// Status implements core.StatusReporter.
func (p *LinuxUser) Status(o *out.Printer) {
	fmt.Fprintf(o, "debugging PID %d (%d-bit) in kernel %s\n", p.PID, 8*p.arch.PtrSize, p.k.name())
	if entry, ok := p.Aux(atEntry); ok {
		if m := findMapping(p.Mappings(), entry); m != nil {
			fmt.Fprintf(o, "executable file: %s\n", m.Name)
		}
	}
}
