package zfs

import "github.com/xmdb/xmdb/modules/kernel"

// now is the time of the panic in nanoseconds since boot, as an illumos kernel keeps
// it; 0 if there was none, as in a dump of a live system.
func now(v *kernel.View) int64 {
	t, err := v.Variable("genunix", "panic_hrtime")
	if err != nil {
		return 0
	}
	return int64(t)
}
