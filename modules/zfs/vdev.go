package zfs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Bounds of what is believed of vdevs.
const (
	maxChildren = 1 << 16
	maxDepth    = 64
	maxPath     = 1024
)

var vdevTable = &core.Table{
	Head: "%<u>%-?s %-9s %-12s %-35s%</u>\n", Line: "%0?p %-9s %-12s %s\n", Type: "vdev_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "state", Head: "STATE"}, {Name: "aux", Head: "AUX"}, {Name: "description", Head: "DESCRIPTION"}},
}

// vdevLayout is how the release lays out vdev_t.
type vdevLayout struct {
	Size     uint64       `ctf:"sizeof"`
	State    kernel.Field `ctf:"vdev_state"`
	Aux      kernel.Field `ctf:"vdev_stat.vs_aux"`
	Path     kernel.Field `ctf:"vdev_path"`
	Type     kernel.Field `ctf:"vdev_ops"`
	Child    kernel.Field `ctf:"vdev_child"`
	Children kernel.Field `ctf:"vdev_children"`
	Ops      kernel.Field `ctf:"vdev_stat.vs_ops"`
	Bytes    kernel.Field `ctf:"vdev_stat.vs_bytes"`
	ERead    kernel.Field `ctf:"vdev_stat.vs_read_errors"`
	EWrite   kernel.Field `ctf:"vdev_stat.vs_write_errors"`
	ECksum   kernel.Field `ctf:"vdev_stat.vs_checksum_errors"`
}

type vdevOpsLayout struct {
	Size uint64       `ctf:"sizeof"`
	Type kernel.Field `ctf:"vdev_op_type"`
}

func readVdev(v *kernel.View, addr uint64) (*vdevLayout, []byte, error) {
	return read(v, "vdev_t", addr, func(l *vdevLayout) uint64 { return l.Size })
}

// enumerator names a value of an enumeration, without a prefix; "" if it has none.
func enumerator(v *kernel.View, typ, prefix string, n uint64) string {
	t, err := v.Type(typ)
	if err != nil {
		return ""
	}
	name, ok := t.Resolve().EnumName(int64(n))
	if !ok {
		return ""
	}
	return strings.TrimPrefix(name, prefix)
}

// vdevState names a vdev's state.
func vdevState(v *kernel.View, n uint64) string {
	if s := enumerator(v, "enum vdev_state", "VDEV_STATE_", n); s != "" {
		return s
	}
	return "UNKNOWN"
}

// vdevAux names what is wrong with a vdev; MDB shortens two of the names.
func vdevAux(v *kernel.View, n uint64) string {
	switch s := enumerator(v, "enum vdev_aux", "VDEV_AUX_", n); s {
	case "":
		return "UNKNOWN"
	case "NONE":
		return "-"
	case "VERSION_NEWER", "VERSION_OLDER":
		return "VERS_" + s[len("VERSION_"):]
	default:
		return s
	}
}

// vdevName is a vdev's path, or the type of one that has none.
func vdevName(v *kernel.View, l *vdevLayout, b []byte) (string, error) {
	if a := l.Path.Of(b); a != 0 {
		s, err := v.Text(a, maxPath)
		if err != nil {
			return "", kernel.Failed(err, "failed to read vdev_path at %x", a)
		}
		return s, nil
	}
	a := l.Type.Of(b)
	if a == 0 {
		return "<unknown>", nil
	}
	ol, ob, err := read(v, "vdev_ops_t", a, func(l *vdevOpsLayout) uint64 { return l.Size })
	if err != nil {
		return "", err
	}
	if ol.Type.Size > 8 { // an array of characters
		return ol.Type.Text(ob), nil
	}
	return v.Text(ol.Type.Of(ob), maxPath)
}

func runVdev(c *core.Ctx) error {
	if !c.HasAddr {
		return errors.New("no vdev_t address given")
	}
	depth, _ := c.OptUint('d')
	if depth > maxDepth {
		return fmt.Errorf("depth %d is more than %d", depth, maxDepth)
	}
	p := newVdevPrinter(c, kernel.Of(c.Session), c.Opt('r'))
	if c.Header() && depth == 0 {
		p.head()
	}
	return p.show(c.Addr, int(depth))
}

// vdevPrinter prints trees of vdevs, for ::vdev and the commands of pools.
type vdevPrinter struct {
	c       *core.Ctx
	v       *kernel.View
	stats   bool // with what they have done
	slabs   bool // with metaslabs
	groups  bool // with what the metaslabs are together
	histo   bool // and with histograms of these
	recurse bool
	met     kernel.Met
}

// newVdevPrinter takes from the command's options what to print.
func newVdevPrinter(c *core.Ctx, v *kernel.View, recurse bool) *vdevPrinter {
	return &vdevPrinter{c: c, v: v, stats: c.Opt('e'), slabs: c.Opt('m'), groups: c.Opt('M'), histo: c.Opt('h'), recurse: recurse, met: kernel.Met{}}
}

