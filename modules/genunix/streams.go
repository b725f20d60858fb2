package genunix

import (
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// streamDcmds are the commands of streams.
func streamDcmds() []*core.Dcmd {
	verbose := core.Opt{Letter: 'v', Help: "with the names of flags"}
	quiet := core.Opt{Letter: 'q', Help: "only addresses"}
	flags := []core.Opt{{Letter: 'f', Kind: core.Str, Arg: "flag", Help: "only those with this flag"}, {Letter: 'F', Kind: core.Str, Arg: "flag", Help: "only those without this flag"}}
	types := []core.Opt{{Letter: 't', Kind: core.Str, Arg: "type", Help: "only those of this type"}, {Letter: 'T', Kind: core.Str, Arg: "type", Help: "only those not of this type"}}
	with := func(more ...core.Opt) []core.Opt {
		return append(append([]core.Opt{verbose, quiet}, flags...), more...)
	}
	// MDB's synopses ask for addresses, which the commands themselves do without.
	all := func(name, usage, descr, typ, cache string, row func(*core.Ctx, *view, uint64, bool) error, opts []core.Opt) *core.Dcmd {
		return &core.Dcmd{Name: name, Usage: "?" + usage, MDBUsage: ":" + usage, Descr: descr, Type: typ, Opts: opts, Run: noArgs(func(c *core.Ctx) error {
			v := viewOf(c)
			if c.HasAddr {
				return row(c, v, c.Addr, c.Header())
			}
			head := !c.PipeOut
			return each(c, walkOf(c, cache, 0), func(at uint64) error {
				err := row(c, v, at, head)
				head = false
				return err
			})
		})}
	}
	to := func(name, descr, typ string, find func(v *view, at uint64) (uint64, error)) *core.Dcmd {
		return &core.Dcmd{Name: name, Usage: ":", Descr: descr, Run: noArgs(needAddr(func(c *core.Ctx) error {
			a, err := find(viewOf(c), c.Addr)
			if err != nil {
				return err
			}
			emitAddr(c, a, typ)
			return nil
		}))}
	}
	member := func(typ, what, name string) func(v *view, at uint64) (uint64, error) {
		return func(v *view, at uint64) (uint64, error) {
			a, err := v.member(typ, name, at)
			if err != nil {
				err = badRead(what, at, err)
			}
			return a, err
		}
	}
	pair := func(read, write int64) func(v *view, at uint64) (uint64, error) {
		return func(v *view, at uint64) (uint64, error) {
			flag, err := v.member("queue_t", "q_flag", at)
			var size uint64
			if err == nil {
				size, err = v.size("queue_t")
			}
			if err != nil {
				return 0, badRead("queue", at, err)
			}
			if flag&queueReader != 0 {
				return at + uint64(read)*size, nil
			}
			return at + uint64(write)*size, nil
		}
	}
	num := func(letter byte, arg, help string) core.Opt {
		return core.Opt{Letter: letter, Kind: core.Uint, Arg: arg, Help: help}
	}
	return []*core.Dcmd{
		all("queue", "[-q|v] [-m mod] [-f flag] [-F flag] [-s syncq_addr]", "filter and display STREAM queue", "queue_t", "queue_cache", showQueue,
			with(core.Opt{Letter: 'm', Kind: core.Str, Arg: "mod", Help: "only those of this module"}, num('s', "syncq_addr", "only those that use this syncq"))),
		all("stdata", "[-q|v] [-f flag] [-F flag]", "filter and display STREAM head", "stdata_t", "stream_head_cache", showStdata, with()),
		all("syncq", "[-q|v] [-f flag] [-F flag] [-t type] [-T type]", "filter and display STREAM sync queue", "syncq_t", "syncq_cache", showSyncq, with(types...)),
		all("mblk", "[-q|v] [-f|F flag] [-t|T type] [-l|L|B len] [-d dbaddr]", "print an mblk", "mblk_t", "streams_mblk", showMblk, with(append(types, num('l', "len", "only those of this length"),
			num('L', "len", "only those of at most this length"), num('G', "len", "only those of at least this length"), num('b', "len", "only those with so much room"), num('d', "dbaddr", "only those of this data block"))...)),
		mblkVerifyDcmd(), strftDcmd(),
		to("mblk2dblk", "convert mblk_t address to dblk_t address", "dblk_t", member("mblk_t", "mblk", "b_datap")),
		to("q2otherq", "print peer queue for a given queue", "queue_t", pair(1, -1)),
		to("q2rdq", "print read queue for a given queue", "queue_t", pair(0, -1)),
		to("q2wrq", "print write queue for a given queue", "queue_t", pair(1, 0)),
		to("q2syncq", "print syncq for a given queue", "syncq_t", member("queue_t", "queue", "q_syncq")),
		to("q2stream", "print stream pointer for a given queue", "stdata_t", member("queue_t", "queue", "q_stream")),
		to("str2wrq", "print write queue of a given stream", "queue_t", member("stdata_t", "stream head", "sd_wrq")),
		to("str2mate", "print mate of this stream", "stdata_t", func(v *view, at uint64) (uint64, error) {
			mate, err := member("stdata_t", "stream head", "sd_mate")(v, at)
			if mate == 0 {
				mate = at
			}
			return mate, err
		}),
		to("syncq2q", "print queue for a given syncq", "queue_t", func(v *view, at uint64) (uint64, error) {
			size, err := v.size("queue_t")
			if err != nil {
				return 0, err
			}
			if sq, err := v.member("queue_t", "q_syncq", at-2*size); err != nil || sq != at {
				return 0, fmt.Errorf("syncq2q: %x is not part of any queue", at)
			}
			return at - 2*size, nil
		}),
	}
}

// streamWalkers are their walkers.
func streamWalkers() []*core.Walker {
	of := func(name, descr, typ string, walk func(v *view, at uint64) seq2) *core.Walker {
		return &core.Walker{Name: name, Descr: descr, Addr: core.AddrRequired, Type: typ, Walk: func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems(typ, walk(v, uint64(at)))
		}}
	}
	link := func(name, descr, what, typ, member string) *core.Walker {
		return of(name, descr, typ, func(v *view, at uint64) seq2 { return v.chain(what, typ, member, at) })
	}
	return []*core.Walker{
		link("b_cont", "walk mblk_t list using b_cont", "mblk", "mblk_t", "b_cont"),
		link("b_next", "walk mblk_t list using b_next", "mblk", "mblk_t", "b_next"),
		of("strftblk", "walk STREAMS flow trace event list", "struct ftevnt", func(v *view, at uint64) seq2 { return v.flowTrace(at) }),
		link("qlink", "walk queue_t list using q_link", "queue", "queue_t", "q_link"),
		link("qnext", "walk queue_t list using q_next", "queue", "queue_t", "q_next"),
		of("readq", "walk read queue side of stdata", "queue_t", func(v *view, at uint64) seq2 { return v.side(at, true) }),
		of("writeq", "walk write queue side of stdata", "queue_t", func(v *view, at uint64) seq2 { return v.side(at, false) }),
	}
}

