package genunix

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

const stacksHelp = `Groups all threads by state, kind of synchronization object and the program counters on
their stacks, and prints each group's first thread, how many there are, and the stack;
the largest groups first, panicking threads last.

With an address the groups that the thread is in are printed; in a pipe, only the threads
given. Into a pipe go all threads of the groups, so that filters can be chained:

    ::stacks -c fop_read | ::stacks -c cv_wait_sig_swap_core

SOBJ types: mutex rwlock cv sema user user_pi shuttle
Thread states: free sleep run onproc zomb stopped wait panic
`

var stacksOpts = []core.Opt{
	{Letter: 'a', Help: "list all threads of a group"},
	{Letter: 'f', Help: "gather the stacks anew"},
	{Letter: 'i', Help: "active threads: -S CV -T FREE"},
	{Letter: 'v', Help: "tell how the stacks are gathered"},
	{Letter: 'c', Kind: core.Str, Arg: "func", Help: "only stacks with this function, or with func+offset exactly"},
	{Letter: 'C', Kind: core.Str, Arg: "func", Help: "only stacks without it"},
	{Letter: 'm', Kind: core.Str, Arg: "module", Help: "only stacks with a function of this module"},
	{Letter: 'M', Kind: core.Str, Arg: "module", Help: "only stacks without one"},
	{Letter: 's', Kind: core.Str, Arg: "sobj", Help: "only threads on this type of synchronization object, or ALL"},
	{Letter: 'S', Kind: core.Str, Arg: "sobj", Help: "only threads not on one"},
	{Letter: 't', Kind: core.Str, Arg: "tstate", Help: "only threads in this state"},
	{Letter: 'T', Kind: core.Str, Arg: "tstate", Help: "only threads in another state"},
}

// maxStackDepth is how many frames of a stack count and are shown.
const maxStackDepth = 254

// stackGroup are threads whose stacks are the same.
type stackGroup struct {
	stack
	threads []uint64 // in MDB's order: the first met, then the others from the last
}

// stackGroups are the groups of all threads, sorted.
type stackGroups []*stackGroup

type stacksKey struct{}

// stacksMemo holds the groups of all threads, that ::stacks -f forgets.
type stacksMemo struct{ groups stackGroups }

func runStacks(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := viewOf(c)
	filter, err := newStackFilter(c, v)
	if err != nil {
		return err
	}
	var given []uint64
	if c.HasAddr {
		given = c.Input()
		slices.Sort(given)
		given = slices.Compact(given)
	}
	groups, err := gatherStacks(c, v, given)
	if err != nil {
		return err
	}
	// With a single address MDB shows the group of the thread among all threads.
	return printStacks(c, groups, given, c.PipeIn, filter)
}

// gatherStacks gives the groups: of all threads, kept from one command to the next,
// or of those given.
func gatherStacks(c *core.Ctx, v *view, given []uint64) (stackGroups, error) {
	memo, _ := core.Memo(c.Session, stacksKey{}, func() (*stacksMemo, error) { return &stacksMemo{}, nil })
	if memo.groups != nil && !c.Opt('f') {
		return memo.groups, nil
	}
	if c.Opt('v') {
		c.Warnf("stacks: processing kernel threads\n")
	}
	g := &gathering{c: c, byKey: map[string]*stackGroup{}}
	var err error
	if g.find, err = newFinder(v, maxStackDepth); err != nil {
		return nil, err
	}
	if given != nil {
		for _, a := range given {
			g.add(a)
		}
	} else {
		for a, err := range v.allThreads() {
			if err != nil {
				if errors.Is(c.Fail(err), core.ErrIntr) {
					return nil, core.ErrIntr
				}
				break // what was found counts
			}
			if c.Err() != nil {
				return nil, core.ErrIntr
			}
			g.add(a)
		}
	}
	if c.Opt('v') {
		c.Warnf("stacks: %d unique stacks / %d threads\n", len(g.groups), g.threads)
	}
	for _, group := range g.groups {
		slices.Reverse(group.threads[1:])
	}
	g.sort()
	if c.Opt('v') {
		c.Warnf("stacks: done\n")
	}
	if given == nil {
		memo.groups = g.groups
	}
	return g.groups, nil
}

// gathering is the making of groups.
type gathering struct {
	c       *core.Ctx
	find    *finder
	groups  stackGroups
	byKey   map[string]*stackGroup
	key     []byte
	threads int
}

func (g *gathering) add(addr uint64) {
	s := g.find.find(addr)
	if errors.Is(s.err, errBadThread) {
		g.c.Warnf("couldn't read thread at %p\n", addr)
		return
	}
	g.threads++
	g.key = s.appendKey(g.key[:0])
	if old := g.byKey[string(g.key)]; old != nil {
		old.threads = append(old.threads, addr)
		return
	}
	n := &stackGroup{s, []uint64{addr}}
	g.byKey[string(g.key)] = n
	g.groups = append(g.groups, n)
}

