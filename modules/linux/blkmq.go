package linux

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/modules/kernel"
)

// Requests of block devices (block/blk-mq.c). A device has some hardware queues; each has a
// table of requests, made once, and a bitmap of those that are taken: that of the I/O
// scheduler if there is one, else that of the driver's tags. Such a bitmap (lib/sbitmap.c)
// is words of a power of two bits, each with a second word of bits that were given back and
// are still set in the first. A flush of the device's cache is a request beside them.

// requestLayout is struct request (include/linux/blk-mq.h).
type requestLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Queue  kernel.Field `ctf:"q"`
	HW     kernel.Field `ctf:"mq_hctx"`
	Flags  kernel.Field `ctf:"cmd_flags"`
	Tag    kernel.Field `ctf:"tag"`
	Bytes  kernel.Field `ctf:"__data_len"`
	Sector kernel.Field `ctf:"__sector"`
	Bio    kernel.Field `ctf:"bio"`
	Begun  kernel.Field `ctf:"start_time_ns"`
	State  kernel.Field `ctf:"state"`
	End    kernel.Field `ctf:"end_io"`
}

// Bounds of what a device may have.
const (
	maxHWQueues = 1 << 14
	maxTags     = 1 << 20
)

// requestsOf yields the requests of a request_queue that are under way: the structs request.
func requestsOf(v *kernel.View, queue uint64) iter.Seq2[uint64, error] {
	return steady(v, func(yield func(uint64, error) bool) {
		w := &requestWalk{v: v, queue: queue, met: kernel.Met{}, yield: yield}
		if err := w.run(); err != nil && !w.done {
			yield(0, err)
		}
	})
}

// requestWalk is a walk over the requests of a queue.
type requestWalk struct {
	v     *kernel.View
	queue uint64
	met   kernel.Met // of tables, which queues may share, and of requests
	yield func(uint64, error) bool
	done  bool // the consumer wants no more
}

func (w *requestWalk) run() error {
	for hw, err := range hwQueues(w.v, w.queue) {
		if err != nil {
			return err
		}
		type layout struct {
			Size      uint64       `ctf:"sizeof"`
			Flush     kernel.Field `ctf:"fq"`
			Tags      kernel.Field `ctf:"tags"`
			SchedTags kernel.Field `ctf:"sched_tags"`
		}
		l, b, err := read(w.v, "struct blk_mq_hw_ctx", hw, func(l *layout) uint64 { return l.Size })
		if err != nil {
			return err
		}
		tags := l.SchedTags.Of(b)
		if tags == 0 {
			tags = l.Tags.Of(b)
		}
		if tags != 0 && !w.met.Again(tags) {
			if err := w.table(tags); err != nil || w.done {
				return err
			}
		}
		if f := l.Flush.Of(b); f != 0 {
			if err := w.flush(f); err != nil || w.done {
				return err
			}
		}
	}
	return nil
}

// hwQueues yields the structs blk_mq_hw_ctx of a queue: an array of pointers until 5.17,
// then an xarray. A device that is not driven by requests (a volume manager's, a ZFS
// volume) has none.
func hwQueues(v *kernel.View, queue uint64) iter.Seq2[uint64, error] {
	if f, err := v.Member("struct request_queue", "hctx_table"); err == nil {
		return xarray(v, "hctx_table", queue+f.Off)
	}
	return func(yield func(uint64, error) bool) {
		type layout struct {
			Size  uint64       `ctf:"sizeof"`
			Array kernel.Field `ctf:"queue_hw_ctx"`
			Count kernel.Field `ctf:"nr_hw_queues"`
		}
		l, b, err := read(v, "struct request_queue", queue, func(l *layout) uint64 { return l.Size })
		if err != nil {
			yield(0, err)
			return
		}
		for i := range min(l.Count.Of(b), maxHWQueues) {
			at := l.Array.Of(b) + 8*i
			hw, err := v.Pointer(at)
			if err != nil {
				err = kernel.BadRead("queue_hw_ctx", at, err)
			}
			if !yield(hw, err) || err != nil {
				return
			}
		}
	}
}

