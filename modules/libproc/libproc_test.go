package libproc_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumoscore"
	"github.com/xmdb/xmdb/modules/libproc"
)

// Where the test puts libproc's data.
const (
	handle, maps, table = 0x10000, 0x11000, 0x12000
	data, syms, strs    = 0x12400, 0x12800, 0x12c00
	byAddr, byName      = 0x13000, 0x13100
	file1, file2        = 0x13400, 0x13800
)

// open makes a core of a program that has a handle with two mappings and two files,
// and a symbol table of three symbols.
func open(t *testing.T, m illumoscore.Model, damage func(*illumoscore.Core)) (*illumoscore.Core, *modtest.Session) {
	t.Helper()
	p := illumoscore.Storemgr(m)
	lib := &illumoscore.Lib{
		Path: "/lib/libproc.so.1", Base: map[bool]uint64{true: 0xfffffd7fef300000, false: 0xfee00000}[m == illumoscore.LP64],
		Funcs: []*illumoscore.Func{{Name: "Pgrab", Type: "fn(*struct ps_prochandle;int,int)"}},
		Roots: []string{"struct map_info", "struct file_info", "struct sym_tbl", "Elf_Data"},
	}
	p.Libs = slices.Insert(p.Libs, len(p.Libs)-1, lib)
	c, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	c.Mem.Map(handle, 0x4000, 6)
	h := c.Mem.At("struct ps_prochandle", handle)
	h.Set("mappings", maps).Set("map_count", 2)
	head := h.Field("file_head")
	for _, link := range [][2]uint64{{head, file1}, {file1, file2}, {file2, head}} {
		c.Mem.PutPtr(link[0], link[1])
	}
	for i, base := range []uint64{0x400000, 0x500000} {
		c.Mem.At("struct map_info", maps+uint64(i)*c.T.Size("struct map_info")).Set("map_pmap.pr_vaddr", base).Set("map_pmap.pr_size", 0x2000)
	}
	s := c.Mem.At("struct sym_tbl", table)
	s.Set("sym_data_pri", data).Set("sym_symn", 3).Set("sym_count", 2).Set("sym_strs", strs).Set("sym_byaddr", byAddr).Set("sym_byname", byName)
	c.Mem.At("Elf_Data", data).Set("d_buf", syms)
	c.Mem.Put(strs, []byte("\x00zebra\x00ant\x00"))
	for i, x := range []struct{ name, value, size uint64 }{{0, 0, 0}, {1, 0x1000, 0x10}, {7, 0x2000, 0x20}} {
		b := make([]byte, 24)
		binary.LittleEndian.PutUint32(b, uint32(x.name))
		if m == illumoscore.LP64 {
			binary.LittleEndian.PutUint64(b[8:], x.value)
			binary.LittleEndian.PutUint64(b[16:], x.size)
			c.Mem.Put(syms+24*uint64(i), b)
		} else {
			binary.LittleEndian.PutUint32(b[4:], uint32(x.value))
			binary.LittleEndian.PutUint32(b[8:], uint32(x.size))
			c.Mem.Put(syms+16*uint64(i), b[:16])
		}
	}
	for i, k := range []uint32{1, 2} {
		c.Mem.Put32(byAddr+4*uint64(i), k)
		c.Mem.Put32(byName+4*uint64(i), 3-k)
	}
	if damage != nil {
		damage(c)
	}
	return c, modtest.OpenCoreBytes(t, "core", c.Write(), libproc.Module())
}

func TestLibproc(t *testing.T) {
	for _, m := range []illumoscore.Model{illumoscore.LP64, illumoscore.ILP32} {
		t.Run(m.String(), func(t *testing.T) {
			c, s := open(t, m, nil)
			w := 2 * m.Word()
			second := maps + c.T.Size("struct map_info")
			s.Run(fmt.Sprintf("%x::walk pr_map_info", handle)).OK().WantLines(fmt.Sprintf("%#x", maps), fmt.Sprintf("%#x", second))
			s.Run(fmt.Sprintf("%x::walk pr_file_info", handle)).OK().WantLines(fmt.Sprintf("%#x", file1), fmt.Sprintf("%#x", file2))
			s.Run(fmt.Sprintf("%x::pr_addr2map 501fff", handle)).OK().WantLines(fmt.Sprintf("%#x", second))
			if r := s.Run(fmt.Sprintf("%x::pr_addr2map 502000", handle)); r.Status == nil || r.Err != "xmdb: no corresponding map for 502000\n" {
				t.Errorf("%v %q", r.Status, r.Err)
			}
			row := func(name string, value, size uint64) string {
				return fmt.Sprintf("%0*x  %0*x  %s\n", w, value, w, size, name)
			}
			title := fmt.Sprintf("%*s  %*s  NAME\n", w, "ADDRESS", w, "SIZE")
			s.Run(fmt.Sprintf("%x::pr_symtab", table)).OK().Want(title + row("", 0, 0) + row("zebra", 0x1000, 0x10) + row("ant", 0x2000, 0x20))
			s.Run(fmt.Sprintf("%x::pr_symtab -a", table)).OK().Want(title + row("zebra", 0x1000, 0x10) + row("ant", 0x2000, 0x20))
			s.Run(fmt.Sprintf("%x::pr_symtab -n", table)).OK().Want(title + row("ant", 0x2000, 0x20) + row("zebra", 0x1000, 0x10))
		})
	}
}

// TestDamage has counts without bound and a ring that does not close.
func TestDamage(t *testing.T) {
	for _, m := range []illumoscore.Model{illumoscore.LP64, illumoscore.ILP32} {
		_, s := open(t, m, func(c *illumoscore.Core) {
			c.Mem.At("struct ps_prochandle", handle).Set("map_count", 1<<31-1)
			c.Mem.PutPtr(file2, file1)
			c.Mem.At("struct sym_tbl", table).Set("sym_count", 1<<31-1)
		})
		for _, cmd := range []string{"%x::walk pr_map_info", "%x::walk pr_file_info", "%x::pr_addr2map 1", "2000+%x::pr_symtab", "5::pr_symtab # %x", "%x::pr_symtab -a -n"} {
			if r := s.Run(fmt.Sprintf(cmd, handle)); r.Status == nil || r.Err == "" {
				t.Errorf("%s: no message", cmd)
			}
		}
	}
}
