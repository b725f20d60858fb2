package system_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/targets/illumosdump"
)

// mutations is how many damaged dumps are looked at.
const mutations = 60

// TestMutations changes words of a dump's memory, most of them where modules, types,
// threads and page tables lie, and asks the kernel for everything.
func TestMutations(t *testing.T) {
	n := theNode()
	whole := n.vmcore
	k := n.sys.Kernel
	var spots []uint64 // physical addresses worth a change
	add := func(va, size uint64) {
		for off := uint64(0); off < size; off += 8 {
			if pa, err := n.k.Translate(va + off); err == nil {
				spots = append(spots, pa)
			}
		}
	}
	for _, m := range n.sys.Modules() {
		add(m.Modctl().Addr, k.Size("struct modctl"))
		add(m.Module().Addr, k.Size("struct module"))
		add(m.Module().Get("ctfdata"), 256)
		add(m.Module().Get("symspace"), 256)
	}
	for _, th := range n.sys.Sched.Threads {
		add(th.SP, 128)
		add(th.Addr+64, 64)
	}
	add(n.k.KernelAS(), k.Size("struct as"))
	for _, c := range n.sys.Sched.CPUs {
		add(c.Addr, 256)
	}
	r := rand.New(rand.NewPCG(4, 20261122))
	values := []uint64{0, ^uint64(0), 0xdeadbeefdeadbeef, 1, n.k.KernelAS(), 0xfffffe0000000000}
	for i := range mutations {
		b := bytes.Clone(whole)
		for range 1 + r.IntN(8) {
			pa := spots[r.IntN(len(spots))]
			v := values[r.IntN(len(values))]
			if r.IntN(3) == 0 {
				v = r.Uint64()
			}
			n.patch(b, pa, v)
		}
		start := time.Now()
		probeAll(t, b, n.sys)
		if d := time.Since(start); d > 2*time.Minute {
			t.Errorf("mutation %d took %v", i, d)
		}
	}
}

// probeAll opens a dump and looks at all of its kernel. Nothing has to be right.
func probeAll(t *testing.T, dump []byte, sys *illumos.System) {
	t.Helper()
	target, err := illumosdump.OpenAt(context.Background(), "vmcore.0", bytes.NewReader(dump), int64(len(dump)), illumosdump.Options{})
	if err != nil {
		t.Fatal(err) // the file is as it was
	}
	k, err := system.NewIllumosKernel(target)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range k.Modules() {
		m.Object.Table(sym.Symtab).ByAddr(m.Text.Base+64, 0)
		if sc := k.TypeScope(m.Object); sc != nil && m.Name != "genunix" && m.Name != "unix" {
			for ty := range sc.All() {
				ty.Body()
			}
		}
	}
	var buf []system.KernelFrame
	for _, th := range sys.Sched.Threads {
		buf, _ = k.ThreadStack(buf[:0], th.Addr)
		for _, f := range buf[:min(len(buf), 4)] {
			k.ArgsOf(f)
			k.Namespace().Format(f.PC, 0, 16)
		}
	}
	k.CPUs()
	k.Mappings()
	for _, p := range users(sys)[:4] {
		k.Space(p.Addr.Get("p_as")).ReadAt(make([]byte, 64), mem.Addr(userAt))
		k.OpenProcess(p.Addr.Addr)
	}
}