// queueReader is QREADR: the queue is the reader of its pair.
const queueReader = 0x10

// side walks the queues of one side of a stream.
func (v *view) side(at uint64, read bool) seq2 {
	first, err := v.member("stdata_t", "sd_wrq", at)
	var size uint64
	if err == nil && read {
		size, err = v.size("queue_t")
	}
	if err != nil {
		return noWalk[uint64](badRead("stdata", at, err))
	}
	return func(yield func(uint64, error) bool) {
		for q, err := range v.chain("queue", "queue_t", "q_next", first) {
			if !yield(q-size, err) || err != nil {
				return
			}
		}
	}
}

// queueName is the name of the module whose queue it is.
func (v *view) queueName(info uint64) string {
	module, err := v.member("struct qinit", "qi_minfo", info)
	if err == nil {
		module, err = v.member("struct module_info", "mi_idname", module)
	}
	if err != nil {
		return "?"
	}
	s, err := v.text(module, 64)
	if err != nil {
		return "?"
	}
	return s
}

// onlyAddr shows what passed a filter, of which only the address is printed; false is
// that it is to be printed in full.
func onlyAddr(c *core.Ctx, v *view, at uint64, typ string, filtered bool) bool {
	switch {
	case c.PipeOut:
		c.Emit(at, v.typeOrNil(typ))
	case filtered && !c.Opts.JSON:
		c.Printf("%0?p\n", at)
	default:
		return false
	}
	return true
}

// anyOpt is whether one of some options is given.
func anyOpt(c *core.Ctx, letters string) bool {
	for i := range len(letters) {
		if c.Opt(letters[i]) {
			return true
		}
	}
	return false
}

// Columns of the arrows under flags.
const (
	queueArrow     = 2*8 + 15
	syncqArrow     = 2*8 + 1
	syncqTypeArrow = 2*8 + 5
	streamArrow    = 2*8 + 10
)

