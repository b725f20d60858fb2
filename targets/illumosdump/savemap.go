package illumosdump

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// misses is how many translations to pages that are not in the dump are told.
const misses = 10

// writeMap hashes the translations: slot i of the array is the head of the chain of
// hash i and, if there are so many, translation i, which is put in front of its
// chain. Links are file offsets. Kept of each are the links and the page; the rest
// is read again.
func (w *saver) writeMap(ctx context.Context, f *os.File) error {
	h := w.t.h
	slots := h.hashMask + 1
	if slots >= 1<<32 {
		return errors.New("dump has more translations than can be hashed")
	}
	first, next := make([]uint32, slots), make([]uint32, h.Vtops) // of slots, plus one
	page := make([]uint32, h.Vtops)                               // plus one
	hm := hashMap{mask: h.hashMask, pageShift: h.PageShift}
	missed := 0
	err := w.eachVtop(ctx, func(i, as, va, pfn uint64) error {
		at, ok := w.t.pfns.find(pfn)
		if ok {
			at, ok = w.place(at)
		}
		if !ok {
			if missed++; missed <= misses {
				w.log("pfn %d not found for as=%x, va=%x", pfn, as, va)
			}
			return nil
		}
		page[i] = uint32(at) + 1
		head := &first[hm.hash(as, va)]
		next[i], *head = *head, uint32(i)+1
		return nil
	})
	if err != nil {
		return err
	}
	link := func(slot uint32) uint64 {
		if slot == 0 {
			return 0
		}
		return w.vmap + uint64(slot-1)*mapEntry
	}
	out := bufio.NewWriterSize(io.NewOffsetWriter(f, int64(w.vmap)), 1<<20)
	var e [mapEntry]byte
	err = w.eachVtop(ctx, func(i, as, va, _ uint64) error {
		clear(e[:])
		le.PutUint64(e[0:], link(first[i]))
		if page[i] != 0 {
			le.PutUint64(e[8:], link(next[i]))
			le.PutUint64(e[16:], w.data+uint64(page[i]-1)<<h.PageShift)
			le.PutUint64(e[24:], as)
			le.PutUint64(e[32:], va)
		}
		_, err := out.Write(e[:])
		return err
	})
	for i := h.Vtops; i < slots && err == nil; i++ {
		clear(e[:])
		le.PutUint64(e[0:], link(first[i]))
		_, err = out.Write(e[:])
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// eachVtop reads the translations in their order.
func (w *saver) eachVtop(ctx context.Context, do func(i, as, va, pfn uint64) error) error {
	h := w.t.h
	in := bufio.NewReaderSize(io.NewSectionReader(w.t.r, int64(h.vmap), int64(h.Vtops*vtopEntry)), 1<<20)
	var b [vtopEntry]byte
	for i := range h.Vtops {
		if i&0xffff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return fmt.Errorf("read translation %d of %d: %w", i, h.Vtops, err)
		}
		if err := do(i, le.Uint64(b[0:]), le.Uint64(b[8:]), le.Uint64(b[16:])); err != nil {
			return err
		}
	}
	return nil
}
