package holes

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
)

// TestSparse writes into a file of 64 GB: what was written is told, and little else.
func TestSparse(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 64 << 30
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	written := []int64{0, 5 << 20, 3 << 30, size - 4096}
	for _, at := range written {
		if _, err := f.WriteAt(make([]byte, 4096), at); err != nil {
			t.Fatal(err)
		}
	}
	const off = 4096 // of the memory in the file
	list := Extents(f, off, size-off)
	total := uint64(0)
	for i, m := range list {
		total += m.Size
		if i > 0 && m.Base < list[i-1].End() {
			t.Errorf("%v begins before %v ends", m, list[i-1])
		}
	}
	for _, at := range written[1:] {
		found := false
		for _, m := range list {
			found = found || m.Contains(mem.Addr(at-off))
		}
		if !found {
			t.Errorf("what was written at %#x is not there", at)
		}
	}
	if runtime.GOOS == "linux" && total > 64<<20 && total < size-off {
		t.Errorf("%d bytes count as written", total)
	}
	if total == size-off {
		t.Log("the file system does not tell")
	}
}