// table gives the requests of a struct blk_mq_tags that are taken and are the queue's:
// devices of one host may share a table. The reserved tags come first in it.
func (w *requestWalk) table(tags uint64) error {
	type layout struct {
		Size     uint64       `ctf:"sizeof"`
		Count    kernel.Field `ctf:"nr_tags"`
		Reserved kernel.Field `ctf:"nr_reserved_tags"`
		Bits     kernel.Field `ctf:"bitmap_tags"`
		ResBits  kernel.Field `ctf:"breserved_tags"`
		Requests kernel.Field `ctf:"static_rqs"`
	}
	l, b, err := read(w.v, "struct blk_mq_tags", tags, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	count, reserved, requests := l.Count.Of(b), l.Reserved.Of(b), l.Requests.Of(b)
	if count > maxTags || reserved > count {
		return fmt.Errorf("blk_mq_tags at %x: there cannot be %d tags, %d of them reserved", tags, count, reserved)
	}
	for _, m := range []struct {
		bits         kernel.Field
		first, count uint64
	}{{l.ResBits, 0, reserved}, {l.Bits, reserved, count - reserved}} {
		at := tags + m.bits.Off
		if m.bits.Size == 8 { // a pointer from 5.9 to 5.15
			at = m.bits.Of(b)
		}
		for i, err := range setBits(w.v, at, m.count) {
			if err != nil {
				return err
			}
			slot := requests + 8*(m.first+i)
			rq, err := w.v.Pointer(slot)
			if err != nil {
				return kernel.BadRead("static_rqs", slot, err)
			}
			if err := w.give(rq, false); err != nil || w.done {
				return err
			}
		}
	}
	return nil
}

// flush gives the request for flushes of a struct blk_flush_queue, if it is under way.
func (w *requestWalk) flush(queue uint64) error {
	f, err := w.v.Member("struct blk_flush_queue", "flush_rq")
	if err != nil {
		return err
	}
	rq, err := w.v.Pointer(queue + f.Off)
	if err != nil {
		return kernel.BadRead("struct blk_flush_queue", queue, err)
	}
	return w.give(rq, true)
}

// give passes a request of the queue on; issued, only if the device has it.
func (w *requestWalk) give(rq uint64, issued bool) error {
	if rq == 0 || w.met.Again(rq) {
		return nil
	}
	l, b, err := read(w.v, "struct request", rq, func(l *requestLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	if l.Queue.Of(b) == w.queue && (!issued || l.State.Of(b) != requestIdle) {
		w.done = !w.yield(rq, nil)
	}
	return nil
}

// setBits yields the numbers below count of the bits that are set in the struct
// sbitmap_queue, or sbitmap, at an address.
func setBits(v *kernel.View, at, count uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		type layout struct {
			Size  uint64       `ctf:"sizeof"`
			Shift kernel.Field `ctf:"shift"`
			Words kernel.Field `ctf:"map_nr"`
			Map   kernel.Field `ctf:"map"`
		}
		type word struct {
			Size    uint64       `ctf:"sizeof"`
			Word    kernel.Field `ctf:"word"`
			Cleared kernel.Field `ctf:"cleared,optional"` // since 5.0
		}
		if count == 0 {
			return
		}
		l, b, err := read(v, "struct sbitmap", at, func(l *layout) uint64 { return l.Size }) // the first member of a sbitmap_queue
		if err != nil {
			yield(0, err)
			return
		}
		wl, err := kernel.Lay[word](v, "struct sbitmap_word")
		if err != nil {
			yield(0, err)
			return
		}
		shift, n := l.Shift.Of(b), l.Words.Of(b)
		if shift > 6 || n > maxTags {
			yield(0, fmt.Errorf("sbitmap at %x: %d words of 2^%d bits cannot be", at, n, shift))
			return
		}
		for i := range n {
			a := l.Map.Of(b) + i*wl.Size
			wb, err := v.Bytes(a, wl.Size, nil)
			if err != nil {
				yield(0, kernel.BadRead("struct sbitmap_word", a, err))
				return
			}
			bits := wl.Word.Of(wb) &^ wl.Cleared.Of(wb)
			for j := range uint64(1) << shift {
				if nr := i<<shift | j; bits>>j&1 != 0 && nr < count && !yield(nr, nil) {
					return
				}
			}
		}
	}
}
