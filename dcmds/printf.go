package dcmds

import (
	"errors"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/value"
)

func printfDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "printf", Usage: "?format type member ...", Descr: "print and format the member(s) of a data structure",
		Help: printfHelp,
		Run:  runPrintf, Complete: completePrintf,
	}}
}

const printfHelp = `Prints members of what lies at the address as the format says, a conversion for
each member. Members are written as for ::print; the member "." is the address
itself. Escapes such as \n are known in double quotation marks only.

  %%   a percent sign
  %a   a pointer, as a symbol and offset        %p   in hexadecimal
  %d   an integer, in decimal                   %u   unsigned
  %x %X %o   unsigned, in hex or octal          %q   signed octal
  %r   unsigned, in the output radix            %R   signed
  %H   a size that people can read
  %s   a string: of a pointer, an array of characters, the name of an enum's value
  %I   an IPv4 address (32 bits)                %N   an IPv6 address (in6_addr_t)
  %Y   a time: year month day HH:MM:SS

A number between % and the letter is the width, ? that of a pointer; - before it
puts the text at the left, 0 fills up with zeros.

  ::walk proc | ::printf "%-6d %s\n" proc_t p_pidp->pid_id p_user.u_psargs
`

// conversion prints one member. format is the text before it and the conversion.
type conversion func(f *printfPlan, c *core.Ctx, acc *value.Access, sp mem.Space, a uint64, format string) error

type printfItem struct {
	format string
	conv   conversion
	number bool // takes "."
	member string
	acc    *value.Access // nil for "."
	err    error         // what is wrong with the path
}

// printfPlan is what a ::printf does, worked out once a stage.
type printfPlan struct {
	world *value.World
	items []printfItem
	tail  string
	size  uint64
}

func runPrintf(c *core.Ctx) error {
	plan, ok := c.State.(*printfPlan)
	if !ok {
		if !c.HasAddr {
			return core.ErrUsage
		}
		var err error
		if plan, err = planPrintf(c); err != nil {
			return err
		}
		c.State = plan
	}
	for i := range plan.items {
		if err := plan.item(c, &plan.items[i]); err != nil {
			return err
		}
	}
	c.P.WriteString(plan.tail)
	c.SetDot(c.Addr + plan.size)
	return nil
}

func planPrintf(c *core.Ctx) (*printfPlan, error) {
	if len(c.Args) == 0 || c.Args[0].IsImm {
		c.Warnf("expected a format string")
		return nil, core.ErrAbort
	}
	p := &printfPlan{world: c.World()}
	if err := p.parse(c, c.Args[0].Str); err != nil {
		return nil, err
	}
	name, words, err := typeName(c, c.Args[1:])
	if err != nil {
		return nil, err
	}
	t, err := c.LookupType(name)
	if err != nil && c.Type != nil { // the pipe knows the type: the word is a member
		t, words, err = c.Type, c.Args[len(c.Args)-len(words)-1:], nil
	}
	if err != nil {
		c.Warn(err, "failed to look up type %s", name)
		return nil, core.ErrAbort
	}
	p.size = p.world.Size(t)
	return p, p.bind(c, t, words)
}

// bind gives each conversion its member.
func (p *printfPlan) bind(c *core.Ctx, t *ctype.Type, words []core.Arg) error {
	if len(words) == 0 {
		c.Warnf("at least one member must be specified")
		return core.ErrUsage
	}
	if n := len(p.items); n != len(words) {
		what := "extra"
		if len(words) > n {
			what = "missing"
		}
		c.Warnf("%s format specifiers (found %d, expected %d)", what, n, len(words))
		return core.ErrAbort
	}
	for i, w := range words {
		it := &p.items[i]
		it.member = w.Str
		if w.IsImm || w.Str == "." {
			continue // an immediate is refused when it is its turn
		}
		path, err := p.world.Compile(t, w.Str)
		if err != nil {
			it.err = err // reported in its turn
			continue
		}
		it.acc = value.NewAccess(p.world, path)
	}
	return nil
}

