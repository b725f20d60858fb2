package system

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// utsnameLen is the size of a member of struct utsname (_SYS_NMLN); a structure is
// five of them.
const utsnameLen = 257

// Utsname reads what the kernel calls itself, from its memory; from the dump's
// header where that cannot be read.
func (k *IllumosKernel) Utsname() (Utsname, error) {
	var u Utsname
	at, ok := k.symbol("utsname")
	var err error = errNoKsyms
	if ok {
		b := make([]byte, 5*utsnameLen)
		if err = mem.ReadFull(k.space, b, mem.Addr(at)); err == nil {
			for _, f := range []*string{&u.Sysname, &u.Nodename, &u.Release, &u.Version, &u.Machine} {
				s, _, _ := bytes.Cut(b[:utsnameLen], []byte{0})
				*f, b = string(s), b[utsnameLen:]
			}
			return u, nil
		}
	}
	if k.dump != nil {
		return k.dump.DumpHeader().Utsname, nil
	}
	return u, fmt.Errorf("read utsname: %w", err)
}

// Platform is the name of the platform: "i86pc".
func (k *IllumosKernel) Platform() string {
	if at, ok := k.symbol("platform"); ok {
		if s, err := mem.ReadString(k.space, mem.Addr(at), maxModName); err == nil && s != "" {
			return s
		}
	}
	if k.dump != nil {
		return k.dump.DumpHeader().Platform
	}
	return ""
}

// name is what the kernel was found in.
func (k *IllumosKernel) name() string {
	if n, ok := k.mem.(interface{ Name() string }); ok {
		return n.Name()
	}
	return ""
}

// Status implements core.StatusReporter with MDB's lines, and one about pages that
// are missing from the dump.
func (k *IllumosKernel) Status(p *out.Printer) {
	u, err := k.Utsname()
	if err != nil {
		u = Utsname{Nodename: "unknown machine"}
	}
	_, live := k.mem.(Changing)
	switch {
	case live:
		fmt.Fprintf(p, "debugging live kernel (64-bit) on %s\n", u.Nodename)
	case k.dump == nil:
		fmt.Fprintf(p, "debugging memory %s (64-bit) of %s\n", k.name(), u.Nodename)
	default:
		fmt.Fprintf(p, "debugging crash dump %s (64-bit) from %s\n", k.name(), u.Nodename)
	}
	fmt.Fprintf(p, "operating system: %s %s (%s)\n", u.Release, u.Version, u.Machine)
	k.buildVersion(p)
	if k.dump == nil {
		if text := k.panicMessage(); text != "" {
			fmt.Fprintf(p, "panic message: %s\n", text)
		}
		return
	}
	h := k.dump.DumpHeader()
	writePanic(p, h)
	k.dumpContent(p, h)
	if c := k.dump.Coverage(); !c.Whole() && !c.mayBeWhole() {
		WriteCoverage(p, c)
	}
}

// writePanic writes the lines of ::status that the header of a dump tells.
func writePanic(p *out.Printer, h *DumpHeader) {
	uuid := h.UUID
	if uuid == "" {
		uuid = "(not set)"
	}
	fmt.Fprintf(p, "image uuid: %s\n", uuid)
	fmt.Fprintf(p, "panic message: %s\n", h.Panic)
}

// WriteDumpStatus writes the lines of ::status for a dump in which no kernel could be
// recognised: what its header says, and which pages it has.
func WriteDumpStatus(p *out.Printer, name string, d KernelDump) {
	h := d.DumpHeader()
	fmt.Fprintf(p, "debugging crash dump %s (%d-bit) from %s\n", name, h.WordSize, h.Utsname.Nodename)
	fmt.Fprintf(p, "operating system: %s %s (%s)\n", h.Utsname.Release, h.Utsname.Version, h.Utsname.Machine)
	writePanic(p, h)
	WriteCoverage(p, d.Coverage())
}

// StatusDetail implements core.StatusDetailer.
func (k *IllumosKernel) StatusDetail(p *out.Printer) {
	if k.dump != nil {
		WriteCoverage(p, k.dump.Coverage())
	}
}

// mayBeWhole tells that what is missing may be the few last pages, all zeros, that
// savecore leaves out: MDB does not say anything of those.
func (c Coverage) mayBeWhole() bool { return c.Sparse && c.Missing == 0 && c.Cut <= c.Pages/16 }

