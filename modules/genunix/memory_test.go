package genunix

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

func expect(t *testing.T, s *modtest.Session, cmd, want string) {
	t.Helper()
	if r := s.Run(cmd); r.Out != want || r.Err != "" {
		t.Errorf("%s:\n%s%swant\n%s", cmd, r.Out, r.Err, want)
	}
}

func TestMemstat(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		k := sys.Kernel
		phys, total := k.Global("physmem").Get(""), k.Global("total_pages").Get("")
		text := "Page Summary                Pages                MB  %Tot\n------------     ----------------  ----------------  ----\n"
		row := func(name string, n uint64) {
			text += fmt.Sprintf("%-16s %16d  %16d  %3d%%\n", name, n, n*4096>>20, (5*total+n*1000)/(phys*10))
		}
		sum := uint64(0)
		for _, name := range []string{"Kernel", "Boot pages", "ZFS File Data", "VMM Memory", "Anon", "Exec and libs", "Page cache", "Free (cachelist)"} {
			n := uint64(sys.Pages.Counts[name])
			row(name, n)
			sum += n
		}
		row("Free (freelist)", phys-sum)
		text += fmt.Sprintf("\nTotal            %16d  %16d\n", phys, phys*4096>>20)
		if phys != total {
			text += fmt.Sprintf("Physical         %16d  %16d\n", total, total*4096>>20)
		}
		expect(t, s, "::memstat", text)
		if r := s.Run("::memstat x"); !strings.Contains(r.Err, "Usage") {
			t.Errorf("::memstat x: %s", r.Err)
		}
	})
}

func TestPage(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		k, p := sys.Kernel, sys.Pages
		head := fmt.Sprintf("%16s %16s %16s %8s %3s %3s %2s %2s %2s\n", "PAGE", "VNODE", "OFFSET", "SELOCK", "LCT", "COW", "IO", "FS", "ST")
		for _, f := range sys.Scenario.Parts.Pages.Files {
			vp := sys.Vnodes[f.Path]
			off := uint64(f.Pages-1) << 12
			pp := p.PageOf(p.PFN(vp, off))
			if pp.Get("p_vnode") != vp.Addr || pp.Get("p_offset") != off {
				t.Fatalf("page %x is not of %s", pp.Addr, f.Path)
			}
			expect(t, s, fmt.Sprintf("%x::page", pp.Addr), head+fmt.Sprintf("%016x %16x %16x %8x %3d %3d %2x %2x %2x\n", pp.Addr, vp.Addr, off,
				pp.Get("p_selock"), pp.Get("p_lckcnt"), pp.Get("p_cowcnt"), pp.Get("p_iolock_state"), pp.Get("p_fsdata"), pp.Get("p_state")))
			for _, cmd := range []string{"%x::pagelookup -o %x", "::pagelookup -v %x -o %x"} {
				expect(t, s, fmt.Sprintf(cmd, vp.Addr, off), fmt.Sprintf("0x%x\n", pp.Addr))
			}
			expect(t, s, fmt.Sprintf("%x::pagelookup -v %x", off, vp.Addr), fmt.Sprintf("0x%x\n", pp.Addr))
			expect(t, s, fmt.Sprintf("%x::page_num2pp", pp.Get("p_pagenum")), fmt.Sprintf("%x has page_t at 0x%x\n", pp.Get("p_pagenum"), pp.Addr))
			want := f.Pages
			if f.Path == sys.Scenario.Parts.Pages.Files[0].Path {
				want += sys.Scenario.Parts.Pages.Cached
			}
			if r := s.Run(fmt.Sprintf("%x::walk page", vp.Addr)); strings.Count(r.Out, "\n") != want || r.Err != "" {
				t.Errorf("%s has %d pages, want %d: %s", f.Path, strings.Count(r.Out, "\n"), want, r.Err)
			}
			expect(t, s, fmt.Sprintf("%x::whatis", pp.Addr+8), fmt.Sprintf("%x is %x+8, allocated as a page structure\n", pp.Addr+8, pp.Addr))
		}
		all := 0
		for _, m := range p.Memsegs {
			all += int(m.Get("pages_end") - m.Get("pages_base"))
		}
		expect(t, s, "::walk allpages ! wc -l", fmt.Sprintf("%d\n", all))
		used := 0
		for name, n := range p.Counts {
			if name != "Boot pages" {
				used += n
			}
		}
		expect(t, s, "::walk page ! wc -l", fmt.Sprintf("%d\n", used))
		_ = k
		for cmd, text := range map[string]string{
			"::pagelookup":                           "at least one of -v vp or -o offset required",
			"::pagelookup -v 1000":                   "address required",
			"1::pagelookup -v 1000 -o 0":             "address specified when both -v and -o were passed",
			"::pagelookup -v 1000 -o 7000":           "no page for {vp = 1000, offset = 7000)",
			"ffffffffff::page_num2pp":                "unable to find page_t for pfn ffffffffff",
			"1000::page":                             "can't read page_t at 0x1000",
			fmt.Sprintf("%x::walk allpages", 0x1000): "allpages only supports global walks",
		} {
			if r := s.Run(cmd); !strings.Contains(r.Err, text) {
				t.Errorf("%s: %s%s", cmd, r.Out, r.Err)
			}
		}
	})
}

