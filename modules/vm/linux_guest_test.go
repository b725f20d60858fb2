package vm_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/kernel"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/vm"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// linuxHost is a real Linux kernel with two machines of KVM's, that run fixtures/guest's
// program tinyvm, and what the kernel itself said of them.
type linuxHost struct {
	*modtest.Session
	d *guest.Dumped
}

func onLinux(t *testing.T, test func(t *testing.T, h *linuxHost)) {
	for name, m := range map[string]guest.Machine{
		"main": guest.Main, "fourlevel": guest.FourLevel, "generic": guest.GenericKernel, "backports": guest.BackportsKernel,
	} {
		t.Run(name, func(t *testing.T) {
			d := guest.Dumps(t, m)
			target, err := linuxdump.Open(t.Context(), []string{d.File(guest.ELF)}, linuxdump.Options{})
			if err != nil {
				t.Fatal(err)
			}
			test(t, &linuxHost{modtest.OpenTarget(t, target, linux.Module(), vm.Module()), d})
		})
	}
}

// records runs a command and gives its rows.
func (h *linuxHost) records(t *testing.T, cmd string) (list []map[string]any) {
	t.Helper()
	h.Opts.JSON = true
	r := h.Run(cmd).OK()
	h.Opts.JSON = false
	for line := range strings.Lines(r.Out) {
		o := map[string]any{}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%s: %v in %q", cmd, err, line)
		}
		list = append(list, o)
	}
	return list
}

// machineTruth is what debugfs said of a machine.
type machineTruth struct {
	exits   int
	threads map[int]int // by vCPU
}

var (
	exitsLine  = regexp.MustCompile(`^/sys/kernel/debug/kvm/([^/]+)/exits:(\d+)$`)
	threadLine = regexp.MustCompile(`^/sys/kernel/debug/kvm/([^/]+)/vcpu(\d+)/pid:(\d+)$`)
)

func kvmTruth(t *testing.T, tr guest.Truth) map[string]*machineTruth {
	t.Helper()
	found := map[string]*machineTruth{}
	of := func(name string) *machineTruth {
		if found[name] == nil {
			found[name] = &machineTruth{threads: map[int]int{}}
		}
		return found[name]
	}
	for line := range strings.Lines(tr.Section(t, "kvm")) {
		line = strings.TrimSpace(line)
		if m := exitsLine.FindStringSubmatch(line); m != nil {
			of(m[1]).exits, _ = strconv.Atoi(m[2])
		} else if m := threadLine.FindStringSubmatch(line); m != nil {
			id, _ := strconv.Atoi(m[2])
			of(m[1]).threads[id], _ = strconv.Atoi(m[3])
		}
	}
	if len(found) != 2 {
		t.Fatalf("the guest named %d machines, not 2", len(found))
	}
	return found
}

func TestLinuxMachines(t *testing.T) {
	onLinux(t, func(t *testing.T, h *linuxHost) {
		want := kvmTruth(t, h.d.Before)
		got := h.records(t, "::vm")
		var names []string
		for _, r := range got {
			name := r["name"].(string)
			names = append(names, name)
			w := want[name]
			if w == nil {
				t.Errorf("there was no machine %s", name)
				continue
			}
			pid, _, _ := strings.Cut(name, "-")
			for col, v := range map[string]string{"kind": "kvm", "pid": pid, "vcpus": fmt.Sprint(len(w.threads)), "mem": "1M", "state": "running", "zone": "global"} {
				if g := fmt.Sprint(r[col]); g != v {
					t.Errorf("machine %s: %s is %s, want %s", name, col, g, v)
				}
			}
			one := h.Run(fmt.Sprintf("%v::vm -v", r["addr"])).OK()
			one.Match(`^ +process [0-9a-f]+ tinyvm, pid ` + pid + `$`).Match(`^ +processors: amd$`)
		}
		slices.Sort(names)
		if dirs := strings.Fields(strings.ReplaceAll(h.d.Before.Section(t, "kvm-dirs"), "/sys/kernel/debug/kvm/", "")); !slices.Equal(names, slices.Sorted(slices.Values(dirs))) {
			t.Errorf("machines %v, debugfs has %v", names, dirs)
		}
		h.Run("::walk vm | ::vm").OK().Want(h.Run("::vm").OK().Out)
	})
}

