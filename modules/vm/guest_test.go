package vm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/vm"
)

// noKernel is what opening a guest of the scenarios says: they run small programs.
const noKernel = "no kernel was recognised (see ::status): registers, memory and disassembly are what there is\n"

// openGuests opens the scenario of a vendor's host.
func openGuests(t *testing.T, vendor string) (*illumos.System, *modtest.Session) {
	t.Helper()
	return illumos.SystemOf(t, "vms "+vendor), modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "vms "+vendor), genunix.Module(), vm.Module())
}

// enter opens a guest and fails if it says anything but what it should: that there is no
// kernel is said if one was looked for.
func enter(t *testing.T, s *modtest.Session, name, args string) {
	t.Helper()
	r, note := s.Run("::guest "+args+" "+name).OK(), noKernel
	if slices.Contains(strings.Fields(args), "-r") {
		note = ""
	}
	if r.Out != "debugger context set to guest "+name+"\n"+note || r.Err != "" {
		t.Fatalf("::guest %s %s:\n%s%s", args, name, r.Out, r.Err)
	}
}

func leave(t *testing.T, s *modtest.Session, name string) {
	t.Helper()
	s.Run("::guest -").OK().Want("debugger context set back from guest " + name + "\n")
}

// kindOf is how the tests know the mode that a vCPU's description gives it.
func kindOf(r *illumos.GuestRegs) string {
	switch {
	case r.CR0&1 == 0:
		return "real mode"
	case r.CR4&(1<<5) == 0:
		return "32-bit, 32-bit PSE paging"
	case r.EFER&(1<<10) == 0:
		return "32-bit, PAE paging"
	case r.CR4&(1<<12) != 0:
		return "64-bit, 5-level paging"
	}
	return "64-bit, 4-level paging"
}

// TestGuestVCPUs compares the registers of each vCPU of AMD's host with the
// description.
func TestGuestVCPUs(t *testing.T) {
	sys, s := openGuests(t, "amd")
	for _, m := range sys.VMs {
		enter(t, s, m.Name, "-r")
		rows := strings.Split(strings.TrimSpace(s.Run("::vcpus").OK().Out), "\n")[1:]
		if len(rows) != len(m.VCPUs) {
			t.Fatalf("%s: %d vCPUs, want %d", m.Name, len(rows), len(m.VCPUs))
		}
		for i, c := range m.VCPUs {
			r := &c.Regs
			star := ""
			if i == 0 {
				star = "*"
			}
			state := ""
			if c.Halted {
				state = "halted"
			}
			want := strings.Join(strings.Fields(fmt.Sprintf("%s%d %x %x %s %s", star, i, r.RIP, r.CR3, kindOf(r), state)), " ")
			if got := strings.Join(strings.Fields(rows[i]), " "); got != want {
				t.Errorf("%s: %q, want %q", m.Name, got, want)
			}
			s.Run(fmt.Sprintf("%x::switch", i)).OK().Want("")
			names := []string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"}
			for j, name := range names {
				if !strings.HasPrefix(kindOf(r), "64") {
					name = "e" + name[1:]
				}
				if got := strings.TrimSpace(s.Run("<" + name + "=J").OK().Out); got != fmt.Sprintf("%x", r.GPR[j]) {
					t.Errorf("%s, vCPU %d: %s is %s, want %x", m.Name, i, name, got, r.GPR[j])
				}
			}
		}
		leave(t, s, m.Name)
	}
}

// paged are the programs of the guests by the page tables that map them.
var paged = []struct {
	mode, cr3 string
	p         illumos.GuestProgram
	dis       string
}{
	{"none", "0", illumos.Guest16, "lodsb"},
	{"32", fmt.Sprintf("%x", illumos.GuestPD32), illumos.Guest32, "movzbl"},
	{"pae", fmt.Sprintf("%x", illumos.GuestPAE), illumos.Guest32, "movzbl"},
	{"4", fmt.Sprintf("%x", illumos.GuestPML4), illumos.Guest64, "movzbl"},
	{"5", fmt.Sprintf("%x", illumos.GuestPML5), illumos.Guest64, "movzbl"},
}

