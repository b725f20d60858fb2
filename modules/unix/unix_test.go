package unix_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/unix"
)

func openNode(t *testing.T) (*illumos.System, *modtest.Session) {
	t.Helper()
	return illumos.NodeSystem(t), modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "node"), genunix.Module(), unix.Module())
}

// want runs a command whose whole output is known.
func want(t *testing.T, s *modtest.Session, cmd, text string) {
	t.Helper()
	if r := s.Run(cmd); r.Out != text || r.Err != "" {
		t.Errorf("%s:\n%s%swant\n%s", cmd, r.Out, r.Err, text)
	}
}

func TestPlatform(t *testing.T) {
	sys, s := openNode(t)
	p := sys.Platform
	var idt strings.Builder
	fmt.Fprintf(&idt, "     %-30s %-4s %3s %1s %3s %3s\n", "HANDLER", "SEL", "DPL", "P", "TYP", "IST")
	for i := range 256 {
		handler, ok := p.Gates[i]
		sel, typ, priv, ist, present := 0, "  0", 0, 0, ' '
		if ok {
			sel, typ, present = 0x28, "int", '+'
		} else {
			handler = "0"
		}
		switch i {
		case 0:
			typ = "trp"
		case 3:
			priv = 3
		case 8:
			typ = "tsk"
		case 14:
			ist = 1
		}
		fmt.Fprintf(&idt, "%3d: %-30s %4x  %d  %c %3s %2x\n", i, handler, sel, priv, present, typ, ist)
	}
	want(t, s, "::idt", idt.String())
	want(t, s, fmt.Sprintf("%x::idt", p.IDT), idt.String())
	want(t, s, fmt.Sprintf("%x::gate_desc", p.IDT+14*16), fmt.Sprintf("%-30s %-4s %3s %1s %3s %3s\n%-30s %4x  0  + int  1\n",
		"HANDLER", "SEL", "DPL", "P", "TYP", "IST", "pftrap", 0x28))
	want(t, s, "::x86_featureset", strings.Join(p.Features, "\n")+"\n")
	want(t, s, "::xcall", "CPU PEND HANDLER\n  0    0 -\n  1    1 -\n  2    0 -\n"+
		"  3    2 hati_demap_func(0, 0x1000, 0)\n         COMMAND   SLAVE \n         *WAITING  0     \n         CALL      1     \n")
	want(t, s, "1::xcall", "CPU PEND HANDLER\n  1    1 -\n")
	want(t, s, "3::xcall | ::print struct xc_msg xc_slave", "xc_slave = 0\nxc_slave = 0x1\n")
	if r := s.Run("9::xcall"); !strings.Contains(r.Err, "invalid CPU ID 9") {
		t.Errorf("9::xcall: %s", r.Err)
	}
}

func TestScalehrtime(t *testing.T) {
	sys, s := openNode(t)
	p := sys.Platform
	ns := func(ticks uint64) uint64 { // in two halves, each without overflow
		return ticks>>32*p.Scale<<5 + ticks&0xffffffff*p.Scale>>27
	}
	for _, x := range []struct {
		cmd  string
		want uint64
	}{
		{"0t5000000::scalehrtime", ns(5000000)},
		{"::scalehrtime 0t5000000", ns(5000000)},
		{fmt.Sprintf("%x::scalehrtime", p.Last), p.Base},
		{fmt.Sprintf("%x::scalehrtime", p.Last-100000), p.Base - ns(100000)},
		{fmt.Sprintf("%x::scalehrtime", p.Last+100000), p.Base + ns(100000)},
		{fmt.Sprintf("%x::scalehrtime -r", p.Last), ns(p.Last)},
		{"0t1000::scalehrtime -a", p.Base - ns(p.Last-1000)},
	} {
		want(t, s, x.cmd, fmt.Sprintf("0x%x\n", x.want))
	}
	if r := s.Run("1::scalehrtime -a -r"); !strings.Contains(r.Err, "can't specify both -a and -r") {
		t.Errorf("both: %s", r.Err)
	}
}

