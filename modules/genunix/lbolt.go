package genunix

// lbolt is the kernel's clock in ticks: that of the panic, else what the lbolt
// machinery last knew; 0 if neither can be read.
func (v *view) lbolt() int64 {
	if t, err := v.variable("genunix", "panic_lbolt64"); err == nil && int64(t) > 0 {
		return int64(t)
	}
	at, err := v.variable("genunix", "lb_info")
	if err != nil {
		return 0
	}
	internal, err := v.member("lbolt_info_t", "lbi_internal", at)
	now, tick := v.hrtime(), int64(0)
	if n, nerr := v.variable("genunix", "nsec_per_tick"); nerr == nil {
		tick = int64(n)
	}
	if err != nil || now <= 0 || tick <= 0 {
		return 0
	}
	return now/tick - int64(internal)
}

// hrtime is the time of the panic in nanoseconds since boot, 0 if there was none.
func (v *view) hrtime() int64 {
	t, err := v.variable("genunix", "panic_hrtime")
	if err != nil {
		return 0
	}
	return int64(t)
}
