package dcmds

import (
	"strings"
	"testing"
)

// TestSetAdb is illumos's mdb_set.c: adb mode turns others on and off, also on leaving.
func TestSetAdb(t *testing.T) {
	_, run := session(t, nil)
	options := func() string {
		t.Helper()
		for line := range strings.Lines(run("::set\n")) {
			if _, list, ok := strings.Cut(line, "debugger options: "); ok {
				return strings.TrimSpace(list)
			}
		}
		t.Fatal("no options")
		return ""
	}
	const usual = "follow_exec_mode=ask, follow_fork_modeask, pager, stop_on_bpt_nosym, write_readback"
	if got := options(); got != usual {
		t.Errorf("%s, want %s", got, usual)
	}
	run("::set -o adb\n")
	if got, want := options(), "follow_exec_mode=ask, follow_fork_modeask, adb, repeatlast, stop_on_bpt_nosym, write_readback"; got != want {
		t.Errorf("adb: %s, want %s", got, want)
	}
	if got := run("::set\n"); !strings.Contains(got, "command prompt: \"\"\n") {
		t.Errorf("adb has a prompt: %s", got)
	}
	run("::set +o adb\n")
	if got := options(); got != usual {
		t.Errorf("after adb: %s, want %s", got, usual)
	}
	if got := run("::set\n"); !strings.Contains(got, "command prompt: \"> \"\n") {
		t.Errorf("no prompt after adb: %s", got)
	}
	// Of several -o or +o the last counts.
	run("::set -o pager +o pager +o ignoreeof\n")
	if got := options(); got != usual {
		t.Errorf("two +o: %s, want %s", got, usual)
	}
}
