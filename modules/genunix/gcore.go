package genunix

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// A core of a process out of a kernel's crash dump: the notes that the kernel would have
// written (gcorenotes.go, gcorelwp.go; layouts in gcorelayout.go), and the pages of its
// segments that the dump has. The pages of a mapping that the dump does not have (never
// touched, paged out, cut off) become a segment of the core without contents, so that
// reading them fails, as it does in the dump; MDB writes zeroes for them.

func gcoreDcmd() *core.Dcmd {
	return &core.Dcmd{
		Name: "gcore", Usage: ":[-o prefix] [-c content]", Descr: "generate a user core for the given process", Type: "proc_t", Run: noArgs(runGcore),
		Help: "Writes a core file of the process whose proc_t is at the address, with what the dump\n" +
			"has of its memory, to core.NAME.PID in the current directory. The dump must have the\n" +
			"pages of processes, or those of this one.\n",
		Opts: []core.Opt{
			{Letter: 'o', Kind: core.Str, Arg: "prefix", Help: "the file is PREFIX.PID"},
			{Letter: 'c', Kind: core.Str, Arg: "content", Help: "which mappings to save, as coreadm(8) has it: default-anon, stack+heap"},
		},
	}
}

// gcore is a core being made.
type gcore struct {
	c       *core.Ctx
	v       *view
	k       *system.IllumosKernel
	proc    uint64
	p       gcoreProc
	m       *model
	content uint64
	space   mem.Space // of the process
}

const (
	sSYS       = 1 // p_flag: a process of the kernel's (sys/proc.h)
	modelILP32 = 0x00100000
	gcorePage  = 4096
)

func runGcore(c *core.Ctx) error {
	if !c.HasAddr {
		return core.ErrUsage
	}
	k, ok := core.As[*system.IllumosKernel](c.Session.Context())
	if !ok {
		c.Warnf("gcore unavailable")
		return core.ErrFailed
	}
	g := &gcore{c: c, v: viewOf(c), k: k, proc: c.Addr, m: &lp64, content: contentDefault}
	if s, set := c.OptStr('c'); set {
		if g.content, ok = parseContent(s); !ok {
			c.Warnf("invalid content '%s'", s)
			return core.ErrFailed
		}
	}
	if err := g.v.load("proc_t", c.Addr, &g.p); err != nil {
		return badRead("proc", c.Addr, err)
	}
	if g.p.Flag&sSYS != 0 {
		c.Warnf("'%s' is a system process", g.p.Comm)
		return core.ErrFailed
	}
	if g.p.Model == modelILP32 {
		g.m = &ilp32
	}
	open, err := k.OpenProcess(c.Addr)
	if err != nil {
		return c.Warn(err, "Failed to initialize proc handle")
	}
	defer open.Close()
	g.space = open.Virtual()
	name := fmt.Sprintf("core.%s.%d", strings.Map(fileRune, g.p.Comm), g.p.Pid)
	if prefix, set := c.OptStr('o'); set {
		name = fmt.Sprintf("%s.%d", prefix, g.p.Pid)
	}
	return g.create(name)
}

// fileRune keeps a process from naming a file elsewhere.
func fileRune(r rune) rune {
	if r < ' ' || strings.ContainsRune(`/\:`, r) {
		return '_'
	}
	return r
}

// create writes the core to a file. What is not complete is taken away.
func (g *gcore) create(name string) error {
	notes, err := g.notes()
	if err != nil {
		return gcoreError(g.c, err)
	}
	segs, err := g.segments()
	if err != nil {
		return gcoreError(g.c, err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return gcoreError(g.c, err)
	}
	err = g.write(f, notes, segs)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(name)
		return gcoreError(g.c, err)
	}
	saved, missing := uint64(0), uint64(0)
	for _, s := range segs {
		switch {
		case s.saved:
			saved += s.size
		case s.wanted:
			missing += s.size
		}
	}
	g.c.Record(func() { g.c.Printf("Created core file: %s\n", name) },
		out.Field{Name: "file", Value: name}, out.Field{Name: "pid", Value: g.p.Pid},
		out.Field{Name: "saved", Value: saved}, out.Field{Name: "missing", Value: missing})
	if missing > 0 {
		g.c.Warnf("%d of %d pages to save are not in the dump", missing/gcorePage, (saved+missing)/gcorePage)
	}
	return nil
}

// coreSeg is a segment of the core: pages that are alike.
type coreSeg struct {
	base, size uint64
	prot       byte // PROT_*
	wanted     bool // by the content asked for
	saved      bool // and in the dump
}

// gcoreMapping is what is read of a segvn_data.
type gcoreMapping struct {
	Pageprot uint8  `ctf:"pageprot"`
	Prot     uint8  `ctf:"prot"`
	Type     uint8  `ctf:"type"`
	Vnode    uint64 `ctf:"vp"`
	Vpage    uint64 `ctf:"vpage"`
}

