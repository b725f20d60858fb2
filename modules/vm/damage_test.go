package vm_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/vm"
)

// wild is an address that nothing lies at.
const wild = uint64(0xfffffe0badadd000)

// changed is a host with something changed before its dump is written, of so many pages.
func changed(t *testing.T, host string, pages illumos.Content, change func(*illumos.System)) *modtest.Session {
	t.Helper()
	scenario, layout := illumos.VMsAMD, illumos.Real
	switch host {
	case "intel":
		scenario = illumos.VMsIntel
	case "gate":
		layout = illumos.GateVMs
	case "intel gate":
		scenario, layout = illumos.VMsIntel, illumos.GateVMs
	}
	sc := scenario()
	sc.Kernel.Content = pages
	sys := sc.Build(layout())
	change(sys)
	b, err := sys.Vmcore()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := modtest.OpenDamagedDump(t, "vmcore.0", b, genunix.Module(), vm.Module())
	return s
}

// kvm is the machine of KVM's.
func kvm(sys *illumos.System) *illumos.BuiltVM { return sys.VMs[len(sys.VMs)-1] }

// TestDamage spoils a structure and wants a message that names the address, what can be
// read before and beside it, and an end.
func TestDamage(t *testing.T) {
	node := func(m *illumos.BuiltVM) uint64 { return m.Softc.Ref("vmm_node") }
	cases := []struct {
		name, host, cmd string
		// spoil gives what the message names.
		spoil func(sys *illumos.System) uint64
		also  string // is printed all the same
	}{
		{"a ring of machines", "amd", "::vm", func(sys *illumos.System) uint64 {
			sys.VMs[1].Softc.Set("vmm_node.list_next|vmm_node.next", node(sys.VMs[0]))
			return sys.VMs[0].Softc.Addr
		}, illumos.VMDB},
		{"a list that goes astray", "amd", "::vm", func(sys *illumos.System) uint64 {
			sys.VMs[0].Softc.Set("vmm_node.list_next|vmm_node.next", wild)
			return wild - sys.Offset("vmm_softc_t", "vmm_node")
		}, illumos.VMWeb},
		{"a machine at nowhere", "amd", "::vm", func(sys *illumos.System) uint64 {
			sys.VMs[0].Softc.Set("vmm_vm", wild)
			return wild
		}, illumos.VMDB},
		{"a walk of a machine at nowhere", "amd", "::walk vioapic", func(sys *illumos.System) uint64 {
			sys.VMs[1].Softc.Set("vmm_vm", wild)
			return wild
		}, "0x"},
		{"vCPUs of a machine at nowhere", "amd", "::vcpu", func(sys *illumos.System) uint64 {
			sys.VMs[0].Softc.Set("vmm_vm", wild)
			return wild
		}, "WRMSR"},
		{"too many vCPUs", "amd", "::vcpu", func(sys *illumos.System) uint64 {
			sys.VMs[0].Set("maxcpus", 0xffff)
			return sys.VMs[0].Addr
		}, "INOUT"},
		{"a vCPU that there is no room for", "amd", "::vcpu", func(sys *illumos.System) uint64 {
			sys.VMs[0].Set("active_cpus.cpub[1]", 1)
			return sys.VMs[0].Addr
		}, "INOUT"},
		{"an svm_softc at nowhere", "amd", "::vcpu", func(sys *illumos.System) uint64 {
			sys.VMs[0].Set("cookie", wild)
			return wild + sys.Offset("struct svm_softc", "vcpu")
		}, "fffffe"},
		{"a struct vmx at nowhere", "intel", "::vcpu", func(sys *illumos.System) uint64 {
			sys.VMs[0].Set("cookie", wild)
			return wild + sys.Offset("struct vmx", "ctx")
		}, "HLT"},
		{"a local APIC at nowhere", "amd", "::vlapic", func(sys *illumos.System) uint64 {
			sys.VMs[0].VCPUs[1].Set("vlapic", wild)
			return wild
		}, "ef periodic"},
		{"an APIC page at nowhere", "amd", "::vlapic", func(sys *illumos.System) uint64 {
			sys.VMs[0].VCPUs[1].VLAPIC.Set("apic_page", wild)
			return wild
		}, "ef periodic"},
		{"an I/O APIC at nowhere", "intel", "::vioapic -a", func(sys *illumos.System) uint64 {
			sys.VMs[0].Set("vioapic", wild)
			return wild
		}, "kvm0"},
		{"devices of a machine at nowhere", "amd", "::vatpic", func(sys *illumos.System) uint64 {
			sys.VMs[0].Softc.Set("vmm_vm", wild)
			return wild
		}, illumos.VMDB},
		{"an 8259 at nowhere", "amd", "::vatpic", func(sys *illumos.System) uint64 {
			sys.VMs[0].Set("vatpic", wild)
			return wild
		}, illumos.VMDB},
		{"memory that wraps around", "amd", "::vmmem", func(sys *illumos.System) uint64 {
			sys.VMs[0].Mem[1].Set("len", ^uint64(0))
			return sys.VMs[0].Mem[1].Addr
		}, "bootrom"},
		{"a memory segment that is not there", "amd", "::vmmem", func(sys *illumos.System) uint64 {
			sys.VMs[0].Mem[1].Set("segid", 77)
			return sys.VMs[0].Mem[1].Addr
		}, "bootrom"},
		{"a vm_object at nowhere", "amd", "::vmmem", func(sys *illumos.System) uint64 {
			sys.VMs[0].Member("mem_segs[1]").Set("object", wild)
			return wild
		}, "bootrom"},
		{"a vm_object that is too small", "gate", "::vmmem", func(sys *illumos.System) uint64 {
			sys.VMs[0].Mem[0].Object.Set("vmo_size", 0x1000)
			return sys.VMs[0].Mem[0].Object.Addr
		}, "bootrom"},
		{"page tables at nowhere", "gate", "::vmmem", func(sys *illumos.System) uint64 {
			sys.VMs[0].Space.Set("vms_gpt", wild)
			return wild
		}, illumos.VMDB},
		{"a region of the reservoir at nowhere", "gate", "::vmmem", func(sys *illumos.System) uint64 {
			sys.VMs[0].Mem[0].Object.Set("vmo_data", wild)
			return wild
		}, "sysmem"},
		{"a span out of its place", "intel gate", "::vmmem", func(sys *illumos.System) uint64 {
			span := sys.VMs[0].Mem[0].Spans[1]
			span.Set("vs_region_addr", 0x123000)
			return span.Addr
		}, "reservoir"},
		{"a ring of spans", "gate", "::vmmem", func(sys *illumos.System) uint64 {
			list := sys.VMs[0].Mem[0].Spans
			list[1].Set("vs_by_addr.avl_child[1]", list[0].Ref("vs_by_addr"))
			return list[0].Addr
		}, "reservoir"},
		{"spans of less than the region", "gate", "::vmmem", func(sys *illumos.System) uint64 {
			region := sys.VMs[1].Mem[0].Region
			region.Set("vr_size", 1<<40)
			return region.Addr
		}, "reservoir"},
		{"mappings that go astray", "gate", "::vmmem", func(sys *illumos.System) uint64 {
			sys.VMs[1].Passed[0].Set("vmsm_node.list_next|vmsm_node.next", wild)
			return wild - sys.Offset("struct vmspace_mapping", "vmsm_node")
		}, "passthru"},
		{"a mapping of nothing", "amd", "::vmmem", func(sys *illumos.System) uint64 {
			sys.VMs[1].Passed[0].Set("vmsm_object", wild)
			return wild
		}, "sysmem"},
		{"a mapping that wraps around", "intel gate", "::vmmem", func(sys *illumos.System) uint64 {
			sys.VMs[1].Passed[0].Set("vmsm_len", ^uint64(0))
			return sys.VMs[1].Passed[0].Addr
		}, "sysmem"},
		{"aliases at nowhere", "intel", "::vmmem", func(sys *illumos.System) uint64 {
			kvm(sys).Set("arch.aliases", wild)
			return wild
		}, "slot 1"},
		{"too many aliases", "intel", "::vmmem", func(sys *illumos.System) uint64 {
			sys.At("struct kvm_mem_aliases", kvm(sys).Get("arch.aliases")).Set("naliases", 1000)
			return kvm(sys).Get("arch.aliases")
		}, "slot 1"},
		{"an alias of nothing", "intel", "::vmmem", func(sys *illumos.System) uint64 {
			kvm(sys).Alias[0].Set("npages", ^uint64(0))
			return kvm(sys).Alias[0].Addr
		}, "slot 1"},
		{"MSRs of KVM's at nowhere", "intel", "::vcpu -v", func(sys *illumos.System) uint64 {
			kvm(sys).VCPUs[0].Back.Set("guest_msrs", wild)
			return wild
		}, "%lstar  = ?"},
		{"too many MSRs of KVM's", "intel", "::vcpu -v", func(sys *illumos.System) uint64 {
			kvm(sys).VCPUs[0].Back.Set("nmsrs", -5)
			return kvm(sys).VCPUs[0].Back.Addr
		}, "%lstar  = ?"},
		{"a ring of processes", "amd", "::vm", func(sys *illumos.System) uint64 {
			first := sys.Procs[vmPID(sys, 2)].Addr
			sys.Procs[0].Addr.Set("p_next", first)
			return first.Addr
		}, illumos.VMDB},
		{"threads that go astray", "amd", "::vcpu", func(sys *illumos.System) uint64 {
			sys.VMs[0].VCPUs[0].Kthread.Set("t_forw", wild)
			return wild
		}, "INOUT"},
		{"too many vCPUs of KVM's", "intel", "::vcpu", func(sys *illumos.System) uint64 {
			kvm(sys).Set("online_vcpus", 1000000)
			return kvm(sys).Addr
		}, "WRMSR"},
		{"a vCPU of KVM's at nowhere", "intel", "::vcpu", func(sys *illumos.System) uint64 {
			kvm(sys).Set("vcpus[0]", wild)
			return wild
		}, "exc 6, nmi"},
		{"a vCPU of another machine's", "intel", "::vcpu", func(sys *illumos.System) uint64 {
			kvm(sys).VCPUs[0].Set("kvm", wild)
			return kvm(sys).VCPUs[0].Addr
		}, "exc 6, nmi"},
		{"memory slots at nowhere", "intel", "::vmmem", func(sys *illumos.System) uint64 {
			kvm(sys).Set("memslots", wild)
			return wild
		}, "bootrom"},
		{"too many memory slots", "intel", "::vmmem", func(sys *illumos.System) uint64 {
			sys.At("struct kvm_memslots", kvm(sys).Get("memslots")).Set("nmemslots", -1)
			return kvm(sys).Get("memslots")
		}, "bootrom"},
		{"a memory slot without end", "intel", "::vmmem", func(sys *illumos.System) uint64 {
			kvm(sys).Mem[0].Set("npages", uint64(1)<<60)
			return kvm(sys).Mem[0].Addr
		}, "slot 1"},
		{"a machine whose process is gone", "intel", "::vmmem", func(sys *illumos.System) uint64 {
			kvm(sys).Set("kvm_pid", 31337)
			return kvm(sys).Addr
		}, "slot 1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var bad uint64
			s := changed(t, c.host, illumos.KernelPages, func(sys *illumos.System) { bad = c.spoil(sys) })
			r := s.Run(c.cmd)
			lines := strings.Split(strings.TrimSpace(r.Err), "\n")
			if slices.Sort(lines); len(slices.Compact(lines)) != strings.Count(r.Err, "\n") {
				t.Errorf("a message comes twice:\n%s", r.Err)
			}
			if !strings.Contains(r.Err, fmt.Sprintf("%x", bad)) || !strings.Contains(r.Out, c.also) {
				t.Errorf("no %x in the message, or no %q:\n%s%s", bad, c.also, r.Out, r.Err)
			}
		})
	}
}

