package glibc_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/modules/glibc"
)

func TestHeap(t *testing.T) {
	for _, name := range []string{"heap", "heap/static", "heap/arm64", "heap/arm64s"} {
		t.Run(name, func(t *testing.T) {
			sub := fixtures.Build(t, name)
			s := modtest.Open(t, sub.Exe, sub.Core, glibc.Module())
			for fact, want := range map[string]string{
				"reachable": "is allocated:", "mapped": "is allocated (mmapped):", "from_thread": "is allocated:",
				"tcache": "is freed (tcache):", "fastbin": "is freed (fastbin):", "bin": "is freed:",
			} {
				s.Run(sub.Facts[fact] + "::whatis").OK().Match(regexp.QuoteMeta(want))
			}
			s.Run(sub.Facts["interior"] + "::whatis").OK().Match(`\+1f4, allocated:`)
			s.Run("::malloc_check").OK().Match("^no corruption found")
			s.Run("::walk malloc_arena | ::count").OK().WantLines("2")
			s.Run("::walk fastbin | ::count").OK().WantLines("3")
			s.Run("::walk tcache ! grep -c .").OK().WantLines("10")
		})
	}
}

// TestLeaks compares with what the program leaked: so many blocks of one size with
// text in them, and a chain of two.
func TestLeaks(t *testing.T) {
	for _, name := range []string{"heap", "heap/static", "heap/arm64", "heap/arm64s"} {
		sub := fixtures.Build(t, name)
		s := modtest.Open(t, sub.Exe, sub.Core, glibc.Module())
		out := s.Run("::findleaks").OK().Out
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
		s.Run("::findleaks | ::count").OK().WantLines(fmt.Sprint(count + 2))
	}
}

func TestCorruptHeap(t *testing.T) {
	sub := fixtures.Build(t, "heap/corrupt")
	s := modtest.Open(t, sub.Exe, sub.Core, glibc.Module())
	check := s.Run("::malloc_check")
	if check.Status == nil {
		t.Error("::malloc_check of a corrupt heap succeeded")
	}
	bin, _ := strconv.ParseUint(sub.Facts["bin"], 0, 64)
	thread, _ := strconv.ParseUint(sub.Facts["from_thread"], 0, 64)
	check.Match(fmt.Sprintf("^%x: bin 1 of arena", bin-16))
	check.Match(fmt.Sprintf("^%x: chunk has size 0xdead0001", thread-16))
	for _, cmd := range []string{"::malloc_stats", "::findleaks", "::walk malloc_chunk | ::count"} {
		s.Run(cmd).OK()
	}
}
