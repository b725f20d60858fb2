package zfs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func zapDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "zap_leaf", Usage: ":[-v4]", Descr: "print zap_leaf_phys_t", Type: "zap_leaf_phys_t", Run: noArgs(runZapLeaf),
			Help: "Prints a leaf of a ZAP object, a block of 16K: its header and its chunks, which are\nentries, and pieces of their names and values.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with the hash table, free chunks, and the bytes of the pieces"}, {Letter: '4', Help: "a block of 4K"}}},
	}
}

// The format of leaves on disk (sys/zap_leaf.h): a header, a hash table of one number
// for 32 bytes of the block, and chunks.
const (
	zapLeafMagic = 0x2ab1eaf
	chunkEntry   = 252
	chunkArray   = 251
	chunkFree    = 253
	chunkEnd     = 0xffff
	cdSorted     = 1 // ZLF_ENTRIES_CDSORTED
)

type zapHeaderLayout struct {
	Type      kernel.Field `ctf:"l_hdr.lh_block_type"`
	Magic     kernel.Field `ctf:"l_hdr.lh_magic"`
	PrefixLen kernel.Field `ctf:"l_hdr.lh_prefix_len"`
	Prefix    kernel.Field `ctf:"l_hdr.lh_prefix"`
	Entries   kernel.Field `ctf:"l_hdr.lh_nentries"`
	Free      kernel.Field `ctf:"l_hdr.lh_nfree"`
	FreeList  kernel.Field `ctf:"l_hdr.lh_freelist"`
	Flags     kernel.Field `ctf:"l_hdr.lh_flags,optional"`
	Hash      kernel.Field `ctf:"l_hash"`
}

type zapChunkLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Type      kernel.Field `ctf:"l_entry.le_type"`
	Next      kernel.Field `ctf:"l_entry.le_next"`
	NameChunk kernel.Field `ctf:"l_entry.le_name_chunk"`
	NameLen   kernel.Field `ctf:"l_entry.le_name_numints|l_entry.le_name_length"`
	ValChunk  kernel.Field `ctf:"l_entry.le_value_chunk"`
	ValInt    kernel.Field `ctf:"l_entry.le_value_intlen|l_entry.le_int_size"`
	ValLen    kernel.Field `ctf:"l_entry.le_value_numints|l_entry.le_value_length"`
	CD        kernel.Field `ctf:"l_entry.le_cd"`
	Hash      kernel.Field `ctf:"l_entry.le_hash"`
	Array     kernel.Field `ctf:"l_array.la_array"`
	ArrayNext kernel.Field `ctf:"l_array.la_next"`
	FreeNext  kernel.Field `ctf:"l_free.lf_next"`
}

func runZapLeaf(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	size := uint64(16 << 10)
	if c.Opt('4') {
		size = 4 << 10
	}
	hl, err := kernel.Lay[zapHeaderLayout](v, "zap_leaf_phys_t")
	if err != nil {
		return err
	}
	cl, err := kernel.Lay[zapChunkLayout](v, "zap_leaf_chunk_t")
	if err != nil {
		return err
	}
	b, err := v.Bytes(c.Addr, size, nil)
	if err != nil {
		return kernel.Failed(err, "failed to read zap_leaf_phys_t at %x", c.Addr)
	}
	if hl.Type.Of(b) != zapLeafBlock || hl.Magic.Of(b) != zapLeafMagic {
		return errors.New("This does not appear to be a zap_leaf_phys_t")
	}
	hl.show(c, b)
	buckets := size / 32
	table := kernel.Field{Off: hl.Hash.Off, Size: 2}
	if c.Opt('v') {
		heading(c, " hash table:\n")
		for i := range buckets {
			f := kernel.Field{Off: table.Off + 2*i, Size: 2}
			if n := f.Of(b); n != chunkEnd {
				heading(c, "    %u: %u\n", i, n)
			}
		}
	}
	heading(c, " chunks:\n")
	for i, at := uint64(0), table.Off+2*buckets; cl.Size != 0 && at+cl.Size <= size; i, at = i+1, at+cl.Size {
		cl.show(c, i, b[at:at+cl.Size])
	}
	return nil
}

