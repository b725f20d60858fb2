package golang

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core/value"
)

// mapEntry is where a key and its value lie.
type mapEntry struct{ key, value uint64 }

// maxEntries bounds the slots that are looked at of one map.
const maxEntries = 1 << 28

// mapLen gives the number of entries of the map at an address; 0 of a nil map.
func (r *goRuntime) mapLen(t *goType, addr uint64) (uint64, error) {
	if addr == 0 {
		return 0, nil
	}
	if t.open().bad != nil {
		return 0, t.bad
	}
	if _, swiss := t.group.field("slots"); !swiss {
		v, err := r.at(addr, "runtime.hmap")
		if err != nil {
			return 0, err
		}
		n, err := v.Member("count")
		if err != nil {
			return 0, err
		}
		return n.Uint()
	}
	h, err := r.swissHeader(addr)
	return h.Used, err
}

// entries yields the entries of the map at an address, in the order in which they
// lie in memory.
func (r *goRuntime) entries(t *goType, addr uint64) iter.Seq2[mapEntry, error] {
	return func(yield func(mapEntry, error) bool) {
		if addr == 0 {
			return
		}
		if t.open().bad != nil {
			yield(mapEntry{}, t.bad)
			return
		}
		s, err := slotsOf(t)
		if err == nil {
			if s.swiss {
				err = r.swissEntries(&s, addr, yield)
			} else {
				err = r.bucketEntries(&s, addr, yield)
			}
		}
		if err != nil && err != errStop {
			yield(mapEntry{}, fmt.Errorf("map at %#x: %w", addr, err))
		}
	}
}

// slots is where the slots are in a group or bucket.
type slots struct {
	swiss             bool
	size              uint64 // of a group
	n                 uint64 // slots in it
	ctrl              uint64 // offset of the control bytes or tophash
	key, elem         uint64 // offset of the first
	keyStep, elemStep uint64 // from one to the next
	keyPtr, elemPtr   bool   // slots hold pointers to them
	overflow          uint64 // offset of the link to the next bucket
}

func slotsOf(t *goType) (slots, error) {
	g := t.group.open()
	s := slots{size: g.size}
	kt, vt, err := g.slotTypes()
	if err != nil {
		return s, err
	}
	s.keyPtr, s.elemPtr = kt != t.key && kt.kind == kindPointer && t.key.size > maxInline, vt != t.elem && vt.kind == kindPointer && t.elem.size > maxInline
	if f, ok := g.field("slots"); ok {
		ctrl, ok := g.field("ctrl")
		a := f.typ.open()
		k, _ := a.elem.field("key")
		v, _ := a.elem.field("elem")
		s.swiss, s.n, s.ctrl = true, a.n, ctrl.off
		s.key, s.elem = f.off+k.off, f.off+v.off
		s.keyStep, s.elemStep = a.elem.size, a.elem.size
		if !ok || s.n == 0 || s.n > 8 {
			return s, fmt.Errorf("%s has %d slots", g.name, s.n)
		}
		return s, nil
	}
	top, ok1 := g.field("tophash", "topbits")
	keys, ok2 := g.field("keys")
	values, ok3 := g.field("values", "elems")
	over, ok4 := g.field("overflow")
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return s, fmt.Errorf("%s is no bucket of a map", g.name)
	}
	s.n, s.ctrl, s.key, s.elem, s.overflow = top.typ.open().n, top.off, keys.off, values.off, over.off
	s.keyStep, s.elemStep = kt.size, vt.size
	if s.n == 0 || s.n > 8 {
		return s, fmt.Errorf("%s has %d slots", g.name, s.n)
	}
	return s, nil
}

// errStop ends a walk whose consumer has enough.
var errStop = fmt.Errorf("enough")

// group yields the entries of one group or bucket. full tells a slot in use by
// its control byte.
func (r *goRuntime) group(s *slots, at uint64, full func(byte) bool, yield func(mapEntry, error) bool) error {
	ctrl := make([]byte, s.n)
	if err := r.read(ctrl, at+s.ctrl); err != nil {
		return fmt.Errorf("read slots at %#x: %w", at, err)
	}
	for i, b := range ctrl {
		if !full(b) {
			continue
		}
		e := mapEntry{at + s.key + uint64(i)*s.keyStep, at + s.elem + uint64(i)*s.elemStep}
		var err error
		if s.keyPtr {
			e.key, err = r.pointer(e.key)
		}
		if s.elemPtr && err == nil {
			e.value, err = r.pointer(e.value)
		}
		if err != nil {
			return err
		}
		if !yield(e, nil) {
			return errStop
		}
	}
	return nil
}

// swissMap is the header of a map of Go 1.24 and later
// (internal/runtime/maps.Map).
type swissMap struct {
	Used   uint64 `ctf:"used"`
	Dir    uint64 `ctf:"dirPtr"`
	DirLen int64  `ctf:"dirLen"`
}

