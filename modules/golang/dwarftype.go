package golang

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
)

// fromDebug makes a Go type of what Go's compiler writes as DWARF for it: a string
// is a structure "string" of str and len, a slice "[]T" of array, len and cap; map
// and channel types are names for pointers to structures of the runtime; interface
// types are names for runtime.iface or runtime.eface
// (cmd/link/internal/ld/dwarf.go).
func (tt *typeTable) fromDebug(c *ctype.Type) *goType {
	if t, ok := tt.debug[c]; ok {
		return t
	}
	if len(tt.debug) > maxTypes {
		clear(tt.debug)
	}
	t := &goType{name: c.Name(), c: c, size: c.Size()}
	tt.debug[c] = t
	tt.classify(t, c)
	if t.name == "" {
		t.name = c.String()
	}
	return t
}

// alias gives the type that a name is for, one step, and the name that tells what
// it is: Go's map, chan, func and interface types are typedefs.
func alias(c *ctype.Type) (kindName string, base *ctype.Type) {
	for range 64 {
		switch c.Kind() {
		case ctype.Typedef, ctype.Const, ctype.Volatile:
			if n := c.Name(); kindName == "" && (strings.HasPrefix(n, "map[") || isChan(n) || strings.HasPrefix(n, "func(")) {
				kindName = n
			}
			c = c.Elem()
			continue
		}
		break
	}
	return kindName, c
}

func isChan(n string) bool {
	return strings.HasPrefix(n, "chan ") || strings.HasPrefix(n, "chan<- ") || strings.HasPrefix(n, "<-chan ")
}

func (tt *typeTable) classify(t *goType, c *ctype.Type) {
	special, b := alias(c)
	switch b.Kind() {
	case ctype.Integer:
		t.kind = integerKind(b)
	case ctype.Float:
		t.kind = floatKind(b)
	case ctype.Enum:
		t.kind = kindInt
	case ctype.Array:
		t.kind, t.n = kindArray, b.Count()
		if t.name == "" {
			t.name = fmt.Sprintf("[%d]%s", t.n, tt.fromDebug(b.Elem()).name)
		}
		t.fill = func() { t.elem = tt.fromDebug(b.Elem()) }
	case ctype.Function:
		t.kind, t.direct, t.size = kindFunc, true, 8
	case ctype.Pointer:
		tt.pointer(t, special, b)
	case ctype.Struct:
		tt.structure(t, c, b)
	default:
		t.kind, t.bad = kindInvalid, fmt.Errorf("no Go type: %s", c)
	}
}

func integerKind(b *ctype.Type) kind {
	e := b.Enc()
	if e.Bool {
		return kindBool
	}
	k := map[uint64]kind{1: kindUint8, 2: kindUint16, 4: kindUint32, 8: kindUint64}[b.Size()]
	switch {
	case b.Name() == "uintptr":
		k = kindUintptr
	case e.Signed && k != kindInvalid:
		k -= kindUint8 - kindInt8
	}
	return k
}

func floatKind(b *ctype.Type) kind {
	isComplex := strings.HasPrefix(b.Name(), "complex") || b.Enc().Float == ctype.Complex
	switch {
	case isComplex && b.Size() == 8:
		return kindComplex64
	case isComplex:
		return kindComplex128
	case b.Size() == 4:
		return kindFloat32
	}
	return kindFloat64
}

func (tt *typeTable) pointer(t *goType, special string, b *ctype.Type) {
	t.direct = true
	target := b.Elem().Resolve()
	name := target.Name()
	switch {
	case strings.HasPrefix(special, "func("), target.Kind() == ctype.Function:
		t.kind = kindFunc
	case strings.HasPrefix(special, "map["):
		t.kind = kindMap
		t.fill = func() { tt.mapType(t, special, target) }
	case isChan(special) && strings.HasPrefix(name, "hchan<"):
		t.kind = kindChan
		t.fill = func() { t.elem = tt.chanElem(target) }
	case target.Kind() == ctype.Void:
		t.kind = kindUnsafePointer
	default:
		t.kind = kindPointer
		t.fill = func() { t.elem = tt.fromDebug(b.Elem()) }
	}
	if t.kind != kindPointer && t.name == "" {
		t.name = special
	}
	if t.kind == kindPointer && t.name == "" {
		t.name = "*" + b.Elem().Name()
	}
}

