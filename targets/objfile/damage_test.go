package objfile

import (
	"bytes"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/fixtures"
)

// exercise asks everything of a target.
func exercise(tg *opened) {
	var b [64]byte
	for _, m := range tg.Mappings() {
		for _, s := range []mem.Space{tg.Virtual(), tg.ObjectFile()} {
			s.ReadAt(b[:], m.Base)
			s.ReadAt(b[:], m.End()-32)
		}
	}
	for _, v := range []string{"b", "d", "t", "e", "m"} {
		tg.Variable(v)
	}
	ns := tg.Namespace()
	for _, name := range []string{"main", "n1", "ns::f(int)"} {
		if m, err := ns.LookupName("", name); err == nil {
			ns.Format(m.Value+1, 0, 16)
			tg.CFI(m.Value)
		}
	}
	ns.LookupName("prog.c", "sfunc")
	if s := tg.TypeScope(ns.Main()); s != nil {
		s.Lookup("struct node")
		s.Lookup("node_t")
		n := 0
		for t := range s.All() {
			t.Body()
			if n++; n > 300 {
				break
			}
		}
	}
	if d := tg.DebugData(ns.Main()); d != nil {
		d.Line(0x401200)
		d.Function(0x401200)
	}
	tg.Xdata()
	tg.Needed()
	tg.Status(out.New(new(bytes.Buffer), &out.Env{}))
}

// TestMutations opens damaged views of real programs: an error or what can be
// had, never a panic, a hang or much memory.
func TestMutations(t *testing.T) {
	for _, path := range []string{fixtures.BuildProgram(t, "c/O2").Exe, "testdata/prog"} {
		t.Run(path, func(t *testing.T) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			st, _ := f.Stat()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			opened := 0
			for m := range fixtures.Mutations(2, f, st.Size()) {
				start := time.Now()
				tg, err := OpenAt("prog", m, m.Size, nil)
				if err == nil {
					opened++
					exercise(recognise(t, tg))
					tg.Close()
				}
				if d := time.Since(start); d > time.Minute {
					t.Errorf("%d (%s): took %v", m.Index, m.What, d)
				}
			}
			runtime.ReadMemStats(&after)
			if per := (after.TotalAlloc - before.TotalAlloc) / fixtures.MutationCount; per > 64<<20 {
				t.Errorf("%d bytes allocated for each", per)
			}
			if opened < fixtures.MutationCount/4 {
				t.Errorf("only %d of %d opened", opened, fixtures.MutationCount)
			}
			t.Logf("%d opened", opened)
		})
	}
}
