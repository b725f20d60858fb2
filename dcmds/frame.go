package dcmds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system/vars"
	"github.com/xmdb/xmdb/core/value"
)

// frameDcmds choose a frame and show its variables.
func frameDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "frame", Usage: "?[n]", Descr: "show a stack frame and make it the current one",
			Help: `Shows frame n of the representative thread, or of the thread whose id is the address
(which becomes the representative one), and makes it the one that ::locals looks at;
without n, the current frame. Frames are numbered from the innermost, 0; ::stack -n
shows the numbers. Functions that were inlined have no frames of their own: they are
shown with the one whose code they are in.

Into a pipe goes the frame's program counter.
`, Run: runFrame},
		{Name: "locals", Usage: "?[-aCdhLntTx] [-c lim] [-l lim] [-s depth] [name ...]", Descr: "print arguments and local variables of the current frame",
			Help: localsHelp, Opts: localsOpts, Run: runLocals, Complete: completeLocals},
	}
}

const localsHelp = `Prints the arguments and local variables of the current frame (see ::frame) of the
representative thread, or of the thread whose id is the address. Of several variables
of a name it is the one in the innermost block. Those of functions inlined there come
first, under the name of the function.

A name may be followed by members: "r.text", "list->next", "word[3]".

<optimised out> stands for what exists nowhere at this point of the program.

Into a pipe go the values, which have to be integers or pointers; with -a the
addresses of what is in memory. The options are those of ::print.
`

var localsOpts = []core.Opt{
	{Letter: 'a', Help: "show addresses; in a pipe the address instead of the value"},
	{Letter: 'C', Help: "unlimit the length of character arrays"},
	{Letter: 'c', Kind: core.Uint, Arg: "lim", Help: "limit the length of character arrays"},
	{Letter: 'd', Help: "output values in decimal"},
	{Letter: 'h', Help: "print holes in structures"},
	{Letter: 'L', Help: "unlimit the length of standard arrays"},
	{Letter: 'l', Kind: core.Uint, Arg: "lim", Help: "limit the length of standard arrays"},
	{Letter: 'n', Help: "don't print pointers as symbol offsets"},
	{Letter: 's', Kind: core.Uint, Arg: "depth", Help: "limit the recursion depth"},
	{Letter: 'T', Help: "show type and <<base type>>"},
	{Letter: 't', Help: "show type"},
	{Letter: 'x', Help: "output values in hexadecimal"},
}

// threadOf is the thread that a command works on.
func threadOf(c *core.Ctx) uint64 {
	if c.HasAddr {
		return c.Addr
	}
	return c.Session.Context().Thread
}

func runFrame(c *core.Ctx) error {
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	cx := c.Session.Context()
	thread := threadOf(c)
	level := uint64(cx.FrameLevel(thread))
	if len(c.Args) == 1 {
		var err error
		if level, err = numberArg(c, c.Args[0]); err != nil {
			return err
		}
	}
	if level > maxLevel {
		return fmt.Errorf("no frame %s", radix(c.Session, level))
	}
	f, r, err := frameOf(c, c.Session, thread, int(level))
	if err != nil {
		return interrupted(c, err)
	}
	cx.Thread, cx.Chosen = thread, core.FrameRef{Thread: thread, Level: int(level)}
	if c.PipeOut {
		c.Emit(f.PC, nil)
		return nil
	}
	showFrame(c, f, r, thread)
	return nil
}

// maxLevel bounds the numbers of frames.
const maxLevel = 1 << 30

// interrupted tells Ctrl-C from other errors.
func interrupted(c *core.Ctx, err error) error {
	if c.Err() != nil || errors.Is(err, context.Canceled) {
		return core.ErrIntr
	}
	return err
}