// TestGuestMemory reads a guest's memory by page tables of every mode, of bhyve's
// machines on both vendors' hosts and of KVM's.
func TestGuestMemory(t *testing.T) {
	for _, vendor := range []string{"amd", "intel"} {
		sys, s := openGuests(t, vendor)
		for _, m := range sys.VMs {
			t.Run(vendor+"/"+m.Name, func(t *testing.T) {
				for _, w := range paged {
					t.Run(w.mode, func(t *testing.T) { programIn(t, s, m.Name, "-r -c "+w.cr3+" -m "+w.mode, w.p, w.dis) })
				}
			})
		}
	}
}

func programIn(t *testing.T, s *modtest.Session, vm, args string, p illumos.GuestProgram, dis string) {
	enter(t, s, vm, args)
	defer leave(t, s, vm)
	lines := strings.Split(s.Run(fmt.Sprintf("%x::dis -n 1", p.VA+p.Loop)).OK().Out, "\n")
	if len(lines) < 2 || !strings.Contains(lines[0], dis) || !strings.Contains(lines[1], "testb") {
		t.Errorf("::dis: %q", lines)
	}
	if got := s.Run(fmt.Sprintf("%x/s", p.VA+p.Message)).OK().Out; !strings.HasSuffix(got, p.Text+"\n") {
		t.Errorf("the string at %x: %q", p.VA+p.Message, got)
	}
	if got := s.Run(fmt.Sprintf("%x\\s", p.GPA+p.Message)).OK().Out; !strings.HasSuffix(got, p.Text+"\n") {
		t.Errorf("the string at physical %x: %q", p.GPA+p.Message, got)
	}
	s.Run(fmt.Sprintf("%x::vtop", p.VA+p.Loop)).OK().Want(fmt.Sprintf("virtual %x mapped to physical %x\n", p.VA+p.Loop, p.GPA+p.Loop))
	if r := s.Run("7fff0000::vtop"); r.Status == nil && !strings.Contains(args, "none") {
		t.Errorf("what is not mapped: %s", r.Out)
	}
}

// TestGuestPlain opens guests as a user does, without options: a kernel is looked for, and
// its absence is no error.
func TestGuestPlain(t *testing.T) {
	sys, s := openGuests(t, "amd")
	for _, m := range sys.VMs {
		enter(t, s, m.Name, "")
		r := &m.VCPUs[0].Regs
		if got := s.Run("<rip=J").OK().Out; strings.TrimSpace(got) != fmt.Sprintf("%x", r.RIP) {
			t.Errorf("%s: rip %s, want %x", m.Name, got, r.RIP)
		}
		s.Run("<rip::dis -n 1").OK().Match(fmt.Sprintf("^%#x: ", r.RIP))
		s.Run("::status").OK().Match("no kernel was recognised$").Match("linux kernel: no kernel found")
		leave(t, s, m.Name)
	}
}

// TestGuestByVCPU reads by the page table that the vCPU has, on AMD's host.
func TestGuestByVCPU(t *testing.T) {
	sys, s := openGuests(t, "amd")
	for _, m := range sys.VMs {
		for i, c := range m.VCPUs {
			p := map[string]illumos.GuestProgram{"r": illumos.Guest16, "3": illumos.Guest32, "6": illumos.Guest64}[kindOf(&c.Regs)[:1]]
			enter(t, s, m.Name, fmt.Sprintf("-r -v %x", i))
			if got := s.Run(fmt.Sprintf("%x/s", p.VA+p.Message)).OK().Out; !strings.HasSuffix(got, p.Text+"\n") {
				t.Errorf("%s, vCPU %d: %q", m.Name, i, got)
			}
			leave(t, s, m.Name)
		}
	}
}

