package dcmds_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/tinyvm"
	"github.com/xmdb/xmdb/targets/qemu"
)

// TestProcessorsOfAMachine looks at a real machine that no kernel runs on: its first
// processor counts in long mode, the second waits in the firmware. What commands say has
// to be what QEMU's monitor says.
func TestProcessorsOfAMachine(t *testing.T) {
	vm := tinyvm.Start(t)
	vm.Ask("stop", nil, nil)
	target, err := qemu.OpenQMP(context.Background(), vm.QMP)
	if err != nil {
		t.Fatal(err)
	}
	s := modtest.OpenTarget(t, target)
	status := s.Run("::status").OK().Out
	for _, want := range []string{"no kernel was recognised\n", "\n  illumos kernel: ", "\n  linux kernel: ", "\nprocessors: 2\n", "current processor: 0 (64-bit, 4-level paging, cr3 "} {
		if !strings.Contains(status, want) {
			t.Errorf("::status has no %q:\n%s", want, status)
		}
	}
	rip, cr3 := vm.Register("RIP"), vm.Register("CR3")
	rows := strings.Split(s.Run("::vcpus").OK().Out, "\n")
	if want := fmt.Sprintf("%4s %-16x %-12x %-24s ", "*0", rip, cr3, "64-bit, 4-level paging"); len(rows) != 4 || rows[1] != want {
		t.Errorf("::vcpus: %q, want %q", rows, want)
	}
	if second := strings.Fields(rows[2]); second[0] != "1" || !strings.HasSuffix(rows[2], "halted") {
		t.Errorf("the second processor: %q", rows[2])
	}
	for _, name := range []string{"rip", "rbx", "rsp", "rflags"} {
		monitor := map[string]string{"rflags": "RFL"}[name]
		if monitor == "" {
			monitor = strings.ToUpper(name)
		}
		if got := strings.TrimSpace(s.Run("<" + name + "=J").OK().Out); got != fmt.Sprintf("%x", vm.Register(monitor)) {
			t.Errorf("%%%s is %s, the monitor says %x", name, got, vm.Register(monitor))
		}
	}
	translate(t, vm, s)
	sysregs(t, vm, s)
	if got := s.Run(fmt.Sprintf("%x::dis -n 1", vm.Count)).OK().Out; !strings.Contains(got, "incq") {
		t.Errorf("::dis:\n%s", got)
	}
	s.Run("1::switch").OK().Want("")
	if got := s.Run("::vcpus").OK().Out; !strings.Contains(got, "\n  *1 ") {
		t.Errorf("after ::switch:\n%s", got)
	}
	if got := s.Run("<eip=J; <eip::dis -n 1").OK().Out; strings.Count(got, "\n") < 2 {
		t.Errorf("registers of 32 bits and disassembly:\n%s", got)
	}
	s.Run("0:x; <rbx=J").OK()
	for cmd, want := range map[string]string{
		"2::switch":  "xmdb: failed to switch to processor 2: the machine has 2\n",
		"2:x":        "xmdb: failed to switch to processor 2: the machine has 2\n",
		"2::context": "xmdb: failed to switch to processor 2: the machine has 2\n",
		"7::vcpus":   "xmdb: no processor 7: the machine has 2\n",
	} {
		if r := s.Run(cmd); r.Status == nil || r.Err != want {
			t.Errorf("%s: %q, want %q", cmd, r.Err, want)
		}
	}
}

// translate compares translations with the monitor's ("gva2gpa").
func translate(t *testing.T, vm *tinyvm.Machine, s *modtest.Session) {
	t.Helper()
	for _, va := range []uint64{tinyvm.Base, tinyvm.Base + 0x123, tinyvm.Counter, 0x7c00} {
		_, text, ok := strings.Cut(vm.Monitor(fmt.Sprintf("gva2gpa %#x", va)), "gpa: 0x")
		if !ok {
			t.Errorf("the monitor does not translate %#x", va)
			continue
		}
		pa, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		s.Run(fmt.Sprintf("%x::vtop", va)).OK().Want(fmt.Sprintf("virtual %x mapped to physical %x\n", va, pa))
		way := strings.Split(s.Run(fmt.Sprintf("%x::vtop -v", va)).OK().Out, "\n")
		if len(way) < 4 || !strings.HasPrefix(way[0], "PML4E at ") {
			t.Errorf("%x::vtop -v: %q", va, way)
		}
	}
	if r := s.Run("ffff900000000000::vtop -v"); r.Status == nil || !strings.Contains(r.Out, "PML4E at ") || !strings.Contains(r.Out, " not present\n") ||
		!strings.Contains(r.Err, "no mapping for address (level 4 entry at physical ") {
		t.Errorf("what is not mapped: %s%s", r.Out, r.Err)
	}
}

// sysregs compares the control registers with the monitor's; the boot sector has turned
// on what long mode needs.
func sysregs(t *testing.T, vm *tinyvm.Machine, s *modtest.Session) {
	t.Helper()
	got := s.Run("::sysregs").OK().Out
	for name, bits := range map[string][]string{"efer": {"LME", "LMA"}, "cr0": {"PE", "PG"}, "cr3": {"pfn:0x1 "}, "cr4": {"PAE,PGE>"}} {
		_, line, _ := strings.Cut(got, "%"+name+" = ")
		line, _, _ = strings.Cut(line, "\n")
		if !strings.HasPrefix(line, fmt.Sprintf("%#x <", vm.Register(strings.ToUpper(name)))) {
			t.Errorf("%%%s = %s, the monitor says %x", name, line, vm.Register(strings.ToUpper(name)))
		}
		for _, bit := range bits {
			if !strings.Contains(line, bit) {
				t.Errorf("%%%s = %s lacks %s", name, line, bit)
			}
		}
	}
	if second := s.Run("::sysregs -c 1").OK().Out; s.Run("1::sysregs").OK().Out != second || second == got {
		t.Errorf("of the second processor:\n%s", second)
	}
	if r := s.Run("9::sysregs"); r.Status == nil || r.Err != "xmdb: no processor 9: the machine has 2\n" {
		t.Errorf("of no processor: %s", r.Err)
	}
}
