package elfcore

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/fixtures"
)

// twoMaths has a library on two link maps and says where a function of each is.
const twoMaths = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	void *a = dlopen("libm.so.6", RTLD_NOW), *b = dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW);
	if (!a || !b)
		return puts(dlerror()), 1;
	printf("%p\n%p\n", dlsym(a, "cbrt"), dlsym(b, "cbrt"));
	fflush(stdout);
	pause();
}
`

// TestNamespacesOfGlibc looks at a process that has used dlmopen.
func TestNamespacesOfGlibc(t *testing.T) {
	fixtures.Need(t, "gcc", "gcore")
	dir := t.TempDir()
	src, exe := filepath.Join(dir, "two.c"), filepath.Join(dir, "two")
	if err := os.WriteFile(src, []byte(twoMaths), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-o", exe, src, "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	cmd := exec.Command(exe)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	var at [2]uint64
	lines := bufio.NewScanner(stdout)
	for i := range at {
		if !lines.Scan() {
			t.Fatal("the program said nothing")
		}
		if at[i], err = strconv.ParseUint(lines.Text(), 0, 64); err != nil {
			t.Fatal(err)
		}
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	if out, err := exec.Command("gcore", "-o", filepath.Join(dir, "core"), pid).CombinedOutput(); err != nil {
		t.Fatalf("gcore: %v\n%s", err, out)
	}
	tg := openCore(t, filepath.Join(dir, "core."+pid), Options{Program: exe})
	if w := tg.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
	ns := tg.Namespace()
	// cbrt may be an alias: it is the object that counts.
	for i, want := range []uint64{0, 1} {
		m, err := ns.LookupAddr(at[i], 0)
		if err != nil || m.Object.Name != "libm.so.6" || m.Object.LMID != want || m.Value != at[i] {
			t.Errorf("%#x is %+v, %v; want link map %d", at[i], m, err, want)
		}
	}
	if m, err := ns.LookupName("LM1`libm.so.6", "cbrt"); err != nil || m.Value != at[1] {
		t.Errorf("LM1`libm.so.6`cbrt = %#x, %v; want %#x", m.Value, err, at[1])
	}
	if _, err := ns.LookupName("LM7`libm.so.6", "cbrt"); !errors.Is(err, sym.ErrNoLMID) {
		t.Errorf("LM7: %v", err)
	}
}