// parse splits a format into pieces that end in a conversion, with the size
// letters that the dialect wants.
func (p *printfPlan) parse(c *core.Ctx, format string) error {
	const (
		plain = iota
		percent
		left
		width
		pointer
	)
	var piece strings.Builder
	state := plain
	for i := range len(format) {
		b := format[i]
		digit := '0' <= b && b <= '9'
		next := -1
		switch {
		case state == plain && b != '%', state == percent && b == '%':
			next = plain
		case state == plain:
			next = percent
		case state == percent && b == '-':
			next = left
		case state != pointer && digit:
			next = width
		case (state == percent || state == left) && b == '?':
			next = pointer
		}
		if next >= 0 {
			piece.WriteByte(b)
			state = next
			continue
		}
		it, ok := conversions[b]
		if !ok {
			c.Warnf("illegal format string at or near '%c' (position %d)", b, i+1)
			return core.ErrAbort
		}
		it.format = piece.String() + it.format
		p.items = append(p.items, it)
		piece.Reset()
		state = plain
	}
	p.tail = piece.String()
	return nil
}

var conversions = map[byte]printfItem{
	'a': {format: "a", conv: (*printfPlan).pointer, number: true},
	'A': {format: "A", conv: (*printfPlan).pointer, number: true},
	'p': {format: "p", conv: (*printfPlan).pointer, number: true},
	'd': {format: "lld", conv: (*printfPlan).signed, number: true},
	'q': {format: "llq", conv: (*printfPlan).signed, number: true},
	'R': {format: "llR", conv: (*printfPlan).signed, number: true},
	'H': {format: "llH", conv: (*printfPlan).unsigned, number: true},
	'o': {format: "llo", conv: (*printfPlan).unsigned, number: true},
	'r': {format: "llr", conv: (*printfPlan).unsigned, number: true},
	'u': {format: "llu", conv: (*printfPlan).unsigned, number: true},
	'x': {format: "llx", conv: (*printfPlan).unsigned, number: true},
	'X': {format: "llX", conv: (*printfPlan).unsigned, number: true},
	'Y': {format: "Y", conv: (*printfPlan).unsigned, number: true},
	'I': {format: "I", conv: (*printfPlan).inet4},
	'N': {format: "N", conv: (*printfPlan).inet6},
	's': {format: "s", conv: (*printfPlan).text},
}

// item prints one member.
func (p *printfPlan) item(c *core.Ctx, it *printfItem) error {
	switch {
	case it.member == ".":
		if !it.number {
			c.Warnf("expected integer or pointer format specifier for '.'")
			return core.ErrAbort
		}
		c.Printf(it.format, c.Dot())
		return nil
	case it.err != nil:
		return badPath(c, it.err)
	case it.acc == nil:
		c.Warnf("expected only type member arguments")
		return core.ErrAbort
	}
	a, sp, err := it.acc.Follow(p.world.Space, c.Addr, func(s string) { c.Warnf("%s", s) })
	if err != nil {
		reportPath(c, err)
		return core.ErrAbort
	}
	if err := it.conv(p, c, it.acc, sp, a, it.format); err != nil {
		c.Warnf("failed to print member '%s'", it.member)
		return err
	}
	return nil
}

func refuseMember(c *core.Ctx, text string) error {
	c.Warnf("%s", text)
	return core.ErrAbort
}

func (p *printfPlan) signed(c *core.Ctx, acc *value.Access, sp mem.Space, a uint64, format string) error {
	return p.integer(c, acc, sp, a, format, true)
}

func (p *printfPlan) unsigned(c *core.Ctx, acc *value.Access, sp mem.Space, a uint64, format string) error {
	return p.integer(c, acc, sp, a, format, false)
}

