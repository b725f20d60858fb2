package zfs

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/xmdb/xmdb/modules/kernel"
)

// FuzzAces wants the entries of a list to follow each other within its bytes.
func FuzzAces(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x10\xbf\x01\x1f\x00\x00\x00\x40\x20\xa9\x00\x12\x00\x00\x00\x00\x40\xa9\x00\x12\x00"), uint64(3), true)
	f.Add([]byte("\x01\x00\x00\x00\xff\x00\x00\x00\x0e\x10\x00\x00\x00\x00\x00\x00"), uint64(1), true)
	f.Add([]byte("\x05\x00\x03\x00\xff\x00\x00\x00\x0e\x10\x00\x00\x00\x00\x00\x00"), uint64(1), true)
	f.Add([]byte("\xe9\x03\x00\x00\xff\x00\x00\x00\x40\x00\x00\x00"), uint64(1), false)
	field := func(off, size uint64) kernel.Field { return kernel.Field{Off: off, Size: size} }
	forms := map[bool]*aceForm{ // as sys/fs/zfs_acl.h and sys/acl.h lay them out
		true:  {aceFUID, &aceLayout{Size: 16, Type: field(0, 2), Flags: field(2, 2), Mask: field(4, 4), Who: field(8, 8)}, 8, 48},
		false: {aceOld, &aceLayout{Size: 12, Who: field(0, 4), Mask: field(4, 4), Flags: field(8, 2), Type: field(10, 2)}, 12, 12},
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint64, fuid bool) {
		form, count, next := forms[fuid], uint64(0), uint64(0)
		_ = form.each(0, uint64(len(b)), n, func(at, n uint64) ([]byte, error) {
			if at+n > uint64(len(b)) {
				return nil, errors.New("no memory")
			}
			return b[at : at+n], nil
		}, func(a *ace) bool {
			if a.addr != next || len(letters(a.mask, aceRights)) != len(aceRights) {
				t.Errorf("entry %d is at %d, want %d", count, a.addr, next)
			}
			count, next = count+1, next+a.size
			return true
		})
		if count > n || next > uint64(len(b)) {
			t.Errorf("%d of %d entries in %d of %d bytes", count, n, next, len(b))
		}
	})
}

// encode is a space map's entry as sys/space_map.h has it.
func (e spaceEntry) encode() (words [2]uint64) {
	free := uint64(0)
	if e.typ == 'F' {
		free = 1
	}
	if e.words == 1 {
		return [2]uint64{e.offset<<16 | free<<15 | (e.run - 1)}
	}
	return [2]uint64{3<<62 | (e.run-1)<<24 | e.vdev, free<<63 | e.offset}
}

// FuzzSpaceMapEntry wants what was decoded to be what was encoded.
func FuzzSpaceMapEntry(f *testing.F) {
	f.Add(uint64(0x0000123400000007), uint64(0))
	f.Add(uint64(0xc000000000ff0003), uint64(0x8000000000000100))
	f.Add(^uint64(0), ^uint64(0))
	f.Fuzz(func(t *testing.T, first, second uint64) {
		if bits(first, 62, 2) == entryDebug {
			return
		}
		e, err := decodeEntry(first, func() (uint64, error) { return second, nil })
		if err != nil {
			t.Fatal(err)
		}
		want := [2]uint64{first}
		if e.words == 2 {
			want = [2]uint64{first &^ (3 << 60), second} // two bits are spare
		}
		if got := e.encode(); got != want {
			t.Errorf("%x decodes to %+v, which is %x", want, e, got)
		}
		if _, err := decodeEntry(first, func() (uint64, error) { return 0, errors.New("no more") }); (err != nil) != (e.words == 2) {
			t.Errorf("%d words without a second: %v", e.words, err)
		}
	})
}

// FuzzBlkptr decodes any block pointer: the text is short, and data is what it says it is.
func FuzzBlkptr(f *testing.F) {
	f.Add(make([]byte, blkptrSize))
	embedded := make([]byte, blkptrSize)
	binary.LittleEndian.PutUint64(embedded[8*wordProp:], 1<<63|1<<39|compressLZ4<<32|9<<25|4)
	copy(embedded, "\x00\x00\x00\x06\x50hello")
	f.Add(embedded)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < blkptrSize {
			return
		}
		p := blockAt(b)
		name := func(_, _ string, n uint64) string { return "?" }
		for _, protection := range []string{"unencrypted", "encrypted"} {
			if text := p.text(protection, name); len(text) == 0 || len(text) > 400 {
				t.Errorf("%q", text)
			}
		}
		data, from := (&blockReader{}).read(p)
		if logical, _ := p.sizes(); data != nil && (uint64(len(data)) != logical || from != inPointer) {
			t.Errorf("%d bytes of %s", len(data), from)
		}
	})
}

