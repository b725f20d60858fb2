package genunix

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

func mblkVerifyDcmd() *core.Dcmd {
	return &core.Dcmd{Name: "mblk_verify", Usage: "?", Descr: "verifies that mblk is valid", Type: "mblk_t",
		Help: "Checks that the pointers of a message block, or of all, lie in its data block.\nOnly blocks that are not right are shown.\n",
		Run: noArgs(func(c *core.Ctx) error {
			v := viewOf(c)
			if c.HasAddr {
				return verifyMblk(c, v, c.Addr)
			}
			return each(c, walkOf(c, "streams_mblk", 0), func(at uint64) error { return verifyMblk(c, v, at) })
		})}
}

func verifyMblk(c *core.Ctx, v *view, at uint64) error {
	var m struct {
		Read  uint64 `ctf:"b_rptr"`
		Write uint64 `ctf:"b_wptr"`
		Data  uint64 `ctf:"b_datap"`
	}
	if err := v.load("mblk_t", at, &m); err != nil {
		return fmt.Errorf("can't read mblk_t at 0x%x: %w", at, err)
	}
	var d struct {
		Base uint64 `ctf:"db_base"`
		Lim  uint64 `ctf:"db_lim"`
	}
	if err := v.load("dblk_t", m.Data, &d); err != nil {
		return fmt.Errorf("%16x: invalid b_datap pointer", at)
	}
	var wrong []string
	if m.Read < d.Base || m.Read > d.Lim {
		wrong = append(wrong, "b_rptr out of range")
	}
	if m.Write < d.Base || m.Write > d.Lim {
		wrong = append(wrong, "b_wptr out of range")
	}
	if len(wrong) == 0 {
		return nil
	}
	if c.PipeOut {
		c.Emit(at, v.typeOrNil("mblk_t"))
		return core.ErrFailed
	}
	text := strings.Join(wrong, ", ")
	c.Record(func() { c.Printf("%?lx: %s\n", at, text) }, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "error", Value: text})
	return core.ErrFailed
}

// Events of the flow trace (sys/strft.h): what is left of one under flowEvent is the
// event, and one with a bit of flowQueue names a module, else a caller.
const (
	flowWriter  = 0x8000
	flowThread  = 0x4000 // another thread than of the event before
	flowCPU     = 0x2000 // another CPU
	flowEvent   = 0x1fff
	flowQueue   = 0x1f00
	flowPut     = 0x0100
	flowPutnext = 0x010d
	flowCaller  = 0x000f

	maxFlowEvents = 9
	maxFlowDepth  = 15
	maxFlowName   = 9 // FMNAMESZ and a NUL
)

var flowAllocs = []string{"allocb", "esballoc", "desballoc", "esballoca", "desballoca", "allocbig", "allocbw", "bcallocb", "freeb", "dupb", "copyb"}

var flowProcs = []string{"put", "0x101", "0x102", "0x103", "0x104", "putq", "getq", "rmvq", "insq", "putbq", "flushq", "0x10b", "0x10c", "putnext", "rwnext"}

// flowTrace walks the events that a data block has been traced through: blocks of at
// most nine, of which the first lies in the header.
func (v *view) flowTrace(dblk uint64) seq2 {
	hdr, err := v.member("dblk_t", "db_fthdr", dblk)
	if err != nil {
		return noWalk[uint64](badRead("dblk", dblk, err))
	}
	if hdr == 0 {
		return func(func(uint64, error) bool) {}
	}
	first, err := v.ref("struct fthdr", hdr, "first")
	var size uint64
	if err == nil {
		size, err = v.size("struct ftevnt")
	}
	if err != nil {
		return noWalk[uint64](err)
	}
	return func(yield func(uint64, error) bool) {
		for b, err := range v.chain("ftblk", "struct ftblk", "nxt", first) {
			var n, events uint64
			if err == nil {
				n, err = v.member("struct ftblk", "ix", b)
			}
			if err == nil && n > maxFlowEvents {
				err = fmt.Errorf("ftblk at %x: incorrect index value %d", b, int32(n))
			}
			if err == nil {
				events, err = v.ref("struct ftblk", b, "ev")
			}
			if err != nil {
				yield(0, err)
				return
			}
			for i := range n {
				if !yield(events+i*size, nil) {
					return
				}
			}
		}
	}
}

