package system

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
)

// vast is a machine of 64 GB of which nothing was ever written.
type vast struct{ page []byte }

func (v vast) Physical() mem.Space           { return v }
func (vast) PhysicalRanges() []mem.Mapping   { return []mem.Mapping{{Size: 64 << 30}} }
func (v vast) View(a mem.Addr, n int) []byte { return v.page[a%pageSize:][:n] }
func (v vast) ReadAt(p []byte, a mem.Addr) (int, error) {
	for done := 0; done < len(p); {
		done += copy(p[done:], v.page[(uint64(a)+uint64(done))%pageSize:])
	}
	return len(p), nil
}

func BenchmarkSearchForIllumos64GB(b *testing.B) {
	v := vast{make([]byte, 2*pageSize)}
	for b.Loop() {
		if _, err := probeIllumosMemory(context.Background(), v); !errors.Is(err, ErrNoKernel) {
			b.Fatal(err)
		}
	}
}

// FuzzIllumosMemory looks for a kernel in memory that is made of a few pages of
// arbitrary bytes, over and over, so that tables, rings and structures lead into one
// another.
func FuzzIllumosMemory(f *testing.F) {
	f.Add([]byte{3, 0x10, 0, 0, 0, 0, 0, 0}, int64(1))
	f.Add([]byte("\x63\x00\x00\x00\x00\x00\x00\x00unix\x00"), int64(2))
	f.Add([]byte{}, int64(3))
	f.Fuzz(func(t *testing.T, data []byte, seed int64) {
		r := rand.New(rand.NewSource(seed))
		ram := make([]byte, 64*pageSize)
		for i := 0; len(data) > 0 && i < len(ram); i += len(data) {
			copy(ram[i:], data)
		}
		// Page tables that map the kernel's text and data to pages at random.
		put := func(at, v uint64) { binary.LittleEndian.PutUint64(ram[at:], v) }
		put(0x0ff8, 0x1003)
		put(0x1ff8, 0x2003)
		for i := coreBase >> 21 & 511; i < 512; i++ {
			put(0x2000+8*uint64(i), 0x3003)
		}
		for i := range uint64(512) {
			put(0x3000+8*i, uint64(4+r.Intn(60))<<pageShift|3)
		}
		m := noCPU{&mem.File{R: bytes.NewReader(ram), Size: int64(len(ram))}}
		sys, err := Recognise(context.Background(), m)
		if k, ok := sys.(*IllumosKernel); ok {
			lookEverywhere(k)
		} else if sys == nil {
			t.Fatalf("nothing was recognised: %v", err)
		}
	})
}

type noCPU struct{ f *mem.File }

func (n noCPU) Physical() mem.Space           { return n.f }
func (n noCPU) PhysicalRanges() []mem.Mapping { return []mem.Mapping{{Size: uint64(n.f.Size)}} }
