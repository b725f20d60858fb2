package glibc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// State is what a chunk is.
type State uint8

// States of chunks.
const (
	InUse  State = iota
	Free         // in a bin
	Fast         // in a fastbin
	Cached       // in a thread's tcache
	Top          // the rest of the arena's memory
	Mapped       // in use, mapped by itself
)

var stateNames = [...]string{"allocated", "freed", "freed (fastbin)", "freed (tcache)", "top", "allocated (mmapped)"}

func (s State) String() string { return stateNames[s] }

// Arena is a struct malloc_state.
type Arena struct {
	Addr      uint64
	Main      bool
	Top       uint64 // chunk
	SystemMem uint64 // bytes, by malloc's own account
	state     []byte // the struct's bytes
}

// Region is a run of consecutive chunks: chunks[first:last] of the Heap.
type Region struct {
	Start, End  uint64
	Arena       *Arena // nil: chunks mapped by themselves
	first, last int
	pages       []uint32 // index of the first chunk that begins in each page, relative to first
}

// Heap is what was found of a process's malloc heap. Chunks are kept as addresses
// of headers; the low four bits are the State.
type Heap struct {
	Arenas  []*Arena
	Regions []*Region // ascending
	Faults  []Fault

	space  mem.Space
	chunks []uint64
}

// Fault is something that is not as malloc would have left it.
type Fault struct {
	Addr uint64
	Text string
}

func (f Fault) String() string { return fmt.Sprintf("%#x: %s", f.Addr, f.Text) }

var errNoHeap = errors.New("no glibc heap: neither main_arena nor memory that looks like it was found")

type heapKey struct{}

// Of gives the heap of the session's process.
func Of(c *core.Ctx) (*Heap, error) {
	return core.Memo(c.Session, heapKey{}, func() (*Heap, error) { return build(c) })
}

func build(c *core.Ctx) (*Heap, error) {
	if c.Arch().PtrSize != 8 {
		return nil, errors.New("no glibc heap: only 64-bit processes are known")
	}
	h := &Heap{space: c.Space()}
	main, err := findMain(c)
	if err != nil {
		return nil, err
	}
	if err := h.readArenas(main); err != nil {
		return nil, err
	}
	maps := mappings(c.Session)
	for _, a := range h.Arenas {
		if err := c.Err(); err != nil {
			return nil, core.ErrIntr
		}
		h.readArenaRegions(c, a, maps)
	}
	h.readMapped(maps)
	sort.Slice(h.Regions, func(i, j int) bool { return h.Regions[i].Start < h.Regions[j].Start })
	for _, r := range h.Regions {
		r.index(h.chunks[r.first:r.last])
	}
	h.markFree()
	return h, c.Err()
}

func mappings(s *core.Session) []mem.Mapping {
	if m, ok := core.As[core.Mapped](s.Context()); ok {
		return m.Mappings()
	}
	return nil
}

func (h *Heap) fault(addr uint64, format string, args ...any) {
	const most = 10000
	if len(h.Faults) < most {
		h.Faults = append(h.Faults, Fault{addr, fmt.Sprintf(format, args...)})
	}
}

func (h *Heap) word(a uint64) (uint64, error) {
	return mem.ReadUint(h.space, mem.Addr(a), 8, binary.LittleEndian)
}

// addr and state take a stored chunk apart.
func addrOf(c uint64) uint64 { return c &^ 15 }
func stateOf(c uint64) State { return State(c & 15) }

// size is a chunk's size in bytes with its header.
func (h *Heap) size(r *Region, i int) uint64 {
	if i+1 < r.last {
		return addrOf(h.chunks[i+1]) - addrOf(h.chunks[i])
	}
	return r.End - addrOf(h.chunks[i])
}

// index notes which chunk begins first in each page.
func (r *Region) index(chunks []uint64) {
	r.pages = make([]uint32, (r.End-r.Start)>>12+2)
	p := 0
	for i, c := range chunks {
		for ; p <= int((addrOf(c)-r.Start)>>12); p++ {
			r.pages[p] = uint32(i)
		}
	}
	for ; p < len(r.pages); p++ {
		r.pages[p] = uint32(len(chunks))
	}
}

// region finds the region that holds an address.
func (h *Heap) region(a uint64) *Region {
	i := sort.Search(len(h.Regions), func(i int) bool { return h.Regions[i].End > a })
	if i < len(h.Regions) && a >= h.Regions[i].Start {
		return h.Regions[i]
	}
	return nil
}

// find gives the region and index of the chunk that holds an address; -1 if none
// does.
func (h *Heap) find(a uint64) (*Region, int) {
	r := h.region(a)
	if r == nil || r.first == r.last {
		return nil, -1
	}
	page := (a - r.Start) >> 12
	lo, hi := r.first+int(r.pages[page]), r.first+int(r.pages[page+1])
	i := lo + sort.Search(hi-lo, func(i int) bool { return addrOf(h.chunks[lo+i]) > a }) - 1
	if i < r.first {
		return nil, -1
	}
	return r, i
}

// at gives the index of the chunk whose header is at exactly addr.
func (h *Heap) at(addr uint64) (*Region, int) {
	r, i := h.find(addr)
	if i < 0 || addrOf(h.chunks[i]) != addr {
		return nil, -1
	}
	return r, i
}

// Chunk is one chunk.
type Chunk struct {
	Addr  uint64 // of the header
	Size  uint64 // bytes, with the header
	State State
	Arena *Arena
}

// User is what malloc returned.
func (c Chunk) User() uint64 { return c.Addr + header }

// Usable is how many bytes belong to the program: a chunk in use reaches into the
// next one's first word.
func (c Chunk) Usable() uint64 {
	if c.State == Mapped {
		return c.Size - header
	}
	return c.Size - header/2
}

func (h *Heap) chunk(r *Region, i int) Chunk {
	return Chunk{Addr: addrOf(h.chunks[i]), Size: h.size(r, i), State: stateOf(h.chunks[i]), Arena: r.Arena}
}

// All calls f for every chunk, in the order of addresses, until it gives false.
func (h *Heap) All(f func(Chunk) bool) {
	for _, r := range h.Regions {
		for i := r.first; i < r.last; i++ {
			if !f(h.chunk(r, i)) {
				return
			}
		}
	}
}
