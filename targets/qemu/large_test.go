package qemu

import (
	"context"
	"os"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/tinyvm"
)

// TestLarge has machines of 64 GB in a sparse file: the part above the hole for devices
// is where QEMU has it, by the monitor's layout as by the command line's, and a search
// has no more to read than was written.
func TestLarge(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		machine string
		low     int64 // what lies below the hole
	}{{"pc", 3 * gib}, {"q35", 2 * gib}} {
		vm := tinyvm.Start(t, "-m", "64G", "-machine", tt.machine+",memory-backend=ram0",
			"-object", "memory-backend-file,id=ram0,size=64G,share=on,mem-path=DIR/ram", "-S")
		f, err := os.OpenFile(vm.RAM, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		marks := map[int64]string{tt.low - 16: "below the hole", tt.low: "above the hole", 64*gib - 16: "the last bytes"}
		for off, text := range marks {
			if _, err := f.WriteAt([]byte(text), off); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		q, err := OpenQMP(context.Background(), vm.QMP)
		q = open(t, q, err)
		p, err := OpenPID(context.Background(), vm.PID)
		p = open(t, p, err)
		for name, m := range map[string]*Target{"qmp": q, "pid": p} {
			for off, text := range marks {
				at := mem.Addr(off)
				if off >= tt.low {
					at += mem.Addr(4*gib - tt.low)
				}
				b := make([]byte, len(text))
				if err := mem.ReadFull(m.Physical(), b, at); err != nil || string(b) != text {
					t.Errorf("%s, %s: at %v %q, %v; want %q", tt.machine, name, at, b, err, text)
				}
			}
			if n, err := m.Physical().ReadAt(make([]byte, 8), mem.Addr(tt.low)); n != 0 || err == nil {
				t.Errorf("%s, %s: %d bytes in the hole", tt.machine, name, n)
			}
			all, present := uint64(0), uint64(0)
			for _, r := range m.PhysicalRanges() {
				all += r.Size
			}
			for _, r := range m.PresentRanges() {
				present += r.Size
			}
			if all < 64*gib || all > 65*gib || present > 64<<20 {
				t.Errorf("%s, %s: %d bytes, of which %d are present", tt.machine, name, all, present)
			}
		}
		vm.End()
	}
}
