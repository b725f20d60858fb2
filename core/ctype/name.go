package ctype

import (
	"strconv"
	"strings"
)

// Name is a type name taken apart: "const struct foo *[3]" has Tag Struct, Base
// "foo" and the suffixes Pointer, Array of 3. Qualifiers are dropped, as MDB does
// when it looks a type up.
type Name struct {
	Tag    Kind // Struct, Union, Enum, or Unknown without a tag keyword
	Class  bool // the keyword was class: any of Struct and Union will do
	Base   string
	Suffix []Suffix // from the base outwards
}

// Suffix is one derivation in a type name.
type Suffix struct {
	Kind Kind   // Pointer, Array, Reference or RvalueReference
	N    uint64 // elements of an Array
}

const maxSuffixes = 32

// ParseName takes a type name apart. It knows C names, C++ names with template
// arguments ("ns::map<int, char *> *") and Go and Rust ones ("[]uint8",
// "alloc::vec::Vec<T, A>"). Without a name in it the error is ErrSyntax, with
// something else behind the name ErrNoType.
func ParseName(s string) (Name, error) {
	var n Name
	s = strings.TrimSpace(s)
	cut := suffixStart(s)
	base, rest := s[:cut], s[cut:]
	n.Base = n.words(base)
	if n.Base == "" {
		return n, ErrSyntax
	}
	if err := n.suffixes(rest); err != nil {
		return n, ErrNoType // to MDB it is a name that nobody has
	}
	return n, nil
}

// suffixStart is where the derivations begin: behind the last character that
// belongs to the name, brackets of templates and of Go's types included.
func suffixStart(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '<', '(', '{':
			depth++
		case '>', ')', '}':
			if depth > 0 {
				depth--
			}
		case '*', '&':
			if depth == 0 && i > 0 {
				return i
			}
		case '[':
			j := strings.IndexByte(s[i:], ']')
			if depth == 0 && i > 0 && !goBracket(s[:i], s[i+j+1:]) {
				return i
			}
			if j > 0 {
				i += j
			}
		}
	}
	return len(s)
}

// goBracket tells a bracket that is part of a name such as "map[string]int",
// "struct []uint8" or a generic "pkg.List[int]".
func goBracket(before, after string) bool {
	after = strings.TrimLeft(after, "*")
	return strings.HasSuffix(before, "map") || strings.Contains(before, ".") || after != "" && isWord(after[0])
}

// words reads the words of the base name: a tag keyword, qualifiers, the rest.
func (n *Name) words(s string) string {
	var keep []string
	for i, w := range splitWords(s) {
		switch w {
		case "const", "volatile", "restrict", "_Atomic", "static", "register", "auto":
			continue
		case "struct", "union", "enum", "class":
			if len(keep) == 0 && n.Tag == Unknown && (i > 0 || len(s) > len(w)) {
				n.Tag = map[string]Kind{"struct": Struct, "union": Union, "enum": Enum, "class": Struct}[w]
				n.Class = w == "class"
				continue
			}
		}
		keep = append(keep, w)
	}
	return strings.Join(keep, " ")
}

// splitWords splits at blanks that are not inside brackets.
func splitWords(s string) []string {
	var words []string
	depth, start := 0, -1
	for i := range len(s) {
		switch c := s[i]; {
		case depth == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'):
			if start >= 0 {
				words = append(words, s[start:i])
			}
			start = -1
			continue
		case c == '<' || c == '(' || c == '{' || c == '[':
			depth++
		case (c == '>' || c == ')' || c == '}' || c == ']') && depth > 0:
			depth--
		}
		if start < 0 {
			start = i
		}
	}
	if start >= 0 {
		words = append(words, s[start:])
	}
	return words
}

// suffixes reads "*", "&", "&&", "[n]" and qualifiers between them.
func (n *Name) suffixes(s string) error {
	for {
		s = strings.TrimLeft(s, " \t\n\r\v\f")
		if s == "" {
			break
		}
		if len(n.Suffix) == maxSuffixes {
			return ErrSyntax
		}
		switch {
		case s[0] == '*':
			n.Suffix, s = append(n.Suffix, Suffix{Kind: Pointer}), s[1:]
		case strings.HasPrefix(s, "&&"):
			n.Suffix, s = append(n.Suffix, Suffix{Kind: RvalueReference}), s[2:]
		case s[0] == '&':
			n.Suffix, s = append(n.Suffix, Suffix{Kind: Reference}), s[1:]
		case s[0] == '[':
			num, rest, ok := strings.Cut(s[1:], "]")
			if !ok {
				return ErrSyntax
			}
			v, err := strconv.ParseUint(strings.TrimSpace(num), 0, 32)
			if err != nil && strings.TrimSpace(num) != "" {
				return ErrSyntax
			}
			n.Suffix, s = append(n.Suffix, Suffix{Kind: Array, N: v}), rest
		default:
			rest := s
			for _, q := range []string{"const", "volatile", "restrict", "_Atomic"} {
				rest = strings.TrimPrefix(rest, q)
			}
			if rest == s || rest != "" && isWord(rest[0]) {
				return ErrSyntax
			}
			s = rest
		}
	}
	n.orderArrays()
	return nil
}

// orderArrays turns runs of array suffixes round: in "int [2][3]" the inner type
// is int [3].
func (n *Name) orderArrays() {
	for i := 0; i < len(n.Suffix); {
		j := i
		for j < len(n.Suffix) && n.Suffix[j].Kind == Array {
			j++
		}
		for a, b := i, j-1; a < b; a, b = a+1, b-1 {
			n.Suffix[a], n.Suffix[b] = n.Suffix[b], n.Suffix[a]
		}
		i = max(j, i+1)
	}
}

// Form derives pointers and arrays from a base type as the suffixes say.
func (n *Name) Form(t *Type) *Type {
	for _, s := range n.Suffix {
		t = Derive(t, s.Kind, s.N)
	}
	return t
}

// Derive makes a pointer to t, a reference to it, or an array of n of it, in
// t's container.
func Derive(t *Type, k Kind, n uint64) *Type {
	return New(t.Container(), 0, k, "", &Body{Elem: t, Count: n})
}
