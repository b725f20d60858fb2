package kernel

import "fmt"

// Member tells where a member lies in a type, by alternatives as in the tags of Lay. It
// is for a member that is looked at alone.
func (v *View) Member(typ, names string) (Field, error) {
	key := layKey{typ: typ + " " + names}
	if f, ok := v.lays[key]; ok {
		return *f.(*Field), nil
	}
	t, err := v.Type(typ)
	if err != nil {
		return Field{}, err
	}
	f, err := v.field(t, names)
	if err != nil {
		return Field{}, fmt.Errorf("type %s: %w", typ, err)
	}
	v.lays[key] = &f
	return f, nil
}

// Enumerator gives the value that an enumeration has for a name; ok is false if the
// release has no such name.
func (v *View) Enumerator(typ, name string) (val int64, ok bool) {
	t, err := v.Type(typ)
	if err != nil {
		return 0, false
	}
	for _, e := range v.W.Resolve(t).Enums() {
		if e.Name == name {
			return e.Value, true
		}
	}
	return 0, false
}
