package ptrace

import (
	"context"
	"debug/elf"
	"testing"

	"github.com/xmdb/xmdb/core/control"
)

func TestQuick(t *testing.T) {
	for _, prog := range []string{"/tmp/t0"} {
		f, _ := elf.Open(prog)
		syms, _ := f.Symbols()
		var work uint64
		for _, s := range syms {
			if s.Name == "work" {
				work = s.Value
			}
		}
		tg, err := Launch(context.Background(), Program{Path: prog}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := tg.Insert(work); err != nil {
			t.Fatal(err)
		}
		hits := 0
		s, err := tg.Resume(context.Background(), control.Order{}, func(s *control.Stop) bool {
			if s.Why == control.Breakpoint {
				hits++
				return false
			}
			return s.Why.Gone()
		})
		t.Logf("%+v %v hits %d", s, err, hits)
		tg.Close()
	}
}
