package out

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// A Field is one named value of a row.
type Field struct {
	Name  string
	Value any
}

// Hex is an address or another number that is read in hex: a string "0x1f" in
// JSON.
type Hex uint64

// Addr is an address.
type Addr = Hex

func (h Hex) String() string { return string(appendHex(nil, uint64(h))) }

func appendHex(dst []byte, v uint64) []byte {
	return strconv.AppendUint(append(dst, '0', 'x'), v, 16)
}

// Object is a value with members in order, List one of several values.
type (
	Object []Field
	List   []any
)

// Integers beyond 2^53 are no longer exact in most JSON readers.
const maxExact = 1 << 53

// AppendJSON appends the fields as one JSON object without a newline. Their
// order is kept. A Hex is a string "0x.."; an integer is a number, or a
// decimal string beyond 2^53; an error is null, and its text the value of a
// further member NAME_error; Object and List nest, an error in a List is null.
// Bytes that are not UTF-8 become U+FFFD.
func AppendJSON(dst []byte, fields []Field) []byte {
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, f.Name), ':')
		if err, ok := f.Value.(error); ok && !isNil(err) {
			dst = append(dst, "null,"...)
			dst = append(appendString(dst, f.Name+"_error"), ':')
			dst = appendString(dst, err.Error())
			continue
		}
		dst = appendValue(dst, f.Value)
	}
	return append(dst, '}')
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return appendString(dst, v)
	case Hex:
		return append(appendHex(append(dst, '"'), uint64(v)), '"')
	case bool:
		return strconv.AppendBool(dst, v)
	case []byte:
		return appendString(dst, string(v))
	case float64:
		return appendJSONFloat(dst, v, 64)
	case float32:
		return appendJSONFloat(dst, float64(v), 32)
	case Object:
		return AppendJSON(dst, v)
	case []Field:
		return AppendJSON(dst, v)
	case List:
		return appendList(dst, v)
	case []any:
		return appendList(dst, v)
	case error:
		return append(dst, "null"...)
	case json.Marshaler:
		return appendMarshaled(dst, v)
	case fmt.Stringer:
		return appendString(dst, v.String())
	}
	return appendKind(dst, reflect.ValueOf(v))
}

func appendKind(dst []byte, r reflect.Value) []byte {
	switch r.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(dst, r.Bool())
	case reflect.String:
		return appendString(dst, r.String())
	case reflect.Float32, reflect.Float64:
		return appendJSONFloat(dst, r.Float(), r.Type().Bits())
	case reflect.Slice, reflect.Array:
		list := make(List, r.Len())
		for i := range list {
			list[i] = r.Index(i).Interface()
		}
		return appendList(dst, list)
	case reflect.Pointer, reflect.Interface:
		if r.IsNil() {
			return append(dst, "null"...)
		}
	}
	if r.CanInt() {
		return appendJSONInt(dst, r.Int())
	}
	if r.CanUint() {
		return appendJSONUint(dst, r.Uint())
	}
	return appendMarshaled(dst, r.Interface())
}

func appendMarshaled(dst []byte, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return appendString(dst, fmt.Sprint(v))
	}
	return append(dst, b...)
}

func appendList(dst []byte, list []any) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, v)
	}
	return append(dst, ']')
}

func appendJSONInt(dst []byte, v int64) []byte {
	if v > maxExact || v < -maxExact {
		return append(strconv.AppendInt(append(dst, '"'), v, 10), '"')
	}
	return strconv.AppendInt(dst, v, 10)
}

func appendJSONUint(dst []byte, v uint64) []byte {
	if v > maxExact {
		return append(strconv.AppendUint(append(dst, '"'), v, 10), '"')
	}
	return strconv.AppendUint(dst, v, 10)
}

// appendJSONFloat writes what JSON has no number for as a string.
func appendJSONFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return appendString(dst, strconv.FormatFloat(v, 'g', -1, bits))
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

const hexDigits = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			dst = appendJSONByte(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		dst = utf8.AppendRune(dst, r) // U+FFFD where it is none
		i += n
	}
	return append(dst, '"')
}

func appendJSONByte(dst []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\t':
		return append(dst, '\\', 't')
	case c < ' ' || c == 0x7f:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(dst, c)
}
