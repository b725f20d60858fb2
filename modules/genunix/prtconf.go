package genunix

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// How far the lines of a node below another are indented, those of properties, and
// their lists.
const (
	devIndent      = 4
	propIndent     = 4
	propListIndent = 8
)

// devStates are ddi_node_state_t from -1 on, cut as MDB cuts them.
var devStates = []string{"DS_INVAL", "DS_PROTO", "DS_LINKED", "DS_BOUND", "DS_INITIA", "DS_PROBED", "DS_ATTACH", "DS_READY", "?"}

// devAttached is DS_ATTACHED: a driver is attached from this state on.
const devAttached = 5

// devState is the name of a node's state.
func devState(s int64) string {
	if s < -1 || s+1 >= int64(len(devStates)) {
		return devStates[len(devStates)-1]
	}
	return devStates[s+1]
}

// devInfo is what is shown of a dev_info.
type devInfo struct {
	Binding  uint64 `ctf:"devi_binding_name"`
	Name     uint64 `ctf:"devi_node_name"`
	Address  uint64 `ctf:"devi_addr"`
	Instance int64  `ctf:"devi_instance"`
	State    int64  `ctf:"devi_node_state"`
	Major    uint64 `ctf:"devi_major"`
	Ref      int64  `ctf:"devi_ref"`
	Circular int64  `ctf:"devi_circular"`
	Busy     uint64 `ctf:"devi_busy_thread"`
	Device   uint64 `ctf:"devi_state"`
	Flags    uint64 `ctf:"devi_flags"`
	Driver   uint64 `ctf:"devi_driver_data"`
	DrvProps uint64 `ctf:"devi_drv_prop_ptr"`
	SysProps uint64 `ctf:"devi_sys_prop_ptr"`
	HWProps  uint64 `ctf:"devi_hw_prop_ptr"`
	Globals  uint64 `ctf:"devi_global_prop_list"`
	MDI      int64  `ctf:"devi_mdi_component"`
	Client   uint64 `ctf:"devi_mdi_client"`
}

func (v *view) devInfo(at uint64) (*devInfo, error) {
	d := &devInfo{}
	if err := v.load("struct dev_info", at, d); err != nil {
		return nil, badRead("device", at, err)
	}
	return d, nil
}

// devShow prints nodes.
type devShow struct {
	c       *core.Ctx
	v       *view
	base    uint64 // the node that was asked for, which is bold
	verbose bool
	bold    bool // all are bold
	driver  string
	filter  bool
	inst    uint64
	byInst  bool
}

