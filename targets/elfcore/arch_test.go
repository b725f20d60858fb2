package elfcore

import (
	"context"
	"slices"
	"testing"

	"github.com/xmdb/xmdb/core/unwind"
	"github.com/xmdb/xmdb/fixtures"
)

func walkThread(t *testing.T, tg *opened, id uint64) []unwind.Frame {
	t.Helper()
	regs, err := tg.Registers(id)
	if err != nil {
		t.Fatal(err)
	}
	var out []unwind.Frame
	for f, err := range tg.Frames(context.Background(), regs) {
		if err != nil {
			t.Errorf("LWP %d: %v", id, err)
			break
		}
		out = append(out, f)
	}
	return out
}

// TestFramesByArchitecture finds the functions that the program is known to be in, and every
// thread's stack to its end.
func TestFramesByArchitecture(t *testing.T) {
	want := []string{"store_byte", "parse_record", "load_index", "open_store", "crash_now", "main"}
	for _, name := range []string{"arm64/O0", "arm64/O2", "arm64/pie", "arm64/static", "arm64/pac", "arm64/O2/fault", "arm64/pac/fault", "i386/O0", "i386/O2", "i386/O2/fault"} {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			tg := openCore(t, s.Core, Options{Program: s.Exe})
			if len(tg.Threads()) != 21 {
				t.Fatalf("%d threads, want 21", len(tg.Threads()))
			}
			for i, th := range tg.Threads() {
				var got []string
				for _, f := range walkThread(t, tg, th.ID) {
					if m, err := tg.Namespace().LookupAddr(f.CodeAddr(), 0); err == nil && (i > 0 || slices.Contains(want, m.Name)) {
						got = append(got, m.Name)
					}
				}
				if i == 0 && !slices.Equal(got, want) {
					t.Errorf("main thread is in %q, want %q", got, want)
				}
				if i > 0 && !slices.Contains(got, "thread_main") {
					t.Errorf("thread %d is in %q, not below thread_main", th.ID, got)
				}
			}
		})
	}
}
