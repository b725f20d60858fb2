package dcmds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/system/vars"
	"github.com/xmdb/xmdb/core/unwind"
)

const stackHelp = `Prints the stack of the representative thread, or the one that begins at the frame
pointer given as the address. Into a pipe go the program counters.

cnt    how many arguments of a function are shown where they are known (with -l); 6
       if it is not given. It does not limit the frames.
-l     each function with file and line and the values of its arguments; functions
       inlined there have lines of their own, the innermost first
-n     with the numbers by which ::frame knows the frames
-s     with what each frame was found by: entry (the thread's registers), cfi or
       debug_frame (the callee's call frame information), signal (what the kernel
       saved), fp (the frame pointer chain), guess
`

// stackDcmds print stacks.
func stackDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "stack", Usage: "?[-lns] [cnt]", MDBUsage: "?[cnt]", Descr: "print stack backtrace", Help: stackHelp, Opts: stackOpts, Run: runStack},
		{Name: "$c", Usage: "?[-lns] [cnt]", MDBUsage: "?[cnt]", Descr: "print stack backtrace", Help: stackHelp, Opts: stackOpts, Run: runStack},
		{Name: "$C", Usage: "?[-lns] [cnt]", MDBUsage: "?[cnt]", Descr: "print stack backtrace with frame pointers", Help: stackHelp, Opts: stackOpts, Run: runStackFP},
		{Name: "stackregs", Usage: "?[-lns] [cnt]", MDBUsage: "?", Descr: "print stack backtrace and registers", Help: stackHelp, Opts: stackOpts, Run: runStackFP},
		{Name: "findstack", Usage: ":[-lv]", MDBUsage: ":[-v]", Descr: "find user thread stack", NoHint: true,
			Help: "Prints the stack of the thread whose id is the address. A string is the command\n" +
				"to run on its frame pointer instead of $C. -v is for targets that save arguments;\n" +
				"-l is that of ::stack.\n",
			Opts: []core.Opt{
				{Letter: 'l', Help: "with file and line, inlined functions and the values of arguments"},
				{Letter: 'v', Help: "with the arguments that the target has on the stack"},
			}, Run: runFindstack},
	}
}

var stackOpts = []core.Opt{
	{Letter: 'l', Help: "with file and line, inlined functions and the values of arguments"},
	{Letter: 'n', Help: "with the numbers of frames"},
	{Letter: 's', Help: "with what each frame was found by: cfi, fp, signal ..."},
}

func runStack(c *core.Ctx) error   { return stackCommand(c, false) }
func runStackFP(c *core.Ctx) error { return stackCommand(c, true) }

// defaultArgs is how many arguments are shown of a function.
const defaultArgs = 6

func stackCommand(c *core.Ctx, fp bool) error {
	max, err := argLimit(c)
	if err != nil {
		return err
	}
	regs, err := stackStart(c)
	if err != nil {
		return err
	}
	style := stackStyle{fp: fp, lines: c.Opt('l'), numbers: c.Opt('n'), source: c.Opt('s'), args: max, returned: c.HasAddr}
	return printStack(c, regs, c.Session.Context().Thread, style)
}

// argLimit is how many arguments of a function are to be shown.
func argLimit(c *core.Ctx) (uint64, error) {
	switch len(c.Args) {
	case 0:
		return defaultArgs, nil
	case 1:
		return numberArg(c, c.Args[0])
	}
	return 0, core.ErrUsage
}

// numberArg reads a number by the session's radix.
func numberArg(c *core.Ctx, a core.Arg) (uint64, error) {
	if a.IsImm {
		return a.Imm, nil
	}
	return c.Strtoull(a.Str)
}

