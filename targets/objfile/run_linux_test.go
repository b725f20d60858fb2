package objfile

import (
	"errors"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
)

// TestWritableProgramRuns has a program open with -w and running at the same time, which
// the kernel does not allow of a file that is open for writing.
func TestWritableProgramRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cat")
	if out, err := exec.Command("cp", "/bin/cat", path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	first, err := Open(path, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	cmd := exec.Command(path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("open with -w, the program cannot be run: %v", err)
	}
	defer func() { in.Close(); cmd.Wait() }()
	tg, err := Open(path, nil, true)
	if err != nil {
		t.Fatalf("while it runs, the program cannot be opened with -w: %v", err)
	}
	defer tg.Close()
	w := tg.ObjectFile().(mem.Writer)
	var b [4]byte
	at := tg.Mappings()[0].Base
	if err := mem.ReadFull(tg.ObjectFile(), b[:], at); err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt(b[:], at); !errors.Is(err, syscall.ETXTBSY) {
		t.Errorf("write to a program that runs: %v", err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := w.WriteAt(b[:], at); err != nil {
		t.Errorf("write when it has ended: %v", err)
	}
}
