package app_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/guest"
)

// TestKcore looks at a guest from inside: the kernel that xmdb itself runs on.
func TestKcore(t *testing.T) {
	vm := guest.Boot(t, guest.Options{Machine: guest.Main})
	vm.Copy(t, filepath.Join(build(t), "xmdb"), "/tmp/xmdb")
	run := func(command, args string) string {
		out, err := vm.AskErr("cd /tmp && XDG_CACHE_HOME=/tmp/cache ./xmdb -S -e '" + command + "' " + args + " 2>&1")
		if err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
		return out
	}
	release := strings.TrimSpace(vm.Ask(t, "uname -r"))
	if out := run("::status", "/proc/kcore"); !strings.Contains(out, release) || !strings.Contains(out, "kcore") {
		t.Errorf("::status of release %s:\n%s", release, out)
	}
	out := run("::ps", "-k")
	for _, name := range []string{"init", "kthreadd", "xmdb"} {
		if !strings.Contains(out, " "+name+"\n") {
			t.Errorf("::ps has no %s:\n%s", name, out)
		}
	}
}
