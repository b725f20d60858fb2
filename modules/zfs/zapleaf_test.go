package zfs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/illumos"
)

// leafLines is a leaf of a ZAP object as ::zap_leaf prints it.
func leafLines(addr uint64, d illumos.ZapLeaf, verbose bool) string {
	chunks, hash := d.Chunks()
	free, first := d.Free()
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("zap_leaf_phys_t at %x:\n    lh_prefix_len = %d\n    lh_prefix = %x\n    lh_nentries = %d\n    lh_nfree = %d\n    lh_freelist = %d\n    lh_flags = 1 (ENTRIES_CDSORTED)\n",
		addr, d.PrefixLen, d.Prefix, len(d.Entries), free, first)
	if verbose {
		p(" hash table:\n")
		for i, n := range hash {
			if n != 0xffff {
				p("    %d: %d\n", i, n)
			}
		}
	}
	p(" chunks:\n")
	for i, c := range chunks {
		switch c.Kind {
		case 253:
			if verbose {
				p("    %d: free; lf_next = %d\n", i, c.Next)
			}
		case 252:
			p("    %d: entry\n", i)
			if verbose {
				p("        le_next = %d\n", c.Next)
			}
			p("        le_name_chunk = %d\n        le_name_numints = %d\n        le_value_chunk = %d\n        le_value_intlen = %d\n        le_value_numints = %d\n"+
				"        le_cd = %d\n        le_hash = %x\n", c.Name, len(c.Entry.Name)+1, c.Value, c.Entry.Size, len(c.Entry.Values), c.Entry.CD, c.Entry.Hash)
		case 251:
			p("    %d: array", i)
			text, _, _ := strings.Cut(string(c.Array[:]), "\x00")
			if strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
				p(" %q", text)
			}
			p("\n")
			if verbose {
				p("        ")
				for _, n := range c.Array {
					p("%02x ", n)
				}
				p("\n")
			}
			if c.Next != 0xffff {
				p("        lf_next = %d\n", c.Next)
			}
		}
	}
	return b.String()
}

func TestZapLeaf(t *testing.T) {
	sys, s := open(t)
	p := pool(sys, "zones")
	leaf := *p.Pool.Mem.Leaf
	if chunks, _ := leaf.Chunks(); len(chunks) != 638 || chunks[len(chunks)-1].Kind != 253 {
		t.Fatalf("the scenario's leaf has %d chunks: a block of 16K has 638", len(chunks))
	}
	s.Run(fmt.Sprintf("%x::zap_leaf", p.Mem.Leaf)).OK().Want(leafLines(p.Mem.Leaf, leaf, false))
	s.Run(fmt.Sprintf("%x::zap_leaf -v", p.Mem.Leaf)).OK().Want(leafLines(p.Mem.Leaf, leaf, true))
	if r := s.Run(at(p.Obj, "zap_leaf")); !strings.Contains(r.Err, "This does not appear to be a zap_leaf_phys_t") {
		t.Errorf("of a pool: %s%s", r.Out, r.Err)
	}
	small := leaf
	small.Small = true
	var addr, odd uint64
	_, s = changed(t, func(sys *illumos.System) {
		addr, odd = sys.ZapLeaf(small), sys.ZapLeaf(leaf)
		sys.WriteBytes(odd+48+1024+5*24, []byte{7})
	})
	s.Run(fmt.Sprintf("%x::zap_leaf -v4", addr)).OK().Want(leafLines(addr, small, true))
	s.Run(fmt.Sprintf("%x::zap_leaf", odd)).OK().Match(`\n    5: undefined type 7\n`)
}
