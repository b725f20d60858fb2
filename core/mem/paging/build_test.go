package paging

import (
	"encoding/binary"
	"math/rand"

	"github.com/xmdb/xmdb/core/mem"
)

func noise(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(1)).Read(b)
	return b
}

// builder makes page tables as a kernel does, from the manuals' figures of the fields:
// it shares nothing with the code under test.
type builder struct {
	r    *ram
	root uint64
	idx  []uint // first bit of each level's index, top first
	bits uint   // of an index
	size int    // of an entry
	pae  bool
}

func newBuilder(r *ram, m Mode) *builder {
	b := &builder{r: r, root: r.alloc(), bits: 9, size: 8}
	switch m {
	case Bits32, Bits32PSE:
		b.idx, b.bits, b.size = []uint{22, 12}, 10, 4
	case PAE:
		b.idx, b.pae = []uint{30, 21, 12}, true
	case Long4:
		b.idx = []uint{39, 30, 21, 12}
	case Long5:
		b.idx = []uint{48, 39, 30, 21, 12}
	}
	return b
}

func (b *builder) at(table, va uint64, level int) uint64 {
	i := va >> b.idx[level] & (1<<b.bits - 1)
	if b.pae && level == 0 {
		i &= 3
	}
	return table + i*uint64(b.size)
}

// mapPage maps 4 KB.
func (b *builder) mapPage(va, pa, flags uint64) { b.mapAt(va, pa|flags|1, len(b.idx)-1) }

// mapLarge maps with an entry n levels above the last.
func (b *builder) mapLarge(va, pa, flags uint64, n int) {
	b.mapAt(va, pa|flags|0x81, len(b.idx)-1-n)
}

func (b *builder) mapAt(va, e uint64, last int) {
	table := b.root
	for level := 0; level < last; level++ {
		at := b.at(table, va, level)
		raw, err := mem.ReadUint(b.r, mem.Addr(at), b.size, binary.LittleEndian)
		if err != nil {
			panic(err)
		}
		if raw == 0 {
			raw = b.r.alloc() | 7
			if b.pae && level == 0 {
				raw &^= 6
			}
			b.r.put(at, b.size, raw)
		}
		table = raw &^ 0xfff
	}
	b.r.put(b.at(table, va, last), b.size, e)
}
