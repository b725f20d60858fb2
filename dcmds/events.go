package dcmds

import (
	"errors"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/control"
)

// eventDcmds list and change event specifiers: breakpoints and watchpoints that
// wait for the target to run. A target that does not run keeps them idle.
func eventDcmds() []*core.Dcmd {
	const bpUsage = "?[+/-dDestT] [-c cmd] [-n count] sym ..."
	const wpUsage = ":[+/-dDelstT] [-rwx] [-c cmd] [-n count] [-L size]"
	old := func(name, what string, access control.Access) *core.Dcmd {
		return &core.Dcmd{Name: name, Usage: ":[cmd...]", Descr: what, Run: func(c *core.Ctx) error { return oldEvent(c, access) }}
	}
	return []*core.Dcmd{
		{Name: "bp", Usage: bpUsage, Descr: "breakpoint at the specified addresses or symbols", Help: eventHelp, Run: runBp},
		old(":b", "breakpoint at the specified address", 0),
		{Name: "wp", Usage: wpUsage, Descr: "set a watchpoint at the specified address", Help: eventHelp, Run: runWp},
		old(":a", "set read access watchpoint", control.Read),
		old(":p", "set execute access watchpoint", control.Execute),
		old(":w", "set write access watchpoint", control.Write),
		{Name: "evset", Usage: "?[+/-dDestT] [-c cmd] [-n count] id ...", Descr: "set software event specifier attributes",
			Help: eventHelp, Run: runEvset},
		{Name: "events", Usage: "[-av]", Descr: "list traced software events", Help: eventHelp, Opts: eventsOpts, Run: runEvents},
		{Name: "$b", Usage: "[-av]", Descr: "list traced software events", Help: eventHelp, Opts: eventsOpts, Run: runEvents},
		{Name: "delete", Usage: "?[id|all]", Descr: "delete traced software events", Run: runDelete},
		{Name: ":d", Usage: "?[id|all]", Descr: "delete traced software events", Run: runDelete},
		{Name: ":z", Descr: "delete all traced software events", Run: runZap},
		{Name: "enable", Usage: "?[id|all]", Descr: "enable traced software events", Run: changeEvents(0, control.Disabled)},
		{Name: "disable", Usage: "?[id|all]", Descr: "disable traced software events", Run: changeEvents(control.Disabled, 0)},
	}
}

const eventHelp = "-c cmd    run this command when the event occurs\n" +
	"-n count  limit of occurrences that -d, -D and -s speak of\n" +
	"-d        disable at the limit, or at once without -n\n" +
	"-D        delete at the limit\n" +
	"-e        enable (+e disables)\n" +
	"-s        stop at the limit\n" +
	"-t        temporary: delete at the next stop\n" +
	"-T        sticky: ::delete all leaves it\n" +
	"-C expr   condition: a match counts only if the expression is not zero; dot is\n" +
	"          the pc, registers are those of the thread\n" +
	"-P tid    only in this thread; of a machine, on this processor\n" +
	"A + takes back what the - sets.\n"

var eventsOpts = []core.Opt{
	{Letter: 'a', Help: "show all events, including internal ones"},
	{Letter: 'v', Help: "show verbose display, including inactivity reason"},
}

// eventArgs are the options that the commands share, and the other words.
type eventArgs struct {
	set, clear control.Flags
	condition  string
	hasCond    bool
	thread     uint64
	action     string
	hasAction  bool
	limit      uint64
	letters    string // those of a command's own options without an argument
	length     uint64 // of -L
	rest       []core.Arg
}

var eventLetters = map[byte]control.Flags{
	'd': control.AutoDisable, 'D': control.AutoDelete, 's': control.AutoStop, 't': control.Temporary, 'T': control.Sticky,
}

// withValue are the letters with an argument: MDB's c and n, and of xmdb's own C,
// a condition, and P, a thread.
const withValue = "cnCP"

// parseEvent reads the arguments; own are the letters of the command's own options,
// of which L takes an argument.
func parseEvent(c *core.Ctx, own string) (a eventArgs, err error) {
	args := c.Stage.RawArgs
	for i := 0; i < len(args); i++ {
		w := args[i].Str
		switch {
		case args[i].IsImm || w == "" || w[0] != '-' && w[0] != '+':
			a.rest = append(a.rest, args[i])
			continue
		case len(w) == 1:
			return a, core.ErrUsage
		}
		for j := 1; j < len(w); j++ {
			if w[0] == '+' {
				if !a.plus(w[j]) {
					c.Warnf("illegal option -- +%c", w[j])
					return a, core.ErrUsage
				}
				continue
			}
			if a.minus(w[j], own) {
				continue
			}
			val := core.Arg{Str: w[j+1:]}
			if !strings.Contains(withValue, string(w[j])) && !(w[j] == 'L' && strings.Contains(own, "L")) {
				c.Warnf("illegal option -- %c", w[j])
				return a, core.ErrUsage
			}
			if val.Str == "" {
				if i++; i == len(args) {
					c.Warnf("option requires an argument -- %c", w[j])
					return a, core.ErrUsage
				}
				val = args[i]
			}
			if err := a.value(c, w[j], val); err != nil {
				return a, err
			}
			break
		}
	}
	if a.limit == 0 && a.set&control.AutoDisable != 0 {
		a.set = a.set&^control.AutoDisable | control.Disabled
	}
	return a, nil
}

