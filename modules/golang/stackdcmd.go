package golang

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/unwind"
)

const gostackHelp = `Print the stack of the goroutine whose runtime.g is at the address: of one that runs, from
the registers of its thread, the frames on the system stack first; of another, from where
the scheduler will resume it. Into a pipe go the program counters.

-v   with file and line
`

func gostackDcmd() *core.Dcmd {
	return &core.Dcmd{
		Name: "gostack", Usage: ":[-v]", Descr: "print the stack of a goroutine", Help: gostackHelp, Type: "runtime.g",
		Opts: []core.Opt{{Letter: 'v', Help: "with file and line"}}, Run: runGostack,
	}
}

func runGostack(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	r, err := runtimeOf(c.Session)
	if err != nil {
		return err
	}
	g, err := r.one(c.Addr)
	if g == nil {
		return err
	}
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	if !c.PipeOut && !c.Opts.JSON {
		c.Printf("goroutine %d (%p) [%s%s]:\n", g.ID, g.Addr, g.state(), reasonSuffix(r.waitReason(g)))
	}
	if g.dead() {
		return nil
	}
	for f, err := range r.frames(c, g) {
		if err != nil {
			return stackEnds(c, err)
		}
		printGoFrame(c, r, g, &f)
	}
	return nil
}

func reasonSuffix(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// stackEnds reports why a stack ended early.
func stackEnds(c *core.Ctx, err error) error {
	if c.Err() != nil && errors.Is(err, c.Err()) {
		return core.ErrIntr
	}
	c.Warnf("stack ends: %s", err.Error())
	return core.ErrFailed
}

func printGoFrame(c *core.Ctx, r *goRuntime, g *goroutine, f *unwind.Frame) {
	if c.PipeOut {
		c.Emit(f.PC, nil)
		return
	}
	name := frameLabel(c, f)
	fp := f.FP
	if f.CFA != 0 {
		fp = f.CFA - 2*uint64(c.Arch().PtrSize)
	}
	fields := []out.Field{
		{Name: "goroutine", Value: g.ID}, {Name: "g", Value: out.Hex(g.Addr)}, {Name: "fp", Value: out.Hex(fp)}, {Name: "pc", Value: out.Hex(f.PC)},
		{Name: "function", Value: name}, {Name: "source", Value: f.Source.String()},
	}
	var file string
	var line int
	if c.Opt('v') {
		file, line = lineAt(c.Session, f.CodeAddr())
		if file != "" {
			fields = append(fields, out.Field{Name: "file", Value: file}, out.Field{Name: "line", Value: line})
		}
	}
	c.Record(func() {
		c.Printf("  %0?lr %s()", fp, name)
		if file != "" {
			c.Printf(" at %s:%d", file, line)
		}
		c.Printf("\n")
	}, fields...)
}

// frameLabel names a frame by the function its code is in. A return address may
// be past the end of its function, when the call was the last thing in it.
func frameLabel(c *core.Ctx, f *unwind.Frame) string {
	ns := c.Namespace()
	m, err := ns.LookupAddr(f.CodeAddr(), 0)
	if err != nil {
		return fmt.Sprintf("%#x", f.PC)
	}
	if f.PC == m.Value {
		return ns.Label(m, f.PC)
	}
	return ns.Label(m, f.PC) + "+" + sym.Offset(f.PC-m.Value, c.Opts.Radix)
}

// lineAt gives the source line of an address: by debug data, else by the tables
// that the runtime has for its tracebacks.
func lineAt(s *core.Session, addr uint64) (string, int) {
	o := s.Namespace().ObjectAt(addr)
	if o == nil {
		return "", 0
	}
	if t, ok := core.As[core.DebugInfo](s.Context()); ok {
		if d := t.DebugData(o); d != nil {
			if file, line, err := d.Line(addr - o.Bias); err == nil {
				return file, line
			}
		}
	}
	if t, ok := core.As[core.GoTables](s.Context()); ok {
		if table := t.GoTable(o); table != nil {
			if file, line, ok := table.Line(addr - o.Bias); ok {
				return file, line
			}
		}
	}
	return "", 0
}
