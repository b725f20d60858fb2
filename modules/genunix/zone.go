package genunix

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func zoneDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "zone", Usage: "?[-r [-v]]", Descr: "display kernel zone(s)", Type: "zone_t", Table: zoneTable, Run: noArgs(runZone),
			Help: "Lists all zones, or the one at the address: id, state, name and root path.\n",
			Opts: []core.Opt{{Letter: 'r', Help: "counts of references instead"}, {Letter: 'v', Help: "with those of each subsystem"}}},
		{Name: "zid2zone", Usage: ":", Descr: "find the zone_t with the given zone id", Type: "zone_t", Run: needAddr(noArgs(byZoneID("zone_id"))),
			Help: "The address is a zone's id. Prints the address of its zone_t.\n"},
		{Name: "zdid2zone", Usage: ":", Descr: "find the zone_t with the given zone debug id", Type: "zone_t", Run: needAddr(noArgs(byZoneID("zone_did"))),
			Help: "The address is a zone's debug id, which stays the same when it reboots. Prints\nthe address of its zone_t.\n"},
		{Name: "zsd", Usage: ":[-v] [zsd_key]", Descr: "display zone-specific-data entries for zones", AnyAddr: true, Type: "zone_t", Run: runZSD,
			Help: "Lists the data that subsystems keep for a zone: key, address, flags; with a key\nonly the one that it names.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with the functions called as the zone comes and goes"}}},
	}
}

func zoneWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "zone", Descr: "walk a list of kernel zones", Addr: core.AddrOptional, Type: "zone_t", Walk: walkZones},
		{Name: "zsd", Descr: "walk list of zsd entries for a zone", Addr: core.AddrOptional, Type: "struct zsd_entry", Walk: walkZSD},
	}
}

func walkZones(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	head := uint64(start)
	if !has {
		var err error
		if head, err = v.address("genunix", "zone_active"); err != nil {
			return noWalk[core.Elem](err)
		}
	}
	return v.elems("zone_t", v.listOf("zone", head))
}

func allZones(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] { return walkZones(c, 0, false) }

func walkZSD(c *core.Ctx, zone mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	if !has {
		return noWalk[core.Elem](errNoGlobalWalk)
	}
	head, err := v.ref("zone_t", uint64(zone), "zone_zsd")
	if err != nil {
		return noWalk[core.Elem](err)
	}
	return v.elems("struct zsd_entry", v.listOf("zsd_entry", head))
}

// zoneStatus are the values of zone_status_t.
var zoneStatus = []string{"uninitialized", "initialized", "ready", "booting", "running",
	"shutting_down", "empty", "down", "dying", "dead"}

// The sizes of MDB's buffers for a zone's name and path.
const (
	zoneNameSize = 20
	zonePathSize = 25
)

var (
	zoneTable = &core.Table{
		Head: "%<u>%?s %4s %-13s %-19s %-s%</u>\n", Line: "%0?p %4d %-13s %-19s %s\n", Type: "zone_t",
		Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "id", Head: "ID"}, {Name: "status", Head: "STATUS"},
			{Name: "name", Head: "NAME"}, {Name: "path", Head: "PATH"}},
	}
	zoneRefTable = &core.Table{
		Head: "%<u>%?s %6s %10s %10s %-19s%</u>\n", Line: "%0?p %6d %10u %10u %-19s\n", Type: "zone_t",
		Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "id", Head: "ID"}, {Name: "refs", Head: "REFS"},
			{Name: "crefs", Head: "CREFS"}, {Name: "name", Head: "NAME"}, {Name: "subsystems"}},
	}
)

// zone is what the commands show of a zone_t.
type zone struct {
	ID     int32  `ctf:"zone_id"`
	Status uint32 `ctf:"zone_status"`
	Name   uint64 `ctf:"zone_name"`
	Path   uint64 `ctf:"zone_rootpath"`
	Ref    uint32 `ctf:"zone_ref"`
	Cref   uint32 `ctf:"zone_cred_ref"`
}

