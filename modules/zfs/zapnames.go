package zfs

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Maps of names to numbers (ZAPs, sys/zap_impl.h, sys/zap_leaf.h) as they are on disk. A
// small one is a block: a header of 64 bytes, then entries of 64: a value, 6 bytes, a
// name. A large one has a header in its first block and leaves in others; a leaf has a
// header, a hash table, and chunks of 24 bytes: entries, and pieces of their names and
// values.

// Kinds of blocks of a map.
const (
	zapLeafBlock   = 1<<63 + 0 // ZBT_LEAF
	zapHeaderBlock = 1<<63 + 1 // ZBT_HEADER
	zapMicroBlock  = 1<<63 + 3 // ZBT_MICRO
)

const (
	microEntry = 64
	microName  = 14
)

// zapEntry is an entry of a map of names to numbers of 8 bytes.
type zapEntry struct {
	name  string // as it is there: plainText makes it fit for a terminal
	value uint64
}

// zapKind tells which block of a map one is.
func zapKind(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// microEntries are those of a small map.
func microEntries(b []byte) (list []zapEntry) {
	if len(b) < microEntry || zapKind(b) != zapMicroBlock {
		return nil
	}
	for b = b[microEntry:]; len(b) >= microEntry; b = b[microEntry:] {
		name, _, _ := bytes.Cut(b[microName:microEntry], []byte{0})
		if len(name) > 0 {
			list = append(list, zapEntry{string(name), binary.LittleEndian.Uint64(b)})
		}
	}
	return list
}

// zapHeader is what the first block of a large map says.
type zapHeader struct {
	table, tableBlocks uint64 // where its table of pointers is, if it is not in this block
	blocks             uint64 // how many blocks have been in use
	entries            uint64
}

const zapMagic = 0x2f52ab2ab

func parseZapHeader(b []byte) (h zapHeader, ok bool) {
	if len(b) < 104 || zapKind(b) != zapHeaderBlock || binary.LittleEndian.Uint64(b[8:]) != zapMagic {
		return h, false
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return zapHeader{table: word(2), tableBlocks: word(3), blocks: word(7), entries: word(9)}, true
}

// Where things are in a leaf.
const (
	leafHeader = 48
	leafMagic  = 24 // offset of lh_magic
	chunkSize  = 24
	chunkBytes = 21 // of a name or a value in a chunk
	maxZapName = 256
)

// leafChunks are the chunks of a leaf; nil if the block is none.
func leafChunks(b []byte) []byte {
	start := leafHeader + len(b)/32*2
	if len(b) < 512 || zapKind(b) != zapLeafBlock || binary.LittleEndian.Uint32(b[leafMagic:]) != zapLeafMagic {
		return nil
	}
	return b[start:]
}

// leafEntries are the entries of a leaf whose values are numbers of 8 bytes.
func leafEntries(b []byte) (list []zapEntry) {
	chunks := leafChunks(b)
	le := binary.LittleEndian
	for at := 0; at+chunkSize <= len(chunks); at += chunkSize {
		c := chunks[at : at+chunkSize]
		if c[0] != chunkEntry || c[1] != 8 || le.Uint16(c[10:]) == 0 {
			continue
		}
		name := leafArray(chunks, le.Uint16(c[4:]), int(le.Uint16(c[6:])))
		value := leafArray(chunks, le.Uint16(c[8:]), 8)
		text, _, ended := strings.Cut(string(name), "\x00")
		if len(value) == 8 && ended && text != "" {
			list = append(list, zapEntry{text, binary.BigEndian.Uint64(value)})
		}
	}
	return list
}

// leafArray gathers n bytes of a name or a value from the chunk it begins in; fewer if
// the chain of chunks ends, or leads elsewhere.
func leafArray(chunks []byte, chunk uint16, n int) (b []byte) {
	n = min(n, maxZapName)
	for len(b) < n && (int(chunk)+1)*chunkSize <= len(chunks) {
		c := chunks[int(chunk)*chunkSize:][:chunkSize]
		if c[0] != chunkArray {
			break
		}
		b = append(b, c[1:1+min(chunkBytes, n-len(b))]...)
		chunk = binary.LittleEndian.Uint16(c[1+chunkBytes:])
	}
	return b
}
