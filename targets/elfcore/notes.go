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
	ntX86State = 0x202
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
}

// Addr is the fault address of SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP.
func (s *Siginfo) Addr() uint64 {
	if len(s.Raw) < 24 {
		return 0
	}
	return le.Uint64(s.Raw[16:])
}

// Sender is the process and user that sent the signal, where si_code says that
// one did.
func (s *Siginfo) Sender() (pid int32, uid uint32) {
	if len(s.Raw) < 24 {
		return 0, 0
	}
	return int32(le.Uint32(s.Raw[16:])), le.Uint32(s.Raw[20:])
}

// Thread is one thread of the process (its NT_PRSTATUS and the notes after it).
type Thread struct {
	ID      int32 // LWP id
	Cursig  int16 // signal it was handling, 0 if none
	Signo   int32 // from the si_* fields of NT_PRSTATUS
	Pending uint64
	Held    uint64
	Greg    [27]uint64 // struct user_regs_struct
	FPRegs  []byte     // NT_FPREGSET: an FXSAVE area; nil if absent
	XState  []byte     // NT_X86_XSTATE: an XSAVE area; nil if absent
	Siginfo *Siginfo   // nil if absent
	regs    bool       // Greg was there
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
}

// Aux is one entry of the auxiliary vector.
type Aux = core.Aux

// readNotes reads the note segments.
func readNotes(r io.ReaderAt, size int64, h *header) (*notes, error) {
	n := &notes{}
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
		if t := parsePrstatus(d); t != nil {
			n.threads = append(n.threads, t)
		}
	case ntPrpsinfo:
		if p := parsePsinfo(d); p != nil && n.psinfo == nil {
			n.psinfo = p
		}
	case ntAuxv:
		if n.auxv == nil {
			n.auxv = parseAuxv(d)
		}
	case ntFile:
		if n.files == nil {
			n.files = parseFiles(d)
		}
	case ntFpregset:
		if last != nil && last.FPRegs == nil {
			last.FPRegs = d
		}
	case ntX86State:
		if last != nil && last.XState == nil {
			last.XState = d
		}
	case ntSiginfo:
		if s := parseSiginfo(d); s != nil && last != nil && last.Siginfo == nil {
			last.Siginfo = s
		}
	}
}

// Offsets in struct elf_prstatus of a 64-bit kernel.
const (
	prCursig  = 12
	prSigpend = 16
	prSighold = 24
	prPid     = 32
	prReg     = 112
	prRegEnd  = prReg + 27*8
)

func parsePrstatus(d []byte) *Thread {
	if len(d) < prPid+4 {
		return nil
	}
	t := &Thread{
		ID: int32(le.Uint32(d[prPid:])), Signo: int32(le.Uint32(d)), Cursig: int16(le.Uint16(d[prCursig:])),
		Pending: le.Uint64(d[prSigpend:]), Held: le.Uint64(d[prSighold:]),
	}
	if len(d) >= prRegEnd {
		t.regs = true
		for i := range t.Greg {
			t.Greg[i] = le.Uint64(d[prReg+8*i:])
		}
	}
	return t
}

// parsePsinfo reads struct elf_prpsinfo of a 64-bit kernel: 136 bytes.
func parsePsinfo(d []byte) *Psinfo {
	if len(d) < 136 {
		return nil
	}
	return &Psinfo{
		State: d[1], UID: le.Uint32(d[16:]), GID: le.Uint32(d[20:]),
		PID: int32(le.Uint32(d[24:])), PPID: int32(le.Uint32(d[28:])), PGRP: int32(le.Uint32(d[32:])), SID: int32(le.Uint32(d[36:])),
		Fname: cstring(d[40:56]), Args: cstring(d[56:136]),
	}
}

func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func parseSiginfo(d []byte) *Siginfo {
	if len(d) < 12 {
		return nil
	}
	return &Siginfo{Signo: int32(le.Uint32(d)), Errno: int32(le.Uint32(d[4:])), Code: int32(le.Uint32(d[8:])), Raw: d}
}

func parseAuxv(d []byte) []Aux {
	var out []Aux
	for ; len(d) >= 16; d = d[16:] {
		a := Aux{Type: le.Uint64(d), Value: le.Uint64(d[8:])}
		if a.Type == 0 {
			break
		}
		out = append(out, a)
	}
	return out
}

// parseFiles reads NT_FILE: count, page size, count times (start, end, offset in
// pages), then count names.
func parseFiles(d []byte) []MappedFile {
	if len(d) < 16 {
		return nil
	}
	count, page := le.Uint64(d), le.Uint64(d[8:])
	if count > uint64(len(d)-16)/24 || page == 0 {
		return nil
	}
	names := d[16+24*count:]
	out := make([]MappedFile, 0, count)
	for i := range count {
		e := d[16+24*i:]
		end := bytes.IndexByte(names, 0)
		if end < 0 {
			break
		}
		f := MappedFile{Start: le.Uint64(e), End: le.Uint64(e[8:]), Off: le.Uint64(e[16:]) * page, Path: string(names[:end])}
		names = names[end+1:]
		if f.End > f.Start {
			out = append(out, f)
		}
	}
	return out
}