// zoneName is a zone's name, whole.
func (v *view) zoneName(addr uint64) (string, error) {
	name, err := v.member("zone_t", "zone_name", addr)
	if err != nil {
		return "", badRead("zone", addr, err)
	}
	s, err := v.text(name, 256)
	if err != nil {
		return "", badRead("zone name", name, err)
	}
	return s, nil
}

// shown is a string as a column has it, or whole in JSON.
func (v *view) shown(c *core.Ctx, addr uint64, size int) string {
	if c.Opts.JSON {
		size = maxPath
	}
	return v.dotted(addr, size)
}

func runZone(c *core.Ctx) error {
	switch {
	case c.Opt('v') && !c.Opt('r'):
		return core.ErrUsage
	case c.Opt('r'):
		withTable(c, zoneRefTable)
		return perAddress(allZones, zoneRefRow)(c)
	}
	return perAddress(allZones, zoneRow)(c)
}

func zoneRow(c *core.Ctx, v *view, addr uint64) error {
	var z zone
	if err := v.load("zone_t", addr, &z); err != nil {
		return c.Warn(err, "can't read zone_t structure at %p", addr)
	}
	status := "???"
	if int(z.Status) < len(zoneStatus) {
		status = zoneStatus[z.Status]
	}
	c.Row(out.Hex(addr), z.ID, status, v.shown(c, z.Name, zoneNameSize), v.shown(c, z.Path, zonePathSize))
	return nil
}

func zoneRefRow(c *core.Ctx, v *view, addr uint64) error {
	var z zone
	if err := v.load("zone_t", addr, &z); err != nil {
		return c.Warn(err, "can't read zone_t structure at %p", addr)
	}
	var held []subsysRef
	var err error
	if c.Opt('v') {
		held, err = v.subsystems(addr)
	}
	object := out.Object{}
	for _, h := range held {
		object = append(object, out.Field{Name: h.name, Value: h.n})
	}
	c.Row(out.Hex(addr), z.ID, z.Ref, z.Cref, v.shown(c, z.Name, zoneNameSize), object)
	if !c.Opts.JSON && !c.PipeOut {
		c.P.IncIndent(7)
		for _, h := range held {
			c.Printf("%15s: %10u\n", h.name, h.n)
		}
		c.P.DecIndent(7)
	}
	return err
}

// subsysRef is how often a subsystem holds a zone.
type subsysRef struct {
	name string
	n    uint32
}

// subsystems lists the subsystems that hold a zone. There are as many as both the
// kernel's names and the zone's counters have room for.
func (v *view) subsystems(zone uint64) ([]subsysRef, error) {
	names, err := v.symbol("genunix", "zone_ref_subsys_names")
	if err != nil {
		return nil, unread("zone_ref_subsys_names", err)
	}
	t, err := v.typ("zone_t")
	if err != nil {
		return nil, err
	}
	counts, err := v.w.At(t, mem.Addr(zone)).Path("zone_subsys_ref")
	if err != nil {
		return nil, err
	}
	var held []subsysRef
	for i := range min(names.Size/8, counts.Len(), 256) {
		e, err := counts.Index(i)
		if err != nil {
			return held, err
		}
		n, err := e.Uint()
		if err != nil {
			return held, badRead("zone", zone, err)
		}
		if n == 0 {
			continue
		}
		p, err := v.ptr(names.Value + i*8)
		if err != nil {
			return held, unread("zone_ref_subsys_names", err)
		}
		name, err := v.text(p, 16)
		if err != nil {
			return held, badRead("subsystem name", p, err)
		}
		held = append(held, subsysRef{name, uint32(n)})
	}
	return held, nil
}

func byZoneID(member string) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		v := viewOf(c)
		want := int32(c.Addr)
		for e, err := range allZones(c, v) {
			if err != nil {
				return err
			}
			id, err := v.member("zone_t", member, e.Val)
			if err != nil {
				return badRead("zone", e.Val, err)
			}
			if int32(id) == want {
				emitAddr(c, e.Val, "zone_t")
			}
		}
		return nil
	}
}