// TestGuestOnIntel: what is in the VMCS is unknown, and said to be.
func TestGuestOnIntel(t *testing.T) {
	sys, s := openGuests(t, "intel")
	m := sys.VMs[0]
	enter(t, s, m.Name, "-r -v 1")
	defer leave(t, s, m.Name)
	if r := s.Run("::status").OK(); !strings.HasPrefix(r.Out, "debugging machine "+m.Name+": no kernel was looked for\nmemory size: ") {
		t.Errorf("::status: %s", r.Out)
	}
	if r := s.Run("ffffffff80100000::vtop"); r.Status == nil || !strings.Contains(r.Err, "no page table is known: processor 1 has no cr3") {
		t.Errorf("::vtop: %s%s", r.Out, r.Err)
	}
	if r := s.Run("ffffffff80100000/X"); !strings.Contains(r.Err, "no page table is known") {
		t.Errorf("/X: %s%s", r.Out, r.Err)
	}
	row := strings.Fields(strings.Split(s.Run("1::vcpus").OK().Out, "\n")[1])
	if row[0] != "*1" || row[2] != "?" {
		t.Errorf("::vcpus: %q", row)
	}
	s.Run("7c10\\s").OK()
}

// TestGuestNesting goes in and out, and looks where it is.
func TestGuestNesting(t *testing.T) {
	sys, s := openGuests(t, "amd")
	s.Run("::guest").OK().Want("* host  vmcore.0\n")
	status := s.Run("::status").OK().Out
	psrinfo := s.Run("::ps").OK().Out
	enter(t, s, illumos.VMDB, "-r")
	s.Run("::guest").OK().Want("  host  vmcore.0\n* guest " + illumos.VMDB + "\n")
	if got := fmt.Sprint(s.Nesting()); got != "["+illumos.VMDB+"]" {
		t.Errorf("nesting %s", got)
	}
	if got := s.Run("::status").OK().Out; !strings.Contains(got, fmt.Sprintf("current processor: 0 (64-bit, 5-level paging, cr3 %#x)", illumos.GuestPML5)) || strings.Contains(got, "crash dump") {
		t.Errorf("::status:\n%s", got)
	}
	if r := s.Run("::guest " + illumos.VMWeb); r.Status == nil || r.Err != "xmdb: no virtual machine '"+illumos.VMWeb+"'\n" {
		t.Errorf("a host's machine from within a guest: %s", r.Err)
	}
	leave(t, s, illumos.VMDB)
	s.Run("::status").OK().Want(status)
	s.Run("::ps").OK().Want(psrinfo)
	if r := s.Run("::guest -"); r.Status == nil || r.Err != "xmdb: the debugger is in no guest\n" {
		t.Errorf("::guest -: %s", r.Err)
	}
	// By address, and not out of a process.
	for _, a := range []uint64{sys.VMs[0].Addr, sys.VMs[0].Softc.Addr} {
		if r := s.Run(fmt.Sprintf("%x::guest -r; ::guest -", a)); r.Status != nil || !strings.Contains(r.Out, illumos.VMWeb) {
			t.Errorf("%x::guest: %s%s", a, r.Out, r.Err)
		}
		if r := s.Run(fmt.Sprintf("::guest -r %x; ::guest -", a)); r.Status != nil || !strings.Contains(r.Out, illumos.VMWeb) {
			t.Errorf("::guest %x: %s%s", a, r.Out, r.Err)
		}
	}
	s.Run(fmt.Sprintf("%x::context", sys.Procs[1].Addr.Addr))
	if r := s.Run("::guest " + illumos.VMWeb); r.Status == nil || r.Err != "xmdb: the context is PID 1: 0::context goes back to the kernel\n" {
		t.Errorf("::guest in a process: %s", r.Err)
	}
	s.Run("0::context").OK()
}

