package cdecl

import (
	"iter"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/ctf"
)

// Types is the synthetic container. It implements ctype.Scope.
type Types struct {
	ptrSize int
	list    []*ctype.Type
	names   map[key]*ctype.Type
	ptrs    map[*ctype.Type]*ctype.Type
	nextID  uint64
}

// key is a name in its name space: Struct, Union, Enum or Unknown for others.
type key struct {
	tag  ctype.Kind
	name string
}

// New makes an empty container with pointers of ptrSize bytes.
func New(ptrSize int) *Types {
	c := &Types{ptrSize: ptrSize}
	c.Reset()
	return c
}

// Reset removes all types.
func (c *Types) Reset() {
	c.list, c.names, c.ptrs = nil, map[key]*ctype.Type{}, map[*ctype.Type]*ctype.Type{}
}

// Label implements ctype.Container.
func (c *Types) Label() string { return "(synthetic)" }

// PointerSize implements ctype.Container.
func (c *Types) PointerSize() int { return c.ptrSize }

// All implements ctype.Scope.
func (c *Types) All() iter.Seq[*ctype.Type] {
	return func(yield func(*ctype.Type) bool) {
		for _, t := range c.list {
			if !yield(t) {
				return
			}
		}
	}
}

// Lookup implements ctype.Scope. As in CTF a pointer has to exist to be found.
func (c *Types) Lookup(name string) (*ctype.Type, error) {
	n, err := ctype.ParseName(name)
	if err != nil {
		return nil, err
	}
	t, ok := c.names[key{n.Tag, n.Base}]
	if !ok && n.Class {
		t, ok = c.names[key{ctype.Union, n.Base}]
	}
	for _, s := range n.Suffix {
		if !ok || s.Kind != ctype.Pointer {
			return nil, ctype.ErrNoType
		}
		p, known := c.ptrs[t]
		if !known {
			p, known = c.ptrs[t.Resolve()]
		}
		t, ok = p, known
	}
	if !ok {
		return nil, ctype.ErrNoType
	}
	return t, nil
}

func tagOf(t *ctype.Type) ctype.Kind {
	k := t.Kind()
	if k == ctype.Forward {
		k = t.Body().Forward
	}
	switch k {
	case ctype.Struct, ctype.Union, ctype.Enum:
		return k
	}
	return ctype.Unknown
}

// add puts a type at the end of the list; a later type of a name hides earlier
// ones.
func (c *Types) add(t *ctype.Type) *ctype.Type {
	c.list = append(c.list, t)
	if t.Name() != "" {
		c.names[key{tagOf(t), t.Name()}] = t
	}
	if t.Kind() == ctype.Pointer {
		c.ptrs[t.Elem()] = t
	}
	return t
}

// remove takes out a type that was added last of its name.
func (c *Types) remove(t *ctype.Type) {
	for i, have := range c.list {
		if have == t {
			c.list = append(c.list[:i:i], c.list[i+1:]...)
			break
		}
	}
	if k := (key{tagOf(t), t.Name()}); c.names[k] == t {
		delete(c.names, k)
	}
}

func (c *Types) make(k ctype.Kind, name string, b *ctype.Body) *ctype.Type {
	c.nextID++
	return c.add(ctype.New(c, c.nextID, k, name, b))
}

// AddTypedef makes name an alias of t.
func (c *Types) AddTypedef(name string, t *ctype.Type) *ctype.Type {
	return c.make(ctype.Typedef, name, &ctype.Body{Elem: t})
}

// Import adds the types of another container. Of names already known the first
// definition stays, unless it was but a declaration.
func (c *Types) Import(from iter.Seq[*ctype.Type]) {
	for t := range from {
		if t.Name() != "" {
			have := c.names[key{tagOf(t), t.Name()}]
			if have != nil && (have.Kind() != ctype.Forward || t.Kind() == ctype.Forward) {
				continue
			}
		}
		c.add(t)
	}
}

// Encode writes all types, and what they refer to, as CTF.
func (c *Types) Encode() ([]byte, error) {
	return ctf.Encode(&ctf.Content{Types: c.list, Compress: true})
}
