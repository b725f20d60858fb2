//go:build amd64 || arm64

package ptrace

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unsafe"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"golang.org/x/sys/unix"
)

// Notes of a core (include/uapi/linux/elf.h).
const (
	ntPrstatus  = 1
	ntPrpsinfo  = 3
	ntAuxvNote  = 6
	ntSiginfo   = 0x53494749
	ntFile      = 0x46494c45
	prstatusReg = 112 // offset of pr_reg in struct elf_prstatus of 64-bit systems
)

var le = binary.LittleEndian

// DumpCore implements core.CoreDumper: a core as the kernel writes them, with the
// text of files, too.
func (t *Target) DumpCore(ctx context.Context, prefix, content string) (string, error) {
	if t.p == nil || t.p.gone != nil {
		return "", errors.New("the process is not halted")
	}
	want, err := parseContent(content)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s.%d", prefix, t.pid)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = t.writeCore(ctx, w, want)
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		os.Remove(name)
		return "", err
	}
	return name, nil
}

// A region is a mapping as a core has it.
type region struct {
	mem.Mapping
	shared bool
	dump   bool
}

func (t *Target) regions(want contents) ([]region, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", t.pid))
	if err != nil {
		return nil, err
	}
	var list []region
	for _, line := range strings.Split(string(b), "\n") {
		m, ok := parseMap(line)
		if !ok || m.Name == "[vsyscall]" {
			continue
		}
		_, perms, _ := strings.Cut(line, " ")
		r := region{Mapping: m, shared: len(perms) > 3 && perms[3] == 's'}
		r.dump = want.has(kindOf(r)) && !strings.HasPrefix(m.Name, "[vvar")
		list = append(list, r)
	}
	return list, nil
}

func (t *Target) writeCore(ctx context.Context, w io.Writer, want contents) error {
	regions, err := t.regions(want)
	if err != nil {
		return err
	}
	var notes []byte
	t.tracer.do(func() { notes = t.coreNotes(regions) })
	const ehSize, phSize = 64, 56
	header := elf.Header64{
		Type: uint16(elf.ET_CORE), Machine: coreMachine, Version: 1, Phoff: ehSize, Ehsize: ehSize, Phentsize: phSize,
		Phnum: uint16(len(regions) + 1),
	}
	copy(header.Ident[:], "\x7fELF\x02\x01\x01")
	var shdr []byte
	if len(regions)+1 >= 0xffff { // PN_XNUM: the count is in section 0
		header.Phnum, header.Shnum, header.Shentsize = 0xffff, 1, 64
		header.Shoff = ehSize + uint64(len(regions)+1)*phSize
		shdr = le.AppendUint32(make([]byte, 44), uint32(len(regions)+1)) // sh_info
		shdr = append(shdr, make([]byte, 16)...)
	}
	off := uint64(ehSize + phSize*(len(regions)+1) + len(shdr))
	segs := []elf.Prog64{{Type: uint32(elf.PT_NOTE), Off: off, Filesz: uint64(len(notes)), Align: 4}}
	off = (off + uint64(len(notes)) + 4095) &^ 4095
	for _, r := range regions {
		p := elf.Prog64{Type: uint32(elf.PT_LOAD), Off: off, Vaddr: uint64(r.Base), Memsz: r.Size, Align: 4096}
		for i, bit := range []mem.Prot{mem.ProtExec, mem.ProtWrite, mem.ProtRead} {
			if r.Prot&bit != 0 {
				p.Flags |= 1 << i
			}
		}
		if r.dump {
			p.Filesz = r.Size
			off += r.Size
		}
		segs = append(segs, p)
	}
	var head bytes.Buffer
	binary.Write(&head, le, header)
	binary.Write(&head, le, segs)
	head.Write(shdr)
	head.Write(notes)
	head.Write(make([]byte, -head.Len()&4095))
	if _, err := w.Write(head.Bytes()); err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	for _, r := range regions {
		if !r.dump {
			continue
		}
		for at, left := uint64(r.Base), r.Size; left > 0; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(left, uint64(len(buf)))
			t.readPages(buf[:n], at)
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			at, left = at+n, left-n
		}
	}
	return nil
}

// readPages reads memory; what cannot be read, such as a page beyond the end of a
// mapped file, is zero in a core.
func (t *Target) readPages(b []byte, at uint64) {
	n, err := t.p.readOriginal(b, at)
	for err != nil && n < len(b) {
		n &^= 4095
		clear(b[n:min(n+4096, len(b))])
		if n += 4096; n >= len(b) {
			return
		}
		var m int
		m, err = t.p.readOriginal(b[n:], at+uint64(n))
		n += m
	}
}

