package zfs_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// refLines is a count of references as ::zfs_refcount prints it; s tells what memory is.
func refLines(t *testing.T, s *modtest.Session, r *illumos.BuiltRefcount, released bool) string {
	t.Helper()
	count := uint64(0)
	for _, h := range r.Holders {
		count += max(h.Count, 1)
	}
	if !r.Has("rc_removed_count") {
		return fmt.Sprintf("zfs_refcount_t at %x has %d holds (untracked)\n", r.Addr, count)
	}
	whatis := func(a uint64) string { return s.Run(fmt.Sprintf("%x::whatis", a)).OK().Out }
	text := fmt.Sprintf("zfs_refcount_t at %x has %d current holds, %d recently released holds\n", r.Addr, count, len(r.Released))
	if count > 0 && (!r.Untracked || !r.Has("rc_tracked")) {
		text += "current holds:\n"
	}
	line := func(h illumos.Ref, tag uint64) string {
		with := ""
		if h.Count > 1 {
			with = fmt.Sprintf("with count=%d ", h.Count)
		}
		return fmt.Sprintf("reference %swith tag %x \"%s\", held at:\n", with, tag, h.Tag)
	}
	order := make([]int, len(r.Notes))
	for i := range order {
		order[i] = i
	}
	if r.Has("rc_tree") { // by their tags' addresses
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(r.Tags[a], r.Tags[b]) })
	}
	for _, i := range order {
		text += line(r.Holders[i], r.Tags[i]) + whatis(r.Notes[i].Addr) + "\n"
	}
	if released && len(r.Released) > 0 {
		text += "released holds:\n"
		for i, n := range r.Old {
			text += "removed " + line(r.Released[i], r.Tags[len(r.Holders)+i]) + whatis(n.Addr) + "removed at:\n" + whatis(r.Code[i]) + "\n"
		}
	}
	return text
}

func TestRefcount(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, name := range []string{"zones", "backup"} {
			lock := pool(sys, name).Mem.ConfigLock
			for _, r := range []*illumos.BuiltRefcount{lock.Anon, lock.Linked} {
				s.Run(at(r.Obj, "zfs_refcount")).OK().Want(refLines(t, s, r, false))
				s.Run(at(r.Obj, "zfs_refcount -r")).OK().Want(refLines(t, s, r, true))
			}
		}
	})
}

func TestRrwlock(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, name := range []string{"zones", "backup"} {
			p := pool(sys, name)
			lock, want := p.Mem.ConfigLock, ""
			if p.Pool.Mem.ConfigLock.WriterWanted {
				want = "writer wanted\n"
			}
			want += "anonymous references:\n" + refLines(t, s, lock.Anon, false) + "linked references:\n" + refLines(t, s, lock.Linked, false)
			s.Run(at(lock.Obj, "rrwlock")).OK().Want(want)
		}
	})
	var lock illumos.Obj
	_, s := changed(t, func(sys *illumos.System) {
		lock = pool(sys, "zones").Mem.ConfigLock.Obj
		lock.Set("rr_writer", uint64(0xfffffe0312345678))
	})
	s.Run(at(lock, "rrwlock")).OK().Want("write lock held by thread fffffe0312345678\n")
}