// FuzzDecompress wants as many bytes as are asked for, or none.
func FuzzDecompress(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x06\x50hello"), uint64(compressLZ4), uint64(5))
	f.Add([]byte("\x00\x00\x00\x0a\x1fz\x01\x00\xe0\x50zzzzz"), uint64(compressLZ4), uint64(250))
	f.Add([]byte("\x02a\xfc\x01bbbbbb"), uint64(compressLZJB), uint64(40))
	f.Add([]byte("plain"), uint64(compressOff), uint64(4))
	f.Fuzz(func(t *testing.T, src []byte, how, size uint64) {
		size %= 1 << 20
		if b := decompress(how, src, size); b != nil && uint64(len(b)) != size {
			t.Errorf("%d bytes, want %d", len(b), size)
		}
	})
}

// leafSeed is a leaf of 512 bytes with an entry of a name.
func leafSeed() []byte {
	b := make([]byte, 512)
	le := binary.LittleEndian
	le.PutUint64(b, zapLeafBlock)
	le.PutUint32(b[leafMagic:], zapLeafMagic)
	chunks := b[leafHeader+512/32*2:]
	copy(chunks, "\xfc\x08\xff\xff\x01\x00\x05\x00\x02\x00\x01\x00")
	copy(chunks[chunkSize:], "\xfbdata\x00")
	le.PutUint16(chunks[2*chunkSize-2:], 0xffff)
	copy(chunks[2*chunkSize:], "\xfb\x00\x00\x00\x00\x00\x00\x00\x2a")
	return b
}

// FuzzZap reads a block as each kind of block of a map: entries are within it.
func FuzzZap(f *testing.F) {
	micro := make([]byte, 2*microEntry)
	binary.LittleEndian.PutUint64(micro, zapMicroBlock)
	micro[microEntry] = 42
	copy(micro[microEntry+microName:], "data")
	want := zapEntry{"data", 42}
	for _, list := range [][]zapEntry{microEntries(micro), leafEntries(leafSeed())} {
		if len(list) != 1 || list[0] != want {
			f.Errorf("%v, want %v", list, want)
		}
	}
	f.Add(micro)
	f.Add(leafSeed())
	header := make([]byte, 128)
	binary.LittleEndian.PutUint64(header, zapHeaderBlock)
	binary.LittleEndian.PutUint64(header[8:], zapMagic)
	f.Add(header)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, list := range [][]zapEntry{microEntries(b), leafEntries(b)} {
			if len(list) > len(b)/chunkSize {
				t.Errorf("%d entries in %d bytes", len(list), len(b))
			}
			for _, e := range list {
				if e.name == "" || len(e.name) > maxZapName {
					t.Errorf("a name of %d bytes", len(e.name))
				}
			}
		}
		parseZapHeader(b)
	})
}

// dnodeFields are where dnode_phys_t has what is on disk (sys/dnode.h).
var dnodeFields = &dnodePhysLayout{Size: 512, Type: kernel.Field{Off: 0, Size: 1}, Indirect: kernel.Field{Off: 1, Size: 1}, Levels: kernel.Field{Off: 2, Size: 1},
	Pointers: kernel.Field{Off: 3, Size: 1}, BonusType: kernel.Field{Off: 4, Size: 1}, Sectors: kernel.Field{Off: 8, Size: 2},
	BonusLen: kernel.Field{Off: 10, Size: 2}, First: kernel.Field{Off: 64, Size: 3 * blkptrSize}}

// FuzzDnode looks for names in an object of any levels, sizes and pointers.
func FuzzDnode(f *testing.F) {
	objects := func(phys []byte) *mosObjects {
		return &mosObjects{phys: dnodeFields, read: &blockReader{}, meta: &mosObject{phys: phys}, per: 1}
	}
	// a small map of 128 bytes, compressed in the pointer to it: zeroes are matches
	const packed = "\x00\x00\x00\x21\x9f\x03\x00\x00\x00\x00\x00\x00\x80\x00\x01\x00\x24\x28\x2a\x00\x01\x00\x5fdata\x00\x01\x00\x15\x50\x00\x00\x00\x00\x00"
	plain := make([]byte, 512)
	copy(plain, "\x0d\x0e\x01\x01")
	p := plain[64:]
	copy(p, packed)
	binary.LittleEndian.PutUint64(p[8*wordProp:], 1<<63|1<<39|compressLZ4<<32|uint64(len(packed)-1)<<25|127)
	m := objects(plain)
	if z, err := m.namesOf(m.meta); err != nil || !z.whole || len(z.entries) != 1 || z.entries[0] != (zapEntry{"data", 42}) {
		f.Errorf("%+v, %v", z, err)
	}
	f.Add(plain, uint64(0))
	f.Add([]byte("\x0d\x08\x10\x03"), uint64(1<<63))
	f.Fuzz(func(t *testing.T, b []byte, object uint64) {
		if len(b) > 512 {
			b = b[:512]
		}
		phys := append(append([]byte{}, b...), make([]byte, 512-len(b))...)
		m := objects(phys)
		for _, names := range []func() (*nameMap, error){func() (*nameMap, error) { return m.names(object) }, func() (*nameMap, error) { return m.namesOf(m.meta) }} {
			if z, err := names(); err != nil || len(z.entries) > maxZapEntries {
				t.Errorf("%d entries, %v", len(z.entries), err)
			}
		}
		if _, _, err := m.block(m.meta, blockID{level: object % 20, id: object}); err != nil {
			t.Error(err)
		}
		m.bonus(object, bonusDir, 256)
	})
}
