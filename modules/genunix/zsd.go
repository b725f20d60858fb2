package genunix

import (
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

var errNoGlobalWalk = errors.New("global walk not supported")

// zsdEntry is what ::zsd shows of a struct zsd_entry.
type zsdEntry struct {
	addr     uint64
	Key      uint32 `ctf:"zsd_key"`
	Data     uint64 `ctf:"zsd_data"`
	Flags    uint16 `ctf:"zsd_flags"`
	Create   uint64 `ctf:"zsd_create"`
	Shutdown uint64 `ctf:"zsd_shutdown"`
	Destroy  uint64 `ctf:"zsd_destroy"`
}

func runZSD(c *core.Ctx) error {
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	var key uint64
	only := len(c.Args) == 1
	if only {
		key = c.Args[0].Imm
		if !c.Args[0].IsImm {
			var err error
			if key, err = c.Strtoull(c.Args[0].Str); err != nil {
				return err
			}
		}
	}
	return perAddress(allZones, func(c *core.Ctx, v *view, zone uint64) error {
		list, err := v.zsdEntries(c, zone)
		if only {
			list = pickZSD(list, uint32(key))
		}
		if c.PipeOut {
			for _, e := range list {
				c.Emit(e.addr, v.typeOrNil("struct zsd_entry"))
			}
			return err
		}
		name, nerr := v.member("zone_t", "zone_name", zone)
		if nerr != nil {
			return c.Warn(nerr, "couldn't read zone_t at %p", zone)
		}
		printZSD(c, v.shown(c, name, zoneNameSize), list, only && err == nil)
		if err == nil && only && len(list) == 0 {
			return core.ErrFailed
		}
		return err
	})(c)
}

// zsdEntries reads a zone's entries; with an error those before it.
func (v *view) zsdEntries(c *core.Ctx, zone uint64) ([]zsdEntry, error) {
	var list []zsdEntry
	for e, err := range walkZSD(c, mem.Addr(zone), true) {
		if err != nil {
			return list, err
		}
		z := zsdEntry{addr: e.Val}
		if err := v.load("struct zsd_entry", e.Val, &z); err != nil {
			c.Warnf("couldn't read zsd_entry at %p", e.Val)
			return list, err
		}
		list = append(list, z)
	}
	return list, nil
}

func pickZSD(list []zsdEntry, key uint32) []zsdEntry {
	for _, e := range list {
		if e.Key == key {
			return []zsdEntry{e}
		}
	}
	return nil
}

func printZSD(c *core.Ctx, zone string, list []zsdEntry, only bool) {
	if c.Opts.JSON {
		for _, e := range list {
			c.Record(nil, out.Field{Name: "zone", Value: zone}, out.Field{Name: "addr", Value: out.Hex(e.addr)},
				out.Field{Name: "key", Value: e.Key}, out.Field{Name: "value", Value: out.Hex(e.Data)}, out.Field{Name: "flags", Value: e.Flags},
				out.Field{Name: "create", Value: out.Hex(e.Create)}, out.Field{Name: "shutdown", Value: out.Hex(e.Shutdown)},
				out.Field{Name: "destroy", Value: out.Hex(e.Destroy)})
		}
		return
	}
	if c.Header() {
		c.Printf("%<u>%-19s %?s %?s %8s%</u>\n", "ZONE", "KEY", "VALUE", "FLAGS")
	}
	c.Printf("%-19s ", zone)
	c.P.IncIndent(21)
	for _, e := range list {
		c.Printf("%?x %0?p %8x\n", e.Key, e.Data, e.Flags)
		if c.Opt('v') {
			c.Printf("    Create CB:   %a\n    Shutdown CB: %a\n    Destroy CB:  %a\n", e.Create, e.Shutdown, e.Destroy)
		}
	}
	if only && len(list) == 0 {
		c.Printf("no corresponding ZSD entry found\n")
	}
	c.P.DecIndent(21)
}
