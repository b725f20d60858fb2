package genunix

import (
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Flags of queues of errors (sys/errorq_impl.h).
const (
	errorqVital  = 1
	errorqActive = 0x10000
	errorqNVList = 0x20000
)

// walkErrorq walks the queues of errors from one, or all of them.
func walkErrorq(c *core.Ctx, at mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	walk := func(first uint64) seq2 { return v.chain("errorq", "errorq_t", "eq_next", first) }
	if has {
		return v.elems("errorq_t", walk(uint64(at)))
	}
	return v.elems("errorq_t", v.from("genunix", "errorq_list", walk))
}

// walkErrorqData walks the data of the errors of a queue that wait, oldest first.
func walkErrorqData(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	var q struct {
		Pending uint64 `ctf:"eq_pend"`
		Head    uint64 `ctf:"eq_phead"`
		Tail    uint64 `ctf:"eq_ptail"`
	}
	if err := v.load("errorq_t", uint64(at), &q); err != nil {
		return noWalk[core.Elem](badRead("errorq", uint64(at), err))
	}
	return func(yield func(core.Elem, error) bool) {
		pending, err := v.errorData("eqe_prev", q.Pending)
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		// Those being processed are older. They have a tail, which can be among the
		// pending ones, and a head, from which the tail can be found.
		tail := q.Tail
		if data, err := v.member("errorq_elem_t", "eqe_data", tail); tail != 0 && err == nil && slices.Contains(pending, data) {
			tail = 0
		}
		for e, err := range v.chain("errorq element", "errorq_elem_t", "eqe_next", q.Head) {
			if err != nil {
				break
			}
			tail = e
		}
		processed, err := v.errorData("eqe_prev", tail)
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		for _, data := range slices.Backward(append(pending, processed...)) {
			if !yield(core.Elem{Val: data}, nil) {
				return
			}
		}
	}
}

// errorData lists the data of a chain of errors.
func (v *view) errorData(link string, first uint64) ([]uint64, error) {
	var list []uint64
	for e, err := range v.chain("errorq element", "errorq_elem_t", link, first) {
		if err != nil {
			return list, err
		}
		data, err := v.member("errorq_elem_t", "eqe_data", e)
		if err != nil {
			return list, badRead("errorq element", e, err)
		}
		list = append(list, data)
	}
	return list, nil
}

// ereportWalk walks the reports of the queue of reports of errors, by its list and the
// link of it.
func ereportWalk(head, link string) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, at mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		v := viewOf(c)
		q := uint64(at)
		if !has {
			var err error
			if q, err = v.variable("genunix", "ereport_errorq"); err != nil {
				return noWalk[core.Elem](err)
			}
		}
		flags, err := v.member("errorq_t", "eq_flags", q)
		if err != nil {
			return noWalk[core.Elem](badRead("ereport_errorq", q, err))
		}
		if flags&errorqNVList == 0 {
			return noWalk[core.Elem](fmt.Errorf("errorq at %x does not service ereports", q))
		}
		return func(yield func(core.Elem, error) bool) {
			first, err := v.member("errorq_t", head, q)
			if err != nil {
				yield(core.Elem{}, badRead("ereport_errorq", q, err))
				return
			}
			for e, err := range v.chain("ereportq element", "errorq_elem_t", link, first) {
				var data, nvl uint64
				if err == nil {
					data, err = v.member("errorq_elem_t", "eqe_data", e)
				}
				if err == nil {
					if nvl, err = v.member("errorq_nvelem_t", "eqn_nvl", data); err != nil {
						err = badRead("ereportq element", e, err)
					}
				}
				if !yield(core.Elem{Val: nvl, Type: v.typeOrNil("nvlist_t")}, err) || err != nil {
					return
				}
			}
		}
	}
}

// errorqInfo is what is shown of an errorq_t.
type errorqInfo struct {
	Name     string `ctf:"eq_name"`
	Flags    uint64 `ctf:"eq_flags"`
	Len      uint64 `ctf:"eq_qlen"`
	Size     uint64 `ctf:"eq_size"`
	IPL      uint64 `ctf:"eq_ipl"`
	Func     uint64 `ctf:"eq_func"`
	Dispatch uint64 `ctf:"eq_kstat.eqk_dispatched.value.ui64"`
	Dropped  uint64 `ctf:"eq_kstat.eqk_dropped.value.ui64"`
	Logged   uint64 `ctf:"eq_kstat.eqk_logged.value.ui64"`
	Reserved uint64 `ctf:"eq_kstat.eqk_reserved.value.ui64"`
	Reserve  uint64 `ctf:"eq_kstat.eqk_reserve_fail.value.ui64"`
	Commits  uint64 `ctf:"eq_kstat.eqk_committed.value.ui64"`
	Commit   uint64 `ctf:"eq_kstat.eqk_commit_fail.value.ui64"`
	Cancel   uint64 `ctf:"eq_kstat.eqk_cancelled.value.ui64"`
}