func vmPID(sys *illumos.System, i int) int { return sys.VMs[i].PID }

// TestNames: nothing of a name reaches the terminal that is not printable.
func TestNames(t *testing.T) {
	s := changed(t, "amd", illumos.KernelPages, func(sys *illumos.System) {
		m := sys.VMs[0]
		m.Softc.Set("vmm_name", "evil\x1b[2Jname\n")
		sys.WriteBytes(m.Proc.Zone.Addr.Get("zone_name"), []byte("\x1b]0;zone"))
		sys.At("vmm_devmem_entry_t", m.Softc.Get("vmm_devmem_list.list_head.list_next|vmm_devmem_list.list_head.next")).Set("vde_name", "boot\x1brom")
	})
	for cmd, want := range map[string]string{"::vm -v": `evil\033[2Jname\n `, "::vmmem": `boot\033rom `, "::vioapic -a": `evil\033[2J`} {
		if r := s.Run(cmd); strings.ContainsAny(r.Out+r.Err, "\x1b") || !strings.Contains(r.Out, want) {
			t.Errorf("%s: %q", cmd, r.Out+r.Err)
		}
	}
}

// TestTableLoop spoils nested page tables: a table that is its own entry, one at nowhere,
// of a region that is none of the reservoir's either. What lies elsewhere is read all the
// same.
func TestTableLoop(t *testing.T) {
	var loop, gone uint64
	s := changed(t, "gate", illumos.AllPages, func(sys *illumos.System) {
		m := sys.VMs[0]
		pdpt := sys.GetU64(m.Root) &^ 0xfff &^ (1 << 63)
		loop, gone = pdpt, 0x7ffffffff000
		k := sys.Kernel
		entry := func(pa, v uint64) {
			b := make([]byte, 8)
			for i := range b {
				b[i] = byte(v >> (8 * i))
			}
			k.WritePhys(pa, b)
		}
		entry(pdpt, loop|0x27)     // the first GiB is the table itself
		entry(pdpt+8*3, gone|0x27) // the fourth is nowhere
		m.Mem[2].Region.Set("vr_size", 1)
	})
	s.Run("::guest -r " + illumos.VMWeb)
	defer s.Run("::guest -")
	// All levels' first entries are the table's own: its page is the first of memory.
	s.Run("0\\K").OK().Match(fmt.Sprintf(` %x\s*$`, loop|0x27))
	if r := s.Run("ffff0000\\K"); !strings.Contains(r.Err, fmt.Sprintf("nested page table at %x cannot be read", gone)) {
		t.Errorf("a table at nowhere: %q %q", r.Out, r.Err)
	}
	s.Run("c0000000\\K").OK() // the reservoir tells where that one is
	s.Run("100000000\\K").OK()
}

