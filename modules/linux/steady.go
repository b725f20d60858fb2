package linux

import (
	"cmp"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// listTries is how often a list is read of a machine that runs, before it is told that it
// leads nowhere.
const listTries = 3

// runs tells whether what is read may change meanwhile.
func runs(v *kernel.View) bool {
	c, ok := v.Session().Context().Target.(system.Changing)
	return ok && c.Running()
}

// steady reads a list or a tree of a machine that runs to its end before it gives the first
// object: what is done with one may take long, and so longer than the object is on the
// list. If the list leads nowhere it is read anew, some times; then what was read last is
// given, and the error. Lists of what stands still are given as they are read.
func steady(v *kernel.View, list iter.Seq2[uint64, error]) iter.Seq2[uint64, error] {
	if !runs(v) {
		return list
	}
	return func(yield func(uint64, error) bool) {
		found, failed := again(listTries, list, func() { flush(v) })
		for _, a := range found {
			if !yield(a, nil) {
				return
			}
		}
		if failed != nil {
			yield(0, fmt.Errorf("%w (the machine runs: it was read %d times)", failed, listTries))
		}
	}
}

// again reads a list until it is whole, but no more often than it may be tried; between
// two tries it calls fresh. It gives what the last try found.
func again(tries int, list iter.Seq2[uint64, error], fresh func()) (found []uint64, failed error) {
	for try := range tries {
		if try > 0 {
			fresh()
		}
		found, failed = found[:0], nil
		for a, err := range list {
			if err != nil {
				failed = cmp.Or(failed, err)
				continue
			}
			found = append(found, a)
		}
		if failed == nil {
			break
		}
	}
	return found, failed
}

// flush has the view read memory again where it keeps pages.
func flush(v *kernel.View) {
	if f, ok := v.Space().(interface{ Flush() }); ok {
		f.Flush()
	}
}