// runErrorq is ::errorq.
func runErrorq(c *core.Ctx) error {
	v := viewOf(c)
	if c.HasAddr {
		return v.errorq(c, c.Addr, c.Header())
	}
	head := !c.PipeOut
	return each(c, walkErrorq(c, 0, false), func(at uint64) error {
		err := v.errorq(c, at, head)
		head = false
		return err
	})
}

func (v *view) errorq(c *core.Ctx, at uint64, head bool) error {
	if c.PipeOut {
		c.Emit(at, v.typeOrNil("errorq_t"))
		return nil
	}
	verbose := c.Opt('v')
	if (head || verbose) && !c.Opts.JSON {
		c.Printf("%<u>%-11s %-16s %1s %1s %1s ", "ADDR", "NAME", "S", "V", "N")
		if verbose {
			c.Printf("%5s %6s %6s %3s %16s%</u>\n", "KSTAT", "QLEN", "SIZE", "IPL", "FUNC")
		} else {
			c.Printf("%7s %7s %7s%</u>\n", "ACCEPT", "DROP", "LOG")
		}
	}
	var q errorqInfo
	if err := v.load("errorq_t", at, &q); err != nil {
		return badRead("errorq", at, err)
	}
	mark := func(bit uint64, on, off rune) rune {
		if q.Flags&bit != 0 {
			return on
		}
		return off
	}
	accept, drop := q.Dispatch+q.Commits, q.Dropped+q.Reserve+q.Commit
	c.Record(func() {
		c.Printf("%-11p %-16s %c %c %c ", at, q.Name, mark(errorqActive, '+', '-'), mark(errorqVital, '!', ' '), mark(errorqNVList, '*', ' '))
		if !verbose {
			c.Printf("%7llu %7llu %7llu\n", accept, drop, q.Logged)
			return
		}
		c.Printf("%5s %6lu %6lu %3u %a\n", "  |  ", q.Len, q.Size, q.IPL, q.Func)
		c.Printf("%38s\n%41s%12s %llu\n", "|", "+-> ", "DISPATCHED", q.Dispatch)
		for _, n := range []struct {
			name  string
			value uint64
		}{{"DROPPED", q.Dropped}, {"LOGGED", q.Logged}, {"RESERVED", q.Reserved}, {"RESERVE FAIL", q.Reserve},
			{"COMMITTED", q.Commits}, {"COMMIT FAIL", q.Commit}, {"CANCELLED", q.Cancel}} {
			c.Printf("%53s %llu\n", n.name, n.value)
		}
		c.Printf("\n")
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "name", Value: q.Name}, out.Field{Name: "flags", Value: out.Hex(q.Flags)},
		out.Field{Name: "accept", Value: accept}, out.Field{Name: "drop", Value: drop}, out.Field{Name: "log", Value: q.Logged},
		out.Field{Name: "length", Value: q.Len}, out.Field{Name: "size", Value: q.Size}, out.Field{Name: "ipl", Value: q.IPL}, out.Field{Name: "func", Value: out.Addr(q.Func)})
	return nil
}

// runEreport is ::ereport: a line of what a report is, or all of it.
func runEreport(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	verbose := c.Opt('v')
	if c.Header() && !verbose && !c.Opts.JSON {
		c.Printf("ENA                CLASS\n")
	}
	class, ena := "", uint64(0)
	for at, err := range v.NVPairs(c.Addr) {
		if err != nil {
			return err
		}
		p, err := v.NVPair(at)
		if err != nil {
			return err
		}
		if s, ok := p.Text(); ok && p.Name == "class" {
			class = s
		}
		if n, ok := p.Uint64(); ok && p.Name == "ena" {
			ena = n
		}
	}
	if class == "" || ena == 0 || verbose {
		list := kernel.NVPrinter{C: c, Recurse: true, Quiet: true}
		err := list.List(c.Addr)
		if !c.Opts.JSON {
			c.Printf("\n")
		}
		return err
	}
	c.Record(func() { c.Printf("0x%016llx %s\n", ena, class) }, out.Field{Name: "addr", Value: out.Addr(c.Addr)}, out.Field{Name: "ena", Value: out.Hex(ena)}, out.Field{Name: "class", Value: class})
	return nil
}
