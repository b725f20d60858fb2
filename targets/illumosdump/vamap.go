package illumosdump

import (
	"cmp"
	"context"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
)

// vaMap has the translations of the dump.
type vaMap interface {
	lookup(as, va uint64) (pfn uint64, ok bool)
	inverse(t *Target, pfn uint64, yield func(as, va uint64) bool)
	translations(t *Target, as uint64, yield func(va, n uint64) bool)
}

// hashMap is the map of a vmcore.N, in the file: an array of dump_map_t
// {first, next, data, as, va}, 40 bytes each, whose slots are both the heads of
// the chains (first) and the translations (the rest). Links are file offsets.
type hashMap struct {
	file      *mem.Cache
	off       uint64
	mask      uint64
	slots     uint64 // that are in the file
	pageShift uint
	data      uint64
	pfns      *pfnTable
}

const mapEntry = 40

func newHashMap(t *Target) *hashMap {
	m := &hashMap{file: t.file, off: t.h.vmap, mask: t.h.hashMask, pageShift: t.h.PageShift, data: t.h.data, pfns: t.pfns}
	if t.size > m.off {
		m.slots = min(m.mask+1, (t.size-m.off)/mapEntry)
	}
	return m
}

func (m *hashMap) hash(as, va uint64) uint64 { return (as>>3 + va>>m.pageShift) & m.mask }

// word reads a member of the slot at a file offset.
func (m *hashMap) word(at, member uint64) (uint64, bool) {
	v, err := mem.ReadUint(m.file, mem.Addr(at+member), 8, le)
	return v, err == nil
}

// slot tells whether a link leads to a slot.
func (m *hashMap) slot(at uint64) bool {
	return at >= m.off && (at-m.off)%mapEntry == 0 && (at-m.off)/mapEntry < m.slots
}

func (m *hashMap) lookup(as, va uint64) (pfn uint64, ok bool) {
	va &^= 1<<m.pageShift - 1
	h := m.hash(as, va)
	if h >= m.slots {
		return 0, false
	}
	at, ok := m.word(m.off+h*mapEntry, 0)
	// A damaged chain may be a circle: an older place on it is compared, which moves
	// on at each power of two.
	old, steps, power := uint64(0), 0, 1
	for ok && at != 0 && at != old && m.slot(at) {
		e := m.file.View(mem.Addr(at), mapEntry)
		if e == nil {
			var b [mapEntry]byte
			if mem.ReadFull(m.file, b[:], mem.Addr(at)) != nil {
				return 0, false
			}
			e = b[:]
		}
		eAS, eVA := le.Uint64(e[24:]), le.Uint64(e[32:])
		if eAS == as && eVA == va {
			return m.frame(le.Uint64(e[16:]))
		}
		if m.hash(eAS, eVA) != h {
			return 0, false
		}
		if steps++; steps == power {
			old, power = at, 2*power
		}
		at = le.Uint64(e[8:])
	}
	return 0, false
}

// frame gives the pfn of the page at a file offset.
func (m *hashMap) frame(data uint64) (uint64, bool) {
	if data < m.data {
		return 0, false
	}
	i := (data - m.data) >> m.pageShift
	pfn, ok := m.pfns.at(i)
	if ok {
		m.pfns.remember(pfn, i)
	}
	return pfn, ok
}

// vtopMap is the map of a vmdump.N: the file has mem_vtop_t {as, va, pfn}, 24 bytes
// each, in the order in which the kernel walked its segments. What is kept of it is
// where runs of consecutive pages begin, sorted.
type vtopMap struct {
	file      *mem.Cache
	off       uint64
	pageShift uint
	extents   []extent
}

// extent is n records of consecutive pages.
type extent struct {
	as, va uint64
	rec, n uint64 // first record
}

const (
	vtopEntry = 24
	// overlap is how many extents that begin before an address are looked at: more
	// than one only if a dump translates a page twice.
	overlap = 8
)

func (e extent) compare(as, va uint64) int {
	return cmp.Or(cmp.Compare(e.as, as), cmp.Compare(e.va, va))
}

func (m *vtopMap) lookup(as, va uint64) (pfn uint64, ok bool) {
	va &^= 1<<m.pageShift - 1
	i, exact := slices.BinarySearchFunc(m.extents, va, func(e extent, va uint64) int { return e.compare(as, va) })
	if exact {
		i++
	}
	for k := i - 1; k >= 0 && k >= i-overlap && m.extents[k].as == as; k-- {
		e := m.extents[k]
		if d := (va - e.va) >> m.pageShift; d < e.n {
			v, err := mem.ReadUint(m.file, mem.Addr(m.off+(e.rec+d)*vtopEntry+16), 8, le)
			return v, err == nil
		}
	}
	return 0, false
}

// MapCut implements system.DumpMapCut.
func (t *Target) MapCut() bool {
	if t.pfns.n < t.h.Pages {
		return true
	}
	if m, ok := t.vas.(*hashMap); ok {
		return m.slots <= m.mask
	}
	return t.size < t.h.vmap || (t.size-t.h.vmap)/vtopEntry < t.h.Vtops
}

// readExtents goes through the translations of a vmdump.N.
func readExtents(ctx context.Context, t *Target) ([]extent, error) {
	h := t.h
	n := uint64(0)
	if t.size > h.vmap {
		n = min(h.Vtops, (t.size-h.vmap)/vtopEntry)
	}
	var out []extent
	const batch = 40000 // records
	buf := make([]byte, min(n, batch)*vtopEntry)
	for rec := uint64(0); rec < n; rec += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b := buf[:min(n-rec, batch)*vtopEntry]
		got, _ := t.r.ReadAt(b, int64(h.vmap+rec*vtopEntry))
		for k := 0; k+vtopEntry <= got; k += vtopEntry {
			out = addRecord(out, le.Uint64(b[k:]), le.Uint64(b[k+8:]), rec+uint64(k/vtopEntry), h.PageShift)
		}
		if got < len(b) {
			break
		}
	}
	sorted := func(a, b extent) int { return cmp.Or(a.compare(b.as, b.va), cmp.Compare(a.rec, b.rec)) }
	if !slices.IsSortedFunc(out, sorted) {
		slices.SortFunc(out, sorted)
	}
	return slices.Clip(out), nil
}

func addRecord(out []extent, as, va, rec uint64, shift uint) []extent {
	if len(out) > 0 {
		if e := &out[len(out)-1]; e.as == as && va == e.va+e.n<<shift {
			e.n++
			return out
		}
	}
	return append(out, extent{as, va, rec, 1})
}
