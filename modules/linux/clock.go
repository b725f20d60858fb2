package linux

import "github.com/xmdb/xmdb/modules/kernel"

// monotonic is the time of the kernel's monotonic clock (ktime_get()) in nanoseconds, as of
// the clock's last update: a tick ago, or longer if every CPU was idle.
func monotonic(v *kernel.View) (uint64, error) {
	at, err := address(v, "tk_core")
	if err != nil {
		return 0, err
	}
	// The clock is behind a sequence counter, in a structure that has a name since 6.13.
	off := uint64(8)
	if f, err := v.Member("struct tk_data", "timekeeper"); err == nil {
		off = f.Off
	}
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Base  kernel.Field `ctf:"tkr_mono.base"`
		Shift kernel.Field `ctf:"tkr_mono.shift"`
		Nanos kernel.Field `ctf:"tkr_mono.xtime_nsec"`
	}
	l, b, err := read(v, "struct timekeeper", at+off, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return 0, err
	}
	return l.Base.Of(b) + l.Nanos.Of(b)>>(l.Shift.Of(b)&63), nil
}
