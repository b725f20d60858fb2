package elffile

import (
	"testing"

	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/fixtures"
)

// BenchmarkFirstLookup opens a large program (Go's, with all its symbols) and
// looks one name and one address up.
func BenchmarkFirstLookup(b *testing.B) {
	path := fixtures.BuildProgram(b, "go/default").Exe
	n := 0
	for b.Loop() {
		f, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		t, err := f.Symbols(sym.Symtab, sym.RuleLinux, 0)
		if err != nil {
			b.Fatal(err)
		}
		s, ok := t.ByName("main.main")
		if _, found := t.ByAddr(s.Value+3, 0); !ok || !found {
			b.Fatal("main.main is not found")
		}
		n = t.Len()
		f.Close()
	}
	b.ReportMetric(float64(n), "symbols")
}

// BenchmarkLookups is what a lookup costs once there is an index.
func BenchmarkLookups(b *testing.B) {
	f, err := Open(fixtures.BuildProgram(b, "go/default").Exe)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	t, err := f.Symbols(sym.Symtab, sym.RuleLinux, 0)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		s := t.At(i % t.Len())
		t.ByName(s.Name)
		t.ByAddr(s.Value, 0)
	}
}
