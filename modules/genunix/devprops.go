package genunix

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// Properties of device nodes (sys/ddiprop.h): lists for each of their owners, with values
// whose type only a flag tells, if any.

// propList is a list of properties of a node.
type propList struct {
	name  string
	first uint64
}

func (v *view) propLists(d *devInfo) []propList {
	list := []propList{{"System", d.SysProps}, {"Driver", d.DrvProps}, {"Hardware", d.HWProps}}
	if d.Globals != 0 {
		if first, err := v.member("ddi_prop_list_t", "prop_list", d.Globals); err == nil {
			list = append(list, propList{"Global", first})
		}
	}
	return list
}

// lists prints the properties of a node.
func (s *devShow) lists(d *devInfo) error {
	old := s.c.P.IncIndent(propListIndent)
	defer s.c.P.SetMargin(old)
	for _, l := range s.v.propLists(d) {
		if err := printProps(s.c, s.v, l.name+" ", l.first); err != nil {
			return err
		}
	}
	return nil
}

// Types of properties in their flags (sys/ddipropdefs.h).
const (
	propTypeMask    = 0x1f00
	propInt         = 0x100
	propString      = 0x200
	propByte        = 0x400
	propInt64       = 0x1000
	devNone         = ^uint64(0)
	devAny          = ^uint64(1)
	maxPropLen      = 1 << 20
	devMajorUnknown = 0xffffffff
)

var propTypeNames = map[uint64]string{0xf00: "any", 0x800: "composite", propInt64: "int64", propInt: "int", propByte: "byte", propString: "string"}

// devProp is a property.
type devProp struct {
	addr    uint64
	name    string
	kind    uint64
	dev     uint64
	items   int
	text    string // of the value; "" without one
	misfit  bool   // its length is not a multiple of its elements'
	noValue bool
}

func (p *devProp) kindText() string {
	if n, ok := propTypeNames[p.kind]; ok {
		return n
	}
	return fmt.Sprintf("%#x", p.kind)
}

// props goes through a list of properties.
func (v *view) props(first uint64) func(yield func(*devProp, error) bool) {
	return func(yield func(*devProp, error) bool) {
		for at, err := range v.chain("property", "ddi_prop_t", "prop_next", first) {
			var p *devProp
			if err == nil {
				p, err = v.prop(at)
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

func (v *view) prop(at uint64) (*devProp, error) {
	var raw struct {
		Name  uint64 `ctf:"prop_name"`
		Dev   uint64 `ctf:"prop_dev"`
		Flags int64  `ctf:"prop_flags"`
		Len   int64  `ctf:"prop_len"`
		Val   uint64 `ctf:"prop_val"`
	}
	err := v.load("ddi_prop_t", at, &raw)
	if err != nil {
		return nil, badRead("property", at, err)
	}
	p := &devProp{addr: at, kind: uint64(raw.Flags) & propTypeMask, dev: raw.Dev}
	if p.name, err = v.text(raw.Name, 128); err != nil {
		return nil, badRead("property name", raw.Name, err)
	}
	if raw.Len <= 0 {
		p.noValue = true
		return p, nil
	}
	if raw.Len > maxPropLen {
		return nil, fmt.Errorf("property at %x has %d bytes", at, raw.Len)
	}
	b := make([]byte, raw.Len)
	if err := v.read(raw.Val, b); err != nil {
		return nil, badRead("property value", raw.Val, err)
	}
	p.value(b, v)
	return p, nil
}

// value makes a property's text: of numbers, of bytes, or of strings if it looks like
// some.
func (p *devProp) value(b []byte, v *view) {
	size := 1
	switch p.kind {
	case propInt64:
		size = 8
	case propInt:
		size = 4
	case propByte:
	default:
		if list := propStrings(b, p.kind == propString); list != nil {
			p.items, p.text = len(list), "'"+strings.Join(list, "' + '")+"'"
			return
		}
	}
	if len(b)%size != 0 {
		size, p.misfit = 1, true
	}
	p.items = len(b) / size
	var t strings.Builder
	for i := range p.items {
		if i > 0 {
			t.WriteByte('.')
		}
		fmt.Fprintf(&t, "%0*x", 2*size, mem.Uint(b[i*size:(i+1)*size], v.w.Order))
	}
	p.text = t.String()
}

// propStrings takes a value that ends with a null byte apart into strings, if all can be
// printed; empty ones are possible only where strings are what is expected.
func propStrings(b []byte, expected bool) []string {
	if b[len(b)-1] != 0 {
		return nil
	}
	list := strings.Split(string(b[:len(b)-1]), "\x00")
	for _, s := range list {
		if s == "" && !expected || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil
		}
	}
	return list
}

// printProps prints a list of properties.
func printProps(c *core.Ctx, v *view, title string, first uint64) error {
	if first == 0 {
		return nil
	}
	c.Printf("%sproperties at %p:\n", title, first)
	old := c.P.IncIndent(propIndent)
	defer c.P.SetMargin(old)
	for p, err := range v.props(first) {
		if err != nil {
			return err
		}
		if name, ok := propTypeNames[p.kind]; ok {
			c.Printf("name='%s' type=%s items=%d", p.name, name, p.items)
		} else {
			c.Printf("name='%s' type=0x%x items=%d", p.name, p.kind, p.items)
		}
		switch p.dev {
		case devNone:
		case devAny:
			c.Printf(" dev=any")
		case devMajorUnknown:
			c.Printf(" dev=unknown")
		default:
			c.Printf(" dev=(%u,%u)", devMajor(p.dev), devMinor(p.dev))
		}
		c.Printf("\n")
		if p.noValue {
			continue
		}
		in := c.P.IncIndent(propIndent)
		if p.misfit {
			c.Printf("NOTE: prop length is not a multiple of element size\n")
		}
		c.Printf("value=%s\n", p.text)
		c.P.SetMargin(in)
	}
	return nil
}
