package dcmds

import (
	"debug/elf"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func disDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "dis", Usage: "?[-abfw] [-n cnt] [addr]", Descr: "disassemble near addr",
			Help: "-a      print addresses as numbers\n-b      print addresses as numbers and symbols\n" +
				"-f      read from the object file instead of the virtual address space\n" +
				"-w      show a window around the address, even if it is the beginning of a function\n" +
				"-n cnt  show cnt instructions before and after the address, or from it on\n",
			Opts: []core.Opt{
				{Letter: 'a', Help: "print addresses as numbers"},
				{Letter: 'b', Help: "print addresses as numbers and symbols"},
				{Letter: 'f', Help: "read from the object file"},
				{Letter: 'w', Help: "show a window around the address"},
				{Letter: 'n', Kind: core.Uint, Arg: "cnt", Help: "number of instructions"},
			}, Run: runDis},
		{Name: "dismode", Usage: "[mode]", Descr: "get/set disassembly mode", Run: runDismode},
		{Name: "$V", Usage: "[mode]", Descr: "get/set disassembly mode", Run: runDismode},
		{Name: "disasms", Descr: "list available disassemblers", Run: runDisasms},
	}
}

// listing is one run of ::dis.
type listing struct {
	c  *core.Ctx
	sp mem.Space
}

// windowSize is how many instructions a window has on each side, or a listing
// without one.
const windowSize = 10

func runDis(c *core.Ctx) error {
	l := &listing{c: c, sp: c.Session.Space()}
	cx := c.Session.Context()
	if t, ok := core.As[core.Stater](cx); c.Opt('f') || cx.Target == nil || ok && t.State() == core.StateIdle {
		l.sp = interp.ObjectSpace(c.Session)
	}
	addr := c.Addr
	if len(c.Args) > 0 {
		var err error
		if addr, err = disAddress(c); err != nil {
			return err
		}
	}
	window := c.Opt('w')
	end := uint64(0)
	if !window && (c.HasAddr || len(c.Args) > 0) {
		m, err := c.Session.Namespace().LookupAddr(addr, c.Opts.SymDist)
		if err == nil && m.Value == addr && m.Type() == elf.STT_FUNC {
			if m.Size != 0 {
				end = addr + m.Size
			}
		} else {
			window = true
		}
	}
	if c.Loop {
		window = false
	}
	n, given := c.OptUint('n')
	if given {
		end = 0
	} else {
		n = windowSize
	}
	if window {
		return l.window(addr, n)
	}
	return l.straight(addr, n+1, end)
}

// disAddress is the address that the argument names.
func disAddress(c *core.Ctx) (uint64, error) {
	if len(c.Args) != 1 {
		return 0, core.ErrUsage
	}
	a := c.Args[0]
	switch {
	case a.IsImm:
		return a.Imm, nil
	case a.Str == "" || a.Str[0] == '-':
		return 0, core.ErrUsage
	case a.Str[0] >= '0' && a.Str[0] <= '9':
		return c.Strtoull(a.Str)
	}
	v, err := c.Session.Eval.Expr(c.Session, a.Str)
	if err != nil {
		c.Warnf("symbol '%s' not found", a.Str)
		return 0, core.ErrFailed
	}
	return v, nil
}

// print shows one instruction. The one asked for, in a window, is bold.
func (l *listing) print(addr uint64, in core.Insn, bold bool) {
	l.c.Record(func() {
		if bold {
			l.c.Printf("%<b>")
		}
		l.line(addr, in.Text)
		if bold {
			l.c.Printf("%</b>")
		}
		l.c.Printf("\n")
	}, l.fields(addr, in)...)
}

// fields are an instruction as JSON; as text it costs nothing.
func (l *listing) fields(addr uint64, in core.Insn) []out.Field {
	if !l.c.Opts.JSON {
		return nil
	}
	name, _ := l.c.SymbolName(addr)
	code := make([]byte, in.Len)
	var data any
	if err := mem.ReadFull(l.sp, code, mem.Addr(addr)); err != nil {
		data = err
	} else {
		data = hex.EncodeToString(code)
	}
	return []out.Field{namedField("addr", out.Addr(addr)), namedField("symbol", name), namedField("bytes", data),
		namedField("text", strings.ReplaceAll(in.Text, "\t", " "))}
}

// line prints one instruction without ending the line.
func (l *listing) line(addr uint64, text string) {
	switch {
	case l.c.Opt('a'):
		l.c.Printf("%-#32p%8T%s", addr, text)
	case l.c.Opt('b'):
		l.c.Printf("%-#?p  %-#32a%8T%s", addr, addr, text)
	default:
		l.c.Printf("%-#32a%8T%s", addr, text)
	}
}

// one decodes the instruction at addr.
func (l *listing) one(addr uint64) (core.Insn, error) {
	if l.c.Err() != nil {
		return core.Insn{}, core.ErrIntr
	}
	in, err := l.c.Disassemble(l.sp, addr)
	switch {
	case err == core.ErrNoDisasm:
		return in, core.ErrFailed
	case err != nil:
		return in, l.c.Warn(err, "failed to read instruction at %#lr", addr)
	}
	return in, nil
}

// straight lists count instructions, or up to end if it is not 0.
func (l *listing) straight(addr, count, end uint64) error {
	for end == 0 && count > 0 || addr < end {
		count--
		in, err := l.one(addr)
		if err != nil {
			return err
		}
		l.print(addr, in, false)
		addr += uint64(in.Len)
	}
	l.c.SetDot(addr)
	return nil
}

// window lists n instructions before addr, the one at addr and n after it.
func (l *listing) window(addr, n uint64) error {
	for at := l.before(addr, n); at < addr; {
		in, err := l.one(at)
		if err != nil {
			return err
		}
		l.print(at, in, false)
		at += uint64(in.Len)
	}
	in, err := l.one(addr)
	if err != nil {
		return err
	}
	l.print(addr, in, true)
	return l.straight(addr+uint64(in.Len), n, 0)
}

// before is the address n instructions before addr. It is reached from the start
// of the function that addr lies in; if that does not lead to addr, addr itself
// is given.
func (l *listing) before(addr, n uint64) uint64 {
	m, err := l.c.Session.Namespace().LookupAddr(addr, l.c.Opts.SymDist)
	if err != nil || n == 0 {
		return addr
	}
	var starts []uint64
	at := m.Value
	for at < addr {
		in, err := l.c.Disassemble(l.sp, at)
		if err != nil || l.c.Err() != nil {
			return addr
		}
		starts = append(starts, at)
		at += uint64(in.Len)
	}
	if at != addr || len(starts) == 0 {
		return addr
	}
	return starts[uint64(len(starts))-min(n, uint64(len(starts)))]
}

func runDismode(c *core.Ctx) error {
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	if len(c.Args) == 1 {
		name := c.Args[0].Str
		if c.Args[0].IsImm {
			name = strconv.FormatUint(c.Args[0].Imm, 10)
		}
		if !c.SetDisMode(name) {
			c.Warnf("failed to set disassembly mode: unknown disassembler name")
			return core.ErrFailed
		}
	}
	m := c.CurrentDisMode()
	c.Record(func() { c.Printf("disassembly mode is %s (%s)\n", m.Name, m.Descr) },
		namedField("mode", m.Name), namedField("descr", m.Descr))
	return nil
}

func runDisasms(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	for _, m := range core.DisModes {
		c.Record(func() { c.Printf("%-24s - %s\n", m.Name, m.Descr) },
			namedField("mode", m.Name), namedField("descr", m.Descr))
	}
	return nil
}