func TestMemsegs(t *testing.T) {
	sys, s := openNode(t)
	text := fmt.Sprintf("%16s %16s %16s %16s %16s\n", "ADDR", "PAGES", "EPAGES", "BASE", "END")
	walk := ""
	for _, m := range sys.Pages.Memsegs {
		text += fmt.Sprintf("%016x %016x %016x %016x %016x\n", m.Addr, m.Get("pages"), m.Get("epages"), m.Get("pages_base"), m.Get("pages_end"))
		walk += fmt.Sprintf("0x%x\n", m.Addr)
	}
	want(t, s, "::memseg_list", text)
	want(t, s, "::walk memseg | ::memseg_list", text)
	want(t, s, "::walk memseg", walk)
}

// tables are the page tables of a hat, in the order of its hash.
func tables(k *illumos.Kernel, hat illumos.Obj) []illumos.Obj {
	var list []illumos.Obj
	for i := range hat.Get("hat_num_hash") {
		for at := k.GetU64(hat.Get("hat_ht_hash") + 8*i); at != 0; {
			ht := k.At("htable_t", at)
			list = append(list, ht)
			at = ht.Get("ht_next")
		}
	}
	return list
}

func TestTables(t *testing.T) {
	sys, s := openNode(t)
	k := sys.Kernel
	kas := k.Global("kas")
	hat := k.At("hat_t", kas.Get("a_hat"))
	text, top := "", uint64(0)
	entries := map[uint64]int{}
	for _, ht := range tables(k, hat) {
		text += fmt.Sprintf("%x\n", ht.Addr)
		entries[ht.Addr] = int(ht.Get("ht_valid_cnt"))
		if ht.Get("ht_level") == 3 {
			top = ht.Get("ht_pfn")
		}
		cmd := fmt.Sprintf("%x::ptable", ht.Get("ht_pfn"))
		r := s.Run(cmd)
		if lines := strings.Split(strings.TrimSpace(r.Out), "\n"); r.Err != "" || lines[0] != fmt.Sprintf("htable=%x", ht.Addr) || len(lines)-1 != entries[ht.Addr] {
			t.Errorf("%s: %d lines, want %d, %s\n%.200s", cmd, len(lines), entries[ht.Addr]+1, r.Err, r.Out)
		}
	}
	want(t, s, fmt.Sprintf("%x::htables", hat.Addr), text)

	// Every page of a process that is mapped is found, and the page's users.
	pfn := k.FrameOf(kas.Addr)
	r := s.Run("kas::vatopfn")
	if !strings.HasSuffix(r.Out, fmt.Sprintf("Virtual address 0x%x maps pfn 0x%x\n", kas.Addr, pfn&^511)) && !strings.HasSuffix(r.Out, fmt.Sprintf(" maps pfn 0x%x\n", pfn)) {
		t.Errorf("kas::vatopfn: %s%s; the frame is %x", r.Out, r.Err, pfn)
	}
	// A page of the allocator's is mapped as a small page and by the kernel's map of all.
	proc := sys.Procs[11]
	at := proc.Addr.Addr
	pfn = k.FrameOf(at)
	r = s.Run(fmt.Sprintf("%x::vatopfn", at))
	if !strings.HasSuffix(r.Out, fmt.Sprintf("Virtual address 0x%x maps pfn 0x%x\n", at, pfn)) || strings.Count(r.Out, "level=") != 4 {
		t.Errorf("vatopfn: %s%s; the frame is %x", r.Out, r.Err, pfn)
	}
	r = s.Run(fmt.Sprintf("%x::vatopfn | ::report_maps", at))
	lines := strings.Split(strings.TrimSpace(r.Out), "\n")
	if !slices.Contains(lines, fmt.Sprintf("hat=%x maps addr=%x", hat.Addr, at&^0xfff)) {
		t.Errorf("report_maps: %s%s", r.Out, r.Err)
	}
	want(t, s, fmt.Sprintf("%x::report_maps", top), fmt.Sprintf("Pagetable for hat=%x htable=%x\n", hat.Addr, hat.Get("hat_htable")))
	if r := s.Run("0::vatopfn"); !strings.Contains(r.Out, "Address 0 is unmapped.\n") {
		t.Errorf("0::vatopfn: %s%s", r.Out, r.Err)
	}

	// A user's page is found in its own address space.
	as := proc.As
	user := k.At("hat_t", as.Get("a_hat"))
	found := 0
	for _, ht := range tables(k, user) {
		if ht.Get("ht_level") != 0 {
			continue
		}
		for e := range uint64(512) {
			pte := k.ReadPhys(ht.Get("ht_pfn")<<12+8*e, 8)
			if pte[0]&1 == 0 {
				continue
			}
			va, frame := ht.Get("ht_vaddr")+e<<12, (uint64(pte[1])|uint64(pte[2])<<8|uint64(pte[3])<<16|uint64(pte[4])<<24)>>4
			r := s.Run(fmt.Sprintf("%x::vatopfn -a %x", va, as.Addr))
			if found++; !strings.HasSuffix(r.Out, fmt.Sprintf("maps pfn 0x%x\n", frame)) {
				t.Errorf("%x::vatopfn -a %x: %s%s; the frame is %x", va, as.Addr, r.Out, r.Err, frame)
			}
			break
		}
	}

	if found == 0 {
		t.Error("the process has no pages")
	}

	// ::ptmap covers what is mapped, in order and without overlaps.
	r = s.Run(fmt.Sprintf("%x::ptmap", top<<12))
	last := uint64(0)
	covers := false
	for _, m := range regexp.MustCompile(`(?m)^mapped (user|kernel),(writable|read-only) range of (\d+) bytes: (\S+)-(\S+)$`).FindAllStringSubmatch(r.Out, -1) {
		var size uint64
		fmt.Sscan(m[3], &size)
		start, ok := address(k, m[4])
		if ok && (start < last || m[1] != "kernel") {
			t.Errorf("%s behind %x", m[0], last)
		}
		if ok {
			last = start + size
			covers = covers || at-start < size
		}
	}
	if !covers || r.Err != "" {
		t.Errorf("ptmap does not cover %x: %.400s%s", at, r.Out, r.Err)
	}
}

