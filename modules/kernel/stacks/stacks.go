package stacks

import (
	"cmp"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
)

// Stack is the stack of a thread and what it is grouped by beside the frames.
type Stack struct {
	Frames   []uint64 // return addresses, innermost first
	Overflow bool     // there are more than Depth
	Panicked bool     // it is a thread that panicked
	State    uint64   // a state, as the kernel numbers it
	Sobj     uint64   // what it waits on: 0 nothing
	Err      error    // why there is no stack, or why it ends early
	Failure  int      // orders reasons, 0 if there is none
}

// Depth is how many frames of a stack count and are shown.
const Depth = 254

// ErrThread is what Kernel.Stack gives for what is no thread.
var ErrThread = errors.New("thread structure could not be read")

// Kernel tells of threads.
type Kernel interface {
	// Threads yields all of them.
	Threads() iter.Seq2[uint64, error]
	// Stack finds that of a thread; its error is ErrThread where there is no thread.
	Stack(thread uint64) (Stack, error)
	// ThreadType is the type of a thread's structure.
	ThreadType() string
	// State and Sobj name what Stack has numbers of; StateNamed and SobjNamed find the
	// number, regardless of case. SobjNamed reports what is wrong with a name itself.
	State(state uint64) string
	Sobj(sobj uint64) string
	StateNamed(name string) (state uint64, ok bool)
	SobjNamed(name string) (sobj uint64, err error)
	// Module gives the addresses of a module's code, none if it is not known.
	Module(name string) ([]sym.Range, error)
}

// Chooser is a Kernel on which other threads are of no interest to -i than MDB's, which are
// those on a condition variable and free ones.
type Chooser interface {
	Interesting(s *Stack) bool
}

// Opts are the options of ::stacks.
var Opts = []core.Opt{
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

// stackGroup are threads whose stacks are the same.
type stackGroup struct {
	Stack
	threads []uint64 // in MDB's order: the first met, then the others from the last
}

// stackGroups are the groups of all threads, sorted.
type stackGroups []*stackGroup

type stacksKey struct{}

// stacksMemo holds the groups of all threads, that ::stacks -f forgets.
type stacksMemo struct{ groups stackGroups }

// Run is the command: the dcmd of a kernel calls it with what tells of its threads.
func Run(c *core.Ctx, k Kernel) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	filter, err := newFilter(c, k)
	if err != nil {
		return err
	}
	var given []uint64
	if c.HasAddr {
		given = c.Input()
		slices.Sort(given)
		given = slices.Compact(given)
	}
	groups, err := gather(c, k, given)
	if err != nil {
		return err
	}
	// With a single address MDB shows the group of the thread among all threads.
	return print(c, k, groups, given, c.PipeIn, filter)
}

// gather gives the groups: of all threads, kept from one command to the next,
// or of those given.
func gather(c *core.Ctx, k Kernel, given []uint64) (stackGroups, error) {
	memo, _ := core.Memo(c.Session, stacksKey{}, func() (*stacksMemo, error) { return &stacksMemo{}, nil })
	if memo.groups != nil && !c.Opt('f') {
		return memo.groups, nil
	}
	if c.Opt('v') {
		c.Session.Notef("stacks: processing kernel threads\n")
	}
	g := &gathering{c: c, k: k, byKey: map[string]*stackGroup{}}
	if given != nil {
		for _, a := range given {
			g.add(a)
		}
	} else {
		for a, err := range k.Threads() {
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
		c.Session.Notef("stacks: %d unique stacks / %d threads\n", len(g.groups), g.threads)
	}
	for _, group := range g.groups {
		slices.Reverse(group.threads[1:])
	}
	g.sort()
	if c.Opt('v') {
		c.Session.Notef("stacks: done\n")
	}
	if given == nil {
		memo.groups = g.groups
	}
	return g.groups, nil
}

// gathering is the making of groups.
type gathering struct {
	c       *core.Ctx
	k       Kernel
	groups  stackGroups
	byKey   map[string]*stackGroup
	key     []byte
	threads int
}

func (g *gathering) add(addr uint64) {
	s, err := g.k.Stack(addr)
	if errors.Is(err, ErrThread) {
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
func (s *Stack) appendKey(b []byte) []byte {
	panicked, overflow := byte(0), byte(0)
	if s.Panicked {
		panicked = 1
	}
	if s.Overflow {
		overflow = 1
	}
	b = append(b, panicked, overflow, byte(s.Failure))
	b = binary.LittleEndian.AppendUint64(b, s.State)
	b = binary.LittleEndian.AppendUint64(b, s.Sobj)
	for _, pc := range s.Frames {
		b = binary.LittleEndian.AppendUint64(b, pc)
	}
	return b
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
			compareBool(a.Panicked, b.Panicked), cmp.Compare(len(b.threads), len(a.threads)),
			cmp.Compare(a.State, b.State), cmp.Compare(a.Failure, b.Failure),
		); r != 0 {
			return r
		}
		for i := range min(len(a.Frames), len(b.Frames)) {
			x, y := a.Frames[i], b.Frames[i]
			if x == y {
				continue
			}
			if nx, ny := name(x), name(y); nx != "" && ny != "" && nx != ny {
				return cmp.Compare(nx, ny)
			}
			return cmp.Compare(x, y)
		}
		return cmp.Or(compareBool(b.Overflow, a.Overflow), cmp.Compare(len(a.Frames), len(b.Frames)), cmp.Compare(a.Sobj, b.Sobj))
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

// print prints the groups that pass the filter. Of given threads, those that are
// in a group; only counts the others out.
func print(c *core.Ctx, k Kernel, groups stackGroups, given []uint64, only bool, f *filter) error {
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
			t, _ := c.LookupType(k.ThreadType())
			c.EmitList(slices.Clone(threads), t)
			continue
		}
		printGroup(c, k, g, threads, c.Opt('a') || !printed)
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

func printGroup(c *core.Ctx, k Kernel, g *stackGroup, threads []uint64, head bool) {
	state := "PANIC"
	if !g.Panicked {
		state = strings.ToUpper(k.State(g.State))
	}
	sobj := strings.ToUpper(k.Sobj(g.Sobj))
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
		if g.Err != nil {
			c.Printf("%?s <%s>\n", "", g.Err.Error())
		}
		for _, pc := range g.Frames {
			c.Printf("%?s %a\n", "", pc)
		}
		if g.Overflow {
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
		{Name: "count", Value: len(threads)}, {Name: "threads", Value: all}, {Name: "frames", Value: Frames(c, g.Frames)},
	}
	if g.Err != nil {
		f = append(f, out.Field{Name: "failure", Value: g.Err.Error()})
	}
	return f
}

// Frames are return addresses in JSON.
func Frames(c *core.Ctx, pcs []uint64) out.List {
	list := out.List{}
	for _, pc := range pcs {
		list = append(list, out.Object{{Name: "pc", Value: out.Addr(pc)}, {Name: "function", Value: out.Sprintf(c.OutEnv(), "%a", pc)}})
	}
	return list
}
