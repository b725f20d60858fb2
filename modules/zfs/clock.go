package zfs

import "github.com/xmdb/xmdb/modules/kernel"

// now is the time in nanoseconds since boot, as the kernel's gethrtime has it: on illumos
// that of the panic, 0 if there was none, as in a dump of a live system.
func now(v *kernel.View) int64 {
	if linuxOf(v) != nil {
		return linuxNow(v)
	}
	t, err := v.Variable("genunix", "panic_hrtime")
	if err != nil {
		return 0
	}
	return int64(t)
}
