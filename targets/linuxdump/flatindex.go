package linuxdump

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
)

// The index of a flattened file in the cache: a byte that tells whether the last
// record was there, then for each run three varints: the distance from the run before,
// the length, and the distance in this file. It is kept only where to make it takes
// time.
const (
	flatIndexKind = "flatdump"
	flatIndexMin  = 20000 // runs
	samples       = 64    // of the content, for the key
	sampleSize    = 512
)

// contentKey identifies a file by its size, its time and samples of what is in it.
func contentKey(p part) string {
	h := sha256.New()
	var b [sampleSize]byte
	binary.LittleEndian.PutUint64(b[:], p.size)
	if f, ok := p.r.(*os.File); ok {
		if st, err := f.Stat(); err == nil {
			binary.LittleEndian.PutUint64(b[8:], uint64(st.ModTime().UnixNano()))
		}
	}
	h.Write(b[:16])
	for i := range uint64(samples) {
		n, _ := p.r.ReadAt(b[:], int64(p.size/samples*i))
		h.Write(b[:n])
	}
	n, _ := p.r.ReadAt(b[:], int64(p.size-min(p.size, sampleSize)))
	h.Write(b[:n])
	return hex.EncodeToString(h.Sum(nil))
}

// cachedFlat gives the index of a file that was opened before; nil if there is none.
func (t *Target) cachedFlat(p part) *flattened {
	if t.o.Cache == nil {
		return nil
	}
	b, err := t.o.Cache.Get(flatIndexKind, contentKey(p))
	if err != nil {
		return nil
	}
	return decodeFlat(b, p)
}

// keepFlat puts an index into the cache; not one of a file that is damaged, whose
// damage is to be told each time.
func (t *Target) keepFlat(p part, f *flattened, why string) {
	if t.o.Cache == nil || why != "" || len(f.runs) < flatIndexMin {
		return
	}
	_ = t.o.Cache.Put(flatIndexKind, contentKey(p), f.encode()) // a cache that cannot be written costs time only
}

func (f *flattened) encode() []byte {
	b := []byte{0}
	if f.ended {
		b[0] = 1
	}
	var end, at uint64
	for _, r := range f.runs {
		b = binary.AppendUvarint(b, r.off-end)
		b = binary.AppendUvarint(b, r.n)
		b = binary.AppendVarint(b, int64(r.at-at))
		end, at = r.off+r.n, r.at+r.n
	}
	return b
}

// decodeFlat reads an index of p; nil if it cannot be one.
func decodeFlat(b []byte, p part) *flattened {
	if len(b) == 0 || b[0] > 1 {
		return nil
	}
	f := &flattened{r: p.r, ended: b[0] == 1}
	var end, at uint64
	for b = b[1:]; len(b) > 0; {
		gap, k := binary.Uvarint(b)
		if k <= 0 {
			return nil
		}
		n, k2 := binary.Uvarint(b[k:])
		if k2 <= 0 {
			return nil
		}
		d, k3 := binary.Varint(b[k+k2:])
		if k3 <= 0 {
			return nil
		}
		b = b[k+k2+k3:]
		r := flatRun{end + gap, n, at + uint64(d)}
		if gap >= 1<<62 || n == 0 || n > p.size || r.at > p.size-n || r.off >= 1<<62 || len(f.runs) == maxFlatRecords {
			return nil
		}
		f.runs = append(f.runs, r)
		end, at = r.off+n, r.at+n
	}
	return f
}