// TestGuestRefuses is what is wrong with a command, and page tables that lead nowhere.
func TestGuestRefuses(t *testing.T) {
	_, s := openGuests(t, "amd")
	for cmd, want := range map[string]string{
		"::guest nosuch":                       "xmdb: no virtual machine 'nosuch'\n",
		"::guest ''":                           "xmdb: no virtual machine ''\n",
		"1234::guest":                          "xmdb: no virtual machine at 1234\n",
		"::guest -v 4 " + illumos.VMWeb:        "xmdb: failed to open guest " + illumos.VMWeb + ": it has no vCPU 4: its vCPUs are 0 to 3\n",
		"::guest -v ffffffff " + illumos.VMOff: "xmdb: failed to open guest " + illumos.VMOff + ": it has no vCPU 4294967295: its vCPUs are 0 to 0\n",
		"::guest -m 6 " + illumos.VMWeb:        "xmdb: parse paging mode \"6\": expected none, 32, pae, 4 or 5\n",
		"::guest a b":                          "Usage: [address]::guest",
		"1234::guest " + illumos.VMWeb:         "Usage: [address]::guest",
		"0::switch":                            "xmdb: failed to switch to processor 0: operation not supported by target\n",
		"::vcpus":                              "xmdb: failed to list processors: operation not supported by target\n",
	} {
		if r := s.Run(cmd); r.Status == nil || !strings.Contains(r.Err, want) {
			t.Errorf("%s: %q, want %q", cmd, r.Err, want)
		}
	}
	if len(s.Nesting()) != 0 {
		t.Fatalf("in %v", s.Nesting())
	}
	for _, wild := range []string{fmt.Sprintf("%x", illumos.GuestLoopPD), "fffffffffffff000", "3ff000", "ffffffff", "100000000"} {
		enter(t, s, illumos.VMWeb, "-r -c "+wild)
		for _, cmd := range []string{"::mappings", "::vtop", "ffffffff80100000::vtop -v", "$C", "$r", "<rip::dis", "0/X", "ffff880000000000,10/J", "::status", "::vcpus"} {
			s.Run(cmd) // ends, whatever it says
		}
		if r := s.Run("ffff8fff00000000/J"); wild != fmt.Sprintf("%x", illumos.GuestLoopPD) && !strings.Contains(r.Err, "failed to read data from target: ") {
			t.Errorf("-c %s: read %s", wild, r.Out)
		}
		leave(t, s, illumos.VMWeb)
	}
	for _, m := range []string{"none", "32", "pae", "4", "5"} {
		enter(t, s, illumos.VMWeb, fmt.Sprintf("-r -m %s -c %x", m, illumos.GuestLoopPD))
		s.Run("::mappings")
		s.Run("::vtop -v")
		leave(t, s, illumos.VMWeb)
	}
}

// TestGuestNotInDump opens a guest of a dump that holds kernel pages only.
func TestGuestNotInDump(t *testing.T) {
	sc := illumos.VMsIntel()
	sc.Kernel.Content = illumos.KernelPages
	sys := sc.Build(illumos.Real())
	b, err := sys.Vmcore()
	if err != nil {
		t.Fatal(err)
	}
	s := modtest.OpenDumpBytes(t, "vmcore.0", b, genunix.Module(), vm.Module())
	for _, m := range sys.VMs {
		r := s.Run("::guest -r " + m.Name)
		if want := "xmdb: failed to open guest " + m.Name + ": its memory is not in the dump, which does not hold all pages: page was not dumped (filtered)\n"; r.Status == nil || r.Err != want {
			t.Errorf("%s: %s%s", m.Name, r.Out, r.Err)
		}
	}
}

func TestGuestCompletion(t *testing.T) {
	sys, s := openGuests(t, "amd")
	d := s.Reg.Dcmds("guest")[0]
	var got []string
	for _, c := range d.Complete(s.Session, nil, "SYS") {
		got = append(got, c.Text)
	}
	if len(got) != len(sys.VMs) || got[0] != illumos.VMWeb {
		t.Errorf("machines %q", got)
	}
	if list := d.Complete(s.Session, []string{"-m"}, ""); len(list) != 5 {
		t.Errorf("modes %v", list)
	}
	if list := d.Complete(s.Session, []string{"-v"}, ""); list != nil {
		t.Errorf("numbers %v", list)
	}
}
