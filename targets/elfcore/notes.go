package elfcore

import (
	"bytes"
	"debug/elf"
	"fmt"
	"github.com/xmdb/xmdb/core"
	"io"

	"github.com/xmdb/xmdb/core/sym/elffile"
)

// Types of the notes of a Linux core (include/uapi/linux/elf.h).
const (
	ntPrstatus = 1
	ntFpregset = 2
	ntPrpsinfo = 3
	ntAuxv     = 6
	nt386TLS   = 0x200
	ntX86State = 0x202
	ntARMTLS   = 0x401
	ntARMCall  = 0x404
	ntARMPAC   = 0x406
	ntXFPRegs  = 0x46e62b7f
	ntSiginfo  = 0x53494749
	ntFile     = 0x46494c45
)

// Note is one note of the core.
type Note = elffile.Note

// Psinfo is NT_PRPSINFO.
type Psinfo struct {
	State    byte // 'R', 'S' ...
	UID, GID uint32
	PID      int32
	PPID     int32
	PGRP     int32
	SID      int32
	Fname    string // name of the executable, at most 15 bytes
	Args     string // arguments joined by blanks, at most 79 bytes
}

// Siginfo is NT_SIGINFO: a siginfo_t.
type Siginfo struct {
	Signo, Errno, Code int32
	Raw                []byte
	union              int // offset of what depends on the signal in Raw, bytes
}

// Addr is the fault address of SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP.
func (s *Siginfo) Addr() uint64 {
	switch {
	case s.union == 12 && len(s.Raw) >= 16: // 32-bit
		return uint64(le.Uint32(s.Raw[12:]))
	case s.union == 12 || len(s.Raw) < 24:
		return 0
	}
	return le.Uint64(s.Raw[16:])
}

// Sender is the process and user that sent the signal, where si_code says that
// one did.
func (s *Siginfo) Sender() (pid int32, uid uint32) {
	if len(s.Raw) < s.union+8 {
		return 0, 0
	}
	return int32(le.Uint32(s.Raw[s.union:])), le.Uint32(s.Raw[s.union+4:])
}

// Thread is one thread of the process (its NT_PRSTATUS and the notes after it).
type Thread struct {
	ID      int32 // LWP id
	Cursig  int16 // signal it was handling, 0 if none
	Signo   int32 // from the si_* fields of NT_PRSTATUS
	Pending uint64
	Held    uint64
	Greg    []uint64 // the architecture's general registers; nil if absent
	FPRegs  []byte   // NT_FPREGSET: an FXSAVE area on amd64, of i386 the older FSAVE, of arm64 user_fpsimd_state; nil if absent
	FXSave  []byte   // NT_PRXFPREG of i386: an FXSAVE area; nil if absent
	Sysno   []byte   // NT_ARM_SYSTEM_CALL; nil if absent
	XState  []byte   // NT_X86_XSTATE: an XSAVE area; nil if absent
	Siginfo *Siginfo // nil if absent
	TLS     []byte   // NT_ARM_TLS, NT_386_TLS; nil if absent
	PACMask []byte   // NT_ARM_PAC_MASK: masks of data and of code, 8 bytes each; nil if absent
	layout  *layout
}

// MappedFile is one entry of NT_FILE.
type MappedFile struct {
	Start, End uint64 // VA
	Off        uint64 // offset in the file, bytes
	Path       string
}

// notes is what the notes of a core say.
type notes struct {
	threads []*Thread
	psinfo  *Psinfo
	auxv    []Aux
	files   []MappedFile
	all     []Note
	foreign string // owner of notes that another system makes
	layout  *layout
}

// Aux is one entry of the auxiliary vector.
type Aux = core.Aux

// auxValue is the value of the first entry of a type.
func auxValue(auxv []Aux, typ uint64) (uint64, bool) {
	for _, a := range auxv {
		if a.Type == typ {
			return a.Value, true
		}
	}
	return 0, false
}

// readNotes reads the note segments.
func readNotes(r io.ReaderAt, size int64, h *header) (*notes, error) {
	n := &notes{layout: h.layout}
	var firstErr error
	var total uint64 // segments that overlap are not believed
	for _, p := range h.progs {
		if elf.ProgType(p.typ) != elf.PT_NOTE {
			continue
		}
		if total += min(p.filesz, maxNotes); total > uint64(size) && total > p.filesz || p.filesz > maxNotes || p.off > uint64(size) {
			firstErr = fmt.Errorf("read notes: %d bytes at %#x are not in the file", p.filesz, p.off)
			continue
		}
		b := make([]byte, min(p.filesz, uint64(size)-p.off))
		got, err := r.ReadAt(b, int64(p.off))
		if got < len(b) && err != io.EOF {
			firstErr = fmt.Errorf("read notes: %w", err)
		}
		n.parse(b[:got])
		if uint64(got) < p.filesz {
			firstErr = fmt.Errorf("read notes: only %d of %d bytes are in the file", got, p.filesz)
		}
	}
	return n, firstErr
}

