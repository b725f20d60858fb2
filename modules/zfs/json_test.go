package zfs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// TestJSON runs commands with JSON lines: each line is an object with the fields.
func TestJSON(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		s.Opts.JSON = true
		zones := pool(sys, "zones")
		for cmd, want := range map[string]struct {
			lines  int
			fields []string
		}{
			"::spa":                              {2, []string{"addr", "state", "name"}},
			"::zio_state":                        {2, []string{"addr", "type", "stage", "waiter", "elapsed"}},
			"::zio_stuck":                        {4, []string{"addr", "age", "pool", "waiter", "vdev"}},
			"::txg_state":                        {2, []string{"addr", "pool", "suspended", "open", "syncing", "wanted"}},
			"::zfs_dbgmsg":                       {len(sys.ZFS.Debug), []string{"addr", "time", "msg"}},
			"::spa -v":                           {2, []string{"addr", "name"}},
			hexCmd(zones.Root.Addr, "::vdev -r"): {8, []string{"addr", "state", "aux", "description"}},
		} {
			wantJSON(t, s, cmd, want.lines, want.fields)
		}
	})
}

// wantJSON runs a command whose output is so many objects with these fields.
func wantJSON(t *testing.T, s *modtest.Session, cmd string, n int, fields []string) {
	t.Helper()
	r := s.Run(cmd).OK()
	lines := strings.Split(strings.TrimSpace(r.Out), "\n")
	if len(lines) != n {
		t.Errorf("%s: %d lines, want %d:\n%s", cmd, len(lines), n, r.Out)
	}
	for _, line := range lines {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v: %s", cmd, err, line)
		}
		for _, f := range fields {
			if _, ok := row[f]; !ok {
				t.Errorf("%s: no %s in %s", cmd, f, line)
			}
		}
	}
}

// TestSpaceJSON is TestJSON for commands on space, references and files.
func TestSpaceJSON(t *testing.T) {
	sys, s := open(t)
	s.Opts.JSON = true
	zones := pool(sys, "zones")
	f := sys.ZFS.Files[0]
	state := zones.Pool.Mem
	chunks, _ := state.Leaf.Chunks()
	free, _ := state.Leaf.Free()
	tree := zones.Root.Children[0].Metaslabs[0].Allocatable
	for cmd, want := range map[string]struct {
		lines  int
		fields []string
	}{
		at(zones.Obj, "spa_space"):                                                 {13, []string{"name", "bytes"}},
		at(zones.Obj, "spa_config"):                                                {pairs(state.Config), []string{"name", "type", "items"}},
		at(zones.Obj, "logsm_stats"):                                               {len(state.Log) + len(state.LogSummary), []string{"addr", "kind", "txg", "blk", "ms"}},
		at(zones.Obj, "zfs_blkstats"):                                              {6, []string{"type", "level", "count", "asize"}},
		at(tree.Obj, "range_tree"):                                                 {len(tree.Ranges), []string{"addr", "start", "end", "length"}},
		at(tree.Obj, "range_tree -h"):                                              {2, []string{"bucket", "count"}},
		at(zones.Root.Children[0].Queue.Obj, "range_tree"):                         {3, []string{"addr", "start", "end", "length", "fill"}},
		fmt.Sprintf("%x::sm_entries %#x", zones.Mem.Entries, zones.Mem.EntryBytes): {len(state.Entries), []string{"addr"}},
		"::metaslab_weight 0":                                                      {1, []string{"active", "algorithm", "weight"}},
		at(zones.Mem.Traces[0], "metaslab_trace"):                                  {1, []string{"msid", "result", "vdev", "allocator"}},
		at(zones.Mem.ConfigLock.Anon.Obj, "zfs_refcount"):                          {1, []string{"addr", "holds"}},
		at(zones.Mem.ConfigLock.Obj, "rrwlock"):                                    {3, []string{"addr"}},
		fmt.Sprintf("%x::zap_leaf", zones.Mem.Leaf):                                {1 + len(chunks) - free, nil},
		at(f.ACL, "zfs_aces"):                                                      {len(f.Aces), []string{"addr", "flags", "mask", "type", "id"}},
		at(f.ACL, "zfs_aces -v"):                                                   {len(f.Aces), []string{"addr", "flags", "mask", "type", "id"}},
		at(f.SA, "sa_attr_table"):                                                  {len(illumos.SAAttrs), []string{"id", "registered", "length", "name"}},
		at(f.Handle, "sa_attr 5"):                                                  {1, []string{"addr", "in", "offset"}},
	} {
		wantJSON(t, s, cmd, want.lines, want.fields)
	}
}

// pairs are how many a list has, with those of the lists in it.
func pairs(list illumos.NVList) (n int) {
	for _, p := range list {
		n++
		switch v := p.Value.(type) {
		case illumos.NVList:
			n += pairs(v)
		case []illumos.NVList:
			for _, l := range v {
				n += pairs(l)
			}
		}
	}
	return n
}

func hexCmd(addr uint64, cmd string) string { return fmt.Sprintf("%x%s", addr, cmd) }
