package mdbks

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/core/value"
)

// Module is MDB's module mdb_ks.
func Module() *core.Module {
	return &core.Module{
		Name: "mdb_ks", Descr: "kernel support: the name cache", Interposes: true,
		Active: func(cx *core.Context) bool {
			_, ok := core.As[*system.IllumosKernel](cx)
			return ok
		},
		Dcmds: []*core.Dcmd{{
			Name: "dnlc", Descr: "print DNLC contents",
			Help: "Lists the directory name lookup cache: a vnode, that of the directory, and the name\nit has there.\n",
			Table: &core.Table{
				Head: "%<u>%-?s %-?s %-32s%</u>\n", Line: "%0?p %0?p %s\n", Type: "vnode_t",
				Cols: []core.Field{
					{Name: "vp", Head: "VP", Descr: "the vnode"},
					{Name: "dvp", Head: "DVP", Descr: "the directory's"},
					{Name: "name", Head: "NAME", Descr: "what it is called there"},
				},
			},
			Run: runDNLC,
		}},
	}
}

// Limits of what is believed of the cache.
const (
	maxBuckets = 1 << 24
	maxEntries = 1 << 24
	listOrder  = 1024 // MDB's own hash, by which it orders the entries
)

// entry is an ncache_t.
type entry struct {
	Next uint64 `ctf:"hash_next"`
	Prev uint64 `ctf:"hash_prev"`
	VP   uint64 `ctf:"vp"`
	DP   uint64 `ctf:"dp"`
	Hash int32  `ctf:"hash"`
	Len  uint8  `ctf:"namlen"`
	name string
}

// head is an nc_hash_t.
type head struct {
	Next uint64 `ctf:"hash_next"`
}

// dnlc reads the cache.
type dnlc struct {
	c       *core.Ctx
	w       *value.World
	entry   value.Value // an ncache_t at 0
	name    uint64      // offset of the name in it
	seen    map[uint64]bool
	buckets [listOrder][]entry
}

func runDNLC(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	d := &dnlc{c: c, w: c.World(), seen: map[uint64]bool{}}
	if err := d.read(); err != nil {
		return err
	}
	for _, list := range d.buckets {
		for i := len(list) - 1; i >= 0; i-- {
			c.Row(out.Hex(list[i].VP), out.Hex(list[i].DP), list[i].name)
		}
	}
	return nil
}

// variable reads a global of the kernel.
func variable(c *core.Ctx, name string) (uint64, error) {
	m, err := c.Namespace().LookupName("", name)
	if err != nil {
		return 0, fmt.Errorf("failed to read %s: %w", name, err)
	}
	v, err := c.ReadUint(m.Value, int(min(max(m.Size, 1), 8)))
	if err != nil {
		return 0, fmt.Errorf("failed to read %s: %w", name, mem.Reason(err))
	}
	return v, nil
}

func (d *dnlc) read() error {
	size, err := variable(d.c, "nc_hashsz")
	if err != nil {
		return err
	}
	table, err := variable(d.c, "nc_hash")
	if err != nil {
		return err
	}
	if size = uint64(uint32(size)); size > maxBuckets {
		return fmt.Errorf("nc_hashsz is %d", size)
	}
	ht, err := d.c.LookupType("nc_hash_t")
	if err != nil {
		return err
	}
	et, err := d.c.LookupType("ncache_t")
	if err != nil {
		return err
	}
	d.entry = d.w.At(et, 0)
	name, err := d.entry.Path("name")
	if err != nil {
		return err
	}
	d.name = uint64(name.Addr)
	for i := range size {
		if d.c.Err() != nil {
			return core.ErrIntr
		}
		at := table + i*d.w.Size(ht)
		var h head
		if err := value.Load(d.w.At(ht, mem.Addr(at)), &h); err != nil {
			return d.c.Warn(err, "failed to read nc_hash chain header %d", int(i))
		}
		if bad := d.chain(at, h.Next); bad != 0 {
			d.c.Warnf("inconsistent dnlc chain: %d, ncache va: %p - continuing with the rest", int(i), bad)
		}
	}
	return nil
}

// chain reads the ring that begins at the head at and gives the address of the first
// entry that is not right, 0 if all are.
func (d *dnlc) chain(at, next uint64) (bad uint64) {
	for prev := at; next != at; {
		if d.seen[next] || len(d.seen) >= maxEntries {
			return next
		}
		d.seen[next] = true
		var e entry
		v := d.entry
		v.Addr = mem.Addr(next)
		if value.Load(v, &e) != nil || e.Prev != prev {
			return next
		}
		b := make([]byte, e.Len)
		if mem.ReadFull(d.c.Space(), b, mem.Addr(next+d.name)) != nil || hash(b, e.DP) != e.Hash {
			return next
		}
		e.name = string(b)
		slot := &d.buckets[e.VP>>3%listOrder]
		*slot = append(*slot, e)
		prev, next = next, e.Next
	}
	return 0
}

// hash is DNLCHASH.
func hash(name []byte, dir uint64) int32 {
	h := int32(dir) >> 8
	for _, ch := range name {
		h = h<<4 + h + int32(int8(ch))
	}
	return h
}