func TestSwapAndSegmap(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		parts, p := sys.Scenario.Parts.Pages, sys.Pages
		text := fmt.Sprintf("%16s %16s %9s %9s %s\n", "ADDR", "VNODE", "PAGES", "FREE", "NAME")
		for i, d := range parts.Swap {
			text += fmt.Sprintf("%016x %16x %9d %9d %s\n", p.Swap[i].Addr, p.Swap[i].Get("si_vp"), d.Pages, d.Free, d.Path)
		}
		expect(t, s, "::swapinfo", text)
		for i, m := range parts.Smaps {
			vp, at := sys.Vnodes[m.Path], p.Smaps[i].Addr
			base := sys.Kernel.At("struct seg", sys.Kernel.Global("segkmap").Get("")).Get("s_base")
			va := base + uint64(m.Slot)<<13
			expect(t, s, fmt.Sprintf("%x::vnode2smap %x", vp.Addr, m.Offset),
				fmt.Sprintf("vnode %x, offs %x is smap %x, vaddr %x\n", vp.Addr, m.Offset, at, va))
			expect(t, s, fmt.Sprintf("%x::addr2smap", va+0x10), fmt.Sprintf("%x is smap %x\n", va+0x10, at))
			expect(t, s, fmt.Sprintf("%x::vnode2smap 7770000", vp.Addr), fmt.Sprintf("no smap for vnode %x, offs 7770000\n", vp.Addr))
		}
	})
}

func TestMemlist(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		k := sys.Kernel
		for _, l := range []struct{ opt, name string }{{" -i", "phys_install"}, {"", "phys_install"}, {" -a", "phys_avail"}, {" -v", "virt_avail"}} {
			text := fmt.Sprintf("%s:\n%16s %16s %16s\n", l.name, "ADDR", "BASE", "SIZE")
			for at := k.Define("unix`"+l.name, "*struct memlist", false).Get(""); at != 0; {
				m := k.At("struct memlist", at)
				text += fmt.Sprintf("%016x %16x %16x\n", at, m.Get("ml_address"), m.Get("ml_size"))
				at = m.Get("ml_next")
			}
			expect(t, s, "::memlist"+l.opt, text)
		}
	})
}

