package unix_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/unix"
)

// open finishes a kernel, spoils it, and opens its dump.
func open(t *testing.T, k *illumos.Kernel, spoil func()) *modtest.Session {
	t.Helper()
	f := k.Finish()
	if spoil != nil {
		spoil()
	}
	var b bytes.Buffer
	if err := f.WriteVmcore(&b); err != nil {
		t.Fatal(err)
	}
	return modtest.OpenDumpBytes(t, "vmcore.0", b.Bytes(), genunix.Module(), unix.Module())
}

// The commands end on page tables and lists that are damaged, and name what is.
func TestDamaged(t *testing.T) {
	k := illumos.New(illumos.Real(), illumos.Options{MemBytes: 64 << 20})
	seg := k.Zalloc("struct memseg")
	seg.Set("next", seg.Addr)
	k.Global("memsegs").Set("", seg.Addr)
	var ht uint64
	hat := func() illumos.Obj { return k.At("hat_t", k.Global("kas").Get("a_hat")) }
	s := open(t, k, func() {
		list := tables(k, hat())
		ht = list[0].Addr
		list[0].Set("ht_next", ht)
		hat().Set("hat_next", hat().Addr)
	})
	for _, x := range []struct{ cmd, text string }{
		{"::memseg_list", fmt.Sprintf("struct memseg %x is on its list twice", seg.Addr)},
		{"::walk memseg", fmt.Sprintf("struct memseg %x is on its list twice", seg.Addr)},
		{fmt.Sprintf("%x::htables", hat().Addr), fmt.Sprintf("htable %x is in the hash of hat %x twice", ht, hat().Addr)},
		{"kas::vatopfn", fmt.Sprintf("htable %x is in the hash", ht)},
		{"1::report_maps", fmt.Sprintf("htable %x is in the hash", ht)},
		{"1::ptable", fmt.Sprintf("hat %x is on its list twice", hat().Addr)},
		{"1000::htables", "couldn't read struct hat at 1000"},
		{"ffffffffff000::ptmap", "couldn't read pte at ffffffffff000"},
		{"ffffffffffff::ptable", "couldn't read page table"},
		{"1000::gate_desc", "failed to read gate descriptor at 1000"},
		{"1000::idt", "failed to read gate descriptor at 1000"},
		{"1000::memseg_list", "can't read memseg at 0x1000"},
		{"::ttrace", "symbol 'trap_trace_ctl' not found; non-TRAPTRACE kernel?"},
		{"::walk ttrace", "symbol 'trap_trace_ctl' not found; non-TRAPTRACE kernel?"},
	} {
		if r := s.Run(x.cmd); !strings.Contains(r.Err, x.text) {
			t.Errorf("%s:\n%.500s%s\nwant %s", x.cmd, r.Out, r.Err, x.text)
		}
	}
}

// A kernel with TRAPTRACE: the records of two CPUs, the rings of both gone round.
func TestTtrace(t *testing.T) {
	k := illumos.New(illumos.Real(), illumos.Options{MemBytes: 64 << 20, NCPU: 2})
	k.Global("ncpus").Set("", 2)
	ctl := k.Define("unix`trap_trace_ctl", "[2]trap_trace_ctl_t", false)
	size := k.Size("trap_trace_rec_t")
	const records = 4
	thread := uint64(0xfffffe0001234000)
	handler := k.Func("unix`cbe_fire")
	call := k.Func("genunix`read")
	pc := k.Func("unix`cpu_halt") + 4
	vec := k.Zalloc("struct autovec").Set("av_vector", handler)
	k.At("struct av_head", k.Global("autovect").Addr+0xd1*k.Size("struct av_head")).Set("avh_link", vec)
	k.At("struct sysent", k.Global("sysent").Addr+3*k.Size("struct sysent")).Set("sy_callc", call)
	var rings [2]uint64
	stamp, at := uint64(0x1000), map[uint64]uint64{}
	for i := range rings {
		rings[i] = k.Alloc(size * records)
		c := k.At("trap_trace_ctl_t", ctl.Addr+uint64(i)*k.Size("trap_trace_ctl_t"))
		c.Set("ttc_first", rings[i]).Set("ttc_limit", rings[i]+size*records).Set("ttc_next", rings[i]+2*size)
	}
	line := map[uint64]string{}
	for n := range records {
		for i := range rings {
			stamp += 0x10
			r := k.At("trap_trace_rec_t", rings[i]+uint64((n+2)%records)*size)
			at[stamp] = r.Addr
			r.Set("ttr_stamp", stamp).Set("ttr_regs.r_rip", pc).Set("ttr_curthread", thread+uint64(i))
			head := fmt.Sprintf("%3d %15x ", i, stamp)
			switch n {
			case 0:
				r.Set("ttr_marker", 0xad).Set("ttr_info.gate_entry.sysnum", 3)
				line[stamp] = head + fmt.Sprintf("sc64 3   %-17s cpu_halt+4\n", "read")
			case 1:
				r.Set("ttr_marker", 0xbb).Set("ttr_info.idt_entry.vector", 0xd1).Set("ttr_info.idt_entry.ipl", 14)
				line[stamp] = head + fmt.Sprintf("intr d1  %-17s cpu_halt+4\n", "cbe_fire")
			case 2:
				r.Set("ttr_marker", 0xcc).Set("ttr_regs.r_trapno", 14).Set("ttr_cr2", 0xdead0)
				line[stamp] = head + fmt.Sprintf("trap e   %-17s cpu_halt+4\n", "page-fault")
			case 3:
				r.Set("ttr_marker", 0xbb).Set("ttr_info.idt_entry.vector", 0xe1).Set("ttr_info.idt_entry.ipl", 11)
				line[stamp] = head + fmt.Sprintf("intr e1  %-17s cpu_halt+4\n", "(cpupoke)")
			}
		}
	}
	s := open(t, k, nil)
	head := fmt.Sprintf("%3s %15s %4s %2s %-17s EIP\n", "CPU", "TIMESTAMP", "TYPE", "Vec", "HANDLER")
	all, walk, second := head, "", head
	for ; stamp > 0x1000; stamp -= 0x10 {
		all += line[stamp]
		walk += fmt.Sprintf("0x%x\n", at[stamp])
		if stamp/0x10%2 == 0 {
			second += line[stamp]
		}
	}
	want(t, s, "::ttrace", all)
	want(t, s, "::walk ttrace", walk)
	want(t, s, "1::ttrace", second)
	want(t, s, fmt.Sprintf("::ttrace -t %x", thread+1), second)
	want(t, s, fmt.Sprintf("%x::ttrace", at[0x1010]), head+line[0x1010])
	r := s.Run("::ttrace -x")
	for _, text := range []string{"irq d1 ipl 14 oldpri 0 basepri 0\n", " ss:                0 cr2:            dead0\n", "gsb:                0\n\n", "         rdi:"} {
		if !strings.Contains(r.Out, text) {
			t.Errorf("::ttrace -x has no %q:\n%s%s", text, r.Out, r.Err)
		}
	}
}
