package dcmds

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/control"
)

func runEvents(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if !c.Opts.JSON {
		eventsHead(c)
	}
	for _, e := range c.Execution().Engine().Events() {
		if e.Flags&control.Hidden != 0 && !c.Opt('a') {
			continue
		}
		text := c.EventText(e)
		c.Record(func() { printEvent(c, e, text) },
			namedField("id", e.ID), namedField("description", text), namedField("enabled", e.Flags&control.Disabled == 0),
			namedField("state", stateNames[e.State]), namedField("hits", e.Hits), namedField("limit", e.Limit),
			namedField("condition", e.Condition), namedField("action", e.Action))
	}
	return nil
}

var stateNames = map[control.State]string{control.Idle: "idle", control.Active: "active", control.Armed: "armed", control.Failed: "error"}

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

func printEvent(c *core.Ctx, e *control.Event, text string) {
	left, right := byte('['), byte(']')
	switch {
	case e.Matched:
		left, right = '<', '>'
	case e.Flags&control.Disabled != 0:
		left, right = '(', ')'
	}
	kind, auto := byte(' '), byte(' ')
	switch {
	case e.Flags&control.Temporary != 0:
		kind = 't'
	case e.Flags&control.Sticky != 0:
		kind = 'T'
	}
	switch {
	case e.Flags&control.AutoStop != 0:
		auto = 's'
	case e.Flags&control.AutoDelete != 0:
		auto = 'D'
	case e.Flags&control.AutoDisable != 0:
		auto = 'd'
	}
	action := eventAction(e)
	last := action
	if c.Opt('v') {
		last = "-"
		if e.Err != nil {
			last = core.Reason(e.Err)
		}
	}
	if e.ID > -10 && e.ID < 10 {
		c.Printf("%c%2d %c", left, e.ID, right)
	} else {
		c.Printf("%c%3d%c", left, e.ID, right)
	}
	c.Printf(" %c %c%c %2u %2u %-40s %-21s\n", byte(e.State), kind, auto, e.Hits, e.Limit, abbreviated(text, 41), abbreviated(last, 22))
	if c.Opt('v') {
		c.Printf("%-17s%s\n", "", action)
		eventsRule(c)
	}
}

// eventAction is what is done when an event occurs, with its condition.
func eventAction(e *control.Event) string {
	switch {
	case e.Condition != "" && e.Action != "":
		return "if " + e.Condition + ": " + e.Action
	case e.Condition != "":
		return "if " + e.Condition
	case e.Action != "":
		return e.Action
	}
	return "-"
}

// abbreviated cuts text that does not fit a buffer of n bytes, with " ..." at the
// end.
func abbreviated(s string, n int) string {
	if len(s) < n {
		return s
	}
	return s[:n-5] + " ..."
}