func (p *printfPlan) integer(c *core.Ctx, acc *value.Access, sp mem.Space, a uint64, format string, sign bool) error {
	if acc.Base.Kind() != ctype.Integer {
		return refuseMember(c, "expected integer type")
	}
	e, _ := acc.Encoding()
	v, err := acc.Load(sp, a)
	if err != nil {
		return c.Warn(err, "failed to read %lu bytes at %p", uint64(acc.Path.Off+e.Bits+7)/8, a)
	}
	shift := 64 - min(e.Bits, 64)
	if v <<= shift; sign && e.Signed {
		v = uint64(int64(v) >> shift)
	} else {
		v >>= shift
	}
	c.Printf(format, v)
	return nil
}

func (p *printfPlan) pointer(c *core.Ctx, acc *value.Access, sp mem.Space, a uint64, format string) error {
	if !acc.Base.Kind().IsPointer() {
		return refuseMember(c, "expected pointer type")
	}
	v, err := acc.Load(sp, a)
	if err != nil {
		return c.Warn(err, "failed to read pointer at %llx", a)
	}
	c.Printf(format, v)
	return nil
}

func (p *printfPlan) inet4(c *core.Ctx, acc *value.Access, sp mem.Space, a uint64, format string) error {
	e, ok := acc.Encoding()
	if !ok || acc.Base.Kind() != ctype.Integer || e.Bits/8 != 4 {
		return refuseMember(c, "expected 32-bit integer type")
	}
	var b [4]byte
	if err := mem.ReadFull(sp, b[:], mem.Addr(a)); err != nil {
		return c.Warn(err, "failed to read 32-bit value at %p", a)
	}
	c.Printf(format, b)
	return nil
}

func (p *printfPlan) inet6(c *core.Ctx, acc *value.Access, sp mem.Space, a uint64, format string) error {
	if name := acc.Base.String(); name != "struct in6_addr" {
		t, err := c.LookupType("in6_addr_t")
		if err != nil {
			return refuseMember(c, "could not resolve in6_addr_t type")
		}
		if p.world.Resolve(t).String() != name {
			return refuseMember(c, "requires argument of type in6_addr_t")
		}
	}
	var b [16]byte
	if err := mem.ReadFull(sp, b[:], mem.Addr(a)); err != nil {
		return c.Warn(err, "couldn't read in6_addr_t at %p", a)
	}
	c.Printf(format, b)
	return nil
}

const maxPrintfText = 1023

// text prints a string, or the name of an enum's value.
func (p *printfPlan) text(c *core.Ctx, acc *value.Access, sp mem.Space, a uint64, format string) error {
	v := value.Value{Type: acc.Path.Type, W: p.world, Space: sp, Addr: mem.Addr(a), Off: acc.Path.Off, Bits: acc.Path.Bits}
	switch k := acc.Base.Kind(); {
	case k.IsPointer():
		ptr, err := acc.Load(sp, a)
		if err != nil {
			return c.Warn(err, "failed to read pointer at %llx", a)
		}
		s, err := mem.ReadString(p.world.Space, mem.Addr(ptr), maxPrintfText)
		if err != nil && s == "" && !errors.Is(err, mem.ErrEOF) {
			return c.Warn(err, "failed to read string at %llx", ptr)
		}
		c.Printf(format, s)
		return nil
	case k == ctype.Enum:
		return p.enumName(c, v, format)
	case k != ctype.Array:
		return refuseMember(c, "exepected pointer or array type") // sic
	}
	if p.world.Size(acc.Base.Elem()) != 1 {
		return refuseMember(c, "string format specifier requires an array of characters")
	}
	n := min(acc.Base.Count(), maxPrintfText)
	b := make([]byte, n)
	if err := mem.ReadFull(sp, b, mem.Addr(a)); err != nil {
		return c.Warn(err, "failed to read array at %p", a)
	}
	s, _, _ := strings.Cut(string(b), "\x00")
	c.Printf(format, s)
	return nil
}

func (p *printfPlan) enumName(c *core.Ctx, v value.Value, format string) error {
	n, err := v.Int()
	if err != nil {
		return c.Warn(err, "failed to read pointer at %llx", uint64(v.Addr))
	}
	name, ok := v.Base().EnumName(n)
	if !ok {
		name = c.P.Sprintf("<%lld>", n)
	}
	c.Printf(format, name)
	return nil
}