// showQueue is a row of ::queue.
func showQueue(c *core.Ctx, v *view, at uint64, head bool) error {
	flags, err := strFilter(c, 'f', 'F', queueFlags, "queue flag")
	if err != nil {
		return err
	}
	only := anyOpt(c, "qfFms")
	if head && !only && !c.Opts.JSON {
		c.Printf("%?s %-13s %6s %4s\n", "ADDR", "MODULE", "FLAGS", "NBLK")
	}
	var q struct {
		Info  uint64 `ctf:"q_qinfo"`
		First uint64 `ctf:"q_first"`
		Flag  uint64 `ctf:"q_flag"`
		Syncq uint64 `ctf:"q_syncq"`
	}
	if err := v.load("queue_t", at, &q); err != nil {
		return badRead("queue", at, err)
	}
	n := 0
	for _, err := range v.chain("mblk", "mblk_t", "b_next", q.First) {
		if err != nil {
			c.Warnf("couldn't read mblk for queue %p: %s", at, err)
			break
		}
		n++
	}
	name := v.queueName(q.Info)
	mod, byMod := c.OptStr('m')
	syncq, bySyncq := c.OptUint('s')
	if byMod && mod != name || bySyncq && syncq != q.Syncq || !flags.passes(q.Flag) {
		return nil
	}
	if onlyAddr(c, v, at, "queue_t", only) {
		return nil
	}
	c.Record(func() {
		c.Printf("%0?p %-13s %06x %4d %0?p\n", at, name, q.Flag, n, q.First)
		if c.Opt('v') {
			explain(c, queueArrow, q.Flag, queueFlags, false)
		}
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "module", Value: name}, out.Field{Name: "flags", Value: out.Hex(q.Flag)},
		out.Field{Name: "nblk", Value: n}, out.Field{Name: "first", Value: out.Addr(q.First)})
	return nil
}

// showStdata is a row of ::stdata.
func showStdata(c *core.Ctx, v *view, at uint64, head bool) error {
	flags, err := strFilter(c, 'f', 'F', streamFlags, "stream flag")
	if err != nil {
		return err
	}
	only := anyOpt(c, "qfF")
	if head && !only && !c.Opts.JSON {
		c.Printf("%?s %?s %8s %?s %s %s\n", "ADDR", "WRQ", "FLAGS", "VNODE", "N/A", "REF")
	}
	var s struct {
		WRQ    uint64 `ctf:"sd_wrq"`
		Flag   uint64 `ctf:"sd_flag"`
		Vnode  uint64 `ctf:"sd_vnode"`
		Pushed int64  `ctf:"sd_pushcnt"`
		Anchor int64  `ctf:"sd_anchor"`
		Ref    int64  `ctf:"sd_refcnt"`
	}
	if err := v.load("stdata_t", at, &s); err != nil {
		return badRead("stdata", at, err)
	}
	if !flags.passes(s.Flag) || onlyAddr(c, v, at, "stdata_t", only) {
		return nil
	}
	c.Record(func() {
		c.Printf("%0?p %0?p %08x %0?p %d/%d %d\n", at, s.WRQ, s.Flag, s.Vnode, s.Pushed, s.Anchor, s.Ref)
		if c.Opt('v') {
			explain(c, streamArrow, s.Flag, streamFlags, false)
		}
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "wrq", Value: out.Addr(s.WRQ)}, out.Field{Name: "flags", Value: out.Hex(s.Flag)},
		out.Field{Name: "vnode", Value: out.Addr(s.Vnode)}, out.Field{Name: "pushed", Value: s.Pushed}, out.Field{Name: "anchor", Value: s.Anchor}, out.Field{Name: "refs", Value: s.Ref})
	return nil
}

// showSyncq is a row of ::syncq.
func showSyncq(c *core.Ctx, v *view, at uint64, head bool) error {
	flags, err := strFilter(c, 'f', 'F', syncqFlags, "syncq flag")
	var types flagFilter
	if err == nil {
		types, err = strFilter(c, 't', 'T', syncqTypes, "syncq type")
	}
	if err != nil {
		return err
	}
	only := anyOpt(c, "qfFtT")
	if head && !only && !c.Opts.JSON {
		c.Printf("%?s %s %s %s %s %?s %s %s\n", "ADDR", "FLG", "TYP", "CNT", "NQS", "OUTER", "SF", "PRI")
	}
	var s struct {
		Flags uint64 `ctf:"sq_flags"`
		Type  uint64 `ctf:"sq_type"`
		Count uint64 `ctf:"sq_count"`
		N     uint64 `ctf:"sq_nqueues"`
		Outer uint64 `ctf:"sq_outer"`
		Svc   uint64 `ctf:"sq_svcflags"`
		Pri   int64  `ctf:"sq_pri"`
	}
	if err := v.load("syncq_t", at, &s); err != nil {
		return badRead("syncq", at, err)
	}
	typ := s.Type >> 8 & 0xff
	if !flags.passes(s.Flags) || !types.passes(typ) || onlyAddr(c, v, at, "syncq_t", only) {
		return nil
	}
	c.Record(func() {
		c.Printf("%0?p %02x  %02x  %-3u %-3u %0?p  %1x %-3d\n", at, s.Flags&0xff, typ, s.Count, s.N, s.Outer, s.Svc, s.Pri)
		if c.Opt('v') {
			more := explain(c, syncqArrow, s.Flags, syncqFlags, false)
			explain(c, syncqTypeArrow, typ, syncqTypes, more)
		}
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "flags", Value: out.Hex(s.Flags)}, out.Field{Name: "type", Value: out.Hex(typ)}, out.Field{Name: "count", Value: s.Count},
		out.Field{Name: "nqueues", Value: s.N}, out.Field{Name: "outer", Value: out.Addr(s.Outer)}, out.Field{Name: "svcflags", Value: out.Hex(s.Svc)}, out.Field{Name: "pri", Value: s.Pri})
	return nil
}

