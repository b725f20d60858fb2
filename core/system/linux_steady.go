package system

import (
	"fmt"
	"iter"
)

// listTries is how often a list or a tree of a machine that runs is read when it leads
// nowhere: it changed while it was read.
const listTries = 3

// changing tells whether what is read may change meanwhile.
func (k *LinuxKernel) changing() bool {
	c, ok := k.mem.(Changing)
	return ok && c.Running()
}

// Retry calls read until it succeeds; of a machine that runs some times, each of memory as
// it is then. The error is that of the last time, and says so.
func (k *LinuxKernel) Retry(read func() error) error {
	err := read()
	if err == nil || !k.changing() {
		return err
	}
	for range listTries - 1 {
		k.space.Flush()
		if err = read(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w (the machine runs: it was read %d times)", err, listTries)
}

// steady reads a list to its end. What the last try found comes with its error.
func (k *LinuxKernel) steady(list iter.Seq2[uint64, error]) (found []uint64, err error) {
	err = k.Retry(func() (failed error) {
		found = found[:0]
		for a, err := range list {
			if err != nil {
				failed = err
				continue
			}
			found = append(found, a)
		}
		return failed
	})
	return found, err
}

// Settled is a list of a machine that runs, read to its end before the first of it is
// given, and anew if it leads nowhere; the list itself of any other.
func (k *LinuxKernel) Settled(list iter.Seq2[uint64, error]) iter.Seq2[uint64, error] {
	if !k.changing() {
		return list
	}
	return func(yield func(uint64, error) bool) {
		found, err := k.steady(list)
		for _, a := range found {
			if !yield(a, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}
