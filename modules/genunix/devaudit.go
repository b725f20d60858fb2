package genunix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// faultDcmds are the commands of what the kernel keeps about nodes of the device tree
// for faults, of their history, and of how interrupts are shared out among them.
func faultDcmds() []*core.Dcmd {
	verbose := []core.Opt{{Letter: 'v', Help: "with the stacks"}}
	owned := func(head, line string, cols ...core.Field) *core.Table {
		return &core.Table{Head: head, Line: line, Cols: append([]core.Field{{Name: "addr", Head: "ADDR"}, {Name: "owner", Head: "OWNER"}, {Name: "type", Head: "TYPE"}}, cols...)}
	}
	request := owned("%<u>%?s  %-18s  %-8s  %-8s  %-6s  %-4s  %-6s%</u>\n", "%0?p  %-18s  %-8s  %-8s  %-6d  %-4d  %-6d\n",
		core.Field{Name: "callback", Head: "CALLBACK"}, core.Field{Name: "nintrs", Head: "NINTRS"}, core.Field{Name: "nreq", Head: "NREQ"}, core.Field{Name: "navail", Head: "NAVAIL"})
	return []*core.Dcmd{
		{Name: "devinfo_audit", Usage: ":[-v]", Descr: "devinfo configuration audit record", Opts: verbose, Run: noArgs(needAddr(func(c *core.Ctx) error { return viewOf(c).audit(c, c.Addr, c.Header()) }))},
		{Name: "devinfo_audit_log", Usage: "?[-v]", Descr: "system wide devinfo configuration log", Opts: verbose, Run: noArgs(func(c *core.Ctx) error {
			v := viewOf(c)
			if c.HasAddr {
				return v.audit(c, c.Addr, c.Header())
			}
			return v.audits(c, v.auditLog())
		})},
		{Name: "devinfo_audit_node", Usage: ":[-v]", Descr: "devinfo node configuration history", Opts: verbose, Run: noArgs(needAddr(func(c *core.Ctx) error {
			v := viewOf(c)
			return v.audits(c, v.auditNode(c.Addr))
		}))},
		{Name: "devinfo_fm", Usage: ":", Descr: "devinfo fault management configuration", Run: noArgs(needAddr(runDevinfoFM))},
		{Name: "devinfo_fmce", Usage: ":", Descr: "devinfo fault management cache entry", Run: noArgs(needAddr(runDevinfoFMCE)), Table: &core.Table{
			Head: "%<u>%?s %?s %?s%</u>\n", Line: "%?p %?p %?p\n", Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "resource", Head: "RESOURCE"}, {Name: "bus", Head: "BUS_SPECIFIC"}}}},
		// MDB's synopses of these say that they take nothing.
		{Name: "irmpools", Usage: "?", MDBUsage: "", Descr: "display interrupt pools", Type: "ddi_irm_pool_t", Run: noArgs(runIRMPools), Table: owned(
			"%<u>%?s  %-18s  %-8s  %-6s  %-9s  %-8s%</u>\n", "%0?p  %-18s  %-8s  %-6d  %-9d  %-8d\n",
			core.Field{Name: "size", Head: "SIZE"}, core.Field{Name: "requested", Head: "REQUESTED"}, core.Field{Name: "reserved", Head: "RESERVED"})},
		{Name: "irmreqs", Usage: ":", MDBUsage: "", Descr: "display interrupt requests in an interrupt pool", Type: "ddi_irm_req_t", Table: request, Run: noArgs(needAddr(func(c *core.Ctx) error {
			v := viewOf(c)
			for at, err := range v.irmRequests(c.Addr) {
				if err == nil {
					err = v.irmRequest(c, at)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}))},
		{Name: "irmreq", Usage: ":", MDBUsage: "", Descr: "display an interrupt request", Type: "ddi_irm_req_t", Table: request, Run: noArgs(needAddr(func(c *core.Ctx) error { return viewOf(c).irmRequest(c, c.Addr) }))},
	}
}

