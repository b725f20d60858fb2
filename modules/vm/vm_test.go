package vm_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/vm"
)

// hosts are the scenarios: AMD's host, Intel's with a machine of KVM's, both with the
// structures of today's illumos-gate, too.
var hosts = []string{"vms amd", "vms intel", "vms gate", "vms intel gate"}

// onIntel and ofGate tell what a host is.
func onIntel(host string) bool { return strings.Contains(host, "intel") }
func ofGate(host string) bool  { return strings.HasSuffix(host, "gate") }

func onHosts(t *testing.T, test func(t *testing.T, host string, sys *illumos.System, s *modtest.Session)) {
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			test(t, host, illumos.SystemOf(t, host), modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, host), genunix.Module(), vm.Module()))
		})
	}
}

func size(m *illumos.BuiltVM) string {
	n := uint64(0)
	for _, r := range m.Mem {
		n += r.Len
	}
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%dM", n>>20)
	}
	return fmt.Sprintf("%dK", n>>10)
}

// state is what ::vm must call what a machine does.
func state(m *illumos.BuiltVM) string {
	halted := 0
	for _, c := range m.VCPUs {
		if c.Halted || c.State == "HALTED" {
			halted++
		}
	}
	switch {
	case m.Suspend != "":
		return strings.ToLower(m.Suspend)
	case halted == len(m.VCPUs):
		return "halted"
	}
	return "running"
}

const vmHead = "ADDR             KIND  NAME                    PID VCPUS      MEM STATE      ZONE\n"

func vmLine(m *illumos.BuiltVM) string {
	return fmt.Sprintf("%016x %-5s %-20s %6d %5d %8s %-10s %s\n", m.Addr, m.Kind, m.Name, m.PID, len(m.VCPUs), size(m), state(m), m.Proc.Zone.Name)
}

func TestVM(t *testing.T) {
	onHosts(t, func(t *testing.T, _ string, sys *illumos.System, s *modtest.Session) {
		want := vmHead
		for _, m := range sys.VMs {
			want += vmLine(m)
			s.Run(fmt.Sprintf("%x::vm", m.Addr)).OK().Want(vmHead + vmLine(m))
		}
		s.Run("::vm").OK().Want(want)
		s.Run("::walk vm | ::vm").OK().Want(want)
		web := sys.VMs[0]
		s.Run(fmt.Sprintf("%x::vm", web.Softc.Addr)).OK().Want(vmHead + vmLine(web))
		s.Run(fmt.Sprintf("%x::vm -v", web.Addr)).OK().
			Match(fmt.Sprintf(`^ +vmm_softc_t %x$`, web.Softc.Addr)).
			Match(fmt.Sprintf(`^ +process %x bhyve, pid %d$`, web.Proc.Addr.Addr, web.PID)).
			Match(fmt.Sprintf(`^ +vioapic %x$`, web.Dev["vioapic"].Addr)).
			Match(fmt.Sprintf(`^ +vcpu 2 %x frozen$`, web.VCPUs[2].Addr))
		if r := s.Run("1000::vm"); !strings.Contains(r.Err, "no virtual machine at 1000") {
			t.Errorf("an address that is none: %q", r.Err)
		}
	})
}

// states are the names of the hypervisors' states.
var states = map[string]string{"RUNNABLE": "running", "HALTED": "halted", "RUNNING": "running", "SLEEPING": "sleeping", "FROZEN": "frozen", "IDLE": "idle"}

