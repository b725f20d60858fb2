package dcmds

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/lang"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/value"
)

func printDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "print", Usage: "?[-aCdhiLptx] [-c lim] [-l lim] [type] [member|offset ...]",
		Descr: "print the contents of a data structure",
		Opts: []core.Opt{
			{Letter: 'a', Help: "show address of object"},
			{Letter: 'C', Help: "unlimit the length of character arrays"},
			{Letter: 'c', Kind: core.Uint, Arg: "lim", Help: "limit the length of character arrays"},
			{Letter: 'd', Help: "output values in decimal"},
			{Letter: 'h', Help: "print holes in structures"},
			{Letter: 'i', Help: "interpret address as data of the given type"},
			{Letter: 'L', Help: "unlimit the length of standard arrays"},
			{Letter: 'l', Kind: core.Uint, Arg: "lim", Help: "limit the length of standard arrays"},
			{Letter: 'n', Help: "don't print pointers as symbol offsets"},
			{Letter: 'P', Help: "show containers of C++, Rust and Go as what they hold"},
			{Letter: 'p', Help: "interpret address as a physical memory address"},
			{Letter: 's', Kind: core.Uint, Arg: "depth", Help: "limit the recursion depth"},
			{Letter: 'T', Help: "show type and <<base type>> of object"},
			{Letter: 't', Help: "show type of object"},
			{Letter: 'x', Help: "output values in hexadecimal"},
		},
		Help: printHelp,
		Run:  runPrint, Complete: completeTypeMember,
	}}
}

const printHelp = `Prints what lies at an address as a value of a C type; without an address, what
the type consists of.

-a         addresses before the values; in a pipe the address instead of the value
-C         character arrays of any length as text
-c lim     as text up to this length only
-d         integers in decimal
-h         holes between the members of structures
-i         the address is itself the data
-L         all elements of arrays
-l lim     so many elements of arrays
-n         pointers as numbers, without symbols
-P         strings, vectors, maps and smart pointers of C++ and Rust as what they hold
-p         the address is a physical one
-s depth   structures within structures to this depth only
-T         types, and what they are typedefs of
-t         types
-x         integers in hexadecimal

The type may be left out where a symbol of known type lies at the address, or
where the pipe brings addresses of a known type.

Members are named as in C: "[n]", ".", "->". The operator in front of the first
name may be left out. An offset into the type is written $[ expr ].
`

// printPlan is what a ::print does, worked out once for a stage and a type.
type printPlan struct {
	typ     *ctype.Type
	words   []core.Arg // members and offsets
	world   *value.World
	printer value.Printer
	items   []printItem
	reader  *value.Access // of the whole, when there are no members
	size    uint64
	given   bool // the type was named, so it holds for the whole stage
}

// printItem is one member to print.
type printItem struct {
	label value.Label
	acc   *value.Access
	add   uint64 // from the address, for an offset
	bad   string // what is wrong with an offset
	err   error  // what is wrong with a path
}

func runPrint(c *core.Ctx) error {
	plan, err := printPlanOf(c)
	if err != nil {
		return err
	}
	if c.PipeOut && c.PipeIn && plan.uniform(c) {
		return plan.pipeAll(c)
	}
	base, space, err := plan.place(c)
	if err != nil {
		return err
	}
	for i := range plan.items {
		if err := plan.member(c, &plan.items[i], space, base); err != nil {
			return err
		}
	}
	if len(plan.items) == 0 {
		if err := plan.whole(c, space, base); err != nil {
			return err
		}
	}
	c.SetDot(c.Addr + plan.size)
	return nil
}

// printPlanOf gives the plan of the stage, made anew if the type of what lies at
// the address is another than before.
func printPlanOf(c *core.Ctx) (*printPlan, error) {
	plan, ok := c.State.(*printPlan)
	if ok && plan.given {
		return plan, nil
	}
	if c.Opt('p') && c.Opt('i') {
		c.Warnf("-p and -i options are incompatible")
		return nil, core.ErrFailed
	}
	t, words, given, err := printType(c)
	if err != nil {
		return nil, err
	}
	if ok && plan.typ == t {
		return plan, nil
	}
	plan = &printPlan{typ: t, words: words, given: given, world: c.World()}
	plan.size = plan.world.Size(t)
	plan.printer = value.Printer{P: c.P, O: printOptions(c), Stop: c.Err, Warn: func(err error, format string, args ...any) {
		if err == nil {
			c.Warnf(format, args...)
		} else {
			c.Warn(err, format, args...)
		}
	}}
	if err := plan.compile(c); err != nil {
		return nil, err
	}
	c.State = plan
	return plan, nil
}

