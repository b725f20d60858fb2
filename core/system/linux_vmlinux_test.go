package system_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/fixtures/linuxmem"
)

// vmlinuxSource is a kernel's file as far as debug data goes: its functions and
// variables lie where linuxmem's symbols do.
const vmlinuxSource = `
struct state { int cpu; struct state *next; };
struct state the_state __attribute__((section(".state")));
int a_local_function(int arg) { return the_state.cpu + arg; }
`

// makeVmlinux builds it, linked where a kernel is without KASLR.
func makeVmlinux(t *testing.T, buildID string) string {
	t.Helper()
	fixtures.Need(t, "gcc")
	dir := t.TempDir()
	src, path := filepath.Join(dir, "k.c"), filepath.Join(dir, "vmlinux")
	if err := os.WriteFile(src, []byte(vmlinuxSource), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("gcc", "-g", "-O1", "-mcmodel=kernel", "-ffreestanding", "-fno-pic", "-static", "-nostdlib",
		"-Wl,-e,a_local_function", "-Wl,--build-id=0x"+buildID, "-Wl,-Ttext=0xffffffff81002040", "-Wl,--section-start=.state=0xffffffff81600000",
		"-o", path, src)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return path
}

// TestLinuxVmlinux takes types and lines from the kernel's file, moved by KASLR; that of
// another build is refused.
func TestLinuxVmlinux(t *testing.T) {
	const id = "00112233445566778899aabbccddeeff00112233"
	m := linuxmem.New(linuxmem.Options{KASLR: 0x1c00000, Symbols: 2200, Absolute: true})
	open := func(vmlinux string) *system.LinuxKernel {
		k, err := system.NewLinuxKernel(t.Context(), machine{m: m, info: true})
		if err != nil {
			t.Fatal(err)
		}
		k.UseFiles(system.NewFiles(""), vmlinux)
		return k
	}
	k := open(makeVmlinux(t, id))
	typer, ok := k.TypeScope(k.Main()).(ctype.SymbolTyper)
	if !ok {
		t.Fatalf("no types: %q", k.Warnings())
	}
	if ty, err := typer.SymbolType("the_state", 0xffffffff81600000, 0); err != nil || ty.String() != "struct state" || ty.Size() != 16 {
		t.Errorf("the_state is of %v, %v", ty, err)
	}
	d := k.DebugData(k.Main())
	if d == nil {
		t.Fatal("no debug data")
	}
	fn, ok := k.Symbol("a_local_function")
	if file, line, err := d.Line(fn - k.Main().Bias); !ok || err != nil || !strings.HasSuffix(file, "k.c") || line != 4 {
		t.Errorf("line of %#x: %s:%d, %v", fn, file, line, err)
	}
	k = open(makeVmlinux(t, strings.Repeat("ab", 20)))
	if k.DebugData(k.Main()) != nil || !strings.Contains(strings.Join(k.Warnings(), "\n"), "is not the kernel's file") {
		t.Errorf("another build's file: %q", k.Warnings())
	}
	k = open(filepath.Join(t.TempDir(), "vmlinux"))
	if k.DebugData(k.Main()) != nil || len(k.Warnings()) < 2 {
		t.Errorf("a file that is not there: %q", k.Warnings())
	}
}

// TestLinuxVmlinuxPlaces finds the file where packages put it and by its build-id, below a
// root directory.
func TestLinuxVmlinuxPlaces(t *testing.T) {
	const id = "00112233445566778899aabbccddeeff00112233"
	file, other := makeVmlinux(t, id), makeVmlinux(t, strings.Repeat("ab", 20))
	m := linuxmem.New(linuxmem.Options{KASLR: 0x1c00000, Symbols: 2200, Absolute: true})
	for _, place := range []string{
		"usr/lib/debug/boot/vmlinux-6.1.0-test", "usr/lib/debug/lib/modules/6.1.0-test/vmlinux", "boot/vmlinux-6.1.0-test",
		"lib/modules/6.1.0-test/build/vmlinux", "usr/lib/debug/.build-id/00/" + id[2:] + ".debug", "nowhere/vmlinux",
	} {
		root := t.TempDir()
		for path, from := range map[string]string{place: file, "lib/modules/6.1.0-test/vmlinux": other} {
			to := filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(from, to); err != nil {
				t.Fatal(err)
			}
		}
		k, err := system.NewLinuxKernel(t.Context(), machine{m: m, info: true})
		if err != nil {
			t.Fatal(err)
		}
		k.UseFiles(system.NewFiles(root), "")
		if found := k.DebugData(k.Main()) != nil; found != (place != "nowhere/vmlinux") {
			t.Errorf("%s: found: %v; %q", place, found, k.Warnings())
		}
	}
}
