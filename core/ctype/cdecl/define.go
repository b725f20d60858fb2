package cdecl

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
)

// Error is what is wrong with a definition, in MDB's words.
type Error struct {
	Text string
	// Late tells that the definition was understood and failed while its types
	// were made: MDB counts such a ::typedef as successful.
	Late bool
}

func (e *Error) Error() string { return e.Text }

func fail(format string, args ...any) error { return &Error{Text: fmt.Sprintf(format, args...)} }
func late(format string, args ...any) error {
	return &Error{Text: fmt.Sprintf(format, args...), Late: true}
}

// maxMembers is what a structure in the CTF format can have.
const maxMembers = 1023

type member struct {
	typ, name string
	ptrs      int
	array     bool
	count     int64
}

type definition struct {
	kind    ctype.Kind
	tag     string
	members []member
}

// Define makes the structure or union that text describes, with name as its
// typedef. lookup finds types by name, those of this container included.
// The error is an *Error.
func (c *Types) Define(text, name string, lookup func(string) (*ctype.Type, error)) error {
	d, err := parse(text, func(tagged string) bool {
		_, err := lookup(tagged)
		return err == nil
	})
	if err != nil {
		return err
	}
	if err := d.validate(); err != nil {
		return err
	}
	if _, err := lookup(name); err == nil {
		return fail("typedef name %s already exists", name)
	}
	body := &ctype.Body{}
	t := c.make(d.kind, d.tag, body)
	for i := range d.members {
		if err := c.addMember(t, body, &d.members[i], lookup); err != nil {
			c.remove(t)
			return err
		}
	}
	c.AddTypedef(name, t)
	return nil
}

// parse takes a definition apart. known tells whether a type name is taken.
func parse(text string, known func(string) bool) (*definition, error) {
	keyword, rest, ok := strings.Cut(text, " ")
	if !ok {
		return nil, fail("Invalid structure definition. Structure must start with either 'struct {' or 'union {'")
	}
	d := &definition{}
	switch keyword {
	case "struct":
		d.kind = ctype.Struct
	case "union":
		d.kind = ctype.Union
	default:
		return nil, fail("Invalid start of definition. Expected 'struct' or 'union'. Found: '%s'", keyword)
	}
	rest = strings.TrimLeft(rest, " ")
	if !strings.HasPrefix(rest, "{") {
		tag, _, ok := strings.Cut(rest, "{")
		if !ok {
			found := ""
			if rest != "" {
				found = rest[:1]
			}
			return nil, fail("Missing opening brace for %s definition. Expected '{'. Found: '%s'", text, found)
		}
		rest = rest[len(tag):]
		if tag = strings.TrimRight(tag, " "); !identifier(tag) {
			return nil, fail("The name %s is not a valid C identifier.", tag)
		}
		if known(keyword + " " + tag) {
			return nil, fail("type name %s %s already in use", keyword, tag)
		}
		d.tag = tag
	}
	rest = strings.TrimLeft(rest[1:], " ")
	rest, ok = strings.CutSuffix(rest, "}")
	if !ok {
		return nil, fail("Missing closing brace for %s declaration. Expected '}'.", keyword)
	}
	for first := true; first || rest != ""; first = false {
		m, next, err := parseMember(rest)
		if err != nil {
			return nil, err
		}
		if d.members = append(d.members, m); len(d.members) > maxMembers {
			return nil, fail("failed to create member %s", m.name)
		}
		rest = strings.TrimLeft(next, " ")
	}
	return d, nil
}

