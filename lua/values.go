package lua

import (
	"math"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/out"
)

// argVerbs gives the conversion letter that each argument of a format in MDB's
// dialect goes to; '*' is a width, 'b' also takes a table of bits behind it.
func argVerbs(format string) []byte {
	var verbs []byte
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		i++
		for ; i < len(format) && isModifier(format[i]); i++ {
			if format[i] == '*' {
				verbs = append(verbs, '*')
			}
		}
		if i == len(format) {
			break
		}
		switch c := format[i]; c {
		case '%', 't', 'T', 'm':
		case '<': // an attribute or a variable
			for i < len(format) && format[i] != '>' {
				i++
			}
		case 'b':
			verbs = append(verbs, 'b', 'B')
		default:
			verbs = append(verbs, c)
		}
	}
	return verbs
}

func isModifier(c byte) bool {
	switch c {
	case '#', '-', '+', '?', '*', 'h', 'l', 'j', 'z', '.':
		return true
	}
	return '0' <= c && c <= '9'
}

// printArgs converts the arguments from i on for a format.
func (st *state) printArgs(L *glua.LState, format string, i int) []any {
	verbs := argVerbs(format)
	n := L.GetTop() - i + 1
	args := make([]any, 0, max(n, 0))
	for k := range max(n, 0) {
		verb := byte('s')
		if k < len(verbs) {
			verb = verbs[k]
		}
		args = append(args, st.printArg(L, L.Get(i+k), verb))
	}
	for len(args) < len(verbs) && verbs[len(args)] == 'B' {
		args = append(args, out.Bits(nil))
	}
	return args
}

// printArg is a Lua value as out.Printf takes it: for %s text, for other
// conversions a number.
func (st *state) printArg(L *glua.LState, v glua.LValue, verb byte) any {
	switch verb {
	case 's':
		return st.printText(L, v)
	case 'B':
		return bitTable(L, v)
	case 'e', 'E', 'g', 'G':
		if f, ok := v.(glua.LNumber); ok {
			return float64(f)
		}
	}
	switch v := v.(type) {
	case glua.LBool:
		return bool(v)
	case *glua.LNilType:
		return uint64(0) // a null pointer
	case glua.LString:
		return string(v)
	}
	g := st.goValue(v)
	if g == nil {
		return st.stringOf(L, v)
	}
	return g
}

// goValue is a number, integer or object as a Go value; nil for others.
func (st *state) goValue(v glua.LValue) any {
	switch v := v.(type) {
	case glua.LNumber:
		f := float64(v)
		switch {
		case f != math.Trunc(f) || math.Abs(f) > maxExact:
			return f
		case f < 0 && f >= math.MinInt32:
			return int32(f)
		}
		return int64(f)
	case *glua.LUserData:
		switch u := v.Value.(type) {
		case *integer:
			switch {
			case u.enum != nil:
				return int32(u.v)
			case u.signed:
				return int64(u.v)
			}
			return u.v
		case *object:
			return uint64(u.Addr)
		}
	}
	return nil
}

// printText is what %s prints: of an object that is characters, the string.
func (st *state) printText(L *glua.LState, v glua.LValue) any {
	switch v := v.(type) {
	case *glua.LNilType:
		return nil
	case *glua.LUserData:
		if o := objectOf(v); o != nil && st.isChar(o) {
			s, err := st.text(o.Value, maxText)
			if err != nil {
				raiseRead(L, err, o.Addr, "string")
			}
			return s
		}
	}
	return st.stringOf(L, v)
}

// isChar tells an object that a char pointer points to.
func (st *state) isChar(o *object) bool {
	b := o.Base()
	return b.Kind() == ctype.Integer && b.Size() == 1 && b.Enc().Char
}

// bitTable is the table of a %b: {{"NAME", mask, bits}, ...}, or {NAME=mask}.
func bitTable(L *glua.LState, v glua.LValue) out.Bits {
	t, ok := v.(*glua.LTable)
	if !ok {
		L.RaiseError("%%b needs a table of bits behind its value")
	}
	var bits out.Bits
	for i := 1; i <= tableLen(t); i++ {
		row, ok := at(t, i).(*glua.LTable)
		if !ok {
			L.RaiseError("table of bits: row %d is no table", i)
		}
		mask, _, err := asInteger(at(row, 2))
		if err != nil {
			L.RaiseError("table of bits: %s", err.Error())
		}
		b := out.Bit{Name: at(row, 1).String(), Mask: mask.v, Bits: mask.v}
		if want, _, err := asInteger(at(row, 3)); err == nil {
			b.Bits = want.v
		}
		bits = append(bits, b)
	}
	return bits
}

// rowValue is a Lua value as a cell of a table: addresses are hex, also in JSON.
// verb is the conversion of its column, 0 if the column is not shown.
func (st *state) rowValue(L *glua.LState, v glua.LValue, verb byte) any {
	switch v := v.(type) {
	case glua.LBool:
		return bool(v)
	case glua.LString:
		return string(v)
	case *glua.LNilType:
		if verb == 's' || verb == 0 {
			return nil
		}
		return out.Hex(0) // a null pointer
	case *glua.LUserData:
		if x, ok := st.rowInteger(L, v, verb); ok {
			return x
		}
	}
	if g := st.goValue(v); g != nil {
		return g
	}
	return st.stringOf(L, v)
}

func (st *state) rowInteger(L *glua.LState, v *glua.LUserData, verb byte) (any, bool) {
	asText := verb == 's' || verb == 0
	switch u := v.Value.(type) {
	case *object:
		if asText && st.isChar(u) {
			return st.printText(L, v), true
		}
		return out.Hex(u.Addr), true
	case *integer:
		switch {
		case u.enum != nil && asText:
			return u.String(), true
		case u.enum == nil && !u.signed && verb != 'd' && verb != 'u' && verb != 'i':
			return out.Hex(u.v), true
		}
	}
	return nil, false
}
