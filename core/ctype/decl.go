package ctype

import (
	"strconv"
	"strings"
)

// The four places a part of a C declaration can stand in, by precedence.
const (
	precBase = iota
	precPointer
	precArray
	precFunction
	precMax
)

// decl collects the parts of a type's name. C writes pointers to the left of
// arrays and functions; where the type is built in another order than it is
// written, parentheses show it: "int (*)()" is a pointer to a function.
type decl struct {
	parts [precMax][]declPart
	order [precMax]int // when the precedence was first met; -1 never
	next  int
	qual  int // where a qualifier met now belongs: base or pointer
	err   bool
}

type declPart struct {
	kind Kind
	text string
}

// String spells the type as MDB does: "struct node *", "int (*)()", "char [12]",
// "const char *". An anonymous structure is "struct " with nothing behind it.
func (t *Type) String() string {
	d := decl{order: [precMax]int{-1, -1, -1, -1}}
	d.push(t, 0)
	if d.err {
		return "(?)"
	}
	ptr := d.order[precPointer] > precPointer
	arr := d.order[precArray] > precArray
	open, shut := -1, -1
	if arr {
		open, shut = precArray, precArray
	}
	if ptr {
		open = precPointer
		if !arr {
			shut = precPointer
		}
	}
	var b strings.Builder
	tight := true // no blank before the next part
	for prec := range precMax {
		for _, p := range d.parts[prec] {
			if !tight {
				b.WriteByte(' ')
			}
			if open == prec {
				b.WriteByte('(')
				open = -1
			}
			b.WriteString(p.text)
			tight = p.kind.IsPointer() || p.kind == Array
		}
		if shut == prec {
			b.WriteByte(')')
		}
	}
	return b.String()
}

func (d *decl) push(t *Type, depth int) {
	if depth > maxChain {
		d.err = true
		return
	}
	k := t.Kind()
	prec, part, front := precBase, declPart{kind: k}, false
	switch k {
	case Array:
		d.push(t.Elem(), depth+1)
		prec, front = precArray, true
		part.text = "[" + strconv.FormatUint(t.Count(), 10) + "]"
	case Function:
		d.push(t.Elem(), depth+1)
		prec, part.text = precFunction, "()"
	case Pointer, Reference, RvalueReference:
		d.push(t.Elem(), depth+1)
		prec, part.text = precPointer, pointerMark[k]
	case Volatile, Const, Restrict, Atomic:
		d.push(t.Elem(), depth+1)
		prec, part.text = d.qual, qualifier[k]
		front = prec == precBase // "const int", never "int const"
		if d.qualified(k) {
			return // DWARF has both a const array and an array of const
		}
	case Typedef:
		if t.Name() == "" {
			d.push(t.Elem(), depth+1)
			return
		}
		part.text = t.Name()
	default:
		part.text = tagged(t)
	}
	if d.order[prec] < 0 {
		d.order[prec] = d.next
		d.next++
	}
	if prec > d.qual && prec < precArray {
		d.qual = prec
	}
	if front {
		d.parts[prec] = append([]declPart{part}, d.parts[prec]...)
	} else {
		d.parts[prec] = append(d.parts[prec], part)
	}
}

// qualified tells that what a qualifier would go to has it already.
func (d *decl) qualified(k Kind) bool {
	parts := d.parts[d.qual]
	for i := len(parts) - 1; i >= 0 && !parts[i].kind.IsPointer(); i-- {
		if parts[i].kind == k {
			return true
		}
	}
	return false
}

var (
	pointerMark = map[Kind]string{Pointer: "*", Reference: "&", RvalueReference: "&&"}
	qualifier   = map[Kind]string{Volatile: "volatile", Const: "const", Restrict: "restrict", Atomic: "_Atomic"}
)

// tagged is the name of a base type with its tag keyword.
func tagged(t *Type) string {
	k := t.Kind()
	if k == Forward {
		if k = t.get().Forward; k == Unknown {
			k = Struct
		}
	}
	switch k {
	case Struct:
		return "struct " + t.Name()
	case Union:
		return "union " + t.Name()
	case Enum:
		return "enum " + t.Name()
	case Unknown:
		if t.Name() == "" {
			return "(?)"
		}
	}
	return t.Name()
}
