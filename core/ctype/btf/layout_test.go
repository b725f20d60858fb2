package btf

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// newBlob makes a blob as kernels since 7.2 have it, with a structure of so many members
// behind a type of a kind that is made up.
func newBlob(members int, tells bool) []byte {
	le := binary.LittleEndian
	const unknown = 90
	strs := []byte("\x00int\x00big\x00member\x00later\x00")
	var types []byte
	add := func(name, kind, n, arg int, rest ...uint32) {
		for _, v := range append([]uint32{uint32(name), uint32(kind)<<24 | uint32(n), uint32(arg)}, rest...) {
			types = le.AppendUint32(types, v)
		}
	}
	add(1, kindInt, 0, 4, 1<<24|32)
	add(16, unknown, 3, 0, 7, 7, 8, 8, 8)
	var body []uint32
	for i := range members {
		body = append(body, 9, 1, uint32(32*i))
	}
	add(5, kindStruct, members, 4*members, body...)
	layout := make([]byte, 4*(unknown+1))
	layout[4*unknown], layout[4*unknown+1] = 8, 4
	if !tells {
		layout = layout[:4*kindEnum64]
	}
	var b []byte
	b = le.AppendUint16(b, btfMagic)
	b = append(b, 1, 0)
	for _, v := range []int{32, 0, len(types), len(types), len(strs), len(types) + len(strs), len(layout)} {
		b = le.AppendUint32(b, uint32(v))
	}
	return append(append(append(b, types...), strs...), layout...)
}

// TestLayout reads a structure with more members than 16 bits count, behind a type whose
// kind only the layout section tells of.
func TestLayout(t *testing.T) {
	const members = 70000
	f, err := Open(bytes.NewReader(newBlob(members, true)), Options{Name: "new"})
	if err != nil {
		t.Fatal(err)
	}
	big, err := f.Lookup("struct big")
	if err != nil {
		t.Fatal(err)
	}
	list := big.Members()
	if len(list) != members || big.Size() != 4*members || list[members-1].Off != 32*(members-1) || list[members-1].Type.String() != "int" {
		t.Errorf("%d members, %d bytes", len(list), big.Size())
	}
	if _, err := Open(bytes.NewReader(newBlob(2, false)), Options{}); err == nil || !strings.Contains(err.Error(), "kind 90") {
		t.Errorf("a kind that nothing tells of: %v", err)
	}
	cut := newBlob(2, true)
	binary.LittleEndian.PutUint32(cut[28:], 1<<20)
	if _, err := Open(bytes.NewReader(cut), Options{}); err == nil {
		t.Error("opened with a layout section outside the data")
	}
}
