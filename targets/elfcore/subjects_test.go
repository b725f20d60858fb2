package elfcore

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures"
)

// subjects are cores of every kind of link and of every language.
var subjects = []string{
	"c/small", "c/nopie", "c/static/segv", "c/staticpie", "c/gcore", "c/full", "c/lean", "c/stripped",
	"c/debuglink", "c/minidebug", "cxx/throw", "rust/panic", "go/crash", "c/O2/overflow", "c/O2/nullcall",
}

// gdb runs commands on a core.
func gdb(t *testing.T, s fixtures.Subject, cmds ...string) string {
	t.Helper()
	fixtures.Need(t, "gdb")
	args := []string{"-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set auto-load off", "-iex", "set width 0"}
	for _, c := range cmds {
		args = append(args, "-ex", c)
	}
	out, err := exec.Command("gdb", append(args, s.Exe, s.Core)...).Output()
	if err != nil {
		t.Fatalf("gdb: %v", err)
	}
	return string(out)
}

var sharedLibrary = regexp.MustCompile(`(?m)^0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+Yes(?: \(\*\))?\s+(\S+)$`)

// TestObjectsAgreeWithGDB compares the load objects with gdb's: gdb gives the
// .text of each, which must lie in the object of that path.
func TestObjectsAgreeWithGDB(t *testing.T) {
	for _, name := range subjects {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			tg := openCore(t, s.Core, Options{Program: s.Exe})
			if w := tg.Warnings(); len(w) != 0 {
				t.Errorf("warnings: %q", w)
			}
			libs := sharedLibrary.FindAllStringSubmatch(gdb(t, s, "info sharedlibrary"), -1)
			for _, l := range libs {
				from, _ := strconv.ParseUint(l[1], 16, 64)
				o := tg.Namespace().ObjectAt(from)
				if o == nil || o.Path != l[3] && tg.Info(o).Found.Set != nil && !sameFile(o.File, l[3]) {
					t.Errorf("%s at %#x: have %v", l[3], from, o)
				}
			}
			objs := tg.Namespace().Objects()
			if len(objs) < len(libs)+1 {
				t.Errorf("%d objects, gdb has %d libraries", len(objs), len(libs))
			}
			if !objs[0].Main || objs[0].File != s.Exe || objs[0].Name != "crash" {
				t.Errorf("first object %+v is not the program", objs[0])
			}
		})
	}
}

func sameFile(a, b string) bool {
	x, err1 := exec.Command("realpath", a).Output()
	y, err2 := exec.Command("realpath", b).Output()
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

var threadLine = regexp.MustCompile(`(?m)^[* ]\s+\d+\s+(?:Thread 0x[0-9a-f]+ \()?LWP (\d+)`)

// TestThreadsAgreeWithGDB compares threads and registers.
func TestThreadsAgreeWithGDB(t *testing.T) {
	for _, name := range []string{"c/small", "c/gcore", "go/crash"} {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			tg := openCore(t, s.Core, Options{Program: s.Exe})
			out := gdb(t, s, "info threads", `thread apply all -q -s printf "REGS %d %lx %lx %lx %lx %lx %lx\n", $_inferior_thread_count*0+$_thread, $rip, $rsp, $rbp, $r15, $fs_base, $eflags`)
			var want []uint64
			for _, m := range threadLine.FindAllStringSubmatch(out, -1) {
				id, _ := strconv.ParseUint(m[1], 10, 64)
				want = append(want, id)
			}
			var got []uint64
			regs := map[string]bool{}
			for _, th := range tg.Threads() {
				got = append(got, th.ID)
				r, err := tg.Registers(th.ID)
				if err != nil {
					t.Fatal(err)
				}
				var v []any
				for _, n := range []string{"rip", "rsp", "rbp", "r15", "fsbase", "rflags"} {
					x, ok := r.Get(n)
					if !ok {
						t.Errorf("thread %d: %s unknown", th.ID, n)
					}
					v = append(v, x)
				}
				regs[fmt.Sprintf("%x %x %x %x %x %x", v...)] = true
				if r.Areas[AreaFXSave] == nil || r.Areas[AreaXSave] == nil {
					t.Errorf("thread %d: areas %d", th.ID, len(r.Areas))
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("threads %v, gdb has %v", got, want)
			}
			lines := 0
			for _, l := range strings.Split(out, "\n") {
				f := strings.Fields(l)
				if len(f) != 8 || f[0] != "REGS" {
					continue
				}
				lines++
				if k := strings.Join(f[2:], " "); !regs[k] {
					t.Errorf("gdb's registers %s are no thread's", k)
				}
			}
			if lines != len(want) {
				t.Errorf("gdb printed %d register sets", lines)
			}
		})
	}
}

