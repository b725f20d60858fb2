package unwind

import (
	"encoding/binary"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind/cfi"
)

// noise is memory that repeats some bytes over the whole address space, but for
// every other 64 KB.
type noise []byte

func (n noise) ReadAt(p []byte, a mem.Addr) (int, error) {
	for i := range p {
		at := uint64(a) + uint64(i)
		if len(n) == 0 || at>>16&1 != 0 {
			return i, mem.Fault(mem.Addr(at), mem.ErrUnmapped)
		}
		p[i] = n[at%uint64(len(n))]
	}
	return len(p), nil
}

// everywhere is Tables that has one table for all addresses.
type everywhere struct{ t *cfi.Table }

func (e everywhere) CFI(uint64) (*cfi.Table, uint64, bool) { return e.t, 0, e.t != nil }
func (e everywhere) Executable(pc uint64) bool             { return pc>>12&1 == 0 }

// FuzzWalk walks arbitrary stacks by arbitrary tables: every walk ends, and its
// frames rise on the stack but where a table or a signal says otherwise.
func FuzzWalk(f *testing.F) {
	f.Add(words(0x1010, 0x20010, 0, 0x3000), frameTable(amd64CIE, frame16...), uint64(0x1000), uint64(0x20000), uint64(0x20008), byte(0))
	f.Add(words(0x1010), frameTable(amd64CIE, 0x0e, 32, 0x83, 2, 0x86, 3, 0x14, 12, 1, 0x09, 13, 0, 0x07, 14, 0x16, 8, 2, 0x23, 0x18, 0x10, 9, 1, 0x20), uint64(0x1000), uint64(0x20000), uint64(1), byte(0))
	f.Add(words(0x20020, 0x3100, 0, 0, 0, 0x2010), []byte{}, uint64(0x3000), uint64(0x1fff0), uint64(0x20000), byte(0))
	f.Add([]byte{0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}, []byte{}, uint64(9*0x3000), uint64(0x20000), uint64(0), byte(0))
	f.Add(words(0x20020, 0x1010), frameTable(arm64CIE, 0x2d, 0x0e, 16, 0x9d, 2, 0x9e, 1), uint64(0x1000), uint64(0x20000), uint64(0x20000), byte(1))
	f.Fuzz(func(t *testing.T, stack, table []byte, pc, sp, fp uint64, mode byte) {
		if len(table) > 1<<12 {
			return
		}
		tab, err := cfi.New(cfi.Config{DebugFrame: cfi.Section{Data: table}, PtrSize: 8, Order: binary.LittleEndian})
		if err != nil {
			t.Fatal(err)
		}
		a := []*Arch{AMD64, ARM64, I386}[mode%3]
		u := New(a, noise(stack), everywhere{tab})
		u.MaxFrames = 2000
		var r Regs
		for n := range 32 {
			r.Set(n, sp+uint64(n)*8)
		}
		r.Set(a.PC, pc)
		r.Set(a.SP, sp)
		r.Set(a.FP, fp)
		last := -1
		for f, err := range u.Frames(t.Context(), r) {
			if err != nil {
				if f != (Frame{}) {
					t.Fatalf("error %v comes with %+v", err, f)
				}
				return
			}
			if f.Level != last+1 {
				t.Fatalf("frame %d follows %d", f.Level, last)
			}
			last = f.Level
		}
		if last < 0 {
			t.Fatal("neither a frame nor an error")
		}
	})
}

// frameTable is .debug_frame with one function, [0x1000, 0x2000).
func frameTable(cie []byte, prog ...byte) []byte {
	le := binary.LittleEndian
	body := append([]byte{1, 0}, cie...)
	b := le.AppendUint32(nil, uint32(4+len(body)))
	b = append(le.AppendUint32(b, 0xffffffff), body...)
	b = le.AppendUint32(b, uint32(4+16+len(prog)))
	b = le.AppendUint32(b, 0)
	b = append(b, words(0x1000, 0x1000)...)
	return append(b, prog...)
}
