package kallsyms

import (
	"bytes"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/linuxmem"
)

// FuzzTables reads damaged tables where they were, and looks for them.
func FuzzTables(f *testing.F) {
	const at = base
	parts := make([]linuxmem.Parts, linuxmem.Before50+1)
	for order := range parts {
		var b []byte
		b, parts[order] = linuxmem.Kallsyms(at, symbols(2100, order != 1), linuxmem.Order(order), base, order != 1)
		f.Add(b, byte(order))
	}
	f.Fuzz(func(t *testing.T, b []byte, order byte) {
		sp := mem.NewSegments([]mem.Segment{{Base: at, Size: uint64(len(b)), Src: &mem.File{R: bytes.NewReader(b), Size: int64(len(b))}}})
		check := func(tables Tables) {
			table, err := Read(sp, tables)
			if err != nil {
				return
			}
			for s := range table.All() {
				if len(s.Name) > maxName {
					t.Fatalf("name of %d bytes", len(s.Name))
				}
			}
			table.ByName("_text")
			table.ByAddr(base+100, 0)
		}
		check(tablesOf(parts[int(order)%len(parts)]))
		if found, err := Locate(sp, at, uint64(len(b))); err == nil {
			check(found)
		}
	})
}
