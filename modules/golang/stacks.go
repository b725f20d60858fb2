package golang

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/unwind"
)

const gostacksHelp = `Groups the goroutines whose stacks are the same, as ::stacks does threads, the largest group
first: one of each, its state and what it waits for, how many there are, and the stack. With
an address, or in a pipe, only the goroutines given. Into a pipe go the addresses of all
that are shown.

-a         every goroutine has a row of its own
-v         with file and line
-c func    stacks with a function whose name contains the text
-C func    stacks without one
-t state   goroutines in this state, or waiting for a reason that contains the text
-T state   the others
`

func gostacksDcmd() *core.Dcmd {
	return &core.Dcmd{
		Name: "gostacks", Usage: "?[-av] [-c func] [-C func] [-t state] [-T state]", Descr: "print unique goroutine stacks", Help: gostacksHelp,
		Type: "runtime.g", Run: runGostacks,
		Opts: []core.Opt{
			{Letter: 'a', Help: "list all goroutines instead of unique stacks"},
			{Letter: 'v', Help: "with file and line"},
			{Letter: 'c', Kind: core.Str, Arg: "func", Help: "only stacks with this function"},
			{Letter: 'C', Kind: core.Str, Arg: "func", Help: "only stacks without this function"},
			{Letter: 't', Kind: core.Str, Arg: "state", Help: "only goroutines in this state"},
			{Letter: 'T', Kind: core.Str, Arg: "state", Help: "only goroutines not in this state"},
		},
	}
}

// maxStack bounds the frames that are compared and shown of one stack.
const maxStack = 1 << 10

// goStack is a stack and the goroutines that have it.
type goStack struct {
	first  *goroutine
	reason string
	gs     []uint64
	frames []unwind.Frame
	cut    bool
	err    error
}

// grouper collects stacks.
type grouper struct {
	c      *core.Ctx
	r      *goRuntime
	groups []*goStack
	by     map[string]*goStack
}

func runGostacks(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	r, err := runtimeOf(c.Session)
	if err != nil {
		return err
	}
	gr := &grouper{c: c, r: r, by: map[string]*goStack{}}
	if c.HasAddr || c.PipeIn {
		err = eachGiven(c, r, func(g *goroutine) error { gr.add(g); return nil })
	} else {
		bad := complaints{c: c}
		err = r.goroutines(c, func(g *goroutine, err error) bool {
			if err == nil {
				gr.add(g)
			}
			return bad.add(err) && c.Err() == nil
		})
		if err == nil {
			err = bad.result()
		}
	}
	if c.Err() != nil {
		return core.ErrIntr
	}
	if !c.Opt('a') {
		slices.SortStableFunc(gr.groups, func(a, b *goStack) int { return cmp.Compare(len(b.gs), len(a.gs)) })
	}
	if perr := gr.print(); perr != nil {
		return perr
	}
	return err
}

// add walks the stack of a goroutine and puts it to those like it.
func (gr *grouper) add(g *goroutine) {
	if g.dead() {
		return
	}
	st := &goStack{first: g, reason: gr.r.waitReason(g), gs: []uint64{g.Addr}}
	if !gr.inState(st) {
		return
	}
	for f, err := range gr.r.frames(gr.c, g) {
		if err != nil {
			st.err = err
			break
		}
		if len(st.frames) == maxStack {
			st.cut = true
			break
		}
		st.frames = append(st.frames, f)
	}
	if !gr.wants(st) {
		return
	}
	key := st.key()
	if old := gr.by[key]; old != nil && !gr.c.Opt('a') {
		old.gs = append(old.gs, g.Addr)
		return
	}
	gr.by[key] = st
	gr.groups = append(gr.groups, st)
}

func (st *goStack) key() string {
	b := []byte(st.first.state() + "\x00" + st.reason + "\x00")
	for i := range st.frames {
		b = binary.LittleEndian.AppendUint64(b, st.frames[i].PC)
	}
	return string(b)
}

func (gr *grouper) inState(st *goStack) bool {
	is := func(text string) bool {
		return text == st.first.state() || strings.Contains(st.reason, text) && st.reason != ""
	}
	if t, ok := gr.c.OptStr('t'); ok && !is(t) {
		return false
	}
	t, ok := gr.c.OptStr('T')
	return !ok || !is(t)
}

func (gr *grouper) wants(st *goStack) bool {
	has := func(text string) bool {
		return slices.ContainsFunc(st.frames, func(f unwind.Frame) bool { return strings.Contains(gr.r.function(f.CodeAddr()), text) })
	}
	if t, ok := gr.c.OptStr('c'); ok && !has(t) {
		return false
	}
	t, ok := gr.c.OptStr('C')
	return !ok || !has(t)
}

func (gr *grouper) print() error {
	c := gr.c
	if c.PipeOut {
		t, err := gr.r.typeNamed("runtime.g")
		if err != nil {
			return err
		}
		for _, st := range gr.groups {
			c.EmitList(st.gs, t)
		}
		return nil
	}
	for i, st := range gr.groups {
		if c.Err() != nil {
			return core.ErrIntr
		}
		c.Record(func() {
			if i == 0 {
				c.Printf("%<u>%-?s %-9s %-20s %8s%</u>\n", "GOROUTINE", "STATE", "WAIT", "COUNT")
			}
			c.Printf("%-?p %-9s %-20s %8lu\n", st.first.Addr, st.first.state(), st.reason, uint64(len(st.gs)))
			for k := range st.frames {
				gr.frame(&st.frames[k])
			}
			switch {
			case st.cut:
				c.Printf("%?s ... truncated ...\n", "")
			case st.err != nil:
				c.Printf("%?s <%s>\n", "", st.err.Error())
			}
			c.Printf("\n")
		}, gr.fields(st)...)
	}
	return nil
}

func (gr *grouper) frame(f *unwind.Frame) {
	line := ""
	if gr.c.Opt('v') {
		if file, n := lineAt(gr.c.Session, f.CodeAddr()); file != "" {
			line = out.Sprintf(nil, " at %s:%d", file, n)
		}
	}
	gr.c.Printf("%?s %s%s\n", "", frameLabel(gr.c, f), line)
}

func (gr *grouper) fields(st *goStack) []out.Field {
	gs, frames := out.List{}, out.List{}
	for _, g := range st.gs {
		gs = append(gs, out.Hex(g))
	}
	for i := range st.frames {
		f := &st.frames[i]
		frames = append(frames, out.Object{{Name: "pc", Value: out.Hex(f.PC)}, {Name: "function", Value: frameLabel(gr.c, f)}})
	}
	return []out.Field{
		{Name: "goroutine", Value: out.Hex(st.first.Addr)}, {Name: "state", Value: st.first.state()}, {Name: "wait", Value: st.reason},
		{Name: "count", Value: len(st.gs)}, {Name: "goroutines", Value: gs}, {Name: "frames", Value: frames},
	}
}