// msgTypeOf is the type of messages that an option names.
func msgTypeOf(c *core.Ctx, letter byte) (typ uint64, set bool, err error) {
	name, set := c.OptStr(letter)
	if !set {
		return 0, false, nil
	}
	for t, f := range msgTypes {
		if strings.EqualFold(f.name, name) {
			return t, true, nil
		}
	}
	c.Warnf("unrecognized dblk type '%s'", name)
	for t := range uint64(0x100) {
		if f, ok := msgTypes[t]; ok {
			c.Printf("%-12s %s\n", f.name, f.descr)
		}
	}
	return 0, true, core.ErrUsage
}

// showMblk is a row of ::mblk.
func showMblk(c *core.Ctx, v *view, at uint64, head bool) error {
	flags, err := strFilter(c, 'f', 'F', msgFlags, "mblk flag")
	if err != nil {
		return err
	}
	is, byType, err := msgTypeOf(c, 't')
	if err != nil {
		return err
	}
	isNot, byOther, err := msgTypeOf(c, 'T')
	if err != nil {
		return err
	}
	only := anyOpt(c, "qfFtTlLGbd")
	if head && !only && !c.Opts.JSON {
		c.Printf("%?s %2s %-7s %-5s %-5s %?s %?s\n", "ADDR", "FL", "TYPE", "LEN", "BLEN", "RPTR", "DBLK")
	}
	var m struct {
		Flag  uint64 `ctf:"b_flag"`
		Read  uint64 `ctf:"b_rptr"`
		Write uint64 `ctf:"b_wptr"`
		Data  uint64 `ctf:"b_datap"`
	}
	if err := v.load("mblk_t", at, &m); err != nil {
		return badRead("mblk", at, err)
	}
	var d struct {
		Base uint64 `ctf:"db_base"`
		Lim  uint64 `ctf:"db_lim"`
		Type uint64 `ctf:"db_type"`
	}
	if err := v.load("dblk_t", m.Data, &d); err != nil {
		return fmt.Errorf("couldn't read dblk at %x/%x: %w", at, m.Data, err)
	}
	n, room := int32(m.Write-m.Read), int64(d.Lim-d.Base)
	if !flags.passes(m.Flag) || byType && d.Type != is || byOther && d.Type == isNot {
		return nil
	}
	for _, o := range []struct {
		letter byte
		fails  func(v uint64) bool
	}{
		{'d', func(a uint64) bool { return a != m.Data }}, {'l', func(l uint64) bool { return l != uint64(n) }}, {'L', func(l uint64) bool { return n > int32(l) }},
		{'G', func(l uint64) bool { return n < int32(l) }}, {'b', func(l uint64) bool { return l != uint64(room) }},
	} {
		if val, ok := c.OptUint(o.letter); ok && o.fails(val) {
			return nil
		}
	}
	if onlyAddr(c, v, at, "mblk_t", only) {
		return nil
	}
	c.Record(func() {
		c.Printf("%0?p %-2x %-7s %-5d %-5d %0?p %0?p\n", at, m.Flag, msgType(d.Type), n, room, m.Read, m.Data)
		if c.Opt('v') {
			explain(c, queueArrow, m.Flag, msgFlags, false)
		}
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "flags", Value: out.Hex(m.Flag)}, out.Field{Name: "type", Value: msgType(d.Type)}, out.Field{Name: "len", Value: n},
		out.Field{Name: "blen", Value: room}, out.Field{Name: "rptr", Value: out.Addr(m.Read)}, out.Field{Name: "dblk", Value: out.Addr(m.Data)})
	return nil
}
