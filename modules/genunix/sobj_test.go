package genunix

import (
	"slices"
	"testing"
)

// Objects that threads waited for in a real kernel, in the order in which MDB found
// them on its sleep queues.
func TestSleepIndex(t *testing.T) {
	var order []uint64
	for _, a := range []uint64{0xfffffe038a9eddd6, 0xfffffe038c0acf00, 0xfffffe038af9d168, 0xfffffe038a825ed8, 0xfffffe038a62a290,
		0xfffffe038af9d030, 0xfffffe038b0f6ee0, 0xfffffe038d240bf8, 0xfffffe038a825c68, 0xfffffe03920d8df6} {
		order = append(order, sleepIndex(a, sleepQueues))
	}
	if !slices.IsSorted(order) {
		t.Errorf("sleep queues %d are not in order", order)
	}
	// 0x1234>>2 + 0x1234>>9 is 0x48d + 9
	if got := sleepIndex(0xffffff0000001234, oldSleepQueues); got != 0x96 {
		t.Errorf("old hash is %#x, want 0x96", got)
	}
}