// faultWalkers are their walkers.
func faultWalkers() []*core.Walker {
	walk := func(name, descr, typ string, addr core.AddrMode, seq func(v *view, at uint64) seq2) *core.Walker {
		return &core.Walker{Name: name, Descr: descr, Addr: addr, Type: typ, Walk: func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems(typ, seq(v, uint64(at)))
		}}
	}
	return []*core.Walker{
		walk("devinfo_audit_log", "devinfo audit log system-wide walker", "devinfo_audit_t", core.AddrNone, func(v *view, _ uint64) seq2 { return v.auditLog() }),
		walk("devinfo_audit_node", "devinfo audit per-dip history walker", "devinfo_audit_t", core.AddrRequired, (*view).auditNode),
		walk("devinfo_fmc", "walk a fault management handle cache active list", "struct i_ddi_fmc_entry", core.AddrRequired, func(v *view, at uint64) seq2 {
			first, err := v.member("struct i_ddi_fmc", "fc_head", at)
			if err != nil {
				return noWalk[uint64](badRead("fm cache", at, err))
			}
			return v.chain("fm cache entry", "struct i_ddi_fmc_entry", "fce_next", first)
		}),
		walk("irmpools", "walk global list of interrupt pools", "ddi_irm_pool_t", core.AddrNone, func(v *view, _ uint64) seq2 { return v.irmPools() }),
		walk("irmreqs", "walk list of interrupt requests in an interrupt pool", "ddi_irm_req_t", core.AddrRequired, (*view).irmRequests),
	}
}

// auditLog walks the log of what was done to nodes, the latest first.
func (v *view) auditLog() seq2 {
	return func(yield func(uint64, error) bool) {
		log, err := v.variable("genunix", "devinfo_audit_log")
		var h struct {
			Max  int64 `ctf:"dh_max"`
			Curr int64 `ctf:"dh_curr"`
		}
		var entries, size uint64
		if err == nil {
			err = v.load("devinfo_log_header_t", log, &h)
		}
		if err == nil {
			entries, err = v.ref("devinfo_log_header_t", log, "dh_entry")
		}
		if err == nil {
			size, err = v.size("devinfo_audit_t")
		}
		if err == nil && (h.Curr >= h.Max || h.Max > maxList) {
			err = fmt.Errorf("devinfo_log_header at %x: entry %d of %d", log, h.Curr, h.Max)
		}
		if err != nil {
			yield(0, err)
			return
		}
		for i := range h.Max {
			if h.Curr < 0 || !yield(entries+uint64((h.Curr-i+h.Max)%h.Max)*size, nil) {
				return
			}
		}
	}
}

// auditNode walks what the log has of a node: the record beside it, then older ones. The
// first of the log is a copy of the record.
func (v *view) auditNode(node uint64) seq2 {
	return func(yield func(uint64, error) bool) {
		first, err := v.member("struct dev_info", "devi_audit", node)
		if err != nil {
			yield(0, badRead("dev_info", node, err))
			return
		}
		n := 0
		for at, err := range v.chain("devinfo_audit", "devinfo_audit_t", "da_lastlog", first) {
			if err == nil {
				var of uint64
				if of, err = v.member("devinfo_audit_t", "da_devinfo", at); err == nil && of != node {
					return // overwritten
				}
			}
			n++
			if n == 2 && err == nil {
				continue
			}
			if !yield(at, err) || err != nil {
				return
			}
		}
	}
}

func (v *view) audits(c *core.Ctx, list seq2) error {
	head := !c.PipeOut
	for at, err := range list {
		if err == nil {
			err = v.audit(c, at, head)
		}
		if err != nil {
			return err
		}
		head = false
	}
	return nil
}

// maxAudit is DDI_STACK_DEPTH.
const maxAudit = 14

