package genunix

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// showTable prints a table, if tables are wanted, and goes into it.
func (s *calloutShow) showTable(at uint64) error {
	seq, typ := s.table/calloutTypes, s.table%calloutTypes
	if s.seqid >= 0 && uint64(s.seqid) != seq || typ == 0 && !s.real || typ == 1 && !s.normal {
		return nil
	}
	var t calloutTable
	if err := s.v.load("callout_table_t", at, &t); err != nil {
		return badRead("callout_table", at, err)
	}
	if !s.empty && (t.Heap == 0 || t.Cyclic == 0) {
		return nil
	}
	if s.tables || s.levels {
		if err := s.tableLine(at, &t); err != nil {
			return err
		}
		if s.tables {
			return nil
		}
	}
	if s.levels && !s.c.Opts.JSON {
		old := s.c.P.IncIndent(4)
		defer s.c.P.SetMargin(old)
	}
	if s.byID {
		return s.byIDs(&t)
	}
	return s.byTimes(&t)
}

// tableLine prints a callout_table_t.
func (s *calloutShow) tableLine(at uint64, t *calloutTable) error {
	c := s.c
	if s.addrs || c.PipeOut {
		s.address(at, "callout_table_t")
		return nil
	}
	pending, free := s.counts(t)
	mutex, err := s.v.member("callout_table_t", "ct_mutex._opaque[0]", at)
	if err != nil {
		mutex = 0
	}
	if s.tableHead {
		c.Printf("%<u>%-3s %-1s %-?s %-?s %-?s %-?s%</u>", "SEQ", "T", "FREE", "LFREE", "CYCLIC", "HEAP")
		if s.more {
			c.Printf("%<u> %-T%-7s %-7s %-?s %-?s %-?s %-?s %-?s %-?s%</u>", "HEAPNUM", "HEAPMAX", "TASKQ", "EXPQ", "QUE", "PEND", "FREE", "LOCK")
		}
		c.Printf("\n")
		s.tableHead, s.listHead, s.head = false, true, true
	}
	seq, typ := s.table/calloutTypes, calloutTypeNames[s.table%calloutTypes]
	c.Record(func() {
		c.Printf("%-3d %-1s %-0?p %-0?p %-0?p %-?p", seq, typ, t.Free, t.LFree, t.Cyclic, t.Heap)
		if s.more {
			c.Printf(" %-7d %-7d %-?p %-?p %-?p %-?lld %-?lld %-?p", t.HeapNum, t.HeapMax, t.TaskQ, t.Expired, t.Queue, pending, free, mutex)
		}
		c.Printf("\n")
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "seq", Value: seq}, out.Field{Name: "type", Value: typ},
		out.Field{Name: "free", Value: out.Addr(t.Free)}, out.Field{Name: "lfree", Value: out.Addr(t.LFree)},
		out.Field{Name: "cyclic", Value: out.Addr(t.Cyclic)}, out.Field{Name: "heap", Value: out.Addr(t.Heap)}, out.Field{Name: "heapnum", Value: t.HeapNum},
		out.Field{Name: "taskq", Value: out.Addr(t.TaskQ)}, out.Field{Name: "pending", Value: pending})
	return nil
}

// Places in a table's statistics: CALLOUT_TIMEOUTS_PENDING, CALLOUT_ALLOCATIONS.
const (
	calloutStatPending = 1
	calloutStatAllocs  = 6
)

// counts are the callouts of a table that are pending, and those that are free.
func (s *calloutShow) counts(t *calloutTable) (pending, free int64) {
	size, err := s.v.size("kstat_named_t")
	if err != nil || t.Stats == 0 {
		return 0, 0
	}
	stat := func(i uint64) int64 {
		n, err := s.v.member("kstat_named_t", "value.ui64", t.Stats+i*size)
		if err != nil {
			return 0
		}
		return int64(n)
	}
	pending = stat(calloutStatPending)
	return pending, stat(calloutStatAllocs) - pending
}

// byIDs goes through the hash of ids, or the free callouts.
func (s *calloutShow) byIDs(t *calloutTable) error {
	heads := []uint64{t.Free}
	if !s.free {
		if t.IDHash == 0 {
			return nil
		}
		var err error
		if heads, err = s.v.calloutHash(t.IDHash); err != nil {
			return err
		}
	}
	for i, first := range heads {
		s.index = i
		if err := s.callouts("c_idnext", first); err != nil {
			return err
		}
	}
	return nil
}

// byTimes goes through the lists of a table: what has expired, the queue, the hash.
func (s *calloutShow) byTimes(t *calloutTable) error {
	if s.free {
		s.index = 0
		return s.callLists(t.LFree)
	}
	for _, first := range []uint64{t.Expired, t.Queue} {
		s.index = -1
		if err := s.callLists(first); err != nil {
			return err
		}
	}
	if t.CLHash == 0 {
		return nil
	}
	heads, err := s.v.calloutHash(t.CLHash)
	if err != nil {
		return err
	}
	for i, first := range heads {
		s.index = i
		if err := s.callLists(first); err != nil {
			return err
		}
	}
	return nil
}

