package system_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// running is a dump as a machine that runs: some of its words are others at the first
// reads of their page.
type running struct {
	*linuxdump.Target
	over *flipping
}

func (r running) Physical() mem.Space { return r.over }
func (r running) Running() bool       { return true }
func (r running) Moment() uint64      { return 1 }

// flipping is memory that is damaged for some reads.
type flipping struct {
	mem.Space
	damaged overlay
	left    int // reads of a damaged page that are still to be damaged
}

func (f *flipping) ReadAt(p []byte, a mem.Addr) (int, error) {
	for page := uint64(a) &^ 4095; page < uint64(a)+uint64(len(p)); page += 4096 {
		if f.damaged.pages[page] && f.left > 0 {
			f.left--
			return f.damaged.ReadAt(p, a)
		}
	}
	return f.Space.ReadAt(p, a)
}

// damage has the word at a virtual address be another for so many reads.
func (f *flipping) damage(t *testing.T, k *system.LinuxKernel, va, word uint64, reads int) {
	t.Helper()
	pa, err := k.Translate(va)
	if err != nil {
		t.Fatal(err)
	}
	f.damaged = overlay{f.Space, map[uint64]uint64{pa: word}, map[uint64]bool{pa &^ 4095: true}}
	f.left = reads
	k.Refresh()
}

// address gives the VA of a member.
func address(t *testing.T, k *system.LinuxKernel, typ, name string, at uint64) uint64 {
	t.Helper()
	ty, err := k.World().Types.Lookup(typ)
	if err != nil {
		t.Fatal(err)
	}
	v, err := k.World().At(ty, mem.Addr(at)).Path(name)
	if err != nil {
		t.Fatal(err)
	}
	return uint64(v.Addr)
}

func allTasks(k *system.LinuxKernel) (tasks []uint64, failed error) {
	for task, err := range k.Tasks() {
		if err != nil {
			failed = err
			continue
		}
		tasks = append(tasks, task)
	}
	return tasks, failed
}

// TestSteady changes lists and trees while they are read: what is whole the next time is
// given as if nothing had been, what never is has an error that says so.
func TestSteady(t *testing.T) {
	file := openGuest(t, guest.Dumps(t, guest.Main).File(guest.ELF))
	over := &flipping{Space: file.Physical()}
	k, err := system.NewLinuxKernel(t.Context(), running{file, over})
	if err != nil {
		t.Fatal(err)
	}
	want, err := allTasks(k)
	if err != nil || len(want) < 100 {
		t.Fatalf("%d tasks, %v", len(want), err)
	}
	init, _ := k.Symbol("init_task")
	next := address(t, k, "struct task_struct", "tasks.next", init)
	over.damage(t, k, next, 0x10, 1)
	if got, err := allTasks(k); err != nil || !slices.Equal(got, want) {
		t.Errorf("a list that changed once: %d tasks, want %d; %v", len(got), len(want), err)
	}
	over.damage(t, k, next, 0x10, 100)
	if got, err := allTasks(k); err == nil || !strings.Contains(err.Error(), "it was read 3 times") || len(got) > 1 {
		t.Errorf("a list that is damaged: %d tasks, %v", len(got), err)
	}
	over.damage(t, k, next, 0x10, 0)

	user := openThreads(t, k, want)
	maps := user.Mappings()
	root := address(t, k, "struct mm_struct", "mm_mt.ma_root", user.MM)
	over.damage(t, k, root, 0x10|2|1<<40, 1)
	user.Refresh()
	over.left = 1
	if got := user.Mappings(); len(maps) < 5 || !slices.Equal(got, maps) || len(k.Warnings()) > 0 {
		t.Errorf("a tree that changed once: %v, want %v; %q", got, maps, k.Warnings())
	}
	over.damage(t, k, root, 0x10|2|1<<40, 100)
	user.Refresh()
	if got := user.Mappings(); len(got) != 0 || !strings.Contains(strings.Join(k.Warnings(), "\n"), "it was read 3 times") {
		t.Errorf("a tree that is damaged: %v; %q", got, k.Warnings())
	}
}

// openThreads opens the process threads.
func openThreads(t *testing.T, k *system.LinuxKernel, tasks []uint64) *system.LinuxUser {
	t.Helper()
	for _, task := range tasks {
		if p, err := k.OpenProcess(task); err == nil {
			if u := p.(*system.LinuxUser); len(u.Threads()) > 10 && u.Threads()[0].Name == "threads" {
				return u
			}
		}
	}
	t.Fatal("no process threads")
	return nil
}

// TestBooting looks at a kernel whose type data cannot be read yet, by its image alone:
// once it can, everything is there.
func TestBooting(t *testing.T) {
	file := openGuest(t, guest.Dumps(t, guest.Main).File(guest.ELF))
	whole, err := system.NewLinuxKernel(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := allTasks(whole)
	if err != nil {
		t.Fatal(err)
	}
	over := &flipping{Space: file.Physical()}
	types, _ := whole.Symbol("__start_BTF")
	over.damage(t, whole, types, 0, 1000)
	k, err := system.NewLinuxKernel(t.Context(), inFirmware{running{file, over}})
	if err != nil {
		t.Fatal(err)
	}
	status := func() string {
		var b strings.Builder
		p := out.New(&b, &out.Env{})
		k.Status(p)
		p.Flush()
		return b.String()
	}
	for _, text := range []string{"found by its image", "what an earlier boot has left", "types: "} {
		if s := status(); !strings.Contains(s, text) {
			t.Errorf("no %q:\n%s", text, s)
		}
	}
	if _, err := allTasks(k); err == nil {
		t.Error("tasks without types")
	}
	over.left = 0
	k.Refresh()
	if got, err := allTasks(k); err != nil || !slices.Equal(got, want) || len(k.Modules()) != len(whole.Modules()) {
		t.Errorf("%d tasks, want %d; %d modules; %v", len(got), len(want), len(k.Modules()), err)
	}
	if s := status(); strings.Contains(s, "types: ") {
		t.Errorf("types are still missing:\n%s", s)
	}
}

// inFirmware is a machine whose processors are not in its kernel.
type inFirmware struct{ running }

func (inFirmware) VMCoreInfo() []byte { return nil }
func (inFirmware) Processors() ([]system.Processor, error) {
	return []system.Processor{{System: system.SystemRegs{Known: system.HasCR3 | system.HasCR4}}}, nil
}

// TestStackWithoutTypes walks the stack of the CPU whose registers are there, of a kernel
// without type data: the same as with it.
func TestStackWithoutTypes(t *testing.T) {
	file := openGuest(t, guest.Dumps(t, guest.BackportsKernel).File(guest.ELF))
	whole, err := system.NewLinuxKernel(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	over := &flipping{Space: file.Physical()}
	types, _ := whole.Symbol("__start_BTF")
	over.damage(t, whole, types, 0, 1<<30)
	k, err := system.NewLinuxKernel(t.Context(), damaged{file, over})
	if err != nil {
		t.Fatal(err)
	}
	pcs := func(k *system.LinuxKernel) (list []uint64) {
		r, err := k.CPURegisters(0)
		if err != nil {
			t.Fatal(err)
		}
		for f, err := range k.Frames(t.Context(), r) {
			if err != nil {
				t.Error(err)
				break
			}
			list = append(list, f.PC)
		}
		return list
	}
	if got, want := pcs(k), pcs(whole); len(want) < 4 || !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}
