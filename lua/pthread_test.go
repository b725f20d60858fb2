package lua

import (
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

func TestX(t *testing.T) {
	s := fixtures.Build(t, "c/gcore")
	w := newWorld(t)
	w.openCore(s.Exe, s.Core)
	w.s.Finder = Finder(w.s, []string{})
	for _, c := range []string{"::load pthread", "::waits", "warehouse::pthread_mutex", "water_lock::pthread_mutex", "water_boils::pthread_cond", "::deadlock", "::walk pthread_wait", "::waits | ::whatis"} {
		out, msg := w.run(c)
		t.Log(c, "\n"+out, msg)
	}
}