func printOptions(c *core.Ctx) value.Options {
	o := value.Options{
		Addr: c.Opt('a'), Type: c.Opt('t'), BaseType: c.Opt('T'), Holes: c.Opt('h'),
		Hex: c.Opt('x'), Dec: c.Opt('d') && !c.Opt('x'), Plain: c.Opt('n'), Pretty: c.Opt('P'), Layout: !c.HasAddr,
		Depth: value.NoLimit, ArrayMem: c.Session.Opts.ArrayMemLimit, ArrayStr: c.Session.Opts.ArrayStrLimit,
	}
	if n, set := c.OptUint('s'); set {
		o.Depth = n
	}
	if n, set := c.OptUint('c'); set {
		o.ArrayStr = n
	}
	if n, set := c.OptUint('l'); set {
		o.ArrayMem = n
	}
	if c.Opt('C') {
		o.ArrayStr = value.NoLimit
	}
	if c.Opt('L') {
		o.ArrayMem = value.NoLimit
	}
	return o
}

// printType finds the type to print: the argument's, else that of what the pipe
// brings, else that of the symbol at the address. The words left are members;
// given tells that an argument named the type.
func printType(c *core.Ctx) (t *ctype.Type, words []core.Arg, given bool, err error) {
	if len(c.Args) == 0 || c.Args[0].IsImm {
		if !c.HasAddr || c.Opt('i') {
			return nil, nil, false, core.ErrUsage
		}
		if c.Type != nil {
			return c.Type, c.Args, false, nil
		}
		t, err := typeAt(c)
		return t, c.Args, false, err
	}
	if strings.ContainsRune("+-", rune((c.Args[0].Str + " ")[0])) {
		return nil, nil, false, core.ErrUsage
	}
	name, rest, err := typeName(c, c.Args)
	if err != nil {
		return nil, nil, false, err
	}
	t, lookErr := c.LookupType(name)
	if lookErr == nil {
		return t, rest, true, nil
	}
	if c.HasAddr && !c.Opt('i') {
		// A struct keyword that is no type was taken for one word more.
		words := c.Args[len(c.Args)-len(rest)-1:]
		if c.Type != nil {
			return c.Type, words, false, nil
		}
		m, err := c.SymbolAt(c.Addr)
		if err == nil {
			if t, err = c.DataType(m); err == nil {
				return t, words, false, nil
			}
			name = shownName(c, name)
		}
		lookErr = err // MDB's reason is that of the last thing it tried
	}
	c.Warn(lookErr, "failed to look up type %s", name)
	return nil, nil, false, core.ErrAbort
}

// shownName is what MDB calls a type it cannot find when a symbol lies at the
// address: the symbol, or the object in front of its name.
func shownName(c *core.Ctx, name string) string {
	if s, ok := c.SymbolName(c.Addr); ok {
		name = s
		if i := strings.LastIndexByte(s, '`'); i >= 0 {
			name = s[:i]
		}
	}
	return name
}

// typeAt is the type of the symbol at the address.
func typeAt(c *core.Ctx) (*ctype.Type, error) {
	m, err := c.SymbolAt(c.Addr)
	if err == nil && m.Object == nil { // a private symbol has no type
		err = ctype.ErrNoSymType
	}
	if err != nil {
		return nil, c.Warn(err, "no symbol information for %a", c.Addr)
	}
	t, err := c.DataType(m)
	if err != nil {
		return nil, c.Warn(err, "no type data available for %a [%u]", c.Addr, m.Index)
	}
	return t, nil
}

// compile works out the members.
func (p *printPlan) compile(c *core.Ctx) error {
	path, err := p.world.Compile(p.typ, "")
	if err != nil {
		return err
	}
	p.reader = value.NewAccess(p.world, path)
	for _, w := range p.words {
		if w.IsImm {
			p.items = append(p.items, p.offset(w.Imm))
			continue
		}
		path, err := p.world.Compile(p.typ, w.Str)
		if err != nil {
			p.items = append(p.items, printItem{err: err}) // reported in its turn
			continue
		}
		p.items = append(p.items, printItem{label: memberLabel(p.world, path), acc: value.NewAccess(p.world, path)})
	}
	return nil
}

// memberLabel is what stands before a member's value and its members': "a.b",
// of a pointer's first element "a->b".
func memberLabel(w *value.World, p *ctype.Path) value.Label {
	l := value.Label{Set: true, Prefix: p.Text}
	if !w.Resolve(p.Type).Kind().IsStruct() {
		return l
	}
	l.Suffix = "."
	if p.Deref {
		l.Prefix = p.Text[:strings.LastIndexByte(p.Text, '[')]
		l.Suffix = "->"
	}
	return l
}

// offset makes the member that lies at an offset into the type.
func (p *printPlan) offset(off uint64) printItem {
	o := p.world.Path
	o.Forward = func(t *ctype.Type) *ctype.Type { return p.world.Resolve(t) }
	text, at, beyond, ok := ctype.PathAt(p.typ, off, o)
	if !ok {
		return printItem{bad: out.Sprintf(nil, "invalid offset %lx", off)}
	}
	it := printItem{label: value.Label{Set: true, Prefix: text}, add: off - beyond/8}
	it.acc = value.NewAccess(p.world, &ctype.Path{Type: at, Off: uint32(beyond % 8)})
	if text != "" {
		it.label.Suffix = "."
	}
	return it
}

