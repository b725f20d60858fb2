package ctype

import (
	"fmt"
	"strings"
)

// Path is a member path such as "a.b->c[3]", compiled against a type once and
// then followed from any number of addresses: a list of additions and pointer
// reads. What is wrong with a path shows when it is followed, after the reads
// that come before it, as in MDB.
type Path struct {
	Text string // as written
	Type *Type  // of what the path leads to, typedefs not resolved
	Bits uint32 // width if it is a bit-field, else 0
	Off  uint32 // bit offset in the byte the path leads to, 0 to 7

	// Deref tells that the path ends in "[0]" on a pointer member, which
	// prints as "->".
	Deref bool

	Steps []Step
	Err   error // what is wrong after Steps, a *PathError or ErrNoMember wrapped
}

// Step is one step of a path: read a pointer if Ptr is not 0, then add Add.
// Warn is said on the way.
type Step struct {
	Ptr  uint8 // width of the pointer to read, bytes
	Add  uint64
	Warn string
}

// PathError is a path that cannot be followed. It stands for itself: MDB prints
// it without a reason behind it.
type PathError struct{ Msg string }

func (e *PathError) Error() string { return e.Msg }

// NoMemberError says that a type lacks a member.
type NoMemberError struct {
	Member string
	Type   string
	Err    error // ErrNoMember or ErrNotStruct
}

func (e *NoMemberError) Error() string {
	return fmt.Sprintf("failed to find member %s of %s: %v", e.Member, e.Type, e.Err)
}

func (e *NoMemberError) Unwrap() error { return e.Err }

// PathOptions are what a path needs of its surroundings.
type PathOptions struct {
	// Forward finds the definition of a structure that is only declared in its
	// container; nil means there is no other place to look.
	Forward func(*Type) *Type
	// Number reads the text of an array index. nil reads C numbers.
	Number func(string) (uint64, error)
	// Radix formats a number in messages; nil is hexadecimal.
	Radix func(uint64) string
}

// CompilePath compiles a path from a value of type t. The error is that of
// Number; whatever else is wrong is in the Path.
func CompilePath(t *Type, text string, o PathOptions) (*Path, error) {
	c := pathCompiler{o: o, p: &Path{Text: text, Type: t}, t: t, r: o.resolve(t), rest: text}
	err := c.run()
	c.flush()
	c.p.Type = c.t
	return c.p, err
}

// resolve strips typedefs and goes from a declaration to its definition.
func (o *PathOptions) resolve(t *Type) *Type {
	r := t.Resolve()
	if r.Kind() == Forward && o.Forward != nil {
		if d := o.Forward(r); d != nil {
			return d.Resolve()
		}
	}
	return r
}

type delim uint8

const (
	delimEnd delim = iota
	delimBad
	delimDot
	delimArrow
	delimIndex
)

type pathCompiler struct {
	o    PathOptions
	p    *Path
	t    *Type // as named, for messages
	r    *Type // resolved
	add  uint64
	rest string
	seen bool // a member has been named
}

// delim takes the separator at the start of the rest of the path.
func (c *pathCompiler) delim() delim {
	switch {
	case c.rest == "":
		return delimEnd
	case c.rest[0] == '.':
		c.rest = c.rest[1:]
		return delimDot
	case c.rest[0] == '[':
		c.rest = c.rest[1:]
		return delimIndex
	case strings.HasPrefix(c.rest, "->"):
		c.rest = c.rest[2:]
		return delimArrow
	}
	return delimBad
}

func (c *pathCompiler) run() error {
	d := c.delim()
	if d == delimBad { // a path may start with the bare member name
		d = delimDot
		if c.r.Kind() == Pointer {
			d = delimArrow
		}
	}
	for ; d != delimEnd && c.p.Err == nil; d = c.delim() {
		switch d {
		case delimIndex:
			if err := c.index(); err != nil {
				return err
			}
			continue
		case delimArrow:
			if !c.r.Kind().IsPointer() {
				c.fail("%s is not a pointer type", c.t)
				continue
			}
			c.deref()
		case delimDot:
			if c.r.Kind() == Reference || c.r.Kind() == RvalueReference {
				c.deref()
			}
			if !c.r.Kind().IsStruct() {
				c.fail("%s is not a struct or union type", c.t)
				continue
			}
		default:
			c.fail("'%c' is not a valid delimiter", c.rest[0])
			continue
		}
		c.member()
	}
	return nil
}

func (c *pathCompiler) fail(format string, args ...any) {
	c.p.Err = &PathError{fmt.Sprintf(format, args...)}
}

// flush ends the run of additions.
func (c *pathCompiler) flush() {
	if c.add != 0 {
		c.p.Steps = append(c.p.Steps, Step{Add: c.add})
		c.add = 0
	}
}

// deref reads the pointer the path is at and goes to what it points to.
func (c *pathCompiler) deref() {
	c.flush()
	c.p.Steps = append(c.p.Steps, Step{Ptr: uint8(c.r.Size())})
	c.setType(c.r.Elem(), 0, 0)
}

