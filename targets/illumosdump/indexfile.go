package illumosdump

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// The cache has an index as numbers in variable length (encoding/binary), those
// that grow as differences: a version, then what the struct has, each list after
// its length.
const (
	indexKind    = "illumosdump"
	indexVersion = 1
)

var errIndex = errors.New("bad index in the cache")

// indexKey identifies a dump by its content: length, headers, and samples of what
// the index is made of.
func (t *Target) indexKey() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n%d\n", indexVersion, t.size)
	h.Write(t.h.raw[:])
	b := make([]byte, 4096)
	const samples = 64
	for i := range uint64(samples) {
		off := t.size / samples * i
		n, _ := t.r.ReadAt(b, int64(off))
		h.Write(b[:n])
	}
	n, _ := t.r.ReadAt(b, int64(t.size-min(t.size, uint64(len(b)))))
	h.Write(b[:n])
	return hex.EncodeToString(h.Sum(nil))
}

// numbers writes an index.
type numbers struct{ b []byte }

func (w *numbers) put(vs ...uint64) {
	for _, v := range vs {
		w.b = binary.AppendUvarint(w.b, v)
	}
}

func (w *numbers) diff(v uint64) { w.b = binary.AppendVarint(w.b, int64(v)) }

func (w *numbers) flag(v bool) {
	if v {
		w.put(1)
	} else {
		w.put(0)
	}
}

func (x *index) encode() []byte {
	w := &numbers{}
	w.put(indexVersion, x.kept, uint64(len(x.broken)))
	w.b = append(w.b, x.broken...)
	w.flag(x.bzip2)
	w.flag(x.cut)
	w.put(uint64(len(x.segs)))
	var s segment
	for _, v := range x.segs {
		w.diff(v.page - s.page - uint64(s.n))
		w.diff(v.off - s.off - uint64(s.bytes))
		w.put(uint64(v.n), uint64(v.bytes))
		s = v
	}
	w.put(uint64(len(x.chunks)))
	for tag := range x.chunks {
		w.stream(x.chunks[tag], x.parts[tag])
	}
	w.put(uint64(len(x.ranges)))
	var r pageRange
	for _, v := range x.ranges {
		w.diff(v.page - r.page - r.n)
		w.put(v.n, v.out, uint64(v.tag))
		r = v
	}
	w.put(uint64(len(x.extents)))
	var e extent
	for _, v := range x.extents {
		w.diff(v.as - e.as)
		w.diff(v.va - e.va)
		w.diff(v.rec - e.rec - e.n)
		w.put(v.n)
		e = v
	}
	return w.b
}

func (w *numbers) stream(chunks []chunk, parts []bzPart) {
	w.put(uint64(len(chunks)))
	var c chunk
	for _, v := range chunks {
		w.diff(v.off - c.off)
		w.put(uint64(v.n))
		c = v
	}
	w.put(uint64(len(parts)))
	var p bzPart
	for _, v := range parts {
		w.diff(v.bit - p.bit)
		w.put(uint64(v.n), uint64(v.bytes), uint64(v.level))
		p = v
	}
}

// numberReader reads one back. After a bad number all are 0.
type numberReader struct {
	b   []byte
	bad bool
}

func (r *numberReader) get() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *numberReader) diff() uint64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return uint64(v)
}

// length reads how many entries of at least size bytes each follow.
func (r *numberReader) length(size int) int {
	n := r.get()
	if n > uint64(len(r.b)/size) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

// decodeIndex reads an index from the cache. Whatever it says, reading pages by it
// is safe: all offsets are looked at again where they are used.
func decodeIndex(b []byte) (*index, error) {
	r := &numberReader{b: b}
	if r.get() != indexVersion {
		return nil, errIndex
	}
	x := &index{kept: r.get()}
	n := r.length(1)
	x.broken = string(r.b[:n])
	r.b = r.b[n:]
	x.bzip2 = r.get() != 0
	x.cut = r.get() != 0
	r.segments(x)
	tags := r.length(2)
	x.chunks, x.parts = make([][]chunk, tags), make([][]bzPart, tags)
	for tag := range tags {
		x.chunks[tag], x.parts[tag] = r.stream()
	}
	r.ranges(x)
	r.extents(x)
	if r.bad || len(r.b) > 0 {
		return nil, errIndex
	}
	return x, nil
}

func (r *numberReader) segments(x *index) {
	x.segs = make([]segment, r.length(4))
	var s segment
	for i := range x.segs {
		s.page += uint64(s.n) + r.diff()
		s.off += uint64(s.bytes) + r.diff()
		s.n, s.bytes = uint32(r.get()), uint32(r.get())
		// The bounds that addPage keeps.
		if s.n > segmentPages || s.bytes > segmentPages*(4+1<<16) {
			r.bad = true
			return
		}
		x.segs[i] = s
	}
}

func (r *numberReader) stream() ([]chunk, []bzPart) {
	chunks := make([]chunk, r.length(2))
	var c chunk
	for i := range chunks {
		c.off += r.diff()
		c.n = uint32(r.get())
		chunks[i] = c
	}
	parts := make([]bzPart, r.length(4))
	var p bzPart
	for i := range parts {
		p.out += uint64(p.n)
		p.bit += r.diff()
		p.n, p.bytes, p.level = uint32(r.get()), uint32(r.get()), uint8(r.get())
		if p.level < 1 || p.level > 9 || p.bytes > 64<<20 || p.n > 64<<20 {
			r.bad = true
		}
		parts[i] = p
	}
	return chunks, parts
}

func (r *numberReader) ranges(x *index) {
	x.ranges = make([]pageRange, r.length(4))
	var v pageRange
	for i := range x.ranges {
		v.page += v.n + r.diff()
		v.n, v.out, v.tag = r.get(), r.get(), int(r.get())
		if v.tag < 0 || v.tag >= len(x.chunks) {
			r.bad = true
		}
		x.ranges[i] = v
	}
}

func (r *numberReader) extents(x *index) {
	x.extents = make([]extent, r.length(4))
	var e extent
	for i := range x.extents {
		e.as += r.diff()
		e.va += r.diff()
		e.rec += e.n + r.diff()
		e.n = r.get()
		x.extents[i] = e
	}
}
