package value

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
)

// counted finds the pointer and the length of the structures by which Go and Rust
// know text: string, &str.
func counted(t *ctype.Type) (ptr, length *ctype.Member, ok bool) {
	switch t.Name() {
	case "string", "&str", "&mut str":
	default:
		return nil, nil, false
	}
	ms := t.Members()
	if len(ms) != 2 {
		return nil, nil, false
	}
	for i := range ms {
		switch m := &ms[i]; {
		case m.Type.Resolve().Kind().IsPointer():
			ptr = m
		case m.Name == "len" || m.Name == "length":
			length = m
		}
	}
	return ptr, length, ptr != nil && length != nil
}

// countedText reads the text of a counted string, at most maxPointerText bytes of
// it. ok is false if the value is none or its text cannot be printed.
func (v Value) countedText() (addr uint64, text string, ok bool) {
	p, n, ok := counted(v.Base())
	if !ok {
		return 0, "", false
	}
	addr, err := v.sub(p).Uint()
	if err != nil {
		return 0, "", false
	}
	size, err := v.sub(n).Uint()
	if err != nil {
		return 0, "", false
	}
	b := make([]byte, min(size, maxPointerText))
	if err := mem.ReadFull(v.W.At(nil, 0).space(), b, mem.Addr(addr)); err != nil {
		return 0, "", false
	}
	text = string(b)
	if size > maxPointerText {
		for i := 0; i < utf8.UTFMax && !utf8.ValidString(text); i++ {
			text = text[:len(text)-1] // a character was cut
		}
		text += " ..."
	}
	bad := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError })
	return addr, text, bad < 0
}

// countedString prints a counted string as a pointer and its text.
func (w *walk) countedString(it item, off uint64) bool {
	v := Value{Type: it.typ, W: w.w, Space: w.sp, Addr: mem.Addr(w.base + off/8)}
	addr, text, ok := v.countedText()
	if !ok || w.pr.O.Layout {
		return false
	}
	w.pr.P.Printf("%a", addr)
	w.text(" \"" + text + "\"")
	w.skip = w.depth
	return true
}
