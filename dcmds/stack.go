package dcmds

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/unwind"
)

const stackHelp = "Print the stack of the representative thread, or the one that begins at the frame\n" +
	"pointer given as the address. cnt is the number of arguments shown of a frame where\n" +
	"they are known; it does not limit the frames.\n"

// stackDcmds print stacks.
func stackDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "stack", Usage: "?[-ls] [cnt]", Descr: "print stack backtrace", Help: stackHelp, Opts: stackOpts, Run: runStack},
		{Name: "$c", Usage: "?[-ls] [cnt]", Descr: "print stack backtrace", Help: stackHelp, Opts: stackOpts, Run: runStack},
		{Name: "$C", Usage: "?[-ls] [cnt]", Descr: "print stack backtrace with frame pointers", Help: stackHelp, Opts: stackOpts, Run: runStackFP},
		{Name: "stackregs", Usage: "?[-ls] [cnt]", Descr: "print stack backtrace and registers", Help: stackHelp, Opts: stackOpts, Run: runStackFP},
		{Name: "findstack", Usage: ":[-v]", Descr: "find user thread stack", NoHint: true,
			Help: "Print the stack of the thread whose id is the address. A string is the command\n" +
				"to run on its frame pointer instead of $C.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with file and line, inlined functions and the values of arguments"}}, Run: runFindstack},
	}
}

var stackOpts = []core.Opt{
	{Letter: 'l', Help: "with file and line, inlined functions and the values of arguments"},
	{Letter: 's', Help: "with what each frame was found by: cfi, fp, signal ..."},
}

func runStack(c *core.Ctx) error   { return stackCommand(c, false) }
func runStackFP(c *core.Ctx) error { return stackCommand(c, true) }

func stackCommand(c *core.Ctx, fp bool) error {
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	regs, err := stackStart(c)
	if err != nil {
		return err
	}
	return printStack(c, regs, stackStyle{fp: fp, lines: c.Opt('l'), source: c.Opt('s')})
}

// stackStart gives the registers a stack is walked from.
func stackStart(c *core.Ctx) (*arch.Regs, error) {
	if !c.HasAddr {
		return threadRegs(c)
	}
	if c.Session.Context().Target == nil {
		return nil, core.ErrNoProc
	}
	// The address is a frame pointer: the saved frame pointer and the return
	// address lie there.
	size := uint64(c.Arch().PtrSize)
	fp, err := c.ReadPtr(c.Addr)
	if err == nil {
		var pc uint64
		if pc, err = c.ReadPtr(c.Addr + size); err == nil {
			r := arch.NewRegs(c.Arch())
			r.Set(c.Arch().PC, pc)
			r.Set(c.Arch().FP, fp)
			r.Set(c.Arch().SP, c.Addr+2*size)
			return r, nil
		}
	}
	return nil, c.Warn(err, "failed to read frame at %p", c.Addr)
}

type stackStyle struct {
	fp, lines, source bool
	callers           bool // without the innermost frame
}

// printStack walks a stack and prints a line a frame.
func printStack(c *core.Ctx, regs *arch.Regs, style stackStyle) error {
	u, ok := core.As[core.Unwinder](c.Session.Context())
	if !ok {
		return core.ErrNotSup
	}
	for f, err := range u.Frames(c, regs) {
		if err != nil {
			if errors.Is(err, c.Err()) && c.Err() != nil {
				return core.ErrIntr
			}
			c.Warnf("%s", "stack ends: "+err.Error())
			return core.ErrFailed
		}
		if f.PC == 0 && !f.Exact {
			break
		}
		if f.Level == 0 && style.callers {
			continue
		}
		printFrame(c, &f, style)
	}
	return nil
}

func printFrame(c *core.Ctx, f *unwind.Frame, style stackStyle) {
	if c.PipeOut {
		c.Emit(f.PC, nil)
		return
	}
	name := frameName(c, f)
	fields := []out.Field{
		{Name: "fp", Value: out.Hex(framePointer(c, f))}, {Name: "pc", Value: out.Hex(f.PC)},
		{Name: "function", Value: name}, {Name: "source", Value: f.Source.String()},
	}
	d := frameDetail{}
	if style.lines {
		d = detail(c, f)
		fields = append(fields, out.Field{Name: "file", Value: d.file}, out.Field{Name: "line", Value: d.line})
	}
	c.Record(func() {
		for _, in := range d.inlines {
			if style.fp {
				c.Printf("%?s ", "")
			}
			c.Printf("%s(%s) (inlined) at %s:%d\n", in.name, in.args, in.file, in.line)
		}
		if style.fp {
			c.Printf("%0?lr ", framePointer(c, f))
		}
		c.Printf("%s(%s)", name, d.args)
		if d.file != "" {
			c.Printf(" at %s:%d", d.file, d.line)
		}
		if style.source {
			c.Printf(" [%s]", f.Source.String())
		}
		c.Printf("\n")
	}, fields...)
}

// frameName names a frame's PC. A return address may be past its function's end,
// when the call was the last thing in it: it is named by the call.
func frameName(c *core.Ctx, f *unwind.Frame) string {
	name, ok := c.SymbolName(f.PC)
	if code := f.CodeAddr(); code != f.PC {
		ns := c.Namespace()
		at, err := ns.LookupAddr(code, 0)
		pc, perr := ns.LookupAddr(f.PC, 0)
		if err == nil && (perr != nil || pc.Value != at.Value) {
			return ns.Label(at, f.PC) + "+" + sym.Offset(f.PC-at.Value, c.Opts.Radix)
		}
	}
	if !ok {
		return fmt.Sprintf("%#x", f.PC)
	}
	return name
}

// framePointer is where the frame's saved frame pointer is or would be: two words
// below the canonical frame address, whether or not the function keeps one.
func framePointer(c *core.Ctx, f *unwind.Frame) uint64 {
	if f.CFA != 0 {
		return f.CFA - 2*uint64(c.Arch().PtrSize)
	}
	return f.FP
}

// runFindstack prints the stack of a thread: its stack pointer, the frame the
// thread is in, and the frames below it as $C does, or what another command makes
// of the frame pointer.
func runFindstack(c *core.Ctx) error {
	regs, err := threadRegs(c)
	if err != nil {
		return err
	}
	if len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].IsImm {
		return core.ErrUsage
	}
	if !c.PipeOut {
		c.Printf("stack pointer for thread %p%s: %p\n", c.Addr, threadLabel(c.Session, c.Addr), regs.SP())
		c.Printf("[ %0?lr %s() ]\n", regs.SP(), symbolOr(c, regs.PC()))
	}
	old := c.P.IncIndent(findstackIndent)
	defer func() { c.P.EndLine(); c.P.SetMargin(old) }()
	if len(c.Args) == 1 {
		c.SetDot(regs.FP())
		return c.Session.Eval.Eval(c, c.Session, "<."+c.Args[0].Str)
	}
	return printStack(c, regs, stackStyle{fp: true, lines: c.Opt('v'), callers: true})
}

const findstackIndent = 2

func symbolOr(c *core.Ctx, addr uint64) string {
	if s, ok := c.SymbolName(addr); ok {
		return s
	}
	return fmt.Sprintf("%#x", addr)
}

// threadLabel is "[name]" of a thread with a name, else "".
func threadLabel(s *core.Session, id uint64) string {
	t, ok := core.As[core.Threads](s.Context())
	if !ok {
		return ""
	}
	for _, th := range t.Threads() {
		if th.ID == id && th.Name != "" {
			return "[" + th.Name + "]"
		}
	}
	return ""
}

