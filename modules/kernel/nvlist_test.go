package kernel

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// pairBytes is an nvpair_t as libnvpair lays it out: the head, the name, padding, the value.
func pairBytes(name string, items, kind int, value []byte) []byte {
	le := binary.LittleEndian
	at := (nvNameOffset + len(name) + 1 + 7) &^ 7
	b := make([]byte, (at+len(value)+7)&^7)
	le.PutUint32(b, uint32(len(b)))
	le.PutUint16(b[4:], uint16(len(name)+1))
	le.PutUint32(b[8:], uint32(items))
	le.PutUint32(b[12:], uint32(kind))
	copy(b[nvNameOffset:], name)
	copy(b[at:], value)
	return b
}

// parsePair takes a pair out of bytes as NVPair does out of memory.
func parsePair(b []byte) (*NVPair, error) {
	le := binary.LittleEndian
	head := make([]byte, nvNameOffset)
	copy(head, b)
	h := nvHead{int64(int32(le.Uint32(head))), int64(int16(le.Uint16(head[4:]))), int64(int32(le.Uint32(head[8:]))), int64(int32(le.Uint32(head[12:])))}
	if err := h.check(0); err != nil {
		return nil, err
	}
	if h.size > int64(len(b)) {
		return nil, bytes.ErrTooLarge
	}
	return h.pair(0, b[:h.size], le)
}

func TestPair(t *testing.T) {
	u := func(list ...uint64) (b []byte) {
		for _, n := range list {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		return b
	}
	for _, c := range []struct {
		name        string
		items, kind int
		value       []byte
		want        string
	}{
		{"txg", 1, nvUint64, u(0x3fd137), "00000000003fd137"},
		{"path", 1, nvString, []byte("/dev/dsk/c1t0d0s0\x00"), "'/dev/dsk/c1t0d0s0'"},
		{"empty", 0, 16, nil, ""},
		{"both", 2, 16, u(1, 2), "0000000000000001.0000000000000002"},
		{"names", 2, nvStringArray, append(u(0, 0), "a\x00bc\x00"...), "'a' + 'bc'"},
		{"on", 1, nvBool, []byte{1, 0, 0, 0}, "1"},
		{"unprintable", 1, nvString, []byte("\x01\x02\x00"), "01.02.00.00.00.00.00.00"},
	} {
		p, err := parsePair(pairBytes(c.name, c.items, c.kind, c.value))
		if err != nil || p.Name != c.name || p.value() != c.want {
			t.Errorf("%s: %v, %+v, want %s", c.name, err, p, c.want)
		}
	}
}

// TestManyEmptyStrings is of a pair whose value is zeroes, as many strings as it has bytes:
// what there is must not be copied for each.
func TestManyEmptyStrings(t *testing.T) {
	const n = 4 << 20
	p, err := parsePair(pairBytes("x", n, nvString, make([]byte, n)))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.value(); len(got) != 5*n-3 || !strings.HasPrefix(got, "'' + ''") {
		t.Errorf("%d bytes", len(got))
	}
}

// FuzzNVPair wants a pair's value to be in proportion to its bytes, whatever they say of
// themselves.
func FuzzNVPair(f *testing.F) {
	f.Add(pairBytes("txg", 1, nvUint64, make([]byte, 8)))
	f.Add(pairBytes("path", 1, nvString, []byte("/dev\x00")))
	f.Add(pairBytes("names", 2, nvStringArray, append(make([]byte, 16), "a\x00b\x00"...)))
	f.Add(pairBytes("kids", 2, nvListArray, make([]byte, 16)))
	f.Add(pairBytes("flags", 1<<30, nvBoolArray, make([]byte, 64)))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePair(b)
		if err != nil {
			return
		}
		text, _ := p.Text()
		if v := p.value(); len(v) > 16*len(b) || len(text) > len(b) || len(p.Name) > len(b) {
			t.Errorf("%d bytes make %d and %d", len(b), len(v), len(text))
		}
		if _, ok := p.Uint64(); ok && len(p.data) < 8 {
			t.Error("a number out of nothing")
		}
	})
}