func (r *goRuntime) swissHeader(addr uint64) (swissMap, error) {
	var h swissMap
	v, err := r.at(addr, "internal/runtime/maps.Map")
	if err == nil {
		err = value.Load(v, &h)
	}
	if err != nil {
		return h, fmt.Errorf("read map at %#x: %w", addr, err)
	}
	if h.DirLen < 0 || h.DirLen > maxEntries || h.DirLen&(h.DirLen-1) != 0 {
		return h, fmt.Errorf("read map at %#x: directory of %d tables", addr, h.DirLen)
	}
	return h, nil
}

// inUse tells a full slot: the top bit of a control byte is set of an empty or
// deleted one.
func inUse(b byte) bool { return b&0x80 == 0 }

// swissEntries follows the directory to the tables, each of which may be in it
// several times in a row, and their groups. A small map is one group.
func (r *goRuntime) swissEntries(s *slots, addr uint64, yield func(mapEntry, error) bool) error {
	h, err := r.swissHeader(addr)
	if err != nil || h.Used == 0 {
		return err
	}
	if h.DirLen == 0 {
		return r.group(s, h.Dir, inUse, yield)
	}
	dir, err := r.words(h.Dir, uint64(h.DirLen))
	if err != nil {
		return fmt.Errorf("read directory at %#x: %w", h.Dir, err)
	}
	seen, total := map[uint64]bool{}, uint64(0)
	for _, at := range dir {
		if seen[at] {
			continue
		}
		seen[at] = true
		var t struct {
			Data uint64 `ctf:"groups.data"`
			Mask uint64 `ctf:"groups.lengthMask"`
		}
		v, err := r.at(at, "internal/runtime/maps.table")
		if err == nil {
			err = value.Load(v, &t)
		}
		if err != nil {
			return fmt.Errorf("read table at %#x: %w", at, err)
		}
		if t.Mask&(t.Mask+1) != 0 || t.Mask >= maxEntries {
			return fmt.Errorf("table at %#x has a length mask of %#x", at, t.Mask)
		}
		for i := range t.Mask + 1 {
			if total += s.n; total > maxEntries {
				return fmt.Errorf("more than %d slots", maxEntries)
			}
			if err := r.group(s, t.Data+i*s.size, inUse, yield); err != nil {
				return err
			}
		}
	}
	return nil
}

// oldMap is the header of a map of Go 1.23 and before (runtime.hmap).
type oldMap struct {
	Count  int64  `ctf:"count"`
	Flags  uint8  `ctf:"flags"`
	B      uint8  `ctf:"B"`
	Bucket uint64 `ctf:"buckets"`
	Old    uint64 `ctf:"oldbuckets"`
}

// minTopHash is the least tophash of a slot in use; lower ones say that it is
// empty or has moved. sameSize is the flag of a growth that keeps the number of
// buckets (runtime/map.go, until Go 1.23; map_noswiss.go later).
const (
	minTopHash = 5
	sameSize   = 8
)

// bucketEntries walks the buckets and, while the map grows, those old ones that
// have not been emptied into them.
func (r *goRuntime) bucketEntries(s *slots, addr uint64, yield func(mapEntry, error) bool) error {
	var h oldMap
	v, err := r.at(addr, "runtime.hmap")
	if err == nil {
		err = value.Load(v, &h)
	}
	if err != nil {
		return err
	}
	if h.Count == 0 {
		return nil
	}
	if h.B > 40 || h.Count < 0 {
		return fmt.Errorf("%d entries in 2^%d buckets", h.Count, h.B)
	}
	old := h.B
	if h.Flags&sameSize == 0 && old > 0 {
		old--
	}
	total := uint64(0)
	for _, a := range []struct {
		at uint64
		b  uint8
	}{{h.Bucket, h.B}, {h.Old, old}} {
		for i := uint64(0); a.at != 0 && i < 1<<a.b; i++ {
			if err := r.chain(s, a.at+i*s.size, &total, yield); err != nil {
				return err
			}
		}
	}
	return nil
}

// chain walks a bucket and its overflow buckets.
func (r *goRuntime) chain(s *slots, at uint64, total *uint64, yield func(mapEntry, error) bool) error {
	seen := map[uint64]bool{}
	for at != 0 {
		if seen[at] {
			return fmt.Errorf("overflow buckets come back to %#x", at)
		}
		seen[at] = true
		if *total += s.n; *total > maxEntries {
			return fmt.Errorf("more than %d slots", maxEntries)
		}
		if err := r.group(s, at, func(b byte) bool { return b >= minTopHash }, yield); err != nil {
			return err
		}
		next, err := r.pointer(at + s.overflow)
		if err != nil {
			return fmt.Errorf("read overflow link of the bucket at %#x: %w", at, err)
		}
		at = next
	}
	return nil
}
