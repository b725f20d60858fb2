package qemu

import (
	"context"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/tinyvm"
)

// BenchmarkWays reads 16 MiB in each way, in pieces of 64 KiB, and one pointer; and
// opens the machine.
func BenchmarkWays(b *testing.B) {
	shared := tinyvm.Start(b, ramArgs...)
	private := tinyvm.Start(b)
	for _, w := range []struct {
		name        string
		vm          *tinyvm.Machine
		slow, print bool
	}{{"file", shared, false, false}, {"process", private, false, false}, {"pmemsave", private, true, false}, {"xp", private, true, true}} {
		open := func(b *testing.B) *Target {
			t := &Target{began: time.Now()}
			q, err := dial(context.Background(), w.vm.QMP, t.event)
			if err != nil {
				b.Fatal(err)
			}
			if w.slow {
				q.pid = 0
			}
			if t, err = t.open(context.Background(), q); err != nil {
				b.Fatal(err)
			}
			if w.slow {
				t.mem.slow.print = w.print
			}
			return t
		}
		b.Run(w.name+"/open", func(b *testing.B) {
			for b.Loop() {
				open(b).Close()
			}
		})
		t := open(b)
		size := 16 << 20
		if w.print {
			size = 256 << 10
		}
		buf := make([]byte, 64<<10)
		b.Run(w.name+"/bulk", func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				for a := 0; a < size; a += len(buf) {
					if err := mem.ReadFull(t.Physical(), buf, mem.Addr(0x1000000+a)); err != nil {
						b.Fatal(err)
					}
				}
				t.Refresh()
			}
		})
		b.Run(w.name+"/pointer", func(b *testing.B) {
			for b.Loop() {
				if err := mem.ReadFull(t.Physical(), buf[:8], tinyvm.Counter); err != nil {
					b.Fatal(err)
				}
				t.Refresh()
			}
		})
		t.Close()
	}
}
