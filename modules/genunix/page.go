package genunix

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// pageLayout is how the release lays out page_t.
type pageLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Offset  kernel.Field `ctf:"p_offset"`
	Vnode   kernel.Field `ctf:"p_vnode"`
	Selock  kernel.Field `ctf:"p_selock"`
	Hash    kernel.Field `ctf:"p_hash"`
	VPNext  kernel.Field `ctf:"p_vpnext"`
	Lckcnt  kernel.Field `ctf:"p_lckcnt"`
	Cowcnt  kernel.Field `ctf:"p_cowcnt"`
	IOLock  kernel.Field `ctf:"p_iolock_state"`
	FSData  kernel.Field `ctf:"p_fsdata"`
	State   kernel.Field `ctf:"p_state"`
	PageNum kernel.Field `ctf:"p_pagenum"`
}

// memsegLayout is that of struct memseg, which says which pages an array of page_t
// is of.
type memsegLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Pages  kernel.Field `ctf:"pages"`
	EPages kernel.Field `ctf:"epages"`
	Base   kernel.Field `ctf:"pages_base"`
	End    kernel.Field `ctf:"pages_end"`
	Next   kernel.Field `ctf:"next"`
}

// memseg is a struct memseg, read.
type memseg struct{ addr, pages, epages, base, end uint64 }

// memsegs reads the list of memory segments.
func memsegs(v *kernel.View) ([]memseg, error) {
	l, err := kernel.Lay[memsegLayout](v, "struct memseg")
	if err != nil {
		return nil, err
	}
	at, err := v.Variable("unix", "memsegs")
	if err != nil {
		return nil, kernel.Failed(err, "symbol 'memsegs' not found")
	}
	met := kernel.Met{}
	var list []memseg
	for at != 0 {
		if met.Again(at) {
			return list, fmt.Errorf("struct memseg %x is on its list twice", at)
		}
		b, err := v.Bytes(at, l.Size, nil)
		if err != nil {
			return list, kernel.Failed(err, "failed to read struct memseg at %x", at)
		}
		s := memseg{at, l.Pages.Of(b), l.EPages.Of(b), l.Base.Of(b), l.End.Of(b)}
		if s.end < s.base || s.end-s.base > maxPages {
			return list, fmt.Errorf("struct memseg %x has pages %x to %x", at, s.base, s.end)
		}
		list = append(list, s)
		at = l.Next.Of(b)
	}
	return list, nil
}

// maxPages bounds the pages of a memory segment: 256 TiB.
const maxPages = 1 << 36

// pageDcmds are the commands about physical memory.
func pageDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "memstat", Descr: "display memory usage summary", Run: runMemstat,
			Help: "Prints what physical memory is used for, counted from the page structures: pages,\nmegabytes, and their share of all.\n",
			Opts: []core.Opt{{Letter: 's', Kind: core.Uint, Arg: "size", Help: "for MDB's sake"}}},
		{Name: "page", Usage: "?", Descr: "display a summarized page_t", Type: "page_t", Table: pageTable, Run: noArgs(runPage)},
		{Name: "pagelookup", Usage: "?[-v vp] [-o offset]", Descr: "find the page_t with the name {vp, offset}", Type: "page_t", AnyAddr: true, Run: noArgs(runPagelookup),
			Help: "Prints the address of the page of a vnode at an offset. One of the two may be the\naddress of the command, so that a pipe can give it.\n",
			Opts: []core.Opt{{Letter: 'v', Kind: core.Uint, Arg: "vp", Help: "the vnode"}, {Letter: 'o', Kind: core.Uint, Arg: "offset", Help: "the offset, bytes"}}},
		{Name: "page_num2pp", Usage: ":", Descr: "find the page_t for a given page frame number", Type: "page_t", Run: noArgs(needAddr(runPageNum))},
	}
}

func pageWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "page", Descr: "walk all pages, or those from the specified vnode", Addr: core.AddrOptional, Type: "page_t", Walk: walkPages},
		{Name: "allpages", Descr: "walk all pages, including free pages", Addr: core.AddrOptional, Type: "page_t", Walk: walkAllPages},
		{Name: "memlist", Descr: "walk specified memlist", Addr: core.AddrOptional, Type: "struct memlist", Walk: walkMemlist},
		{Name: "swapinfo", Descr: "walk swapinfo structures", Addr: core.AddrOptional, Type: "struct swapinfo", Walk: walkSwapinfo},
		{Name: "anon", Descr: "given an amp, list allocated anon structures", Addr: core.AddrRequired, Type: "struct anon", Walk: walkAnon(false)},
		{Name: "anon_all", Descr: "given an amp, list contents of all anon slots", Addr: core.AddrRequired, Type: "struct anon", Walk: walkAnon(true)},
		{Name: "segvn_anon", Descr: "given a struct segvn_data, list allocated anon structures", Addr: core.AddrRequired, Type: "struct anon", Walk: walkSegvnAnon(false)},
		{Name: "segvn_anon_all", Descr: "given a struct segvn_data, list contents of all anon slots", Addr: core.AddrRequired, Type: "struct anon", Walk: walkSegvnAnon(true)},
		{Name: "segvn_pages", Descr: "given a struct segvn_data, list resident pages in offset order", Addr: core.AddrRequired, Type: "page_t", Walk: walkSegvnPages(false)},
		{Name: "segvn_pages_all", Descr: "for each offset in a struct segvn_data, give page_t pointer (if resident), or NULL.", Addr: core.AddrRequired, Type: "page_t", Walk: walkSegvnPages(true)},
	}
}

// pageHash is the kernel's table of pages by vnode and offset, with all that is read of a
// page_t.
type pageHash struct {
	*kernel.PageHash
	v *kernel.View
	l *pageLayout
}

func openPageHash(v *kernel.View) (*pageHash, error) {
	l, err := kernel.Lay[pageLayout](v, "page_t")
	if err != nil {
		return nil, err
	}
	h, err := kernel.OpenPageHash(v)
	return &pageHash{h, v, l}, err
}

// lookup finds the page of a vnode at an offset; 0 if it is not in memory.
func (h *pageHash) lookup(vp, off uint64) (uint64, error) {
	at, _, err := h.Lookup(vp, off)
	return at, err
}

func walkPages(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := kernel.Of(c.Session)
	t := v.TypeOrNil("page_t")
	return func(yield func(core.Elem, error) bool) {
		h, err := openPageHash(v)
		stopped := false
		give := func(at uint64, _ []byte) bool {
			stopped = !yield(core.Elem{Val: at, Type: t}, nil)
			return !stopped
		}
		switch {
		case err != nil:
		case has && start != 0:
			err = h.ofVnode(uint64(start), give)
		default:
			for i := uint64(0); i < h.Chains() && err == nil && !stopped; i++ {
				var at uint64
				if at, err = h.Chain(i); err == nil {
					err = h.Follow(at, give)
				}
			}
		}
		if err != nil && !stopped {
			yield(core.Elem{}, err)
		}
	}
}

// ofVnode walks the ring of a vnode's pages.
func (h *pageHash) ofVnode(vp uint64, yield func(at uint64, b []byte) bool) error {
	off, err := kernel.Lay[struct {
		Pages kernel.Field `ctf:"v_pages"`
	}](h.v, "vnode_t")
	if err != nil {
		return err
	}
	first, err := h.v.Pointer(vp + off.Pages.Off)
	if err != nil {
		return kernel.Failed(err, "unable to read vnode_t at %#x", vp)
	}
	met := kernel.Met{}
	for at := first; at != 0; {
		if met.Again(at) {
			return fmt.Errorf("page %x is in its vnode's ring twice", at)
		}
		b, err := h.v.Bytes(at, h.l.Size, nil)
		if err != nil {
			return kernel.Failed(err, "unable to read page_t at %#x", at)
		}
		next := h.l.VPNext.Of(b)
		if !yield(at, b) || next == first {
			return nil
		}
		at = next
	}
	return nil
}

// pageBatch is how many page structures are read at once.
const pageBatch = 512

// allPages walks all page structures in the order of their arrays.
func allPages(c *core.Ctx, v *kernel.View, yield func(at uint64, b []byte) bool) error {
	l, err := kernel.Lay[pageLayout](v, "page_t")
	if err != nil {
		return err
	}
	segs, err := memsegs(v)
	var buf []byte
	for _, s := range segs {
		for n, at := s.end-s.base, s.pages; n > 0; {
			take := min(n, pageBatch)
			b, err := v.Bytes(at, take*l.Size, buf)
			if err != nil {
				return kernel.Failed(err, "can't read page_t's at %#x", at)
			}
			buf = b[:len(b):len(b)]
			for i := range take {
				if !yield(at+i*l.Size, b[i*l.Size:][:l.Size]) {
					return nil
				}
			}
			if c.Err() != nil {
				return core.ErrIntr
			}
			n, at = n-take, at+take*l.Size
		}
	}
	return err
}