// pending is what a vCPU has not taken yet, as ::vcpu shows it.
func pending(host string, m *illumos.BuiltVM, c *illumos.BuiltVCPU) string {
	var list []string
	amd := !onIntel(host)
	if c.IntInfo != 0 {
		list = append(list, fmt.Sprintf("intr %x", c.IntInfo&0xff))
	}
	if c.Exception >= 0 {
		text := fmt.Sprintf("exc %x", c.Exception)
		if c.ErrorCode >= 0 {
			text += fmt.Sprintf(" error %x", c.ErrorCode)
		}
		list = append(list, text)
	}
	if c.NMI {
		list = append(list, "nmi")
	}
	if c.ExtINT {
		list = append(list, "extint")
	}
	if c.SIPI != 0 && ofGate(host) {
		list = append(list, fmt.Sprintf("sipi %x", c.SIPI))
	}
	if len(c.Posted) != 0 && !amd { // two, ascending
		list = append(list, fmt.Sprintf("pir %x, pir %x", c.Posted[1], c.Posted[0]))
	}
	if c.Intr >= 0 && (amd || m.Kind == "kvm") { // of bhyve's on Intel's it is in the VMCS
		list = append(list, fmt.Sprintf("intr %x", c.Intr))
	}
	if m.Devices.PICOut && c.APIC.LVTLint0 == 0x700 {
		list = append(list, "extint")
	}
	irr := slices.Clone(c.APIC.IRR)
	slices.Sort(irr)
	slices.Reverse(irr)
	for _, n := range irr {
		list = append(list, fmt.Sprintf("irr %x", n))
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}

const vcpuHead = "ADDR              ID STATE     CPU THREAD           EXIT               RIP               CR3              PENDING\n"

func vcpuLine(host string, m *illumos.BuiltVM, i int) string {
	c := m.VCPUs[i]
	amd := !onIntel(host)
	exit, rip, cr3 := c.Exit.Code, fmt.Sprintf("%x", c.Regs.RIP), fmt.Sprintf("%x", c.Regs.CR3)
	switch {
	case m.Kind == "kvm":
		exit = map[uint64]string{1: "EXT_INTR", 12: "HLT"}[c.HW.Code]
	case amd && exit == "BOGUS":
		exit = "INTR"
	case exit == "BOGUS":
		exit = "EXT_INTR"
	case ofGate(host) && exit == "INST_EMUL":
		exit = "MMIO_EMUL"
	}
	if m.Kind == "bhyve" && !amd { // what the last exit told
		rip += "~"
		if cr3 += "~"; exit != "INST_EMUL" { // a MMIO_EMUL has none
			cr3 = "?"
		}
	}
	cpu, thread, st := "-", "-", states[c.State]
	if c.HostCPU >= 0 {
		cpu = fmt.Sprint(c.HostCPU)
	}
	if c.Kthread != nil {
		thread = fmt.Sprintf("%x", c.Kthread.Addr)
	}
	if c.Halted {
		st = "halted"
	}
	if m.Kind == "kvm" && st == "running" && c.HostCPU < 0 {
		if st = "frozen"; c.Kthread != nil {
			st = "sleeping"
		}
	}
	return fmt.Sprintf("%016x %3d %-9s %3s %-16s %-18s %-17s %-16s %s\n", c.Addr, i, st, cpu, thread, exit, rip, cr3, pending(host, m, c))
}

func TestVCPU(t *testing.T) {
	onHosts(t, func(t *testing.T, host string, sys *illumos.System, s *modtest.Session) {
		all := vcpuHead
		for _, m := range sys.VMs {
			of := vcpuHead
			for i, c := range m.VCPUs {
				s.Run(fmt.Sprintf("%x::vcpu", c.Addr)).OK().Want(vcpuHead + vcpuLine(host, m, i))
				of += vcpuLine(host, m, i)
			}
			s.Run(fmt.Sprintf("%x::vcpu", m.Addr)).OK().Want(of)
			s.Run(fmt.Sprintf("%x::walk vcpu | ::vcpu", m.Addr)).OK().Want(of)
			all += strings.TrimPrefix(of, vcpuHead)
		}
		s.Run("::vcpu").OK().Want(all)
		s.Run("::vm | ::vcpu").OK().Want(all)
		web := sys.VMs[0]
		s.Run(fmt.Sprintf("%x::walk vcpu | ::print hostcpu ! head -1", web.Addr)).OK().Want("hostcpu = 0x1\n")
		s.Run(fmt.Sprintf("%x::walk vmmem | ::print struct mem_map len ! head -1", web.Addr)).OK().Want(fmt.Sprintf("len = 0x%x\n", web.Mem[0].Len))
	})
}

// TestRegisters compares every register that ::vcpu -v shows with the description.
func TestRegisters(t *testing.T) {
	names := []string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}
	onHosts(t, func(t *testing.T, host string, sys *illumos.System, s *modtest.Session) {
		for _, m := range sys.VMs {
			for i, c := range m.VCPUs {
				r := c.Regs
				want := map[string]uint64{"rip": r.RIP, "rflags": r.RFLAGS, "cr0": r.CR0, "cr2": r.CR2, "cr3": r.CR3, "cr4": r.CR4, "efer": r.EFER, "kgsbas": r.KGSBase,
					"cr8": r.CR8, "xcr0": 7, "star": r.STAR, "lstar": r.LSTAR, "cstar": r.CSTAR, "sfmask": r.SFMASK, "pat": r.PAT,
					"dr0": r.DR[0], "dr1": r.DR[1], "dr2": r.DR[2], "dr3": r.DR[3], "dr6": r.DR6, "dr7": r.DR7}
				for n, name := range names {
					want[name] = r.GPR[n]
				}
				unknown := map[string]bool{}
				switch {
				case m.Kind == "kvm":
					unknown["rflags"] = true
					delete(want, "xcr0") // it has no place for it
				case onIntel(host):
					for _, name := range []string{"rsp", "rflags", "cr0", "cr3", "cr4", "efer", "dr7"} {
						unknown[name] = true
					}
					unknown["rflags"] = c.Exit.Code != "HLT"
					unknown["cr3"] = c.Exit.Code != "INST_EMUL" || ofGate(host)
				default:
					want["efer"] |= 1 << 12 // SVME: the processor wants it set to run a guest
				}
				out := s.Run(fmt.Sprintf("%x::vcpu -v", c.Addr)).OK().Out
				for name, v := range want {
					text := fmt.Sprintf("%%%-6s = %016x", name, v)
					if unknown[name] {
						text = fmt.Sprintf("%%%-6s = ?", name)
					}
					if !strings.Contains(out, text) {
						t.Errorf("vCPU %d of %s: no %q in\n%s", i, m.Name, text, out)
					}
				}
				if says := strings.Contains(out, "? is in the VMCS"); says != onIntel(host) {
					t.Errorf("vCPU %d of %s: what ? means is told: %v", i, m.Name, says)
				}
				if !onIntel(host) {
					cs := r.Seg[1]
					line := fmt.Sprintf("%%cs  %04x base %016x limit %08x attr %05x", cs.Sel, cs.Base, cs.Limit, cs.Attr)
					if !strings.Contains(out, line) {
						t.Errorf("vCPU %d of %s: no %q in\n%s", i, m.Name, line, out)
					}
				}
			}
		}
	})
}