// chanElem finds the element type of a channel through its queues, whose sudog
// points to one; nil leaves it to the channel itself, which knows its type.
func (tt *typeTable) chanElem(hchan *ctype.Type) *goType {
	for _, path := range [][]string{{"recvq", "first", "elem"}} {
		c := hchan
		for _, p := range path {
			if c.Resolve().Kind() == ctype.Pointer {
				c = c.Resolve().Elem()
			}
			m, err := c.FindMember(p)
			if err != nil {
				return nil
			}
			c = m.Type
		}
		if r := c.Resolve(); r.Kind() == ctype.Pointer && r.Elem().Resolve().Kind() != ctype.Void {
			return tt.fromDebug(r.Elem())
		}
	}
	return nil
}

func (tt *typeTable) structure(t *goType, c, b *ctype.Type) {
	switch name := b.Name(); {
	case name == "runtime.eface" && c != b:
		t.kind = kindInterface
		return
	case name == "runtime.iface" && c != b:
		t.kind, t.methods = kindInterface, true
		return
	case b.Size() == 16 && hasMembers(b, "str", "len"):
		t.kind = kindString
		return
	case b.Size() == 24 && hasMembers(b, "array", "len", "cap"):
		t.kind = kindSlice
		t.fill = func() {
			if a := b.Members()[0].Type.Resolve(); a.Kind() == ctype.Pointer {
				t.elem = tt.fromDebug(a.Elem())
			}
		}
		return
	}
	t.kind = kindStruct
	t.fill = func() {
		for _, m := range b.Members() {
			t.fields = append(t.fields, goField{name: m.Name, off: m.Off / 8, typ: tt.fromDebug(m.Type)})
		}
	}
}

// hasMembers tells a structure of just these members. Only the compiler's own
// structures for strings and slices have them by these names without a name like
// "pkg.T".
func hasMembers(b *ctype.Type, names ...string) bool {
	n := b.Name()
	if n != "string" && !strings.HasPrefix(n, "[]") {
		return false
	}
	ms := b.Members()
	if len(ms) != len(names) {
		return false
	}
	for i := range ms {
		if ms[i].Name != names[i] {
			return false
		}
	}
	return true
}

// mapType finds the structure of the slots of a map, and key and value types in
// it. target is map<K,V> (Go 1.24) or hash<K,V>.
func (tt *typeTable) mapType(t *goType, name string, target *ctype.Type) {
	for _, path := range [][]string{
		{"dirPtr", "groups", "data"}, // maps.Map: **table, whose groups.data points to the groups
		{"buckets"},                  // runtime.hmap: *bmap
	} {
		c := target
		ok := true
		for _, p := range path {
			for c.Resolve().Kind() == ctype.Pointer {
				c = c.Resolve().Elem()
			}
			m, err := c.FindMember(p)
			if err != nil {
				ok = false
				break
			}
			c = m.Type
		}
		if ok && c.Resolve().Kind() == ctype.Pointer && c.Resolve().Elem().Resolve().Kind() == ctype.Struct {
			t.group = tt.fromDebug(c.Resolve().Elem())
			break
		}
	}
	if t.group == nil {
		t.bad = fmt.Errorf("no layout of %s in the debug data", name)
		return
	}
	key, value := mapNames(name)
	k, v, err := t.group.slotTypes()
	if err != nil {
		t.bad = err
		return
	}
	t.key, t.elem = direct(k, key), direct(v, value)
}

// direct gives the type of a slot, or what it points to where the slot of a large
// key or value holds a pointer.
func direct(slot *goType, name string) *goType {
	if slot.kind == kindPointer && slot.name == "*"+name && name != "" {
		if e := slot.open().elem; e != nil && e.size > maxInline {
			return e
		}
	}
	return slot
}

// maxInline is the size from which keys and values of a map are kept behind
// pointers (internal/abi.MapMaxKeyBytes), bytes.
const maxInline = 128

// mapNames splits "map[K]V".
func mapNames(name string) (key, value string) {
	rest, ok := strings.CutPrefix(name, "map[")
	if !ok {
		return "", ""
	}
	depth := 1
	for i := range len(rest) {
		switch rest[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return rest[:i], rest[i+1:]
			}
		}
	}
	return "", ""
}

// slotTypes gives the types of a key and a value as they lie in a group or bucket.
func (t *goType) slotTypes() (key, value *goType, err error) {
	if s, ok := t.field("slots"); ok {
		if a := s.typ.open(); a.kind == kindArray && a.elem != nil {
			k, ok1 := a.elem.field("key")
			v, ok2 := a.elem.field("elem")
			if ok1 && ok2 {
				return k.typ, v.typ, nil
			}
		}
	}
	k, ok1 := t.field("keys")
	v, ok2 := t.field("values", "elems")
	if ok1 && ok2 {
		if ka, va := k.typ.open(), v.typ.open(); ka.elem != nil && va.elem != nil {
			return ka.elem, va.elem, nil
		}
	}
	return nil, nil, fmt.Errorf("structure %s holds no keys and values", t.name)
}
