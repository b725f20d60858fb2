package value

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
)

// Containers of the standard libraries of C++ (libstdc++, GCC's include/bits) and
// Rust (liballoc) are structures whose members say nothing to a person. A
// container is recognised by the name of its type and read by the names of its
// members; one whose members are not there prints as the structure it is.

// container is what a recognised type holds.
type container struct {
	text  string // of one without elements to list: a string, a pointer; of others inside others
	data  any    // of such a one in JSON; nil is text
	open  string // "[" or "{"
	close string
	n     uint64 // number of elements
	// each calls f with the elements in order, at most limit of them; key is set
	// for what maps a key to the value.
	each func(limit uint64, f func(key, val *Value) error) error
}

// recogniser reads a kind of container from a value of its type.
type recogniser struct {
	prefix string // of the type's name, after namespaces of versions are gone
	read   func(v Value) (container, error)
}

var recognisers = []recogniser{
	{"std::basic_string<char,", stdString},
	{"std::vector<", stdVector},
	{"std::map<", stdTree}, {"std::multimap<", stdTree}, {"std::set<", stdTree}, {"std::multiset<", stdTree},
	{"std::unordered_map<", stdHash}, {"std::unordered_multimap<", stdHash},
	{"std::unordered_set<", stdHash}, {"std::unordered_multiset<", stdHash},
	{"std::shared_ptr<", stdShared}, {"std::weak_ptr<", stdShared}, {"std::unique_ptr<", stdUnique},
	{"alloc::string::String", rustString}, {"alloc::vec::Vec<", rustVec}, {"&[", rustSlice}, {"&mut [", rustSlice},
	{"alloc::collections::vec_deque::VecDeque<", rustDeque},
	{"alloc::collections::btree::map::BTreeMap<", rustBTree}, {"alloc::collections::btree::set::BTreeSet<", rustBTreeSet},
	{"std::collections::hash::map::HashMap<", rustHash}, {"std::collections::hash::set::HashSet<", rustHash},
	{"hashbrown::map::HashMap<", rustHash}, {"hashbrown::set::HashSet<", rustHash},
	{"alloc::rc::Rc<", rustCounted}, {"alloc::sync::Arc<", rustCounted}, {"alloc::rc::Weak<", rustCounted}, {"alloc::sync::Weak<", rustCounted},
}

// inlineNamespaces are in names but not in sources.
var inlineNamespaces = strings.NewReplacer("std::__cxx11::", "std::", "std::__1::", "std::", "std::__debug::", "std::")

// container recognises a value; ok is false if its type is no known container or
// its members are not what they should be.
func (v Value) container() (c container, ok bool) {
	name := inlineNamespaces.Replace(v.Base().Name())
	for _, r := range recognisers {
		if strings.HasPrefix(name, r.prefix) {
			c, err := r.read(v)
			return c, err == nil
		}
	}
	return container{}, false
}

// pretty prints a container: what has elements on lines of their own if those are
// structures, else on one line.
func (w *walk) pretty(it item, off uint64) (done bool, err error) {
	v := Value{Type: it.typ, W: w.w, Space: w.sp, Addr: mem.Addr(w.base + off/8)}
	if alt, ok := v.active(); ok {
		w.skip = w.depth
		return true, w.alternative(v, alt)
	}
	c, ok := v.container()
	if !ok {
		return false, nil
	}
	w.skip = w.depth
	if c.each == nil {
		w.text(c.text)
		return true, nil
	}
	w.text(c.open)
	first := true
	err = c.each(w.pr.O.ArrayMem, func(key, val *Value) error {
		if err := w.pr.stopped(); err != nil {
			return err
		}
		if !first {
			w.text(",")
		}
		first = false
		w.text(" ")
		if key != nil {
			if err := w.inside(*key); err != nil {
				return err
			}
			w.text(": ")
		}
		return w.inside(*val)
	})
	if err != nil {
		return true, w.unreadable(err, "failed to read the elements at %llx", uint64(v.Addr))
	}
	if c.n > w.pr.O.ArrayMem {
		w.text(", ...")
	}
	if c.close != "" {
		w.text(" " + c.close)
	}
	return true, nil
}

