package dcmds

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/unwind"
)

// stacksDcmds summarise the stacks of a process.
func stacksDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "stacks", Usage: "?[-av] [-c func] [-C func] [-m object] [-M object] [-t state] [-T state]",
		Descr: "print unique thread stacks",
		Help: `Groups the threads whose stacks are the same, the largest group first: a thread of
each, what it was doing, how many there are, and the stack. With an address, or in a
pipe, only the threads given. Into a pipe go the threads of all groups shown.

-a         every thread has a row of its own
-v         with file and line
-c func    stacks with this function, or with a function that contains the address
-C func    stacks without it
-m object  stacks with a function of this load object ("libc", "prog")
-M object  stacks without one
-t state   threads in this state
-T state   threads in another

STATE is the signal that the thread stopped for, SYSCALL if it was in a system call,
else RUN.
`,
		Opts: []core.Opt{
			{Letter: 'a', Help: "list all threads instead of unique stacks"},
			{Letter: 'v', Help: "with file and line"},
			{Letter: 'c', Kind: core.Str, Arg: "func", Help: "only stacks with this function"},
			{Letter: 'C', Kind: core.Str, Arg: "func", Help: "only stacks without this function"},
			{Letter: 'm', Kind: core.Str, Arg: "object", Help: "only stacks with this load object"},
			{Letter: 'M', Kind: core.Str, Arg: "object", Help: "only stacks without this load object"},
			{Letter: 't', Kind: core.Str, Arg: "state", Help: "only threads in this state"},
			{Letter: 'T', Kind: core.Str, Arg: "state", Help: "only threads not in this state"},
		},
		Run: runStacks,
	}}
}

// maxStack bounds the frames that are compared and shown of one stack.
const maxStack = 1 << 10

// threadStack is the stack of one thread.
type threadStack struct {
	id    uint64
	state string
	frame []unwind.Frame
	cut   bool  // deeper than maxStack
	err   error // why it ends early
}

// stackGroup are threads with one stack.
type stackGroup struct {
	threadStack
	threads []uint64
}

func runStacks(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	filter, err := stackFilter(c)
	if err != nil {
		return err
	}
	ids, err := stackThreads(c)
	if err != nil {
		return err
	}
	var groups []*stackGroup
	byStack := map[string]*stackGroup{}
	for _, id := range ids {
		st, err := readStack(c, id)
		if errors.Is(err, core.ErrIntr) {
			return err
		}
		if err != nil {
			c.Warn(err, "failed to read the stack of thread %p", id)
			continue
		}
		if !filter(&st) {
			continue
		}
		key := st.key()
		if g := byStack[key]; g != nil && !c.Opt('a') {
			g.threads = append(g.threads, id)
			continue
		}
		g := &stackGroup{st, []uint64{id}}
		byStack[key] = g
		groups = append(groups, g)
	}
	if !c.Opt('a') {
		slices.SortStableFunc(groups, func(a, b *stackGroup) int { return cmp.Compare(len(b.threads), len(a.threads)) })
	}
	return printStacks(c, groups)
}

// stackThreads are the threads whose stacks are wanted: those given, else all.
func stackThreads(c *core.Ctx) ([]uint64, error) {
	if c.PipeIn || c.HasAddr {
		return c.Input(), nil
	}
	t, ok := core.As[core.Threads](c.Session.Context())
	if !ok {
		return nil, core.ErrNoProc
	}
	var ids []uint64
	for _, th := range t.Threads() {
		ids = append(ids, th.ID)
	}
	return ids, nil
}

func readStack(c *core.Ctx, id uint64) (threadStack, error) {
	st := threadStack{id: id}
	cx := c.Session.Context()
	r, ok := core.As[core.Registers](cx)
	u, ok2 := core.As[core.Unwinder](cx)
	if !ok || !ok2 {
		return st, core.ErrNoProc
	}
	regs, err := r.Registers(id)
	if err != nil {
		return st, err
	}
	st.state = threadState(c, id, regs)
	for f, err := range u.Frames(c, regs) {
		if c.Err() != nil || errors.Is(err, context.Canceled) {
			return st, core.ErrIntr
		}
		if err != nil {
			st.err = err
			break
		}
		if isEnd(&f) {
			break
		}
		if len(st.frame) == maxStack {
			st.cut = true
			break
		}
		st.frame = append(st.frame, f)
	}
	return st, nil
}

// key is the same for stacks that are the same.
func (st *threadStack) key() string {
	b := []byte(st.state + "\x00")
	for i := range st.frame {
		b = binary.LittleEndian.AppendUint64(b, st.frame[i].PC)
	}
	return string(b)
}

// threadState tells what a thread was doing.
func threadState(c *core.Ctx, id uint64, regs *arch.Regs) string {
	cx := c.Session.Context()
	if t, ok := core.As[core.Siginfos](cx); ok {
		if s := t.Siginfo(id); s != nil && s.Signo != 0 {
			if p, ok := core.As[core.Process](cx); ok {
				name, _ := p.SignalName(s.Signo)
				return strings.TrimPrefix(name, "SIG")
			}
		}
	}
	if t, ok := core.As[core.LWPStates](cx); ok {
		if st := t.LWPState(id); st != nil && st.Syscall > 0 {
			return "SYSCALL"
		}
	}
	var b [2]byte
	if regs.Arch == arch.AMD64 && c.Read(regs.PC()-2, b[:]) == nil && b == [2]byte{0x0f, 0x05} {
		return "SYSCALL"
	}
	return "RUN"
}

