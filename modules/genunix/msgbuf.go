package genunix

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// maxMessage is how much of a message is printed.
const maxMessage = 1023

// runMsgbuf is ::msgbuf: a message of the log, or all recent ones, oldest first.
func runMsgbuf(c *core.Ctx) error {
	v := viewOf(c)
	if c.HasAddr {
		return v.message(c, c.Addr, c.Header())
	}
	q, err := v.variable("genunix", "log_recentq")
	if err != nil {
		return err
	}
	first, err := v.member("queue_t", "q_first", q)
	if err != nil {
		return badRead("queue_t", q, err)
	}
	head := !c.PipeOut
	var failed error
	for at, err := range v.chain("mblk", "mblk_t", "b_next", first) {
		if err != nil {
			return err
		}
		if err := v.message(c, at, head); err != nil {
			failed = c.Fail(err) // the others may be there
		}
		head = false
	}
	return failed
}

// message prints a message: a log_ctl_t in the first block, its text in the next.
// The text has its own newline.
func (v *view) message(c *core.Ctx, at uint64, head bool) error {
	verbose := c.Opt('v')
	if head && !c.Opts.JSON {
		if verbose {
			c.Printf("%<u>%20s %?s %-40s%</u>\n", "TIMESTAMP", "LOGCTL", "MESSAGE")
		} else {
			c.Printf("%<u>%-70s%</u>\n", "MESSAGE")
		}
	}
	var m struct {
		Ctl  uint64 `ctf:"b_rptr"`
		Cont uint64 `ctf:"b_cont"`
	}
	if err := v.load("mblk_t", at, &m); err != nil {
		return badRead("msgb structure", at, err)
	}
	sec, err := v.member("log_ctl_t", "ttime", m.Ctl)
	if err != nil {
		return badRead("log_ctl_t", m.Ctl, err)
	}
	text, err := v.member("mblk_t", "b_rptr", m.Cont)
	if err != nil {
		return badRead("msgb structure", m.Cont, err)
	}
	line, err := mem.ReadString(v.w.Space, mem.Addr(text), maxMessage)
	if err != nil {
		return badRead("string", text, err)
	}
	line = strings.TrimPrefix(line, "\r")
	if c.PipeOut {
		c.Emit(at, v.typeOrNil("mblk_t"))
		return nil
	}
	c.Record(func() {
		if verbose {
			c.Printf("%Y %?p ", int64(int32(sec)), m.Ctl)
		}
		c.Printf("%s", line)
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "time", Value: int64(int32(sec))}, out.Field{Name: "logctl", Value: out.Addr(m.Ctl)},
		out.Field{Name: "message", Value: strings.TrimSuffix(line, "\n")})
	return nil
}
