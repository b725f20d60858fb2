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