// stackFilter makes the test that the options ask for.
func stackFilter(c *core.Ctx) (func(*threadStack) bool, error) {
	var tests []func(*threadStack) bool
	add := func(letter byte, want bool, make func(string) (func(*threadStack) bool, error)) error {
		text, set := c.OptStr(letter)
		if !set {
			return nil
		}
		test, err := make(text)
		tests = append(tests, func(st *threadStack) bool { return test(st) == want })
		return err
	}
	byState := func(name string) (func(*threadStack) bool, error) {
		name = strings.TrimPrefix(strings.ToUpper(name), "SIG")
		return func(st *threadStack) bool { return st.state == name }, nil
	}
	err := errors.Join(
		add('c', true, hasFunction(c)), add('C', false, hasFunction(c)),
		add('m', true, hasObject(c)), add('M', false, hasObject(c)),
		add('t', true, byState), add('T', false, byState))
	return func(st *threadStack) bool {
		for _, test := range tests {
			if !test(st) {
				return false
			}
		}
		return true
	}, err
}

// hasFunction finds stacks with a function, named by its symbol or an address in it.
func hasFunction(c *core.Ctx) func(string) (func(*threadStack) bool, error) {
	return func(name string) (func(*threadStack) bool, error) {
		ns := c.Namespace()
		object, bare, scoped := strings.Cut(name, "`")
		if !scoped {
			object, bare = "", name
		}
		m, err := ns.LookupName(object, bare)
		if err != nil {
			at, aerr := c.Session.Eval.Expr(c.Session, name)
			if aerr == nil {
				m, aerr = ns.LookupAddr(at, 0)
			}
			if aerr != nil {
				return nil, c.Warn(err, "failed to look up function %s", name)
			}
		}
		return func(st *threadStack) bool {
			for i := range st.frame {
				f, err := ns.LookupAddr(st.frame[i].CodeAddr(), 0)
				if err == nil && f.Object == m.Object && f.Value == m.Value {
					return true
				}
			}
			return false
		}, nil
	}
}

// hasObject finds stacks with a function of a load object.
func hasObject(c *core.Ctx) func(string) (func(*threadStack) bool, error) {
	return func(name string) (func(*threadStack) bool, error) {
		ns := c.Namespace()
		want, err := ns.Object(name)
		if err != nil {
			return nil, c.Warn(err, "failed to look up object %s", name)
		}
		return func(st *threadStack) bool {
			return slices.ContainsFunc(st.frame, func(f unwind.Frame) bool { return ns.ObjectAt(f.CodeAddr()) == want })
		}, nil
	}
}

func printStacks(c *core.Ctx, groups []*stackGroup) error {
	if c.PipeOut {
		for _, g := range groups {
			c.EmitList(g.threads, nil)
		}
		return nil
	}
	for i, g := range groups {
		if c.Err() != nil {
			return core.ErrIntr
		}
		c.Record(func() {
			if i == 0 {
				c.Printf("%<u>%-?s %-8s %8s%</u>\n", "THREAD", "STATE", "COUNT")
			}
			c.Printf("%-?p %-8s %8lu\n", g.id, g.state, uint64(len(g.threads)))
			for k := range g.frame {
				printStacksFrame(c, &g.frame[k])
			}
			switch {
			case g.cut:
				c.Printf("%?s ... truncated ...\n", "")
			case g.err != nil:
				c.Printf("%?s <%s>\n", "", g.err.Error())
			}
			c.Printf("\n")
		}, groupFields(c, g)...)
	}
	return nil
}

func printStacksFrame(c *core.Ctx, f *unwind.Frame) {
	line := ""
	if c.Opt('v') {
		if d, o := debugAt(c.Session, f.CodeAddr()); d != nil {
			if file, n, err := d.Line(f.CodeAddr() - o.Bias); err == nil {
				line = out.Sprintf(nil, " at %s:%d", file, n)
			}
		}
	}
	c.Printf("%?s %s%s\n", "", frameName(c.Session, f), line)
}

func groupFields(c *core.Ctx, g *stackGroup) []out.Field {
	threads, frames := out.List{}, out.List{}
	for _, id := range g.threads {
		threads = append(threads, id)
	}
	for i := range g.frame {
		f := &g.frame[i]
		frames = append(frames, out.Object{{Name: "pc", Value: out.Hex(f.PC)}, {Name: "function", Value: frameName(c.Session, f)}})
	}
	return []out.Field{
		{Name: "thread", Value: g.id}, {Name: "state", Value: g.state}, {Name: "count", Value: len(g.threads)},
		{Name: "threads", Value: threads}, {Name: "frames", Value: frames},
	}
}
