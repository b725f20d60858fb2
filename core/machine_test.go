package core

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// runner is a machine that changes between commands.
type runner struct {
	moment    uint64
	refreshed int
	news      []string
	settled   int
	restarted bool
}

func (r *runner) Kind() string   { return "kvm" }
func (r *runner) Name() string   { return "runner" }
func (r *runner) Close() error   { return nil }
func (r *runner) Running() bool  { return true }
func (r *runner) Moment() uint64 { return r.moment }
func (r *runner) Refresh()       { r.refreshed++ }
func (r *runner) Settle()        { r.settled++ }
func (r *runner) Restarted() (was bool) {
	was, r.restarted = r.restarted, false
	return was
}
func (r *runner) News() (n []string) { n, r.news = r.news, nil; return n }

// TestBetween checks that what was read is forgotten when the machine has run, and
// only then, and that news are told once.
func TestBetween(t *testing.T) {
	var out bytes.Buffer
	s := NewSession("xmdb", &out, &out)
	r := &runner{moment: 1}
	s.Context().Target = r
	for i, step := range []struct {
		moment    uint64
		refreshed int
	}{{1, 1}, {1, 1}, {2, 2}, {2, 2}, {9, 3}} {
		r.moment = step.moment
		gen := s.Generation()
		s.Between(context.Background())
		if r.refreshed != step.refreshed {
			t.Errorf("step %d: refreshed %d times, want %d", i, r.refreshed, step.refreshed)
		}
		if changed := s.Generation() != gen; changed != (i == 0 || i == 2 || i == 4) {
			t.Errorf("step %d: the session changed: %v", i, changed)
		}
	}
	r.news = []string{"the guest was reset"}
	s.Between(context.Background())
	s.Between(context.Background())
	if got := strings.Count(out.String(), "the guest was reset"); got != 1 {
		t.Errorf("told %d times: %s", got, out.String())
	}
	told := 0
	s.Recognised = func(any) { told++ }
	r.restarted = true
	s.Between(context.Background())
	s.Between(context.Background())
	if told != 1 {
		t.Errorf("told %d times of what was recognised after a reset", told)
	}
	s.Settled()
	if r.settled != 1 {
		t.Errorf("settled %d times", r.settled)
	}
	s.Context().Target = nil
	s.Between(context.Background())
	s.Settled()
}
