package dcmds

import (
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// eventDcmds list and change event specifiers: breakpoints and watchpoints that
// wait for the target to run. A target that does not run keeps them idle.
func eventDcmds() []*core.Dcmd {
	const bpUsage = "?[+/-dDestT] [-c cmd] [-n count] sym ..."
	const wpUsage = ":[+/-dDelstT] [-rwx] [-c cmd] [-n count] [-L size]"
	old := func(name, what, rwx string) *core.Dcmd {
		return &core.Dcmd{Name: name, Usage: ":[cmd...]", Descr: what, Run: func(c *core.Ctx) error { return oldEvent(c, rwx) }}
	}
	return []*core.Dcmd{
		{Name: "bp", Usage: bpUsage, Descr: "breakpoint at the specified addresses or symbols", Help: eventHelp, Run: runBp},
		old(":b", "breakpoint at the specified address", ""),
		{Name: "wp", Usage: wpUsage, Descr: "set a watchpoint at the specified address", Help: eventHelp, Run: runWp},
		old(":a", "set read access watchpoint", "r"),
		old(":p", "set execute access watchpoint", "x"),
		old(":w", "set write access watchpoint", "w"),
		{Name: "evset", Usage: "?[+/-dDestT] [-c cmd] [-n count] id ...", Descr: "set software event specifier attributes",
			Help: eventHelp, Run: runEvset},
		{Name: "events", Usage: "[-av]", Descr: "list traced software events", Help: eventHelp, Opts: eventsOpts, Run: runEvents},
		{Name: "$b", Usage: "[-av]", Descr: "list traced software events", Help: eventHelp, Opts: eventsOpts, Run: runEvents},
		{Name: "delete", Usage: "?[id|all]", Descr: "delete traced software events", Run: runDelete},
		{Name: ":d", Usage: "?[id|all]", Descr: "delete traced software events", Run: runDelete},
		{Name: ":z", Descr: "delete all traced software events", Run: runZap},
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
	"A + takes back what the - sets.\n"

var eventsOpts = []core.Opt{
	{Letter: 'a', Help: "show all events, including internal ones"},
	{Letter: 'v', Help: "show verbose display, including inactivity reason"},
}

// eventFlags are the attributes of an event specifier.
type eventFlags uint8

const (
	eventDisabled eventFlags = 1 << iota
	eventAutoDis
	eventAutoDel
	eventAutoStop
	eventTemp
	eventSticky
)

// event is an event specifier.
type event struct {
	id          int
	descr       string
	base, size  uint64 // size 0: no address is known
	flags       eventFlags
	hits, limit uint64
	action      string
}

// eventList are the specifiers of a session.
type eventList struct {
	next int
	list []*event
}

type eventKey struct{}

func events(s *core.Session) *eventList {
	return core.Keep(s, eventKey{}, func() *eventList { return &eventList{next: 1} })
}

func (l *eventList) add(e *event) {
	e.id = l.next
	l.next++
	l.list = append(l.list, e)
}

// eventArgs are the options that the commands share, and the other words.
type eventArgs struct {
	set, clear eventFlags
	action     string
	hasAction  bool
	limit      uint64
	letters    string // those of a command's own options without an argument
	length     uint64 // of -L
	rest       []core.Arg
}

var eventLetters = map[byte]eventFlags{
	'd': eventAutoDis, 'D': eventAutoDel, 's': eventAutoStop, 't': eventTemp, 'T': eventSticky,
}

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
			if w[j] != 'c' && w[j] != 'n' && !(w[j] == 'L' && strings.Contains(own, "L")) {
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
	if a.limit == 0 && a.set&eventAutoDis != 0 {
		a.set = a.set&^eventAutoDis | eventDisabled
	}
	return a, nil
}

func (a *eventArgs) plus(l byte) bool {
	if l == 'e' {
		a.set |= eventDisabled
		return true
	}
	f, ok := eventLetters[l]
	a.clear |= f
	return ok
}

func (a *eventArgs) minus(l byte, own string) bool {
	switch {
	case l == 'e':
		a.clear |= eventDisabled
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
	if l == 'c' {
		if val.IsImm {
			c.Warnf("string argument required for -c")
			return core.ErrUsage
		}
		a.action, a.hasAction = val.Str, true
		return nil
	}
	n := val.Imm
	if !val.IsImm {
		var err error
		if n, err = c.Strtoull(val.Str); err != nil {
			return err
		}
	}
	if l == 'n' {
		a.limit = n
	} else {
		a.length = n
	}
	return nil
}

func (a *eventArgs) event(descr string, base, size uint64) *event {
	return &event{descr: descr, base: base, size: size, flags: a.set &^ a.clear, limit: a.limit, action: a.action}
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
	l := events(c.Session)
	for _, w := range a.rest {
		if w.IsImm {
			l.add(a.event(c.P.Sprintf("stop at %a", w.Imm), w.Imm, 1))
			continue
		}
		// A symbol may be that of an object which is not loaded yet.
		base, size := uint64(0), uint64(0)
		if v, err := c.Session.Eval.Expr(c.Session, w.Str); err == nil {
			base, size = v, 1
		}
		l.add(a.event("stop at "+w.Str, base, size))
	}
	return nil
}

// oldEvent is the adb form: the rest of the line is the action.
func oldEvent(c *core.Ctx, access string) error {
	var words []string
	for _, a := range c.Stage.RawArgs {
		if a.IsImm {
			words = append(words, c.P.Sprintf("%#llr", a.Imm))
		} else {
			words = append(words, a.Str)
		}
	}
	a := eventArgs{action: strings.Join(words, " "), letters: access}
	if access == "" {
		events(c.Session).add(a.event(c.P.Sprintf("stop at %a", c.Addr), c.Addr, 1))
		return nil
	}
	addWatch(c, &a, c.Count)
	return core.ErrAbort // the count is the size
}

var accessNames = []struct{ letter, name string }{{"r", "read"}, {"w", "write"}, {"x", "exec"}}

func addWatch(c *core.Ctx, a *eventArgs, size uint64) {
	var names []string
	for _, n := range accessNames {
		if a.has(n.letter) {
			names = append(names, n.name)
		}
	}
	descr := c.P.Sprintf("stop on %s of [%la, %la)", strings.Join(names, "/"), c.Addr, c.Addr+size)
	events(c.Session).add(a.event(descr, c.Addr, size))
}

func runWp(c *core.Ctx) error {
	a, err := parseEvent(c, "rwxlL")
	if err != nil || len(a.rest) > 0 {
		return core.ErrUsage
	}
	if !a.has("r") && !a.has("w") && !a.has("x") {
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
	addWatch(c, &a, size)
	if a.has("l") || a.length > 0 {
		return nil
	}
	return core.ErrAbort // the count is the size
}

func runEvset(c *core.Ctx) error {
	a, err := parseEvent(c, "")
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
		if !modify(c, &a, id) {
			c.Warnf("failed to modify event %d: no such software event specifier", id)
			status = core.ErrFailed
		}
	}
	return status
}

func modify(c *core.Ctx, a *eventArgs, id int) bool {
	for _, e := range events(c.Session).list {
		if e.id != id {
			continue
		}
		e.flags = (e.flags | a.set) &^ a.clear
		if a.hasAction {
			e.action = a.action
		}
		if a.limit != 0 {
			e.limit = a.limit
		}
		return true
	}
	return false
}

// eventID is the number of an event: decimal.
func eventID(c *core.Ctx, w core.Arg) (int, error) {
	if w.IsImm {
		return int(w.Imm), nil
	}
	n, err := core.Strtoull("0t"+w.Str, 10)
	return int(n), err
}

func runDelete(c *core.Ctx) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && c.HasAddr {
		return core.ErrUsage
	}
	gone := func(e *event) bool { return c.Addr-e.base < e.size }
	all := false
	switch {
	case len(c.Args) == 0:
	case c.Args[0].Str == "all":
		all = true
		gone = func(e *event) bool { return e.flags&eventSticky == 0 }
	default:
		id, err := eventID(c, c.Args[0])
		if err != nil {
			return err
		}
		gone = func(e *event) bool { return e.id == id }
	}
	if !deleteEvents(c, gone) && !all && (len(c.Args) > 0 || c.Addr != 0) {
		c.Warnf("no traced events matched description")
	}
	return nil
}

func deleteEvents(c *core.Ctx, gone func(*event) bool) bool {
	l := events(c.Session)
	before := len(l.list)
	l.list = slices.DeleteFunc(l.list, gone)
	return len(l.list) < before
}

func runZap(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	deleteEvents(c, func(e *event) bool { return e.flags&eventSticky == 0 })
	return nil
}

func runEvents(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if !c.Opts.JSON {
		eventsHead(c)
	}
	for _, e := range events(c.Session).list {
		c.Record(func() { printEvent(c, e) },
			namedField("id", e.id), namedField("description", e.descr), namedField("enabled", e.flags&eventDisabled == 0),
			namedField("hits", e.hits), namedField("limit", e.limit), namedField("action", e.action))
	}
	return nil
}

func eventsHead(c *core.Ctx) {
	if c.Opt('v') {
		c.Printf("   ID S TA HT LM %-40s %-21s\n%-17s%s\n", "Description", "Status", "", "Action")
	} else {
		c.Printf("   ID S TA HT LM %-40s %-21s\n", "Description", "Action")
	}
	eventsRule(c)
}

func eventsRule(c *core.Ctx) {
	c.Printf("----- - -- -- -- %s ---%s\n", strings.Repeat("-", 40), strings.Repeat("-", 19))
}

func printEvent(c *core.Ctx, e *event) {
	left, right := byte('['), byte(']')
	if e.flags&eventDisabled != 0 {
		left, right = '(', ')'
	}
	kind, auto := byte(' '), byte(' ')
	switch {
	case e.flags&eventTemp != 0:
		kind = 't'
	case e.flags&eventSticky != 0:
		kind = 'T'
	}
	switch {
	case e.flags&eventAutoStop != 0:
		auto = 's'
	case e.flags&eventAutoDel != 0:
		auto = 'D'
	case e.flags&eventAutoDis != 0:
		auto = 'd'
	}
	action := e.action
	if action == "" {
		action = "-"
	}
	last := action
	if c.Opt('v') {
		last = core.ErrNoProc.Error()
	}
	if e.id < 10 {
		c.Printf("%c%2d %c", left, e.id, right)
	} else {
		c.Printf("%c%3d%c", left, e.id, right)
	}
	c.Printf(" - %c%c %2u %2u %-40s %-21s\n", kind, auto, e.hits, e.limit, abbreviated(e.descr, 41), abbreviated(last, 22))
	if c.Opt('v') {
		c.Printf("%-17s%s\n", "", action)
		eventsRule(c)
	}
}

// abbreviated cuts text that does not fit a buffer of n bytes, with " ..." at the
// end.
func abbreviated(s string, n int) string {
	if len(s) < n {
		return s
	}
	return s[:n-5] + " ..."
}
