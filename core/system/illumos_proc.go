package system

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym/elffile"
)

// Data models of a process (sys/model.h, DATAMODEL_*).
const (
	modelILP32 = 0x00100000
	modelLP64  = 0x00200000
)

// maxAuxv bounds the entries of a process' auxiliary vector that are read.
const maxAuxv = 256

// maxVnodePath bounds the path of a mapped file.
const maxVnodePath = 1024

// KernelProcess is a user process seen through the kernel that ran it: MDB's target
// kproc. It is a target of its own, in which NewIllumosProcess finds the load objects.
type KernelProcess struct {
	Proc uint64 // VA of the proc_t
	PID  int32

	k     *IllumosKernel
	as    uint64
	arch  *arch.Arch
	space *kernelSpace
	maps  []mem.Mapping
	auxv  []auxEntry
	files *Files
}

type auxEntry struct{ typ, value uint64 }

// OpenProcess opens the address space of the process whose proc_t is at proc. The
// errors are MDB's.
func (k *IllumosKernel) OpenProcess(proc uint64) (ProcessTarget, error) {
	p := &KernelProcess{Proc: proc, k: k, files: &Files{Foreign: true}}
	if err := p.checkDump(); err != nil {
		return nil, err
	}
	var err error
	if p.as, err = k.pointerMember(k.space, "proc_t", "p_as", proc); err != nil {
		return nil, fmt.Errorf("failed to obtain address space for proc %x", proc)
	}
	if p.PID, err = k.pid(proc); err != nil {
		return nil, fmt.Errorf("failed to obtain PID for proc %x", proc)
	}
	if p.as == k.kas {
		return nil, errors.New("specified process is a system process (no context)")
	}
	model, err := k.uintMember(k.space, "proc_t", "p_model", proc)
	switch {
	case err == nil && model == modelLP64:
		p.arch = arch.AMD64
	case err == nil && model == modelILP32:
		p.arch = arch.I386
	default:
		return nil, fmt.Errorf("failed to obtain data model for proc %x", proc)
	}
	if err := p.readMappings(); err != nil {
		return nil, fmt.Errorf("failed to load mappings for proc %x: %w", proc, err)
	}
	if err := p.readAuxv(); err != nil {
		return nil, fmt.Errorf("failed to load auxv for proc %x: %w", proc, err)
	}
	p.space = newKernelSpace(k, p.as, userPages)
	return p, nil
}

// pid reads the id of a process.
func (k *IllumosKernel) pid(proc uint64) (int32, error) {
	pidp, err := k.pointerMember(k.space, "proc_t", "p_pidp", proc)
	if err != nil {
		return 0, err
	}
	id, err := k.uintMember(k.space, "struct pid", "pid_id", pidp)
	return int32(id), err
}

// checkDump refuses a process whose pages are not in the dump.
func (p *KernelProcess) checkDump() error {
	if p.k.dump == nil {
		return nil
	}
	flags := p.k.dump.DumpHeader().Flags
	if flags&DumpAll != 0 {
		return nil
	}
	if flags&DumpCurProc != 0 {
		have, err := p.k.dumpedPID()
		if err != nil {
			return nil // it cannot be told: reading will
		}
		if pid, err := p.k.pid(p.Proc); err == nil && pid == have {
			return nil
		}
	}
	return fmt.Errorf("dump does not contain pages for proc %x", p.Proc)
}

// readMappings makes the mappings of the process' segments.
func (p *KernelProcess) readMappings() error {
	segvn, _ := p.k.symbol("segvn_ops")
	segs, err := p.k.Segments(p.as)
	for _, s := range segs {
		m := mem.Mapping{Base: mem.Addr(s.Base), Size: s.Size, Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec}
		if s.Ops != segvn || segvn == 0 {
			m.Name = fmt.Sprintf("[ seg %x ]", s.Addr)
		} else if vp, err := p.k.uintMember(p.k.space, "struct segvn_data", "vp", s.Data); err == nil && vp != 0 {
			m.Name = p.vnodePath(vp)
			m.Off, _ = p.k.uintMember(p.k.space, "struct segvn_data", "offset", s.Data)
		}
		p.maps = append(p.maps, m)
	}
	if len(segs) > 0 {
		return nil
	}
	return err
}

