package golang

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/out"
)

const goroutinesHelp = `List the goroutines, those that have ended left out: the address of the runtime.g, the
number, state and wait reason, how long it has waited (known once a collection has found
it waiting, and counted to the latest time the program left a trace of), the function it
began in, the function it is in, and the one that started it. With an address, or in a
pipe, only those given. Into a pipe go the addresses.

-a          with those that have ended
-u          where it is: the innermost function outside the runtime
-t state    only those in this state (running, waiting, ...) or waiting for a reason
            that contains the text ("chan", "select")
-f func     only those that began in, are in or were started by a function whose name
            contains the text
`

func goroutinesDcmd() *core.Dcmd {
	return &core.Dcmd{
		Name: "goroutines", Usage: "?[-au] [-t state] [-f func]", Descr: "list the goroutines of a Go program", Help: goroutinesHelp,
		Opts: []core.Opt{
			{Letter: 'a', Help: "with those that have ended"},
			{Letter: 'u', Help: "where it is: the innermost function outside the runtime"},
			{Letter: 't', Kind: core.Str, Arg: "state", Help: "only those in this state, or waiting for this"},
			{Letter: 'f', Kind: core.Str, Arg: "func", Help: "only those with this function"},
		},
		Type: "runtime.g", Run: runGoroutines,
		Table: &core.Table{
			Head: "%<u>%?s %7s %-9s %-20s %7s %-24s %-24s %s%</u>\n", Line: "%?p %7d %-9s %-20s %7s %-24s %-24s %s\n", Type: "runtime.g",
			Cols: []core.Field{
				{Name: "addr", Head: "ADDR", Descr: "address of the runtime.g"},
				{Name: "id", Head: "ID", Descr: "number"},
				{Name: "state", Head: "STATE"},
				{Name: "wait", Head: "WAIT", Descr: "what it waits for"},
				{Name: "age", Head: "AGE", Descr: "how long it has waited"},
				{Name: "start", Head: "START", Descr: "function it began in"},
				{Name: "pc", Head: "PC", Descr: "function it is in"},
				{Name: "created", Head: "CREATED BY", Descr: "function that started it"},
			},
		},
	}
}

// goroutineFilter is what the options of a listing ask for.
type goroutineFilter struct {
	dead            bool
	state, function string
}

func newGoroutineFilter(c *core.Ctx) goroutineFilter {
	f := goroutineFilter{dead: c.Opt('a')}
	f.state, _ = c.OptStr('t')
	f.function, _ = c.OptStr('f')
	return f
}

// wants tells whether a goroutine is in a state that is asked for.
func (f *goroutineFilter) wants(r *goRuntime, g *goroutine) bool {
	if g.dead() && !f.dead && f.state != g.state() {
		return false
	}
	return f.state == "" || f.state == g.state() || strings.Contains(r.waitReason(g), f.state)
}

func runGoroutines(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	r, err := runtimeOf(c.Session)
	if err != nil {
		return err
	}
	t, err := r.typeNamed("runtime.g")
	if err != nil {
		return err
	}
	now, _ := r.now()
	l := goroutineLister{c: c, r: r, now: now, t: t, filter: newGoroutineFilter(c)}
	if c.HasAddr || c.PipeIn {
		l.filter.dead = true
		return eachGiven(c, r, l.show)
	}
	bad := complaints{c: c}
	err = r.goroutines(c, func(g *goroutine, err error) bool {
		if err == nil {
			err = l.show(g)
		}
		return bad.add(err)
	})
	if err == nil {
		err = bad.result()
	}
	return err
}

// complaints counts what is wrong with the elements of a list, so that a list that
// is none does not fill the screen.
type complaints struct {
	c *core.Ctx
	n int
}

// maxComplaints is how many elements may be bad before the rest is left.
const maxComplaints = 50

// add reports an error; false tells to give up.
func (b *complaints) add(err error) bool {
	if err == nil {
		return true
	}
	b.c.Warnf("%s", err.Error())
	if b.n++; b.n >= maxComplaints {
		b.c.Warnf("%d elements of the list cannot be read; the rest is left out", b.n)
		return false
	}
	return true
}

func (b *complaints) result() error {
	if b.n > 0 {
		return core.ErrFailed
	}
	return nil
}

// eachGiven runs f on the goroutines of the pipe, or the one at the address.
func eachGiven(c *core.Ctx, r *goRuntime, f func(*goroutine) error) error {
	failed := false
	running, err := r.running()
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	for i, at := range c.Input() {
		if i%64 == 0 && c.Err() != nil {
			return core.ErrIntr
		}
		g, err := r.goroutineAt(at)
		if err == nil {
			g.thread = running[at]
			err = f(g)
		}
		if err != nil {
			c.Warnf("%s", err.Error())
			failed = true
		}
	}
	if failed {
		return core.ErrFailed
	}
	return nil
}

// goroutineLister makes the rows of a listing.
type goroutineLister struct {
	c      *core.Ctx
	r      *goRuntime
	t      *ctype.Type
	now    int64
	filter goroutineFilter
}

func (l *goroutineLister) name(pc uint64) string {
	if pc == 0 {
		return ""
	}
	return l.r.function(pc)
}

// show writes the row of a goroutine if it is wanted.
func (l *goroutineLister) show(g *goroutine) error {
	if !l.filter.wants(l.r, g) {
		return nil
	}
	// The go statement's PC is a return address: its call may end the function.
	start, created, at := l.name(g.StartPC), "", ""
	if g.GoPC != 0 {
		created = l.name(g.GoPC - 1)
	}
	f := l.filter.function
	if f != "" || !l.c.PipeOut {
		at = l.where(g)
	}
	if f != "" && !strings.Contains(start, f) && !strings.Contains(created, f) && !strings.Contains(at, f) {
		return nil
	}
	if l.c.PipeOut {
		l.c.Emit(g.Addr, l.t)
		return nil
	}
	l.c.Row(out.Hex(g.Addr), g.ID, g.state(), l.r.waitReason(g), g.age(l.now), start, at, created)
	return nil
}

// where names the function a goroutine is in.
func (l *goroutineLister) where(g *goroutine) string {
	if g.dead() {
		return ""
	}
	if l.c.Opt('u') {
		for f, err := range l.r.frames(l.c, g) {
			if err != nil {
				break
			}
			if n := l.name(f.CodeAddr()); !inRuntime(n) {
				return n
			}
		}
	}
	regs, err := l.r.registers(l.c, g)
	if err != nil {
		return ""
	}
	return l.name(regs.PC())
}

// inRuntime tells the functions of the runtime itself from those a user wrote.
func inRuntime(name string) bool {
	return strings.HasPrefix(name, "runtime.") && name != "runtime.main" || strings.HasPrefix(name, "internal/runtime/") ||
		strings.HasPrefix(name, "0x")
}
