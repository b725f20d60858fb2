package krtld

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/value"
)

// Lengths of names (sys/param.h, sys/modctl.h), with the NUL.
const (
	maxPath     = 1024
	maxName     = 32 // MODMAXNAMELEN
	maxLinkInfo = 32 // MODMAXLINKINFOLEN
)

var modctlTable = &core.Table{
	Head: "%<u>%?s %?s %6s %4s %3s %s%</u>\n", Line: "%?p %?p %6s 0x%02x %3d %s\n", Type: "struct modctl",
	Cols: []core.Field{
		{Name: "addr", Head: "MODCTL", Descr: "the modctl"},
		{Name: "module", Head: "MODULE", Descr: "its struct module, 0 if it is not loaded"},
		{Name: "bits", Head: "BITS", Descr: "its state, a letter each"},
		{Name: "flags", Head: "FLAGS", Descr: "mod_loadflags"},
		{Name: "refs", Head: "REF", Descr: "references"},
		{Name: "file", Head: "FILE", Descr: "the file it comes from"},
	},
}

func modctlRow(c *core.Ctx, m *modctl) {
	bits := ""
	for _, b := range []struct {
		set  int64
		char string
	}{{m.Busy, "b"}, {m.Want, "w"}, {m.Prim, "p"}, {m.Loaded, "l"}, {m.Inst, "i"}} {
		if b.set != 0 {
			bits += b.char
		}
	}
	c.Row(out.Hex(m.addr), out.Hex(m.Module), bits, int32(m.Flags), int32(m.Ref), text(c, m.Filename, maxPath))
}

var modinfoTable = &core.Table{
	Head: "%<u>%3s %?s %8s %3s %s%</u>\n", Line: "%3d %?p %8lx %3d %s (%s)\n",
	Cols: []core.Field{
		{Name: "id", Head: "ID", Descr: "of the module"},
		{Name: "loadaddr", Head: "LOADADDR", Descr: "where its text begins"},
		{Name: "size", Head: "SIZE", Descr: "of text and data, bytes"},
		{Name: "rev", Head: "REV", Descr: "revision of its linkage"},
		{Name: "name", Head: "MODULE NAME", Descr: "of the module"},
		{Name: "info", Descr: "what it calls itself"},
	},
	Pipe: 1,
}

func modinfoRow(c *core.Ctx, m *modctl) {
	var mod module
	if m.Module != 0 {
		mod, _ = readModule(c, m.Module) // as in MDB, one that cannot be read has no address
	}
	rev, info := linkage(c, m)
	if info == "" {
		info = "?"
	}
	c.Row(int32(m.ID), out.Hex(mod.Text), out.Hex(mod.TextSize+mod.DataSize), rev, text(c, m.Name, maxName), info)
}

// linkage reads the revision of a module and what its first part calls itself.
func linkage(c *core.Ctx, m *modctl) (rev int32, info string) {
	var l struct {
		Rev   int32       `ctf:"ml_rev"`
		Parts value.Value `ctf:"ml_linkage"`
	}
	if m.Linkage == 0 {
		return 0, ""
	}
	v, err := c.ValueAt("struct modlinkage", m.Linkage)
	if err != nil || value.Load(v, &l) != nil {
		return 0, ""
	}
	first, err := l.Parts.Index(0)
	if err != nil {
		return l.Rev, ""
	}
	part, err := first.Uint()
	if err != nil || part == 0 {
		return l.Rev, ""
	}
	v, err = c.ValueAt("struct modlmisc", part)
	if err != nil {
		return l.Rev, ""
	}
	at, err := v.Path("misc_linkinfo")
	if err != nil {
		return l.Rev, ""
	}
	p, err := at.Uint()
	if err != nil {
		return l.Rev, ""
	}
	info, _ = mem.ReadString(c.Space(), mem.Addr(p), maxLinkInfo-1)
	return l.Rev, info
}

var ctfinfoTable = &core.Table{
	Head: "%<u>%-30s %?s %s%</u>\n", Line: "%-30s %?p %lu\n",
	Cols: []core.Field{
		{Name: "name", Head: "MODULE", Descr: "of the module"},
		{Name: "ctfdata", Head: "CTFDATA", Descr: "where its type data lies"},
		{Name: "ctfsize", Head: "CTFSIZE", Descr: "how long it is, bytes"},
	},
	Pipe: 1,
}

func runCtfinfo(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	return eachModctl(c, func(m *modctl) {
		if m.Module == 0 {
			return
		}
		mod, err := readModule(c, m.Module)
		if err != nil {
			c.Warnf("failed to read module at %p for modctl %p", m.Module, m.addr)
			return
		}
		name := text(c, m.Name, maxName)
		if name == "???" {
			name = symbolOf(c, m.Module)
		}
		c.Row(name, out.Hex(mod.CTF), mod.CTFSize)
	})
}

// symbolOf is an address as MDB's %a prints it.
func symbolOf(c *core.Ctx, addr uint64) string { return out.Sprintf(c.OutEnv(), "%a", addr) }
