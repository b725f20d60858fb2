package zfs

import "testing"

// TestZpoolSize: as zfs_nicebytes(3) prints numbers.
func TestZpoolSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0", 1023: "1023", 1024: "1K", 1536: "1.50K", 19485696: "18.6M", 19440000: "18.5M", 4664832: "4.45M", 1 << 30: "1G",
		10234 << 10: "9.99M", 10239 << 10: "10.0M", 1023<<20 + 1<<19: "1024M", 1 << 63: "8E", ^uint64(0): "16.0E",
	} {
		if got := zpoolSize(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
