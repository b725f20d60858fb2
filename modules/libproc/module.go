// Package libproc knows the data of libproc in a process that uses it, a debugger such
// as MDB itself: handles of processes, their mappings and files, and symbol tables.
//
// Facts: usr/src/lib/libproc/common/Pcontrol.h; structures are read by member through
// libproc's own CTF.
package libproc

import (
	"cmp"
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/core/value"
)

// Module is the module; it activates for illumos processes with libproc.
func Module() *core.Module {
	return &core.Module{
		Name: "libproc", Descr: "libproc in processes that use it", Active: active,
		Dcmds: []*core.Dcmd{
			{Name: "pr_addr2map", Usage: ":addr", Descr: "convert an adress into a map_info_t", NoHint: true, Run: runAddr2map},
			{Name: "pr_symtab", Usage: ":[-a | -n]", Descr: "print the contents of a sym_tbl_t", NoHint: true,
				Opts: []core.Opt{{Letter: 'a', Help: "sort symbols by address"}, {Letter: 'n', Help: "sort symbols by name"}}, Run: runSymtab},
		},
		Walkers: []*core.Walker{
			{Name: "pr_file_info", Descr: "given a ps_prochandle, walk its file_info structures", Addr: core.AddrRequired, Type: "file_info_t", Walk: walkFiles},
			{Name: "pr_map_info", Descr: "given a ps_prochandle, walk its map_info structures", Addr: core.AddrRequired, Type: "map_info_t", Walk: walkMaps},
		},
	}
}

func active(cx *core.Context) bool {
	p, ok := cx.System.(*system.IllumosProcess)
	if !ok {
		return false
	}
	for _, o := range p.Namespace().Objects() {
		if strings.HasPrefix(o.Name, "libproc.so") {
			return true
		}
	}
	return false
}

func typ(s *core.Session, name string) (*ctype.Type, error) {
	if t, err := s.LookupType("libproc.so.1`" + name); err == nil {
		return t, nil
	}
	return s.LookupType(name)
}

func load(s *core.Session, name string, at uint64, dst any) error {
	t, err := typ(s, name)
	if err != nil {
		return err
	}
	return value.Load(s.World().At(t, mem.Addr(at)), dst)
}

// handle is a struct ps_prochandle.
type handle struct {
	Maps  uint64 `ctf:"mappings"`
	Count uint64 `ctf:"map_count"`
}

// maxMaps bounds the mappings of a handle, the symbols of a table, a list of files.
const (
	maxMaps    = 1 << 20
	maxSymbols = 1 << 24
	maxFiles   = 1 << 20
	maxName    = 128
)

func readHandle(s *core.Session, at uint64) (*handle, uint64, error) {
	h := &handle{}
	if err := load(s, "struct ps_prochandle", at, h); err != nil {
		return nil, 0, fmt.Errorf("failed to read ps_prochandle at %x: %w", at, err)
	}
	t, err := typ(s, "struct map_info")
	if err != nil {
		return nil, 0, err
	}
	if h.Count > maxMaps {
		return nil, 0, fmt.Errorf("ps_prochandle at %x has %d mappings", at, h.Count)
	}
	return h, s.World().Size(t), nil
}

// runAddr2map finds the mapping that holds an address in a handle's sorted ones.
func runAddr2map(c *core.Ctx) error {
	if len(c.Args) != 1 {
		return core.ErrUsage
	}
	want, err := c.Args[0].Imm, error(nil)
	if !c.Args[0].IsImm {
		if want, err = c.Strtoull(c.Args[0].Str); err != nil {
			return err
		}
	}
	h, size, err := readHandle(c.Session, c.Addr)
	if err != nil {
		return err
	}
	for low, high := uint64(0), h.Count; low < high; {
		mid := (low + high) / 2
		at := h.Maps + mid*size
		var m struct {
			Base uint64 `ctf:"map_pmap.pr_vaddr"`
			Size uint64 `ctf:"map_pmap.pr_size"`
		}
		if err := load(c.Session, "struct map_info", at, &m); err != nil {
			return fmt.Errorf("failed to read map_info_t at %x: %w", at, err)
		}
		switch {
		case want-m.Base < m.Size:
			t, _ := typ(c.Session, "struct map_info")
			c.Emit(at, t)
			return nil
		case want < m.Base:
			high = mid
		default:
			low = mid + 1
		}
	}
	return fmt.Errorf("no corresponding map for %x", want)
}

func walkMaps(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		h, size, err := readHandle(c.Session, uint64(start))
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		t, _ := typ(c.Session, "struct map_info")
		for i := range h.Count {
			if c.Err() != nil || !yield(core.Elem{Val: h.Maps + i*size, Type: t}, nil) {
				return
			}
		}
	}
}

