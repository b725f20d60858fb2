package zfs_test

import (
	"fmt"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

func TestEntries(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		p := pool(sys, "zones")
		at, text := p.Mem.Entries, ""
		for _, e := range p.Pool.Mem.Entries {
			text += entryLine(e, at)
			at += 8 * uint64(len(e.Words()))
		}
		cmd := func(from, n uint64) string { return fmt.Sprintf("%x::sm_entries %#x", from, n) }
		s.Run(cmd(p.Mem.Entries, p.Mem.EntryBytes)).OK().Want(text)
		s.Run(fmt.Sprintf("%x::sm_entries", p.Mem.Entries+8)).OK().Want(entryLine(p.Pool.Mem.Entries[1], p.Mem.Entries+8))
		two := p.Mem.Entries + 5*8
		s.Run(fmt.Sprintf("%x::sm_entries", two)).OK().Want(entryLine(p.Pool.Mem.Entries[5], two))
		s.Run(fmt.Sprintf("%x::sm_entries $[0x10]", p.Mem.Entries+8)).OK().Want(entryLine(p.Pool.Mem.Entries[1], p.Mem.Entries+8) + entryLine(p.Pool.Mem.Entries[2], p.Mem.Entries+16))
		if r := s.Run(cmd(two, 8)); r.Err == "" || r.Out != "" {
			t.Errorf("half an entry: %s%s", r.Out, r.Err)
		}
		s.Run(cmd(two, 8)).Match(``)
	})
}

func entryLine(e illumos.SpaceEntry, at uint64) string {
	if e.Debug != "" {
		return fmt.Sprintf("            [%6d] %s: txg %d, pass %d\n", at, e.Debug, e.Txg, e.Pass)
	}
	typ, vdev := "A", e.Vdev
	if e.Free {
		typ = "F"
	}
	if !e.TwoWords {
		vdev = 1 << 24 // SM_NO_VDEVID
	}
	return fmt.Sprintf("            [%6x]    %s  range: %010x-%010x  size: %06x vdev: %06d words: %d\n", at, typ, e.Offset, e.Offset+e.Run, e.Run, vdev, len(e.Words()))
}

func TestLogStats(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		p := pool(sys, "zones")
		if !p.Has("spa_sm_logs_by_txg") {
			if r := s.Run(at(p.Obj, "logsm_stats")); r.Err == "" {
				t.Errorf("no message of a release without logs of space maps: %s", r.Out)
			}
			return
		}
		want := fmt.Sprintf("Log Entries:\n%7s %7s %7s %7s\n", "txg", "blk", "ms", "obj")
		for _, l := range p.Pool.Mem.Log {
			want += fmt.Sprintf("%7d %7d %7d %7d\n", l.Txg, l.Blocks, l.Metaslabs, l.Object)
		}
		want += fmt.Sprintf("\nSummary Entries:\n%7s %7s %7s\n", "txg", "blk", "ms")
		for _, l := range p.Pool.Mem.LogSummary {
			want += fmt.Sprintf("%7d %7d %7d\n", l.Txg, l.Blocks, l.Metaslabs)
		}
		s.Run(at(p.Obj, "logsm_stats")).OK().Want(want)
	})
}

func TestWeight(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		const head = "ACTIVE ALGORITHM    WEIGHT\n"
		row := func(active, by, text string) string { return fmt.Sprintf("%6s %8s %11s \n", active, by, text) }
		for w, want := range map[uint64]string{
			1<<63 | 21<<54 | 3:  row("P", "SEGMENT", "3 x 2M"),
			1<<62 | 9<<54 | 700: row("S", "SEGMENT", "700 x 512"),
			1<<60 | 16252928:    row("-", "SPACE", out.NiceNum(16252928)),
			1<<61 | 1<<60 | 512: row("-", "SPACE", "512"),
			0:                   row("-", "SPACE", "0"),
		} {
			s.Run(fmt.Sprintf("::metaslab_weight %#x", w)).OK().Want(head + want)
		}
		for _, m := range pool(sys, "zones").Root.Children[0].Metaslabs[:2] {
			want := row("P", "SEGMENT", "3 x 2M")
			if m.ID == 1 {
				want = row("-", "SPACE", "15.5M")
			}
			s.Run(fmt.Sprintf("%x::metaslab_weight", m.Ref("ms_weight"))).OK().Want(head + want)
		}
		if r := s.Run("::metaslab_weight"); r.Err == "" {
			t.Error("no usage")
		}
	})
}

func TestTrace(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		p := pool(sys, "zones")
		head := fmt.Sprintf("%6s %6s %8s %11s %11s %18s %18s\n", "MSID", "DVA", "ASIZE", "ALLOCATOR", "WEIGHT", "RESULT", "VDEV")
		// The first metaslab's weight is 3 segments of 2M, the second's 15.5M of space.
		weights := []string{"3 x 2M", "15.5M", "0", "0"}
		vdevs := []string{"mirror-0", "mirror-0", "mirror-1", ""}
		all := ""
		for i, d := range p.Pool.Mem.Traces {
			id, result, allocator := "-", d.Result, d.Allocator
			if d.Metaslab >= 0 {
				id = fmt.Sprint(d.Metaslab)
			}
			if result == "" {
				result = fmt.Sprintf("%x", d.Offset)
			}
			if !p.Mem.Traces[i].Has("mat_allocator") {
				allocator = 0
			}
			line := fmt.Sprintf("%6s %6d %8x %11x %11s %18s %18s\n", id, d.DVA, d.Size, allocator, weights[i], result, vdevs[i])
			all += line
			s.Run(at(p.Mem.Traces[i], "metaslab_trace")).OK().Want(head + line)
		}
		s.Run(fmt.Sprintf("%x::walk list | ::metaslab_trace", p.Zios[0].Ref("io_alloc_list.zal_list"))).OK().Want(head + all)
	})
}
