package dcmds

import (
	"debug/elf"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
)

func nmDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "nm", Usage: "?[-DPdghnopuvx] [-f format] [-t types] [object]", Descr: "print symbols",
		Help: "-D         print .dynsym instead of .symtab\n" +
			"-P         print private symbol table instead of .symtab\n" +
			"-d         print value and size in decimal\n" +
			"-g         only print global symbols\n" +
			"-h         suppress header line\n" +
			"-n         sort symbols by name\n" +
			"-o         print value and size in octal\n" +
			"-p         print symbols as a series of ::nmadd commands\n" +
			"-u         only print undefined symbols\n" +
			"-v         sort symbols by value\n" +
			"-x         print value and size in hexadecimal\n" +
			"-f format  use specified format\n" +
			"           ndx, val, sz, type, bind, oth, shndx, name, ctype, obj, ctfid\n" +
			"-t types   display symbols with the specified types\n" +
			"           noty, objt, func, sect, file, comm, tls, regi\n" +
			"obj        specify object whose symbol table should be used\n",
		Opts: nmOpts(), Run: runNm,
	}}
}

func nmOpts() []core.Opt {
	var l []core.Opt
	for _, c := range "DPdghnopuvx" {
		l = append(l, core.Opt{Letter: byte(c)})
	}
	return append(l,
		core.Opt{Letter: 'f', Kind: core.Str, Arg: "format"},
		core.Opt{Letter: 't', Kind: core.Str, Arg: "types"})
}

// nm is one run of ::nm.
type nm struct {
	c     *core.Ctx
	base  int // of values and sizes
	cols  []nmColumn
	types uint32 // bit per ELF symbol type
	rows  []nmRow
	scope map[*sym.Object]ctype.Scope
}

func runNm(c *core.Ctx) error {
	n := &nm{c: c, scope: map[*sym.Object]ctype.Scope{}}
	object, err := n.options()
	if err != nil {
		return err
	}
	if !c.Opt('h') && !c.Opt('p') && !n.piped() {
		n.header()
	}
	sorted := c.Opt('n') || c.Opt('v') || c.HasAddr
	switch {
	case c.HasAddr:
		err = n.atAddress()
	case c.Opt('P'):
		for _, s := range c.Session.Namespace().Private.All() {
			n.add(nmRow{Symbol: s}, sorted)
		}
	default:
		err = n.tables(object, sorted)
	}
	if err != nil {
		return err
	}
	n.finish()
	return nil
}

// piped tells that the values of the symbols go into a pipe. One column without
// its heading goes there as text, as in MDB; anything else is no list of addresses
// in MDB.
func (n *nm) piped() bool {
	return n.c.PipeOut && !n.c.Opt('p') && (!n.c.Opt('h') || len(n.cols) > 1)
}

// options reads the options; object is the one named.
func (n *nm) options() (object string, err error) {
	c := n.c
	if n.cols, err = n.columns(); err != nil {
		return "", err
	}
	if n.types, err = n.typeMask(); err != nil {
		return "", err
	}
	if len(c.Args) > 0 {
		object, err = word(c)
		if err != nil || c.HasAddr || object == "" || object[0] == '-' {
			return "", core.ErrUsage
		}
	}
	given := 0
	for _, o := range []struct {
		l    byte
		base int
	}{{'d', 10}, {'x', 16}, {'o', 8}} {
		if c.Opt(o.l) {
			n.base = o.base
			given++
		}
	}
	if given == 0 {
		n.base = 16
		if r := c.Opts.Radix; r == 8 || r == 10 {
			n.base = r
		}
	}
	switch {
	case given > 1:
		c.Warnf("-d/-o/-x options are mutually exclusive")
	case object != "" && c.Opt('P'):
		c.Warnf("-P/object options are mutually exclusive")
	case c.HasAddr && c.Opt('P'):
		c.Warnf("-P/address options are mutually exclusive")
	default:
		return object, nil
	}
	return "", core.ErrUsage
}

func (n *nm) columns() ([]nmColumn, error) {
	want := []string{"val", "sz", "type", "bind", "oth", "shndx", "name"}
	if f, ok := n.c.OptStr('f'); ok {
		want = strings.Split(f, ",")
		for _, w := range want {
			if !slices.ContainsFunc(nmColumns, func(col nmColumn) bool { return col.name == w }) {
				return nil, n.invalid('f', w)
			}
		}
	}
	var cols []nmColumn
	for _, col := range nmColumns {
		if slices.Contains(want, col.name) {
			cols = append(cols, col)
		}
	}
	return cols, nil
}

func (n *nm) typeMask() (uint32, error) {
	t, ok := n.c.OptStr('t')
	if !ok {
		return ^uint32(0), nil
	}
	var mask uint32
	for _, w := range strings.Split(t, ",") {
		i := slices.IndexFunc(nmTypes, func(e struct {
			name string
			typ  elf.SymType
		}) bool {
			return e.name == w
		})
		if i < 0 {
			return 0, n.invalid('t', w)
		}
		mask |= 1 << nmTypes[i].typ
	}
	return mask, nil
}