// coreNotes are the notes of a core, those of the thread that stopped first.
func (t *Target) coreNotes(regions []region) []byte {
	var out []byte
	note := func(name string, typ uint32, desc []byte) {
		out = le.AppendUint32(out, uint32(len(name)+1))
		out = le.AppendUint32(out, uint32(len(desc)))
		out = le.AppendUint32(out, typ)
		out = append(append(out, name...), 0)
		out = append(out, make([]byte, -len(out)&3)...)
		out = append(out, desc...)
		out = append(out, make([]byte, -len(out)&3)...)
	}
	list := t.p.list()
	for i, th := range list {
		if uint64(th.tid) == t.last.Thread {
			list[0], list[i] = list[i], list[0]
		}
	}
	for i, th := range list {
		if th.load() != nil {
			continue
		}
		note("CORE", ntPrstatus, t.prstatus(th))
		if i == 0 {
			note("CORE", ntPrpsinfo, t.prpsinfo())
			if si, err := signalInfo(th.tid); err == nil {
				note("CORE", ntSiginfo, unsafe.Slice((*byte)(unsafe.Pointer(&si)), unsafe.Sizeof(si)))
			}
			if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", t.pid)); err == nil {
				note("CORE", ntAuxvNote, b)
			}
			note("CORE", ntFile, fileNote(regions))
		}
		for _, a := range coreAreas {
			if b := regArea(th.tid, a.note, a.size); b != nil {
				note(a.name, uint32(a.note), b)
			}
		}
	}
	return out
}

// prstatus is struct elf_prstatus (include/linux/elfcore.h).
func (t *Target) prstatus(th *thread) []byte {
	regs := unsafe.Slice((*byte)(unsafe.Pointer(&th.regs)), unsafe.Sizeof(th.regs))
	b := make([]byte, prstatusReg+len(regs)+8)
	sig := 0
	if uint64(th.tid) == t.last.Thread {
		sig = t.Signal()
	}
	le.PutUint32(b, uint32(sig))
	le.PutUint16(b[12:], uint16(sig))
	st, _ := readStatus(t.pid)
	pgrp, _ := unix.Getpgid(t.pid)
	sid, _ := unix.Getsid(t.pid)
	for i, v := range []int{th.tid, st.ppid, pgrp, sid} {
		le.PutUint32(b[32+4*i:], uint32(v))
	}
	copy(b[prstatusReg:], regs)
	le.PutUint32(b[prstatusReg+len(regs):], 1) // pr_fpvalid
	return b
}

// prpsinfo is struct elf_prpsinfo (include/linux/elfcore.h).
func (t *Target) prpsinfo() []byte {
	b := make([]byte, 136)
	st, _ := readStatus(t.pid)
	b[1] = 't'
	pgrp, _ := unix.Getpgid(t.pid)
	sid, _ := unix.Getsid(t.pid)
	le.PutUint32(b[16:], uint32(st.uid))
	for i, v := range []int{t.pid, st.ppid, pgrp, sid} {
		le.PutUint32(b[24+4*i:], uint32(v))
	}
	copy(b[40:55], st.name)
	args, _ := t.Args()
	copy(b[56:135], strings.Join(args, " "))
	return b
}

// fileNote is NT_FILE: count, page size, then start, end and offset in pages of each
// mapped file, then the names.
func fileNote(regions []region) []byte {
	var heads, names []byte
	n := uint64(0)
	for _, r := range regions {
		if !strings.HasPrefix(r.Name, "/") {
			continue
		}
		n++
		heads = le.AppendUint64(heads, uint64(r.Base))
		heads = le.AppendUint64(heads, uint64(r.End()))
		heads = le.AppendUint64(heads, r.Off/4096)
		names = append(append(names, r.Name...), 0)
	}
	out := le.AppendUint64(nil, n)
	out = le.AppendUint64(out, 4096)
	return append(append(out, heads...), names...)
}

// Xdata implements core.Xdata: what a core of the process has as notes.
func (t *Target) Xdata() []core.Blob {
	blobs := []core.Blob{{Name: "psinfo", Descr: "struct elf_prpsinfo", Data: t.prpsinfo()}}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", t.pid)); err == nil {
		blobs = append(blobs, core.Blob{Name: "auxv", Descr: "auxiliary vector", Data: b})
	}
	if t.p == nil {
		return blobs
	}
	var status []byte
	t.tracer.do(func() {
		for _, th := range t.p.list() {
			if th.load() == nil {
				status = append(status, t.prstatus(th)...)
			}
		}
	})
	return append(blobs, core.Blob{Name: "lwpstatus", Descr: "struct elf_prstatus array", Data: status})
}
