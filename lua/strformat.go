package lua

import (
	"fmt"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// stringFormat is string.format. Integers of 64 bits print exactly by %d %i %u %x
// %X %o; %d shows an unsigned one unsigned.
func (st *state) stringFormat(L *glua.LState) int {
	t := threadOf(L)
	f := checkText(L, 1)
	var b strings.Builder
	arg := 1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b.WriteByte(f[i])
			continue
		}
		i++
		if i < len(f) && f[i] == '%' {
			b.WriteByte('%')
			continue
		}
		from := i
		for i < len(f) && strings.IndexByte("-+ #0123456789.", f[i]) >= 0 {
			i++
		}
		if i == len(f) || !goodSpec(f[from:i]) {
			L.RaiseError("invalid format (width or precision too long, or no conversion)")
		}
		arg++
		s := st.formatOne(L, f[from:i], f[i], arg)
		t.str(L, b.Len()+len(s))
		b.WriteString(s)
	}
	L.Push(glua.LString(b.String()))
	return 1
}

// goodSpec allows two digits of width and of precision, as Lua does.
func goodSpec(spec string) bool {
	width, prec, _ := strings.Cut(strings.TrimLeft(spec, "-+ #0"), ".")
	return len(width) <= 2 && len(prec) <= 2 && !strings.ContainsAny(width+prec, "-+ #.")
}

func (st *state) formatOne(L *glua.LState, spec string, verb byte, arg int) string {
	switch verb {
	case 'c':
		return fmt.Sprintf("%"+spec+"s", string([]byte{byte(checkInt(L, arg))}))
	case 'd', 'i', 'u', 'x', 'X', 'o':
		return formatInteger(L, spec, verb, arg)
	case 'e', 'E', 'f', 'g', 'G':
		f := float64(0)
		if n, ok := L.Get(arg).(glua.LNumber); ok {
			f = float64(n)
		} else if _, ok := L.Get(arg).(*glua.LUserData); ok {
			f = float64(exactNumber(L, arg))
		} else {
			f = float64(L.CheckNumber(arg))
		}
		return fmt.Sprintf("%"+spec+string(verb), f)
	case 'q':
		return quote(checkText(L, arg))
	case 's':
		s := st.stringOf(L, L.CheckAny(arg))
		if spec == "" {
			return s
		}
		return fmt.Sprintf("%"+spec+"s", s)
	}
	L.RaiseError("invalid option '%%%c' to 'format'", verb)
	return ""
}

func formatInteger(L *glua.LState, spec string, verb byte, arg int) string {
	if f, ok := L.Get(arg).(glua.LNumber); ok && (f > maxExact || f < -maxExact) {
		return fmt.Sprintf("%"+spec+"f", float64(f)) // a float is what it is
	}
	v := L.Get(arg)
	if s, ok := v.(glua.LString); ok {
		if f, err := strconv.ParseFloat(string(s), 64); err == nil {
			v = glua.LNumber(f)
		}
	}
	if f, ok := v.(glua.LNumber); ok {
		v = glua.LNumber(int64(f)) // C's conversion cuts
	}
	n, _, err := asInteger(v)
	if err != nil {
		L.ArgError(arg, err.Error())
	}
	switch {
	case verb == 'd' || verb == 'i' || verb == 'u':
		if n.signed && verb != 'u' {
			return fmt.Sprintf("%"+spec+"d", int64(n.v))
		}
		return fmt.Sprintf("%"+spec+"d", n.v)
	}
	return fmt.Sprintf("%"+spec+string(verb), n.v)
}

// quote writes a string as Lua reads it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\r':
			b.WriteString(`\r`)
		case 0:
			b.WriteString(`\000`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