func (c *pathCompiler) setType(t *Type, bits, off uint32) {
	c.t, c.r = t, c.o.resolve(t)
	c.p.Bits, c.p.Off = bits, off
}

func (c *pathCompiler) member() {
	c.p.Deref, c.seen = false, true
	n := memberLen(c.rest)
	name := c.rest[:n]
	c.rest = c.rest[n:]
	m, err := c.r.FindMember(name)
	if base, ok := c.base(name); ok {
		m, err = base, nil
	}
	if err == nil && name == "" { // not the first anonymous member
		err = ErrNoMember
	}
	if err != nil {
		c.p.Err = &NoMemberError{name, c.t.String(), err}
		return
	}
	c.add += m.Off / 8
	c.setType(m.Type, m.Bits, uint32(m.Off%8))
}

// memberLen is the length of the member name that s begins with: at least one
// character, whatever it is. A base class is written as it is printed, "<Base>".
func memberLen(s string) int {
	if strings.HasPrefix(s, "<") {
		depth := 0
		for i := range len(s) {
			switch s[i] {
			case '<':
				depth++
			case '>':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	n := min(1, len(s))
	for n < len(s) && isWord(s[n]) {
		n++
	}
	return n
}

// base finds a base class by "<its name>".
func (c *pathCompiler) base(name string) (Member, bool) {
	if !strings.HasPrefix(name, "<") {
		return Member{}, false
	}
	for _, m := range c.r.Members() {
		if m.Base && name == "<"+m.Type.Name()+">" {
			return m, true
		}
	}
	return Member{}, false
}

func isWord(b byte) bool {
	return b == '_' || b == '$' || b >= 0x80 || '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}

// index handles "n]": on a pointer it reads the pointer and goes n elements on,
// on an array it goes n elements on.
func (c *pathCompiler) index() error {
	num, rest, ok := strings.Cut(c.rest, "]")
	if !ok {
		c.fail("no trailing ']'")
		return nil
	}
	v, err := c.number(num)
	if err != nil {
		return err
	}
	i := uint64(uint32(v)) // MDB's index is an unsigned int
	c.rest = rest
	var warn string
	switch c.r.Kind() {
	case Pointer:
		c.deref()
		if i == 0 && c.seen {
			c.p.Deref = true
		}
	case Array:
		if n := c.r.Count(); i >= n {
			warn = fmt.Sprintf("index %s is outside of array bounds [0 .. %s]",
				c.radix(i), c.radix(uint64(uint32(n-1))))
		}
		c.setType(c.r.Elem(), 0, 0)
	default:
		c.fail("cannot index into non-array, non-pointer type")
		return nil
	}
	if warn != "" {
		c.flush()
		c.p.Steps = append(c.p.Steps, Step{Warn: warn})
	}
	size := c.o.size(c.r)
	if size == 0 {
		c.fail("cannot dereference void type")
		return nil
	}
	c.add += i * size
	return nil
}

func (o *PathOptions) size(t *Type) uint64 { return o.resolve(t).Size() }

func (c *pathCompiler) number(s string) (uint64, error) {
	if c.o.Number != nil {
		return c.o.Number(s)
	}
	var v uint64
	if _, err := fmt.Sscanf(s, "%v", &v); err != nil {
		return 0, fmt.Errorf("array index %q: not a number", s)
	}
	return v, nil
}

func (c *pathCompiler) radix(v uint64) string {
	if c.o.Radix != nil {
		return c.o.Radix(v)
	}
	return fmt.Sprintf("%x", v)
}

// PathAt finds the innermost member at a byte offset into t: the path to it, its
// type, and how many bits the offset is beyond the member's start. ok is false
// where there is none (a hole, beyond the end).
func PathAt(t *Type, byteOff uint64, o PathOptions) (text string, at *Type, beyond uint64, ok bool) {
	off := byteOff * 8
	if byteOff > 1<<56 || o.size(t)*8 <= off {
		return "", nil, 0, false
	}
	var b strings.Builder
	for dot := false; off != 0; dot = true {
		r := o.resolve(t)
		switch r.Kind() {
		case Array:
			size := o.size(r.Elem()) * 8
			if size == 0 {
				return "", nil, 0, false
			}
			fmt.Fprintf(&b, "[%d]", off/size)
			t, off = r.Elem(), off%size
		case Struct:
			m, found := memberAt(r, off)
			if !found {
				return "", nil, 0, false
			}
			if dot {
				b.WriteByte('.')
			}
			b.WriteString(m.Name)
			t, off = m.Type, off-m.Off
		case Union, Integer, Float, Pointer, Enum:
			return b.String(), t, off, true
		default:
			return "", nil, 0, false
		}
	}
	return b.String(), t, 0, true
}

func memberAt(t *Type, off uint64) (Member, bool) {
	for _, m := range t.Members() {
		size := m.Type.Size() * 8
		if m.Bits != 0 {
			size = uint64(m.Bits)
		}
		if m.Off <= off && off < m.Off+size {
			return m, true
		}
	}
	return Member{}, false
}