// exitCounts reads what KVM counts of a vCPU: all exits, those for in and out.
func exitCounts(t *testing.T, v *kernel.View, vcpu uint64) (all, io uint64) {
	t.Helper()
	for name, to := range map[string]*uint64{"stat.exits": &all, "stat.io_exits": &io} {
		f, err := v.Member("struct kvm_vcpu", name)
		if err == nil {
			*to, err = v.Pointer(vcpu + f.Off)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return all, io
}

func TestLinuxVCPUs(t *testing.T) {
	onLinux(t, func(t *testing.T, h *linuxHost) {
		before, after := kvmTruth(t, h.d.Before), kvmTruth(t, h.d.After)
		v := kernel.Of(h.Session.Session)
		for m, err := range vm.Machines(v) {
			if err != nil {
				t.Fatal(err)
			}
			vcpus, err := m.VCPUs()
			if err != nil {
				t.Error(err)
			}
			threads, err := m.Threads()
			if err != nil {
				t.Error(err)
			}
			tids := map[int]int{}
			for id, th := range threads {
				tids[id] = int(th.TID)
			}
			if !maps.Equal(tids, before[m.Name].threads) {
				t.Errorf("machine %s: threads %v, want %v", m.Name, tids, before[m.Name].threads)
			}
			sum := uint64(0)
			for i, c := range vcpus {
				all, io := exitCounts(t, v, c.Addr)
				sum += all
				checkTinyVCPU(t, m, c, i, io)
			}
			if lo, hi := before[m.Name].exits, after[m.Name].exits; int(sum) < lo || int(sum) > hi {
				t.Errorf("machine %s: %d exits, debugfs said %d before and %d after", m.Name, sum, lo, hi)
			}
		}
		for _, r := range h.records(t, "::vcpu") {
			one := h.records(t, fmt.Sprintf("%v::vcpu", r["addr"]))
			if len(one) != 1 || fmt.Sprint(one[0]) != fmt.Sprint(r) {
				t.Errorf("by its address %v, among all %v", one, r)
			}
		}
	})
}

// checkTinyVCPU compares a vCPU with what tinyvm makes it do: it counts up ax, writes it to
// memory and leaves the guest with an out, so that io exits are what it has counted.
func checkTinyVCPU(t *testing.T, m *vm.Machine, c *vm.VCPU, id int, io uint64) {
	t.Helper()
	r, err := c.Regs()
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != id {
		t.Errorf("%s: vCPU %d has id %d", m.Name, id, c.ID)
	}
	if !slices.Contains([]uint64{0x1000, 0x1001, 0x1003, 0x1005}, r.RIP.V) || !r.RIP.Known {
		t.Errorf("%s vCPU %d: rip %+v is not in the program", m.Name, id, r.RIP)
	}
	if want := uint64(0x2000 + 2*id); r.GPR[vm.RBX].V != want {
		t.Errorf("%s vCPU %d: rbx %x, want %x", m.Name, id, r.GPR[vm.RBX].V, want)
	}
	ax := r.GPR[vm.RAX].V & 0xffff
	if ax != io&0xffff && ax != (io+1)&0xffff || io < 3 { // it said that it had left three times
		t.Errorf("%s vCPU %d: ax %d, of %d exits for in and out", m.Name, id, ax, io)
	}
	n, err := mem.ReadUint(m.Physical(), mem.Addr(0x2000+2*id), 2, binary.LittleEndian)
	if err != nil || n != ax && n+1 != ax {
		t.Errorf("%s vCPU %d: memory has %d (%v), ax %d", m.Name, id, n, err, ax)
	}
	if c.State == "frozen" && (c.Exit.Reason != "IO" || !strings.Contains(c.Exit.Detail, "port 10 out, 1 bytes")) {
		t.Errorf("%s vCPU %d: left the guest for %+v", m.Name, id, c.Exit)
	}
	for name, v := range map[string]vm.Value{"cr0.pe": {V: r.CR0.V & 1, Known: r.CR0.Known}, "cr3": r.CR3, "cr4": r.CR4, "efer": r.EFER, "cs": r.Seg[vm.CS].Selector, "cs base": r.Seg[vm.CS].Base} {
		if !v.Known || v.V != 0 {
			t.Errorf("%s vCPU %d: %s is %+v, want 0", m.Name, id, name, v)
		}
	}
	if l := r.Seg[vm.DS].Limit; l.V != 0xffff {
		t.Errorf("%s vCPU %d: limit of ds %+v", m.Name, id, l)
	}
}

// tinyCode is the program that the machines run, out of tinyvm's source.
func tinyCode(t *testing.T) (code []byte) {
	t.Helper()
	src, err := os.ReadFile("../../fixtures/guest/programs/tinyvm.c")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`code\[\] = \{ ([^}]*) \}`).FindSubmatch(src)
	if m == nil {
		t.Fatal("tinyvm.c has no code")
	}
	for _, w := range strings.Split(string(m[1]), ", ") {
		n, err := strconv.ParseUint(w, 0, 8)
		if err != nil {
			t.Fatal(err)
		}
		code = append(code, byte(n))
	}
	return code
}

func TestLinuxMemory(t *testing.T) {
	onLinux(t, func(t *testing.T, h *linuxHost) {
		code := tinyCode(t)
		slots := h.records(t, "::vmmem")
		if len(slots) != 2 {
			t.Errorf("%d memory slots, want one of each machine", len(slots))
		}
		for _, r := range slots {
			if fmt.Sprint(r["name"], r["prot"]) != "slot 0rwx" || h.Run(fmt.Sprintf("%v::print -d struct kvm_memory_slot npages", r["addr"])).OK().Out != "npages = 0t256\n" {
				t.Errorf("slot %v", r)
			}
		}
		for m, err := range vm.Machines(kernel.Of(h.Session.Session)) {
			if err != nil {
				t.Fatal(err)
			}
			regions, err := m.Regions()
			if err != nil || len(regions) != 1 || regions[0].GPA != 0 || regions[0].Len != 1<<20 {
				t.Errorf("%s: regions %+v, %v", m.Name, regions, err)
			}
			b := make([]byte, len(code))
			if err := mem.ReadFull(m.Physical(), b, 0x1000); err != nil || !bytes.Equal(b, code) {
				t.Errorf("%s: %x (%v) at 1000, want %x", m.Name, b, err, code)
			}
			for _, a := range []mem.Addr{0x80000, 1 << 20} { // never written; behind the end
				if n, err := m.Physical().ReadAt(b[:1], a); n != 0 || !errors.Is(err, mem.ErrUnmapped) {
					t.Errorf("%s: read of %x: %d, %v", m.Name, uint64(a), n, err)
				}
			}
		}
	})
}

func TestLinuxGuests(t *testing.T) {
	onLinux(t, func(t *testing.T, h *linuxHost) {
		for _, r := range h.records(t, "::vm") {
			name := r["name"].(string)
			h.Run("::guest -r " + name).OK().Want("debugger context set to guest " + name + "\n")
			h.Run("::vcpus").OK().Match(`^ +\*0 100[0135] .* real mode *$`)
			h.Run("1000::dis -n 3").OK().Want(
				"0x1000:                         incw   %ax\n0x1001:                         movw   %ax,(%bx)\n" +
					"0x1003:                         outb   $0x10\n0x1005:                         jmp    -0x7     <0x1000>\n")
			h.Run("1000/7Bx").OK().Match(`40 +89 +7 +e6 +10 +eb +f9`)
			h.Run("$r").OK().Match(`%ebx = 0x00002000`).Match(`%eip = 0x0000100[0135]`)
			h.Run("1000::vtop").OK().Want("virtual 1000 mapped to physical 1000\n")
			if r["vcpus"].(float64) == 2 {
				h.Run("1:x").OK()
				h.Run("$r").OK().Match(`%ebx = 0x00002002`)
			}
			if bad := h.Run("80000/X"); bad.Err == "" {
				t.Errorf("a page that was never written reads as %q", bad.Out)
			}
			h.Run("::guest -").OK().Want("debugger context set back from guest " + name + "\n")
		}
		h.Run("::vm").OK().Match(`kvm`)
	})
}

func TestLinuxDevices(t *testing.T) {
	onLinux(t, func(t *testing.T, h *linuxHost) {
		for _, r := range h.records(t, "::vm") {
			n := int(r["vcpus"].(float64))
			apics := h.records(t, fmt.Sprintf("%v::vlapic", r["addr"]))
			if len(apics) != n {
				t.Errorf("%d local APICs of %d vCPUs", len(apics), n)
			}
			for i, a := range apics { // tinyvm leaves them as they were made: off by software, and timers masked
				if fmt.Sprint(a["vcpu"], a["mode"], a["timer"], a["irr"], a["isr"]) != fmt.Sprintf("%doffmasked--", i) {
					t.Errorf("local APIC %d: %v", i, a)
				}
			}
			pins := h.records(t, fmt.Sprintf("%v::vioapic -a", r["addr"]))
			if len(pins) != 24 || pins[23]["masked"] != "yes" {
				t.Errorf("%d pins of the I/O APIC", len(pins))
			}
			if chips := h.records(t, fmt.Sprintf("%v::vatpic", r["addr"])); len(chips) != 2 || chips[1]["chip"] != "slave" {
				t.Errorf("8259s: %v", chips)
			}
			if bad := h.Run(fmt.Sprintf("%v::vatpit", r["addr"])); !strings.Contains(bad.Err, "has no vatpit in the kernel") {
				t.Errorf("an 8254 that tinyvm has not made: %q %q", bad.Out, bad.Err)
			}
		}
	})
}