// audit prints a record of the log.
func (v *view) audit(c *core.Ctx, at uint64, head bool) error {
	if c.PipeOut {
		c.Emit(at, v.typeOrNil("devinfo_audit_t"))
		return nil
	}
	if head && !c.Opts.JSON {
		c.Printf(" %-?s %16s %-?s %-?s %5s\n", "AUDIT", "TIMESTAMP", "THREAD", "DEVINFO", "STATE")
	}
	var a struct {
		Device uint64 `ctf:"da_devinfo"`
		Time   int64  `ctf:"da_timestamp"`
		Thread uint64 `ctf:"da_thread"`
		State  int64  `ctf:"da_node_state"`
		Depth  int64  `ctf:"da_depth"`
	}
	if err := v.load("devinfo_audit_t", at, &a); err != nil {
		return badRead("devinfo_audit", at, err)
	}
	stack, err := v.ref("devinfo_audit_t", at, "da_stack")
	var pcs []uint64
	if err == nil {
		pcs, err = v.pointers(stack, uint64(min(max(a.Depth, 0), maxAudit)))
	}
	if err != nil {
		return badRead("devinfo_audit", at, err)
	}
	c.Record(func() {
		c.Printf(" %0?p %16llx %0?p %0?p %s\n", at, uint64(a.Time), a.Thread, a.Device, devState(a.State))
		if !c.Opt('v') {
			return
		}
		old := c.P.IncIndent(4)
		defer c.P.SetMargin(old)
		for _, pc := range pcs {
			c.Printf("%a\n", pc)
		}
		c.Printf("\n")
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "time", Value: a.Time}, out.Field{Name: "thread", Value: out.Addr(a.Thread)},
		out.Field{Name: "devinfo", Value: out.Addr(a.Device)}, out.Field{Name: "state", Value: devState(a.State)})
	return nil
}

// runDevinfoFM is ::devinfo_fm. The capabilities are DDI_FM_EREPORT_CAPABLE and on.
func runDevinfoFM(c *core.Ctx) error {
	v := viewOf(c)
	if c.Header() && !c.Opts.JSON {
		c.Printf("%<u>%?s IPL CAPS DROP FMCFULL FMCMISS ACCERR DMAERR %?s %?s%</u>\n", "ADDR", "DMACACHE", "ACCCACHE")
	}
	at, err := v.member("struct dev_info", "devi_fmhdl", c.Addr)
	if err != nil {
		return badRead("devinfo struct", c.Addr, err)
	}
	var h struct {
		DMA    uint64 `ctf:"fh_dma_cache"`
		Acc    uint64 `ctf:"fh_acc_cache"`
		Cap    int64  `ctf:"fh_cap"`
		Drop   uint64 `ctf:"fh_kstat.fek_erpt_dropped.value.ui64"`
		Full   uint64 `ctf:"fh_kstat.fek_fmc_full.value.ui64"`
		Miss   uint64 `ctf:"fh_kstat.fek_fmc_miss.value.ui64"`
		AccErr uint64 `ctf:"fh_kstat.fek_acc_err.value.ui64"`
		DMAErr uint64 `ctf:"fh_kstat.fek_dma_err.value.ui64"`
		IBC    uint64 `ctf:"fh_ibc"`
	}
	if err := v.load("struct i_ddi_fmhdl", at, &h); err != nil {
		return badRead("devinfo fm struct", at, err)
	}
	caps := []byte("----")
	for i, bit := range []int64{1, 8, 2, 4} { // ereports, error callback, access, DMA
		if h.Cap&bit != 0 {
			caps[i] = "ECAD"[i]
		}
	}
	c.Record(func() {
		c.Printf("%?p %3u %s %4llu %7llu %7llu %6llu %6llu %?p %?p\n", at, uint32(h.IBC), string(caps), h.Drop, h.Full, h.Miss, h.AccErr, h.DMAErr, h.DMA, h.Acc)
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "ipl", Value: h.IBC}, out.Field{Name: "caps", Value: string(caps)}, out.Field{Name: "drop", Value: h.Drop},
		out.Field{Name: "fmcfull", Value: h.Full}, out.Field{Name: "fmcmiss", Value: h.Miss}, out.Field{Name: "accerr", Value: h.AccErr}, out.Field{Name: "dmaerr", Value: h.DMAErr},
		out.Field{Name: "dmacache", Value: out.Addr(h.DMA)}, out.Field{Name: "acccache", Value: out.Addr(h.Acc)})
	return nil
}