// TestExits looks at what came with exits.
func TestExits(t *testing.T) {
	onHosts(t, func(t *testing.T, host string, sys *illumos.System, s *modtest.Session) {
		web, db := sys.VMs[0], sys.VMs[1]
		show := func(c *illumos.BuiltVCPU) *modtest.Result { return s.Run(fmt.Sprintf("%x::vcpu -v", c.Addr)).OK() }
		io, emul, msr := web.VCPUs[2].Exit, web.VCPUs[3].Exit, db.VCPUs[0].Exit
		show(web.VCPUs[2]).Match(fmt.Sprintf(`last exit: INOUT \(port %x out %d value %x\)$`, io.Port, io.Bytes, io.EAX))
		show(web.VCPUs[3]).Match(fmt.Sprintf(`last exit: (INST|MMIO)_EMUL \(gpa %x\)$`, emul.GPA))
		show(db.VCPUs[0]).Match(fmt.Sprintf(`last exit: WRMSR \(msr %x value %x\)$`, msr.MSR, msr.Value))
		if onIntel(host) {
			show(sys.VMs[3].VCPUs[1]).Match(`last exit: HLT \(its process was told INTR\)$`)
		}
		show(sys.VMs[2].VCPUs[0]).Match(`last exit: SUSPENDED \(poweroff\)$`)
		if !onIntel(host) {
			show(web.VCPUs[3]).Match(fmt.Sprintf(`processor's reason: NPF info %x %x \(gpa %x write, not mapped\)$`, web.VCPUs[3].HW.Info1, emul.GPA, emul.GPA))
			show(web.VCPUs[2]).Match(fmt.Sprintf(`processor's reason: IO info %x %x \(port %x out 1\)$`, web.VCPUs[2].HW.Info1, web.VCPUs[2].HW.Info2, io.Port))
		} else {
			show(web.VCPUs[0]).Match(`last exit: EXT_INTR$`).Match(`processor's reason: EXT_INTR qualification 0$`)
		}
	})
}