func walkAllPages(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	if has && start != 0 {
		return noWalk[core.Elem](errors.New("allpages only supports global walks"))
	}
	v := kernel.Of(c.Session)
	t := v.TypeOrNil("page_t")
	return func(yield func(core.Elem, error) bool) {
		stopped := false
		err := allPages(c, v, func(at uint64, _ []byte) bool {
			stopped = !yield(core.Elem{Val: at, Type: t}, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(core.Elem{}, err)
		}
	}
}

var pageTable = &core.Table{
	Head: "%<u>%?s %?s %16s %8s %3s %3s %2s %2s %2s%</u>\n", Line: "%0?lx %?p %16llx %8x %3d %3d %2x %2x %2x\n", Type: "page_t",
	Cols: []core.Field{{Name: "page", Head: "PAGE"}, {Name: "vnode", Head: "VNODE"}, {Name: "offset", Head: "OFFSET"},
		{Name: "selock", Head: "SELOCK"}, {Name: "lckcnt", Head: "LCT"}, {Name: "cowcnt", Head: "COW"},
		{Name: "iolock", Head: "IO"}, {Name: "fsdata", Head: "FS"}, {Name: "state", Head: "ST"}},
}

func runPage(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	l, err := kernel.Lay[pageLayout](v, "page_t")
	if err != nil {
		return err
	}
	row := func(at uint64, b []byte) {
		c.Row(out.Hex(at), out.Hex(l.Vnode.Of(b)), out.Hex(l.Offset.Of(b)), out.Hex(l.Selock.Of(b)), l.Lckcnt.Of(b), l.Cowcnt.Of(b),
			out.Hex(l.IOLock.Of(b)), out.Hex(l.FSData.Of(b)), out.Hex(l.State.Of(b)))
	}
	if c.HasAddr {
		b, err := v.Bytes(c.Addr, l.Size, nil)
		if err != nil {
			return kernel.Failed(err, "can't read page_t at %#x", c.Addr)
		}
		row(c.Addr, b)
		return nil
	}
	for e, err := range walkPages(c, 0, false) {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		b, err := v.Bytes(e.Val, l.Size, nil)
		if err != nil {
			return kernel.Failed(err, "can't read page_t at %#x", e.Val)
		}
		row(e.Val, b)
	}
	return nil
}

func runPagelookup(c *core.Ctx) error {
	vp, hasVP := c.OptUint('v')
	off, hasOff := c.OptUint('o')
	used := !hasVP || !hasOff
	switch {
	case !hasVP && !hasOff:
		c.Warnf("pagelookup: at least one of -v vp or -o offset required.")
		return core.ErrUsage
	case used && !c.HasAddr:
		c.Warnf("pagelookup: address required")
		return core.ErrUsage
	case !used && c.HasAddr:
		c.Warnf("pagelookup: address specified when both -v and -o were passed")
		return core.ErrUsage
	case !hasVP:
		vp = c.Addr
	case !hasOff:
		off = c.Addr
	}
	v := kernel.Of(c.Session)
	h, err := openPageHash(v)
	if err != nil {
		return err
	}
	at, err := h.lookup(vp, off)
	if err != nil {
		c.Fail(err)
	}
	if at == 0 {
		c.Warnf("pagelookup: no page for {vp = %p, offset = %llp)", vp, off)
		return nil
	}
	c.Emit(at, v.TypeOrNil("page_t"))
	return nil
}

// pageOf is the page_t of a page frame number.
func pageOf(v *kernel.View, pfn uint64) (uint64, error) {
	l, err := kernel.Lay[pageLayout](v, "page_t")
	if err != nil {
		return 0, err
	}
	segs, err := memsegs(v)
	if err != nil {
		return 0, err
	}
	for _, s := range segs {
		if pfn < s.base || pfn >= s.end {
			continue
		}
		at := s.pages + (pfn-s.base)*l.Size
		b, err := v.Bytes(at+l.PageNum.Off, 8, nil)
		if err != nil {
			return 0, kernel.Failed(err, "pfn2page: can't read page 0x%x at %x", pfn, at)
		}
		if n := binary.LittleEndian.Uint64(b); n != pfn {
			return 0, fmt.Errorf("pfn2page: page_t 0x%x should have PFN 0x%x, but actually has 0x%x", at, pfn, n)
		}
		return at, nil
	}
	return 0, fmt.Errorf("pfn2page: unable to find page_t for pfn %x", pfn)
}

func runPageNum(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	at, err := pageOf(v, c.Addr)
	if err != nil {
		return err
	}
	if c.PipeOut {
		c.Emit(at, v.TypeOrNil("page_t"))
		return nil
	}
	c.Record(func() { c.Printf("%lx has page_t at %#lx\n", c.Addr, at) },
		out.Field{Name: "pfn", Value: out.Hex(c.Addr)}, out.Field{Name: "page", Value: out.Hex(at)})
	return nil
}