// address is that of a hexadecimal number; symbols are left out.
func address(_ *illumos.Kernel, text string) (uint64, bool) {
	var a uint64
	n, err := fmt.Sscanf(text, "0x%x", &a)
	return a, n == 1 && err == nil
}

func TestPTE(t *testing.T) {
	_, s := openNode(t)
	for _, x := range []struct{ cmd, text string }{
		{"8000000000161065::pte", "pte=0x8000000000161065: pfn=0x161 noexec user \n"},
		{"161067::pte -l 1", "pte=0x161067: pfn=0x161 mod ref user write \n"},
		{"8000000000e007e3::pte -l 1", "pte=0x8000000000e007e3: pfn=0xe00 noexec noconsist nosync largepage mod ref write \n"},
		{"161013::pte", "pte=0x161013: pfn=0x161 write uncached\n"},
		{"161093::pte", "pte=0x161093: pfn=0x161 write wrcombine\n"},
		{"161002::pte", "pte=0x161002: pfn=0x161 write  !VALID \n"},
		{"0::pte", ""},
	} {
		r := s.Run(x.cmd)
		if got := strings.Replace(r.Out, "global ", "", 1); got != x.text || r.Err != "" {
			t.Errorf("%s: %q %s, want %q", x.cmd, r.Out, r.Err, x.text)
		}
	}
	for cmd, text := range map[string]string{"1::pte -l 7": "invalid level 7", "::pte": "Usage", "1::ptable -l 9": "invalid level 9"} {
		if r := s.Run(cmd); !strings.Contains(r.Err, text) {
			t.Errorf("%s: %s", cmd, r.Err)
		}
	}
}
