package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/illumos/dumpfile"
)

// TestSavecoreCommand: names, bounds and refusals of `xmdb savecore`.
func TestSavecoreCommand(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	d := &dumpfile.Dump{
		Header: dumpfile.Header{Flags: dumpfile.Complete | dumpfile.Kernel, Platform: "i86pc"},
		Ksyms:  []byte("symbols"), PFNs: []uint64{5, 9}, Vtop: []dumpfile.Vtop{{AS: 8, VA: 0x1000, PFN: 9}},
		Page: func(i int) []byte { return bytes.Repeat([]byte{byte(i + 1)}, 4096) },
	}
	dir := t.TempDir()
	var vmdump, vmcore bytes.Buffer
	if err := d.WriteVmdump(&vmdump, dumpfile.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteVmcore(&vmcore); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vmdump.7", "from-the-customer"} {
		if err := os.WriteFile(filepath.Join(dir, name), vmdump.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bounds"), []byte("41\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) {
		t.Helper()
		if got := Run(append([]string{"xmdb", "savecore"}, args...)); got != want {
			t.Errorf("xmdb savecore %s: status %d, want %d", strings.Join(args, " "), got, want)
		}
	}
	run(exitUsage)
	run(exitUsage, "-x", filepath.Join(dir, "vmdump.7"))
	run(exitUsage, "a", "b", "c")
	run(exitFail, filepath.Join(dir, "vmdump.8"), dir)
	run(exitFail, filepath.Join(dir, "bounds"), dir)
	run(exitFail, filepath.Join(dir, "vmdump.7"), filepath.Join(dir, "bounds"))
	run(exitOK, filepath.Join(dir, "vmdump.7"), dir)
	run(exitFail, filepath.Join(dir, "vmdump.7"), dir)
	run(exitOK, "-f", filepath.Join(dir, "vmdump.7"), dir)
	run(exitOK, filepath.Join(dir, "from-the-customer"), dir)
	for name, want := range map[string]string{
		"unix.7": "symbols", "vmcore.7": vmcore.String(), "unix.41": "symbols", "vmcore.41": vmcore.String(), "bounds": "42\n",
	} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
			t.Errorf("%s has %d bytes (want %d), %v", name, len(b), len(want), err)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 7 {
		t.Errorf("the directory has %v", list)
	}
}
