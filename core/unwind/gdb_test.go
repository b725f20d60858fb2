package unwind

import (
	"testing"
)

// threadsC has threads asleep in libc, and a main thread that recurses, calls
// through a null pointer and is caught by a handler on an alternate stack, which
// aborts.
const threadsC = `
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
static int (*volatile null)(int);
static volatile int sink;
static void handler(int s) { sink = s; abort(); }
__attribute__((noinline)) static int deep(int n)
{
	volatile char b[64];
	b[n % 64] = n;
	return n ? deep(n - 1) + b[0] : null(n) + b[0];
}
__attribute__((noinline)) static int vla(int n)
{
	volatile char b[n];
	b[0] = n;
	return deep(n) + b[0];
}
static int compare(const void *a, const void *b) { return vla(DEPTH) + (a > b); }
static void *thread(void *a) { pause(); return a; }
int main(void)
{
	static char alt[65536];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof alt };
	sigaltstack(&ss, 0);
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	sigaction(SIGSEGV, &sa, 0);
	for (int i = 0; i < 4; i++) {
		pthread_t t;
		pthread_create(&t, 0, thread, 0);
	}
	usleep(100000);
	int a[9] = { 3, 1, 2 };
	qsort(a, 9, sizeof a[0], compare);
	return 0;
}
`

// TestAgainstGDB compares the frames of every thread with gdb's, register by
// register.
func TestAgainstGDB(t *testing.T) {
	bare := "-fno-asynchronous-unwind-tables"
	for _, tt := range []struct {
		name   string
		flags  []string
		source Source // that some frame has to come from
	}{
		{"O0", []string{"-O0"}, SourceCFI},
		{"O2", []string{"-O2"}, SourceCFI},
		{"O2 no pie", []string{"-O2", "-no-pie"}, SourceCFI},
		{"O2 static", []string{"-O2", "-static"}, SourceCFI},
		{"O2 debug_frame", []string{"-O2", "-g", bare}, SourceDebugFrame},
		{"O1 frame pointers", []string{"-O1", bare, "-fno-omit-frame-pointer"}, SourceFP},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prog := compile(t, threadsC, append([]string{"-DDEPTH=7"}, tt.flags...)...)
			path, want := makeCore(t, prog, 1)
			im := openCore(t, path)
			if len(im.threads) != len(want) || len(want) != 5 {
				t.Fatalf("%d threads, gdb has %d; want 5", len(im.threads), len(want))
			}
			u := New(AMD64, im, im)
			sources := map[Source]int{}
			for i, r := range im.threads {
				frames, err := collect(u, r)
				if err != nil {
					t.Errorf("LWP %d: %v", im.tids[i], err)
				}
				for _, f := range frames {
					sources[f.Source]++
				}
				compareFrames(t, frames, want[im.tids[i]])
			}
			if sources[tt.source] == 0 {
				t.Errorf("no frame comes from %v: %v", tt.source, sources)
			}
			t.Log(sources)
		})
	}
}

func compareFrames(t *testing.T, got []Frame, want []gdbFrame) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d frames, gdb has %d:\n%s%#x", len(got), len(want), describe(got), want)
		return
	}
	for i := range want {
		for j, n := range gdbRegs {
			v, ok := got[i].Regs.Get(n)
			if j < 2 && !ok || ok && !got[i].Regs.Stale(n) && v != want[i][j] {
				t.Errorf("frame %d, register %d: %#x, %v; gdb has %#x\n%s", i, n, v, ok, want[i][j], describe(got))
			}
		}
	}
}

// BenchmarkBacktraces walks the stacks of a core as often as 200 threads would:
// one iteration is 200 stacks. cold makes an Unwinder (not the tables) anew.
func BenchmarkBacktraces(b *testing.B) {
	prog := compile(b, threadsC, "-DDEPTH=3", "-O2")
	path, _ := makeCore(b, prog, 1)
	im := openCore(b, path)
	var main Regs
	most := 0
	for _, r := range im.threads {
		if frames, _ := collect(New(AMD64, im, im), r); len(frames) > most {
			most, main = len(frames), r
		}
	}
	run := func(b *testing.B, fresh bool) {
		u := New(AMD64, im, im)
		b.ReportAllocs()
		for b.Loop() {
			if fresh {
				u.Reset()
			}
			n := 0
			for range 200 {
				for _, err := range u.Frames(b.Context(), main) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			if n != 200*most {
				b.Fatalf("%d frames", n)
			}
		}
		b.ReportMetric(float64(most), "frames/stack")
	}
	b.Run("cold", func(b *testing.B) { run(b, true) })
	b.Run("warm", func(b *testing.B) { run(b, false) })
}
