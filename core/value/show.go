package value

import "github.com/xmdb/xmdb/core/mem"

// Shower gives the text of a value as its language means it, where the language's
// module knows better than the structures of C: a Go map, a channel. indent is how
// many levels lines after the first are to be indented, four blanks each. ok is
// false for a value that prints as it is.
type Shower func(v Value, o *Options, indent int) (text string, ok bool)

// shown prints a value by the World's Shower.
func (w *walk) shown(it item, off uint64) bool {
	if w.w.Show == nil || !w.pr.O.Pretty || w.pr.O.Layout || it.bits != 0 {
		return false
	}
	v := Value{Type: it.typ, W: w.w, Space: w.sp, Addr: mem.Addr(w.base + off/8)}
	text, ok := w.w.Show(v, &w.pr.O, w.nest+w.depth)
	if ok {
		w.skip = min(w.skip, w.depth)
		w.text(text)
	}
	return ok
}