// parseMember takes one "type name;" off the front.
func parseMember(s string) (m member, rest string, err error) {
	decl, rest, ok := strings.Cut(s, ";")
	if !ok {
		return m, "", fail("Cannot find semi-colon to delineate the end of a member.")
	}
	blank := strings.LastIndexByte(decl, ' ')
	if blank < 0 {
		return m, "", fail("Missing both a name and a type declaration for a member. Instead, found '%s'", decl)
	}
	name := decl[blank+1:]
	m.typ = strings.TrimRight(decl[:blank], "* ")
	m.ptrs = strings.Count(decl[len(m.typ):blank], "*")
	for strings.HasPrefix(name, "*") {
		name = name[1:]
		m.ptrs++
	}
	if open := strings.IndexByte(name, '['); open >= 0 {
		length, _, ok := strings.Cut(name[open+1:], "]")
		if !ok {
			return m, "", fail("Found the beginning of an array size but no closing ']' in %s", name[open:])
		}
		name = name[:open]
		m.array, m.count = true, arrayLength(length)
		if m.count < 0 {
			return m, "", fail("Array lengths cannot be negative")
		}
	}
	if !identifier(name) {
		return m, "", fail("The name %s is not a valid C identifier.", name)
	}
	m.name = name
	return m, rest, nil
}

// arrayLength reads a C number; nonsense counts as 0.
func arrayLength(s string) int64 {
	n, err := strconv.ParseInt(s, 0, 32)
	if err != nil {
		return 0
	}
	return n
}

func identifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && !('a' <= c|0x20 && c|0x20 <= 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// validate checks what needs no types: names twice, flexible arrays.
func (d *definition) validate() error {
	seen := map[string]bool{}
	for i, m := range d.members {
		if seen[m.name] {
			return fail("duplicate name detected: %s", m.name)
		}
		seen[m.name] = true
		if !m.array || m.count != 0 {
			continue
		}
		switch {
		case d.kind != ctype.Struct:
			return fail("Flexible array members are only valid in structs.")
		case i != len(d.members)-1:
			return fail("Flexible array entries are only allowed to be the last entry in a struct")
		case i == 0:
			return fail("Structs must have members aside from a flexible member")
		}
	}
	return nil
}

// addMember makes the member's type and puts it where it belongs.
func (c *Types) addMember(s *ctype.Type, b *ctype.Body, m *member, lookup func(string) (*ctype.Type, error)) error {
	t, err := lookup(m.typ)
	if err != nil {
		return late("failed to add member %s: type %s does not exist", m.name, m.typ)
	}
	for range m.ptrs {
		t = c.make(ctype.Pointer, "", &ctype.Body{Elem: t, Size: uint64(c.ptrSize)})
	}
	if m.array {
		index, err := lookup("long")
		if err != nil {
			return late("failed to lookup the type 'long' for array indexes, " +
				"are you running mdb without a target or using ::typedef -c?")
		}
		t = c.make(ctype.Array, "", &ctype.Body{Elem: t, Count: uint64(m.count), Index: index, Flexible: m.count == 0})
	}
	if t.Resolve() == s {
		return late("failed to create member %s", m.name)
	}
	off := uint64(0)
	if n := len(b.Members); n > 0 && s.Kind() == ctype.Struct {
		last := b.Members[n-1]
		a := max(c.align(t, new(int)), 1)
		off = (last.Off/8 + width(last.Type) + a - 1) / a * a
	}
	b.Members = append(b.Members, ctype.Member{Name: m.name, Type: t, Off: off * 8})
	b.Size = max(b.Size, off+t.Size())
	return nil
}

// width is the room a member takes, bytes: of an integer that of its bits.
func width(t *ctype.Type) uint64 {
	if r := t.Resolve(); r.Kind() == ctype.Integer || r.Kind() == ctype.Float {
		return uint64(r.Enc().Bits+7) / 8
	}
	return t.Size()
}

// maxVisits bounds the types that are looked into for an alignment.
const maxVisits = 10000

// align is the alignment as the CTF library has it: of a structure only the
// first member counts.
func (c *Types) align(t *ctype.Type, visits *int) uint64 {
	r := t.Resolve()
	if *visits++; *visits > maxVisits {
		return 1
	}
	switch r.Kind() {
	case ctype.Pointer, ctype.Function:
		return uint64(c.ptrSize)
	case ctype.Array:
		return c.align(r.Elem(), visits)
	case ctype.Struct:
		if ms := r.Members(); len(ms) > 0 {
			return c.align(ms[0].Type, visits)
		}
		return 0
	case ctype.Union:
		most := uint64(0)
		for _, m := range r.Members() {
			most = max(most, c.align(m.Type, visits))
		}
		return most
	}
	return r.Size()
}
