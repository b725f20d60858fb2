package mem

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func file(b []byte) *File { return &File{R: bytes.NewReader(b), Size: int64(len(b))} }

func TestSegmentsRead(t *testing.T) {
	data := []byte("0123456789abcdef")
	s := NewSegments([]Segment{
		{Base: 0x2000, Size: 4, Src: file(data), Off: 8},
		{Base: 0x1000, Size: 8, Src: file(data)},
		{Base: 0x1008, Size: 8, Src: file(data), Off: 8}, // touches the one before
		{Base: 0x3000, Size: 16, Err: ErrTruncated},
		{Base: 0x4000, Size: 16},
		{Base: 0x5000, Size: 32, Src: file(data)}, // source ends in it
		{Base: ^Addr(0) - 3, Size: 100, Src: file(data)},
	})
	tests := []struct {
		a    Addr
		n    int
		want string
		err  error
		at   Addr
	}{
		{0x1000, 4, "0123", nil, 0},
		{0x1006, 4, "6789", nil, 0},
		{0x100e, 4, "ef", ErrUnmapped, 0x1010},
		{0x2000, 4, "89ab", nil, 0},
		{0x0fff, 1, "", ErrUnmapped, 0x0fff},
		{0x3001, 1, "", ErrTruncated, 0x3001},
		{0x4001, 1, "", ErrNotDumped, 0x4001},
		{0x500e, 4, "ef", ErrEOF, 0x5010},
		{^Addr(0) - 1, 2, "23", nil, 0},
		{^Addr(0) - 1, 4, "23", ErrUnmapped, 0},
	}
	for _, tt := range tests {
		p := make([]byte, tt.n)
		n, err := s.ReadAt(p, tt.a)
		if string(p[:n]) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("ReadAt(%v, %d) = %q, %v; want %q, %v", tt.a, tt.n, p[:n], err, tt.want, tt.err)
		}
		var e *Error
		if errors.As(err, &e) && e.Addr != tt.at {
			t.Errorf("ReadAt(%v, %d): fault at %v, want %v", tt.a, tt.n, e.Addr, tt.at)
		}
	}
}

func TestSegmentsOverlap(t *testing.T) {
	a, b := file([]byte("aaaaaaaaaaaaaaaa")), file([]byte("0123456789abcdef"))
	s := NewSegments([]Segment{
		{Base: 0x100, Size: 8, Src: a},
		{Base: 0x104, Size: 8, Src: b},
		{Base: 0x105, Size: 2, Src: b},
		{Base: 0x100, Size: 4, Src: b},
	})
	got := make([]byte, 12)
	if err := ReadFull(s, got, 0x100); err != nil || string(got) != "aaaaaaaa4567" {
		t.Errorf("overlapping segments read %q, %v", got, err)
	}
}

func TestSegmentsMappingsMergePieces(t *testing.T) {
	s := NewSegments([]Segment{
		{Base: 0x1000, Size: 0x1000, Name: "/lib/a", File: 0x3000, Prot: ProtRead},
		{Base: 0x2000, Size: 0x1000, Name: "/lib/a", File: 0x4000, Prot: ProtRead},
		{Base: 0x3000, Size: 0x1000, Name: "/lib/a", File: 0x5000, Prot: ProtRead | ProtWrite},
		{Base: 0x4000, Size: 0x1000},
		{Base: 0x5000, Size: 0x1000},
	})
	want := []Mapping{
		{Base: 0x1000, Size: 0x2000, Name: "/lib/a", Off: 0x3000, Prot: ProtRead},
		{Base: 0x3000, Size: 0x1000, Name: "/lib/a", Off: 0x5000, Prot: ProtRead | ProtWrite},
		{Base: 0x4000, Size: 0x1000},
		{Base: 0x5000, Size: 0x1000},
	}
	if d := cmp.Diff(want, s.Mappings()); d != "" {
		t.Error(d)
	}
}

func TestReadUintByView(t *testing.T) {
	data := noise(4 * frameSize)
	s := NewSegments([]Segment{{Base: 0x1000, Size: uint64(len(data)), Src: NewCache(bytes.NewReader(data), int64(len(data)), DefaultCache)}})
	for _, a := range []int{0, 1, frameSize - 3, frameSize, 2*frameSize - 8, len(data) - 8} {
		for size := 1; size <= 8; size++ {
			for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
				got, err := ReadUint(s, Addr(0x1000+a), size, order)
				if want := Uint(data[a:a+size], order); err != nil || got != want {
					t.Errorf("ReadUint(%#x, %d) = %#x, %v; want %#x", a, size, got, err, want)
				}
			}
		}
	}
	if _, err := ReadUint(s, Addr(0x1000+len(data)-4), 8, binary.LittleEndian); !errors.Is(err, ErrUnmapped) {
		t.Errorf("ReadUint over the end: %v", err)
	}
}
