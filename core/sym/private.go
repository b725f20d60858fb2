package sym

import (
	"cmp"
	"debug/elf"
	"slices"
)

// PrivateTable holds the symbols a user added with ::nmadd. It is looked into
// before everything else.
type PrivateTable struct {
	syms []Symbol
	next uint32
}

// Add adds a symbol or replaces the one of that name.
func (p *PrivateTable) Add(name string, value, size uint64, typ elf.SymType) Symbol {
	s := Symbol{Name: name, Value: value, Size: size, Info: byte(elf.STB_GLOBAL)<<4 | byte(typ)}
	for i := range p.syms {
		if p.syms[i].Name == name {
			s.Index = p.syms[i].Index
			p.syms[i] = s
			return s
		}
	}
	s.Index = p.next
	p.next++
	p.syms = append(p.syms, s)
	return s
}

// Delete removes a symbol and returns what it was.
func (p *PrivateTable) Delete(name string) (Symbol, bool) {
	for i, s := range p.syms {
		if s.Name == name {
			p.syms = slices.Delete(p.syms, i, i+1)
			return s, true
		}
	}
	return Symbol{}, false
}

// ByName finds a symbol by name.
func (p *PrivateTable) ByName(name string) (Symbol, bool) {
	for _, s := range p.syms {
		if s.Name == name {
			return s, true
		}
	}
	return Symbol{}, false
}

// ByAddr finds the symbol that stands for addr, by the kernel rule.
func (p *PrivateTable) ByAddr(addr, distance uint64) (Symbol, bool) {
	best := -1
	for i := range p.syms {
		s := &p.syms[i]
		if s.Value == 0 || s.Value > addr {
			continue
		}
		if best < 0 || s.Value > p.syms[best].Value ||
			s.Value == p.syms[best].Value && preferKernel(s, s.Name, &p.syms[best], p.syms[best].Name) < 0 {
			best = i
		}
	}
	if best < 0 {
		return Symbol{}, false
	}
	s := p.syms[best]
	reach := max(s.Size, 1)
	if distance != 0 {
		reach = distance
	}
	return s, addr-s.Value < reach
}

// privateBuckets is the size of the hash table whose order MDB lists private
// symbols in, as long as there are not more of them.
const privateBuckets = 211

// All gives the symbols in the order MDB lists them: by hash bucket, the newest
// of a bucket first.
func (p *PrivateTable) All() []Symbol {
	out := slices.Clone(p.syms)
	slices.SortStableFunc(out, func(a, b Symbol) int {
		return cmp.Or(
			cmp.Compare(bucketHash(a.Name)%privateBuckets, bucketHash(b.Name)%privateBuckets),
			-cmp.Compare(a.Index, b.Index))
	})
	return out
}

// bucketHash is the hash of the System V gABI ("Hash Table").
func bucketHash(s string) uint32 {
	var h uint32
	for i := 0; i < len(s); i++ {
		h = h<<4 + uint32(s[i])
		if g := h & 0xf0000000; g != 0 {
			h ^= g >> 24
			h ^= g
		}
	}
	return h
}
