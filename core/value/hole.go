package value

import (
	"strconv"

	"github.com/xmdb/xmdb/core/ctype"
)

// hole is what is known at one depth: where the next member is expected.
type hole struct {
	next  uint64 // bit offset
	union bool
}

func (w *walk) hole(d int) *hole {
	for len(*w.holes) <= d {
		*w.holes = append(*w.holes, hole{})
	}
	return &(*w.holes)[d]
}

// beforeElement prints the hole between what came before at this depth and the
// element, and notes where the element ends.
func (w *walk) beforeElement(base *ctype.Type, bits uint32, off uint64, depth int) error {
	d := depth + w.nest
	if h := w.hole(d); depth != 0 && off > h.next {
		if err := w.printHole(depth, h.next, off); err != nil {
			return err
		}
	}
	end := off + base.Size()*8
	if bits != 0 {
		end = off + uint64(bits)
	} else if base.Kind() == ctype.Integer {
		end = off + uint64(base.Enc().Bits)
	}
	w.hole(d).next = end
	if k := base.Kind(); k.IsStruct() || k == ctype.Array {
		w.hole(d).union = k == ctype.Union
		w.hole(d + 1).next = off
	}
	return nil
}

// beforeClose prints the hole at the end of a structure.
func (w *walk) beforeClose(d, depth int) {
	if w.hole(d).union {
		return
	}
	if end, expected := w.hole(d+1).next, w.hole(d).next; end < expected {
		_ = w.printHole(depth+1, end, expected) // who wanted it stopped is asked again
	}
}

// printHole prints the bits from off to end as integers of at most 8 bytes.
func (w *walk) printHole(depth int, off, end uint64) error {
	const word = 64
	for end-off > word {
		if err := w.pr.stopped(); err != nil {
			return err
		}
		next := (off + word) &^ (word - 1)
		w.printBits(depth, off, next)
		off = next
	}
	w.printBits(depth, off, end)
	return nil
}

// printBits prints a hole of at most 64 bits.
func (w *walk) printBits(depth int, off, end uint64) {
	bits := end - off
	size := bits / 8
	field := off%8 != 0 || bits%8 != 0 || size&(size-1) != 0
	if w.showType || w.showName || w.showAddr {
		w.blanks(depth + w.nest)
	}
	if w.showAddr {
		w.addr(off)
	}
	if w.showType {
		if field {
			w.text("unsigned ")
		} else {
			w.text("uint" + strconv.FormatUint(bits, 10) + "_t ")
		}
	}
	if w.showName {
		w.text("<<HOLE>>")
	}
	if field && w.showType {
		w.text(" :" + strconv.FormatUint(bits, 10))
	}
	if w.pr.O.Layout {
		w.text(" " + w.delim)
		return
	}
	w.text(" = ")
	if w.integer(nil, ctype.Encoding{Bits: uint32(bits)}, off) == nil {
		w.text(w.delim)
	}
}