func strftDcmd() *core.Dcmd {
	return &core.Dcmd{Name: "strftevent", Usage: ":", Descr: "print STREAMS flow trace event", Type: "struct ftevnt", Run: needAddr(noArgs(runFlowEvent)),
		Help: "Shows an event of a message's flow trace, as ADDR::walk strftblk gives them of a data\nblock: the module or caller, the module it went to, the stack if one was kept, and\nwhat happened. W is the write side, C another thread, P another CPU.\n"}
}

// flowName is the name of a module; what is no name any more is a question mark.
func (v *view) flowName(at uint64) string {
	s, err := v.text(at, maxFlowName)
	if err != nil || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "?"
	}
	return s
}

func flowText(ev uint16) string {
	names, n := flowAllocs, ev&flowCaller
	if ev&flowPut != 0 {
		names, n = flowProcs, ev&0xff
	}
	text := "undefined"
	if int(n) < len(names) {
		text = names[n]
	}
	mods := ""
	for _, m := range []struct {
		bit  uint16
		name string
	}{{flowWriter, "W"}, {flowThread, "C"}, {flowCPU, "P"}} {
		if ev&m.bit != 0 {
			mods += m.name
		}
	}
	if mods != "" {
		text += "|" + mods
	}
	return text
}

func runFlowEvent(c *core.Ctx) error {
	v := viewOf(c)
	var e struct {
		Module uint64 `ctf:"mid"`
		Next   uint64 `ctf:"midnext"`
		Event  uint16 `ctf:"evnt"`
		Data   uint16 `ctf:"data"`
		Stack  uint64 `ctf:"stk"`
	}
	if err := v.load("struct ftevnt", c.Addr, &e); err != nil {
		return c.Warn(err, "couldn't read struct ftevnt at %p", c.Addr)
	}
	who := out.Sprintf(c.OutEnv(), "%a", e.Module)
	if e.Event&flowQueue != 0 {
		who = v.flowName(e.Module)
	}
	next := "--"
	if e.Event&flowEvent == flowPutnext {
		next = v.flowName(e.Next)
	}
	stack, err := v.flowStack(e.Stack)
	at := make([]string, len(stack))
	for i, pc := range stack {
		at[i] = out.Sprintf(c.OutEnv(), "%a", pc)
	}
	top := "--"
	switch {
	case err != nil:
		top = "?"
	case len(at) > 0:
		top = at[0]
	}
	if c.Header() && !c.Opts.JSON {
		c.Printf("%?s %-18s %-9s %-18s %4s %s\n", "ADDR", "Q/CALLER", "QNEXT", "STACK", "DATA", "EVENT")
	}
	c.Record(func() {
		c.Printf("%0?p %-18s %-9s %-18s %4x %s\n", c.Addr, who, next, top, e.Data, flowText(e.Event))
		for i := 1; i < len(at); i++ {
			c.Printf("%?s %-18s %-9s %-18s\n", "", "", "", at[i])
		}
	}, out.Field{Name: "addr", Value: out.Addr(c.Addr)}, out.Field{Name: "queue", Value: who}, out.Field{Name: "next", Value: next},
		out.Field{Name: "stack", Value: strings.Join(at, " ")}, out.Field{Name: "data", Value: out.Hex(uint64(e.Data))}, out.Field{Name: "event", Value: flowText(e.Event)})
	return nil
}

// flowStack is the stack that an event has kept, if any.
func (v *view) flowStack(at uint64) ([]uint64, error) {
	if at == 0 {
		return nil, nil
	}
	n, err := v.member("ftstk_t", "fs_depth", at)
	if err != nil {
		return nil, err
	}
	from, err := v.ref("ftstk_t", at, "fs_stk")
	if err != nil {
		return nil, err
	}
	return v.pointers(from, min(n, maxFlowDepth))
}