// walkFiles walks the ring of file_infos that file_head begins; each begins with its
// links.
func walkFiles(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		t, err := typ(c.Session, "struct ps_prochandle")
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		m, err := c.Session.World().Resolve(t).FindMember("file_head")
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		head := uint64(start) + m.Off/8
		ft, _ := typ(c.Session, "struct file_info")
		seen := map[uint64]bool{}
		at, err := c.ReadPtr(head)
		for ; err == nil && at != head; at, err = c.ReadPtr(at) {
			if seen[at] || len(seen) >= maxFiles {
				err = fmt.Errorf("file_info_t at %x: list does not end", at)
				break
			}
			seen[at] = true
			if !yield(core.Elem{Val: at, Type: ft}, nil) {
				return
			}
		}
		if err != nil {
			yield(core.Elem{}, err)
		}
	}
}

// symtab is a sym_tbl_t: two tables taken as one, the auxiliary one first.
type symtab struct {
	Primary, Aux uint64
	Pri          uint64 `ctf:"sym_data_pri"`
	AuxData      uint64 `ctf:"sym_data_aux"`
	AuxCount     uint64 `ctf:"sym_symn_aux"`
	Total        uint64 `ctf:"sym_symn"`
	Strings      uint64 `ctf:"sym_strs"`
	Names        uint64 `ctf:"sym_byname"`
	Addrs        uint64 `ctf:"sym_byaddr"`
	Count        uint64 `ctf:"sym_count"`
}

func readSymtab(c *core.Ctx) (*symtab, error) {
	t := &symtab{}
	if err := load(c.Session, "struct sym_tbl", c.Addr, t); err != nil {
		return nil, fmt.Errorf("failed to read sym_tbl_t at %x: %w", c.Addr, err)
	}
	if t.Count == 0 {
		return nil, fmt.Errorf("no symbols present")
	}
	if t.Total > maxSymbols || t.Count > t.Total {
		return nil, fmt.Errorf("sym_tbl_t at %x has %d symbols of %d", c.Addr, t.Count, t.Total)
	}
	for _, d := range []struct {
		at   uint64
		need bool
		to   *uint64
		what string
	}{{t.Pri, true, &t.Primary, "primary"}, {t.AuxData, t.AuxCount > 0, &t.Aux, "auxiliary"}} {
		if !d.need {
			continue
		}
		var e struct {
			Buf uint64 `ctf:"d_buf"`
		}
		if err := load(c.Session, "Elf_Data", d.at, &e); err != nil {
			return nil, fmt.Errorf("failed to read %s Elf_Data at %x: %w", d.what, d.at, err)
		}
		*d.to = e.Buf
	}
	return t, nil
}

func runSymtab(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if c.Opt('a') && c.Opt('n') {
		c.Warnf("only one of '-a' or '-n' can be specified")
		return core.ErrUsage
	}
	t, err := readSymtab(c)
	if err != nil {
		return err
	}
	n, list := t.Total, uint64(0)
	if c.Opt('a') {
		n, list = t.Count, t.Addrs
	} else if c.Opt('n') {
		n, list = t.Count, t.Names
	}
	width := 2 * c.Arch().PtrSize
	if !c.Opts.JSON {
		c.Printf("%<u>%*s  %*s  %s%</u>\n", width, "ADDRESS", width, "SIZE", "NAME")
	}
	for i := range n {
		if c.Err() != nil {
			return core.ErrIntr
		}
		k := i
		if list != 0 {
			if k, err = c.ReadUint(list+4*i, 4); err != nil {
				return c.Warn(err, "failed to read sorted symbols at %p", list)
			}
		}
		if err := t.show(c, k); err != nil {
			return err
		}
	}
	return nil
}

// show prints the symbol of an index.
func (t *symtab) show(c *core.Ctx, i uint64) error {
	base := t.Primary
	if i < t.AuxCount {
		base = t.Aux
	} else {
		i -= t.AuxCount
	}
	size, valueAt, sizeAt, word := uint64(24), uint64(8), uint64(16), 8
	if c.Arch().PtrSize == 4 {
		size, valueAt, sizeAt, word = 16, 4, 8, 4
	}
	at := base + i*size
	name, err1 := c.ReadUint(at, 4)
	v, err2 := c.ReadUint(at+valueAt, word)
	n, err3 := c.ReadUint(at+sizeAt, word)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return c.Warn(err, "failed to read symbol at %p", at)
	}
	text, err := mem.ReadString(c.Space(), mem.Addr(t.Strings+name), maxName)
	if err != nil {
		c.Warnf("failed to read symbol name at %p: %s", t.Strings+name, core.Reason(err))
	}
	c.Record(func() { c.Printf("%0?p  %0?p  %s\n", v, n, text) },
		out.Field{Name: "address", Value: out.Addr(v)}, out.Field{Name: "size", Value: n}, out.Field{Name: "name", Value: text})
	return nil
}
