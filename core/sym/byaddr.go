package sym

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
)

// A few lookups by address scan the entries; a table that is asked more often
// is sorted.
const addrScans = 12

// nestDepth bounds how many symbols that start between a symbol and an address
// inside it are stepped over (RuleProcess and RuleLinux).
const nestDepth = 64

// sttNum is the first symbol type the gABI does not define; GNU adds IFUNC.
const sttNum = 7

// takesPart tells whether entry s may stand for an address under the rule.
func (t *Table) takesPart(s *Symbol, nameOff uint32) bool {
	typ := s.Type()
	if s.Value == 0 {
		return false
	}
	if t.src.Rule != RuleKernel {
		switch typ {
		case elf.STT_OBJECT, elf.STT_FUNC, elf.STT_COMMON, elf.STT_GNU_IFUNC:
			return s.Defined() && s.Size != 0 || t.unsizedCode(s)
		case elf.STT_NOTYPE:
			return t.unsizedCode(s)
		}
		return false
	}
	if typ == elf.STT_SECTION || typ >= sttNum && typ != elf.STT_GNU_IFUNC {
		return false
	}
	if s.Bind() == elf.STB_LOCAL && s.Size == 0 {
		return false
	}
	if uint64(nameOff) >= uint64(len(t.strs)) {
		return false
	}
	c := t.strs[nameOff]
	return c >= '!' && c <= '~'
}

// ByAddr finds the symbol that stands for addr. distance 0 is smart mode: addr
// must lie within the symbol; otherwise it must be less than distance bytes past
// its value (under RuleProcess: and within the symbol).
func (t *Table) ByAddr(addr, distance uint64) (Symbol, bool) {
	if t.Len() == 0 {
		return Symbol{}, false
	}
	t.mu.Lock()
	t.addrTries++
	if t.addrs == nil && t.addrTries > addrScans {
		t.addrs = t.buildAddrs()
	}
	order := t.addrs
	t.mu.Unlock()
	i := -1
	if order != nil {
		i = t.searchAddr(order, addr)
	} else {
		i = t.scanAddr(addr)
	}
	if i < 0 {
		return Symbol{}, false
	}
	s := t.At(i)
	return s, t.reaches(&s, addr, distance)
}

// unsizedCode tells whether s stands for code without telling how much.
func (t *Table) unsizedCode(s *Symbol) bool {
	return s.Size == 0 && t.src.Rule == RuleLinux && int(s.Section) < len(t.src.Code) &&
		t.src.Code[s.Section].Contains(s.Value) && s.Type() != elf.STT_OBJECT
}

func (t *Table) reaches(s *Symbol, addr, distance uint64) bool {
	off := addr - s.Value
	if t.unsizedCode(s) {
		return t.src.Code[s.Section].Contains(addr) && (distance == 0 || off < distance)
	}
	if t.src.Rule != RuleKernel {
		return off < s.Size && (distance == 0 || off < distance)
	}
	if distance != 0 {
		return off < distance
	}
	return off < max(s.Size, 1)
}

// scanAddr looks at every entry. It keeps the best symbol that may contain addr
// and, for what is left to code without a size, the nearest symbol of all.
func (t *Table) scanAddr(addr uint64) int {
	best, near := -1, -1
	var bs, ns Symbol
	for i := range t.n {
		v := t.value(i)
		if v > addr || v == 0 || best >= 0 && v < bs.Value {
			continue
		}
		if t.src.Rule != RuleKernel && near >= 0 && v < ns.Value && t.sizeOf(i) <= addr-v {
			continue // neither nearer nor around addr: most symbols end here
		}
		s := t.raw(i)
		if !t.takesPart(&s, t.nameOff(i)) {
			continue
		}
		if near < 0 || v > ns.Value || v == ns.Value && t.before(&s, &ns) < 0 {
			near, ns = i, s
		}
		if t.src.Rule != RuleKernel && addr-v >= s.Size {
			continue
		}
		if best < 0 || v > bs.Value || t.before(&s, &bs) < 0 {
			best, bs = i, s
		}
	}
	if best < 0 && near >= 0 && t.unsizedCode(&ns) {
		return near
	}
	return best
}

