package unix_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/unix"
)

// No damage of page tables, hats, page structures and lists of memory makes a command
// fault or hang.
func TestRandomDamage(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			sc := illumos.Node()
			sc.Kernel.AllModules, sc.Kernel.Functions, sc.Kernel.MemBytes = false, 0, 128<<20
			sys := sc.Build(illumos.Real())
			k := sys.Kernel
			dump := sys.Finish()
			rng := rand.New(rand.NewPCG(seed, 7))
			hat, user := k.At("hat_t", k.Global("kas").Get("a_hat")), k.At("hat_t", sys.Procs[11].As.Get("a_hat"))
			cr3 := k.At("htable_t", hat.Get("hat_htable")).Get("ht_pfn") << 12
			objs := append(sys.Pages.Memsegs, hat, user, sys.Pages.Swap[0])
			objs = append(append(objs, sys.Pages.Smaps...), sys.Pages.Anon[0]...)
			var frames []uint64
			for _, ht := range append(tables(k, hat)[:20], tables(k, user)...) {
				if pfn := ht.Get("ht_pfn"); pfn < 128<<8 {
					frames = append(frames, pfn)
				}
				objs = append(objs, ht)
			}
			for _, f := range sc.Parts.Pages.Files {
				for i := range 10 {
					objs = append(objs, sys.Pages.PageOf(sys.Pages.PFN(sys.Vnodes[f.Path], uint64(i)<<12)))
				}
			}
			for range 30 << (2 * seed) {
				if rng.IntN(4) == 0 {
					at := frames[rng.IntN(len(frames))]<<12 + 8*rng.Uint64N(512)
					pte := rng.Uint64()
					if rng.IntN(2) == 0 {
						pte = frames[rng.IntN(len(frames))]<<12 | 0x27
					}
					k.WritePhys(at, binary.LittleEndian.AppendUint64(nil, pte))
					continue
				}
				k.Spoil(objs, rng, 1)
			}
			var b bytes.Buffer
			if err := dump.WriteVmcore(&b); err != nil {
				t.Fatal(err)
			}
			s := modtest.OpenDumpBytes(t, "vmcore.0", b.Bytes(), genunix.Module(), unix.Module())
			t.Parallel() // building is not for several at once
			for _, cmd := range []string{"::memstat", "::page", "::walk allpages", "::walk page", "::memseg_list", "::swapinfo", "::memlist -iav",
				"::pagelookup -v 1000 -o 0", "100::page_num2pp", "kas::vatopfn", "practive::vatopfn", "100::report_maps", "100::ptable", "100::ptable -l 3",
				fmt.Sprintf("%x::ptable", frames[0]), fmt.Sprintf("%x::htables", hat.Addr), fmt.Sprintf("%x::htables", user.Addr),
				fmt.Sprintf("400000::vatopfn -a %x", sys.Procs[11].As.Addr), fmt.Sprintf("%x::walk segvn_pages", sys.Pages.Anon[0][0].Addr),
				fmt.Sprintf("%x::vnode2smap", sys.Vnodes["/etc/svc/volatile/init.state"].Addr), fmt.Sprintf("%x::addr2smap", user.Addr),
				fmt.Sprintf("%x::ptmap", cr3), "::xcall", "::idt"} {
				start := time.Now()
				if r := s.Run(cmd); len(r.Out)+len(r.Err) > 64<<20 {
					t.Errorf("%s: %d bytes of output, %d of messages", cmd, len(r.Out), len(r.Err))
				}
				if d := time.Since(start); d > time.Minute {
					t.Errorf("%s took %v", cmd, d)
				}
			}
		})
	}
}