func (a *eventArgs) plus(l byte) bool {
	if l == 'e' {
		a.set |= control.Disabled
		return true
	}
	f, ok := eventLetters[l]
	a.clear |= f
	return ok
}

func (a *eventArgs) minus(l byte, own string) bool {
	switch {
	case l == 'e':
		a.clear |= control.Disabled
	case eventLetters[l] != 0:
		a.set |= eventLetters[l]
	case l != 'L' && strings.IndexByte(own, l) >= 0:
		a.letters += string(l)
	default:
		return false
	}
	return true
}

func (a *eventArgs) has(letter string) bool { return strings.Contains(a.letters, letter) }

func (a *eventArgs) value(c *core.Ctx, l byte, val core.Arg) error {
	if l == 'c' || l == 'C' {
		if val.IsImm {
			c.Warnf("string argument required for -%c", l)
			return core.ErrUsage
		}
		if l == 'C' {
			a.condition, a.hasCond = val.Str, true
		} else {
			a.action, a.hasAction = val.Str, true
		}
		return nil
	}
	n := val.Imm
	if !val.IsImm {
		var err error
		if n, err = c.Strtoull(val.Str); err != nil {
			return err
		}
	}
	switch l {
	case 'n':
		a.limit = n
	case 'P':
		a.thread = c.Execution().ThreadOf(n)
	default:
		a.length = n
	}
	return nil
}

// event makes an event of what the options say.
func (a *eventArgs) event(e control.Event) *control.Event {
	e.Flags, e.Limit, e.Action, e.Condition, e.Thread = a.set&^a.clear, a.limit, a.action, a.condition, a.thread
	return &e
}

// add adds an event of what the options say.
func (a *eventArgs) add(c *core.Ctx, e control.Event) error {
	return c.Execution().Engine().Add(a.event(e))
}

func runBp(c *core.Ctx) error {
	a, err := parseEvent(c, "")
	if err != nil {
		return err
	}
	if c.HasAddr {
		a.rest = append([]core.Arg{{Imm: c.Addr, IsImm: true}}, a.rest...)
	}
	if len(a.rest) == 0 {
		return core.ErrUsage
	}
	var status error
	for _, w := range a.rest {
		e := control.Event{Kind: control.AtAddress, Addr: w.Imm}
		if !w.IsImm {
			// A symbol may be that of an object which is not loaded yet.
			e = control.Event{Kind: control.AtSymbol, Symbol: w.Str}
			switch {
			case strings.HasPrefix(w.Str, "`"):
				status = c.Warn(errors.New("unknown object file name"), "failed to add breakpoint at %s", w.Str)
				continue
			case strings.HasSuffix(w.Str, "`"):
				status = c.Warn(errors.New("unknown symbol name"), "failed to add breakpoint at %s", w.Str)
				continue
			}
		}
		if err := a.add(c, e); err != nil {
			return err
		}
	}
	return status
}

// oldEvent is the adb form: the rest of the line is the action.
func oldEvent(c *core.Ctx, access control.Access) error {
	var words []string
	for _, a := range c.Stage.RawArgs {
		if a.IsImm {
			words = append(words, c.P.Sprintf("%#llr", a.Imm))
		} else {
			words = append(words, a.Str)
		}
	}
	a := eventArgs{action: strings.Join(words, " ")}
	if access == 0 {
		return a.add(c, control.Event{Kind: control.AtAddress, Addr: c.Addr})
	}
	if err := addWatch(c, &a, c.Count, access); err != nil {
		return err
	}
	return core.ErrAbort // the count is the size
}

// addWatch adds a watchpoint of size bytes at the address, which no other may
// overlap.
func addWatch(c *core.Ctx, a *eventArgs, size uint64, access control.Access) error {
	for _, e := range c.Execution().Engine().Events() {
		if e.Kind == control.OnAccess && e.Addr < c.Addr+size && c.Addr < e.Addr+e.Size &&
			(e.Addr != c.Addr || e.Size != size || e.Access != access) {
			return c.Warn(errors.New("conflict with existing watchpoint"), "failed to set watchpoint at %p", c.Addr)
		}
	}
	return a.add(c, control.Event{Kind: control.OnAccess, Addr: c.Addr, Size: size, Access: access})
}