func (n *notes) parse(b []byte) {
	for note := range elffile.Notes(b, le, 4) {
		n.all = append(n.all, note)
		switch note.Name {
		case "CORE", "LINUX":
			n.add(note)
		case "FreeBSD", "NetBSD-CORE", "OpenBSD":
			n.foreign = note.Name
		}
	}
}

func (n *notes) add(note Note) {
	d := note.Desc
	var last *Thread
	if len(n.threads) > 0 {
		last = n.threads[len(n.threads)-1]
	}
	switch note.Type {
	case ntPrstatus:
		if t := n.layout.prstatus(d); t != nil {
			n.threads = append(n.threads, t)
		}
	case ntPrpsinfo:
		if p := n.layout.psinfo(d); p != nil && n.psinfo == nil {
			n.psinfo = p
		}
	case ntAuxv:
		if n.auxv == nil {
			n.auxv = n.layout.auxv(d)
		}
	case ntFile:
		if n.files == nil {
			n.files = n.layout.files(d)
		}
	case ntFpregset:
		if last != nil && last.FPRegs == nil {
			last.FPRegs = d
		}
	case ntX86State:
		if last != nil && last.XState == nil {
			last.XState = d
		}
	case ntXFPRegs:
		if last != nil && last.FXSave == nil {
			last.FXSave = d
		}
	case ntARMCall:
		if last != nil && last.Sysno == nil {
			last.Sysno = d
		}
	case ntARMTLS, nt386TLS:
		if last != nil && last.TLS == nil {
			last.TLS = d
		}
	case ntARMPAC:
		if last != nil && last.PACMask == nil {
			last.PACMask = d
		}
	case ntSiginfo:
		if s := n.layout.siginfo(d); s != nil && last != nil && last.Siginfo == nil {
			last.Siginfo = s
		}
	}
}

// prstatus reads struct elf_prstatus.
func (l *layout) prstatus(d []byte) *Thread {
	const cursig, pending = 12, 16
	if len(d) < l.pid+4 {
		return nil
	}
	t := &Thread{
		ID: int32(le.Uint32(d[l.pid:])), Signo: int32(le.Uint32(d)), Cursig: int16(le.Uint16(d[cursig:])),
		Pending: l.uint(d[pending:]), Held: l.uint(d[l.held:]), layout: l,
	}
	if len(d) >= l.regs+l.word*len(l.names) {
		t.Greg = make([]uint64, len(l.names))
		for i := range t.Greg {
			t.Greg[i] = l.uint(d[l.regs+l.word*i:])
		}
	}
	return t
}

// psinfo reads struct elf_prpsinfo.
func (l *layout) psinfo(d []byte) *Psinfo {
	p := l.ps
	if len(d) < p.size {
		return nil
	}
	i32 := func(at int) int32 { return int32(le.Uint32(d[at:])) }
	return &Psinfo{
		State: d[1], UID: l.id(d[p.uid:]), GID: l.id(d[p.uid+p.idSize:]),
		PID: i32(p.pid), PPID: i32(p.pid + 4), PGRP: i32(p.pid + 8), SID: i32(p.pid + 12),
		Fname: cstring(d[p.fname : p.fname+16]), Args: cstring(d[p.fname+16 : p.fname+96]),
	}
}

func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func (l *layout) siginfo(d []byte) *Siginfo {
	if len(d) < 12 {
		return nil
	}
	return &Siginfo{Signo: int32(le.Uint32(d)), Errno: int32(le.Uint32(d[4:])), Code: int32(le.Uint32(d[8:])), Raw: d, union: l.si}
}

func (l *layout) auxv(d []byte) []Aux {
	var out []Aux
	for ; len(d) >= 2*l.word; d = d[2*l.word:] {
		a := Aux{Type: l.uint(d), Value: l.uint(d[l.word:])}
		if a.Type == 0 {
			break
		}
		out = append(out, a)
	}
	return out
}

// files reads NT_FILE: count, page size, count times (start, end, offset in
// pages), all longs, then count names.
func (l *layout) files(d []byte) []MappedFile {
	w := l.word
	if len(d) < 2*w {
		return nil
	}
	count, page := l.uint(d), l.uint(d[w:])
	if count > uint64(len(d)-2*w)/uint64(3*w) || page == 0 {
		return nil
	}
	entries := d[2*w:]
	names := entries[3*w*int(count):]
	out := make([]MappedFile, 0, count)
	for range count {
		end := bytes.IndexByte(names, 0)
		if end < 0 {
			break
		}
		f := MappedFile{Start: l.uint(entries), End: l.uint(entries[w:]), Off: l.uint(entries[2*w:]) * page, Path: string(names[:end])}
		names, entries = names[end+1:], entries[3*w:]
		if f.End > f.Start {
			out = append(out, f)
		}
	}
	return out
}