// appendKey is the same for stacks that are the same.
func (s *stack) appendKey(b []byte) []byte {
	panicked, overflow := byte(0), byte(0)
	if s.panicked {
		panicked = 1
	}
	if s.overflow {
		overflow = 1
	}
	b = append(b, panicked, overflow, byte(s.failure()))
	b = binary.LittleEndian.AppendUint64(b, s.state)
	b = binary.LittleEndian.AppendUint64(b, s.sobj)
	for _, pc := range s.frames {
		b = binary.LittleEndian.AppendUint64(b, pc)
	}
	return b
}

// failure orders the reasons for which there is no stack: FSI_FAIL_*.
func (s *stack) failure() int {
	return slices.Index([]error{nil, errBadThread, errNotLoaded, errBadStack, errNoStack}, s.err)
}

// sort puts the groups into MDB's order.
func (g *gathering) sort() {
	names := map[uint64]string{}
	ns := g.c.Namespace()
	name := func(pc uint64) string {
		n, ok := names[pc]
		if !ok {
			if m, err := ns.LookupAddr(pc, 0); err == nil {
				n = ns.Label(m, m.Value)
			}
			names[pc] = n
		}
		return n
	}
	slices.SortStableFunc(g.groups, func(a, b *stackGroup) int {
		if r := cmp.Or(
			compareBool(a.panicked, b.panicked), cmp.Compare(len(b.threads), len(a.threads)),
			cmp.Compare(a.state, b.state), cmp.Compare(a.failure(), b.failure()),
		); r != 0 {
			return r
		}
		for i := range min(len(a.frames), len(b.frames)) {
			x, y := a.frames[i], b.frames[i]
			if x == y {
				continue
			}
			if nx, ny := name(x), name(y); nx != "" && ny != "" && nx != ny {
				return cmp.Compare(nx, ny)
			}
			return cmp.Compare(x, y)
		}
		return cmp.Or(compareBool(b.overflow, a.overflow), cmp.Compare(len(a.frames), len(b.frames)), cmp.Compare(a.sobj, b.sobj))
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// printStacks prints the groups that pass the filter. Of given threads, those that are
// in a group; only counts the others out.
func printStacks(c *core.Ctx, groups stackGroups, given []uint64, only bool, f *stackFilter) error {
	seen := make([]bool, len(given))
	printed := false
	for _, g := range groups {
		if c.Err() != nil {
			return core.ErrIntr
		}
		threads := g.threads
		if given != nil {
			match := matching(g.threads, given, seen)
			if len(match) == 0 {
				continue
			}
			if only {
				threads = match
			}
		}
		if !f.passes(g) {
			continue
		}
		if c.PipeOut {
			t, _ := viewOf(c).typ("kthread_t")
			c.EmitList(slices.Clone(threads), t)
			continue
		}
		printGroup(c, g, threads, c.Opt('a') || !printed)
		printed = true
	}
	for i, a := range given {
		if !seen[i] {
			c.Warnf("stacks: %p not in thread list\n", a)
		}
	}
	return nil
}

// matching are the threads that are among the given ones, which are sorted.
func matching(threads, given []uint64, seen []bool) []uint64 {
	var list []uint64
	for _, a := range threads {
		if i, ok := slices.BinarySearch(given, a); ok {
			seen[i] = true
			list = append(list, a)
		}
	}
	return list
}

func printGroup(c *core.Ctx, g *stackGroup, threads []uint64, head bool) {
	v := viewOf(c)
	state := "PANIC"
	if !g.panicked {
		state = strings.ToUpper(stateName(g.state))
	}
	sobj := strings.ToUpper(v.sobjText(g.sobj))
	c.Record(func() {
		if head {
			c.Printf("%<u>%-?s %-8s %-?s %8s%</u>\n", "THREAD", "STATE", "SOBJ", "COUNT")
		}
		c.Printf("%-?p %-8s %-?s %8d\n", threads[0], state, sobj, len(threads))
		if c.Opt('a') {
			for _, a := range threads[1:] {
				c.Printf("%-?p %-8s %-?s %8s\n", a, state, sobj, "-")
			}
		}
		if g.err != nil {
			c.Printf("%?s <%s>\n", "", g.err.Error())
		}
		for _, pc := range g.frames {
			c.Printf("%?s %a\n", "", pc)
		}
		if g.overflow {
			c.Printf("%?s ... truncated ...\n", "")
		}
		c.Printf("\n")
	}, groupFields(c, g, threads, state, sobj)...)
}

// groupFields is a group in JSON.
func groupFields(c *core.Ctx, g *stackGroup, threads []uint64, state, sobj string) []out.Field {
	if !c.Opts.JSON {
		return nil
	}
	all := out.List{}
	for _, a := range threads {
		all = append(all, out.Addr(a))
	}
	f := []out.Field{
		{Name: "thread", Value: out.Addr(threads[0])}, {Name: "state", Value: state}, {Name: "sobj", Value: sobj},
		{Name: "count", Value: len(threads)}, {Name: "threads", Value: all}, {Name: "frames", Value: frameList(c, g.frames)},
	}
	if g.err != nil {
		f = append(f, out.Field{Name: "failure", Value: g.err.Error()})
	}
	return f
}
