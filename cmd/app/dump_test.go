package app_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/fixtures/illumos/dumpfile"
)

// dumpFiles writes the standard scenario as unix.0, vmcore.0 and vmdump.0.
func dumpFiles(t *testing.T) (dir string, sys *illumos.System) {
	t.Helper()
	dir = t.TempDir()
	sc := illumos.Node()
	sc.Kernel.MemBytes = 256 << 20
	sys = sc.Build(illumos.Real())
	d := sys.Finish()
	for name, write := range map[string]func(io.Writer) error{
		"unix.0": d.WriteUnix, "vmcore.0": d.WriteVmcore,
		"vmdump.0": func(w io.Writer) error { return d.WriteVmdump(w, dumpfile.Options{}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, sys
}

// TestDumps opens a crash dump in every way that the command line has.
func TestDumps(t *testing.T) {
	bin := filepath.Join(build(t), "xmdb")
	dir, _ := dumpFiles(t)
	run := func(args ...string) (stdout, stderr string) {
		cmd := exec.Command(bin, append([]string{"-e", "::status ; $C ; ::modinfo ; ::ps"}, args...)...)
		var out, errs bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v\n%s", args, err, errs.String())
		}
		return out.String(), errs.String()
	}
	want, errs := run("vmcore.0")
	if errs != "" || !strings.HasPrefix(want, "debugging crash dump vmcore.0 (64-bit) from headnode\n") ||
		!strings.Contains(want, "genunix (?)") || !strings.Contains(want, "sched\n") {
		t.Fatalf("%s\n%s", want, errs)
	}
	for _, args := range [][]string{{"unix.0", "vmcore.0"}, {"0"}, {"-k", "vmcore.0"}, {"vmdump.0"}, {"vmdump.0"}} {
		out, errs := run(args...)
		if out = strings.Replace(out, "vmdump.0", "vmcore.0", 1); out != want || errs != "" {
			t.Errorf("%s:\n%s%s\nwant\n%s", args, out, errs, want)
		}
	}
	if err := os.Remove(filepath.Join(dir, "unix.0")); err != nil {
		t.Fatal(err)
	}
	if out, errs := run("0"); out != want || errs != "" {
		t.Errorf("0, without unix.0:\n%s%s", out, errs)
	}
	if err := os.Remove(filepath.Join(dir, "vmcore.0")); err != nil {
		t.Fatal(err)
	}
	if out, errs := run("0"); strings.Replace(out, "vmdump.0", "vmcore.0", 1) != want || errs != "" {
		t.Errorf("0, with nothing but vmdump.0:\n%s%s", out, errs)
	}
}

// TestOtherDumps opens what cannot be.
func TestOtherDumps(t *testing.T) {
	bin := filepath.Join(build(t), "xmdb")
	dir, _ := dumpFiles(t)
	core, err := os.ReadFile(filepath.Join(dir, "vmcore.0"))
	if err != nil {
		t.Fatal(err)
	}
	change := func(off int, b ...byte) []byte {
		c := bytes.Clone(core)
		copy(c[off:], b)
		return c
	}
	for name, c := range map[string]struct {
		data []byte
		want string // in what is said on standard error
		out  string
	}{
		"version": {change(4, 9), "version", ""},
		"width":   {change(12, 32), "32", ""},
		"cut":     {core[:len(core)/2+100], "the file ends early", "dump coverage: "},
		"ksyms":   {change(4096, make([]byte, 64)...), "illumos kernel: kernel symbols are not", "debugging crash dump"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(bin, "-e", "::status", file)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run() // some fail, as they should
		if !strings.Contains(errs.String(), c.want) || !strings.Contains(out.String(), c.out) {
			t.Errorf("%s:\n%s%s", name, out.String(), errs.String())
		}
	}
}
