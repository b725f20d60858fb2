package genunix

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// memoryWhatis are the sources of ::whatis besides those of the allocators.
func memoryWhatis() []*core.WhatisSource {
	return []*core.WhatisSource{
		{Name: "modules", Prio: core.WhatisEarly, NoIDs: true, Run: whatisModules},
		{Name: "threads", Prio: core.WhatisEarly, NoIDs: true, Run: whatisThreads},
		{Name: "pages", Prio: core.WhatisEarly, NoIDs: true, Run: whatisPages},
	}
}

type modctlLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Next   kernel.Field `ctf:"mod_next"`
	Module kernel.Field `ctf:"mod_mp"`
	Name   kernel.Field `ctf:"mod_modname"`
}

type moduleLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Text      kernel.Field `ctf:"text"`
	TextSize  kernel.Field `ctf:"text_size"`
	Data      kernel.Field `ctf:"data"`
	DataSize  kernel.Field `ctf:"data_size"`
	BSS       kernel.Field `ctf:"bss"`
	BSSSize   kernel.Field `ctf:"bss_size"`
	SymHdr    kernel.Field `ctf:"symhdr"`
	Symbols   kernel.Field `ctf:"symtbl"`
	NSymbols  kernel.Field `ctf:"nsyms"`
	Space     kernel.Field `ctf:"symspace"`
	SpaceSize kernel.Field `ctf:"symsize"`
}

// Of a module's name, and of a symbol where the section's header does not say.
const (
	maxModName = 32
	symbolSize = 24
)

// whatisModules looks in the segments and symbol tables of modules.
func whatisModules(c *core.Ctx, w *core.Whatis) error {
	v := kernel.Of(c.Session)
	ml, err := kernel.Lay[modctlLayout](v, "struct modctl")
	if err != nil {
		return err
	}
	l, err := kernel.Lay[moduleLayout](v, "struct module")
	if err != nil {
		return err
	}
	head, err := v.Symbol("unix", "modules")
	if err != nil {
		return kernel.Failed(err, "failed to look up 'modules'")
	}
	met := kernel.Met{}
	for at := head.Value; ; {
		if met.Again(at) {
			return fmt.Errorf("modctl %x is on its list twice", at)
		}
		b, err := v.Bytes(at, ml.Size, nil)
		if err != nil {
			return kernel.Failed(err, "couldn't read modctl at %x", at)
		}
		if mp := ml.Module.Of(b); mp != 0 {
			name, err := v.Text(ml.Name.Of(b), maxModName)
			if err != nil {
				name = fmt.Sprintf("0x%x", at)
			}
			if m, err := v.Bytes(mp, l.Size, nil); err != nil {
				c.Fail(kernel.Failed(err, "couldn't read modctl %x's module", at))
			} else {
				l.match(c, v, w, name, m)
			}
		}
		if at = ml.Next.Of(b); at == head.Value || at == 0 || w.Done() {
			return nil
		}
	}
}

func (l *moduleLayout) match(c *core.Ctx, v *kernel.View, w *core.Whatis, name string, m []byte) {
	in := func(base, size uint64, where string) {
		for a := range w.Match(mem.Addr(base), size) {
			format := "in %s's %s\n"
			if s, err := c.Session.Namespace().LookupAddr(uint64(a), 0); err == nil && uint64(a)-s.Value < s.Size {
				format = out.Sprintf(c.OutEnv(), "%a, ", uint64(a)) + format
			}
			w.ReportWithin(a, mem.Addr(base), format, name, where)
		}
	}
	in(l.Text.Of(m), l.TextSize.Of(m), "text segment")
	in(l.Data.Of(m), l.DataSize.Of(m), "data segment")
	in(l.BSS.Of(m), l.BSSSize.Of(m), "bss segment")
	size := uint64(symbolSize)
	if s, err := kernel.Lay[struct {
		Entry kernel.Field `ctf:"sh_entsize"`
	}](v, "Elf64_Shdr"); err == nil {
		if b, err := v.Bytes(l.SymHdr.Of(m)+s.Entry.Off, 8, nil); err == nil {
			size = (kernel.Field{Size: 8}).Of(b)
		}
	}
	in(l.Symbols.Of(m), l.NSymbols.Of(m)*size, "symtab")
	in(l.Space.Of(m), l.SpaceSize.Of(m), "symtab")
}

// whatisThreads looks in thread structures and stacks.
func whatisThreads(c *core.Ctx, w *core.Whatis) error {
	v := viewOf(c)
	size, err := v.size("kthread_t")
	if err != nil {
		return err
	}
	l, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		Stk  kernel.Field `ctf:"t_stk"`
		Base kernel.Field `ctf:"t_stkbase"`
	}](kernel.Of(c.Session), "kthread_t")
	if err != nil {
		return err
	}
	var buf []byte
	for at, err := range v.allThreads() {
		if err != nil {
			return err
		}
		for a := range w.Match(mem.Addr(at), size) {
			w.ReportObject(a, mem.Addr(at), "allocated as a thread structure\n")
		}
		b, err := kernel.Of(c.Session).Bytes(at, l.Size, buf)
		if err != nil {
			return kernel.Failed(err, "couldn't read thread at %x", at)
		}
		buf = b
		// The first frame's caller is at t_stk.
		base, end := l.Base.Of(b), l.Stk.Of(b)
		if base == 0 || end < base || !w.Overlaps(mem.Addr(base), end-base+1) {
			continue
		}
		t, err := v.thread(at)
		if err != nil {
			return err
		}
		for a := range w.Match(mem.Addr(base), end-base+1) {
			w.ReportWithin(a, mem.Addr(base), "in thread %p's stack%s\n", at, v.stackActive(t, uint64(a)))
		}
		if w.Done() || c.Err() != nil {
			return nil
		}
	}
	return nil
}

// whatisPages looks in the arrays of page structures.
func whatisPages(c *core.Ctx, w *core.Whatis) error {
	v := kernel.Of(c.Session)
	size, err := v.Size("page_t")
	if err != nil {
		return err
	}
	segs, err := memsegs(v)
	for _, s := range segs {
		for a := range w.Match(mem.Addr(s.pages), s.epages-s.pages) {
			w.ReportObject(a, a-mem.Addr((uint64(a)-s.pages)%size), "allocated as a page structure\n")
		}
	}
	return err
}