// WriteCoverage writes a line of ::status that tells which pages a dump has.
func WriteCoverage(p *out.Printer, c Coverage) {
	line := fmt.Sprintf("dump coverage: %d of %d pages", c.Kept, c.Pages)
	if c.Missing != 0 {
		line += fmt.Sprintf(", %d never written", c.Missing)
	}
	if c.Cut != 0 {
		line += fmt.Sprintf(", %d cut off with the end of the file", c.Cut)
	}
	fmt.Fprintln(p, line)
}

// maxBuildVersion bounds what is printed of the symbol buildversion.
const maxBuildVersion = 4096

// buildVersion prints the version that the kernel was built from, where it has one;
// SmartOS's names branch and revision on lines of their own.
func (k *IllumosKernel) buildVersion(p *out.Printer) {
	at, ok := k.symbol("buildversion")
	if !ok {
		return
	}
	s, err := mem.ReadString(k.space, mem.Addr(at), maxBuildVersion)
	if err != nil || s == "" {
		return
	}
	if strings.HasPrefix(s, "git ") {
		fmt.Fprintln(p, strings.TrimSuffix(s, "\n"))
		return
	}
	fmt.Fprintf(p, "build version: %s\n", s)
}

// dumpContent says what was meant to be dumped.
func (k *IllumosKernel) dumpContent(p *out.Printer, h *DumpHeader) {
	switch {
	case h.Flags&DumpAll != 0:
		fmt.Fprintf(p, "dump content: all kernel and user pages\n")
		return
	case h.Flags&DumpCurProc != 0:
		pid, err := k.dumpedPID()
		if err != nil {
			pid = -1
		}
		fmt.Fprintf(p, "dump content: kernel pages and pages from PID %d\n", pid)
		return
	}
	fmt.Fprintf(p, "dump content: kernel pages only\n")
	if wanted, err := k.global("dump_conflags", 4); err != nil || DumpFlags(wanted)&DumpCurProc == 0 {
		return
	}
	switch proc, err := k.panicProc(); {
	case err != nil || proc == 0:
		fmt.Fprintf(p, "  (curproc requested, but the process that panicked could not be found)\n")
	case k.isSymbol(proc, "p0"):
		fmt.Fprintf(p, "  (curproc requested, but a kernel thread panicked)\n")
	default:
		fmt.Fprintf(p, "  (curproc requested, but the process that panicked could not be dumped)\n")
	}
}

func (k *IllumosKernel) isSymbol(addr uint64, name string) bool {
	at, ok := k.symbol(name)
	return ok && at == addr
}

// panicProc is the process of the thread that panicked.
func (k *IllumosKernel) panicProc() (uint64, error) {
	t := k.PanicThread()
	if t == 0 {
		return 0, ErrNoRegs
	}
	return k.uintMember(k.space, "kthread_t", "t_procp", t)
}

// dumpedPID is the process whose pages a DumpCurProc dump has: the first in the list of
// the processes that were dumped, else that of the thread that panicked.
func (k *IllumosKernel) dumpedPID() (int32, error) {
	if at, err := k.dumpPIDs(); err == nil {
		pid, err := mem.ReadUint(k.space, mem.Addr(at), 4, binary.LittleEndian)
		if err == nil && int32(pid) > 0 {
			return int32(pid), nil
		}
	}
	proc, err := k.panicProc()
	if err != nil {
		return 0, err
	}
	return k.pid(proc)
}

// dumpPIDs is where the list of the processes that were dumped lies: the variable
// dump_pids, in kernels since 2009 a member of dumpcfg.
func (k *IllumosKernel) dumpPIDs() (uint64, error) {
	if at, err := k.global("dump_pids", 8); err == nil {
		return at, nil
	}
	m, err := k.ns.LookupName("", "dumpcfg")
	if err != nil {
		return 0, err
	}
	typer, ok := k.TypeScope(k.ns.Kernel).(ctype.SymbolTyper)
	if !ok {
		return 0, ctype.ErrNoData
	}
	t, err := typer.SymbolType(m.Name, m.Value, m.Index)
	if err != nil {
		return 0, err
	}
	v, err := k.World().At(t, mem.Addr(m.Value)).Path("pids")
	if err != nil {
		return 0, err
	}
	return v.Uint()
}