func (p *vdevPrinter) text() bool { return !p.c.PipeOut && !p.c.Opts.JSON }

func (p *vdevPrinter) line(format string, args ...any) {
	if p.text() {
		p.c.Printf(format, args...)
	}
}

func (p *vdevPrinter) head() { p.line(vdevTable.Head, "ADDR", "STATE", "AUX", "DESCRIPTION") }

// show prints a vdev, indented by depth, and those below it.
func (p *vdevPrinter) show(addr uint64, depth int) error {
	if p.c.Err() != nil {
		return core.ErrIntr
	}
	if p.met.Again(addr) {
		return fmt.Errorf("vdev_t %x is in its tree twice", addr)
	}
	if depth > 2*maxDepth {
		return fmt.Errorf("vdev_t %x is too deep in its tree", addr)
	}
	l, b, err := readVdev(p.v, addr)
	if err != nil {
		return err
	}
	if err := p.row(addr, l, b, depth); err != nil {
		return err
	}
	if p.text() {
		p.space(addr)
	}
	n := l.Children.Of(b)
	if n == 0 || !p.recurse {
		return nil
	}
	list, err := pointers(p.v, "vdev children", l.Child.Of(b), n, maxChildren)
	if err != nil {
		return err
	}
	var f failures
	for _, a := range list {
		err := p.show(a, depth+2)
		if f.add(p.c, err); errors.Is(err, core.ErrIntr) {
			break
		}
	}
	return f.last
}

func (p *vdevPrinter) row(addr uint64, l *vdevLayout, b []byte, depth int) error {
	if p.c.PipeOut {
		p.c.Emit(addr, p.v.TypeOrNil("vdev_t"))
		return nil
	}
	name, err := vdevName(p.v, l, b)
	if err != nil {
		return err
	}
	state, aux := vdevState(p.v, l.State.Of(b)), vdevAux(p.v, l.Aux.Of(b))
	p.c.Record(func() {
		p.c.Printf(vdevTable.Line, addr, state, aux, strings.Repeat(" ", depth)+name)
		if p.stats {
			p.statistics(l, b)
		}
	}, append([]out.Field{{Name: "addr", Value: out.Hex(addr)}, {Name: "state", Value: state}, {Name: "aux", Value: aux},
		{Name: "description", Value: name}}, p.counts(l, b)...)...)
	return nil
}

// countedIO are the kinds of I/O that a vdev counts, behind the first, which is none.
var countedIO = []string{"READ", "WRITE", "FREE", "CLAIM", "IOCTL"}

// kinds names the kinds of I/O that the release counts: OpenZFS 2.3 has FLUSH for IOCTL.
func (p *vdevPrinter) kinds() []string {
	list := slices.Clone(countedIO)
	for i := range list {
		if s := enumerator(p.v, "enum zio_type", "ZIO_TYPE_", uint64(i+1)); s != "" {
			list[i] = s
		}
	}
	return list
}

// counts is what statistics prints, for records.
func (p *vdevPrinter) counts(l *vdevLayout, b []byte) (list []out.Field) {
	if !p.stats {
		return nil
	}
	ops, bytes := words(l.Ops, b), words(l.Bytes, b)
	for i, kind := range p.kinds() {
		if i+1 < min(len(ops), len(bytes)) {
			kind = strings.ToLower(kind)
			list = append(list, out.Field{Name: kind + "_ops", Value: ops[i+1]}, out.Field{Name: kind + "_bytes", Value: bytes[i+1]})
		}
	}
	return append(list, out.Field{Name: "read_errors", Value: l.ERead.Of(b)}, out.Field{Name: "write_errors", Value: l.EWrite.Of(b)},
		out.Field{Name: "checksum_errors", Value: l.ECksum.Of(b)})
}

// statistics prints what a vdev has done, by kinds of I/O; the first kind is no I/O.
func (p *vdevPrinter) statistics(l *vdevLayout, b []byte) {
	c := p.c
	_ = indented(c, func() error {
		c.Printf("\n%<u>      ")
		for _, kind := range p.kinds() {
			c.Printf(" %12s", kind)
		}
		c.Printf("%</u>\n")
		for _, row := range []struct {
			name string
			f    kernel.Field
		}{{"OPS     ", l.Ops}, {"BYTES   ", l.Bytes}} {
			c.Printf("%s", row.name)
			list := words(row.f, b)
			for i, n := range list[min(1, len(list)):] {
				if i > 0 {
					c.Printf("  ")
				}
				c.Printf("%#11llx", n)
			}
			c.Printf("\n")
		}
		c.Printf("EREAD    %#10llx\nEWRITE   %#10llx\nECKSUM   %#10llx\n", l.ERead.Of(b), l.EWrite.Of(b), l.ECksum.Of(b))
		return nil
	})
	c.Printf("\n")
}
