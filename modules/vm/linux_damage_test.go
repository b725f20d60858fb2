package vm_test

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/kernel"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/vm"
)

// openSpoilt opens a host that is not spoilt yet.
func openSpoilt(t *testing.T) (*modtest.Session, *modtest.Spoilt) {
	t.Helper()
	return modtest.OpenSpoilt(t, guest.Dumps(t, guest.BackportsKernel).File(guest.ELF), linux.Module(), vm.Module())
}

// named puts the names of the host's machines in the place of ONE and TWO, which are their
// numbers of vCPUs.
func named(t *testing.T, s *modtest.Session, text string) string {
	t.Helper()
	for m, err := range vm.Machines(kernel.Of(s.Session)) {
		if err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, []string{"", "ONE", "TWO"}[m.NCPU], m.Name)
	}
	return text
}

// TestLinuxSpoilt runs every command on hosts whose memory is damaged anywhere, and each
// ends. The kernel is found before the damage comes.
func TestLinuxSpoilt(t *testing.T) {
	for seed := int64(1); seed <= 4; seed++ {
		s, h := openSpoilt(t)
		enter := named(t, s, "::guest -r TWO")
		h.Seed = seed
		s.Reread()
		s.Ends("::vm -v", "::vcpu -v", "::vmmem", "::vlapic -v", "::vioapic -a", "::vatpic", "::vatpit", "::walk vcpu", "::walk vmmem",
			"::walk vlapic", "::walk vioapic", enter, "::vcpus", "1000::dis", "0::vtop -v", "1000/20X", "::guest -")
	}
}

// TestLinuxNonsense writes what cannot be to a member of the host's structures: it is told,
// and what does not hang on it is there.
func TestLinuxNonsense(t *testing.T) {
	kvm := func(member string) func(m *vm.Machine) (string, uint64, string) {
		return func(m *vm.Machine) (string, uint64, string) { return "struct kvm", m.Addr, member }
	}
	vcpu := func(member string) func(m *vm.Machine) (string, uint64, string) {
		return func(m *vm.Machine) (string, uint64, string) {
			list, _ := m.VCPUs()
			return "struct kvm_vcpu", list[0].Addr, member
		}
	}
	slot := func(member string) func(m *vm.Machine) (string, uint64, string) {
		return func(m *vm.Machine) (string, uint64, string) {
			list, _ := m.Regions()
			return "struct kvm_memory_slot", list[0].Addr, member
		}
	}
	const nowhere = 0x0000badbad000
	for _, x := range []struct {
		name     string
		where    func(m *vm.Machine) (typ string, addr uint64, member string)
		word     func(addr uint64) uint64
		cmd      string
		out, err string // expressions
	}{
		{"count of vCPUs", kvm("online_vcpus.counter"), value(1 << 20), "::vcpu", ``, `struct kvm [0-9a-f]+: there cannot be 1048576 vCPUs`},
		{"fewer vCPUs", kvm("online_vcpus.counter"), value(1), "::vcpu", `kernel|frozen|running`, `it counts 1 vCPUs and lists 2`},
		{"no vCPUs", kvm("vcpu_array.xa_head"), value(0), "::vm", `kvm +TWO +\d+ +2 +1M created`, `it counts 2 vCPUs and lists 0`},
		{"vCPUs nowhere", kvm("vcpu_array.xa_head"), value(nowhere | 0xffff000000000002), "::vm", `TWO`, `couldn't read node of vcpu_array`},
		{"address space", kvm("mm"), value(0), "::vm", `kvm +TWO +- +2`, `has no address space`},
		{"page table", kvm("mm"), value(0xffff000000000000 | nowhere), "::vmmem", `slot 0 +- `, `badbad0`},
		{"slots nowhere", kvm("memslots"), value(nowhere), "::vmmem", `ONE`, `couldn't read struct kvm_memslots at badbad000`},
		{"name nowhere", kvm("debugfs_dentry"), value(nowhere), "::vm", `kvm +\d+ +\d+ +2`, ``},
		{"owner of a vCPU", vcpu("kvm"), value(nowhere), "::vcpu", `^[0-9a-f]+ +1 `, `struct kvm_vcpu [0-9a-f]+: it is of badbad000`},
		{"thread of a vCPU", vcpu("pid"), value(nowhere), "::vcpu", `^[0-9a-f]+ +0 [a-z]+ +\d+ - +IO`, `couldn't read struct pid at badbad000`},
		{"APIC of a vCPU", vcpu("arch.apic"), value(nowhere), "::vlapic", `TWO +1 +1 off`, `couldn't read struct kvm_lapic at badbad000`},
		{"size of a slot", slot("npages"), value(1 << 50), "::vmmem", `ONE`, `there cannot be 0x4000000000000 pages at 0`},
		{"loop of slots", slot("gfn_node[1].rb_left"), func(at uint64) uint64 { return at - 16 }, "::vmmem", `ONE`, `is in its tree twice`},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, h := openSpoilt(t)
			v := kernel.Of(s.Session)
			m, err := vm.Lookup(v, named(t, s, "TWO"))
			if err != nil {
				t.Fatal(err)
			}
			out := named(t, s, x.out)
			typ, addr, member := x.where(m)
			f, err := v.Member(typ, member)
			if err != nil {
				t.Fatal(err)
			}
			k := s.Context().System.(*system.LinuxKernel)
			at := addr + f.Off
			pa, err := k.Translate(at &^ 7)
			if err != nil {
				t.Fatal(err)
			}
			old, err := mem.ReadUint(h.Target.Physical(), mem.Addr(pa), 8, binary.LittleEndian)
			if err != nil {
				t.Fatal(err)
			}
			mask := ^uint64(0)
			if f.Size < 8 {
				mask = 1<<(8*f.Size) - 1
			}
			shift := at & 7 * 8
			h.Words[pa] = old&^(mask<<shift) | x.word(at)&mask<<shift
			s.Reread()
			r := s.Run(x.cmd)
			if !regexp.MustCompile("(?m)" + out).MatchString(r.Out) {
				t.Errorf("%s: %q has no %q", x.cmd, r.Out, out)
			}
			if x.err == "" && r.Err != "" || !regexp.MustCompile(x.err).MatchString(r.Err) {
				t.Errorf("%s: told %q, not %q", x.cmd, strings.TrimSpace(r.Err), x.err)
			}
		})
	}
}

func value(n uint64) func(uint64) uint64 { return func(uint64) uint64 { return n } }

// TestLinuxUnknown looks at a vCPU whose registers the host cannot read: they are unknown,
// not zero.
func TestLinuxUnknown(t *testing.T) {
	s, h := openSpoilt(t)
	v := kernel.Of(s.Session)
	m, err := vm.Lookup(v, named(t, s, "TWO"))
	if err != nil {
		t.Fatal(err)
	}
	vcpus, err := m.VCPUs()
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.Member("struct kvm_vcpu", "arch.guest_state_protected")
	if err != nil {
		t.Fatal(err)
	}
	at := vcpus[0].Addr + f.Off
	pa, err := s.Context().System.(*system.LinuxKernel).Translate(at &^ 7)
	if err != nil {
		t.Fatal(err)
	}
	old, err := mem.ReadUint(h.Target.Physical(), mem.Addr(pa), 8, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	h.Words[pa] = old | 1<<(at&7*8)
	s.Reread()
	s.Run(fmt.Sprintf("%x::vcpu -v", vcpus[0].Addr)).OK().Match(`IO +\? +\? `).Match(`%rax +=? *\? .*%rbx +=? *\? `).Match(`encrypted`)
}
