package dwexpr

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	implicit := Location{Kind: Implicit, Bytes: []byte{1, 2, 3, 4}}
	composite := Location{Kind: Composite, Pieces: []Piece{
		{At: reg(3), BitSize: 16},    // 300 = 0x012c
		{At: Location{}, BitSize: 8}, // nowhere
		{At: mem(0x1010), BitSize: 24},
		{At: lit(0x1234), BitSize: 4, BitOffset: 8}, // 2
		{At: implicit, BitSize: 12, BitOffset: 4},   // 0x020 1 >> 4 = 0x020
	}}
	for _, tt := range []struct {
		name    string
		l       Location
		off, n  uint64
		want    []byte
		wantErr error
	}{
		{"memory", mem(0x1010), 0, 32, []byte{0x10, 0x11, 0x12, 0x13}, nil},
		{"bits of memory", mem(0x1010), 4, 8, []byte{0x11}, nil},
		{"member", mem(0x1010), 16, 16, []byte{0x12, 0x13}, nil},
		{"register", reg(3), 0, 32, []byte{0x2c, 1, 0, 0}, nil},
		{"bits of a register", reg(3), 2, 3, []byte{3}, nil},
		{"vector register", reg(17), 0, 64, binary.LittleEndian.AppendUint64(nil, 0x4004000000000000), nil},
		{"literal", lit(0x1234), 0, 16, []byte{0x34, 0x12}, nil},
		{"typed literal", typed(Type{Unsigned, 2}, 0x1234), 0, 16, []byte{0x34, 0x12}, nil},
		{"implicit", implicit, 8, 16, []byte{2, 3}, nil},
		{"nothing", Location{}, 0, 0, []byte{}, nil},
		{"first piece", composite, 0, 16, []byte{0x2c, 1}, nil},
		{"third piece", composite, 24, 24, []byte{0x10, 0x11, 0x12}, nil},
		{"across pieces", composite, 40, 24, []byte{0x12, 0x02, 0x02}, nil},

		{"optimised out", Location{}, 0, 8, nil, ErrOptimisedOut},
		{"piece that is nowhere", composite, 8, 16, nil, ErrOptimisedOut},
		{"past the pieces", composite, 48, 24, nil, ErrOptimisedOut},
		{"unknown register", reg(15), 0, 8, nil, ErrOptimisedOut},
		{"implicit pointer", Location{Kind: ImplicitPointer}, 0, 64, nil, ErrOptimisedOut},
		{"wider than a register", reg(3), 0, 128, nil, ErrMalformed},
		{"implicit too short", implicit, 16, 32, nil, ErrMalformed},
		{"too much", mem(0x1000), 0, maxReadBits + 1, nil, ErrLimit},
		{"too far", mem(0x1000), ^uint64(0), 8, nil, ErrLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.l.ReadBits(testEnv(), tt.off, tt.n)
			if !errors.Is(err, tt.wantErr) {
				t.Fatalf("error %v, want %v", err, tt.wantErr)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestReadBig reads on a big-endian machine: a narrow object is at the high end
// of its register, and bits count from the most significant.
func TestReadBig(t *testing.T) {
	env := &Env{AddrSize: 8, Order: binary.BigEndian,
		Reg:        func(uint64) (uint64, bool) { return 0x1122334455667788, true },
		ReadMemory: func(p []byte, a uint64) error { copy(p, []byte{0xab, 0xcd, 0xef}); return nil }}
	for _, tt := range []struct {
		l      Location
		off, n uint64
		want   []byte
	}{
		{reg(1), 0, 16, []byte{0x77, 0x88}},
		{mem(0), 4, 8, []byte{0xbc}},
		{mem(0), 4, 4, []byte{0xb0}},
		{Location{Kind: Composite, Pieces: []Piece{{At: reg(1), BitSize: 16}, {At: reg(1), BitSize: 8, BitOffset: 8}}}, 0, 24, []byte{0x77, 0x88, 0x77}},
		{Location{Kind: Literal, Value: Value{Type: Type{Unsigned, 4}, Lo: 0x01020304}}, 0, 32, []byte{1, 2, 3, 4}},
	} {
		got, err := tt.l.ReadBits(env, tt.off, tt.n)
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%v: % x, %v; want % x", tt.l, got, err, tt.want)
		}
	}
}

func TestFrameBase(t *testing.T) {
	for _, tt := range []struct {
		l    Location
		want uint64
		err  error
	}{
		{reg(6), 600, nil}, {mem(0x3000), 0x3000, nil}, {lit(5), 5, nil},
		{reg(15), 0, ErrOptimisedOut}, {Location{}, 0, ErrOptimisedOut}, {Location{Kind: Composite}, 0, ErrMalformed},
	} {
		if got, err := tt.l.FrameBase(testEnv()); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%v: %#x, %v; want %#x, %v", tt.l, got, err, tt.want, tt.err)
		}
	}
}
