package system_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/targets/illumosdump"
)

// node is the standard scenario and the kernel recognised in its dump.
type node struct {
	sys    *illumos.System
	k      *system.IllumosKernel
	vmcore []byte
}

// patch writes a word to the physical memory in a copy of the dump. In a vmcore.N the
// pages follow one another in the order of the table of frames.
func (n node) patch(vmcore []byte, pa, v uint64) {
	le := binary.LittleEndian
	pfns, data, count := le.Uint64(vmcore[32:]), le.Uint64(vmcore[48:]), int(le.Uint64(vmcore[1840:]))
	i := sort.Search(count, func(i int) bool { return le.Uint64(vmcore[pfns+8*uint64(i):]) >= pa>>12 })
	if at := data + uint64(i)<<12 + pa&0xfff; at+8 <= uint64(len(vmcore)) {
		le.PutUint64(vmcore[at:], v)
	}
}

var theNode = sync.OnceValue(func() node { return makeNode(illumos.Real(), illumos.Options{}, mapUsers) })

// makeNode builds the scenario with the layout, content and page tables given; change
// adds to it.
func makeNode(l *illumos.Layout, o illumos.Options, change func(*illumos.System)) node {
	sc := illumos.Node()
	sc.Kernel.Content, sc.Kernel.KPTI, sc.Kernel.MemBytes = o.Content, o.KPTI, 256<<20
	return makeScenario(sc, l, change)
}

// makeScenario is makeNode for any scenario.
func makeScenario(sc illumos.Scenario, l *illumos.Layout, change func(*illumos.System)) node {
	sys := sc.Build(l)
	if change != nil {
		change(sys)
	}
	var b bytes.Buffer
	if err := sys.Finish().WriteVmcore(&b); err != nil {
		panic(err)
	}
	t, err := illumosdump.OpenAt(context.Background(), "vmcore.0", bytes.NewReader(b.Bytes()), int64(b.Len()), illumosdump.Options{})
	if err != nil {
		panic(err)
	}
	k, err := system.NewIllumosKernel(t)
	if err != nil {
		panic(err)
	}
	return node{sys, k, b.Bytes()}
}