// TestRandomDamage: no damage of a host's structures makes a command fault or hang.
func TestRandomDamage(t *testing.T) {
	for seed := range uint64(6) {
		host := []string{"gate", "intel", "amd", "intel gate"}[seed%4]
		t.Run(fmt.Sprintf("%s %d", host, seed), func(t *testing.T) {
			var addrs []uint64
			s := changed(t, host, illumos.AllPages, func(sys *illumos.System) {
				var objs []illumos.Obj
				for _, m := range sys.VMs {
					objs = append(objs, m.Obj, m.Space, m.Nested, m.Softc)
					for _, p := range m.Mem {
						objs = append(objs, p.Obj, p.Object, p.Region)
						objs = append(objs, p.Spans...)
					}
					objs = append(append(objs, m.Alias...), m.Passed...)
					for _, c := range m.VCPUs {
						objs = append(objs, c.Obj, c.Back, c.VLAPIC, c.Page)
						if c.Kthread != nil {
							objs = append(objs, sys.At("struct ctxop", c.Kthread.Get("t_ctx")))
						}
						addrs = append(addrs, c.Addr)
					}
					for _, name := range []string{"vioapic", "vatpic", "vatpit", "vhpet", "vrtc", "vpmtmr"} {
						objs = append(objs, m.Dev[name])
					}
					for _, va := range m.Tables {
						objs = append(objs, sys.At("[512]uint64_t", va))
					}
					addrs = append(addrs, m.Addr, m.Softc.Addr)
				}
				good := objs[:0]
				for _, o := range objs {
					if o.Addr != 0 {
						good = append(good, o)
					}
				}
				sys.Spoil(good, rand.New(rand.NewPCG(seed, 11)), 40<<(seed/4*3))
			})
			t.Parallel() // building is not for several at once
			cmds := []string{"::vm -v", "::vcpu -v", "::vmmem", "::vlapic -v", "::vioapic -a", "::vatpic", "::vatpit", "::vhpet", "::vrtc", "::vpmtmr",
				"::walk vm", "::walk vcpu", "::walk vmmem", "::walk vmobject", "::guest -r " + illumos.VMWeb, "0\\K", "100000\\K", "ffff0000\\K", "::guest -"}
			for _, a := range addrs {
				if a != 0 {
					cmds = append(cmds, fmt.Sprintf("%x::vcpu -v", a), fmt.Sprintf("%x::vlapic", a))
				}
			}
			for _, cmd := range cmds {
				done := time.AfterFunc(5*time.Minute, func() { panic(cmd + " does not end") })
				if r := s.Run(cmd); len(r.Out)+len(r.Err) > 4<<20 {
					t.Errorf("%s: %d bytes of output, %d of messages", cmd, len(r.Out), len(r.Err))
				}
				done.Stop()
			}
		})
	}
}

// TestNoMachines is a kernel that has the hypervisors loaded and nothing to run.
func TestNoMachines(t *testing.T) {
	sc := illumos.VMsIntel()
	sc.Parts.VMs.VMs = nil
	sc.Kernel.AllModules = true
	sys := sc.Build(illumos.Real())
	var b bytes.Buffer
	if err := sys.Finish().WriteVmcore(&b); err != nil {
		t.Fatal(err)
	}
	s := modtest.OpenDumpBytes(t, "vmcore.0", b.Bytes(), genunix.Module(), vm.Module())
	for _, cmd := range []string{"::vm", "::vcpu", "::vmmem"} {
		if r := s.Run(cmd); r.Out != "" || !strings.Contains(r.Err, "there are no virtual machines") {
			t.Errorf("%s: %q %q", cmd, r.Out, r.Err)
		}
	}
	s.Run("::walk vm").OK().Want("")
}
