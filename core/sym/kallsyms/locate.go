package kallsyms

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/xmdb/xmdb/core/mem"
)

// ErrNotFound says that there is no table in the memory that was searched.
var ErrNotFound = errors.New("kallsyms was not found")

// digits is in every token table: characters that symbols are written in stand for
// themselves.
var digits = []byte("0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00")

// chunk is how much is searched at once.
const chunk = 1 << 20

// Locate looks for the tables in [base, base+size) of a space, where a kernel's image
// is mapped. Memory that cannot be read is passed over.
func Locate(sp mem.Space, base, size uint64) (Tables, error) {
	buf := make([]byte, min(chunk, size)+uint64(len(digits)))
	for at := base; at-base < size; at += chunk {
		n := min(uint64(len(buf)), size-(at-base))
		got := readSome(sp, buf[:n], at)
		for b, off := buf[:got], 0; ; {
			i := bytes.Index(b[off:], digits)
			if i < 0 || off+i >= chunk {
				break
			}
			if t, ok := around(sp, at+uint64(off+i)); ok {
				return t, nil
			}
			off += i + 1
		}
	}
	return Tables{}, ErrNotFound
}

const pageSize = 4096

// readSome fills p page by page, with zeros where memory cannot be read: nothing is
// found in those. It gives len(p), or less if nothing follows.
func readSome(sp mem.Space, p []byte, at uint64) int {
	for done := 0; done < len(p); {
		n, err := sp.ReadAt(p[done:], mem.Addr(at+uint64(done)))
		if done += n; err == nil || done >= len(p) {
			break
		}
		hole := min(len(p)-done, int(pageSize-(at+uint64(done))%pageSize))
		clear(p[done : done+hole])
		done += hole
	}
	return len(p)
}

// around takes va for the token of the digit 0.
func around(sp mem.Space, va uint64) (Tables, bool) {
	t, ok := tokenTable(sp, va)
	if !ok {
		return t, false
	}
	for _, width := range []int{4, 8} { // 8: before 5.0
		m, ok := markers(sp, t.TokenTable, width)
		if ok && names(sp, &t, m) {
			n, _ := mem.ReadUint(sp, mem.Addr(t.NumSyms), 4, binary.LittleEndian)
			return t, addresses(sp, &t, n)
		}
	}
	return t, false
}

// tokenTable takes va for the token '0', the 49th. The index, which follows the last
// token, tells how far the table's beginning is before it, and has to agree with all
// tokens.
func tokenTable(sp mem.Space, va uint64) (t Tables, ok bool) {
	rest := make([]byte, maxTokens)
	got, _ := sp.ReadAt(rest, mem.Addr(va))
	rest = rest[:got]
	end := 0 // of the tokens from '0' on
	for range tokens - '0' {
		n := bytes.IndexByte(rest[min(end, len(rest)):], 0)
		if n < 0 || n > maxTokenLen {
			return t, false
		}
		end += n + 1
	}
	for pad := range 16 {
		index := rest[min(end+pad, len(rest)):]
		if len(index) < 2*tokens {
			return t, false
		}
		index = index[:2*tokens]
		back := uint64(binary.LittleEndian.Uint16(index[2*'0':]))
		if back == 0 || binary.LittleEndian.Uint16(index) != 0 {
			continue
		}
		table := make([]byte, back+uint64(end))
		if mem.ReadFull(sp, table, mem.Addr(va-back)) == nil && agrees(table, index) {
			return Tables{TokenTable: va - back, TokenIndex: va + uint64(end+pad)}, true
		}
	}
	return t, false
}

// agrees tells whether an index has the places of all strings of a table.
func agrees(table, index []byte) bool {
	at := 0
	for i := range tokens {
		if at > 0xffff || int(binary.LittleEndian.Uint16(index[2*i:])) != at {
			return false
		}
		n := bytes.IndexByte(table[min(at, len(table)):], 0)
		if n < 0 || n > maxTokenLen {
			return false
		}
		at += n + 1
	}
	return at == len(table)
}

// maxTokenLen bounds a token: those of real kernels have some ten characters.
const maxTokenLen = 64

// Bounds of the distance between two markers: 256 names of 1 to 512 bytes.
const (
	minMark = 2 * perMarker
	maxMark = (maxName + 2) * perMarker
	minRun  = 8 // markers that make a table
)

// marks is the array of markers: where it is, how many there are, the bytes of one.
type marks struct {
	at           uint64
	count, width int
}

// markers looks backwards from the token table for an array of ascending offsets that
// begins with 0; seqs_of_names may lie between.
func markers(sp mem.Space, end uint64, width int) (m marks, ok bool) {
	b := make([]byte, chunk)
	have := uint64(0)
	if got, n := readBefore(sp, b, end); got {
		have = n
	}
	b = b[uint64(len(b))-have:]
	word := func(i int) uint64 {
		if width == 8 {
			return binary.LittleEndian.Uint64(b[i:])
		}
		return uint64(binary.LittleEndian.Uint32(b[i:]))
	}
	run := 0
	for i := len(b) - 2*width; i >= 0; i -= width {
		v, w := word(i), word(i+width)
		if w <= v || w-v < minMark || w-v > maxMark {
			run = 0
			continue
		}
		if run++; v == 0 && run >= minRun {
			return marks{end - uint64(len(b)-i), run + 1, width}, true
		}
	}
	return m, false
}