func runDevinfoFMCE(c *core.Ctx) error {
	v := viewOf(c)
	var e struct {
		Resource uint64 `ctf:"fce_resource"`
		Bus      uint64 `ctf:"fce_bus_specific"`
	}
	if err := v.load("struct i_ddi_fmc_entry", c.Addr, &e); err != nil {
		return badRead("fm cache struct", c.Addr, err)
	}
	c.Row(out.Addr(c.Addr), out.Addr(e.Resource), out.Addr(e.Bus))
	return nil
}

// irmPools walks the pools of interrupts.
func (v *view) irmPools() seq2 {
	list, err := v.address("genunix", "irm_pools_list")
	if err != nil {
		return noWalk[uint64](err)
	}
	return v.listOf("interrupt pool", list)
}

// irmRequests walks the requests of a pool.
func (v *view) irmRequests(pool uint64) seq2 {
	list, err := v.ref("ddi_irm_pool_t", pool, "ipool_req_list")
	if err != nil {
		return noWalk[uint64](badRead("interrupt pool", pool, err))
	}
	return v.listOf("interrupt request", list)
}

// irmType names a type of interrupts (DDI_INTR_TYPE_...).
func irmType(t int64) string {
	switch t {
	case 1:
		return "Fixed"
	case 2:
		return "MSI"
	case 4:
		return "MSI-X"
	case 6:
		return "MSI/X"
	}
	return "Unknown"
}

// irmOwner names a node by its driver and instance.
func (v *view) irmOwner(at uint64) (string, error) {
	d, err := v.devInfo(at)
	if err != nil {
		return "", err
	}
	name, _ := v.majorName(d.Major)
	if d.Instance != -1 {
		name += fmt.Sprintf("#%d", d.Instance)
	}
	return name, nil
}

// runIRMPools is ::irmpools.
func runIRMPools(c *core.Ctx) error {
	v := viewOf(c)
	if on, err := v.variable("genunix", "irm_enable"); err != nil || on == 0 {
		return fmt.Errorf("IRM is not enabled")
	}
	return perAddress(func(c *core.Ctx, v *view) iter.Seq2[core.Elem, error] { return v.elems("ddi_irm_pool_t", v.irmPools()) }, func(c *core.Ctx, v *view, at uint64) error {
		var p struct {
			Owner uint64 `ctf:"ipool_owner"`
			Types int64  `ctf:"ipool_types"`
			Size  uint64 `ctf:"ipool_totsz"`
			Reqs  uint64 `ctf:"ipool_reqno"`
			Res   uint64 `ctf:"ipool_resno"`
		}
		if err := v.load("ddi_irm_pool_t", at, &p); err != nil {
			return badRead("interrupt pool", at, err)
		}
		owner, err := v.irmOwner(p.Owner)
		if err != nil {
			return err
		}
		c.Row(out.Addr(at), owner, irmType(p.Types), p.Size, p.Reqs, p.Res)
		return nil
	})(c)
}

// irmRequest prints a request.
func (v *view) irmRequest(c *core.Ctx, at uint64) error {
	var r struct {
		Node  uint64 `ctf:"ireq_dip"`
		Type  int64  `ctf:"ireq_type"`
		Flags int64  `ctf:"ireq_flags"`
		NReq  uint64 `ctf:"ireq_nreq"`
		Avail uint64 `ctf:"ireq_navail"`
	}
	if err := v.load("ddi_irm_req_t", at, &r); err != nil {
		return badRead("interrupt request", at, err)
	}
	owner, err := v.irmOwner(r.Node)
	if err != nil {
		return err
	}
	intr, err := v.member("struct dev_info", "devi_intr_p", r.Node)
	if err != nil {
		return badRead("device", r.Node, err)
	}
	n, err := v.member("devinfo_intr_t", "devi_intr_sup_nintrs", intr)
	if err != nil {
		return badRead("devinfo_intr", intr, err)
	}
	callback := "No"
	if r.Flags&0x20 != 0 { // DDI_IRM_FLAG_CALLBACK
		callback = "Yes"
	}
	c.Row(out.Addr(at), owner, irmType(r.Type), callback, n, r.NReq, r.Avail)
	return nil
}
