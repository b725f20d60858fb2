package system_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// liveSystem is a system that did not panic, finished, and the kernel in its dump.
var liveSystem = sync.OnceValue(func() node {
	return makeScenario(illumos.VMsAMD(), illumos.Real(), nil)
})

// recognised is the kernel that is found in a machine.
func recognised(t *testing.T, m any) *system.IllumosKernel {
	t.Helper()
	sys, err := system.Recognise(context.Background(), m)
	k, ok := sys.(*system.IllumosKernel)
	if !ok || err != nil {
		t.Fatalf("recognised %T, %v", sys, err)
	}
	return k
}

// sameKernel compares a kernel found in memory with that of the dump.
func sameKernel(t *testing.T, k, dump *system.IllumosKernel) {
	t.Helper()
	if w := k.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
	names := func(k *system.IllumosKernel) (l []string) {
		for _, m := range k.Modules() {
			l = append(l, fmt.Sprintf("%d %s %s %x %x %x", m.ID, m.Name, m.Filename, m.Text, m.Data, m.Modctl))
		}
		return l
	}
	if d := cmp.Diff(names(dump), names(k)); d != "" {
		t.Errorf("modules: %s", d)
	}
	symbols := func(k *system.IllumosKernel) (l []string) {
		for s := range k.Namespace().Kernel.Table(sym.Symtab).All() {
			l = append(l, fmt.Sprintf("%s %x %x %d", s.Name, s.Value, s.Size, s.Bind()))
		}
		return l
	}
	want, got := symbols(dump), symbols(k)
	if len(want) != len(got) {
		t.Fatalf("%d symbols, want %d", len(got), len(want))
	}
	for i := range want {
		if want[i] != got[i] {
			t.Fatalf("symbol %d is %s, want %s", i, got[i], want[i])
		}
	}
	if k.KernelAS() != dump.KernelAS() {
		t.Errorf("kas is %#x, want %#x", k.KernelAS(), dump.KernelAS())
	}
	a, errA := k.Utsname()
	b, errB := dump.Utsname()
	if a != b || errA != nil || errB != nil {
		t.Errorf("utsname %v %v, want %v %v", a, errA, b, errB)
	}
	ty := k.TypeScope(k.Module("genunix").Object)
	if ty == nil {
		t.Fatal("no types")
	}
}

// noCPUs is a machine of whose processors nothing is known: a raw image of its memory.
type noCPUs struct{ m *illumos.Machine }

func (n noCPUs) Physical() mem.Space           { return n.m.Physical() }
func (n noCPUs) PhysicalRanges() []mem.Mapping { return n.m.PhysicalRanges() }
func (n noCPUs) Name() string                  { return "image" }

// TestIllumosMachine finds the kernel by what processors hold, and without.
func TestIllumosMachine(t *testing.T) {
	live := liveSystem()
	t.Run("by processors", func(t *testing.T) { sameKernel(t, recognised(t, live.sys.Machine()), live.k) })
	t.Run("image", func(t *testing.T) {
		start := time.Now()
		sameKernel(t, recognised(t, noCPUs{live.sys.Machine()}), live.k)
		t.Logf("found in %v", time.Since(start))
	})
	t.Run("in user mode", func(t *testing.T) {
		m := live.sys.Machine()
		for i := range m.CPUs {
			m.InUser(i, 0x5000) // no table of the kernel's
		}
		sameKernel(t, recognised(t, m), live.k)
	})
	t.Run("other layout", func(t *testing.T) {
		n := makeScenario(illumos.VMsAMD(), illumos.Gate(), nil)
		sameKernel(t, recognised(t, n.sys.Machine()), n.k)
	})
	t.Run("panicked", func(t *testing.T) {
		n := theNode()
		k := recognised(t, n.sys.Machine())
		sameKernel(t, k, n.k)
		if k.PanicThread() != n.k.PanicThread() || k.RepresentativeThread() != n.k.PanicThread() {
			t.Errorf("the thread that panicked is %#x, want %#x", k.PanicThread(), n.k.PanicThread())
		}
	})
}

