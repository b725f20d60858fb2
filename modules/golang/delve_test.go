package golang

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// TestAgreesWithDelve compares the goroutines, what they wait for and their stacks
// with what delve says of the same cores.
func TestAgreesWithDelve(t *testing.T) {
	for _, name := range []string{
		"gort/default", "gort/noopt", "gort/pie", "gort/1.22", "gort/1.23", "gort/1.24", "gort/1.25", "gort/fatal", "go/crash", "go/noopt",
	} {
		t.Run(name, func(t *testing.T) {
			sub := fixtures.Build(t, name)
			want := fixtures.DelveGoroutines(t, sub, 200)
			s := openSubject(t, sub)
			got := map[uint64]map[string]any{}
			for _, row := range s.rows("::goroutines") {
				got[uint64(row["id"].(float64))] = row
			}
			if len(got) != len(want) {
				t.Errorf("%d goroutines, delve has %d", len(got), len(want))
			}
			frames := 0
			for _, g := range want {
				row := got[g.ID]
				if row == nil {
					t.Errorf("goroutine %d is missing", g.ID)
					continue
				}
				if row["wait"] != g.Wait && g.Wait != "waiting" {
					t.Errorf("goroutine %d waits for %q, delve says %q", g.ID, row["wait"], g.Wait)
				}
				frames += compareStack(t, s, &g, row["addr"].(string))
			}
			t.Logf("%d goroutines, %d frames", len(want), frames)
		})
	}
}

// compareStack compares a stack and gives the number of its frames.
func compareStack(t *testing.T, s *session, g *fixtures.Goroutine, addr string) int {
	t.Helper()
	var got []uint64
	for _, row := range s.rows(addr + "::gostack") {
		pc, err := strconv.ParseUint(row["pc"].(string), 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, pc)
	}
	want := outermost(g.Frames)
	// Behind a signal handler delve leaves frames out, of functions that were
	// interrupted before they had a frame of their own.
	interrupted := g.Thread != 0 || slices.ContainsFunc(g.Frames, func(f fixtures.GoFrame) bool { return f.Func == "runtime.asyncPreempt" })
	switch {
	case !interrupted && !slices.Equal(got, want):
		t.Errorf("goroutine %d at %s has frames %s, delve %s", g.ID, addr, hex(got), hex(want))
	case interrupted && !contains(got, want):
		t.Errorf("interrupted goroutine %d at %s has frames %s, not all of delve's %s", g.ID, addr, hex(got), hex(want))
	}
	return len(want)
}

// outermost leaves out inlined calls, which have the PC of the frame they are in.
func outermost(frames []fixtures.GoFrame) []uint64 {
	var out []uint64
	for i, f := range frames {
		if i+1 < len(frames) && frames[i+1].PC == f.PC && frames[i+1].Func != f.Func {
			continue
		}
		out = append(out, f.PC)
	}
	return out
}

// contains tells whether all of part are in all, in order.
func contains(all, part []uint64) bool {
	for _, pc := range all {
		if len(part) > 0 && part[0] == pc {
			part = part[1:]
		}
	}
	return len(part) == 0
}

func hex(pcs []uint64) string { return fmt.Sprintf("%#x", pcs) }