func runWp(c *core.Ctx) error {
	a, err := parseEvent(c, "rwxlL")
	if err != nil || len(a.rest) > 0 {
		return core.ErrUsage
	}
	var access control.Access
	for letter, bit := range map[string]control.Access{"r": control.Read, "w": control.Write, "x": control.Execute} {
		if a.has(letter) {
			access |= bit
		}
	}
	if access == 0 {
		c.Warnf("at least one of -r, -w, or -x must be specified")
		return core.ErrUsage
	}
	given := 0
	for _, on := range []bool{a.has("l"), a.length > 0, c.Count != 1} {
		if on {
			given++
		}
	}
	if given > 1 {
		c.Warnf("only one of -l, -L, or command count can be specified")
		return core.ErrAbort
	}
	size := c.Count
	switch {
	case a.has("l"):
		m, err := c.SymbolAt(c.Addr)
		if err != nil {
			return c.Warn(err, "failed to lookup symbol at %p", c.Addr)
		}
		if m.Size == 0 {
			c.Warnf("cannot set watchpoint: symbol '%s' has zero size", m.Name)
			return core.ErrFailed
		}
		size = m.Size
	case a.length > 0:
		size = a.length
	}
	if err := addWatch(c, &a, size, access); err != nil {
		return err
	}
	if a.has("l") || a.length > 0 {
		return nil
	}
	return core.ErrAbort // the count is the size
}

func runEvset(c *core.Ctx) error {
	a, err := parseEvent(c, "F")
	if err != nil {
		return err
	}
	var ids []int
	if c.HasAddr {
		ids = append(ids, int(c.Addr))
	}
	for _, w := range a.rest {
		id, err := eventID(c, w)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		c.Warnf("expected one or more event IDs to be specified")
		return core.ErrUsage
	}
	var status error
	for _, id := range ids {
		if err := modify(c, &a, id); err != nil {
			status = err
		}
	}
	return status
}

func modify(c *core.Ctx, a *eventArgs, id int) error {
	g := c.Execution().Engine()
	e := g.Find(id)
	if e == nil {
		c.Warnf("failed to modify event %d: no such software event specifier", id)
		return core.ErrFailed
	}
	if e.Flags&control.Hidden != 0 && !a.has("F") {
		c.Warnf("cannot modify event %d: internal debugger event", id)
		return core.ErrFailed
	}
	e.Flags = (e.Flags | a.set) &^ a.clear
	if a.hasAction {
		e.Action = a.action
	}
	if a.limit != 0 {
		e.Limit = a.limit
	}
	if a.thread != 0 {
		e.Thread = a.thread
	}
	if a.hasCond {
		return g.SetCondition(e, a.condition)
	}
	return nil
}

// eventID is the number of an event: decimal.
func eventID(c *core.Ctx, w core.Arg) (int, error) {
	if w.IsImm {
		return int(w.Imm), nil
	}
	s, minus := strings.CutPrefix(w.Str, "-")
	n, err := core.Strtoull("0t"+s, 10)
	if minus {
		return -int(n), err
	}
	return int(n), err
}

func runDelete(c *core.Ctx) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && c.HasAddr {
		return core.ErrUsage
	}
	gone := func(e *control.Event) bool { return e.Covers(c.Addr) }
	all := false
	switch {
	case len(c.Args) == 0:
	case c.Args[0].Str == "all":
		all, gone = true, notSticky
	default:
		id, err := eventID(c, c.Args[0])
		if err != nil {
			return err
		}
		gone = func(e *control.Event) bool { return e.ID == id }
	}
	if !deleteEvents(c, gone) && !all && (len(c.Args) > 0 || c.Addr != 0) {
		c.Warnf("no traced events matched description")
	}
	return nil
}

func notSticky(e *control.Event) bool { return e.Flags&control.Sticky == 0 }

func deleteEvents(c *core.Ctx, gone func(*control.Event) bool) bool {
	return c.Execution().Engine().Delete(func(e *control.Event) bool { return e.Flags&control.Hidden == 0 && gone(e) })
}

func runZap(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	deleteEvents(c, notSticky)
	return nil
}

// changeEvents makes ::enable, ::disable and their kin of a change of flags.
func changeEvents(set, clear control.Flags) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		chosen := func(e *control.Event) bool { return e.Covers(c.Addr) }
		switch {
		case len(c.Args) > 1 || len(c.Args) == 1 && c.HasAddr:
			return core.ErrUsage
		case len(c.Args) == 1 && c.Args[0].Str == "all":
			chosen = func(*control.Event) bool { return true }
		case len(c.Args) == 1:
			id, err := eventID(c, c.Args[0])
			if err != nil {
				return err
			}
			chosen = func(e *control.Event) bool { return e.ID == id }
		}
		n := 0
		for _, e := range c.Execution().Engine().Events() {
			if e.Flags&control.Hidden == 0 && chosen(e) {
				e.Flags = (e.Flags | set) &^ clear
				n++
			}
		}
		if n == 0 {
			c.Warnf("no traced events matched description")
			return core.ErrFailed
		}
		return nil
	}
}
