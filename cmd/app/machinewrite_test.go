//go:build linux

package app_test

import (
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/tinyvm"
)

// TestMachineWrite writes to a machine's memory and registers, undoes it, and asks the
// monitor what is there.
func TestMachineWrite(t *testing.T) {
	vm := tinyvm.Start(t)
	memory := func() string {
		_, v, _ := strings.Cut(strings.TrimSpace(vm.Monitor("xp /1wx 0x300000")), ": ")
		return v
	}
	for _, spec := range []string{"qmp:" + vm.QMP, "gdb:" + vm.GDB} {
		wants(t, onMachine(t, "0x300000\\W 11223344\n", "-g", spec), "failed to write 11223344 at address 0x300000: target is not open for writing")
		if got := memory(); got != "0x00000000" {
			t.Errorf("%s: not open for writing, memory is %s", spec, got)
		}
		wants(t, onMachine(t, "0x300000\\W 11223344\n0x300000\\X\n::writes\n", "-g", spec, "-w"), "0x300000:       0               =       0x11223344", "11223344", "physical", "300000")
		if got := memory(); got != "0x11223344" {
			t.Errorf("%s: written, memory is %s", spec, got)
		}
		wants(t, onMachine(t, "0x300000\\W 0\n::set +w\n0x300000\\W 5\n", "-g", spec, "-w"), "=       0x0", "target is not open for writing")
		if got := memory(); got != "0x00000000" {
			t.Errorf("%s: written again, memory is %s", spec, got)
		}
	}
	wants(t, onMachine(t, "::stop\n1>r9\n", "-g", "qmp:"+vm.QMP, "-w"), "failed to modify %r9 register: operation not supported by target")
	out := onMachine(t, "0x1234>r9\n::stop\n0x1234>r9\n0x77>r10\n::writes -u 1\n::writes\n::release -a\n", "-g", "gdb:"+vm.GDB, "-w")
	wants(t, out, "failed to modify %r9 register: the machine runs: ::stop halts it", "%r9", "0x1234", "%r10", "0x0", "0x77", "%r10", "0x77", "0x0")
	if r9, r10 := vm.Register("R9 "), vm.Register("R10"); r9 != 0x1234 || r10 != 0 {
		t.Errorf("r9 %#x, r10 %#x\n%s", r9, r10, out)
	}
}
