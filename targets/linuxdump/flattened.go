package linuxdump

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
)

// The flattened format (makedumpfile(8), option -F; its struct makedumpfile_header and
// makedumpfile_data_header): what is written to a pipe instead of a file with seeks.
// A header of 4096 bytes, then records: offset and size, 64 bits each, big-endian like
// all of it, and the bytes. The last has -1 twice. Of records that overlap the later
// counts, as with writes to a file.
const (
	flatSignature  = "makedumpfile"
	flatHeaderSize = 4096
	flatRecordSize = 16
	maxFlatRecords = 1 << 23
)

// flatRun is a run of bytes of the rearranged file.
type flatRun struct {
	off, n uint64 // in the rearranged file
	at     uint64 // in this one
}

// flattened reads a file in the flattened format as the rearranged one.
type flattened struct {
	r     io.ReaderAt
	runs  []flatRun // ascending, without overlap
	size  uint64    // of the rearranged file
	ended bool      // the last record is there: what has no run is zeros
}

// isFlattened tells by the first bytes of a file.
func isFlattened(head []byte) bool {
	return len(head) >= 32 && string(bytes.TrimRight(head[:16], "\x00")) == flatSignature
}

// flatRecords goes through the records of a file. What breaks the sequence ends it,
// and is told in why.
func flatRecords(ctx context.Context, p part, progress func(done, total int64)) (runs []flatRun, ended bool, why string, err error) {
	var h [flatRecordSize]byte
	at := uint64(flatHeaderSize)
	for n := 0; ; n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, false, "", err
			}
			if progress != nil {
				progress(int64(at), int64(p.size))
			}
		}
		if got, _ := p.r.ReadAt(h[:], int64(at)); got < len(h) {
			return runs, false, "the file ends early", nil
		}
		off, size := binary.BigEndian.Uint64(h[:]), binary.BigEndian.Uint64(h[8:])
		if off == ^uint64(0) && size == ^uint64(0) {
			return runs, true, "", nil
		}
		if off >= 1<<62 || size >= 1<<62 {
			return runs, false, fmt.Sprintf("the record at byte %d is damaged", at), nil
		}
		at += flatRecordSize
		have := min(size, p.size-min(at, p.size))
		if have > 0 {
			if len(runs) == maxFlatRecords {
				return runs, false, fmt.Sprintf("it has more than %d records", maxFlatRecords), nil
			}
			runs = append(runs, flatRun{off, have, at})
		}
		if have < size {
			return runs, false, "the file ends early", nil
		}
		at += size
	}
}

// openFlattened makes the index of a file in the flattened format, or takes it from
// the cache.
func (t *Target) openFlattened(ctx context.Context, p part) (part, error) {
	var head [32]byte
	if n, _ := p.r.ReadAt(head[:], 0); n < len(head) {
		return part{}, ErrNotDump
	}
	if typ, version := binary.BigEndian.Uint64(head[16:]), binary.BigEndian.Uint64(head[24:]); typ != 1 || version != 1 {
		return part{}, fmt.Errorf("flattened file of type %d, version %d: not known", typ, version)
	}
	f := t.cachedFlat(p)
	if f == nil {
		runs, ended, why, err := flatRecords(ctx, p, t.o.Progress)
		if err != nil {
			return part{}, err
		}
		f = &flattened{r: p.r, runs: settle(runs), ended: ended}
		t.keepFlat(p, f, why)
		if why != "" {
			t.warn("%s: what comes after is missing", why)
		}
	}
	if n := len(f.runs); n > 0 {
		f.size = f.runs[n-1].off + f.runs[n-1].n
	}
	return part{name: p.name, r: f, size: f.size}, nil
}

// settle sorts runs that were in the order of the file and cuts what later ones
// replaced.
func settle(in []flatRun) []flatRun {
	sorted := func(a, b flatRun) int { return cmp.Compare(a.off, b.off) }
	if !slices.IsSortedFunc(in, sorted) {
		slices.SortStableFunc(in, sorted)
	}
	clash := false
	for i := 1; i < len(in) && !clash; i++ {
		clash = in[i].off < in[i-1].off+in[i-1].n
	}
	if !clash {
		return in
	}
	return sweep(in)
}

// sweep goes from one border of a run to the next; of those that are there the last in
// the file counts.
func sweep(in []flatRun) []flatRun {
	var out []flatRun
	var open runHeap
	at := uint64(0)
	emit := func(to uint64) {
		for at < to {
			for len(open) > 0 && open[0].off+open[0].n <= at {
				heap.Pop(&open)
			}
			if len(open) == 0 {
				at = to
				return
			}
			r := open[0]
			end := min(to, r.off+r.n)
			out = appendRun(out, flatRun{at, end - at, r.at + (at - r.off)})
			at = end
		}
	}
	for _, r := range in {
		emit(r.off)
		heap.Push(&open, r)
	}
	emit(1 << 63)
	return out
}

func appendRun(out []flatRun, r flatRun) []flatRun {
	if n := len(out); n > 0 && out[n-1].off+out[n-1].n == r.off && out[n-1].at+out[n-1].n == r.at {
		out[n-1].n += r.n
		return out
	}
	return append(out, r)
}

// runHeap has the run that was written last on top.
type runHeap []flatRun

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return h[i].at > h[j].at }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(flatRun)) }
func (h *runHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// ReadAt implements io.ReaderAt over the rearranged file. A part that only the end of
// this one, which is missing, could have is mem.ErrTruncated.
func (f *flattened) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	at := uint64(off)
	k, found := slices.BinarySearchFunc(f.runs, at, func(r flatRun, at uint64) int { return cmp.Compare(r.off, at) })
	if !found {
		k--
	}
	done := 0
	for done < len(b) {
		if at >= f.size {
			return done, io.EOF
		}
		if k >= 0 && at-f.runs[k].off < f.runs[k].n {
			r := f.runs[k]
			skip := at - r.off
			want := b[done : done+int(min(uint64(len(b)-done), r.n-skip))]
			n, err := f.r.ReadAt(want, int64(r.at+skip))
			done += n
			at += uint64(n)
			if n < len(want) {
				if err == nil {
					err = io.ErrUnexpectedEOF
				}
				return done, err
			}
			continue
		}
		// A hole, up to the next run.
		if k+1 < len(f.runs) && at >= f.runs[k+1].off {
			k++
			continue
		}
		if !f.ended {
			return done, mem.ErrTruncated
		}
		n := int(min(uint64(len(b)-done), f.runs[k+1].off-at))
		clear(b[done : done+n])
		done += n
		at += uint64(n)
	}
	return done, nil
}
