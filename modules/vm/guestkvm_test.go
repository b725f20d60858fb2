package vm_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/vm"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// tinyLoop is the program of the machines that run inside the tests' guest
// (fixtures/guest/programs/tinyvm.c): each vCPU counts in a word of its own.
var tinyLoop = []struct {
	at   uint64
	text string
}{{0x1000, "incw   %ax"}, {0x1001, "movw   %ax,(%bx)"}, {0x1003, "outb   $0x10"}, {0x1005, "jmp    -0x7     <0x1000>"}}

// TestGuestOfLinux opens the machines of a real Linux host, which is a guest itself: what
// each vCPU has in its registers and in memory is what its program puts there.
func TestGuestOfLinux(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	target, err := linuxdump.Open(t.Context(), []string{d.File(guest.ELF)}, linuxdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := modtest.OpenTarget(t, target, linux.Module(), vm.Module())
	total := 0
	for _, row := range strings.Split(strings.TrimSpace(s.Run("::vm").OK().Out), "\n")[1:] {
		name := strings.Fields(row)[2]
		enter(t, s, name, "-r")
		for _, l := range tinyLoop {
			if got := s.Run(fmt.Sprintf("%x::dis -n 0", l.at)).OK().Out; !strings.Contains(got, l.text) {
				t.Errorf("%s: at %x %q, want %s", name, l.at, got, l.text)
			}
		}
		cpus := strings.Split(strings.TrimSpace(s.Run("::vcpus").OK().Out), "\n")[1:]
		for i, line := range cpus {
			if !strings.Contains(line, "real mode") {
				t.Errorf("%s: %q", name, line)
			}
			s.Run(fmt.Sprintf("%x::switch", i)).OK()
			number := func(expr string) uint64 {
				v, err := strconv.ParseUint(strings.TrimSpace(s.Run(expr+"=J").OK().Out), 16, 64)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			pc, cell, count := number("<eip"), number("<ebx"), number("<eax")&0xffff
			if pc < 0x1000 || pc > 0x1005 || cell != 0x2000+2*uint64(i) {
				t.Errorf("%s, vCPU %d: eip %x ebx %x", name, i, pc, cell)
			}
			if pc == 0x1001 { // counted, and not yet written
				count--
			}
			words := strings.Fields(s.Run(fmt.Sprintf("%x\\x", cell)).OK().Out)
			if got := words[len(words)-1]; got != fmt.Sprintf("%x", count&0xffff) {
				t.Errorf("%s, vCPU %d: memory has %s, the register %x", name, i, got, count)
			}
			total++
		}
		leave(t, s, name)
	}
	if total < 3 {
		t.Errorf("%d vCPUs", total)
	}
}