// callLists goes through lists.
func (s *calloutShow) callLists(first uint64) error {
	for a, err := range s.v.chain("callout_list", "callout_list_t", "cl_next", first) {
		if err != nil {
			return err
		}
		if s.c.Err() != nil {
			return core.ErrIntr
		}
		s.list = calloutList{}
		if err := s.v.load("callout_list_t", a, &s.list); err != nil {
			return badRead("callout_list", a, err)
		}
		l := &s.list
		if s.free != (l.Flags&calloutListFree != 0) {
			return nil // it has been allocated, or freed, while the kernel stopped
		}
		if !s.inTime(l.Expiration) || !s.empty && l.First == 0 || !s.hasFlags(uint64(l.Flags)) {
			continue
		}
		if s.lists || s.levels {
			s.listLine(a)
			if s.lists {
				continue
			}
		}
		if s.free {
			continue // a free list has no callouts
		}
		if err := s.inList(l.First); err != nil {
			return err
		}
	}
	return nil
}

func (s *calloutShow) inList(first uint64) error {
	if s.levels && !s.c.Opts.JSON {
		old := s.c.P.IncIndent(4)
		defer s.c.P.SetMargin(old)
	}
	return s.callouts("c_clnext", first)
}

// expires is an expiration as it is to be shown.
func (s *calloutShow) expires(t int64) int64 {
	if s.relative {
		return t - s.now
	}
	return t
}

// flag is a letter if a flag is set, else a blank.
func flagLetter(on bool, letter string) string {
	if on {
		return letter
	}
	return " "
}

// listLine prints a callout_list_t.
func (s *calloutShow) listLine(at uint64) {
	c, l := s.c, &s.list
	if s.addrs || c.PipeOut {
		s.address(at, "callout_list_t")
		return
	}
	if s.listHead {
		if !s.levels {
			c.Printf("%<u>SEQ T %</u>")
		}
		c.Printf("%<u>EXP            HA BUCKET CALLOUTS         %</u>")
		if s.more {
			c.Printf("%<u> %-?s %-?s%</u>", "PREV", "NEXT")
		}
		c.Printf("\n")
		s.listHead, s.tableHead, s.head = false, true, true
	}
	seq, typ := s.table/calloutTypes, calloutTypeNames[s.table%calloutTypes]
	c.Record(func() {
		if !s.levels {
			c.Printf("%3d %1s ", seq, typ)
		}
		c.Printf("%-14llx %1s%1s %-6d %-0?p ", s.expires(l.Expiration), flagLetter(l.Flags&calloutListHrestime != 0, "H"),
			flagLetter(l.Flags&calloutListAbs != 0, "A"), s.index, l.First)
		if s.more {
			c.Printf(" %-?p %-?p", l.Prev, l.Next)
		}
		c.Printf("\n")
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "seq", Value: seq}, out.Field{Name: "type", Value: typ},
		out.Field{Name: "expiration", Value: l.Expiration}, out.Field{Name: "flags", Value: out.Hex(uint64(l.Flags))},
		out.Field{Name: "bucket", Value: s.index}, out.Field{Name: "callouts", Value: out.Addr(l.First)})
}

// callouts goes through a chain of callouts.
func (s *calloutShow) callouts(link string, first uint64) error {
	for a, err := range s.v.chain("callout", "callout_t", link, first) {
		if err != nil {
			return err
		}
		var co calloutInfo
		if err := s.v.load("callout_t", a, &co); err != nil {
			return badRead("callout", a, err)
		}
		if s.free != (co.XID&calloutFree != 0) {
			return nil
		}
		if !s.wants(&co) {
			continue
		}
		if s.byID && !s.ofList(&co) {
			continue
		}
		s.line(a, &co)
	}
	return nil
}

// wants tells whether a callout passes what of it alone is asked for.
func (s *calloutShow) wants(co *calloutInfo) bool {
	long := co.XID&calloutLong != 0
	return (s.fn == nil || co.Func == *s.fn) && (s.arg == nil || co.Arg == *s.arg) &&
		(s.long || !long) && (s.short || long) && (!s.executing || co.XID&calloutExecuting != 0)
}

// ofList reads the list of a callout that was found by its id, and tells whether it
// passes what is asked of lists.
func (s *calloutShow) ofList(co *calloutInfo) bool {
	s.list = calloutList{}
	if !s.free {
		if err := s.v.load("callout_list_t", co.List, &s.list); err != nil {
			s.c.Warn(err, "failed to read expiration time from %p", co.List)
		}
	}
	if s.list.Expiration != 0 && !s.inTime(s.list.Expiration) {
		return false
	}
	return s.hasFlags(uint64(s.list.Flags))
}

