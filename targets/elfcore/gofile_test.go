package elfcore

import (
	"bytes"
	"context"
	"debug/elf"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures"
)

// TestGoProgramFile reads what only the program's file has: the build-id that Go's
// linker writes lies in no PT_NOTE, so that nothing in memory says it.
func TestGoProgramFile(t *testing.T) {
	for _, name := range []string{"gort/default", "gort/pie", "gort/stripped", "gort/1.22"} {
		s := fixtures.Build(t, name)
		tg, err := Open(context.Background(), s.Core, Options{Program: s.Exe})
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		f, err := elf.Open(s.Exe)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sec := f.Section(".rodata")
		want, err := sec.Data()
		if err != nil {
			t.Fatal(err)
		}
		want = want[:4096]
		bias := uint64(0)
		if entry, ok := tg.Aux(atEntry); ok {
			bias = entry - f.Entry
		}
		got := make([]byte, len(want))
		if err := mem.ReadFull(tg.Virtual(), got, mem.Addr(sec.Addr+bias)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: constants are not those of the file: %v", name, err)
		}
	}
}
