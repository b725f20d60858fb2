package gdbstub

import (
	"context"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/tinyvm"
)

// BenchmarkStub reads 16 MiB of a halted machine, and one frame of the cache.
func BenchmarkStub(b *testing.B) {
	vm := tinyvm.Start(b)
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			t, err := Open(context.Background(), vm.GDB, Options{})
			if err != nil {
				b.Fatal(err)
			}
			t.Close()
		}
	})
	t, err := Open(context.Background(), vm.GDB, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	if err := t.Halt(context.Background()); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 16<<20)
	for _, n := range []int{16 << 20, 2048, 8} {
		b.Run(map[int]string{16 << 20: "bulk", 2048: "packet", 8: "pointer"}[n], func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				if _, err := t.read(buf[:n], mem.Addr(0x1000000), true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
