package value

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/out"
)

// What Options.Pretty shows has a form in JSON, too: strings are strings, sequences
// and sets lists, maps lists of {"key", "value"} in their order (keys need not be
// strings, nor occur once), shared pointers {"pointer", "use_count"} or, of Rust,
// {"pointer", "strong", "weak", "value"}. An enum of Rust is the name of its
// alternative or {"NAME": what is in it}, a list if that are several without names.
// Lists are cut at Options.ArrayMem, as those of arrays.

// pretty is the form of a value that has one.
func (v Value) pretty(o *jsonWalk, depth int) (any, bool) {
	if !o.Pretty || v.Bits != 0 {
		return nil, false
	}
	if v.W.Show != nil {
		if text, ok := v.W.Show(v, &o.Options, 0); ok {
			return text, true
		}
	}
	if !v.Base().Kind().IsStruct() {
		return nil, false
	}
	if alt, ok := v.active(); ok {
		m := &alt.Member
		inner := v.sub(m)
		name := m.Name
		if name == "" {
			name = inner.Base().Name()
		}
		if held := inner.held(o, depth); held != nil {
			return out.Object{{Name: name, Value: held}}, true
		}
		return name, true
	}
	if isTuple(v.Base()) {
		return v.several(o, depth), true
	}
	c, ok := v.container()
	if !ok {
		return nil, false
	}
	if c.each == nil || c.text != "" && depth > 1 {
		if c.data != nil {
			return c.data, true
		}
		return c.text, true
	}
	list := out.List{}
	err := c.each(o.ArrayMem, func(key, val *Value) error {
		if o.left < 0 {
			return fmt.Errorf("too many values")
		}
		e := val.json(o, depth+1)
		if key != nil {
			e = out.Object{{Name: "key", Value: key.json(o, depth+1)}, {Name: "value", Value: e}}
		}
		list = append(list, e)
		return nil
	})
	if err != nil {
		return err, true
	}
	if obj, ok := c.data.(out.Object); ok && c.n == 1 { // a pointer that knows its value
		return append(obj, out.Field{Name: "value", Value: list[0]}), true
	}
	return list, true
}

// held is what an alternative holds, nil if nothing.
func (v Value) held(o *jsonWalk, depth int) any {
	members := v.Base().Members()
	switch {
	case len(members) == 0:
		return nil
	case !strings.HasPrefix(members[0].Name, "__"):
		return v.object(o, v.Base(), depth)
	case len(members) == 1:
		return v.sub(&members[0]).json(o, depth+1)
	}
	return v.several(o, depth)
}

// several is the list of the members.
func (v Value) several(o *jsonWalk, depth int) any {
	list := out.List{}
	for _, m := range v.Base().Members() {
		list = append(list, v.sub(&m).json(o, depth+1))
	}
	return list
}
