package dwarf

import (
	stddwarf "debug/dwarf"
	"sort"
)

// class says what a name in the index stands for. C keeps tags, and everything
// else, in separate name spaces.
type class uint8

const (
	classOrdinary class = iota + 1 // typedef, base type
	classStruct
	classUnion
	classEnum
	classFunction
	classVariable

	classMask     class = 0x0f
	classDeclared class = 0x10 // a declaration without definition
	classTagless  class = 0x20 // language in which a struct's name needs no keyword
)

// classOf gives the class of the types in the index, 0 for other tags.
func classOf(t tag) class {
	switch t {
	case stddwarf.TagTypedef, stddwarf.TagBaseType, stddwarf.TagUnspecifiedType, stddwarf.TagTemplateAlias:
		return classOrdinary
	case stddwarf.TagStructType, stddwarf.TagClassType, stddwarf.TagInterfaceType:
		return classStruct
	case stddwarf.TagUnionType:
		return classUnion
	case stddwarf.TagEnumerationType:
		return classEnum
	}
	return 0
}

// hashName is FNV-1a, continued from h.
func hashName(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}

const hashStart uint64 = 0xcbf29ce484222325

// scopeSep stands between the names of a scope and what is in it.
const scopeSep = "::"

// anonymousNamespace is what a namespace without a name is called, as gdb and
// the demanglers do.
const anonymousNamespace = "(anonymous namespace)"

// scopeName is the name by which a DIE qualifies the names in it; "" if it does
// not.
func (e die) scopeName() string {
	n := e.fullName()
	if n == "" && e.tag() == stddwarf.TagNamespace {
		return anonymousNamespace
	}
	return n
}

// isScope tells the tags whose names qualify those of the types inside.
func isScope(t tag) bool {
	switch t {
	case stddwarf.TagNamespace, stddwarf.TagModule, stddwarf.TagStructType,
		stddwarf.TagClassType, stddwarf.TagInterfaceType, stddwarf.TagUnionType:
		return true
	}
	return false
}

// scope is a part of a unit whose names are qualified by name.
type scope struct {
	lo, hi  int // offsets from the unit's header; hi is past the last child
	outer   int // index of the enclosing scope, -1 for none
	name    string
	outside bool // declared elsewhere, where origin says
	origin  ref
}

// maxScopes bounds the depth of nested scopes.
const maxScopes = 128

// scopes lists the scopes of a unit in order of offset.
func (u *unit) scopes() []scope {
	u.scopesOnce.Do(func() {
		if !u.cLike && u.root.ab != nil {
			u.addScopes(u.root, -1, 0)
		}
	})
	return u.scopeList
}

func (u *unit) addScopes(parent die, outer, depth int) {
	if depth > maxScopes {
		return
	}
	// A malformed unit has the scopes before the malformed entry.
	_ = u.children(parent, func(e die) bool {
		if !e.ab.children || !isScope(e.ab.tag) {
			return true
		}
		hi, err := u.after(e)
		if err != nil {
			return false
		}
		s := scope{lo: e.off, hi: hi, outer: outer, name: e.scopeName()}
		if o, ok := e.origin(); ok {
			s.outside, s.origin = true, u.d.refTo(o)
		}
		u.scopeList = append(u.scopeList, s)
		u.addScopes(e, len(u.scopeList)-1, depth+1)
		return true
	})
}

// prefixAt gives what qualifies the name of the DIE at an offset: "" or scopes,
// each with "::" behind it.
func (u *unit) prefixAt(off int) string { return u.prefixDepth(off, 0) }

func (u *unit) prefixDepth(off, depth int) string {
	list := u.scopes()
	i := sort.Search(len(list), func(i int) bool { return list[i].lo >= off }) - 1
	for i >= 0 && off >= list[i].hi {
		i = list[i].outer
	}
	prefix := ""
	for ; i >= 0 && depth < maxScopes; depth++ {
		s := &list[i]
		if s.name != "" {
			prefix = s.name + scopeSep + prefix
		}
		if s.outside {
			if o, err := u.d.dieNear(u, s.origin); err == nil {
				return o.u.prefixDepth(o.off, depth+1) + prefix
			}
		}
		i = s.outer
	}
	return prefix
}

// qualifiedName is the name of a type, function or variable with its scopes:
// "ns::vec<int>". "" if it has none. The scopes are those of the declaration
// that the DIE completes.
func (e die) qualifiedName() string {
	name := ""
	for range maxOrigins {
		if name == "" {
			name = e.name()
		}
		o, ok := e.origin()
		if !ok {
			break
		}
		e = o
	}
	if name == "" {
		return ""
	}
	return e.u.prefixAt(e.off) + name
}

// leafName cuts the scopes off a qualified name: "vec<a::b>" of "ns::vec<a::b>".
func leafName(s string) string {
	depth := 0
	for i := len(s) - 1; i > 0; i-- {
		switch s[i] {
		case '>', ')', ']', '}':
			depth++
		case '<', '(', '[', '{':
			depth--
		case ':':
			if depth == 0 && s[i-1] == ':' {
				return s[i+1:]
			}
		}
	}
	return s
}

// classifySymbol tells whether a DIE describes a function or a variable.
func classifySymbol(e die) class {
	switch e.tag() {
	case stddwarf.TagSubprogram:
		return classFunction
	case stddwarf.TagVariable:
		return classVariable
	}
	return 0
}
