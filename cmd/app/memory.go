package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// How often garbage is collected, as GOGC: seldom while the program is small, since
// a collection costs as much as opening a core; often once it is large, when lists
// of a million addresses and cached pages, which hold no pointers, cost nothing to
// collect and waiting would double the memory of a walk.
const (
	gcSmall = 400
	gcLarge = 25
	gcTurn  = 8 << 20 // bytes in use after a collection, from where on it is large
)

// sentinel is garbage at once: its finalizer runs after each collection.
type sentinel struct{ _ [16]byte }

// thriftyGC sets collection up, unless the user has by GOGC.
func thriftyGC() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcSmall)
	runtime.SetFinalizer(&sentinel{}, afterGC)
}

func afterGC(*sentinel) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() == metrics.KindUint64 && live[0].Value.Uint64() >= gcTurn {
		debug.SetGCPercent(gcLarge)
		return
	}
	runtime.SetFinalizer(&sentinel{}, afterGC)
}
