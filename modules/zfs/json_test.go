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
			r := s.Run(cmd).OK()
			lines := strings.Split(strings.TrimSpace(r.Out), "\n")
			if len(lines) != want.lines {
				t.Errorf("%s: %d lines, want %d:\n%s", cmd, len(lines), want.lines, r.Out)
			}
			for _, line := range lines {
				var row map[string]any
				if err := json.Unmarshal([]byte(line), &row); err != nil {
					t.Fatalf("%s: %v: %s", cmd, err, line)
				}
				for _, f := range want.fields {
					if _, ok := row[f]; !ok {
						t.Errorf("%s: no %s in %s", cmd, f, line)
					}
				}
			}
		}
	})
}

func hexCmd(addr uint64, cmd string) string { return fmt.Sprintf("%x%s", addr, cmd) }
