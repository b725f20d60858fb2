package linuxdump

import (
	"runtime"
	"sync"

	"github.com/xmdb/xmdb/core/mem"
)

// manyPages is from how many pages on a read is done by several goroutines, and past
// the cache: a search of all memory.
const manyPages = 64

// readMany fills b, each goroutine a part of it. What is before the first page that
// cannot be read counts.
func (k *kdump) readMany(b []byte, a mem.Addr) (int, error) {
	workers := min(runtime.GOMAXPROCS(0), 8)
	step := (len(b)/workers + int(k.size)) &^ int(k.size-1)
	type result struct {
		n   int
		err error
	}
	results := make([]result, 0, workers+1)
	var wg sync.WaitGroup
	for at := 0; at < len(b); at += step {
		results = append(results, result{})
	}
	for i := range results {
		at := i * step
		end := min(at+step, len(b))
		wg.Go(func() { results[i].n, results[i].err = k.readPart(b[at:end], a+mem.Addr(at)) })
	}
	wg.Wait()
	done := 0
	for _, r := range results {
		done += r.n
		if r.err != nil {
			return done, r.err
		}
	}
	return done, nil
}

// readPart decompresses into b itself what is not in the cache.
func (k *kdump) readPart(b []byte, a mem.Addr) (int, error) {
	done := 0
	for done < len(b) {
		at := a + mem.Addr(done)
		off := uint64(at) & (k.size - 1)
		if at < a || off != 0 || uint64(len(b)-done) < k.size {
			n, err := k.readFew(b[done:done+int(min(uint64(len(b)-done), k.size-off))], at)
			done += n
			if err != nil {
				return done, err
			}
			continue
		}
		dst := b[done : done+int(k.size)]
		if err := k.readPage(dst, uint64(at)>>k.shift); err != nil {
			return done, mem.Fault(at, err)
		}
		done += len(dst)
	}
	return done, nil
}

func (k *kdump) readPage(dst []byte, pfn uint64) error {
	if p := k.cache.get(pfn); p != nil {
		copy(dst, p)
		return nil
	}
	f, i, zero, err := k.lookup(pfn)
	if err != nil {
		return err
	}
	if zero {
		clear(dst)
		return nil
	}
	_, err = f.read(k, i, dst)
	return err
}

// ranges lists where pages are that are in the dump; where these are too many, where
// memory is.
func (k *kdump) ranges() []mem.Mapping {
	var out []mem.Mapping
	for _, f := range k.files {
		runs := f.runs
		if runs == nil {
			runs = []run{{f.start, f.end - f.start}}
		}
		for _, r := range runs {
			from, to := max(r.pfn, f.start), min(r.pfn+r.n, f.end)
			if from >= to {
				continue
			}
			m := mem.Mapping{Base: mem.Addr(from << k.shift), Size: (to - from) << k.shift, Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec}
			if n := len(out); n > 0 && out[n-1].End() == m.Base {
				out[n-1].Size += m.Size
				continue
			}
			out = append(out, m)
		}
	}
	return out
}
