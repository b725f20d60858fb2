package dcmds

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system/vars"
	"github.com/xmdb/xmdb/core/value"
)

// terseText is how many characters of a string are shown in a list of arguments.
const terseText = 32

// terse writes a value as it stands in a list of arguments: a=1, p=0x7ff0,
// s="text"..., r={...}.
func terse(s *core.Session, v value.Value, err error) string {
	if err == nil {
		var text string
		if text, err = terseValue(s, v); err == nil {
			return text
		}
	}
	if a, ok := value.IsAbsent(err); ok {
		return a.String()
	}
	return "<unreadable>"
}

func terseValue(s *core.Session, v value.Value) (string, error) {
	b := v.Base()
	switch b.Kind() {
	case ctype.Integer:
		return terseInt(v, b)
	case ctype.Enum:
		n, err := v.Int()
		if name, ok := v.EnumName(); ok && err == nil {
			return name, nil
		}
		return strconv.FormatInt(n, 10), err
	case ctype.Float:
		f, err := v.Float()
		return strconv.FormatFloat(f, 'g', -1, 64), err
	case ctype.Pointer, ctype.Reference, ctype.RvalueReference:
		return tersePointer(s, v, b)
	case ctype.Struct, ctype.Union:
		if text, ok := v.JSON(value.Options{Depth: 1, ArrayMem: 1}).(string); ok {
			return quoted(text), nil
		}
		return "{...}", nil
	case ctype.Array:
		if text, ok := v.JSON(value.Options{Depth: 1, ArrayMem: 1, ArrayStr: 1 << 10}).(string); ok {
			return quoted(text), nil
		}
		return "[...]", nil
	case ctype.Forward:
		return "{...}", nil
	}
	return "?", nil
}

func terseInt(v value.Value, b *ctype.Type) (string, error) {
	e := b.Enc()
	if e.Bits > 64 {
		raw, err := v.Read(16)
		if err != nil {
			return "", err
		}
		i := len(raw) - 1
		var digits strings.Builder
		for ; i >= 0; i-- { // little-endian
			fmt.Fprintf(&digits, "%02x", raw[i])
		}
		return "0x" + strings.TrimLeft(digits.String()[:digits.Len()-1], "0") + digits.String()[digits.Len()-1:], nil
	}
	n, err := v.Int()
	switch {
	case err != nil:
		return "", err
	case e.Bool && (n == 0 || n == 1):
		return strconv.FormatBool(n == 1), nil
	case e.Char && e.Bits == 8 && b.Name() == "char":
		return "'" + out.EscapeC([]byte{byte(n)}) + "'", nil
	case e.Signed:
		return strconv.FormatInt(n, 10), nil
	}
	return strconv.FormatUint(uint64(n), 10), nil
}

func tersePointer(s *core.Session, v value.Value, b *ctype.Type) (string, error) {
	p, err := v.Uint()
	if err != nil {
		return "", err
	}
	switch to := b.Elem().Resolve(); {
	case p == 0 && b.Kind() == ctype.Pointer:
		return "0", nil
	case b.Kind() != ctype.Pointer:
		return fmt.Sprintf("@%#x", p), nil
	case to.Kind() == ctype.Function:
		if name, ok := s.SymbolName(p); ok {
			return name, nil
		}
	case to.Kind() == ctype.Integer && to.Enc().Char && to.Size() == 1:
		text, err := v.Text(terseText + 1)
		if err == nil && printableText(text) {
			return quoted(text), nil
		}
	}
	return fmt.Sprintf("%#x", p), nil
}

func printableText(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r > '~' }) < 0
}

// quoted is text in quotation marks; if it was cut, an ellipsis follows.
func quoted(s string) string {
	more := ""
	if len(s) > terseText {
		s, more = s[:terseText], "..."
	}
	return `"` + out.EscapeC([]byte(s)) + `"` + more
}

// scopeArgs are the arguments of a function in a frame.
type scopeArgs struct {
	text   string // "a=1, b=2"
	fields out.List
}

// argsOf reads the parameters of a function, max of them for the text.
func argsOf(s *core.Session, sc *vars.Scope, max uint64) scopeArgs {
	var a scopeArgs
	params, _ := sc.Params() // what cannot be read of the list is not shown
	var text []string
	for i := range params {
		p := &params[i]
		v, err := p.Value()
		if uint64(i) < max {
			text = append(text, p.Name+"="+terse(s, v, err))
		} else if uint64(i) == max && max > 0 {
			text = append(text, "...")
		}
		a.fields = append(a.fields, varFields(s, p, v, err, value.Options{Depth: 1, ArrayMem: 32, ArrayStr: 1 << 10}))
	}
	a.text = strings.Join(text, ", ")
	return a
}

// varFields is the record of a variable.
func varFields(s *core.Session, p *vars.Var, v value.Value, err error, o value.Options) out.Object {
	f := out.Object{{Name: "name", Value: p.Name}, {Name: "type", Value: p.Type.String()}}
	if a, ok := value.IsAbsent(err); ok {
		err = a
	}
	if err != nil {
		return append(f, out.Field{Name: "value", Value: err})
	}
	if vars.InMemory(v) {
		f = append(f, out.Field{Name: "addr", Value: out.Hex(v.Addr)})
	}
	f = append(f, out.Field{Name: "value", Value: v.JSON(o)})
	if b := v.Base(); b.Kind() == ctype.Pointer && b.Elem().Resolve().Enc().Char {
		if text, err := v.Text(maxPipeText); err == nil && printableText(text) {
			f = append(f, out.Field{Name: "value_text", Value: text})
		}
	}
	return f
}

// maxPipeText bounds the text that a record has of what a pointer points to.
const maxPipeText = 256
