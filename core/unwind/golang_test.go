package unwind

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

const goProgram = `package main

//go:noinline
func rec(n int) int {
	if n == 0 {
		var p *int
		return *p
	}
	return rec(n-1) + 1
}

func main() {
	for range 20 {
		go func() { select {} }()
	}
	rec(9)
}
`

// TestGoAgainstGDB compares the threads of a Go program. gdb's frames of inlined
// functions (the same PC and stack pointer as the frame below) are left out, and
// so is what it makes of the end of a goroutine's stack: frames from the first on
// whose PC is in no object.
func TestGoAgainstGDB(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("missing tool: go for linux/amd64")
	}
	dir := t.TempDir()
	src, prog := filepath.Join(dir, "a.go"), filepath.Join(dir, "a")
	if err := os.WriteFile(src, []byte(goProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", prog, src)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	path, want := makeCore(t, prog, 0)
	im := openCore(t, path)
	u := New(AMD64, im, im)
	deepest := 0
	for i, r := range im.threads {
		frames, _ := collect(u, r)
		var pcs, gdbs [][2]uint64
		for j, f := range frames {
			if _, _, ok := im.CFI(f.PC); !ok {
				break
			}
			pcs = append(pcs, [2]uint64{f.PC, f.SP})
			checkGoFP(t, frames, j)
		}
		for j, g := range want[im.tids[i]] {
			if _, _, ok := im.CFI(g[0]); !ok {
				break
			}
			if j == 0 || [2]uint64(g[:2]) != gdbs[len(gdbs)-1] {
				gdbs = append(gdbs, [2]uint64(g[:2]))
			}
		}
		if len(pcs) != len(gdbs) {
			t.Errorf("%d frames, gdb has %d:\n%s%#x", len(pcs), len(gdbs), describe(frames), gdbs)
			continue
		}
		for j := range pcs {
			if pcs[j] != gdbs[j] {
				t.Errorf("frame %d is %#x, gdb has %#x", j, pcs[j], gdbs[j])
			}
		}
		deepest = max(deepest, len(pcs))
	}
	if deepest < 11 {
		t.Errorf("the deepest stack has %d frames", deepest)
	}
}

// checkGoFP: a frame pointer that came from a Go callee's stack is the one that
// the frame itself saved its own caller's below.
func checkGoFP(t *testing.T, frames []Frame, i int) {
	t.Helper()
	f := &frames[i]
	if i == 0 || i == len(frames)-1 || f.Source != SourceDebugFrame || f.CFA-f.SP < 16 {
		return
	}
	if fp, ok := f.Regs.Get(AMD64.FP); ok && fp != 0 && fp != f.CFA-16 {
		t.Errorf("frame %d: rbp %#x, CFA-16 is %#x\n%s", i, fp, f.CFA-16, describe(frames))
	}
}
