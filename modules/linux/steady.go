package linux

import (
	"iter"

	"github.com/xmdb/xmdb/modules/kernel"
)

// steady reads a list or a tree of a machine that runs to its end before it gives the first
// object: what is done with one may take long, and so longer than the object is on the
// list. If the list leads nowhere it is read anew, some times; then what was read last is
// given, and the error. Lists of what stands still are given as they are read.
func steady(v *kernel.View, list iter.Seq2[uint64, error]) iter.Seq2[uint64, error] {
	k, err := kernelOf(v.Session())
	if err != nil {
		return failing(err)
	}
	return k.Settled(list)
}