// vnodePath is the path that a vnode remembers.
func (p *KernelProcess) vnodePath(vp uint64) string {
	if at, err := p.k.pointerMember(p.k.space, "struct vnode", "v_path", vp); err == nil {
		if s, err := mem.ReadString(p.k.space, mem.Addr(at), maxVnodePath); err == nil && s != "" {
			return s
		}
	}
	return fmt.Sprintf("[ vnode %x ]", vp)
}

// readAuxv reads p_user.u_auxv, whose entries are the kernel's own auxv_t.
func (p *KernelProcess) readAuxv() error {
	m, err := p.k.member("proc_t", "p_user.u_auxv")
	if err != nil {
		return err
	}
	b := make([]byte, min(m.size, 16*maxAuxv))
	if err := mem.ReadFull(p.k.space, b, mem.Addr(p.Proc+m.off)); err != nil {
		return err
	}
	for ; len(b) >= 16; b = b[16:] {
		typ := uint64(binary.LittleEndian.Uint32(b))
		if typ == 0 {
			break
		}
		p.auxv = append(p.auxv, auxEntry{typ, binary.LittleEndian.Uint64(b[8:])})
	}
	return nil
}

// Address implements ProcessTarget.
func (p *KernelProcess) Address() uint64 { return p.Proc }

// Kernel is the kernel that ran the process.
func (p *KernelProcess) Kernel() *IllumosKernel { return p.k }

// Kind implements core.Target.
func (p *KernelProcess) Kind() string { return "kproc" }

// Name implements core.Target.
func (p *KernelProcess) Name() string { return fmt.Sprintf("PID %d", p.PID) }

// Close implements core.Target.
func (p *KernelProcess) Close() error { return nil }

// Virtual implements Source.
func (p *KernelProcess) Virtual() mem.Space { return p.space }

// Mappings implements Source.
func (p *KernelProcess) Mappings() []mem.Mapping { return p.maps }

// Aux implements Source.
func (p *KernelProcess) Aux(typ uint64) (uint64, bool) {
	for _, a := range p.auxv {
		if a.typ == typ {
			return a.value, true
		}
	}
	return 0, false
}

// Arch implements Source.
func (p *KernelProcess) Arch() *arch.Arch { return p.arch }

// Linked implements IllumosSource: ld.so.1's lists, as far as its memory is in the dump.
func (p *KernelProcess) Linked() ([]IllumosObject, error) {
	return IllumosObjects(p.space, p.arch.PtrSize, p.Aux, p.dynamic())
}

// dynamic is the address of the program's dynamic section; 0 if it is not known.
func (p *KernelProcess) dynamic() uint64 {
	phdr, ok := p.Aux(atPhdr)
	phnum, ok2 := p.Aux(atPhnum)
	if !ok || !ok2 {
		return 0
	}
	im, err := imageAt(p.space, phdr, phnum, p.arch.PtrSize)
	if err != nil {
		return 0
	}
	for _, pr := range im.progs {
		if pr.Type == elf.PT_DYNAMIC {
			return im.bias + pr.Vaddr
		}
	}
	return 0
}

// Embedded implements IllumosSource: a dump has no files of processes.
func (p *KernelProcess) Embedded(uint64, uint64) *elffile.File { return nil }

// Files implements Source: no file of this host is one of the dumped machine's.
func (p *KernelProcess) Files() *Files { return p.files }

// Translate implements core.Translator.
func (p *KernelProcess) Translate(va uint64) (uint64, error) { return p.k.translate(p.as, va) }

// Physical implements core.Physical.
func (p *KernelProcess) Physical() mem.Space { return p.k.Physical() }

// Status implements core.StatusReporter.
func (p *KernelProcess) Status(o *out.Printer) {
	fmt.Fprintf(o, "debugging PID %d (%d-bit) in kernel crash dump\n", p.PID, 8*p.arch.PtrSize)
	if entry, ok := p.Aux(atEntry); ok {
		if m := findMapping(p.maps, entry); m != nil {
			fmt.Fprintf(o, "executable file: %s\n", m.Name)
		}
	}
}
