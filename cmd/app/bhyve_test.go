//go:build linux

package app_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/system/hmp"
	"github.com/xmdb/xmdb/fixtures/bhyvestub"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// bhyveLeft checks that a session has left the machine as it was, and asked for nothing but
// what bhyve's stub knows.
func bhyveLeft(t *testing.T, s *bhyvestub.Stub) {
	t.Helper()
	for end := time.Now().Add(patience); !s.Running() && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	if !s.Running() || len(s.Points()) != 0 {
		t.Errorf("left running %v, breakpoints %x", s.Running(), s.Points())
	}
	if p := s.Strange(); len(p) > 0 {
		t.Errorf("asked what bhyve's stub does not know: %q", p)
	}
}

// TestBhyveIllumos has sessions on an illumos guest behind bhyve's stub, one of whose
// processors is in user mode with a table that has no kernel: what is found there is what
// the dump of the same machine has.
func TestBhyveIllumos(t *testing.T) {
	const scenario = "vms amd"
	machine := illumos.SystemOf(t, scenario).Machine()
	var cpus []bhyvestub.CPU
	for i, c := range machine.CPUs {
		table := paging.New(machine.Physical(), paging.Long4, c.System.CR3, paging.Options{})
		cpu := bhyvestub.CPU{Regs: c.Regs, Memory: table.Space(0)}
		if i == 0 {
			cpu.Memory = paging.New(machine.Physical(), paging.Long4, 0x5000, paging.Options{}).Space(0)
			cpu.Regs.Set("cs", 0x43)
		}
		cpus = append(cpus, cpu)
	}
	s := bhyvestub.Serve(t, cpus...)
	dump := filepath.Join(t.TempDir(), "vmcore.0")
	if err := os.WriteFile(dump, illumos.VmcoreBytes(t, scenario), 0o644); err != nil {
		t.Fatal(err)
	}
	spec := "bhyve:" + s.Addr
	commands := strings.Join([]string{"::ps -f", "::zone", "::modinfo ! head -20", "::kmem_cache ! head -20", "::walk thread | ::findstack ! tail -60",
		"0t1::pid2proc | ::print proc_t p_user.u_psargs p_as", "kas::print struct as a_hat", "practive/J", "practive::vtop", "0t1::pid2proc | ::pmap ! head"}, "\n") + "\n"
	want, got := onMachine(t, commands, dump), onMachine(t, commands, "-g", spec)
	if want != got || strings.Count(want, "\n") < 100 {
		t.Errorf("over the stub:\n%s\nthe dump:\n%s", got, want)
	}
	bhyveLeft(t, s)
	wants(t, onMachine(t, "::status\n", "-g", spec), "operating system: 5.11", "stub: "+spec, "state: running, halted for as long as a command reads", "memory: virtual")
	// Breakpoints, steps and writes, as far as the stub has them.
	pc := machine.CPUs[0].Regs.PC()
	other := machine.CPUs[1].Regs.PC()
	at := func(a uint64) string { return fmt.Sprintf("%#x", a) }
	out := onMachine(t, strings.Join([]string{at(pc+16) + "::bp", ":c", "::events", "::step", "<rip=K", at(pc+16) + "/B", at(pc+16) + "/v 90", at(pc+16) + "/B",
		"1::switch", "::step", "<rip=K", "1>rax", "practive::wp -w -L 8", "::step", "::events -v", "::delete all", at(pc+16) + "/B"}, "\n")+"\n", "-g", spec, "-w")
	wants(t, out, "stop at resume+", "target stopped at:\nresume+", "1  0 stop at resume+", "target stopped at:", fmt.Sprintf("%x", pc+17), "89", "=       0x90", "90 ",
		"target stopped at:", fmt.Sprintf("%x", other+1), "failed to modify %rax register: the stub cannot write registers", "the stub has no w", "90 ")
	bhyveLeft(t, s)
}

// TestBhyveLinux has a session on a Linux guest behind bhyve's stub: with nothing but virtual
// memory and general registers it tells what the dump tells.
func TestBhyveLinux(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	ram, err := os.Open(d.File(guest.RAM))
	if err != nil {
		t.Fatal(err)
	}
	defer ram.Close()
	size, _ := ram.Seek(0, io.SeekEnd)
	phys := &mem.File{R: ram, Size: size}
	var cpus []bhyvestub.CPU
	for _, c := range hmp.Registers(d.Registers(t)) {
		mode := paging.Long4
		if c.System.CR4&paging.CR4LA57 != 0 {
			mode = paging.Long5
		}
		cpus = append(cpus, bhyvestub.CPU{Regs: c.Regs, Memory: paging.New(phys, mode, c.System.CR3, paging.Options{}).Space(64)})
	}
	s := bhyvestub.Serve(t, cpus...)
	commands := "::ps -f\n::modinfo\n::dmesg ! tail -30\n::mounts\n::netstat\n::spa -v\n::stacks\n::slabs ! head\n1::pid2task | ::context; ::pmap ! head\n"
	want, got := onMachine(t, commands, d.File(guest.ELF)), onMachine(t, commands, "-g", "bhyve:"+s.Addr)
	if want != got || strings.Count(want, "\n") < 300 {
		t.Errorf("over the stub:\n%s\nthe dump:\n%s", got, want)
	}
	wants(t, onMachine(t, "::status\n", "-g", "bhyve:"+s.Addr), "kernel: found by its address", "memory: virtual")
	bhyveLeft(t, s)
}
