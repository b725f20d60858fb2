package system

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Search is how much of a machine's memory is looked through for a kernel that nothing
// leads to: a session with a machine of an unknown kernel is not to begin with a minute of
// reading.
type Search struct {
	// Whole has all of memory looked through, however long that takes. Else it is what
	// quickTime is enough for, but quickBytes at least, where kernels are likeliest first.
	Whole bool
	// Progress is told how many bytes were looked through, by one goroutine at a time;
	// nil tells nobody. Each way of searching begins anew.
	Progress func(done, total int64)
}

// Bounds of a search that is not of the whole. The bytes make it the same for small
// machines however busy the host is; slowBytes are those of SlowMemory.
const (
	quickTime  = 300 * time.Millisecond
	quickBytes = 256 << 20
	slowBytes  = 64 << 20
)

// SlowMemory is an ability of a KernelMemory that is read through requests to somebody
// else, at some tens of megabytes a second or less: less of it is searched.
type SlowMemory interface {
	SlowMemory() bool
}

type searchKey struct{}

// WithSearch tells Recognise how much is to be looked through.
func WithSearch(ctx context.Context, s Search) context.Context {
	return context.WithValue(ctx, searchKey{}, s)
}

// searchLimit is what may be spent on one way of searching.
type searchLimit struct {
	ctx   context.Context
	whole bool
	until time.Time
	least uint64 // bytes, whatever the time
	total uint64 // bytes there are
	done  atomic.Uint64
	cut   atomic.Bool // not all was looked through
	meter *out.Meter
	once  sync.Once // ends the meter
}

// newSearchLimit begins a search of some ranges of a memory.
func newSearchLimit(ctx context.Context, m KernelMemory, ranges []mem.Mapping) *searchLimit {
	s, _ := ctx.Value(searchKey{}).(Search)
	l := &searchLimit{ctx: ctx, whole: s.Whole, until: time.Now().Add(quickTime), least: quickBytes}
	if slow, ok := m.(SlowMemory); ok && slow.SlowMemory() {
		l.least = slowBytes
	}
	for _, r := range ranges {
		l.total += r.Size
	}
	l.meter = out.NewMeter(int64(min(l.total, 1<<62)), s.Progress)
	return l
}

// more tells whether the next n bytes are to be looked through. Goroutines may share a
// limit.
func (l *searchLimit) more(n uint64) bool {
	if l.ctx.Err() != nil {
		return false
	}
	if !l.whole && l.done.Load() >= l.least && time.Now().After(l.until) {
		l.cut.Store(true)
		return false
	}
	l.done.Add(n)
	l.meter.Add(int64(n))
	return true
}

// end ends the search; the text says what was left out, "" if nothing was.
func (l *searchLimit) end() string {
	l.once.Do(l.meter.End)
	if !l.cut.Load() {
		return ""
	}
	return fmt.Sprintf(" in %s of %s (::findkernel -a looks through all)", gigabytes(min(l.done.Load(), l.total)), gigabytes(l.total))
}

// gigabytes is a size in GB with a decimal, in MB below one.
func gigabytes(n uint64) string {
	if n < 1<<30 {
		return megabytes(n &^ (1<<20 - 1))
	}
	return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
}

// likeliest cuts ranges so that those come first in which a kernel put what it allocated as
// it booted: Linux takes the lowest of what lies above 4 GB, before 5.10 the highest of
// all, and on small machines what there is.
func likeliest(ranges []mem.Mapping) []mem.Mapping {
	const (
		near = 512 << 20
		high = 4 << 30
	)
	top := mem.Addr(0)
	for _, r := range ranges {
		top = max(top, r.End())
	}
	cuts := []mem.Addr{high, high + near, (top - min(top, near)) &^ (imageAlign - 1)}
	rank := func(at mem.Addr) int {
		switch {
		case at >= high && at < high+near:
			return 0
		case at >= cuts[2]:
			return 1
		case at < high:
			return 2
		}
		return 3
	}
	var list []mem.Mapping
	for _, r := range ranges {
		for at := r.Base; at < r.End(); {
			end := r.End()
			for _, c := range cuts {
				if c > at {
					end = min(end, c)
				}
			}
			list = append(list, mem.Mapping{Base: at, Size: uint64(end - at)})
			at = end
		}
	}
	slices.SortStableFunc(list, func(a, b mem.Mapping) int { return cmp.Compare(rank(a.Base), rank(b.Base)) })
	return list
}

// pieces yields ranges in pieces of at most size bytes, a power of two: they end at
// multiples of it, so that none ends within a page.
func pieces(ranges []mem.Mapping, size uint64) iter.Seq[mem.Mapping] {
	return func(yield func(mem.Mapping) bool) {
		for _, r := range ranges {
			for at := r.Base; at < r.End(); {
				n := min(size-uint64(at)&(size-1), uint64(r.End()-at))
				if !yield(mem.Mapping{Base: at, Size: n}) {
					return
				}
				at += mem.Addr(n)
			}
		}
	}
}
