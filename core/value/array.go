package value

import (
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
)

const maxString = 1 << 20 // a char array shown as text is read whole

// array prints an array: as text, on one line, or with its elements on lines of
// their own.
func (w *walk) array(base *ctype.Type, off uint64) error {
	if uint64(w.depth) == w.depthMax {
		w.text("[ ... ]")
		return nil
	}
	addr := w.base + off/8
	elem := w.w.Resolve(base.Elem())
	n := base.Count()
	if text, ok, err := w.charArray(elem, addr, n); err != nil {
		return err
	} else if ok {
		w.text("[ \"" + text + "\" ]")
		return nil
	}
	limit := min(n, w.pr.O.ArrayMem)
	size := elem.Size()
	if limit == 0 || size == 0 && limit > 1<<16 {
		w.text("[ ... ]")
		return nil
	}
	sub := *w
	sub.base = addr
	if w.depthMax != NoLimit {
		sub.depthMax = w.depthMax - uint64(w.depth) - 1
	}
	sub.nest, sub.depth, sub.label = w.nest+w.depth+1, 0, Label{}
	if k := elem.Kind(); k.IsStruct() || k == ctype.Array {
		return w.lines(&sub, base.Elem(), size, limit, n)
	}
	sub.showType, sub.showName, sub.showAddr = false, false, false
	return w.line(&sub, base.Elem(), size, limit, n)
}

// charArray reads an array of characters that is to be shown as text.
func (w *walk) charArray(elem *ctype.Type, addr, n uint64) (string, bool, error) {
	if !isChar(elem) || n == 0 || n > maxString ||
		w.pr.O.ArrayStr != NoLimit && n > w.pr.O.ArrayStr {
		return "", false, nil
	}
	probe, err := mem.ReadString(w.sp, mem.Addr(addr), int(min(probeText, n)))
	if probe == "" || err != nil && len(probe) == 0 {
		return "", false, nil
	}
	if uint64(len(probe)) == min(probeText, n) {
		probe = probe[:len(probe)-1] // MDB's buffer has its NUL there
	}
	if !printable(probe) {
		return "", false, nil
	}
	b := make([]byte, n)
	if err := readFull(w.sp, b, addr); err != nil {
		return "", false, w.unreadable(err, "failed to read char array at %llx", addr)
	}
	s, _, _ := strings.Cut(string(b), "\x00")
	return s, printable(s), nil
}

// lines prints the elements on lines of their own.
func (w *walk) lines(sub *walk, t *ctype.Type, size, limit, n uint64) error {
	first := sub.base
	sub.delim = "\n"
	w.text("[\n")
	for i := range limit {
		sub.base = first + i*size
		if err := sub.visit(item{typ: t}, 0, 0); err != nil && err != errStop {
			return err
		}
		for d := sub.depth - 1; d >= 0; d-- {
			sub.close(d)
		}
		sub.depth = 0
	}
	w.blanks(w.depth + w.nest)
	if limit < n {
		w.text("... ]")
	} else {
		w.text("]")
	}
	return nil
}

// line prints the elements on one line.
func (w *walk) line(sub *walk, t *ctype.Type, size, limit, n uint64) error {
	sub.delim = ", "
	w.text("[ ")
	for i := range limit {
		if i == limit-1 {
			sub.delim = " ]"
			if limit < n {
				sub.delim = ", ... ]"
			}
		}
		if err := sub.visit(item{typ: t}, 0, 0); err != nil && err != errStop {
			return err
		}
		sub.base += size
	}
	return nil
}
