package vm

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/modules/kernel"
	"github.com/xmdb/xmdb/targets/objfile"
)

// declared opens the structures that a C file declares and fills, in the place of a
// kernel's; it gives the addresses of variables.
func declared(t *testing.T, source string) (*kernel.View, func(name string) uint64) {
	t.Helper()
	fixtures.Need(t, "gcc")
	exe := filepath.Join(t.TempDir(), "kernel")
	if out, err := exec.Command("gcc", "-g", "-nostdlib", "-static", "-no-pie", "-o", exe, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	target, err := objfile.Open(exe, system.NewFiles(""), false)
	if err != nil {
		t.Fatal(err)
	}
	v := kernel.Of(modtest.OpenTarget(t, target).Session)
	return v, func(name string) uint64 {
		s, err := v.Symbol("", name)
		if err != nil {
			t.Fatal(err)
		}
		return s.Value
	}
}

// intelHost is the Intel half of Linux' KVM: no machine that runs tests has such a
// processor to take a dump of.
func intelHost(t *testing.T) (*linuxVM, *Machine, func(name string) uint64) {
	t.Helper()
	v, at := declared(t, "testdata/kvm_intel.c")
	g := &linuxVM{kvmCore: kvmCore{v: v, addr: at("machine")}}
	m := &Machine{Kind: KVM, Addr: g.addr, Vendor: Intel, v: v, back: g}
	g.cpus = []uint64{at("left"), at("read"), at("deep"), at("fresh")}
	return g, m, at
}

// TestLinuxIntelVCPUs: state, exit and pending events, from what struct vcpu_vmx has.
func TestLinuxIntelVCPUs(t *testing.T) {
	g, m, _ := intelHost(t)
	list, err := g.vcpus(m)
	if err != nil || len(list) != 4 {
		t.Fatalf("%d vCPUs, %v", len(list), err)
	}
	for i, want := range []struct {
		state, exit, hardware, detail string
		events                        []string
	}{
		{"frozen", "EXCEPTION (bus lock)", "", "", nil}, // of the exception nothing was read
		{"frozen", "EPT_FAULT", "EPT_FAULT qualification 2 (write, not mapped)", "its process was told MMIO: gpa fee000b0 write, 4 bytes",
			[]string{"exc e error 2", "nmi", "smi", "sipi 9a", "pir ec"}},
		{"running", "INVAL_VMCS (entry failed)", "INVAL_VMCS (entry failed) qualification 0", "", []string{"intr 31"}},
		{"uninit", "", "", "", nil},
	} {
		c := list[i]
		var events []string
		for _, e := range c.Events {
			events = append(events, e.text())
		}
		if c.ID != i || c.State != want.state || c.Exit.Known != (want.exit != "") || c.Exit.Reason != want.exit || c.Exit.Hardware != want.hardware ||
			c.Exit.Detail != want.detail || !slices.Equal(events, want.events) {
			t.Errorf("vCPU %d: %s, %+v, %q\nwant %+v", c.ID, c.State, c.Exit, events, want)
		}
	}
}

// TestLinuxIntelRegs: what was read of the VMCS is known, what KVM keeps itself always, the
// rest never.
func TestLinuxIntelRegs(t *testing.T) {
	_, m, at := intelHost(t)
	regs := func(name string) *Regs {
		r, err := (&VCPU{Machine: m, Addr: at(name)}).Regs()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	read, left, deep := regs("read"), regs("left"), regs("deep")
	const none = "?"
	for _, c := range []struct {
		name             string
		of               func(r *Regs) Value
		read, left, deep string
	}{
		{"rax", func(r *Regs) Value { return r.GPR[RAX] }, "100", "100", "100"}, {"r15", func(r *Regs) Value { return r.GPR[R15] }, "10f", "10f", "10f"},
		{"rsp", func(r *Regs) Value { return r.GPR[RSP] }, "104", none, "104"}, {"rip", func(r *Regs) Value { return r.RIP }, "ffffffff81000110", none, "ffffffff81000110"},
		{"rflags", func(r *Regs) Value { return r.RFLAGS }, "246", none, "246"}, {"cr0", func(r *Regs) Value { return r.CR0 }, "80050033", "80050033~", "80050033"},
		{"cr2", func(r *Regs) Value { return r.CR2 }, "222", "222", "222"}, {"cr3", func(r *Regs) Value { return r.CR3 }, "1333000", none, none},
		{"cr4", func(r *Regs) Value { return r.CR4 }, "3506f0", "3506f0~", "3506f0"}, {"cr8", func(r *Regs) Value { return r.CR8 }, "5", "7", "7"}, // the APIC's, or the process's
		{"efer", func(r *Regs) Value { return r.EFER }, "d01", "d01", "d01"}, {"kgsbase", func(r *Regs) Value { return r.KernelGSBase }, "ffff88813bc00000", "ffff88813bc00000", "ffff88813bc00000"},
		{"star", func(r *Regs) Value { return r.STAR }, "23001000000000", "23001000000000", "23001000000000"}, {"lstar", func(r *Regs) Value { return r.LSTAR }, "ffffffff82000082", "ffffffff82000082", "ffffffff82000082"},
		{"cstar", func(r *Regs) Value { return r.CSTAR }, "83", "83", "83"}, {"sfmask", func(r *Regs) Value { return r.SFMASK }, "47700", "47700", "47700"},
		{"pat", func(r *Regs) Value { return r.PAT }, "407050600070106", "407050600070106", "407050600070106"}, {"xcr0", func(r *Regs) Value { return r.XCR0 }, "7", "7", "7"},
		{"dr3", func(r *Regs) Value { return r.DR[3] }, "d3", "d3", "d3"}, {"dr6", func(r *Regs) Value { return r.DR6 }, "ffff0ff0", "ffff0ff0", "ffff0ff0"}, {"dr7", func(r *Regs) Value { return r.DR7 }, "400", "400", "400"},
		{"cs", func(r *Regs) Value { return r.Seg[CS].Selector }, "10", none, none}, {"cs limit", func(r *Regs) Value { return r.Seg[CS].Limit }, "ffffffff", none, none},
		{"gsbase", func(r *Regs) Value { return r.Seg[GS].Base }, "ffff88813bd00000", none, none}, {"tr attr", func(r *Regs) Value { return r.TR.Attr }, "8b", none, none},
		{"gdt", func(r *Regs) Value { return r.GDT.Base }, none, none, none},
	} {
		for i, r := range []*Regs{read, left, deep} {
			want := []string{c.read, c.left, c.deep}[i]
			if got := c.of(r).text(); got != want {
				t.Errorf("%s of %s: %s, want %s", c.name, []string{"read", "left", "deep"}[i], got, want)
			}
		}
	}
}

// TestLinuxArrays: vCPUs and memory slots of kernels that keep them in arrays.
func TestLinuxArrays(t *testing.T) {
	v, at := declared(t, "testdata/kvm_old.c")
	open := func(name string) *linuxVM {
		l, b, err := read(v, "struct kvm", at(name), func(l *linuxKVMLayout) uint64 { return l.Size })
		if err != nil {
			t.Fatal(err)
		}
		return &linuxVM{kvmCore: kvmCore{v, at(name), b}, l: l}
	}
	g := open("machine")
	if list, err := g.findVCPUs(); err != nil || !slices.Equal(list, []uint64{at("one"), at("two")}) {
		t.Errorf("vCPUs %x, %v", list, err)
	}
	if list, err := open("many").findVCPUs(); err == nil || list != nil {
		t.Errorf("4000 vCPUs in an array of 288: %x", list)
	}
	slots, err := g.slots()
	if err != nil || len(slots) != 3 {
		t.Fatalf("slots %x, %v", slots, err)
	}
	for i, want := range []Region{
		{GPA: 0x100000000, Len: 0x40000000, Name: "slot 4", Prot: 7, Flags: "log-dirty", Host: 0x7f0040000000},
		{GPA: 0xfffc0000, Len: 0x40000, Name: "slot 3", Prot: 5, Host: 0x7f0030000000},
		{GPA: 0, Len: 0xa0000, Name: "slot 0", Prot: 7, Flags: "invalid", Host: 0x7f0000000000},
	} {
		got, err := g.region(slots[i], nil)
		want.Addr, want.Type, want.Err = slots[i], "struct kvm_memory_slot", mem.ErrUnmapped
		if err != nil || got != want {
			t.Errorf("slot %d: %+v, %v, want %+v", i, got, err, want)
		}
	}
}