// showFrame prints what is known of a frame: the lines of ::stack -lns, where it
// is on the stack, its registers.
func showFrame(c *core.Ctx, f *vars.Frame, r *vars.Reader, thread uint64) {
	scopes, scopeErr := r.Scopes(f)
	name := frameName(c.Session, &f.Frame)
	var regs out.Object
	var text []string
	for _, reg := range c.Arch().Registers {
		v, ok := f.Regs.Get(reg.DWARF)
		if !ok || f.Regs.Stale(reg.DWARF) {
			continue
		}
		regs = append(regs, out.Field{Name: reg.Name, Value: out.Hex(v)})
		text = append(text, fmt.Sprintf("%6s = 0x%0*x", "%"+reg.Name, int(reg.Bits)/4, v))
	}
	var args []scopeArgs
	for i := range scopes {
		args = append(args, argsOf(c.Session, &scopes[i], maxArgs))
	}
	fields := append(frameFields(c, &f.Frame, name), scopeFields(scopes, args)...)
	fields = append(fields, out.Field{Name: "thread", Value: thread}, out.Field{Name: "registers", Value: regs})
	c.Record(func() {
		c.Printf("frame %r of thread %p, found by %s:\n", uint32(f.Level), thread, f.Source.String())
		printFrame(c, &f.Frame, scopes, stackStyle{lines: true, args: maxArgs})
		if scopeErr != nil {
			c.Printf("    %s\n", noDebugReason(c.Session, &f.Frame, scopeErr).Error())
		}
		c.Printf("    cfa = %#llx  sp = %#llx  pc = %#llx\n", f.CFA, f.SP, f.PC)
		if f.Caller != nil {
			c.Printf("    called from %s\n", frameName(c.Session, &f.Caller.Frame))
		}
		const perLine = 3
		for i := 0; i < len(text); i += perLine {
			c.P.WriteString("  " + strings.Join(text[i:min(i+perLine, len(text))], "  ") + "\n")
		}
	}, fields...)
}

// maxArgs is how many arguments are shown of a single frame.
const maxArgs = 64

// frameScopes finds the functions of the current frame of the command's thread.
func frameScopes(ctx context.Context, s *core.Session, thread uint64) (*vars.Frame, []vars.Scope, error) {
	f, r, err := frameOf(ctx, s, thread, s.Context().FrameLevel(thread))
	if err != nil {
		return nil, nil, err
	}
	scopes, err := r.Scopes(f)
	if err != nil {
		return f, nil, noDebugReason(s, &f.Frame, err)
	}
	return f, scopes, nil
}

func runLocals(c *core.Ctx) error {
	for _, a := range c.Args {
		if a.IsImm {
			return core.ErrUsage
		}
	}
	f, scopes, err := frameScopes(c, c.Session, threadOf(c))
	if err != nil {
		return interrupted(c, err)
	}
	if len(c.Args) == 0 {
		return allLocals(c, scopes)
	}
	for _, a := range c.Args {
		name, path := splitPath(a.Str)
		v := findVar(scopes, name)
		if v == nil {
			return fmt.Errorf("no variable %s in frame %s (%s)", name, radix(c.Session, uint64(f.Level)), frameName(c.Session, &f.Frame))
		}
		if err := oneLocal(c, v, path, a.Str); err != nil {
			return err
		}
	}
	return nil
}

// splitPath parts a variable's name from the members that follow it. Names in Go
// and Rust may have characters of their own, but none of these.
func splitPath(word string) (name, path string) {
	if i := strings.IndexAny(word, ".["); i > 0 {
		name = word[:i]
	} else {
		name = word
	}
	if i := strings.Index(name, "->"); i > 0 {
		name = name[:i]
	}
	return name, word[len(name):]
}

// findVar finds a variable by name: in the innermost function that has one.
func findVar(scopes []vars.Scope, name string) *vars.Var {
	for i := range scopes {
		list, _ := scopes[i].Vars() // what can be read of a damaged list
		for k := range list {
			if list[k].Name == name && !list[k].Hidden {
				return &list[k]
			}
		}
	}
	return nil
}

// allLocals prints the variables of every function of the frame.
func allLocals(c *core.Ctx, scopes []vars.Scope) error {
	headings := len(scopes) > 1 && !c.PipeOut && !c.Session.Opts.JSON
	for i := range scopes {
		sc := &scopes[i]
		list, err := sc.Vars()
		if headings {
			inlined := ""
			if sc.Inlined {
				inlined = " (inlined)"
			}
			c.P.WriteString(sc.Name + inlined + place(sc) + ":\n")
		}
		for k := range list {
			if c.Err() != nil {
				return core.ErrIntr
			}
			if list[k].Hidden {
				continue
			}
			if err := oneLocal(c, &list[k], "", list[k].Name); err != nil {
				return err
			}
		}
		if err != nil {
			c.Warnf("%s", "not all variables of "+sc.Name+" are shown: "+err.Error())
		}
	}
	return nil
}

