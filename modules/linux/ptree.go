package linux

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// processTree is who is whose child.
type processTree struct {
	tasks    map[uint64]*task
	children map[uint64][]*task // by age
	roots    []*task            // without a parent that is a process
}

// readTree reads all processes. Those of which the parent is gone are roots. An error
// comes beside what was read.
func readTree(v *kernel.View) (*processTree, error) {
	t := &processTree{tasks: map[uint64]*task{}, children: map[uint64][]*task{}}
	var order []*task
	var failed error
	for a, err := range processes(v) {
		var p *task
		if err == nil {
			p, err = readTask(v, a)
		}
		if err != nil {
			failed = err
			continue
		}
		t.tasks[a] = p
		order = append(order, p)
	}
	for _, p := range order {
		up := t.parent(v, p)
		if up == nil {
			t.roots = append(t.roots, p)
			continue
		}
		t.children[up.addr] = append(t.children[up.addr], p)
	}
	return t, failed
}

// parent is the process whose child p is: real_parent may be another of its threads.
func (t *processTree) parent(v *kernel.View, p *task) *task {
	up := p.parent()
	if up == p.addr {
		return nil
	}
	if q := t.tasks[up]; q != nil {
		return q
	}
	thread, err := readTask(v, up)
	if err != nil {
		return nil
	}
	return t.tasks[thread.l.Leader.Of(thread.b)]
}

// print writes a process and what is below it. No process is met twice, since each is in
// one list of children; a ring of parents is below no root and is not printed.
func (t *processTree) print(c *core.Ctx, v *kernel.View, p *task, depth int) {
	ptreeLine(c, v, p, depth)
	for _, q := range t.children[p.addr] {
		t.print(c, v, q, depth+1)
	}
}

func ptreeLine(c *core.Ctx, v *kernel.View, p *task, depth int) {
	if c.PipeOut {
		c.Emit(p.addr, v.TypeOrNil("struct task_struct"))
		return
	}
	c.Record(func() {
		c.P.IncIndent(5 * depth)
		c.Printf("%0?p  %s\n", p.addr, p.comm())
		c.P.DecIndent(5 * depth)
	}, out.Field{Name: "addr", Value: out.Hex(p.addr)}, out.Field{Name: "name", Value: p.comm()},
		out.Field{Name: "pid", Value: p.tgid()}, out.Field{Name: "depth", Value: depth})
}

func runPtree(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	t, err := readTree(v)
	if !c.HasAddr {
		for _, p := range t.roots {
			t.print(c, v, p, 0)
		}
		return err
	}
	p := t.tasks[c.Addr]
	if p == nil {
		if p, err = readTask(v, c.Addr); err != nil {
			return err
		}
	}
	var above []*task
	met := kernel.Met{p.addr: {}}
	for up := t.parent(v, p); up != nil && !met.Again(up.addr); up = t.parent(v, up) {
		above = append(above, up)
	}
	slices.Reverse(above)
	for i, up := range above {
		ptreeLine(c, v, up, i)
	}
	t.print(c, v, p, len(above))
	return err
}

// runPid2proc finds a process, or a thread of one, by the id that the address is.
func runPid2proc(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	want := int(int32(c.Addr))
	for a, err := range threads(v) {
		var t *task
		if err == nil {
			t, err = readTask(v, a)
		}
		if err != nil {
			c.Warnf("%s", err.Error())
			continue
		}
		if t.pid() != want || t.flags()&pfIdle != 0 && t.cpu() != 0 {
			continue
		}
		if c.PipeOut {
			c.Emit(a, v.TypeOrNil("struct task_struct"))
			return nil
		}
		c.Record(func() { c.Printf("%p\n", a) }, out.Field{Name: "addr", Value: out.Addr(a)})
		return nil
	}
	c.Warnf("PID 0t%d not found", want)
	return core.ErrFailed
}

func runPgrep(c *core.Ctx) error {
	if c.HasAddr || len(c.Args) != 1 || c.Args[0].IsImm || c.Opt('n') && c.Opt('o') {
		return core.ErrUsage
	}
	re, err := regexp.CompilePOSIX(c.Args[0].Str)
	if err != nil {
		c.Warnf("%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return core.ErrFailed
	}
	v, st := kernel.Of(c.Session), psState{table: psTable(0)}
	var found []*task
	for a, err := range processes(v) {
		var t *task
		if err == nil {
			t, err = readTask(v, a)
		}
		if err != nil {
			if err = told(c, err); err != nil {
				return err
			}
			continue
		}
		m := re.FindStringIndex(t.comm())
		if m != nil && (!c.Opt('x') || m[0] == 0 && m[1] == len(t.comm())) {
			found = append(found, t)
		}
	}
	byAge := func(a, b *task) int { return cmp.Compare(a.l.StartTime.Of(a.b), b.l.StartTime.Of(b.b)) }
	switch {
	case len(found) == 0:
		return nil
	case c.Opt('n'):
		found = []*task{slices.MaxFunc(found, byAge)}
	case c.Opt('o'):
		found = []*task{slices.MinFunc(found, byAge)}
	}
	for _, t := range found {
		if err := st.row(c, v, t.addr); err != nil {
			return err
		}
	}
	return nil
}
