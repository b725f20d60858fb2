package golang

import (
	"strings"

	"github.com/xmdb/xmdb/core/out"
)

// lineWidth is up to where values are put on one line, characters.
const lineWidth = 80

// append lays a value out: on one line if it is short and has no members, else
// with an item a line.
func (s *shown) append(b *strings.Builder, indent int) {
	b.WriteString(s.text)
	if s.open == 0 {
		return
	}
	if s.text != "" {
		b.WriteByte(' ')
	}
	b.WriteByte(s.open)
	end := byte('}')
	if s.open == '[' {
		end = ']'
	}
	switch line, ok := s.line(); {
	case len(s.items) == 0 && !s.cut:
	case ok && indent*4+len(line) <= lineWidth:
		b.WriteString(" " + line + " ")
	default:
		b.WriteByte('\n')
		for _, it := range s.items {
			pad(b, indent+1)
			it.append(b, indent+1)
			b.WriteByte('\n')
		}
		if s.cut {
			pad(b, indent+1)
			b.WriteString("...\n")
		}
		pad(b, indent)
	}
	b.WriteByte(end)
}

func pad(b *strings.Builder, indent int) { b.WriteString(strings.Repeat("    ", indent)) }

func (it *item) append(b *strings.Builder, indent int) {
	switch {
	case it.key != nil:
		it.key.append(b, indent)
		b.WriteString(" = ")
	case it.name != "":
		b.WriteString(it.name + " = ")
	}
	it.val.append(b, indent)
}

// line gives the items on one line, if they are such: scalars without names, or a
// few short members.
func (s *shown) line() (string, bool) {
	var parts []string
	for _, it := range s.items {
		if it.val.open != 0 || it.key != nil || it.name != "" && len(s.items) > 3 {
			return "", false
		}
		text := it.val.text
		if it.name != "" {
			text = it.name + " = " + text
		}
		parts = append(parts, text)
	}
	if s.cut {
		parts = append(parts, "...")
	}
	return strings.Join(parts, ", "), true
}

// json gives the value for a record.
func (s *shown) json() any {
	if s.open == 0 {
		if s.err != nil {
			return s.err
		}
		return s.data
	}
	if s.open == '[' {
		list := out.List{}
		for _, it := range s.items {
			list = append(list, it.val.json())
		}
		return list
	}
	keyed := len(s.items) > 0 && s.items[0].key != nil
	if !keyed {
		obj := out.Object{}
		for _, it := range s.items {
			obj = append(obj, out.Field{Name: it.name, Value: it.val.json()})
		}
		return obj
	}
	list := out.List{}
	for _, it := range s.items {
		if it.key != nil {
			list = append(list, out.Object{{Name: "key", Value: it.key.json()}, {Name: "value", Value: it.val.json()}})
		}
	}
	return list
}
