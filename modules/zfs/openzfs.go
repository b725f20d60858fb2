package zfs

import (
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
	"github.com/xmdb/xmdb/modules/linux"
)

// linuxOf is the Linux kernel whose OpenZFS is looked at; nil if the kernel is illumos'.
func linuxOf(v *kernel.View) *system.LinuxKernel {
	k, _ := v.Session().Context().System.(*system.LinuxKernel)
	return k
}

// linuxNow is the time of Linux' raw monotonic clock in nanoseconds, which is OpenZFS's
// gethrtime there, as of the clock's last update; 0 if the kernel keeps it in another way.
func linuxNow(v *kernel.View) int64 {
	n, err := linux.Clock(v, "tkr_raw")
	if err != nil {
		return 0
	}
	return int64(n)
}

// perCPUCounter is the value of a struct percpu_counter: what has been added to it, and
// what each CPU has not added yet.
func perCPUCounter(v *kernel.View, k *system.LinuxKernel, addr uint64) (int64, error) {
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Count kernel.Field `ctf:"count"`
		Each  kernel.Field `ctf:"counters,optional"` // of 4 bytes, per CPU; not without SMP
	}
	const typ = "struct percpu_counter"
	l, b, err := read(v, typ, addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return 0, err
	}
	sum, each := int64(l.Count.Of(b)), l.Each.Of(b)
	if each == 0 {
		return sum, nil
	}
	cpus, err := k.CPUs()
	if err != nil {
		return 0, err
	}
	for _, cpu := range cpus {
		n, err := mem.ReadUint(v.Space(), mem.Addr(each+cpu.Offset), 4, v.W.Order)
		if err != nil {
			return 0, kernel.BadRead("per-CPU counter", each+cpu.Offset, err)
		}
		sum += int64(int32(n))
	}
	return sum, nil
}

// maxBuckets bounds the buckets of an aggsum_t: there are fewer than CPUs.
const maxBuckets = 1 << 13

// aggregateSum is the value of OpenZFS's aggsum_t: its lower bound, and what its buckets
// have borrowed and changed.
func aggregateSum(v *kernel.View, addr uint64) (int64, error) {
	type layout struct {
		Size    uint64       `ctf:"sizeof"`
		Lower   kernel.Field `ctf:"as_lower_bound"`
		Buckets kernel.Field `ctf:"as_buckets"`
		Count   kernel.Field `ctf:"as_numbuckets"`
	}
	type bucket struct {
		Size     uint64       `ctf:"sizeof"`
		Delta    kernel.Field `ctf:"asc_delta"`
		Borrowed kernel.Field `ctf:"asc_borrowed"`
	}
	l, b, err := read(v, "aggsum_t", addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return 0, err
	}
	one, err := kernel.Lay[bucket](v, oneOf(v, "aggsum_bucket_t", "struct aggsum_bucket"))
	if err != nil {
		return 0, err
	}
	sum, n, at := int64(l.Lower.Of(b)), l.Count.Of(b), l.Buckets.Of(b)
	if n > maxBuckets {
		return 0, kernel.Failed(nil, "aggsum_t %x: there cannot be %d buckets", addr, n)
	}
	all, err := v.Bytes(at, n*one.Size, nil)
	if err != nil {
		return 0, kernel.BadRead("aggsum_bucket_t", at, err)
	}
	for ; len(all) > 0; all = all[one.Size:] {
		sum += int64(one.Delta.Of(all) + one.Borrowed.Of(all))
	}
	return sum, nil
}
