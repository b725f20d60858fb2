package ctype

import (
	"math/bits"
	"strconv"
	"strings"
)

// EnumName is the name of the first enumerator with the value.
func (t *Type) EnumName(v int64) (string, bool) {
	for _, e := range t.Resolve().Enums() {
		if e.Value == v {
			return e.Name, true
		}
	}
	return "", false
}

// IsFlags tells an enum whose values are all powers of two (or zero), with at
// least one that is not zero: MDB prints such an enum in hex and decodes its
// values into names.
func (t *Type) IsFlags() bool {
	r := t.Resolve()
	if r.Kind() != Enum {
		return false
	}
	_, ok := flagBits(r)
	return ok
}

// flagBits is the union of the values of a flag enum. A negative value is no
// flag, not even the lowest of its width: it would have all bits above it.
func flagBits(t *Type) (all uint64, ok bool) {
	for _, e := range t.Enums() {
		if bits.OnesCount64(uint64(e.Value)) > 1 {
			return 0, false
		}
		all |= uint64(e.Value)
	}
	return all, all != 0
}

// FlagNames decodes a value of a flag enum: "A", "A|B", the common prefix of the
// enum's names factored out as "PFX_{A|B}", bits without a name appended in hex.
// With bare the prefix is left off altogether. ok is false if the enum is none
// of flags.
func (t *Type) FlagNames(value int64, bare bool) (text string, ok bool) {
	t = t.Resolve()
	if t.Kind() != Enum {
		return "", false
	}
	known, ok := flagBits(t)
	if !ok {
		return "", false
	}
	prefix := t.EnumPrefix()
	v := uint64(value)
	var names []string
	seen := uint64(0)
	for _, e := range t.Enums() {
		bit := uint64(e.Value)
		if seen&bit != 0 || v&bit == 0 {
			seen |= bit
			continue
		}
		seen |= bit
		names = append(names, e.Name)
	}
	missed := v &^ known
	if len(names) == 0 {
		return hex(missed), true
	}
	text = joinFlags(names, prefix, bare)
	if missed != 0 {
		text += "|" + hex(missed)
	}
	return text, true
}

func joinFlags(names []string, prefix int, bare bool) string {
	short := make([]string, len(names))
	for i, n := range names {
		short[i] = n
		if (i > 0 || bare) && len(n) > prefix {
			short[i] = n[prefix:]
		}
	}
	text := strings.Join(short, "|")
	if len(names) > 1 && !bare && prefix > 0 {
		return text[:prefix] + "{" + text[prefix:] + "}"
	}
	return text
}

func hex(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(v, 16)
}

// EnumPrefix is the length of what the names of the enum's values have in
// common at their start.
func (t *Type) EnumPrefix() int {
	enums := t.Resolve().Enums()
	if len(enums) == 0 {
		return 0
	}
	p := enums[0].Name
	for _, e := range enums[1:] {
		n := 0
		for n < len(p) && n < len(e.Name) && p[n] == e.Name[n] {
			n++
		}
		if n == len(p) && n == len(e.Name) && n > 0 {
			n-- // one name is never swallowed whole
		}
		p = p[:n]
		if n == 0 {
			break
		}
	}
	return len(p)
}
