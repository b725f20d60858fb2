package genunix

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// softBuffer is a cyc_softbuf_t.
type softBuffer struct {
	Hard uint64 `ctf:"cys_hard"`
	Soft uint64 `ctf:"cys_soft"`
}

// pcBuffer is a cyc_pcbuffer_t: indices of cyclics whose handlers are to be run, from
// a producer to a consumer.
type pcBuffer struct {
	Buf  uint64 `ctf:"cypc_buf"`
	Prod int64  `ctf:"cypc_prodndx"`
	Cons int64  `ctf:"cypc_consndx"`
	Mask int64  `ctf:"cypc_sizemask"`
}

// softLevels is CY_SOFT_LEVELS: low and lock.
const softLevels = 2

// softBuffers prints what ::cycinfo -V does: the buffers between the interrupt and the
// soft levels.
func (v *view) softBuffers(c *core.Ctx, p *cycCPU) error {
	for lev := range softLevels {
		at, err := v.ref("struct cyc_cpu", p.addr, fmt.Sprintf("cyp_softbuf[%d]", lev))
		if err != nil {
			return err
		}
		var s softBuffer
		if err := v.load("cyc_softbuf_t", at, &s); err != nil {
			return badRead("cyc_softbuf", at, err)
		}
		which := []uint64{s.Hard}
		users := []string{"shrd"}
		if s.Hard != s.Soft {
			which, users = append(which, s.Soft), []string{"hard", "soft"}
		}
		for i, n := range which {
			if err := v.softBuffer(c, p, at, lev, n, users[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *view) softBuffer(c *core.Ctx, p *cycCPU, soft uint64, lev int, n uint64, user string) error {
	at, err := v.ref("cyc_softbuf_t", soft, fmt.Sprintf("cys_buf[%d]", n&1))
	if err != nil {
		return err
	}
	var pc pcBuffer
	if err := v.load("cyc_pcbuffer_t", at, &pc); err != nil {
		return badRead("cyc_pcbuffer", at, err)
	}
	if pc.Mask < 0 || pc.Mask > maxCyclics {
		return fmt.Errorf("cyc_pcbuffer at %x has a mask of %#x", at, pc.Mask)
	}
	b := make([]byte, 4*(pc.Mask+1))
	if err := v.read(pc.Buf, b); err != nil {
		return c.Warn(err, "couldn't read cypc_buf at %p", pc.Buf)
	}
	c.Printf("\n%3s %4s %4s %4s %11s %4s %11s\n", "CPU", "LEVL", "USER", "NDX", "ADDR", "CYC", "CYC_ADDR", "PEND")
	for i := int64(0); i <= pc.Mask && i <= pc.Prod; i++ {
		index := mem.Uint(b[4*i:4*i+4], v.w.Order)
		c.Printf("%3d %4s %4s %4d %011p ", p.cpu, cyclicLevel(uint64(lev)), user, i, pc.Buf+4*uint64(i))
		if i >= pc.Prod {
			c.Printf("%4s %11s %5s  ", "-", "-", "-")
		} else {
			cy := p.Cycs + index*p.each
			pend, err := v.member("cyclic_t", "cy_pend", cy)
			if err != nil {
				c.Printf("\n")
				c.Warn(err, "couldn't read cyclic at %p", cy)
				continue
			}
			c.Printf("%4d %011p %5d  ", index, cy, pend)
		}
		prod := i == pc.Prod&pc.Mask
		switch {
		case i == pc.Cons&pc.Mask && prod:
			c.Printf("<-- consndx,prodndx")
		case i == pc.Cons&pc.Mask:
			c.Printf("<-- consndx")
		case prod:
			c.Printf("<-- prodndx")
		}
		c.Printf("\n")
		if i >= pc.Prod {
			break
		}
	}
	return nil
}

// cycID is a cyc_id_t.
type cycID struct {
	CPU    uint64 `ctf:"cyi_cpu"`
	Index  int64  `ctf:"cyi_ndx"`
	Online uint64 `ctf:"cyi_omni_hdlr.cyo_online"`
	Omni   uint64 `ctf:"cyi_omni_list"`
}

// walkCycOmni walks the CPUs that an omnipresent cyclic is on.
func walkCycOmni(c *core.Ctx, id mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	var i cycID
	if err := v.load("cyc_id_t", uint64(id), &i); err != nil {
		return noWalk[core.Elem](fmt.Errorf("couldn't read cyc_id_t at %x: %s", uint64(id), core.Reason(err)))
	}
	if i.CPU != 0 || i.Omni == 0 || i.Online == 0 {
		return noWalk[core.Elem](fmt.Errorf("%x is not an omnipresent cyclic", uint64(id)))
	}
	return v.elems("struct cyc_omni_cpu", v.chain("cyc_omni_cpu", "struct cyc_omni_cpu", "cyo_next", i.Omni))
}

// onCPU is a cyclic as one CPU has it.
type onCPU struct {
	cpu           int64
	index         uint64
	cyclic, funct uint64
}

func (v *view) cyclicOn(cycCPU, index uint64) (onCPU, error) {
	o := onCPU{index: index}
	var p struct {
		CPU  uint64 `ctf:"cyp_cpu"`
		Cycs uint64 `ctf:"cyp_cyclics"`
	}
	if err := v.load("struct cyc_cpu", cycCPU, &p); err != nil {
		return o, fmt.Errorf("couldn't read cyc_cpu at %x: %s", cycCPU, core.Reason(err))
	}
	id, err := v.member("cpu_t", "cpu_id", p.CPU)
	if err != nil {
		return o, fmt.Errorf("couldn't read cpu at %x: %s", p.CPU, core.Reason(err))
	}
	size, err := v.size("cyclic_t")
	if err != nil {
		return o, err
	}
	o.cpu, o.cyclic = int64(int32(id)), p.Cycs+uint64(uint32(index))*size
	if o.funct, err = v.member("cyclic_t", "cy_handler", o.cyclic); err != nil {
		return o, fmt.Errorf("couldn't read cyclic at %x: %s", o.cyclic, core.Reason(err))
	}
	return o, nil
}

func (o *onCPU) fields(c *core.Ctx) out.Object {
	return out.Object{{Name: "cpu", Value: o.cpu}, {Name: "ndx", Value: o.index}, {Name: "cyclic", Value: out.Addr(o.cyclic)},
		{Name: "handler", Value: out.Sprintf(c.OutEnv(), "%a", o.funct)}}
}

func runCycid(c *core.Ctx) error {
	return perAddress(namedWalk("cyclic_id_cache"), showCycid)(c)
}

func showCycid(c *core.Ctx, v *view, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, v.typeOrNil("cyc_id_t"))
		return nil
	}
	if c.Header() && !c.Opts.JSON {
		c.Printf("%?s %4s %3s %?s %s\n", "ADDR", "CPU", "NDX", "CYCLIC", "HANDLER")
	}
	var id cycID
	if err := v.load("cyc_id_t", addr, &id); err != nil {
		return c.Warn(err, "couldn't read cyc_id_t at %p", addr)
	}
	if id.CPU != 0 {
		o, err := v.cyclicOn(id.CPU, uint64(id.Index))
		if err != nil {
			return err
		}
		c.Record(func() { c.Printf("%?p %4d %3d %?p %a\n", addr, o.cpu, o.index, o.cyclic, o.funct) },
			append([]out.Field{{Name: "addr", Value: out.Addr(addr)}}, o.fields(c)...)...)
		return nil
	}
	var list []onCPU
	all := out.List{}
	for e, err := range walkCycOmni(c, mem.Addr(addr), true) {
		if err != nil {
			return err
		}
		var m struct {
			CPU   uint64 `ctf:"cyo_cpu"`
			Index int64  `ctf:"cyo_ndx"`
		}
		if err := v.load("struct cyc_omni_cpu", e.Val, &m); err != nil {
			return badRead("cyc_omni_cpu", e.Val, err)
		}
		o, err := v.cyclicOn(m.CPU, uint64(m.Index))
		if err != nil {
			return err
		}
		list = append(list, o)
		all = append(all, o.fields(c))
	}
	c.Record(func() {
		c.Printf("%?p %4s %3s %?s %a\n", addr, "omni", "-", "-", id.Online)
		c.Printf("%?s    |\n%?s    +-->%4s %3s %?s %s\n", "", "", "CPU", "NDX", "CYCLIC", "HANDLER")
		for _, o := range list {
			c.Printf("%?s        %4d %3d %?p %a\n", "", o.cpu, o.index, o.cyclic, o.funct)
		}
		c.Printf("\n")
	}, out.Field{Name: "addr", Value: out.Addr(addr)}, out.Field{Name: "online", Value: out.Sprintf(c.OutEnv(), "%a", id.Online)}, out.Field{Name: "cpus", Value: all})
	return nil
}

// Of tracing, which only kernels built for it have.
const (
	cyclicCoverage = 127 // CY_NCOVERAGE
	cyclicWhy      = 17  // WHYLEN
	cyclicRecords  = 512 // CY_NTRACEREC
)

// runCyccover prints how often points in the cyclic code were passed.
func runCyccover(c *core.Ctx) error {
	v := viewOf(c)
	at, err := v.address("genunix", "cyc_coverage")
	if err != nil {
		c.Warn(err, "couldn't find coverage information")
		return core.ErrAbort
	}
	size, err := v.size("cyc_coverage_t")
	if err != nil {
		return err
	}
	type point struct {
		Why     uint64   `ctf:"cyv_why"`
		Passive int64    `ctf:"cyv_passive_count"`
		Count   [3]int64 `ctf:"cyv_count"`
		Arg0    uint64   `ctf:"cyv_arg0"`
		Arg1    uint64   `ctf:"cyv_arg1"`
		name    string
	}
	var list []point
	for i := range uint64(cyclicCoverage) {
		var p point
		if err := v.load("cyc_coverage_t", at+i*size, &p); err != nil {
			c.Warn(err, "couldn't read coverage array at %p", at)
			return core.ErrAbort
		}
		if p.Why == 0 {
			continue
		}
		p.name, _ = v.text(p.Why, cyclicWhy)
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b point) int { return cmp.Compare(a.name, b.name) })
	c.Printf("%-*s %8s %8s %8s %15s %15s\n", cyclicWhy, "POINT", "HIGH", "LOCK", "LOW/PASV", "ARG0", "ARG1")
	for _, p := range list {
		low := p.Count[0]
		if p.Passive != 0 {
			low = p.Passive
		}
		c.Printf("%-*s %8d %8d %8d %15llx %15llx\n", cyclicWhy, p.name, p.Count[2], p.Count[1], low, p.Arg0, p.Arg1)
	}
	return nil
}

// cycTrace is a record of the trace of cyclics.
type cycTrace struct {
	addr  uint64
	level string
	Stamp int64  `ctf:"cyt_tstamp"`
	Why   uint64 `ctf:"cyt_why"`
	Arg0  uint64 `ctf:"cyt_arg0"`
	Arg1  uint64 `ctf:"cyt_arg1"`
}

// cycTraces reads the records of a CPU's buffers, or of the passive buffer, the
// latest first. The types are there only in kernels built with CYCLIC_TRACE.
func (v *view) cycTraces(addr uint64, has bool) ([]cycTrace, error) {
	var bufs []uint64
	levels := cyclicLevels
	if !has {
		at, err := v.address("genunix", "cyc_ptrace")
		if err != nil {
			return nil, fmt.Errorf("couldn't find passive buffer: %w", err)
		}
		bufs, levels = []uint64{at}, []string{"pasv"}
	} else {
		for i := range cyclicLevels {
			at, err := v.ref("struct cyc_cpu", addr, fmt.Sprintf("cyp_trace[%d]", i))
			if err != nil {
				return nil, fmt.Errorf("couldn't read cyc_cpu at %x: %w", addr, err)
			}
			bufs = append(bufs, at)
		}
	}
	var list []cycTrace
	for i, b := range bufs {
		for n := range cyclicRecords {
			at, err := v.ref("cyc_tracebuf_t", b, fmt.Sprintf("cyt_buf[%d]", n))
			if err != nil {
				return nil, err
			}
			r := cycTrace{addr: at, level: levels[i]}
			if err := v.load("cyc_tracerec_t", at, &r); err != nil {
				return nil, badRead("cyc_tracerec", at, err)
			}
			r.Stamp &= 1<<63 - 1
			if r.Stamp != 0 {
				list = append(list, r)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b cycTrace) int { return cmp.Compare(b.Stamp, a.Stamp) })
	return list, nil
}

func walkCyctrace(c *core.Ctx, addr mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	list, err := viewOf(c).cycTraces(uint64(addr), has)
	return func(yield func(core.Elem, error) bool) {
		for _, r := range list {
			if !yield(core.Elem{Val: r.addr}, nil) {
				return
			}
		}
		if err != nil {
			yield(core.Elem{}, err)
		}
	}
}

func runCyctrace(c *core.Ctx) error {
	v := viewOf(c)
	list, err := v.cycTraces(c.Addr, c.HasAddr)
	for _, r := range list {
		why, _ := v.text(r.Why, cyclicWhy)
		c.Record(func() {
			c.Printf("%08p %4s %15llx %-*s %15llx %15llx\n", r.addr&0xffffffff, r.level, r.Stamp, cyclicWhy, why, r.Arg0, r.Arg1)
		}, out.Field{Name: "addr", Value: out.Addr(r.addr)}, out.Field{Name: "level", Value: r.level}, out.Field{Name: "timestamp", Value: r.Stamp},
			out.Field{Name: "why", Value: why}, out.Field{Name: "arg0", Value: out.Hex(r.Arg0)}, out.Field{Name: "arg1", Value: out.Hex(r.Arg1)})
	}
	return err
}
