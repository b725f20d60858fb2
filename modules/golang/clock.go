package golang

import (
	"fmt"

	"github.com/xmdb/xmdb/core/value"
)

// now is the latest time, by the runtime's clock in nanoseconds, that the program
// left a trace of: what the times in waitsince are counted back from. A program
// that has stopped has no later one. Of a running program's sysmon the network
// poll time is at most some 10 ms old.
func (r *goRuntime) now() (int64, bool) {
	var latest int64
	for _, name := range []string{"runtime.sched", "runtime.memstats"} {
		v, err := r.global(name)
		if err != nil {
			continue
		}
		for _, path := range []string{"lastpoll.value", "lastpoll", "procresizetime", "last_gc_nanotime", "pauseStart"} {
			latest = max(latest, timeAt(v, path))
		}
	}
	if ps, err := r.processors(); err == nil {
		for _, p := range ps {
			if v, err := r.at(p, "runtime.p"); err == nil {
				latest = max(latest, timeAt(v, "sysmontick.schedwhen"), timeAt(v, "sysmontick.syscallwhen"))
			}
		}
	}
	return latest, latest > 0
}

// timeAt reads a time; 0 where there is none.
func timeAt(v value.Value, path string) int64 {
	f, err := v.Path(path)
	if err != nil {
		return 0
	}
	n, err := f.Int()
	if err != nil {
		return 0
	}
	return n
}

// processors gives the addresses of the scheduler's processors.
func (r *goRuntime) processors() ([]uint64, error) {
	v, err := r.global("runtime.allp")
	if err != nil {
		return nil, err
	}
	return r.pointers(v)
}

// age is how long a goroutine has waited, "" where the runtime noted no time: it
// does so when a collection finds it waiting.
func (g *goroutine) age(now int64) string {
	if g.WaitSince <= 0 || now < g.WaitSince {
		return ""
	}
	return duration(now - g.WaitSince)
}

// duration is a time span, nanoseconds, in a few characters.
func duration(ns int64) string {
	switch s := ns / 1e9; {
	case ns < 1e6:
		return fmt.Sprintf("%dus", ns/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%dms", ns/1e6)
	case s < 120:
		return fmt.Sprintf("%d.%ds", s, ns%1e9/1e8)
	case s < 2*3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s%86400/3600)
	}
}