// TestNodeStacks compares the stack of every thread that was switched out with what
// was laid out.
func TestNodeStacks(t *testing.T) {
	n := theNode()
	if w := n.k.Warnings(); len(w) != 0 {
		t.Error(w)
	}
	var buf []system.KernelFrame
	seen := 0
	for _, th := range n.sys.Sched.Threads {
		if th.Addr == n.k.PanicThread() || len(th.Frames) < 2 || th.Desc.State == "onproc" {
			continue
		}
		var err error
		buf, err = n.k.ThreadStack(buf[:0], th.Addr)
		if err != nil {
			t.Errorf("thread %#x: %v", th.Addr, err)
			continue
		}
		var got, want []string
		for _, f := range buf[1:] { // the first is where the label says: in resume
			got = append(got, fmt.Sprintf("%x %x", f.FP, f.PC))
		}
		for _, f := range th.Frames[1:] {
			if f.PC != 0 {
				want = append(want, fmt.Sprintf("%x %x", f.FP, f.PC))
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("thread %#x (%s): %s", th.Addr, th.Desc.Start, d)
		}
		seen++
	}
	if seen < 50 {
		t.Errorf("%d threads", seen)
	}
}

// TestNodeCPUs walks the CPUs.
func TestNodeCPUs(t *testing.T) {
	n := theNode()
	cpus, err := n.k.CPUs()
	if err != nil || len(cpus) != len(n.sys.Sched.CPUs) {
		t.Fatal(cpus, err)
	}
	for i, c := range cpus {
		want := n.sys.Sched.CPUs[i].Addr
		if c.ID != i || c.Addr != want || c.Thread != n.sys.At("cpu_t", want).Get("cpu_thread") {
			t.Errorf("CPU %d: %+v", i, c)
		}
	}
}

// users are the processes with an address space of their own.
func users(sys *illumos.System) []*illumos.BuiltProc {
	var l []*illumos.BuiltProc
	for _, p := range sys.ByOrder {
		if as := p.Addr.Get("p_as"); as != 0 && as != sys.Global("kas").Addr && p.State != "zomb" && p.State != "zombie" {
			l = append(l, p)
		}
	}
	return l
}

// What mapUsers maps for each process: three pages, and one near the end of what a
// 32-bit process has.
const (
	userAt   = 0x400000
	userLast = 0xfee00000
)

// userText is what lies across the first two of them.
func userText(p *illumos.BuiltProc) string { return fmt.Sprintf("PID %d", p.PID) }

// mapUsers gives each process page tables and pages.
func mapUsers(sys *illumos.System) {
	for _, p := range users(sys) {
		h := sys.NewHat(sys.At("struct as", p.Addr.Get("p_as")), p.Addr.Get("p_model") == 0x100000)
		h.MapNew(userAt, 0x3000, illumos.ProtRead|illumos.ProtWrite)
		h.MapNew(userLast, 0x1000, illumos.ProtRead)
		h.WriteBytes(userAt+0xffc, []byte(userText(p)))
	}
}

// TestNodeUsers finds what processes have mapped in a dump of kernel pages: the page
// tables are there, the pages are not.
func TestNodeUsers(t *testing.T) {
	n := theNode()
	if len(users(n.sys)) < 10 {
		t.Fatal("too few processes")
	}
	for _, p := range users(n.sys) {
		as := p.Addr.Get("p_as")
		err := mem.ReadFull(n.k.Space(as), make([]byte, 8), userAt+0xffc)
		if pa, terr := n.k.TranslateAS(as, userAt); terr != nil || pa == 0 || err == nil || mem.Reason(err) == mem.ErrUnmapped {
			t.Errorf("process %d: %#x is at %#x: %v, %v", p.PID, userAt, pa, terr, err)
		}
		if _, err := n.k.OpenProcess(p.Addr.Addr); err == nil {
			t.Errorf("process %d opens, and is not in the dump", p.PID)
		}
	}
}

// TestNodeAllPages reads it where it is in the dump, with page tables isolated from the
// kernel's.
func TestNodeAllPages(t *testing.T) {
	n := makeNode(illumos.Real(), illumos.Options{Content: illumos.AllPages, KPTI: true}, mapUsers)
	if n.k.KernelAS() != n.sys.Global("kas").Addr {
		t.Errorf("kas is %#x", n.k.KernelAS())
	}
	for _, p := range users(n.sys) {
		want := userText(p)
		got := make([]byte, len(want))
		if err := mem.ReadFull(n.k.Space(p.Addr.Get("p_as")), got, userAt+0xffc); err != nil || string(got) != want {
			t.Errorf("process %d: %q, %v", p.PID, got, err)
		}
		proc, err := n.k.OpenProcess(p.Addr.Addr)
		if err != nil {
			t.Errorf("process %d: %v", p.PID, err)
			continue
		}
		if err := mem.ReadFull(proc.Virtual(), got, userAt+0xffc); err != nil || string(got) != want || proc.Name() != fmt.Sprintf("PID %d", p.PID) {
			t.Errorf("process %d opened as %s: %q, %v", p.PID, proc.Name(), got, err)
		}
		if _, err := proc.Virtual().ReadAt(got, userLast+0x1000); mem.Reason(err) != mem.ErrUnmapped {
			t.Errorf("process %d, past its mapping: %v", p.PID, err)
		}
	}
}

// TestNodeCurrentProcess opens the one process whose pages are in the dump.
func TestNodeCurrentProcess(t *testing.T) {
	n := makeNode(illumos.Real(), illumos.Options{Content: illumos.CurProcPages}, mapUsers)
	panicked := n.sys.At("kthread_t", n.k.PanicThread()).Get("t_procp")
	for _, p := range users(n.sys) {
		proc, err := n.k.OpenProcess(p.Addr.Addr)
		if p.Addr.Addr != panicked {
			if want := fmt.Sprintf("dump does not contain pages for proc %x", p.Addr.Addr); err == nil || err.Error() != want {
				t.Errorf("process %d: %v", p.PID, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(userText(p)))
		if err := mem.ReadFull(proc.Virtual(), got, userAt+0xffc); err != nil || string(got) != userText(p) {
			t.Errorf("process %d: %q, %v", p.PID, got, err)
		}
		s := modtest.OpenDumpBytes(t, "vmcore.0", n.vmcore)
		s.Run("::status ! tail -1").OK().Want(fmt.Sprintf("dump content: kernel pages and pages from PID %d\n", p.PID))
	}
}

// TestNodePanicReg takes the registers of the trap where panicbuf is of another
// version, and gives none where there was no trap.
func TestNodePanicReg(t *testing.T) {
	for _, trap := range []bool{true, false} {
		n := makeNode(illumos.Real(), illumos.Options{}, func(sys *illumos.System) {
			sys.OnRender(func() {
				sys.At("struct panic_data", sys.Global("panicbuf").Addr).Set("pd_version", 1)
				if !trap {
					sys.Global("panic_reg").Set("", 0)
				}
			})
		})
		r, err := n.k.Registers(n.k.PanicThread())
		if !trap {
			if err == nil || !strings.Contains(err.Error(), "failed to read panicbuf and panic_reg -- current register set will be unavailable") {
				t.Errorf("registers without a trap: %v", err)
			}
			continue
		}
		regs := n.sys.At("struct regs", n.sys.Global("panic_reg").Get(""))
		if err != nil || regs.Addr == 0 || r.PC() != regs.Get("r_rip") || r.FP() != regs.Get("r_rbp") {
			t.Errorf("registers of the trap at %#x: %+v, %v", regs.Addr, r, err)
		}
	}
}

// TestNodeLive takes no registers of a thread that runs from a dump of a live system,
// in which nothing has kept them.
func TestNodeLive(t *testing.T) {
	n := makeNode(illumos.Real(), illumos.Options{}, func(sys *illumos.System) {
		sys.OnRender(func() { sys.Global("panic_thread").Set("", 0) })
	})
	running := 0
	for _, th := range n.sys.Sched.Threads {
		_, err := n.k.ThreadStack(nil, th.Addr)
		if onproc := th.Get("t_state") == 4; onproc != errors.Is(err, system.ErrNoRegs) {
			t.Errorf("thread %#x, running %v: %v", th.Addr, onproc, err)
		} else if onproc {
			running++
		}
	}
	if running == 0 {
		t.Error("no thread runs")
	}
}

// TestNodeOtherLayout opens a kernel of another illumos.
func TestNodeOtherLayout(t *testing.T) {
	n := makeNode(illumos.Gate(), illumos.Options{}, nil)
	if w := n.k.Warnings(); len(w) != 0 {
		t.Error(w)
	}
	if _, err := n.k.CPUs(); err != nil {
		t.Error(err)
	}
	for _, m := range n.sys.Modules() {
		if got := n.k.Module(m.Name); got == nil || got.Modctl != m.Modctl().Addr || n.k.TypeError(got) != nil {
			t.Errorf("module %s: %+v", m.Name, got)
		}
	}
}

// TestNodeSymbols looks every function up by its address: as bare as ksyms has it, in
// the module that it is in.
func TestNodeSymbols(t *testing.T) {
	n := theNode()
	for _, m := range n.k.Modules() {
		for s := range m.Object.Table(sym.Symtab).All() {
			if s.Name == "" || s.Size == 0 {
				continue
			}
			got, err := n.k.Namespace().LookupAddr(s.Value, 0)
			if err != nil || got.Value != s.Value {
				t.Errorf("%s`%s: %+v %v", m.Name, s.Name, got, err)
			}
			if at := n.k.ModuleAt(s.Value); at != m {
				t.Errorf("%s`%s at %#x is not in its module", m.Name, s.Name, s.Value)
			}
		}
	}
}

func BenchmarkThreadStack(b *testing.B) {
	n := theNode()
	var buf []system.KernelFrame
	for i := 0; b.Loop(); i++ {
		th := n.sys.Sched.Threads[i%len(n.sys.Sched.Threads)]
		buf, _ = n.k.ThreadStack(buf[:0], th.Addr)
	}
}

func BenchmarkRead8(b *testing.B) {
	n := theNode()
	at := n.sys.Global("practive").Addr
	for b.Loop() {
		if _, err := mem.ReadUint(n.k.Virtual(), mem.Addr(at), 8, n.k.Arch().Order); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNodePresent checks that the ranges that are there cover what the dump's map has.
func TestNodePresent(t *testing.T) {
	n := theNode()
	list := n.k.Present()
	if len(list) == 0 {
		t.Fatal("nothing is there")
	}
	pages := uint64(0)
	for i, m := range list {
		if i > 0 && m.Base <= list[i-1].End() {
			t.Errorf("%#x is not past %#x", m.Base, list[i-1].End())
		}
		pages += m.Size >> 12
		for _, at := range []uint64{uint64(m.Base), uint64(m.End()) - 1} {
			if _, ok := n.k.Dump().Lookup(n.k.KernelAS(), at); !ok {
				t.Errorf("%#x is not in the map", at)
			}
		}
	}
	if all := n.k.Dump().DumpHeader().Vtops; pages != all {
		t.Errorf("%d pages of %d", pages, all)
	}
	pa, _ := n.k.Translate(n.k.KernelAS())
	found := map[uint64]bool{}
	n.k.VirtualAddresses(pa, func(as, va uint64) bool { found[va] = as == n.k.KernelAS(); return true })
	if !found[n.k.KernelAS()] || len(found) != 2 {
		t.Errorf("kas is mapped at %v", found)
	}
}