// TestMemoryAgreesWithGDB reads pieces of every mapping with both.
func TestMemoryAgreesWithGDB(t *testing.T) {
	for _, name := range []string{"c/small", "c/gcore", "c/full", "c/static/segv", "c/nopie"} {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			tg := openCore(t, s.Core, Options{Program: s.Exe})
			var cmds []string
			var at []uint64
			for _, m := range tg.Mappings() {
				if m.Prot&mem.ProtRead == 0 || strings.HasPrefix(m.Name, "[v") {
					continue
				}
				for _, a := range []uint64{uint64(m.Base), uint64(m.Base) + m.Size/2&^7, uint64(m.End()) - 8} {
					at = append(at, a)
					cmds = append(cmds, fmt.Sprintf("x/1xg %#x", a))
				}
			}
			out := gdb(t, s, cmds...)
			byAddr := map[uint64]string{}
			for _, l := range strings.Split(out, "\n") {
				head, val, ok := strings.Cut(l, ":\t")
				head, _, _ = strings.Cut(head, " ")
				if a, err := strconv.ParseUint(head, 0, 64); ok && err == nil {
					byAddr[a] = strings.TrimSpace(val)
				}
			}
			compared := 0
			for _, a := range at {
				want, ok := byAddr[a]
				v, err := mem.ReadUint(tg.Virtual(), mem.Addr(a), 8, le)
				got := fmt.Sprintf("0x%016x", v)
				if ok && err != nil {
					// gdb reads zeros where a file or the core ends.
					t.Logf("%#x: %v; gdb has %s", a, err, want)
					continue
				}
				if ok && got != want {
					t.Errorf("%#x: %s, gdb has %s", a, got, want)
				}
				if ok {
					compared++
				}
			}
			if compared < len(at)/2 {
				t.Errorf("only %d of %d places compared", compared, len(at))
			}
		})
	}
}

// TestSymbolsAgreeWithGDB names the PCs of all threads' frames.
func TestSymbolsAgreeWithGDB(t *testing.T) {
	for _, name := range subjects {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			tg := openCore(t, s.Core, Options{Program: s.Exe})
			seen := map[uint64]bool{}
			var cmds []string
			var pcs []uint64
			for _, th := range tg.Threads() {
				r, err := tg.Registers(th.ID)
				if err != nil {
					t.Fatal(err)
				}
				for f, err := range tg.Frames(context.Background(), r) {
					if err != nil || seen[f.PC] || len(pcs) > 300 {
						continue
					}
					seen[f.PC] = true
					pcs = append(pcs, f.PC)
					cmds = append(cmds, fmt.Sprintf("info symbol %#x", f.PC))
				}
			}
			lines := strings.Split(gdb(t, s, append([]string{"set print demangle off", "set print asm-demangle off", `printf "BEGIN\n"`}, cmds...)...), "\n")
			i := slices.Index(lines, "BEGIN") + 1
			differ := 0
			for k, pc := range pcs {
				want := lines[i+k]
				if strings.HasPrefix(want, "No symbol") {
					continue
				}
				name, _, _ := strings.Cut(want, " in section")
				wname, woff, _ := strings.Cut(name, " + ")
				off, _ := strconv.ParseUint(woff, 10, 64)
				m, err := tg.Namespace().LookupAddr(pc, 0)
				if err != nil {
					t.Errorf("%#x: %v, gdb has %s", pc, err, want)
					differ++
					continue
				}
				if m.Value != pc-off || m.Name != wname && !alias(tg, m.Value, wname) {
					t.Errorf("%#x: %s+%#x, gdb has %s", pc, m.Name, pc-m.Value, want)
					differ++
				}
			}
			if differ > 0 {
				t.Errorf("%d of %d names differ", differ, len(pcs))
			}
		})
	}
}

// alias tells whether name is another symbol of the same value.
func alias(tg *opened, value uint64, name string) bool {
	name, _, _ = strings.Cut(name, "@")
	o := tg.Namespace().ObjectAt(value)
	for s := range o.Table(1).All() {
		bare, _, _ := strings.Cut(s.Name, "@")
		if bare == name && s.Value == value {
			return true
		}
	}
	for s := range o.Table(2).All() {
		if s.Name == name && s.Value == value {
			return true
		}
	}
	return false
}

var procMapping = regexp.MustCompile(`(?m)^\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S+)$`)

// TestMappingsAgreeWithGDB compares the files that are mapped with gdb's reading
// of NT_FILE: every piece lies in a mapping of that name and offset.
func TestMappingsAgreeWithGDB(t *testing.T) {
	for _, name := range []string{"c/small", "c/gcore", "c/nopie", "cxx/throw", "go/crash"} {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			tg := openCore(t, s.Core, Options{Program: s.Exe})
			lines := procMapping.FindAllStringSubmatch(gdb(t, s, "info proc mappings"), -1)
			if len(lines) == 0 {
				t.Fatal("gdb shows no mappings")
			}
			for _, l := range lines {
				start, _ := strconv.ParseUint(l[1], 16, 64)
				end, _ := strconv.ParseUint(l[2], 16, 64)
				off, _ := strconv.ParseUint(l[4], 16, 64)
				for _, a := range []uint64{start, end - 1} {
					found := false
					for _, m := range tg.Mappings() {
						if m.Contains(mem.Addr(a)) {
							found = m.Name == l[5] && m.Off+a-uint64(m.Base) == off+a-start
						}
					}
					if !found {
						t.Errorf("%#x: no mapping as gdb's %s", a, l[0])
					}
				}
			}
		})
	}
}