// show prints a leaf's header.
func (l *zapHeaderLayout) show(c *core.Ctx, b []byte) {
	flags, names := l.Flags.Of(b), ""
	if flags&cdSorted != 0 {
		names = "ENTRIES_CDSORTED"
	}
	c.Record(func() {
		c.Printf("zap_leaf_phys_t at %p:\n", c.Addr)
		c.Printf("    lh_prefix_len = %u\n    lh_prefix = %llx\n", l.PrefixLen.Of(b), l.Prefix.Of(b))
		c.Printf("    lh_nentries = %u\n    lh_nfree = %u\n    lh_freelist = %u\n", l.Entries.Of(b), l.Free.Of(b), l.FreeList.Of(b))
		c.Printf("    lh_flags = %x (%s)\n", flags, names)
	}, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "prefix_len", Value: l.PrefixLen.Of(b)}, out.Field{Name: "prefix", Value: out.Hex(l.Prefix.Of(b))},
		out.Field{Name: "nentries", Value: l.Entries.Of(b)}, out.Field{Name: "nfree", Value: l.Free.Of(b)}, out.Field{Name: "freelist", Value: l.FreeList.Of(b)},
		out.Field{Name: "flags", Value: out.Hex(flags)})
}

// show prints a chunk.
func (l *zapChunkLayout) show(c *core.Ctx, i uint64, b []byte) {
	switch typ := l.Type.Of(b); typ {
	case chunkFree:
		if c.Opt('v') {
			c.Record(func() { c.Printf("    %u: free; lf_next = %u\n", i, l.FreeNext.Of(b)) },
				out.Field{Name: "chunk", Value: i}, out.Field{Name: "kind", Value: "free"}, out.Field{Name: "next", Value: l.FreeNext.Of(b)})
		}
	case chunkEntry:
		l.showEntry(c, i, b)
	case chunkArray:
		l.showArray(c, i, b)
	default:
		c.Record(func() { c.Printf("    %u: undefined type %u\n", i, typ) },
			out.Field{Name: "chunk", Value: i}, out.Field{Name: "kind", Value: "undefined"}, out.Field{Name: "type", Value: typ})
	}
}

func (l *zapChunkLayout) showEntry(c *core.Ctx, i uint64, b []byte) {
	members := []struct {
		name, format string
		f            kernel.Field
	}{{"le_next", "%u", l.Next}, {"le_name_chunk", "%u", l.NameChunk}, {"le_name_numints", "%u", l.NameLen}, {"le_value_chunk", "%u", l.ValChunk},
		{"le_value_intlen", "%u", l.ValInt}, {"le_value_numints", "%u", l.ValLen}, {"le_cd", "%u", l.CD}, {"le_hash", "%llx", l.Hash}}
	fields := []out.Field{{Name: "chunk", Value: i}, {Name: "kind", Value: "entry"}}
	for _, m := range members {
		fields = append(fields, out.Field{Name: strings.TrimPrefix(m.name, "le_"), Value: m.f.Of(b)})
	}
	c.Record(func() {
		c.Printf("    %u: entry\n", i)
		for _, m := range members {
			if m.name != "le_next" || c.Opt('v') {
				c.Printf("        "+m.name+" = "+m.format+"\n", m.f.Of(b))
			}
		}
	}, fields...)
}

// showArray prints a piece of a name or a value. Its text ends with the piece.
func (l *zapChunkLayout) showArray(c *core.Ctx, i uint64, b []byte) {
	text, next := l.Array.Text(b), l.ArrayNext.Of(b)
	raw := b[l.Array.Off : l.Array.Off+l.Array.Size]
	c.Record(func() {
		c.Printf("    %u: array", i)
		if printable(text) {
			c.Printf(" \"%s\"", text)
		}
		c.Printf("\n")
		if c.Opt('v') {
			c.Printf("        ")
			for _, n := range raw {
				c.Printf("%02x ", uint64(n))
			}
			c.Printf("\n")
		}
		if next != chunkEnd {
			c.Printf("        lf_next = %u\n", next)
		}
	}, out.Field{Name: "chunk", Value: i}, out.Field{Name: "kind", Value: "array"}, out.Field{Name: "bytes", Value: fmt.Sprintf("%x", raw)}, out.Field{Name: "next", Value: next})
}
