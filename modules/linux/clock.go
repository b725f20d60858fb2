package linux

import "github.com/xmdb/xmdb/modules/kernel"

// Clock is the time of one of the kernel's clocks in nanoseconds: tkr_mono, the monotonic
// one (ktime_get()), or tkr_raw, which nobody adjusts. It is as of the clock's last update:
// a tick ago, or longer if every CPU was idle.
func Clock(v *kernel.View, name string) (uint64, error) {
	at, err := address(v, "tk_core")
	if err != nil {
		return 0, err
	}
	// The clocks are behind a sequence counter, in a structure that has a name since 6.13.
	off := uint64(8)
	if f, err := v.Member("struct tk_data", "timekeeper"); err == nil {
		off = f.Off
	}
	clock, err := v.Member("struct timekeeper", name)
	if err != nil {
		return 0, err
	}
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Base  kernel.Field `ctf:"base"`
		Shift kernel.Field `ctf:"shift"`
		Nanos kernel.Field `ctf:"xtime_nsec"` // times a power of two
	}
	l, b, err := read(v, "struct tk_read_base", at+off+clock.Off, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return 0, err
	}
	return l.Base.Of(b) + l.Nanos.Of(b)>>(l.Shift.Of(b)&63), nil
}
