package system_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// What a kernel prints of its panic.
var (
	panicLine = regexp.MustCompile(`Kernel panic - not syncing: ([^\r\n]+)`)
	panicTask = regexp.MustCompile(`CPU: (\d+) PID: (\d+) Comm: (\S+)`)
	traceLine = regexp.MustCompile(`\] {2}(\S+\+0x[0-9a-f]+)/0x`)
	userLine  = regexp.MustCompile(`RIP: 0033:0x([0-9a-f]+)(?s:.*)RSP: 002b:([0-9a-f]+)(?s:.*)R12: ([0-9a-f]+)`)
)

// TestLinuxPanicked asks what is asked first of a machine that panicked, and compares it
// with what its kernel printed then.
func TestLinuxPanicked(t *testing.T) {
	d := guest.Crashed(t)
	console, err := os.ReadFile(filepath.Join(d.Dir, "console.log"))
	if err != nil {
		t.Fatal(err)
	}
	text, who := panicLine.FindSubmatch(console), panicTask.FindSubmatch(console)
	if text == nil || who == nil {
		t.Fatalf("the console tells of no panic:\n%s", console)
	}
	for _, kind := range []guest.Kind{guest.Vmcore, guest.KdumpLZO} {
		k, err := system.NewLinuxKernel(t.Context(), openGuest(t, d.File(kind)))
		if err != nil {
			t.Fatal(err)
		}
		task := k.RepresentativeThread()
		var b strings.Builder
		p := out.New(&b, &out.Env{})
		k.Status(p)
		p.Flush()
		for _, want := range []string{fmt.Sprintf("panic message: %s\n", text[1]),
			fmt.Sprintf("panicking thread: %x, CPU %s, PID %s (%s)\n", task, who[1], who[2], who[3])} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: ::status has no %q:\n%s", kind, want, b.String())
			}
		}
		panicStack(t, k, task, string(console))
		panicRegisters(t, k, task, string(console))
	}
}

// renumbered is a dump whose processors have other numbers than the kernel's: as if the
// first CPU had been offline.
type renumbered struct{ *linuxdump.Target }

func (r renumbered) Processors() ([]system.Processor, error) {
	list, err := r.Target.Processors()
	list = slices.Clone(list)
	for i := range list {
		list[i].ID = (list[i].ID + 1) % len(list)
	}
	return list, err
}

// withoutTask is one in which no CPU's task can be read.
type withoutTask struct {
	*linuxdump.Target
	phys overlay
}

func (w withoutTask) Physical() mem.Space { return w.phys }

// TestLinuxPanickedCPU finds the CPU that panicked by the stack it was on, and without its
// task by the number that the kernel noted.
func TestLinuxPanickedCPU(t *testing.T) {
	file := openGuest(t, guest.Crashed(t).File(guest.Vmcore))
	at := func(k *system.LinuxKernel, r *arch.Regs, err error) string {
		if err != nil {
			return err.Error()
		}
		name, _ := k.Namespace().Format(r.PC(), 0, 16)
		return name
	}
	k, err := system.NewLinuxKernel(t.Context(), renumbered{file})
	if err != nil {
		t.Fatal(err)
	}
	r, err := k.CPURegisters(k.PanicCPU())
	if name := at(k, r, err); !strings.HasPrefix(name, "__crash_kexec+") {
		t.Errorf("the CPU that panicked is at %s", name)
	}
	damage := overlay{file.Physical(), map[uint64]uint64{}, map[uint64]bool{}}
	current, _ := k.Symbol("current_task")
	cpus, err := k.CPUs()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cpus {
		pa, err := k.Translate(current + c.Offset)
		if err != nil {
			t.Fatal(err)
		}
		damage.words[pa], damage.pages[pa&^4095] = 0, true
	}
	if k, err = system.NewLinuxKernel(t.Context(), withoutTask{file, damage}); err != nil {
		t.Fatal(err)
	}
	r, err = k.Registers(0)
	if name := at(k, r, err); !strings.HasPrefix(name, "__crash_kexec+") {
		t.Errorf("without a task the registers are at %s", name)
	}
	var b strings.Builder
	p := out.New(&b, &out.Env{})
	k.Status(p)
	p.Flush()
	if !strings.Contains(b.String(), "panicking thread: unknown, CPU 1\n") {
		t.Errorf("without a task:\n%s", b.String())
	}
}

// panicStack compares the stack of the panic with the kernel's, from where panic was
// called.
func panicStack(t *testing.T, k *system.LinuxKernel, task uint64, console string) {
	t.Helper()
	frames, err := k.Stack(nil, task)
	if err != nil {
		t.Errorf("stack of the panic: %v", err)
	}
	var got, want []string
	for _, f := range frames {
		name, _ := k.Namespace().Format(f.PC, 0, 16)
		got = append(got, name)
	}
	for _, m := range traceLine.FindAllStringSubmatch(console, -1) {
		want = append(want, m[1])
	}
	after := func(list []string) []string {
		return list[slices.IndexFunc(list, func(s string) bool { return strings.HasPrefix(s, "panic+") })+1:]
	}
	if got, want := after(got), after(want); len(want) < 5 || !slices.Equal(got, want) {
		t.Errorf("stack of the panic\n%q, want\n%q", got, want)
	}
}

// panicRegisters looks at every CPU's registers, those of user mode of the task that
// panicked among them.
func panicRegisters(t *testing.T, k *system.LinuxKernel, task uint64, console string) {
	t.Helper()
	cpus, err := k.CPUs()
	if err != nil || len(cpus) < 2 {
		t.Fatalf("CPUs %v, %v", cpus, err)
	}
	for _, c := range cpus {
		r, err := k.CPURegisters(c.ID)
		if err != nil {
			t.Errorf("CPU %d: %v", c.ID, err)
			continue
		}
		if stack := member(t, k, "struct task_struct", "stack", c.Task); r.SP()-stack >= k.StackSize() {
			t.Errorf("CPU %d: stack pointer %#x is not on its task's stack, %#x", c.ID, r.SP(), stack)
		}
		if name, _ := k.Namespace().Format(r.PC(), 0, 16); c.Task == task && !strings.HasPrefix(name, "__crash_kexec+") {
			t.Errorf("CPU %d, which panicked, is at %s", c.ID, name)
		}
		if frames, err := k.Stack(nil, c.Task); err != nil || len(frames) < 5 {
			t.Errorf("CPU %d: stack %x, %v", c.ID, frames, err)
		}
	}
	m := userLine.FindStringSubmatch(console)
	if m == nil {
		t.Fatal("the console has no registers of the user")
	}
	r, err := k.UserRegisters(task)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"rip", "rsp", "r12"} {
		if v, _ := r.Get(name); fmt.Sprintf("%016x", v) != fmt.Sprintf("%016s", m[i+1]) {
			t.Errorf("the user's %s is %x, want %s", name, v, m[i+1])
		}
	}
}
