package dwarf

import (
	"os"
	"testing"

	"github.com/xmdb/xmdb/core/store"
)

// bigFile is a file with hundreds of megabytes of DWARF: vmlinux of Debian's
// linux-image-*-dbg.
func bigFile(b *testing.B) string {
	path := os.Getenv("XMDB_BENCH_DWARF")
	if path == "" {
		b.Skip("XMDB_BENCH_DWARF names no file (try vmlinux of linux-image-*-dbg)")
	}
	return path
}

// bigType is a type of it.
const bigType = "struct task_struct"

func lookup(b *testing.B, d *Data) {
	b.Helper()
	t, err := d.Lookup(bigType)
	if err != nil {
		b.Fatal(err)
	}
	if len(t.Members()) == 0 {
		b.Fatal("no members")
	}
}

// BenchmarkCold opens the file and finds a type by name, building the index.
func BenchmarkCold(b *testing.B) {
	path := bigFile(b)
	for b.Loop() {
		lookup(b, open(b, path, Options{}))
	}
}

// BenchmarkCached is BenchmarkCold with the index in the cache.
func BenchmarkCached(b *testing.B) {
	path := bigFile(b)
	cache, err := store.Open(b.TempDir(), 0)
	if err != nil {
		b.Fatal(err)
	}
	lookup(b, open(b, path, Options{Cache: cache}))
	for b.Loop() {
		lookup(b, open(b, path, Options{Cache: cache}))
	}
}

// BenchmarkFrame opens the file and finds the function, the inlined calls and
// the line at an address.
func BenchmarkFrame(b *testing.B) {
	path := bigFile(b)
	pc := symbolAddress(b, path, "schedule") + 40
	for b.Loop() {
		d := open(b, path, Options{})
		f, err := d.Function(pc)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Inlines(pc); err != nil {
			b.Fatal(err)
		}
		if _, _, err := d.Line(pc); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSmall opens a small program and finds a type.
func BenchmarkSmall(b *testing.B) {
	path := compile(b, "types.c", "gcc", "-g")
	for b.Loop() {
		d := open(b, path, Options{})
		if _, err := d.Lookup("struct outer"); err != nil {
			b.Fatal(err)
		}
	}
}