// line prints a callout.
func (s *calloutShow) line(at uint64, co *calloutInfo) {
	c := s.c
	if s.addrs || c.PipeOut {
		s.address(at, "callout_t")
		return
	}
	if s.head {
		s.heading()
	}
	index := co.XID & s.mask
	seq, typ, l := index/calloutTypes, calloutTypeNames[index%calloutTypes], &s.list
	exp, xid := s.expires(l.Expiration), co.XID&calloutIDMask
	c.Record(func() {
		if !s.levels {
			c.Printf("%-3d %1s %-14llx ", seq, typ, exp)
		} else if s.byID {
			c.Printf("%-14x ", uint32(exp))
		}
		c.Printf("%1s%1s%1s%1s %-?llx %a(%p)", flagLetter(co.XID&calloutExecuting != 0, "X"), flagLetter(l.Flags&calloutListHrestime != 0, "H"),
			flagLetter(l.Flags&calloutListAbs != 0, "A"), flagLetter(co.XID&calloutLong != 0, "L"), xid, co.Func, co.Arg)
		if s.more {
			c.Printf(" %-?p %-?p %-?p %-?p", co.IDPrev, co.IDNext, co.LPrev, co.LNext)
			c.Printf(" %-?p %-4d %-0?p", co.Done, co.Waiting, co.Executor)
		}
		c.Printf("\n")
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "seq", Value: seq}, out.Field{Name: "type", Value: typ},
		out.Field{Name: "expiration", Value: exp}, out.Field{Name: "xid", Value: out.Hex(xid)}, out.Field{Name: "func", Value: out.Sprintf(c.OutEnv(), "%a", co.Func)},
		out.Field{Name: "arg", Value: out.Addr(co.Arg)}, out.Field{Name: "executing", Value: co.XID&calloutExecuting != 0},
		out.Field{Name: "flags", Value: out.Hex(uint64(l.Flags))}, out.Field{Name: "long", Value: co.XID&calloutLong != 0})
}

func (s *calloutShow) heading() {
	c := s.c
	if !s.levels {
		c.Printf("%<u>%3s %-1s %-14s %</u>", "SEQ", "T", "EXP")
	} else if s.byID {
		c.Printf("%<u>%-14s %</u>", "EXP")
	}
	c.Printf("%<u>%-4s %-?s %-20s%</u>", "XHAL", "XID", "FUNC(ARG)")
	if s.more {
		c.Printf("%<u> %-?s %-?s %-?s %-?s%</u>", "PREVID", "NEXTID", "PREVL", "NEXTL")
		c.Printf("%<u> %-?s %-4s %-?s%</u>", "DONE", "UTOS", "THREAD")
	}
	c.Printf("\n")
	s.head = false
	if s.levels {
		s.tableHead, s.listHead = true, true
	}
}

// runCalloutID prints the callouts on the chain of ids that an id hashes to.
func runCalloutID(c *core.Ctx) error {
	if len(c.Args) != 1 {
		return core.ErrUsage
	}
	if c.HasAddr {
		c.Printf("calloutid does not accept explicit address.\n")
		return core.ErrUsage
	}
	xid, err := number(c, c.Args[0])
	if err != nil {
		return err
	}
	s, err := newCalloutShow(c)
	if err != nil {
		return err
	}
	s.byID, s.more, s.head = true, c.Opt('v'), c.Header() && !c.Opts.JSON
	s.table = xid & s.mask
	bucket := xid >> s.bits() & (calloutBuckets - 1)
	if c.Opt('d') {
		return s.decode(xid, bucket)
	}
	base, err := s.v.variable("genunix", "callout_table")
	if err != nil {
		return err
	}
	size, err := s.v.size("callout_table_t")
	if err != nil {
		return err
	}
	at := base + s.table*size
	var t calloutTable
	if err := s.v.load("callout_table_t", at, &t); err != nil {
		return badRead("callout_table", at, err)
	}
	first := uint64(0)
	if t.IDHash != 0 {
		heads, err := s.v.calloutHash(t.IDHash)
		if err != nil {
			return err
		}
		first = heads[bucket]
	}
	if first == 0 {
		c.Printf("id hash chain for this xid is empty\n")
		return core.ErrFailed
	}
	s.index = int(bucket)
	return s.callouts("c_idnext", first)
}

// decode takes an id apart.
func (s *calloutShow) decode(xid, bucket uint64) error {
	c := s.c
	seq, typ := s.table/calloutTypes, calloutTypeNames[s.table%calloutTypes]
	id := xid & calloutIDMask
	c.Record(func() {
		if c.Header() {
			c.Printf("%<u>%3s %1s %2s %-?s %-6s %</u>\n", "SEQ", "T", "XL", "XID", "IDHASH")
		}
		c.Printf("%-3d %1s %1s%1s %-?llx %-6d\n", seq, typ, flagLetter(xid&calloutExecuting != 0, "X"), flagLetter(xid&calloutLong != 0, "L"), id, bucket)
	}, out.Field{Name: "seq", Value: seq}, out.Field{Name: "type", Value: typ}, out.Field{Name: "xid", Value: out.Hex(id)},
		out.Field{Name: "executing", Value: xid&calloutExecuting != 0}, out.Field{Name: "long", Value: xid&calloutLong != 0},
		out.Field{Name: "idhash", Value: fmt.Sprint(bucket)})
	return nil
}
