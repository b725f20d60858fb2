package glibc_test

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/dcmds"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/modules/glibc"
	"github.com/xmdb/xmdb/targets/elfcore"
)

// session opens a subject's core with the module loaded.
func session(t *testing.T, sub fixtures.Subject) (s *core.Session, run func(cmd string) (out, errs string, err error)) {
	t.Helper()
	target, err := elfcore.Open(context.Background(), sub.Core, elfcore.Options{Program: sub.Exe})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	var out, errs bytes.Buffer
	s = core.NewSession("xmdb", &out, &errs)
	s.Eval = interp.New(s)
	if err := s.Attach(context.Background(), target); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*core.Module{dcmds.Module(), glibc.Module()} {
		if !m.Activates(s.Context()) {
			t.Fatalf("module %s does not activate", m.Name)
		}
		if err := s.Load(m, false); err != nil {
			t.Fatal(err)
		}
	}
	return s, func(cmd string) (string, string, error) {
		out.Reset()
		errs.Reset()
		err := s.Eval.Eval(context.Background(), s, cmd)
		s.Out.Flush()
		return out.String(), errs.String(), err
	}
}

func TestHeap(t *testing.T) {
	for _, name := range []string{"heap", "heap/static"} {
		t.Run(name, func(t *testing.T) {
			sub := fixtures.Build(t, name)
			_, run := session(t, sub)
			for fact, want := range map[string]string{
				"reachable": "is allocated:", "mapped": "is allocated (mmapped):", "from_thread": "is allocated:",
				"tcache": "is freed (tcache):", "fastbin": "is freed (fastbin):", "bin": "is freed:",
			} {
				out, errs, _ := run(sub.Facts[fact] + "::whatis")
				if !strings.Contains(out, want) {
					t.Errorf("%s at %s: %q %q, want %q", fact, sub.Facts[fact], out, errs, want)
				}
			}
			if out, _, _ := run(sub.Facts["interior"] + "::whatis"); !strings.Contains(out, "+1f4, allocated:") {
				t.Errorf("the middle of a block: %q", out)
			}
			if out, errs, err := run("::malloc_check"); err != nil || !strings.HasPrefix(out, "no corruption found") {
				t.Errorf("::malloc_check: %q %q %v", out, errs, err)
			}
			for walk, n := range map[string]int{"malloc_arena": 2, "fastbin": 3} {
				if out, errs, _ := run("::walk " + walk + " | ::count"); strings.TrimSpace(out) != fmt.Sprint(n) {
					t.Errorf("::walk %s: %q %q, want %d", walk, out, errs, n)
				}
			}
			if out, _, _ := run("::walk tcache ! grep -c ."); strings.TrimSpace(out) != "10" {
				t.Errorf("::walk tcache gives %q elements, want 10", out)
			}
		})
	}
}

// TestLeaks compares with what the program leaked: so many blocks of one size with
// text in them, and a chain of two.
func TestLeaks(t *testing.T) {
	for _, name := range []string{"heap", "heap/static"} {
		sub := fixtures.Build(t, name)
		_, run := session(t, sub)
		out, errs, err := run("::findleaks")
		if err != nil {
			t.Fatal(errs)
		}
		size, _ := strconv.ParseUint(sub.Facts["leak_chunk"], 0, 64)
		count, _ := strconv.ParseUint(sub.Facts["leaks"], 10, 64)
		var got []string
		for _, l := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
			f := strings.Fields(l)
			got = append(got, f[0]+" "+f[1]+" "+strings.Join(f[3:], " "))
		}
		want := []string{fmt.Sprintf("%d %d text", size*count, count), "64 1 pointer into the heap", "64 1 zeros"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: leaks\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if out, _, _ := run("::findleaks | ::count"); strings.TrimSpace(out) != fmt.Sprint(count+2) {
			t.Errorf("%s: %q leaks in a pipe, want %d", name, out, count+2)
		}
	}
}

func TestCorruptHeap(t *testing.T) {
	sub := fixtures.Build(t, "heap/corrupt")
	_, run := session(t, sub)
	out, _, err := run("::malloc_check")
	if err == nil {
		t.Error("::malloc_check of a corrupt heap succeeded")
	}
	bin, _ := strconv.ParseUint(sub.Facts["bin"], 0, 64)
	thread, _ := strconv.ParseUint(sub.Facts["from_thread"], 0, 64)
	for _, want := range []string{
		fmt.Sprintf("%x: bin 1 of arena", bin-16),
		fmt.Sprintf("%x: chunk has size 0xdead0001", thread-16),
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
	for _, cmd := range []string{"::malloc_stats", "::findleaks", "::walk malloc_chunk | ::count"} {
		if _, errs, err := run(cmd); err != nil {
			t.Errorf("%s: %v %s", cmd, err, errs)
		}
	}
}
