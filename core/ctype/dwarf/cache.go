package dwarf

import (
	"encoding/binary"
	"fmt"
)

// Large indexes are kept in the cache: 16 bytes a name and 16 a variable, after
// two counts, in the byte order little-endian, as they are in memory.

const (
	cacheKind  = "dwarfindex"
	cacheLocal = "dwarflocal" // of names inside functions
	// cacheVersion rises when the meaning of an index changes.
	cacheVersion = 3
	// cacheAbove is the size of .debug_info from which on it is worth it. Below,
	// reading the file takes a few milliseconds, unless it is compressed.
	cacheAbove = 1 << 20
)

// cacheKey identifies the file's contents: the build-id, and the sizes of the
// sections an index speaks of, since a stripped file has the same build-id.
func (d *Data) cacheKey() string {
	return fmt.Sprintf("%d %s info=%d types=%d abbrev=%d str=%d split=%x", cacheVersion,
		d.opts.BuildID, d.info.length(), d.types.length(), d.abbrev.length(), d.strs.length(), d.split.sum)
}

func (s *section) length() uint64 {
	if s == nil {
		return 0
	}
	return s.size
}

func (d *Data) cacheable() bool {
	return d.opts.Cache != nil && d.opts.BuildID != "" && d.infoSize() >= d.cacheAbove
}

func kindOf(deep bool) string {
	if deep {
		return cacheLocal
	}
	return cacheKind
}

// cachedIndex gives the index from the cache, nil if it is not there.
func (d *Data) cachedIndex(deep bool) *index {
	if !d.cacheable() {
		return nil
	}
	b, err := d.opts.Cache.Get(kindOf(deep), d.cacheKey())
	if err != nil {
		return nil
	}
	return decodeIndex(b)
}

// cacheIndex keeps the index. That it fails costs time on the next start and
// nothing now.
func (d *Data) cacheIndex(x *index, deep bool) {
	if d.cacheable() {
		_ = d.opts.Cache.Put(kindOf(deep), d.cacheKey(), x.encode())
	}
}

func (x *index) encode() []byte {
	b := make([]byte, 0, 16+16*(len(x.names)+len(x.vars)))
	put := binary.LittleEndian.AppendUint64
	b = put(b, uint64(len(x.names)))
	b = put(b, uint64(len(x.vars)))
	for _, e := range x.names {
		b = put(put(b, e.hash), e.at)
	}
	for _, v := range x.vars {
		b = put(put(b, v.addr), uint64(v.at))
	}
	return b
}

func decodeIndex(b []byte) *index {
	get := binary.LittleEndian.Uint64
	if len(b) < 16 || len(b)%16 != 0 {
		return nil
	}
	names, vars := get(b), get(b[8:])
	b = b[16:]
	if have := uint64(len(b) / 16); names > have || vars != have-names {
		return nil
	}
	x := &index{names: make([]entry, names), vars: make([]address, vars)}
	for i := range x.names {
		x.names[i] = entry{get(b[16*i:]), get(b[16*i+8:])}
	}
	b = b[16*names:]
	for i := range x.vars {
		x.vars[i] = address{get(b[16*i:]), ref(get(b[16*i+8:]))}
	}
	return x
}
