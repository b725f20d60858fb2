package linux

import (
	"fmt"
	"iter"
	"math/bits"

	"github.com/xmdb/xmdb/modules/kernel"
)

// next takes a free pointer as it lies at an address apart: hardened kernels mix it with a
// secret of the cache and its own address (mm/slub.c: freelist_ptr_decode).
func (k *cache) next(ptr, at uint64) uint64 {
	if !k.l.Random.OK() {
		return ptr
	}
	return ptr ^ k.l.Random.Of(k.b) ^ bits.ReverseBytes64(at)
}

// freeOf marks the objects of a slab that are on a list of free ones. The list is bounded
// by the number of objects.
func (k *cache) freeOf(v *kernel.View, s *slab, first uint64, free []bool) error {
	step, off := k.step(), k.l.Free.Of(k.b)
	for n := uint64(0); first != 0; n++ {
		i := (first - s.base - k.red()) / step
		switch {
		case first < s.base || i >= s.objects || (first-s.base-k.red())%step != 0:
			return fmt.Errorf("slab %x: %x is on the list of free objects and is none of its objects", s.addr, first)
		case free[i] || n > s.objects:
			return fmt.Errorf("slab %x: %x is on the list of free objects twice", s.addr, first)
		}
		free[i] = true
		at := first + off
		ptr, err := v.Pointer(at)
		if err != nil {
			return kernel.BadRead("free object", at, err)
		}
		first = k.next(ptr, at)
	}
	return nil
}

// cpuLists are the first free objects of the lists that CPUs have for themselves, by slab.
func (k *cache) cpuLists(v *kernel.View) (map[uint64]uint64, error) {
	type layout struct {
		Size uint64       `ctf:"sizeof"`
		Free kernel.Field `ctf:"freelist"`
		Slab kernel.Field `ctf:"slab|page"`
	}
	kern, err := kernelOf(v.Session())
	if err != nil {
		return nil, err
	}
	cpus, err := kern.CPUs()
	if err != nil {
		return nil, err
	}
	lists := map[uint64]uint64{}
	for _, cpu := range cpus {
		l, b, err := read(v, "struct kmem_cache_cpu", k.l.CPU.Of(k.b)+cpu.Offset, func(l *layout) uint64 { return l.Size })
		if err != nil {
			return lists, err
		}
		if s := l.Slab.Of(b); s != 0 {
			lists[s] = l.Free.Of(b)
		}
	}
	return lists, nil
}

// objects yields the objects of a cache: those in use, or with free those that are not.
func objects(v *kernel.View, addr uint64, free bool) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		k, err := readCache(v, addr)
		if err != nil {
			yield(0, err)
			return
		}
		if k.step() == 0 {
			yield(0, fmt.Errorf("cache %x: objects of no size", addr))
			return
		}
		lists, err := k.cpuLists(v)
		if err != nil && !yield(0, err) {
			return
		}
		for s, err := range slabs(v, addr) {
			if err != nil {
				yield(0, err)
				return
			}
			marks, err := k.steadyMarks(v, &s, lists)
			if err != nil && !yield(0, err) {
				return
			}
			for i, is := range marks {
				if is == free && !yield(s.base+k.red()+uint64(i)*k.step(), nil) {
					return
				}
			}
		}
	}
}

// steadyMarks is marks; where the machine runs, a slab whose lists lead nowhere is read
// anew, some times. One that is the cache's no more has no objects.
func (k *cache) steadyMarks(v *kernel.View, s *slab, lists map[uint64]uint64) (marks []bool, err error) {
	kern, err := kernelOf(v.Session())
	if err != nil {
		return nil, err
	}
	again := false
	err = kern.Retry(func() (err error) {
		if again {
			p, err := pagesOf(v)
			if err != nil {
				return err
			}
			now, err := readSlab(v, p, s.addr)
			if err != nil {
				return err
			}
			if now.cache != k.addr {
				marks = nil
				return nil
			}
			*s = now
			if lists, err = k.cpuLists(v); err != nil {
				return err
			}
		}
		again = true
		marks, err = k.marks(v, s, lists)
		return err
	})
	return marks, err
}

// marks tells which objects of a slab are free.
func (k *cache) marks(v *kernel.View, s *slab, lists map[uint64]uint64) ([]bool, error) {
	marks := make([]bool, s.objects)
	err := k.freeOf(v, s, s.free, marks)
	if first, ok := lists[s.addr]; ok && err == nil {
		err = k.freeOf(v, s, first, marks)
	}
	return marks, err
}
