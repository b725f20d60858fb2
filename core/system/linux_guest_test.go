package system_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// linuxGuests are the kernels that are looked at, each with what it said of itself.
var linuxGuests = map[string]guest.Machine{
	"main": guest.Main, "fourlevel": guest.FourLevel, "generic": guest.GenericKernel, "backports": guest.BackportsKernel,
}

func openGuest(t testing.TB, path string) *linuxdump.Target {
	t.Helper()
	d, err := linuxdump.Open(t.Context(), []string{path}, linuxdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// Parts of what a dump gives, so that less is known.
type (
	justMemory struct{ *linuxdump.Target }
	justRegs   struct{ justMemory }
)

func (justMemory) VMCoreInfo() []byte                      { return nil }
func (justMemory) Processors() ([]system.Processor, error) { return nil, nil }
func (justMemory) KernelVirtual() mem.Space                { return nil }
func (d justRegs) Processors() ([]system.Processor, error) { return d.Target.Processors() }

func TestLinuxGuests(t *testing.T) {
	for name, m := range linuxGuests {
		t.Run(name, func(t *testing.T) {
			d := guest.Dumps(t, m)
			file := openGuest(t, d.File(guest.ELF))
			base := justMemory{file}
			for how, src := range map[string]system.KernelMemory{
				"VMCOREINFO": file, "its image": base, "a CPU's tables": justRegs{base},
			} {
				k, err := system.NewLinuxKernel(t.Context(), src)
				if err != nil {
					t.Errorf("%s: %v", how, err)
					continue
				}
				if k.FoundBy() != how {
					t.Errorf("found by %s, want %s", k.FoundBy(), how)
				}
				if w := k.Warnings(); len(w) > 0 {
					t.Errorf("%s: %q", how, w)
				}
				guestModules(t, k, d)
			}
			k, err := system.NewLinuxKernel(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			guestStatus(t, k, d)
			guestTypes(t, k)
			guestStacks(t, k, d)
			guestMaps(t, k, d)
			guestMappings(t, k, d)
			guestThreads(t, k, d)
		})
	}
}

// guestModules compares modules with /proc/modules, and their type data's sizes.
func guestModules(t *testing.T, k *system.LinuxKernel, d *guest.Dumped) {
	t.Helper()
	var got, want []string
	for _, m := range k.Modules() {
		got = append(got, fmt.Sprintf("%s 0x%016x", m.Name, m.Text.Base))
		if s := m.Object.Table(1); s.Len() < 5 {
			t.Errorf("%s has %d symbols", m.Name, s.Len())
		}
		if k.TypeScope(m.Object) == nil {
			t.Errorf("%s has no types", m.Name)
		}
	}
	for _, f := range d.Before.Rows(t, "modules") {
		want = append(want, f[0]+" "+f[5])
	}
	if !slices.Equal(got, want) {
		t.Errorf("modules\n%q\nwant\n%q", got, want)
	}
}

func guestStatus(t *testing.T, k *system.LinuxKernel, d *guest.Dumped) {
	t.Helper()
	u, err := k.Utsname()
	uname := strings.TrimSpace(d.Before.Section(t, "uname"))
	if err != nil || !strings.Contains(uname, u.Release) || !strings.Contains(uname, u.Version) || !strings.Contains(uname, u.Nodename) {
		t.Errorf("utsname %+v, %v; the guest says %s", u, err, uname)
	}
	cpus, err := k.CPUs()
	if n := strings.Count(d.Before.Section(t, "cpuinfo"), "processor\t:"); err != nil || len(cpus) != n {
		t.Errorf("%d CPUs, want %d: %v", len(cpus), n, err)
	}
	for _, c := range cpus {
		if _, err := k.CPURegisters(c.ID); err != nil || !c.Online || c.Task == 0 {
			t.Errorf("CPU %+v: %v", c, err)
		}
	}
	var b strings.Builder
	p := out.New(&b, &out.Env{})
	k.Status(p)
	p.Flush()
	for _, want := range []string{"from " + u.Nodename, u.Release, "KASLR offset", fmt.Sprintf("%d CPUs", len(cpus))} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("::status does not tell of %s:\n%s", want, b.String())
		}
	}
}

// guestTypes asks for the types of variables: a per-CPU one, which type data has, one that
// this package declares, one that a module would declare, and one that nobody does.
func guestTypes(t *testing.T, k *system.LinuxKernel) {
	t.Helper()
	typer := k.TypeScope(k.Main()).(ctype.SymbolTyper)
	typeOf := func(name string) string {
		at, ok := k.Symbol(name)
		if !ok {
			t.Errorf("no symbol %s", name)
		}
		ty, err := typer.SymbolType(name, at-k.Main().Bias, 0)
		if err != nil {
			return err.Error()
		}
		return ty.String()
	}
	if s := typeOf("cgroup_roots"); s != ctype.ErrNoSymType.Error() {
		t.Errorf("cgroup_roots is of %s", s)
	}
	k.DeclareVariables(map[string]string{"cgroup_roots": "struct list_head", "init_task": "int"})
	for name, want := range map[string]string{"cpu_info": "struct cpuinfo_x86", "init_task": "struct task_struct", "cgroup_roots": "struct list_head"} {
		if s := typeOf(name); s != want {
			t.Errorf("%s is of %s, want %s", name, s, want)
		}
	}
	info, _ := k.Symbol("cpu_info")
	cpus, _ := k.CPUs()
	for _, c := range cpus {
		at, err := k.PerCPU(info, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if n := member(t, k, "struct cpuinfo_x86", "cpu_index", at); n != uint64(c.ID) {
			t.Errorf("cpu_info of CPU %d is of CPU %d", c.ID, n)
		}
	}
	if _, err := k.PerCPU(info, 99); err == nil {
		t.Error("there is a CPU 99")
	}
}

// member reads an unsigned member of a structure of the kernel.
func member(t testing.TB, k *system.LinuxKernel, typ, name string, at uint64) uint64 {
	t.Helper()
	ty, err := k.World().Types.Lookup(typ)
	if err != nil {
		t.Fatal(err)
	}
	v, err := k.World().At(ty, mem.Addr(at)).Path(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := v.Uint()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var stackLine = regexp.MustCompile(`^/proc/\d+/task/(\d+)/stack:\[<0>\] (\S+)\+0x([0-9a-f]+)/0x[0-9a-f]+(?: \[(\S+)\])?`)

// guestStacks compares stacks with /proc/PID/stack, in which functions of the scheduler
// are left out (in_sched_functions). Tasks that have run since differ.
func guestStacks(t *testing.T, k *system.LinuxKernel, d *guest.Dumped) {
	t.Helper()
	want := map[uint64][]string{}
	for line := range strings.Lines(d.Before.Section(t, "kernel-stacks")) {
		if m := stackLine.FindStringSubmatch(line); m != nil {
			pid, _ := strconv.ParseUint(m[1], 10, 64)
			name := m[2]
			if m[4] != "" {
				name = m[4] + "`" + name
			}
			want[pid] = append(want[pid], name+"+"+m[3])
		}
	}
	from, _ := k.Symbol("__sched_text_start")
	to, ok := k.Symbol("__sched_text_end")
	if !ok {
		t.Fatal("no __sched_text_end")
	}
	same, compared, moved := 0, 0, []string{}
	var buf []system.KernelFrame
	for task, err := range k.Tasks() {
		if err != nil {
			t.Fatal(err)
		}
		if buf, err = k.Stack(buf[:0], task); err != nil {
			t.Errorf("stack of %x: %v", task, err)
		}
		pid := member(t, k, "struct task_struct", "pid", task)
		if want[pid] == nil {
			continue
		}
		var got []string
		for _, f := range buf {
			if f.PC >= from && f.PC < to {
				continue
			}
			text, _ := k.Namespace().Format(f.PC, 0, 16)
			got = append(got, strings.Replace(text, "+0x", "+", 1))
		}
		if compared++; slices.Equal(got, want[pid]) {
			same++
		} else {
			moved = append(moved, fmt.Sprintf("%d: %q, was %q", pid, got, want[pid]))
		}
	}
	if compared < 50 || len(moved) > compared/10 {
		t.Errorf("%d of %d stacks are as they were:\n%s", same, compared, strings.Join(moved, "\n"))
	}
}

// guestMaps compares the mappings of the process threads with /proc, and reads its
// program.
func guestMaps(t *testing.T, k *system.LinuxKernel, d *guest.Dumped) {
	t.Helper()
	rows := d.Before.Rows(t, "maps-threads")
	for task := range k.Tasks() {
		p, err := k.OpenProcess(task)
		if err != nil {
			continue
		}
		u := p.(*system.LinuxUser)
		maps := u.Mappings()
		if len(maps) == 0 || maps[0].Name != "/bin/threads" || member(t, k, "struct task_struct", "tgid", task) != uint64(u.PID) {
			continue
		}
		var got, want []string
		for _, m := range maps {
			got = append(got, fmt.Sprintf("%08x-%08x %s %08x %s", uint64(m.Base), uint64(m.End()), prot(m.Prot), m.Off, m.Name))
		}
		for _, f := range rows {
			name := ""
			if len(f) > 5 {
				name = f[5]
			}
			if name == "[vvar]" || name == "[vsyscall]" || name == "[vvar_vclock]" {
				name = ""
			}
			if strings.HasPrefix(f[0], "ffffffffff600000") { // no area: the kernel adds it
				continue
			}
			want = append(want, fmt.Sprintf("%s %s %s %s", f[0], f[1][:3], f[2], name))
		}
		if !slices.Equal(got, want) {
			t.Errorf("mappings of %s\n%s\nwant\n%s", u.Name(), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		var magic [4]byte
		if err := mem.ReadFull(u.Virtual(), magic[:], maps[0].Base); err != nil || string(magic[:]) != "\x7fELF" {
			t.Errorf("program of %s: %q, %v", u.Name(), magic, err)
		}
		if entry, ok := u.Aux(9); !ok || entry < uint64(maps[0].Base) || entry >= uint64(maps[3].Base) {
			t.Errorf("entry of %s: %#x, %v", u.Name(), entry, ok)
		}
		return
	}
	t.Error("no process of /bin/threads")
}

// guestThreads compares the threads of the process threads with /proc/PID/task.
func guestThreads(t *testing.T, k *system.LinuxKernel, d *guest.Dumped) {
	t.Helper()
	tasks, err := allTasks(k)
	if err != nil {
		t.Fatal(err)
	}
	u := openThreads(t, k, tasks)
	var want, got []string
	inTask := regexp.MustCompile(fmt.Sprintf(`^/proc/%d/task/(\d+)/stack:`, u.PID))
	for line := range strings.Lines(d.Before.Section(t, "kernel-stacks")) {
		if m := inTask.FindStringSubmatch(line); m != nil && !slices.Contains(want, m[1]) {
			want = append(want, m[1])
		}
	}
	frames := map[uint64]bool{}
	for _, th := range u.Threads() {
		got = append(got, fmt.Sprint(th.ID))
		r, err := u.Registers(th.ID)
		if err != nil || r.SP() == 0 || frames[r.SP()] {
			t.Errorf("registers of thread %d: %v, %v", th.ID, r, err)
			continue
		}
		frames[r.SP()] = true
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("threads of %s are %v, want %v", u.Name(), got, want)
	}
	if _, err := u.Registers(1); err == nil {
		t.Error("thread 1 is of another process")
	}
}

// guestMappings looks for the code of each module and for all memory among what is mapped.
func guestMappings(t *testing.T, k *system.LinuxKernel, d *guest.Dumped) {
	t.Helper()
	direct, last := uint64(0), mem.Addr(0)
	code := map[string]bool{}
	for _, m := range k.Mappings() {
		if m.Base < last {
			t.Errorf("%v begins before %v", m, last)
		}
		last = m.End()
		if m.Name == "[direct map]" {
			direct += m.Size
		}
		if mod := k.Module(m.Name); mod != nil && m.Contains(mem.Addr(mod.Text.Base)) && m.Prot&mem.ProtExec != 0 {
			code[m.Name] = true
		}
	}
	for _, m := range k.Modules() {
		if !code[m.Name] {
			t.Errorf("code of %s is not mapped", m.Name)
		}
	}
	if all := uint64(max(d.Machine.MemMB, 320)) << 20; direct < all/10*9 {
		t.Errorf("%d bytes of %d are in the map of memory", direct, all)
	}
}

func prot(p mem.Prot) string {
	b := []byte("---")
	for i, bit := range []mem.Prot{mem.ProtRead, mem.ProtWrite, mem.ProtExec} {
		if p&bit != 0 {
			b[i] = "rwx"[i]
		}
	}
	return string(b)
}

// TestLinuxDamage damages what the kernel's lists and tables are made of, at random by
// a fixed seed, in memory laid over the dump: there is a kernel or an error, and what is
// asked of it ends.
func TestLinuxDamage(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	file := openGuest(t, d.File(guest.ELF))
	whole, err := system.NewLinuxKernel(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	var places []uint64 // physical, of 8 bytes each
	add := func(va uint64, n int) {
		for i := range n {
			if pa, err := whole.Translate(va + 8*uint64(i)); err == nil {
				places = append(places, pa)
			}
		}
	}
	for _, name := range []string{"modules", "btf_modules", "init_task", "__per_cpu_offset", "kallsyms_num_syms",
		"kallsyms_token_index", "kallsyms_offsets", "kallsyms_names", "__start_BTF", "__start_orc_unwind_ip", "__start_orc_unwind", "init_top_pgt"} {
		if va, ok := whole.Symbol(name); ok {
			add(va, 64)
		}
	}
	for _, m := range whole.Modules() {
		add(m.Addr, 96)
	}
	n := 0
	for task := range whole.Tasks() {
		if n++; n%8 == 0 {
			add(task, 300)
		}
	}
	slices.SortFunc(places, cmp.Compare)
	for seed := range 24 {
		m := damaged{file, damage(file.Physical(), slices.Compact(slices.Clone(places)), int64(seed))}
		k, err := system.NewLinuxKernel(t.Context(), m)
		if err != nil {
			continue
		}
		var buf []system.KernelFrame
		tasks := 0
		for task, err := range k.Tasks() {
			if err == nil {
				buf, _ = k.Stack(buf[:0], task)
				if p, err := k.OpenProcess(task); err == nil && tasks%16 == 0 {
					p.(*system.LinuxUser).Mappings()
				}
			}
			if tasks++; tasks > 100000 {
				t.Fatalf("seed %d: tasks without end", seed)
			}
		}
		for _, m := range k.Modules() {
			m.Object.Table(1).ByName("init_module")
			k.TypeScope(m.Object)
		}
		k.Status(out.New(&strings.Builder{}, &out.Env{}))
		if len(k.Warnings()) > 100 {
			t.Errorf("seed %d: %d warnings", seed, len(k.Warnings()))
		}
	}
}

// damaged is a dump with other memory.
type damaged struct {
	*linuxdump.Target
	phys mem.Space
}

func (d damaged) Physical() mem.Space { return d.phys }

// overlay is memory some words of which are others.
type overlay struct {
	mem.Space
	words map[uint64]uint64
	pages map[uint64]bool
}

func (o overlay) ReadAt(p []byte, a mem.Addr) (int, error) {
	n, err := o.Space.ReadAt(p, a)
	for page := uint64(a) &^ 4095; page < uint64(a)+uint64(n); page += 4096 {
		if !o.pages[page] {
			continue
		}
		for at := page; at < page+4096; at += 8 {
			w, ok := o.words[at]
			if !ok {
				continue
			}
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], w)
			for i, c := range b {
				if at := at + uint64(i); at >= uint64(a) && at < uint64(a)+uint64(n) {
					p[at-uint64(a)] = c
				}
			}
		}
	}
	return n, err
}

// damage changes some of the words at places.
func damage(phys mem.Space, places []uint64, seed int64) mem.Space {
	o := overlay{phys, map[uint64]uint64{}, map[uint64]bool{}}
	rng := rand.New(rand.NewSource(seed))
	for range 1 + rng.Intn(40) {
		at := places[rng.Intn(len(places))]
		old, _ := mem.ReadUint(phys, mem.Addr(at), 8, binary.LittleEndian)
		var w uint64
		switch rng.Intn(5) {
		case 0: // another's
			w, _ = mem.ReadUint(phys, mem.Addr(places[rng.Intn(len(places))]), 8, binary.LittleEndian)
		case 1:
			w = rng.Uint64()
		case 2:
			w = old ^ 1<<rng.Intn(64)
		case 3:
			w = 0
		case 4:
			w = old + uint64(rng.Intn(4096)) - 2048
		}
		o.words[at&^7], o.pages[at&^4095] = w, true
	}
	return o
}