// segments cuts the mappings of the process into segments of the core.
func (g *gcore) segments() ([]coreSeg, error) {
	all, err := g.k.Segments(g.p.As)
	if err != nil {
		return nil, err
	}
	segvn, _ := g.v.address("genunix", "segvn_ops")
	hole, _ := g.v.address("genunix", "seghole_ops")
	var list []coreSeg
	for _, s := range all {
		if s.Ops == hole && hole != 0 {
			continue // addresses that were set aside, no memory
		}
		var m gcoreMapping
		prot := func(uint64) byte { return protRead | protWrite }
		if s.Ops == segvn {
			if err := g.v.load("struct segvn_data", s.Data, &m); err != nil {
				return nil, badRead("segvn_data", s.Data, err)
			}
			if prot, err = g.protections(s, &m); err != nil {
				return nil, err
			}
		}
		wanted := g.content&g.kind(s, &m, s.Ops == segvn) != 0
		if list, err = g.cut(list, s, wanted, prot); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// cut appends a mapping's pages as runs.
func (g *gcore) cut(list []coreSeg, s system.KernelSegment, wanted bool, prot func(uint64) byte) ([]coreSeg, error) {
	first := len(list)
	page := make([]byte, gcorePage)
	for off := uint64(0); off < s.Size; off += gcorePage {
		if g.c.Err() != nil {
			return nil, core.ErrIntr
		}
		p := coreSeg{base: s.Base + off, size: gcorePage, prot: prot(off / gcorePage), wanted: wanted}
		p.saved = wanted && mem.ReadFull(g.space, page, mem.Addr(p.base)) == nil
		if n := len(list); n > first && list[n-1].prot == p.prot && list[n-1].saved == p.saved {
			list[n-1].size += p.size
			continue
		}
		list = append(list, p)
	}
	return list, nil
}

// Protections of mappings (sys/mman.h), and the type of those that are shared.
const (
	protRead  = 1
	protWrite = 2
	protExec  = 4
	mapShared = 1
)

// protections gives the protection of each page of a mapping by its number.
func (g *gcore) protections(s system.KernelSegment, m *gcoreMapping) (func(uint64) byte, error) {
	if m.Pageprot == 0 || m.Vpage == 0 {
		return func(uint64) byte { return m.Prot }, nil
	}
	size, err := g.v.size("struct vpage")
	if err != nil {
		return nil, err
	}
	at, err := g.v.offset("struct vpage", "nvp_prot")
	if err != nil {
		return nil, err
	}
	pages := s.Size / gcorePage
	if pages > maxList {
		return nil, fmt.Errorf("segment at %x cannot have protections of %d pages", s.Addr, pages)
	}
	b := make([]byte, pages*size)
	if err := g.v.read(m.Vpage, b); err != nil {
		return nil, badRead("vpages", m.Vpage, err)
	}
	return func(i uint64) byte {
		if i >= pages {
			return m.Prot
		}
		return b[i*size+at]
	}, nil
}

// Kinds of contents by their bits, as CC_CONTENT_* (sys/corectl.h) number them.
var contentBits = []string{"stack", "heap", "shfile", "shanon", "text", "data", "rodata", "anon", "shm", "ism", "dism", "ctf", "symtab"}

const (
	contentStack = 1 << iota
	contentHeap
	contentShfile
	contentShanon
	contentText
	contentData
	contentRodata
	contentAnon
	contentShm
	contentISM
	contentDISM

	contentAll     = 1<<11 - 1 // symbols and types are not the dump's to give
	contentDefault = contentAll &^ contentShfile
)

// parseContent reads a set of contents: names added with + and taken away with -.
func parseContent(s string) (set uint64, ok bool) {
	op := byte('+')
	for s != "" {
		end := strings.IndexAny(s, "+-")
		if end < 0 {
			end = len(s)
		}
		bits, known := contentNamed(s[:end])
		if !known {
			return 0, false
		}
		if op == '+' {
			set |= bits
		} else {
			set &^= bits
		}
		if end == len(s) {
			return set & contentAll, true
		}
		op, s = s[end], s[end+1:]
	}
	return 0, false
}

func contentNamed(name string) (uint64, bool) {
	switch name {
	case "default":
		return contentDefault, true
	case "all":
		return contentAll, true
	case "none":
		return 0, true
	}
	for i, n := range contentBits {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// kind tells what a mapping holds.
func (g *gcore) kind(s system.KernelSegment, m *gcoreMapping, segvn bool) uint64 {
	holds := func(a uint64) bool { return a >= s.Base && a-s.Base < s.Size }
	file := false
	if m.Vnode != 0 {
		t, err := g.v.member("vnode_t", "v_type", m.Vnode)
		file = err == nil && t == 1 // VREG
	}
	switch {
	case g.p.Stksize != 0 && holds(g.p.Usrstack-1):
		return contentStack
	case g.p.Brksize != 0 && holds(g.p.Brkbase+g.p.Brksize-1):
		return contentHeap
	case !segvn:
		return contentShm | contentISM | contentDISM // memory that segspt shares, and the like
	case file && m.Type == mapShared:
		return contentShfile
	case file && m.Prot&protWrite != 0:
		return contentData
	case file && m.Prot&protExec != 0:
		return contentText
	case file:
		return contentRodata
	case m.Type == mapShared:
		return contentShanon
	}
	return contentAnon
}

// pnXnum is the number of segments from which on it is kept in the first section's header.
const pnXnum = 0xffff

// write writes the core: ELF's header, segments' headers, notes, memory.
func (g *gcore) write(w io.Writer, notes []byte, segs []coreSeg) error {
	m := g.m
	n := len(segs) + 2 // a segment of the notes of old, empty, precedes that of the others
	many := n >= pnXnum
	at := m.ehdr + n*m.phdr
	head := newRecord(m, at)
	if many {
		head = newRecord(m, at+m.shdr)
	}
	noteAt := uint64(len(head.b))
	g.header(head, n, at, many)
	g.programHeader(head, 0, coreHeader{typ: 4, flags: 4, off: noteAt})
	g.programHeader(head, 1, coreHeader{typ: 4, flags: 4, off: noteAt, filesz: uint64(len(notes))})
	off := (noteAt + uint64(len(notes)) + gcorePage - 1) &^ (gcorePage - 1)
	pad := make([]byte, off-noteAt-uint64(len(notes)))
	for i, s := range segs {
		h := coreHeader{typ: 1, flags: elfFlags(s.prot), vaddr: s.base, memsz: s.size}
		if s.saved {
			h.off, h.filesz = off, s.size
			off += s.size
		}
		g.programHeader(head, i+2, h)
	}
	if m.word == 4 && off > 1<<32-1 {
		return errors.New("core file is too large")
	}
	buf := bufio.NewWriterSize(w, 1<<18)
	for _, b := range [][]byte{head.b, notes, pad} {
		if _, err := buf.Write(b); err != nil {
			return err
		}
	}
	if err := g.copyMemory(buf, segs); err != nil {
		return err
	}
	return buf.Flush()
}

// copyMemory writes the pages that are saved.
func (g *gcore) copyMemory(w io.Writer, segs []coreSeg) error {
	page := make([]byte, gcorePage)
	for _, s := range segs {
		if !s.saved {
			continue
		}
		for a := s.base; a-s.base < s.size; a += gcorePage {
			if g.c.Err() != nil {
				return core.ErrIntr
			}
			if err := mem.ReadFull(g.space, page, mem.Addr(a)); err != nil {
				return fmt.Errorf("read page at %x: %w", a, err)
			}
			if _, err := w.Write(page); err != nil {
				return err
			}
		}
	}
	return nil
}

// header writes ELF's header as gcore(1) has it, and where there are very many segments
// the section that counts them.
func (g *gcore) header(r record, n, shoff int, many bool) {
	m := g.m
	copy(r.b, "\x7fELF")
	r.u8(4, m.dmodel) // ELFCLASS32, ELFCLASS64
	r.u8(5, 1)        // little-endian
	r.u8(6, 1)
	r.u16(16, 4) // ET_CORE
	r.u16(18, m.machine)
	r.u32(20, 1)
	phoff := 24 + m.word
	r.long(phoff, uint64(m.ehdr))
	sizes := phoff + 2*m.word + 4
	r.u16(sizes, uint16(m.ehdr))
	r.u16(sizes+2, uint16(m.phdr))
	r.u16(sizes+4, uint16(min(n, pnXnum)))
	r.u16(sizes+6, uint16(m.shdr))
	if !many {
		return
	}
	r.long(phoff+m.word, uint64(shoff))
	r.u16(sizes+8, 1)
	r.u32(shoff+12+4*m.word, uint32(n)) // sh_info: behind sh_link
}

// coreHeader is a program header.
type coreHeader struct {
	typ, flags                uint32
	off, vaddr, filesz, memsz uint64
}

// programHeader writes the i-th program header: in the two classes of ELF the flags are
// elsewhere.
func (g *gcore) programHeader(r record, i int, h coreHeader) {
	p := r.sub(g.m.ehdr+i*g.m.phdr, g.m.phdr)
	if g.m.word == 8 {
		for _, v := range []uint64{uint64(h.typ) | uint64(h.flags)<<32, h.off, h.vaddr, 0, h.filesz, h.memsz} {
			binary.LittleEndian.PutUint64(p.b, v)
			p.b = p.b[8:]
		}
		return
	}
	for j, v := range []uint64{uint64(h.typ), h.off, h.vaddr, 0, h.filesz, h.memsz, uint64(h.flags)} {
		p.u32(4*j, uint32(v))
	}
}

// elfFlags are the flags of a segment for a protection: the same bits the other way round.
func elfFlags(prot byte) uint32 {
	f := uint32(prot & protWrite)
	if prot&protRead != 0 {
		f |= 4
	}
	if prot&protExec != 0 {
		f |= 1
	}
	return f
}