// readBefore fills the end of b with what lies before end, as far as it can be read.
func readBefore(sp mem.Space, b []byte, end uint64) (ok bool, n uint64) {
	for n < uint64(len(b)) {
		step := (end - n) % pageSize
		if step == 0 {
			step = pageSize
		}
		step = min(step, uint64(len(b))-n)
		p := b[uint64(len(b))-n-step:][:step]
		if mem.ReadFull(sp, p, mem.Addr(end-n-step)) != nil {
			break
		}
		n += step
	}
	return n > 0, n
}

// names finds the names before the markers, by the count before them and by the first
// marker, which has to lead to the 256th name.
func names(sp mem.Space, t *Tables, m marks) bool {
	second, err := mem.ReadUint(sp, mem.Addr(m.at+uint64(m.width)), m.width, binary.LittleEndian)
	if err != nil {
		return false
	}
	last, err := mem.ReadUint(sp, mem.Addr(m.at+uint64(m.width*(m.count-1))), m.width, binary.LittleEndian)
	if err != nil {
		return false
	}
	most := (m.at - last) &^ 3
	for at := most; at > most-maxMark && at > 8; at -= 4 {
		before, ok := countAt(sp, at, m.count)
		if !ok {
			continue
		}
		head := make([]byte, second)
		if mem.ReadFull(sp, head, mem.Addr(at)) != nil {
			return false
		}
		for range perMarker {
			if _, head, ok = next(head); !ok {
				break
			}
		}
		if ok && len(head) == 0 {
			t.Names, t.NumSyms = at, before
			return true
		}
	}
	return false
}

// countAt finds the number of symbols before names that would begin at a place: it is in
// the word before, since 6.19, or with padding in the one before that.
func countAt(sp mem.Space, names uint64, markers int) (at uint64, ok bool) {
	var b [8]byte
	if mem.ReadFull(sp, b[:], mem.Addr(names-8)) != nil {
		return 0, false
	}
	fits := func(n uint32) bool { return n <= maxSyms && (int(n)+perMarker-1)/perMarker == markers }
	first, second := binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint32(b[4:])
	switch {
	case fits(second):
		return names - 4, true
	case second == 0 && names%8 == 0 && fits(first):
		return names - 8, true
	}
	return 0, false
}

// addresses finds the addresses: before the count, or behind the token index.
func addresses(sp mem.Space, t *Tables, n uint64) bool {
	align := func(a uint64) uint64 { return (a + 7) &^ 7 }
	kernel := func(at uint64) bool {
		v, err := mem.ReadUint(sp, mem.Addr(at), 8, binary.LittleEndian)
		return err == nil && v>>31 == 1<<33-1
	}
	behind := align(t.TokenIndex + 2*tokens)
	before := t.NumSyms - 8
	switch {
	case kernel(behind+align(4*n)) && ascending(sp, behind, n):
		t.Offsets, t.RelativeBase = behind, behind+align(4*n)
	case kernel(before) && ascending(sp, before-align(4*n), n):
		t.Offsets, t.RelativeBase = before-align(4*n), before
	case kernel(before) && kernel(t.NumSyms-8*(n-n/2)):
		t.Addresses = t.NumSyms - 8*n
	case rising(sp, t.TokenIndex+2*tokens, n):
		t.Offsets = t.TokenIndex + 2*tokens
	default:
		return false
	}
	return true
}

// ascending tells whether n offsets at a place are in order, absolute ones first.
func ascending(sp mem.Space, at, n uint64) bool {
	b := make([]byte, 4*n)
	if mem.ReadFull(sp, b, mem.Addr(at)) != nil {
		return false
	}
	wrong := 0
	for i := 4; i+4 <= len(b); i += 4 {
		v, w := int32(binary.LittleEndian.Uint32(b[i-4:])), int32(binary.LittleEndian.Uint32(b[i:]))
		if v >= 0 && w >= 0 && w < v || v < 0 && w < 0 && w > v {
			wrong++
		}
	}
	return n > perMarker && uint64(wrong) < n/64
}

// rising tells whether n offsets at a place are in order if each counts from its own.
func rising(sp mem.Space, at, n uint64) bool {
	b := make([]byte, 4*n)
	if mem.ReadFull(sp, b, mem.Addr(at)) != nil {
		return false
	}
	wrong := 0
	for i := 4; i+4 <= len(b); i += 4 {
		v, w := int32(binary.LittleEndian.Uint32(b[i-4:])), int32(binary.LittleEndian.Uint32(b[i:]))
		if int64(w)+4 < int64(v) {
			wrong++
		}
	}
	return n > perMarker && uint64(wrong) < n/64
}
