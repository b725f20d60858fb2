package elfcore

import (
	"errors"
	"slices"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
)

// TestTLS reads each thread's own copy of a variable: the threads number
// themselves from 0 on, the main thread has 0.
func TestTLS(t *testing.T) {
	for _, name := range []string{"c/small", "c/nopie", "c/static/segv", "c/staticpie"} {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			tg := openCore(t, s.Core, Options{Program: s.Exe})
			m, err := tg.Namespace().LookupName("", "my_number")
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, th := range tg.Threads() {
				base, err := tg.TLSBase(th.ID, m.Object)
				if err != nil {
					t.Fatalf("thread %d: %v", th.ID, err)
				}
				v, err := mem.ReadUint(tg.Virtual(), mem.Addr(base+m.Value), 4, le)
				if err != nil {
					t.Fatalf("thread %d: %v", th.ID, err)
				}
				got = append(got, v)
			}
			if got[0] != 0 {
				t.Errorf("main thread has %d", got[0])
			}
			rest := got[1:]
			slices.Sort(rest)
			for i, v := range rest {
				if v != uint64(i) {
					t.Fatalf("threads have %d", rest)
				}
			}
		})
	}
}

// TestTLSOfLibraries finds the block of libc, which glibc keeps among the static
// ones.
func TestTLSOfLibraries(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	tg := openCore(t, s.Core, Options{Program: s.Exe})
	libc, err := tg.Namespace().Object("libc")
	if err != nil {
		t.Fatal(err)
	}
	for _, th := range tg.Threads() {
		base, err := tg.TLSBase(th.ID, libc)
		if err != nil {
			t.Fatalf("thread %d: %v", th.ID, err)
		}
		// libc's block is static: below the program's, above the stack.
		prog, err := tg.TLSBase(th.ID, nil)
		if err != nil || base >= prog || prog-base > 4096 {
			t.Errorf("thread %d: libc's block at %#x, the program's at %#x, %v", th.ID, base, prog, err)
		}
	}
	ld, err := tg.Namespace().Object("[vdso]")
	if err != nil {
		ld, err = tg.Namespace().Object("linux-vdso.so.1")
	}
	if err == nil {
		if _, err := tg.TLSBase(tg.Threads()[0].ID, ld); !errors.Is(err, system.ErrNoTLS) {
			t.Errorf("vDSO: %v", err)
		}
	}
	if _, err := tg.TLSBase(1, nil); !errors.Is(err, ErrNoThread) {
		t.Errorf("no such thread: %v", err)
	}
}
