package elfcore

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"

	"github.com/xmdb/xmdb/core/sym/elffile"
)

// illumosLWP is what the notes say of one LWP.
type illumosLWP struct {
	id     uint64
	name   string
	status []byte // lwpstatus_t; nil of one that has exited
	info   []byte // lwpsinfo_t; nil if absent
}

// OpenFile is a prfdinfo_core_t.
type OpenFile struct {
	FD               int32
	Mode             uint32
	UID, GID         uint32
	Major, Minor     uint32
	RMajor, RMinor   uint32
	Ino              uint64
	Offset, Size     int64
	FileFlags, Flags int32
	Path             string
}

// fdinfoSize is the size of a prfdinfo_core_t in both models, bytes.
const fdinfoSize = 1088

// illumosNotes are the notes of a core of an illumos process.
type illumosNotes struct {
	lay      *illumosLayout
	psinfo   []byte
	pstatus  []byte
	cred     []byte
	utsname  []byte
	auxvData []byte
	auxv     []Aux
	platform string
	zone     string
	content  uint64
	hasCont  bool
	secflags []byte
	lwps     []*illumosLWP
	fds      []OpenFile
}

// maxLWPs and maxOpenFiles bound what is believed of the notes.
const (
	maxLWPs      = 1 << 20
	maxOpenFiles = 1 << 20
)

// lastNotes reads the last note segment: the one readers use, the one before it has
// the notes of the /proc of Solaris 2.5.
func lastNotes(r io.ReaderAt, size int64, h *header) ([]byte, error) {
	for i := len(h.progs) - 1; i >= 0; i-- {
		p := h.progs[i]
		if elf.ProgType(p.typ) != elf.PT_NOTE {
			continue
		}
		if p.off > uint64(size) || p.filesz > maxNotes {
			return nil, fmt.Errorf("read notes: %d bytes at %#x are not in the file", p.filesz, p.off)
		}
		b := make([]byte, min(p.filesz, uint64(size)-p.off))
		n, err := r.ReadAt(b, int64(p.off))
		switch {
		case n < len(b) && err != nil && err != io.EOF:
			return b[:n], fmt.Errorf("read notes: %w", err)
		case uint64(n) < p.filesz:
			return b[:n], fmt.Errorf("read notes: only %d of %d bytes are in the file", n, p.filesz)
		}
		return b, nil
	}
	return nil, nil
}

// parseIllumos reads the notes in b.
func parseIllumos(b []byte, lay *illumosLayout) *illumosNotes {
	n := &illumosNotes{lay: lay}
	for note := range elffile.Notes(b, le, 4) {
		if note.Name == "CORE" {
			n.add(note)
		}
	}
	return n
}

func (n *illumosNotes) add(note Note) {
	d := note.Desc
	switch note.Type {
	case illPlatform:
		n.platform = cstring(d)
	case illAuxv:
		if n.auxv == nil {
			n.auxvData, n.auxv = d, n.lay.auxv(d)
		}
	case illPstatus:
		if len(d) >= n.lay.pstatus && n.pstatus == nil {
			n.pstatus = d[:n.lay.pstatus]
		}
	case illPsinfo:
		if len(d) >= n.lay.psinfo && n.psinfo == nil {
			n.psinfo = d[:n.lay.psinfo]
		}
	case illPrcred:
		if len(d) >= 32 {
			n.cred = d
		}
	case illUtsname:
		if len(d) >= utsSize {
			n.utsname = d[:utsSize]
		}
	case illContent:
		if len(d) >= 8 {
			n.content, n.hasCont = le.Uint64(d), true
		}
	case illZonename:
		n.zone = cstring(d)
	case illSecflags:
		n.secflags = d
	case illFDInfo:
		if len(d) >= fdinfoSize && len(n.fds) < maxOpenFiles {
			n.fds = append(n.fds, openFile(d))
		}
	case illLwpsinfo, illLwpstatus, illLwpname:
		n.lwpNote(note.Type, d)
	}
}

// utsSize is the size of a struct utsname: five names of 257 bytes.
const utsSize = 5 * utsName

const utsName = 257

// lwpNote takes a note of one LWP: its lwpsinfo_t comes first, then what else there is.
func (n *illumosNotes) lwpNote(typ uint32, d []byte) {
	const idAt, nameID = 4, 0
	switch {
	case typ == illLwpname && len(d) >= 40:
		if l := n.lwp(le.Uint64(d[nameID:]), false); l != nil {
			l.name = cstring(d[8:40])
		}
	case typ == illLwpsinfo && len(d) >= 104:
		if l := n.lwp(uint64(le.Uint32(d[idAt:])), true); l != nil {
			l.info = d
		}
	case typ == illLwpstatus && len(d) >= n.lay.lwp:
		if l := n.lwp(uint64(le.Uint32(d[idAt:])), true); l != nil && l.status == nil {
			l.status = d[:n.lay.lwp]
		}
	}
}

// lwp gives the LWP of an id: mostly the last one.
func (n *illumosNotes) lwp(id uint64, make bool) *illumosLWP {
	for i := len(n.lwps) - 1; i >= 0 && i >= len(n.lwps)-2; i-- {
		if n.lwps[i].id == id {
			return n.lwps[i]
		}
	}
	if !make || len(n.lwps) >= maxLWPs {
		return nil
	}
	l := &illumosLWP{id: id}
	n.lwps = append(n.lwps, l)
	return l
}

// auxv reads auxv_t entries: an int and a long in each.
func (l *illumosLayout) auxv(d []byte) []Aux {
	var out []Aux
	for ; len(d) >= 2*l.word; d = d[2*l.word:] {
		a := Aux{Type: uint64(le.Uint32(d)), Value: l.uint(d[l.word:])}
		if a.Type == 0 {
			break
		}
		out = append(out, a)
	}
	return out
}

func openFile(d []byte) OpenFile {
	i32 := func(at int) int32 { return int32(le.Uint32(d[at:])) }
	u32 := func(at int) uint32 { return le.Uint32(d[at:]) }
	path := d[64:fdinfoSize]
	if i := bytes.IndexByte(path, 0); i >= 0 {
		path = path[:i]
	}
	return OpenFile{
		FD: i32(0), Mode: u32(4), UID: u32(8), GID: u32(12), Major: u32(16), Minor: u32(20), RMajor: u32(24), RMinor: u32(28),
		Ino: le.Uint64(d[32:]), Offset: int64(le.Uint64(d[40:])), Size: int64(le.Uint64(d[48:])),
		FileFlags: i32(56), Flags: i32(60), Path: string(path),
	}
}