// The anonymous pages of a process, by its segments.
func TestAnon(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for i, a := range sys.Scenario.Parts.Pages.Anon {
			r := s.Run(fmt.Sprintf("%x::walk seg | ::print -a struct seg s_base s_data", sys.Procs[a.PID].As.Addr))
			lines := strings.Split(r.Out, "\n")
			j := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, fmt.Sprintf("s_base = 0x%x", a.Base)) })
			if j < 0 {
				t.Fatalf("process %d has no segment %x: %s%s", a.PID, a.Base, r.Out, r.Err)
			}
			_, data, _ := strings.Cut(lines[j+1], "s_data = ")
			want := ""
			for _, o := range sys.Pages.Anon[i] {
				want += fmt.Sprintf("0x%x\n", o.Addr)
			}
			expect(t, s, data+"::walk segvn_anon", want)
			if r := s.Run(data + "::walk segvn_pages"); strings.Count(r.Out, "\n") != a.Pages || r.Err != "" {
				t.Errorf("segvn_pages: %s%s, want %d", r.Out, r.Err, a.Pages)
			}
			if r := s.Run(data + "::walk segvn_anon_all"); strings.Count(r.Out, "\n") < a.Pages || r.Err != "" {
				t.Errorf("segvn_anon_all: %s%s", r.Out, r.Err)
			}
		}
	})
}

func TestWhatis(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		k := sys.Kernel
		var kt illumos.Obj
		for at := k.Global("allthreads").Get(""); ; at = kt.Get("t_next") {
			if kt = k.At("kthread_t", at); kt.Get("t_stkbase") != 0 && kt.Get("t_state") == 1 { // asleep
				break
			}
		}
		expect(t, s, fmt.Sprintf("%x::whatis", kt.Addr+0x10), fmt.Sprintf("%x is %x+10, allocated as a thread structure\n", kt.Addr+0x10, kt.Addr))
		stk := kt.Get("t_stk") - 8
		expect(t, s, fmt.Sprintf("%x::whatis", stk), fmt.Sprintf("%x is in thread %x's stack\n", stk, kt.Addr))
		base := kt.Get("t_stkbase")
		expect(t, s, fmt.Sprintf("%x::whatis", base), fmt.Sprintf("%x is in thread %x's stack (below sp)\n", base, kt.Addr))
		expect(t, s, "practive::whatis", fmt.Sprintf("%x is practive, in unix's data segment\n", k.Global("practive").Addr))
		fn := k.Func("unix`gptrap")
		expect(t, s, "gptrap+4::whatis", fmt.Sprintf("%x is gptrap+4, in unix's text segment\n", fn+4))
		proc := sys.Procs[11].Addr.Addr
		expect(t, s, fmt.Sprintf("%x::whatis", proc+8), fmt.Sprintf("%x is %x+8, allocated from process_cache\n", proc+8, proc))
	})
}

// Lists of pages and memory that are damaged.
func TestDamagedPages(t *testing.T) {
	sc := illumos.Node()
	sc.Kernel.AllModules, sc.Kernel.Functions, sc.Kernel.MemBytes = false, 0, 128<<20
	sys := sc.Build(illumos.Real())
	k, p := sys.Kernel, sys.Pages
	dump := sys.Finish()
	f := sc.Parts.Pages.Files[1]
	vp := sys.Vnodes[f.Path]
	page := p.PageOf(p.PFN(vp, 0))
	page.Set("p_hash", page)
	ring := p.PageOf(p.PFN(vp, 0x2000))
	ring.Set("p_vpnext", ring)
	list := k.At("struct memlist", k.Define("unix`phys_install", "*struct memlist", false).Get(""))
	list.Set("ml_next", list)
	swap := p.Swap[0]
	swap.Set("si_next", swap)
	var b bytes.Buffer
	if err := dump.WriteVmcore(&b); err != nil {
		t.Fatal(err)
	}
	s := modtest.OpenDumpBytes(t, "vmcore.0", b.Bytes(), Module())
	for cmd, at := range map[string]uint64{
		"::walk page": page.Addr, fmt.Sprintf("%x::walk page", vp.Addr): ring.Addr, "::page": page.Addr,
		"::memlist": list.Addr, fmt.Sprintf("%x::walk memlist", list.Addr): list.Addr, "::swapinfo": swap.Addr, "::walk swapinfo": swap.Addr,
	} {
		if r := s.Run(cmd); !strings.Contains(r.Err, fmt.Sprintf("%x is ", at)) {
			t.Errorf("%s does not name %x: %.200s%s", cmd, at, r.Out, r.Err)
		}
	}
}