func TestJSON(t *testing.T) {
	sys := illumos.SystemOf(t, "vms intel")
	s := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "vms intel"), genunix.Module(), vm.Module())
	s.Opts.JSON = true
	vcpus, regions := 0, 0
	for _, m := range sys.VMs {
		vcpus, regions = vcpus+len(m.VCPUs), regions+len(m.Mem)+len(m.Aliases)+len(m.Passed)
	}
	for cmd, want := range map[string]struct {
		rows   int
		fields []string
	}{
		"::vm":      {4, []string{"addr", "kind", "name", "pid", "vcpus", "mem", "state", "zone"}},
		"::vcpu -v": {vcpus, []string{"addr", "id", "state", "cpu", "thread", "exit", "rip", "cr3", "pending"}},
		"::vmmem":   {regions, []string{"addr", "vm", "gpa", "len", "prot", "name", "host"}},
		"::vlapic":  {vcpus, []string{"addr", "id", "mode", "isr", "irr"}},
		"::vatpic":  {8, []string{"addr", "chip", "irr"}},
	} {
		lines := strings.Split(strings.TrimSpace(s.Run(cmd).OK().Out), "\n")
		if len(lines) != want.rows {
			t.Errorf("%s: %d rows, want %d", cmd, len(lines), want.rows)
		}
		for _, line := range lines {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%s: %v: %s", cmd, err, line)
			}
			for _, f := range want.fields {
				if _, ok := row[f]; !ok {
					t.Errorf("%s: no %s in %s", cmd, f, line)
				}
			}
		}
	}
}

// TestIntelExits: exits that bhyve gives to its process as the processor's, instructions
// of its own that failed, and one that it dealt with itself of which nothing is left.
func TestIntelExits(t *testing.T) {
	var at [4]uint64
	s := changed(t, "intel", illumos.KernelPages, func(sys *illumos.System) {
		for i := range at {
			c := sys.VMs[0].VCPUs[i]
			at[i] = c.Addr
			c.Set("exitinfo.exitcode", sys.Const("VM_EXITCODE_VMX"))
		}
		exit := func(i int, reason uint32, qualification uint64) illumos.Obj {
			return sys.VMs[0].VCPUs[i].Member("exitinfo.u").Set("vmx.exit_reason", reason).Set("vmx.exit_qualification", qualification)
		}
		exit(0, 49, 0xfee00000)
		exit(1, 0x80000021, 4)
		exit(2, ^uint32(0), ^uint64(0)).Set("vmx.inst_type", 2).Set("vmx.inst_error", 7)
		// It was sent back before it came to the guest: the union has an access to a port.
		exit(3, 0x10058, 0).Member("inout").Set("port", 0x3f8)
		sys.VMs[0].VCPUs[3].Set("exitinfo.exitcode", sys.Const("VM_EXITCODE_BOGUS"))
	})
	for i, want := range []string{`VMX \(EPT_MISCONFIG qualification fee00000\)`, `VMX \(INVAL_VMCS \(entry failed\) qualification 4\)`, `VMX \(VMLAUNCH failed, error 7\)`, `BOGUS`} {
		s.Run(fmt.Sprintf("%x::vcpu -v", at[i])).OK().Match(`last exit: ` + want + `$`)
	}
}

// TestSlotFlags: a slot of illumos-kvm's that is being removed, and one whose pages that
// are written to are noted.
func TestSlotFlags(t *testing.T) {
	s := changed(t, "intel", illumos.KernelPages, func(sys *illumos.System) {
		kvm(sys).Mem[0].Set("flags", 2)
		kvm(sys).Mem[1].Set("flags", 1)
	})
	s.Run("::vmmem").Match(`^\S+ kvm0 .* slot 0 .* invalid$`).Match(`^\S+ kvm0 .* slot 1 .* log-dirty$`)
}

// TestKVMStates: a vCPU of illumos-kvm's that may run and is loaded into no processor is
// with its process, or its thread sleeps in KVM and holds it.
func TestKVMStates(t *testing.T) {
	var held, free uint64
	s := changed(t, "intel", illumos.KernelPages, func(sys *illumos.System) {
		list := kvm(sys).VCPUs
		held, free = list[1].Set("arch.mp_state", 0).Addr, list[2].Addr
	})
	s.Run(fmt.Sprintf("%x::vcpu", held)).OK().Match(`^\S+ +1 sleeping `)
	s.Run(fmt.Sprintf("%x::vcpu", free)).OK().Match(`^\S+ +2 frozen `)
}