// place gives the address that members count from and the space it lies in.
func (p *printPlan) place(c *core.Ctx) (uint64, mem.Space, error) {
	switch {
	case c.Opt('i'):
		var b [8]byte
		order := p.world.Order
		if order == binary.ByteOrder(binary.BigEndian) {
			binary.BigEndian.PutUint64(b[:], c.Dot()<<(64-8*min(p.size, 8)))
		} else {
			binary.LittleEndian.PutUint64(b[:], c.Dot())
		}
		return 0, value.Bytes(b[:min(p.size, 8)]), nil
	case !c.HasAddr:
		return 0, p.world.Space, nil
	case c.Opt('p'):
		if ph, ok := core.As[core.Physical](c.Session.Context()); ok {
			return c.Dot(), ph.Physical(), nil
		}
		return c.Dot(), refuse{}, nil
	}
	return c.Addr, p.world.Space, nil
}

// refuse is the physical space of a target that has none.
type refuse struct{}

func (refuse) ReadAt(_ []byte, a mem.Addr) (int, error) { return 0, mem.Fault(a, core.ErrNotSup) }

// follow goes to a member. What is wrong with the path ends the command.
func (p *printPlan) follow(c *core.Ctx, it *printItem, sp mem.Space, base uint64) (uint64, mem.Space, error) {
	if it.bad != "" {
		c.Warnf("%s", it.bad)
		return 0, nil, core.ErrAbort
	}
	if it.err != nil {
		return 0, nil, badPath(c, it.err)
	}
	a, sp, err := it.acc.Follow(sp, base+it.add, func(s string) { c.Warnf("%s", s) })
	if err != nil {
		reportPath(c, err)
		return 0, nil, core.ErrAbort
	}
	return a, sp, nil
}

// badPath ends the command for a member path that is none; a bad number in it ends
// the statement.
func badPath(c *core.Ctx, err error) error {
	var syntax *lang.Error
	if errors.As(err, &syntax) {
		return err
	}
	c.Warnf("%s", err.Error())
	return core.ErrAbort
}

// reportPath says why a member path could not be followed.
func reportPath(c *core.Ctx, err error) {
	var missing *ctype.NoMemberError
	var deref *value.DerefError
	switch {
	case errors.As(err, &missing):
		c.Warn(missing.Err, "failed to find member %s of %s", missing.Member, missing.Type)
	case errors.As(err, &deref):
		c.Warnf("could not dereference pointer %llx", deref.Addr)
	default:
		c.Warnf("%s", err.Error())
	}
}

func (p *printPlan) member(c *core.Ctx, it *printItem, sp mem.Space, base uint64) error {
	a, sp, err := p.follow(c, it, sp, base)
	if err != nil {
		return err
	}
	return p.show(c, it.acc, it.label, sp, a)
}

func (p *printPlan) whole(c *core.Ctx, sp mem.Space, base uint64) error {
	return p.show(c, p.reader, value.Label{}, sp, base)
}

// show prints one value, or passes it on.
func (p *printPlan) show(c *core.Ctx, acc *value.Access, l value.Label, sp mem.Space, a uint64) error {
	if c.PipeOut {
		return p.pipe(c, acc, sp, a)
	}
	path := acc.Path
	v := value.Value{Type: path.Type, W: p.world, Space: sp, Addr: mem.Addr(a), Off: path.Off, Bits: path.Bits}
	if c.Session.Opts.JSON {
		c.Record(nil, printFields(&p.printer.O, v, l)...)
		return nil
	}
	p.printer.Failed = nil
	err := p.printer.Print(v, l)
	if c.Err() != nil {
		return c.Err()
	}
	if err == nil && path.Off != 0 { // of a bit-field MDB says twice that it cannot be read
		err = p.printer.Failed
	}
	if err != nil {
		return c.Warn(err, "failed to print type")
	}
	return nil
}

// printFields is the JSON record of one printed value.
func printFields(o *value.Options, v value.Value, l value.Label) []out.Field {
	var fs []out.Field
	if !o.Layout {
		fs = append(fs, namedField("addr", out.Hex(v.Addr)))
	}
	fs = append(fs, namedField("type", v.Type.String()))
	if l.Set {
		fs = append(fs, namedField("member", l.Prefix))
	}
	if o.Layout {
		return append(fs, namedField("size", v.Size()), namedField("members", layoutFields(v)))
	}
	return append(fs, namedField("value", v.JSON(*o)))
}

// layoutFields lists the members of a type without values.
func layoutFields(v value.Value) out.List {
	list := out.List{}
	for _, m := range v.Base().Members() {
		f := out.Object{namedField("name", m.Name), namedField("type", m.Type.String()), namedField("offset", m.Off/8)}
		if m.Bits != 0 {
			f = append(f, namedField("bit", m.Off%8), namedField("bits", m.Bits))
		}
		list = append(list, f)
	}
	return list
}
