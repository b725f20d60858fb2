package elffile

import (
	"encoding/binary"
	"iter"
	"strings"
)

// Note is one ELF note.
type Note struct {
	Name string // without its NUL
	Type uint32
	Desc []byte
}

// Notes yields the notes in b until its end or the first that does not fit. Name
// and descriptor are padded to align bytes, 8 or else 4 (gABI, "Note Section";
// 64-bit cores and most others pad to 4 whatever p_align says).
func Notes(b []byte, order binary.ByteOrder, align uint64) iter.Seq[Note] {
	pad := 4
	if align == 8 {
		pad = 8
	}
	return func(yield func(Note) bool) {
		for len(b) >= 12 {
			namesz, descsz := order.Uint32(b), order.Uint32(b[4:])
			n := Note{Type: order.Uint32(b[8:])}
			// The descriptor begins at the padded end of header and name together.
			desc := padTo(12+int(min(namesz, 1<<20)), pad)
			end := desc + int(min(descsz, 1<<30))
			if namesz > 1<<20 || descsz > 1<<30 || desc > len(b) || end > len(b) {
				return
			}
			n.Name = strings.TrimRight(string(b[12:12+namesz]), "\x00")
			n.Desc = b[desc:end:end]
			if !yield(n) {
				return
			}
			b = b[min(padTo(end, pad), len(b)):]
		}
	}
}

func padTo(n, pad int) int { return (n + pad - 1) &^ (pad - 1) }