func (n *nm) invalid(opt byte, word string) error {
	n.c.Warnf("invalid option for -%c: \"%s\"", opt, word)
	return core.ErrUsage
}

func (n *nm) header() {
	if n.c.Opts.JSON {
		return
	}
	var b strings.Builder
	for i, col := range n.cols {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%-*s", col.wide(n), col.head)
	}
	n.c.Printf("%<u>")
	n.c.Printf("%s", b.String())
	n.c.Printf("%</u>\n")
}

// atAddress takes the symbol that stands for the address.
func (n *nm) atAddress() error {
	ns := n.c.Session.Namespace()
	m, err := ns.LookupAddr(n.c.Addr, n.c.Opts.SymDist)
	if cx := n.c.Session.Context(); cx.Target != nil {
		if _, ok := core.As[core.Symbols](cx); !ok { // not even private symbols have addresses
			err = core.ErrNotSup
		}
	}
	if err != nil {
		n.c.Warnf("%lr: %s", n.c.Addr, core.Reason(err))
		return core.ErrFailed
	}
	r := nmRow{Symbol: m.Symbol, object: m.Object, title: ns.Label(m, n.c.Addr)}
	if m.Object != nil {
		r.label = m.Object.Name
	}
	n.add(r, true)
	return nil
}

// tables takes the symbols of one object or of all.
func (n *nm) tables(object string, sorted bool) error {
	c := n.c
	cx := c.Session.Context()
	if _, ok := core.As[core.Symbols](cx); !ok {
		if sorted {
			return nil // there is nothing to sort
		}
		return n.noSymbols(cx, object)
	}
	ns := c.Session.Namespace()
	objs := ns.Objects()
	if object != "" {
		o, err := ns.Object(object)
		switch {
		case err != nil && sorted:
			return nil
		case err != nil:
			return c.Warn(err, "failed to iterate over symbols")
		}
		objs = []*sym.Object{o}
	}
	kind := sym.Symtab
	if c.Opt('D') {
		kind = sym.Dynsym
	}
	for _, o := range objs {
		for s := range o.Table(kind).All() {
			if c.Err() != nil {
				return core.ErrIntr
			}
			n.add(nmRow{Symbol: s, object: o, label: o.Name}, sorted)
		}
	}
	return nil
}

// noSymbols is what a target without symbols says: of each of its mappings.
func (n *nm) noSymbols(cx *core.Context, object string) error {
	m, ok := core.As[core.Mapped](cx)
	switch {
	case !ok:
		return n.c.Warn(core.ErrNoProc, "failed to iterate over symbols")
	case object != "":
		return n.c.Warn(core.ErrNotSup, "failed to iterate over symbols")
	}
	for _, mapping := range m.Mappings() {
		n.c.Warnf("unable to dump symbol data for: %s", mapping.Name)
	}
	return nil
}

// add prints a row, or keeps it to be sorted.
func (n *nm) add(r nmRow, keep bool) {
	if n.c.Opt('u') && r.Defined() || n.c.Opt('g') && r.object != nil && !n.c.HasAddr && r.Bind() != elf.STB_GLOBAL {
		return
	}
	if keep {
		n.rows = append(n.rows, r)
		return
	}
	n.print(&r)
}

func (n *nm) finish() {
	byName := n.c.Opt('n') || n.c.HasAddr
	sort.SliceStable(n.rows, func(i, j int) bool {
		a, b := &n.rows[i], &n.rows[j]
		if byName {
			return a.Name < b.Name
		}
		return a.Value < b.Value
	})
	for i := range n.rows {
		n.print(&n.rows[i])
	}
}

func (n *nm) print(r *nmRow) {
	if n.c.Opt('P') && n.c.Opt('p') {
		n.asCommand(r)
		return
	}
	if r.Type() < 32 && n.types>>r.Type()&1 == 0 {
		return
	}
	if n.piped() {
		n.c.Emit(r.Value, nil)
		return
	}
	var b strings.Builder
	for i, col := range n.cols {
		if i > 0 {
			b.WriteByte('|')
		}
		b.WriteString(col.cell(n, r))
	}
	n.c.Record(func() { n.c.Printf("%s\n", b.String()) }, n.fields(r)...)
}

// fields are the columns asked for, as JSON.
func (n *nm) fields(r *nmRow) []out.Field {
	var l []out.Field
	for _, col := range n.cols {
		var v any
		switch col.name {
		case "ndx":
			v = r.Index
		case "val":
			v = out.Addr(r.Value)
		case "sz":
			v = r.Size
		case "oth":
			v = r.Other
		default:
			v = strings.TrimSpace(col.cell(n, r))
		}
		l = append(l, namedField(col.name, v))
	}
	return l
}

// asCommand prints the ::nmadd command that makes a private symbol again.
func (n *nm) asCommand(r *nmRow) {
	opt := ""
	switch r.Type() {
	case elf.STT_FUNC:
		opt = "-f"
	case elf.STT_OBJECT:
		opt = "-o"
	}
	n.c.Printf("%#llr::nmadd %s -s %#llr %s\n", r.Value, opt, r.Size, r.Name)
}