// oneLocal prints a variable, or what a path leads to from it, or puts it into the
// pipe.
func oneLocal(c *core.Ctx, p *vars.Var, path, label string) error {
	v, err := p.Value()
	if err == nil && path != "" {
		v, err = v.Path(path)
		if err != nil {
			if _, absent := value.IsAbsent(err); !absent {
				return c.Fail(err)
			}
		}
	}
	switch {
	case c.PipeOut:
		return pipeLocal(c, v, err, label)
	case c.Session.Opts.JSON:
		named := *p
		named.Name = label
		if err == nil {
			named.Type = v.Type
		}
		o := printOptions(c)
		o.Layout = false
		c.Record(nil, append(varFields(c.Session, &named, v, err, o), out.Field{Name: "param", Value: p.Param},
			out.Field{Name: "function", Value: p.Scope().Name}, out.Field{Name: "scope", Value: p.Scope().Index})...)
		return nil
	case err != nil:
		if c.Opt('t') || c.Opt('T') {
			c.P.WriteString(p.Type.String() + " ")
		}
		text := "<" + err.Error() + ">"
		if a, ok := value.IsAbsent(err); ok {
			text = a.String()
		}
		c.P.WriteString(label + " = " + text + "\n")
		return nil
	}
	return printLocal(c, v, label)
}

// printLocal prints a value as ::print does a member.
func printLocal(c *core.Ctx, v value.Value, label string) error {
	pr := value.Printer{P: c.P, O: printOptions(c), Stop: c.Err, Warn: func(err error, format string, args ...any) {
		if err == nil {
			c.Warnf(format, args...)
		} else {
			c.Warn(err, format, args...)
		}
	}}
	pr.O.Layout = false
	if !vars.InMemory(v) {
		pr.O.Addr = false
	}
	l := value.Label{Set: true, Prefix: label}
	if v.Base().Kind().IsStruct() {
		l.Suffix = "."
	}
	if err := pr.Print(v, l); err != nil {
		return interrupted(c, err)
	}
	return nil
}

// pipeLocal emits a variable's value, or with -a its address.
func pipeLocal(c *core.Ctx, v value.Value, err error, label string) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", label, err)
	case c.Opt('a') && !vars.InMemory(v):
		return fmt.Errorf("%s is not in memory", label)
	case c.Opt('a'):
		c.Emit(uint64(v.Addr), v.Type)
		return nil
	}
	n, err := v.Uint()
	if err != nil {
		return fmt.Errorf("%s: %w", label, err)
	}
	var t *ctype.Type
	if b := v.Base(); b.Kind().IsPointer() {
		t = b.Elem()
	}
	c.Emit(n, t)
	return nil
}

// completeLocals completes the names of variables and their members.
func completeLocals(s *core.Session, _ []string, word string) []core.Candidate {
	_, scopes, err := frameScopes(context.Background(), s, s.Context().Thread)
	if err != nil {
		return nil
	}
	if name, path := splitPath(word); path != "" {
		v := findVar(scopes, name)
		if v == nil {
			return nil
		}
		var out []core.Candidate
		for _, m := range completeMember(s, v.Type, path) {
			m.Text = name + m.Text
			out = append(out, m)
		}
		return out
	}
	var all []core.Candidate
	seen := map[string]bool{}
	for i := range scopes {
		list, _ := scopes[i].Vars()
		for k := range list {
			if n := list[k].Name; strings.HasPrefix(n, word) && !seen[n] && len(all) < maxCandidates {
				seen[n] = true
				kind := s.World().Resolve(list[k].Type).Kind()
				all = append(all, core.Candidate{Text: n, Descr: list[k].Type.String(), NoSpace: kind.IsStruct() || kind.IsPointer()})
			}
		}
	}
	return all
}