// inside prints an element of a container in the same line.
func (w *walk) inside(v Value) error {
	if w.nest+w.depth >= maxDepth/2 {
		w.text("...")
		return nil
	}
	base := v.Base()
	if base.Kind().IsStruct() {
		if _, text, ok := v.countedText(); ok {
			w.text(quoteText([]byte(text)))
			return nil
		}
		if alt, ok := v.active(); ok {
			return w.alternative(v, alt)
		}
		if c, ok := v.container(); ok && (c.each == nil || c.text != "") {
			w.text(c.text)
			return nil
		} else if !ok && len(base.Members()) > 0 && base.Kind() == ctype.Struct {
			return w.insideStruct(v, base)
		}
	}
	sub := &walk{pr: w.pr, w: w.w, sp: v.space(), realSp: w.realSp, base: uint64(v.Addr), delim: "",
		nest: w.nest + w.depth + 1, skip: w.skip, depthMax: w.depthMax, holes: w.holes, label: Label{Set: true}}
	sub.skip = 1 << 30
	it := item{typ: v.Type, bits: v.Bits}
	return sub.value(it, base, uint64(v.Off))
}

// active is the alternative of a tagged union that its tag selects.
func (v Value) active() (*ctype.Alt, bool) {
	vs := v.Base().Body().Variants
	if vs == nil {
		return nil, false
	}
	tag := uint64(0)
	if vs.Tag != nil {
		var err error
		if tag, err = v.sub(vs.Tag).Uint(); err != nil {
			return nil, false
		}
	}
	return vs.Active(tag)
}

// alternative prints an alternative as Rust writes it: None, Some(5), Rect { width
// = 3, height = 4 }.
func (w *walk) alternative(v Value, alt *ctype.Alt) error {
	m := &alt.Member
	inner := v.sub(m)
	name := m.Name
	if name == "" {
		name = inner.Base().Name()
	}
	w.text(name)
	members := inner.Base().Members()
	if len(members) == 0 {
		return nil
	}
	if !strings.HasPrefix(members[0].Name, "__") {
		w.text(" ")
		return w.insideStruct(inner, inner.Base())
	}
	return w.numbered(inner)
}

// numbered prints members without names in parentheses.
func (w *walk) numbered(v Value) error {
	members := v.Base().Members()
	w.text("(")
	for i := range members {
		if i > 0 {
			w.text(", ")
		}
		w.depth++
		err := w.inside(v.sub(&members[i]))
		w.depth--
		if err != nil {
			return err
		}
	}
	w.text(")")
	return nil
}

// isTuple tells Rust's tuples, whose members are only numbered.
func isTuple(t *ctype.Type) bool {
	m := t.Members()
	return len(m) > 0 && m[0].Name == "__0" && strings.HasPrefix(t.Name(), "(")
}

// insideStruct prints a structure in one line: { a = 1, b = 2 }, a tuple as (1, 2).
func (w *walk) insideStruct(v Value, base *ctype.Type) error {
	if isTuple(base) {
		return w.numbered(v)
	}
	w.text("{")
	for i, m := range base.Members() {
		if i > 0 {
			w.text(",")
		}
		w.text(" ")
		if m.Name != "" && !m.Base {
			w.text(m.Name + " = ")
		}
		w.depth++
		err := w.inside(v.sub(&m))
		w.depth--
		if err != nil {
			return err
		}
	}
	w.text(" }")
	return nil
}

// uintAt reads an integer or pointer by a member path.
func (v Value) uintAt(path string) (uint64, error) {
	m, err := v.Path(path)
	if err != nil {
		return 0, err
	}
	return m.Uint()
}

// maxString bounds a string shown whole, in bytes.
const maxPrettyString = 1 << 12

// quoted reads n bytes of text at an address of the process's memory.
func (v Value) quoted(addr, n uint64) (container, error) {
	b := make([]byte, min(n, maxPrettyString))
	if err := mem.ReadFull(v.W.At(nil, 0).space(), b, mem.Addr(addr)); err != nil {
		return container{}, err
	}
	s, data := quoteText(b), string(b)
	if n > maxPrettyString {
		s, data = s+"...", data+"..."
	}
	return container{text: s, data: data}, nil
}

func quoteText(b []byte) string { return fmt.Sprintf("%q", b) }

// firstArg is the first argument of a template name.
func firstArg(name string) string {
	i := strings.IndexByte(name, '<')
	if i < 0 {
		return ""
	}
	depth := 0
	for j := i + 1; j < len(name); j++ {
		switch name[j] {
		case '<', '(':
			depth++
		case ')':
			depth--
		case '>':
			if depth == 0 {
				return strings.TrimSpace(name[i+1 : j])
			}
			depth--
		case ',':
			if depth == 0 {
				return strings.TrimSpace(name[i+1 : j])
			}
		}
	}
	return ""
}

// args are the template arguments of a name.
func args(name string) []string {
	var l []string
	rest := name
	for {
		a := firstArg(rest)
		if a == "" {
			return l
		}
		l = append(l, a)
		i := strings.Index(rest, a)
		tail := strings.TrimSpace(rest[i+len(a):])
		if !strings.HasPrefix(tail, ",") {
			return l
		}
		rest = "<" + tail[1:]
	}
}