// runPrtconf is ::prtconf.
func runPrtconf(c *core.Ctx) error {
	v := viewOf(c)
	at, err := v.devRoot(c.Addr, c.HasAddr)
	if err != nil {
		return err
	}
	s := &devShow{c: c, v: v, base: at, verbose: c.Opt('v')}
	s.bold = s.verbose && !c.HasAddr
	s.driver, s.filter = c.OptStr('d')
	s.inst, s.byInst = c.OptUint('i')
	if !c.PipeOut && !c.Opts.JSON {
		c.Printf("%<u>%-?s %-50s%</u>\n", "DEVINFO", "NAME")
	}
	walk := v.devFamily(at)
	switch {
	case c.Opt('p') && c.Opt('c'):
		return s.node(devNode{at, 0})
	case c.Opt('c'):
		walk = v.devBelow(at, 0, true)
	case c.Opt('p'):
		walk = v.devAbove(at)
	}
	for n, err := range walk {
		if err == nil {
			err = s.node(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// node prints a node of a tree.
func (s *devShow) node(n devNode) error {
	d, err := s.v.devInfo(n.addr)
	if err != nil {
		return err
	}
	driver, derr := s.v.majorName(d.Major)
	if s.filter && (derr != nil || driver != s.driver) || s.byInst && s.inst != uint64(d.Instance) {
		return nil
	}
	if s.c.PipeOut {
		s.c.Emit(n.addr, s.v.typeOrNil("struct dev_info"))
		return nil
	}
	name, err := s.v.text(d.Binding, 128)
	if err != nil {
		return badRead("binding_name", d.Binding, err)
	}
	if s.c.Opts.JSON {
		s.record(n, d, name, driver, derr)
		return nil
	}
	old := s.c.P.IncIndent(n.depth * devIndent)
	defer s.c.P.SetMargin(old)
	on, off := "", ""
	if n.addr == s.base || s.bold {
		on, off = "%<b>", "%</b>"
	}
	s.c.Printf(on+"%-0?p %s"+off, n.addr, name)
	if d.Instance >= 0 {
		s.c.Printf(", instance #%d", d.Instance)
	}
	switch {
	case d.State < devAttached:
		s.c.Printf(" (driver not attached)\n")
	case derr != nil:
		s.c.Printf(" (could not determine driver name)\n")
	default:
		s.c.Printf(" (driver name: %s)\n", driver)
	}
	if s.verbose {
		return s.lists(d)
	}
	return nil
}

// record is a node as a record.
func (s *devShow) record(n devNode, d *devInfo, name, driver string, derr error) {
	f := []out.Field{{Name: "addr", Value: out.Addr(n.addr)}, {Name: "depth", Value: n.depth}, {Name: "name", Value: name}, {Name: "state", Value: devState(d.State)}}
	if d.Instance >= 0 {
		f = append(f, out.Field{Name: "instance", Value: d.Instance})
	}
	if d.State >= devAttached && derr == nil {
		f = append(f, out.Field{Name: "driver", Value: driver})
	}
	if s.verbose {
		var all []any
		for _, l := range s.v.propLists(d) {
			for p, err := range s.v.props(l.first) {
				if err != nil {
					s.c.Warnf("%s", err)
					break
				}
				all = append(all, out.Object{{Name: "list", Value: l.name}, {Name: "addr", Value: out.Addr(p.addr)}, {Name: "name", Value: p.name},
					{Name: "type", Value: p.kindText()}, {Name: "items", Value: p.items}, {Name: "value", Value: p.text}})
			}
		}
		f = append(f, out.Field{Name: "properties", Value: all})
	}
	s.c.Record(nil, f...)
}

// devStateBits and devFlagBits are the bits of devi_state and devi_flags that
// ::devinfo -s names (sys/ddi_impldefs.h).
var (
	devStateBits = out.Bits{
		{Name: "DEVICE_OFFLINE", Mask: 1, Bits: 1}, {Name: "DEVICE_DOWN", Mask: 2, Bits: 2}, {Name: "DEVICE_DEGRADED", Mask: 4, Bits: 4},
		{Name: "DEVICE_REMOVED", Mask: 8, Bits: 8}, {Name: "BUS_QUIESCED", Mask: 0x100, Bits: 0x100}, {Name: "BUS_DOWN", Mask: 0x200, Bits: 0x200},
		{Name: "NDI_CONFIG", Mask: 0x400, Bits: 0x400}, {Name: "S_ATTACHING", Mask: 0x10000, Bits: 0x10000}, {Name: "S_DETACHING", Mask: 0x20000, Bits: 0x20000},
		{Name: "S_ONLINING", Mask: 0x40000, Bits: 0x40000}, {Name: "S_OFFLINING", Mask: 0x80000, Bits: 0x80000}, {Name: "S_INVOKING_DACF", Mask: 0x100000, Bits: 0x100000},
		{Name: "S_UNBOUND", Mask: 0x200000, Bits: 0x200000}, {Name: "S_REPORT", Mask: 0x8000000, Bits: 0x8000000}, {Name: "S_EVADD", Mask: 0x10000000, Bits: 0x10000000},
		{Name: "S_EVREMOVE", Mask: 0x20000000, Bits: 0x20000000}, {Name: "S_NEED_RESET", Mask: 0x40000000, Bits: 0x40000000},
	}
	devFlagBits = out.Bits{
		{Name: "BUSY", Mask: 1, Bits: 1}, {Name: "MADE_CHILDREN", Mask: 2, Bits: 2}, {Name: "ATTACHED_CHILDREN", Mask: 4, Bits: 4}, {Name: "BRANCH_HELD", Mask: 8, Bits: 8},
		{Name: "NO_BIND", Mask: 0x10, Bits: 0x10}, {Name: "DEVI_CACHED_DEVID", Mask: 0x20, Bits: 0x20}, {Name: "PHCI_SIGNALS_VHCI", Mask: 0x40, Bits: 0x40}, {Name: "REBIND", Mask: 0x80, Bits: 0x80},
	}
)

// runDevinfo is ::devinfo.
func runDevinfo(c *core.Ctx) error {
	v := viewOf(c)
	d, err := v.devInfo(c.Addr)
	if err != nil {
		return err
	}
	if c.Opt('d') {
		emitAddr(c, d.Driver, "void")
		return nil
	}
	if bus, ok := c.OptStr('b'); ok {
		if bus != "pcie" {
			return fmt.Errorf("unknown bus: %s", bus)
		}
		p, err := v.member("struct dev_info", "devi_bus.port_up.priv_p", c.Addr)
		if err != nil {
			return badRead("device", c.Addr, err)
		}
		emitAddr(c, p, "pcie_bus_t")
		return nil
	}
	if c.Opt('s') && !c.Opts.JSON {
		return v.devSummary(c, d)
	}
	s := &devShow{c: c, v: v, base: c.Addr, verbose: !c.Opt('q')}
	return s.node(devNode{c.Addr, 0})
}

// devSummary prints the three lines of ::devinfo -s.
func (v *view) devSummary(c *core.Ctx, d *devInfo) error {
	if c.Header() {
		c.Printf("%-?s %5s %?s %-20s %-s\n%-?s %5s %?s %-20s %-s\n%<u>%-?s %5s %?s %-20s %-15s%</u>\n",
			"DEVINFO", "MAJ", "REFCNT", "NODENAME", "NODESTATE", "", "INST", "CIRCULAR", "BINDNAME", "STATE", "", "", "THREAD", "", "FLAGS")
	}
	name, _ := v.text(d.Name, 64)
	if a, err := v.text(d.Address, 64); err == nil && d.Address != 0 && a != "" {
		name += "@" + a
	}
	binding, _ := v.text(d.Binding, 1024)
	c.Printf("%0?p %5d %?d %-20s %s\n", c.Addr, int32(d.Major), d.Ref, name, devState(d.State))
	c.Printf("%?s %5d %?d %-20s <%b>\n", "", d.Instance, d.Circular, binding, d.Device, devStateBits)
	c.Printf("%?s %5s %?p %-20s <%b>\n\n", "", "", d.Busy, "", d.Flags, devFlagBits)
	return nil
}

// runDevbindings is ::devbindings: the nodes of a driver.
func runDevbindings(c *core.Ctx) error {
	v := viewOf(c)
	major := uint64(uint32(c.Addr))
	switch {
	case c.HasAddr:
	case len(c.Args) != 1:
		return core.ErrUsage
	default:
		var err error
		if major, err = v.devArg(c.Args[0]); err != nil {
			return err
		}
	}
	at, err := v.devname(major)
	if err != nil {
		return err
	}
	head, err := v.member("struct devnames", "dn_head", at)
	if err != nil {
		return badRead("devnames array", at, err)
	}
	c.Loop, c.First = true, true
	for n, err := range v.chain("devinfo", "struct dev_info", "devi_next", head) {
		if err != nil {
			return err
		}
		c.Addr = n
		if c.PipeOut {
			c.Emit(n, v.typeOrNil("struct dev_info"))
		} else if err := runDevinfo(c); err != nil {
			return err
		}
		c.First = false
	}
	return nil
}

// driverBits are the bits of dn_flags (sys/autoconf.h, sys/modctl.h).
var driverBits = out.Bits{
	{Name: "DN_CONF_PARSED", Mask: 1, Bits: 1}, {Name: "DN_DRIVER_BUSY", Mask: 2, Bits: 2}, {Name: "DN_DRIVER_HELD", Mask: 0x20, Bits: 0x20},
	{Name: "DN_TAKEN_GETUDEV", Mask: 0x40, Bits: 0x40}, {Name: "DN_DRIVER_REMOVED", Mask: 0x80, Bits: 0x80}, {Name: "DN_FORCE_ATTACH", Mask: 0x100, Bits: 0x100},
	{Name: "DN_LEAF_DRIVER", Mask: 0x200, Bits: 0x200}, {Name: "DN_NETWORK_DRIVER", Mask: 0x400, Bits: 0x400}, {Name: "DN_NO_AUTODETACH", Mask: 0x800, Bits: 0x800},
	{Name: "DN_GLDV3_DRIVER", Mask: 0x1000, Bits: 0x1000}, {Name: "DN_PHCI_DRIVER", Mask: 0x2000, Bits: 0x2000}, {Name: "DN_OPEN_RETURNS_EINTR", Mask: 0x4000, Bits: 0x4000},
	{Name: "DN_SCSI_SIZE_CLEAN", Mask: 0x8000, Bits: 0x8000}, {Name: "DN_NETWORK_PHYSDRIVER", Mask: 0x10000, Bits: 0x10000},
}

// runDevnames is ::devnames.
func runDevnames(c *core.Ctx) error {
	v := viewOf(c)
	if len(c.Args) > 1 || c.Opt('m') && !c.HasAddr {
		return core.ErrUsage
	}
	switch {
	case c.Opt('m'):
		at, err := v.devname(c.Addr)
		if err != nil {
			return err
		}
		return v.driver(c, at, c.Header(), false)
	case c.HasAddr:
		return v.driver(c, c.Addr, c.Header(), c.Loop)
	case len(c.Args) == 1:
		major, err := number(c, c.Args[0])
		if err == nil {
			major, err = v.devname(uint64(uint32(major)))
		}
		if err != nil {
			return err
		}
		return v.driver(c, major, c.Header(), false)
	}
	head := !c.PipeOut
	return each(c, v.elems("struct devnames", v.devnames()), func(at uint64) error {
		err := v.driver(c, at, head, true)
		head = false
		return err
	})
}

// driver prints an entry of the table of drivers; of the whole table one that is not
// used is left out.
func (v *view) driver(c *core.Ctx, at uint64, head, table bool) error {
	var d struct {
		Name     uint64 `ctf:"dn_name"`
		Flags    int64  `ctf:"dn_flags"`
		PL       uint64 `ctf:"dn_pl"`
		Head     uint64 `ctf:"dn_head"`
		Instance int64  `ctf:"dn_instance"`
		Inlist   uint64 `ctf:"dn_inlist"`
		Props    uint64 `ctf:"dn_global_prop_ptr"`
	}
	if err := v.load("struct devnames", at, &d); err != nil {
		return badRead("devnames struct", at, err)
	}
	verbose := c.Opt('v')
	if head && !c.Opts.JSON && !c.PipeOut {
		if verbose {
			c.Printf("%<u>%-16s%</u>\n", "NAME")
		} else {
			c.Printf("%<u>%-16s %-?s%</u>\n", "NAME", "DN_HEAD")
		}
	}
	if table && d.Name == 0 {
		return nil
	}
	if c.PipeOut {
		c.Emit(at, v.typeOrNil("struct devnames"))
		return nil
	}
	name, err := v.text(d.Name, 256)
	if err != nil {
		name = fmt.Sprintf("0x%x", d.Name)
	}
	c.Record(func() {
		if !verbose {
			c.Printf("%-16s %-?p\n", name, d.Head)
			return
		}
		c.Printf("%<b>%-16s%</b>\n", name)
		old := c.P.IncIndent(2)
		defer c.P.SetMargin(old)
		c.Printf("          flags %b\n", uint64(d.Flags), driverBits)
		c.Printf("             pl %p\n           head %p\n       instance %d\n         inlist %p\nglobal_prop_ptr %p\n", d.PL, d.Head, d.Instance, d.Inlist, d.Props)
		if first, err := v.member("ddi_prop_list_t", "prop_list", d.Props); err == nil && d.Props != 0 {
			if err := printProps(c, v, "", first); err != nil {
				c.Warnf("%s", err)
			}
		}
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "name", Value: name}, out.Field{Name: "head", Value: out.Addr(d.Head)},
		out.Field{Name: "flags", Value: out.Hex(uint64(d.Flags))}, out.Field{Name: "instance", Value: d.Instance})
	return nil
}
