package glibc

import (
	"debug/elf"
	"encoding/binary"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// findMain finds the main arena: by its symbol, else by its form in the writable
// memory of libc.
func findMain(c *core.Ctx) (uint64, error) {
	ns := c.Namespace()
	if m, err := ns.LookupName("", "main_arena"); err == nil && m.Type() == elf.STT_OBJECT {
		return m.Value, nil
	}
	for _, o := range ns.Objects() {
		if !strings.HasPrefix(o.Name, "libc.so") && !strings.HasPrefix(o.Name, "libc-") {
			continue
		}
		for _, m := range mappings(c.Session) {
			if m.Prot&mem.ProtWrite == 0 || !inObject(o, m) {
				continue
			}
			if a, ok := scanForArena(c.Space(), m); ok {
				return a, nil
			}
		}
	}
	return 0, errNoHeap
}

func inObject(o *sym.Object, m mem.Mapping) bool {
	return uint64(m.Base) < o.Base+o.Size && uint64(m.End()) > o.Base
}

// maxScan bounds the part of libc's data that is searched.
const maxScan = 1 << 20

// scanForArena looks for a struct malloc_state.
func scanForArena(s mem.Space, m mem.Mapping) (uint64, bool) {
	b := make([]byte, min(m.Size, maxScan))
	n, _ := s.ReadAt(b, m.Base)
	b = b[:n]
	for off := 0; off+stSize <= len(b); off += 8 {
		if looksLikeArena(s, b[off:off+stSize], uint64(m.Base)+uint64(off)) {
			return uint64(m.Base) + uint64(off), true
		}
	}
	return 0, false
}

// binHead is where the list head of a bin would be if it were a chunk: its fd and
// bk are the words of the bins array.
func binHead(arena uint64, bin int) uint64 { return arena + stBins + uint64(bin)*16 - header }

// looksLikeArena tells whether bytes at addr are a malloc_state in use: the heads
// of empty bins point at themselves, the others at chunks that point back, and
// top is set.
func looksLikeArena(s mem.Space, b []byte, addr uint64) bool {
	le := binary.LittleEndian
	if le.Uint64(b[stTop:]) == 0 || le.Uint64(b[stNext:]) == 0 || le.Uint64(b[stTop:])%alignment != 0 {
		return false
	}
	empty := 0
	for i := range nBins {
		fd, bk := le.Uint64(b[stBins+16*i:]), le.Uint64(b[stBins+16*i+8:])
		head := binHead(addr, i)
		if fd == head && bk == head {
			empty++
			continue
		}
		if fd == head || bk == head || fd%alignment != 0 || bk%alignment != 0 {
			return false
		}
		back, err := mem.ReadUint(s, mem.Addr(fd+24), 8, le)
		if err != nil || back != head {
			return false
		}
	}
	// All bins of an arena that is used much may be in use, but hardly all of
	// those for large chunks.
	return empty > nBins/4
}

// readArenas follows the ring of arenas from the main one.
func (h *Heap) readArenas(main uint64) error {
	seen := map[uint64]bool{}
	for at := main; ; {
		if seen[at] {
			if at != main {
				h.fault(at, "the ring of arenas does not come back to main_arena")
			}
			return nil
		}
		if len(h.Arenas) >= maxArenas {
			h.fault(at, "more than %d arenas: the ring is taken to be damaged", maxArenas)
			return nil
		}
		seen[at] = true
		b := make([]byte, stSize)
		if err := mem.ReadFull(h.space, b, mem.Addr(at)); err != nil {
			h.fault(at, "cannot read arena: %v", core.Reason(err))
			if at == main {
				return err
			}
			return nil
		}
		le := binary.LittleEndian
		h.Arenas = append(h.Arenas, &Arena{
			Addr: at, Main: at == main, Top: le.Uint64(b[stTop:]), SystemMem: le.Uint64(b[stSystemMem:]), state: b,
		})
		at = le.Uint64(b[stNext:])
	}
}
