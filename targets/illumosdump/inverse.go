package illumosdump

// VirtualPages gives every page of the translation map that is the frame pfn, with the
// address space (the VA of its struct as), until yield returns false. It reads the whole
// map. It implements system.DumpInverse.
func (t *Target) VirtualPages(pfn uint64, yield func(as, va uint64) bool) {
	t.vas.inverse(t, pfn, yield)
}

// inverse reads the array of slots; the slots that are no translation are zero.
func (m *hashMap) inverse(t *Target, pfn uint64, yield func(as, va uint64) bool) {
	i, ok := m.pfns.find(pfn)
	if !ok {
		return
	}
	data := m.data + i<<m.pageShift
	eachRecord(t, m.off, m.slots, mapEntry, func(b []byte) bool {
		as, va := le.Uint64(b[24:]), le.Uint64(b[32:])
		return as == 0 || le.Uint64(b[16:]) != data || yield(as, va)
	})
}

func (m *vtopMap) inverse(t *Target, pfn uint64, yield func(as, va uint64) bool) {
	n := uint64(0)
	if t.size > m.off {
		n = min(t.h.Vtops, (t.size-m.off)/vtopEntry)
	}
	eachRecord(t, m.off, n, vtopEntry, func(b []byte) bool {
		return le.Uint64(b[16:]) != pfn || yield(le.Uint64(b), le.Uint64(b[8:]))
	})
}

// eachRecord reads n records of size bytes from off on, as many as there are, until f
// returns false.
func eachRecord(t *Target, off, n uint64, size int, f func(b []byte) bool) {
	const batch = 20000
	buf := make([]byte, min(n, batch)*uint64(size))
	for done := uint64(0); done < n; done += batch {
		b := buf[:min(n-done, batch)*uint64(size)]
		got, _ := t.r.ReadAt(b, int64(off+done*uint64(size)))
		for k := 0; k+size <= got; k += size {
			if !f(b[k : k+size]) {
				return
			}
		}
		if got < len(b) {
			return
		}
	}
}

// Translations gives the pages of an address space that the map has, in runs of n, in
// any order, until yield returns false. It implements system.DumpTranslations.
func (t *Target) Translations(as uint64, yield func(va, n uint64) bool) {
	t.vas.translations(t, as, yield)
}

func (m *hashMap) translations(t *Target, as uint64, yield func(va, n uint64) bool) {
	eachRecord(t, m.off, m.slots, mapEntry, func(b []byte) bool {
		return le.Uint64(b[24:]) != as || yield(le.Uint64(b[32:]), 1)
	})
}

func (m *vtopMap) translations(_ *Target, as uint64, yield func(va, n uint64) bool) {
	for _, e := range m.extents {
		if e.as == as && !yield(e.va, e.n) {
			return
		}
	}
}