// stackStart gives the registers a stack is walked from.
func stackStart(c *core.Ctx) (*arch.Regs, error) {
	if !c.HasAddr {
		return threadRegs(c)
	}
	if c.Session.Context().Target == nil {
		return nil, core.ErrNoProc
	}
	if isKernel(c.Session) { // what is wrong with it is told as that of any other
		r := arch.NewRegs(c.Arch())
		r.Set(c.Arch().FP, c.Addr)
		return r, nil
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
	fp, lines, numbers, source bool
	args                       uint64 // shown of a function
	callers                    bool   // without the innermost frame
	returned                   bool   // the innermost frame is at a return address
}

// printStack walks a stack and prints a line a frame, or with style.lines a line a
// function. thread is whose stack it is, unless style.returned.
func printStack(c *core.Ctx, regs *arch.Regs, thread uint64, style stackStyle) error {
	if style.lines && !c.PipeOut {
		return printFunctions(c, regs, thread, style)
	}
	u, ok := core.As[core.Unwinder](c.Session.Context())
	if !ok {
		return core.ErrNotSup
	}
	for f, err := range u.Frames(c, regs) {
		if err != nil {
			if !c.PipeOut && kernelStackEnd(c, err) {
				return nil // as in MDB, no failure
			}
			return stackError(c, err)
		}
		if isEnd(&f) {
			break
		}
		if f.Level == 0 && style.callers {
			continue
		}
		if f.Level == 0 && style.returned {
			f.Exact = false
		}
		printFrame(c, &f, nil, style)
	}
	return nil
}

// stackError says why a stack could not be followed to its end.
func stackError(c *core.Ctx, err error) error {
	if cause := c.Err(); cause != nil && (errors.Is(err, cause) || errors.Is(err, context.Canceled)) {
		return core.ErrIntr
	}
	c.Warnf("%s", "stack ends: "+err.Error())
	return core.ErrFailed
}

// printFunctions is printStack with lines and arguments.
func printFunctions(c *core.Ctx, regs *arch.Regs, thread uint64, style stackStyle) error {
	frames, err := linkedFrames(c, c.Session, regs, style.returned)
	if err != nil {
		return err
	}
	threadRegs := regs
	if style.returned {
		threadRegs = nil
	}
	r := varReader(c.Session, thread, threadRegs)
	for f, err := range frames {
		if err != nil {
			return stackError(c, err)
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if f.Level == 0 && style.callers {
			continue
		}
		scopes, _ := r.Scopes(f) // without debug information the plain line is all there is
		printFrame(c, &f.Frame, scopes, style)
	}
	return nil
}

// printFrame prints a frame: a line for each function inlined there, and one for
// the function itself. scopes are those of the frame, if they were looked up.
func printFrame(c *core.Ctx, f *unwind.Frame, scopes []vars.Scope, style stackStyle) {
	if c.PipeOut {
		c.Emit(f.PC, nil)
		return
	}
	name := frameName(c.Session, f)
	fields := frameFields(c, f, name)
	saved, savedField := savedArgs(c, f, style)
	fields = append(fields, savedField...)
	var args []scopeArgs
	for i := range scopes {
		args = append(args, argsOf(c.Session, &scopes[i], style.args))
	}
	c.Record(func() {
		for i := 0; i < len(scopes)-1; i++ {
			framePrefix(c, f, style, true)
			c.P.WriteString(scopes[i].Name + "(" + args[i].text + ") (inlined)" + place(&scopes[i]) + "\n")
		}
		framePrefix(c, f, style, false)
		line := name + "(" + saved + ")"
		if n := len(scopes); n > 0 {
			line = name + "(" + args[n-1].text + ")" + place(&scopes[n-1])
		}
		if f.Signal && style.lines {
			line += " (a signal handler returns here)"
		}
		if style.source {
			line += " [" + f.Source.String() + "]"
		}
		c.P.WriteString(line + "\n")
	}, append(fields, scopeFields(scopes, args)...)...)
}

// savedArgs are the arguments that a frame's function saved on the stack, where the
// target tells: text and a field for the record.
func savedArgs(c *core.Ctx, f *unwind.Frame, style stackStyle) (string, []out.Field) {
	t, ok := core.As[core.SavedArgs](c.Session.Context())
	if !ok {
		return "", nil
	}
	args := t.SavedArgs(f)
	limit, process := style.args, c.Session.Context().Target.Kind() == "proc"
	if !style.fp || limit == 0 || process { // a kernel's $C shows all or none
		args = args[:min(uint64(len(args)), limit)]
	}
	text, list := make([]string, len(args)), out.List{}
	for i, a := range args {
		text[i] = radix(c.Session, a)
		list = append(list, out.Hex(a))
	}
	return strings.Join(text, ", "), []out.Field{{Name: "saved_args", Value: list}}
}

// framePrefix prints the columns before a function's name; a function that is
// inlined has them blank.
func framePrefix(c *core.Ctx, f *unwind.Frame, style stackStyle, inlined bool) {
	switch {
	case style.numbers && inlined:
		c.Printf("%4s ", "")
	case style.numbers:
		c.Printf("%4r ", uint32(f.Level))
	}
	switch {
	case style.fp && inlined:
		c.Printf("%?s ", "")
	case style.fp:
		c.Printf("%0?lr ", framePointer(c.Session, f))
	}
}

// place is where execution is in a function.
func place(sc *vars.Scope) string {
	if sc.File == "" {
		return ""
	}
	return fmt.Sprintf(" at %s:%d", sc.File, sc.Line)
}

// frameFields are the fields of a frame's record.
func frameFields(c *core.Ctx, f *unwind.Frame, name string) []out.Field {
	return []out.Field{
		{Name: "level", Value: f.Level}, {Name: "fp", Value: out.Hex(framePointer(c.Session, f))},
		{Name: "sp", Value: out.Hex(f.SP)}, {Name: "cfa", Value: out.Hex(f.CFA)}, {Name: "pc", Value: out.Hex(f.PC)},
		{Name: "function", Value: name}, {Name: "source", Value: f.Source.String()}, {Name: "signal", Value: f.Signal},
	}
}

// scopeFields are what debug information adds to a frame's record.
func scopeFields(scopes []vars.Scope, args []scopeArgs) []out.Field {
	if len(scopes) == 0 {
		return nil
	}
	last := len(scopes) - 1
	fields := []out.Field{
		{Name: "name", Value: scopes[last].Name}, {Name: "file", Value: scopes[last].File}, {Name: "line", Value: scopes[last].Line}, {Name: "args", Value: args[last].fields},
	}
	inlined := out.List{}
	for i := range last {
		inlined = append(inlined, out.Object{
			{Name: "function", Value: scopes[i].Name}, {Name: "file", Value: scopes[i].File},
			{Name: "line", Value: scopes[i].Line}, {Name: "args", Value: args[i].fields},
		})
	}
	return append(fields, out.Field{Name: "inlined", Value: inlined})
}

// frameName names a frame's PC. A return address may be past its function's end,
// when the call was the last thing in it: it is named by the call.
func frameName(s *core.Session, f *unwind.Frame) string {
	name, ok := s.SymbolName(f.PC)
	if code := f.CodeAddr(); code != f.PC {
		ns := s.Namespace()
		at, err := ns.LookupAddr(code, 0)
		pc, perr := ns.LookupAddr(f.PC, 0)
		if err == nil && at.PLT == "" && (perr != nil || pc.Value != at.Value) {
			return ns.Label(at, f.PC) + "+" + sym.Offset(f.PC-at.Value, s.Opts.Radix)
		}
	}
	if !ok {
		return fmt.Sprintf("%#x", f.PC)
	}
	return name
}

// framePointer is where the frame's saved frame pointer is or would be: two words
// below the canonical frame address, whether or not the function keeps one.
func framePointer(s *core.Session, f *unwind.Frame) uint64 {
	if f.CFA != 0 {
		return f.CFA - 2*uint64(s.Arch().PtrSize)
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
	return printStack(c, regs, c.Addr, stackStyle{fp: true, lines: c.Opt('l'), callers: !c.Opt('l'), args: defaultArgs})
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
