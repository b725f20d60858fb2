package sym

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// Demangle gives the source form of a C++ (Itanium ABI), Rust (legacy and v0) or
// D name; a name that is none of these is returned as it is. Symbol versions
// ("@@GLIBCXX_3.4") are kept.
func Demangle(name string) string {
	return demangleWith(name)
}

// Flags of DemangleAs: what is kept of a demangled name. They are the bits of MDB's
// $g.
const (
	KeepQualifiers = 1 << iota // a leading static, trailing const and volatile
	KeepScope                  // ns::cls::
	KeepParams                 // (int, char)
	AddMangled                 // [_ZN..]
)

// DemangleAs is Demangle with parts of the name taken out as MDB does: the
// parameters are what is between the first and the last parenthesis, whatever
// they are part of. A name that is not mangled is returned as it is.
func DemangleAs(name string, flags uint32) string {
	full := Demangle(name)
	if full == name {
		return name
	}
	s := full
	if flags&KeepQualifiers == 0 {
		s = strings.TrimPrefix(s, "static ")
		for short := ""; short != s; {
			short = s
			s = strings.TrimSuffix(strings.TrimSuffix(s, " const"), " volatile")
		}
	}
	if flags&KeepParams == 0 && parenthesised(s) {
		s = demangleWith(name, demangle.NoParams)
	} else if flags&KeepParams == 0 {
		if l, r := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')'); l >= 0 && r > l {
			s = s[:l] + s[r+1:]
		}
	}
	if flags&KeepScope == 0 {
		s = withoutScope(s)
	}
	if flags&AddMangled != 0 {
		s += "[" + name + "]"
	}
	return s
}

// parenthesised tells a name with parentheses that are not those of its parameters.
func parenthesised(s string) bool {
	return strings.Contains(s, "(anonymous") || strings.Contains(s, "operator()") || strings.Contains(s, "{lambda(") ||
		strings.Contains(s, "decltype")
}

// withoutScope takes out what is between the first blank and the last colon
// before a parenthesis.
func withoutScope(s string) string {
	head := s
	if l := strings.IndexByte(s, '('); l >= 0 {
		head = s[:l]
	}
	colon := strings.LastIndexByte(head, ':')
	if colon < 0 {
		return s
	}
	blank := strings.IndexByte(head, ' ')
	if blank < 0 || blank > colon {
		return s[colon+1:]
	}
	return s[:blank+1] + s[colon+1:]
}

// maxMangled bounds what is given to the demangler: longer names are hostile or
// of no use to a reader.
const maxMangled = 4096

func demangleWith(name string, opts ...demangle.Option) string {
	if !Mangled(name) || len(name) > maxMangled {
		return name
	}
	bare, version := name, ""
	if i := strings.IndexByte(name, '@'); i > 0 {
		bare, version = name[:i], name[i:]
	}
	if isLegacyRust(bare) {
		bare = separateRust(bare)
	}
	opts = append(opts, demangle.MaxLength(14))
	out, err := demangle.ToString(bare, opts...)
	if err != nil {
		return name
	}
	return out + version
}

// Mangled tells whether name looks mangled.
func Mangled(name string) bool {
	return strings.HasPrefix(name, "_Z") || strings.HasPrefix(name, "_R") || strings.HasPrefix(name, "__Z")
}

// looksDemangled tells whether name can only be a demangled one: C cannot spell
// it.
func looksDemangled(name string) bool { return strings.ContainsAny(name, ":(<~ ") }

// byDemangled finds a defined symbol by its demangled name, with or without its
// parameters; the first in the table if there are several.
func (t *Table) byDemangled(name string) (Symbol, bool) {
	if t.Len() == 0 {
		return Symbol{}, false
	}
	hint := lastIdent(name)
	for i := range t.n {
		m := t.nameAt(t.nameOff(i))
		if !Mangled(m) || !strings.Contains(m, hint) {
			continue
		}
		s := t.raw(i)
		if !s.Defined() {
			continue
		}
		bare, _, _ := strings.Cut(m, "@")
		d, plain := Demangle(bare), demangleWith(bare, demangle.NoParams)
		if d == name || plain == name || withoutTags(d) == name || withoutTags(plain) == name {
			return t.At(i), true
		}
	}
	return Symbol{}, false
}

// withoutTags takes ABI tags ("f[abi:cxx11]") out of a demangled name: a source
// does not spell them.
func withoutTags(s string) string {
	for {
		i := strings.Index(s, "[abi:")
		if i < 0 {
			return s
		}
		j := strings.IndexByte(s[i:], ']')
		if j < 0 {
			return s
		}
		s = s[:i] + s[i+j+1:]
	}
}

// lastIdent is the identifier that names the function or variable itself, which
// a mangled form spells out; "" where it is none (operators).
func lastIdent(name string) string {
	depth := 0
	end := len(name)
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '<':
			depth++
		case '>':
			depth--
		case '(':
			if depth == 0 && i > 0 {
				end = i
				i = len(name)
			}
		}
	}
	head := name[:end]
	if i := strings.IndexByte(head, '<'); i >= 0 {
		head = head[:i]
	}
	start := len(head)
	for start > 0 && isIdent(head[start-1]) {
		start--
	}
	id := head[start:]
	if strings.HasPrefix(id, "operator") || strings.Contains(head, "operator") {
		return ""
	}
	return id
}

func isIdent(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
