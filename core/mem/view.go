package mem

import "encoding/binary"

// Viewer is a Space that can show bytes without copying them.
//
// View gives the n bytes at a, or nil if they are not at hand in one piece:
// then ReadAt tells more. The bytes must not be changed; they stay as they are
// even if the memory is written to later.
type Viewer interface {
	View(a Addr, n int) []byte
}

// viewUint reads an integer by View; ok is false if that is not possible.
func viewUint(s Space, a Addr, size int, order binary.ByteOrder) (v uint64, ok bool) {
	w, isViewer := s.(Viewer)
	if !isViewer {
		return 0, false
	}
	b := w.View(a, size)
	if b == nil {
		return 0, false
	}
	if order == binary.LittleEndian {
		switch size {
		case 8:
			return binary.LittleEndian.Uint64(b), true
		case 4:
			return uint64(binary.LittleEndian.Uint32(b)), true
		}
	}
	return Uint(b, order), true
}