// TestIllumosMachineCPUs compares registers and stacks of what runs with what was laid
// out.
func TestIllumosMachineCPUs(t *testing.T) {
	live := liveSystem()
	m := live.sys.Machine()
	m.InUser(3, m.CPUs[3].System.CR3)
	k := recognised(t, m)
	for i, c := range live.sys.Sched.CPUs {
		thread, ok := k.CPUThread(i)
		if !ok || thread != c.Thread.Addr {
			t.Errorf("CPU %d runs %#x, %v, want %#x", i, thread, ok, c.Thread.Addr)
			continue
		}
		want := m.CPUs[i].Regs
		got, err := k.Registers(thread)
		if err != nil || got.PC() != want.PC() || got.FP() != want.FP() {
			t.Errorf("CPU %d: registers %v, %v", i, got, err)
		}
		frames, err := k.ThreadStack(nil, thread)
		switch {
		case i == 3:
			if len(frames) != 0 || err != nil {
				t.Errorf("CPU %d, in user mode: %v, %v", i, frames, err)
			}
			continue
		case err != nil:
			t.Errorf("CPU %d: %v", i, err)
			continue
		}
		var pcs, laid []uint64
		for _, f := range frames[1:] {
			pcs = append(pcs, f.PC)
		}
		for _, f := range c.Thread.Frames {
			if f.PC != 0 {
				laid = append(laid, f.PC)
			}
		}
		if d := cmp.Diff(laid, pcs); d != "" || len(pcs) == 0 {
			t.Errorf("CPU %d: %s", i, d)
		}
	}
	if first, _ := k.CPUThread(0); k.RepresentativeThread() != first {
		t.Errorf("the representative thread is %#x, want %#x", k.RepresentativeThread(), first)
	}
}

// TestIllumosMachineRefresh lets memory change underfoot.
func TestIllumosMachineRefresh(t *testing.T) {
	live := liveSystem()
	m := live.sys.Machine()
	k := recognised(t, m)
	at := live.sys.Global("practive").Addr
	read := func() uint64 {
		v, err := mem.ReadUint(k.Virtual(), mem.Addr(at), 8, k.Arch().Order)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := read()
	m.PutU64(at, before+8)
	k.Refresh()
	if got := read(); got != before+8 {
		t.Errorf("after Refresh %#x, want %#x", got, before+8)
	}
	m.CPUs[0].Regs.Set("rip", 0x1234)
	k.Refresh()
	thread, _ := k.CPUThread(0)
	if r, err := k.Registers(thread); err != nil || r.PC() != 0x1234 {
		t.Errorf("registers after Refresh: %v, %v", r, err)
	}
}

// TestNoIllumosMachine looks for the kernel where there is none, or one that is
// damaged.
func TestNoIllumosMachine(t *testing.T) {
	live := liveSystem()
	head, _ := live.k.Namespace().LookupName("", "modules")
	damage := map[string]func(m *illumos.Machine){
		"the ring leads nowhere": func(m *illumos.Machine) { m.PutU64(head.Value, 0xffffffffdeadbee8) },
		"the ring is one":        func(m *illumos.Machine) { m.PutU64(head.Value, head.Value); m.PutU64(head.Value+8, head.Value) },
		"no module":              func(m *illumos.Machine) { m.PutU64(head.Value+24, 0) },
		"a wild module":          func(m *illumos.Machine) { m.PutU64(head.Value+24, 0xfffffffffffffff0) },
	}
	for name, change := range damage {
		t.Run(name, func(t *testing.T) {
			m := live.sys.Machine()
			change(m)
			sys, _ := system.Recognise(context.Background(), m)
			if _, ok := sys.(*system.RawMachine); !ok {
				t.Errorf("recognised %T", sys)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if sys, err := system.Recognise(ctx, noCPUs{live.sys.Machine()}); err == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %T, %v", sys, err)
	}
}
