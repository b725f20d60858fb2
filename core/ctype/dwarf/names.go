package dwarf

import (
	stddwarf "debug/dwarf"
	"strings"
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

// scope is a part of a unit whose names are qualified by prefix, which ends in
// "::" if it is not empty.
type scope struct {
	lo, hi int // offsets from the unit's header; hi is past the last child
	outer  int // index of the enclosing scope, -1 for none
	prefix string
}

// maxScopes bounds the depth of nested scopes.
const maxScopes = 128

// scopes lists the scopes of a unit in order of offset.
func (u *unit) scopes() []scope {
	u.scopesOnce.Do(func() {
		if !u.cLike && u.root.ab != nil {
			u.addScopes(u.root, -1, "", 0)
		}
	})
	return u.scopeList
}

func (u *unit) addScopes(parent die, outer int, prefix string, depth int) {
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
		in := e.qualify(prefix)
		n := len(u.scopeList)
		u.scopeList = append(u.scopeList, scope{lo: e.off, hi: hi, outer: outer, prefix: in})
		u.addScopes(e, n, in, depth+1)
		return true
	})
}

// qualify gives the prefix of the names inside the DIE, which itself stands in a
// scope with the given prefix.
func (e die) qualify(prefix string) string {
	n := e.scopeName()
	if n == "" {
		return prefix
	}
	if o, ok := e.origin(); ok && e.name() == "" {
		prefix = o.u.prefixAt(o.off) // a class defined outside the one it is declared in
	}
	return prefix + n + scopeSep
}

// prefixAt gives what qualifies the name of the DIE at an offset.
func (u *unit) prefixAt(off int) string {
	list := u.scopes()
	lo, hi := 0, len(list)
	for lo < hi {
		if mid := (lo + hi) / 2; list[mid].lo < off {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for i := lo - 1; i >= 0; i = list[i].outer {
		if off < list[i].hi {
			return list[i].prefix
		}
	}
	return ""
}

// qualifiedName is the name of a type, function or variable with its scopes:
// "ns::vec<int>". "" if it has none.
func (e die) qualifiedName() string {
	for range maxOrigins {
		if n := e.name(); n != "" {
			return e.u.prefixAt(e.off) + n
		}
		o, ok := e.origin()
		if !ok {
			break
		}
		e = o
	}
	return ""
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

// canonicalBase spells a C integer type as C programmers and CTF do: the
// compilers' "long unsigned int" is "unsigned long". Other names are returned
// as they are.
func canonicalBase(name string) string {
	var long, short, char, integer, signed, unsigned int
	for w := range strings.FieldsSeq(name) {
		switch w {
		case "long":
			long++
		case "short":
			short++
		case "char":
			char++
		case "int":
			integer++
		case "signed":
			signed++
		case "unsigned":
			unsigned++
		default:
			return name
		}
	}
	if long > 2 || short > 1 || char > 1 || integer > 1 || signed+unsigned > 1 ||
		min(long, 1)+short+char > 1 || char+integer > 1 {
		return name
	}
	var s string
	switch {
	case char == 1:
		if s = "char"; signed == 1 {
			s = "signed char"
		}
	case short == 1:
		s = "short"
	case long == 1:
		s = "long"
	case long == 2:
		s = "long long"
	case integer+signed+unsigned > 0:
		s = "int"
	default:
		return name
	}
	if unsigned == 1 {
		s = "unsigned " + s
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
