package dwarf

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/out"
)

// entry is a name in the index: its hash, and the DIE with its class on top.
type entry struct {
	hash uint64
	at   uint64
}

const classShift = 56

func makeEntry(hash uint64, c class, r ref) entry {
	return entry{hash, uint64(c)<<classShift | uint64(r)}
}

func (e entry) class() class { return class(e.at >> classShift) }
func (e entry) ref() ref     { return ref(e.at & (1<<classShift - 1)) }

// address is where a variable lies.
type address struct {
	addr uint64
	at   ref
}

// index is the names of a file. Types are in it once, by their full names;
// functions and variables as often as they occur, by the last part of the name.
type index struct {
	names []entry   // by hash, class, offset
	vars  []address // by address, offset
}

// find yields the DIEs of a name: those whose class, without modifiers, is in want.
func (x *index) find(hash uint64, match func(class) bool) []entry {
	i, _ := slices.BinarySearchFunc(x.names, hash, func(e entry, h uint64) int { return cmp.Compare(e.hash, h) })
	var out []entry
	for ; i < len(x.names) && x.names[i].hash == hash; i++ {
		if match(x.names[i].class()) {
			out = append(out, x.names[i])
		}
	}
	return out
}

// indexState holds the index once it is built. Building holds the lock: others
// who need the index wait for it.
type indexState struct {
	mu   sync.Mutex
	top  *index // names outside functions
	deep *index // names inside functions
}

// Index builds the index of names, which otherwise the first lookup by name
// does. A cancelled ctx gives its error.
func (d *Data) Index(ctx context.Context) error {
	_, err := d.names(ctx)
	return err
}

func (d *Data) names(ctx context.Context) (*index, error) { return d.indexed(ctx, &d.index.top, false) }

// maxDeep is the size of .debug_info up to which a name that is not found is
// looked for inside functions too: that reads every DIE of the file.
const maxDeep = 16 << 20

// localNames is the index of types and static variables inside functions.
func (d *Data) localNames(ctx context.Context) (*index, error) {
	return d.indexed(ctx, &d.index.deep, true)
}

// indexed gives an index: the one there is, that of the cache, or a new one.
func (d *Data) indexed(ctx context.Context, have **index, deep bool) (*index, error) {
	d.index.mu.Lock()
	defer d.index.mu.Unlock()
	if *have != nil {
		return *have, nil
	}
	if _, err := d.headers(); err != nil {
		return nil, err
	}
	x := d.cachedIndex(deep)
	if x == nil {
		var err error
		if x, err = d.buildIndex(ctx, deep); err != nil {
			return nil, err
		}
		d.cacheIndex(x, deep)
	}
	*have = x
	return x, nil
}

// parallelAbove is the size of .debug_info above which the index is built by
// several goroutines.
const parallelAbove = 1 << 20

// buildIndex reads the top DIEs of all units. A malformed unit is left out from
// the malformed entry on.
func (d *Data) buildIndex(ctx context.Context, deep bool) (*index, error) {
	hs, err := d.headers()
	if err != nil {
		return nil, err
	}
	strs, err := d.strs.whole()
	if err != nil {
		return nil, err
	}
	var total uint64
	for i := range hs {
		total += hs[i].size
	}
	workers := 1
	if total > parallelAbove {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	m := out.NewMeter(int64(total), d.opts.Progress)
	defer m.End()
	scans := make([]*scanner, workers)
	var wg sync.WaitGroup
	for w := range workers {
		s := newScanner(d, strs, deep)
		scans[w] = s
		run := func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(hs) {
					return
				}
				s.unit(i)
				m.Add(int64(hs[i].size))
			}
		}
		if w == workers-1 {
			run() // no goroutine for a small file
		} else {
			wg.Go(run)
		}
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return mergeIndex(scans), nil
}

// mergeIndex joins what the scanners found and keeps, of each type, the first
// definition, or the first declaration if there is none.
func mergeIndex(scans []*scanner) *index {
	x := &index{}
	for _, s := range scans {
		for k, at := range s.types {
			x.names = append(x.names, entry{k.hash, uint64(k.class)<<classShift | uint64(at)})
		}
		x.names = append(x.names, s.names...)
		x.vars = append(x.vars, s.vars...)
	}
	slices.SortFunc(x.names, func(a, b entry) int {
		if c := cmp.Compare(a.hash, b.hash); c != 0 {
			return c
		}
		if c := cmp.Compare(a.class()&classMask, b.class()&classMask); c != 0 {
			return c
		}
		if c := cmp.Compare(a.class()&classDeclared, b.class()&classDeclared); c != 0 {
			return c
		}
		return cmp.Compare(a.ref(), b.ref())
	})
	kept := x.names[:0]
	for _, e := range x.names {
		c := e.class() & classMask
		if n := len(kept); n > 0 && c < classFunction &&
			kept[n-1].hash == e.hash && kept[n-1].class()&classMask == c {
			continue
		}
		kept = append(kept, e)
	}
	x.names = slices.Clip(kept)
	slices.SortFunc(x.vars, func(a, b address) int {
		if c := cmp.Compare(a.addr, b.addr); c != 0 {
			return c
		}
		return cmp.Compare(a.at, b.at)
	})
	return x
}