// sizeOf is st_size of entry i.
func (t *Table) sizeOf(i int) uint64 {
	if t.size == sym64Size && t.little {
		return binary.LittleEndian.Uint64(t.src.Syms[i*sym64Size+16:])
	}
	s := t.raw(i)
	return s.Size
}

// searchAddr uses the sorted order.
func (t *Table) searchAddr(order []uint32, addr uint64) int {
	// The first entry past addr; the candidates end before it.
	lo, hi := 0, len(order)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if t.value(int(order[mid])) <= addr {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return -1
	}
	if t.src.Rule == RuleKernel {
		return int(order[t.firstOf(order, lo-1)])
	}
	best := -1
	for k, steps := lo-1, 0; k >= 0 && steps < nestDepth; k, steps = k-1, steps+1 {
		i := int(order[k])
		s := t.raw(i)
		if best >= 0 && s.Value != t.value(best) {
			break
		}
		if addr-s.Value < s.Size {
			best = i
			steps = 0 // equals follow each other: the first of them wins
		}
	}
	if best < 0 {
		near := int(order[t.firstOf(order, lo-1)])
		if s := t.raw(near); t.unsizedCode(&s) {
			return near
		}
	}
	return best
}

// firstOf gives the first of the entries that have the value of entry k.
func (t *Table) firstOf(order []uint32, k int) int {
	v := t.value(int(order[k]))
	for k > 0 && t.value(int(order[k-1])) == v {
		k--
	}
	return k
}

func (t *Table) buildAddrs() []uint32 {
	type key struct {
		v uint64
		i uint32
	}
	keys := make([]key, 0, t.n)
	for i := range t.n {
		s := t.raw(i)
		if t.takesPart(&s, t.nameOff(i)) {
			keys = append(keys, key{s.Value, uint32(i)})
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.v != b.v {
			return cmp.Compare(a.v, b.v)
		}
		x, y := t.raw(int(a.i)), t.raw(int(b.i))
		return t.before(&x, &y)
	})
	out := make([]uint32, len(keys))
	for k := range keys {
		out[k] = keys[k].i
	}
	return out
}

// before orders two symbols of one value: negative if a is preferred. They are
// decoded without their names.
func (t *Table) before(a, b *Symbol) int {
	if t.src.First {
		return cmp.Compare(a.Index, b.Index)
	}
	an, bn := t.nameAt(t.nameOff(int(a.Index))), t.nameAt(t.nameOff(int(b.Index)))
	if t.src.Rule != RuleKernel {
		return preferProcess(a, an, b, bn)
	}
	return preferKernel(a, an, b, bn)
}

// first is -1 if only a has the property, 1 if only b has, else 0.
func first(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

func preferKernel(a *Symbol, an string, b *Symbol, bn string) int {
	return cmp.Or(
		first(a.Size != 0, b.Size != 0),
		first(a.Type() != elf.STT_NOTYPE, b.Type() != elf.STT_NOTYPE),
		first(a.Bind() != elf.STB_WEAK, b.Bind() != elf.STB_WEAK),
		strings.Compare(an, bn),
		cmp.Compare(a.Index, b.Index))
}

func preferProcess(a *Symbol, an string, b *Symbol, bn string) int {
	return cmp.Or(
		first(a.Size != 0, b.Size != 0), // only RuleLinux knows symbols without
		first(isFunc(a), isFunc(b)),
		first(a.Bind() != elf.STB_LOCAL, b.Bind() != elf.STB_LOCAL),
		first(!strings.HasPrefix(an, "$"), !strings.HasPrefix(bn, "$")),
		cmp.Compare(underscores(an), underscores(bn)),
		cmp.Compare(a.Size, b.Size),
		strings.Compare(an, bn),
		cmp.Compare(a.Index, b.Index))
}

func isFunc(s *Symbol) bool {
	return s.Type() == elf.STT_FUNC || s.Type() == elf.STT_GNU_IFUNC
}

func underscores(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }
