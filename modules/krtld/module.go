package krtld

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/core/value"
)

// Module is MDB's module krtld.
func Module() *core.Module {
	return &core.Module{
		Name: "krtld", Descr: "modules of the kernel", Interposes: true,
		Active: func(cx *core.Context) bool {
			_, ok := core.As[*system.IllumosKernel](cx)
			return ok
		},
		Dcmds: []*core.Dcmd{
			{Name: "modctl", Descr: "list modctl structures", AnyAddr: true, Type: "struct modctl",
				Help:  "Lists the modctl at the address, else all of them. BITS are b for busy, w for\nwanted, p for primary, l for loaded, i for installed.\n",
				Table: modctlTable, Run: perModctl(modctlRow)},
			{Name: "modhdrs", Usage: ":", Descr: "given modctl, dump module ehdr and shdrs", Type: "struct modctl",
				Help: "Prints the ELF header and section headers of the file that the module whose modctl\nis at the address was loaded from.\n",
				Run:  runModhdrs},
			{Name: "modinfo", Descr: "list module information", AnyAddr: true, Type: "struct modctl",
				Help:  "Lists the module whose modctl is at the address, else all of them: id, address of\nthe text, size of text and data, revision, name and what it calls itself.\n",
				Table: modinfoTable, Run: perModctl(modinfoRow)},
			{Name: "ctfinfo", Descr: "list module CTF information",
				Help:  "Lists where the type data of each loaded module lies, and its length in bytes.\n",
				Table: ctfinfoTable, Run: runCtfinfo},
		},
		Walkers: []*core.Walker{
			{Name: "modctl", Descr: "list of modctl structures", Addr: core.AddrOptional, Type: "struct modctl", Walk: walkModctl},
		},
	}
}

// modctl is what is used of a struct modctl.
type modctl struct {
	addr     uint64
	Next     uint64 `ctf:"mod_next"`
	ID       int64  `ctf:"mod_id"`
	Module   uint64 `ctf:"mod_mp"`
	Linkage  uint64 `ctf:"mod_linkage"`
	Filename uint64 `ctf:"mod_filename"`
	Name     uint64 `ctf:"mod_modname"`
	Busy     int64  `ctf:"mod_busy"`
	Want     int64  `ctf:"mod_want"`
	Prim     int64  `ctf:"mod_prim,optional"`
	Ref      int64  `ctf:"mod_ref"`
	Loaded   int64  `ctf:"mod_loaded"`
	Inst     int64  `ctf:"mod_installed"`
	Flags    int64  `ctf:"mod_loadflags"`
}

// module is what is used of a struct module.
type module struct {
	Text     uint64 `ctf:"text"`
	TextSize uint64 `ctf:"text_size"`
	DataSize uint64 `ctf:"data_size"`
	CTF      uint64 `ctf:"ctfdata"`
	CTFSize  uint64 `ctf:"ctfsize"`
	Shdrs    uint64 `ctf:"shdrs"`
}

// readModctl reads the modctl at addr.
func readModctl(c *core.Ctx, addr uint64) (*modctl, error) {
	v, err := c.ValueAt("struct modctl", addr)
	if err != nil {
		return nil, err
	}
	m := &modctl{addr: addr}
	if err := value.Load(v, m); err != nil {
		return nil, fmt.Errorf("failed to read modctl at %x: %w", addr, mem.Reason(err))
	}
	return m, nil
}

// readModule reads a modctl's struct module.
func readModule(c *core.Ctx, addr uint64) (m module, err error) {
	v, err := c.ValueAt("struct module", addr)
	if err == nil {
		err = value.Load(v, &m)
	}
	return m, err
}

// maxModctl bounds the walk along the ring.
const maxModctl = 1 << 16

// walkModctl follows the ring from the kernel's head, or from a modctl given, until
// it is back there.
func walkModctl(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		head := uint64(start)
		if !has || head == 0 {
			m, err := c.Namespace().LookupName("", "modules")
			if err != nil {
				yield(core.Elem{}, fmt.Errorf("failed to lookup 'modules': %w", err))
				return
			}
			head = m.Value
		}
		t, _ := c.LookupType("struct modctl")
		seen := map[uint64]bool{}
		for addr := head; ; {
			if seen[addr] || len(seen) >= maxModctl {
				yield(core.Elem{}, fmt.Errorf("list of modules does not lead back to %x: modctl at %x was there before", head, addr))
				return
			}
			seen[addr] = true
			m, err := readModctl(c, addr)
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			if !yield(core.Elem{Val: addr, Type: t, Obj: m}, nil) {
				return
			}
			if addr = m.Next; addr == head {
				return
			}
		}
	}
}

// perModctl makes a dcmd that prints a row for the modctl at the address, else for
// each of the ring.
func perModctl(row func(*core.Ctx, *modctl)) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if len(c.Args) != 0 {
			return core.ErrUsage
		}
		if c.HasAddr {
			m, err := readModctl(c, c.Addr)
			if err != nil {
				return err
			}
			row(c, m)
			return nil
		}
		return eachModctl(c, func(m *modctl) { row(c, m) })
	}
}

func eachModctl(c *core.Ctx, f func(*modctl)) error {
	for e, err := range walkModctl(c, 0, false) {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		f(e.Obj.(*modctl))
	}
	return nil
}

// text reads a string of less than n bytes; "???" if it cannot be read.
func text(c *core.Ctx, addr uint64, n int) string {
	s, err := mem.ReadString(c.Space(), mem.Addr(addr), n-1)
	if err != nil {
		return "???"
	}
	return s
}
