package linux

import (
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// TestExcludedPages compares a dump from which user, cache and free pages were left out
// with one of the same memory that has them: what is the kernel's is the same to the byte,
// and what is not there is told and never taken for zeros.
func TestExcludedPages(t *testing.T) {
	dumps := guest.Crashed(t)
	open := func(k guest.Kind) *modtest.Session {
		target, err := linuxdump.Open(t.Context(), []string{dumps.File(k)}, linuxdump.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return modtest.OpenTarget(t, target, Module())
	}
	whole, part := open(guest.Vmcore), open(guest.KdumpLZO)
	for _, cmd := range []string{
		"::ps -tznc", "::ptree", "::thread", "::stacks", "::cpuinfo -v", "::runq", "::dmesg -x", "::modinfo", "::mounts -a", "::walk proc | ::files", "::slabs",
		"::meminfo", "::irqs -a", "::timers", "::netstat -ap", "::net", "::zone -v", "::walk slab_cache | ::walk slab_free",
	} {
		want, got := whole.Run(cmd), part.Run(cmd)
		if got.Out != want.Out || got.Err != want.Err || want.Out == "" {
			t.Errorf("%s differs:\n%s%s\nwhole\n%s%s", cmd, got.Out, got.Err, want.Out, want.Err)
		}
	}
	// The CPU that panicked was where no unwind entry tells of the stack.
	part.Run("::stacks -c __crash_kexec").OK().Match(`\bpanic\+`).Match(`sysrq_handle_crash\+`).Match(`entry_SYSCALL_64_after_hwframe\+`)
	// That it can run makes the thread that a CPU has for when there is nothing to run
	// not interesting.
	if out := part.Run("::stacks -i").OK().Match(`\bpanic\+`).Out; strings.Contains(out, "cpu_startup_entry") {
		t.Errorf("::stacks -i has idle CPUs:\n%s", out)
	}
	part.Run("::msgbuf -n 60").OK().Match(`\] Kernel panic - not syncing: sysrq triggered crash\n`)
	part.Run("::status").OK().Match(`(?m)^panic message: sysrq triggered crash$`).Match(`(?m)^panicking thread: [0-9a-f]+, CPU \d, PID \d+ \(sh\)$`)
	// Arguments are in user memory: those that are not there are a name in brackets.
	names := map[bool]int{}
	want, got := strings.Split(whole.Run("::ps -f").OK().Out, "\n"), strings.Split(part.Run("::ps -f").OK().Out, "\n")
	for i, line := range got {
		if line != want[i] && !strings.HasSuffix(line, "]") {
			t.Errorf("%q, want %q", line, want[i])
		}
		names[line == want[i]]++
	}
	if names[false] < 10 {
		t.Errorf("%d processes have no arguments in the dump", names[false])
	}
	part.Run("1::pid2proc | ::context").OK()
	if r := part.Run("<rsp/K"); !strings.Contains(r.Err, "filtered") {
		t.Errorf("a user's stack that was left out: %v, %s%s", r.Status, r.Out, r.Err)
	}
}
