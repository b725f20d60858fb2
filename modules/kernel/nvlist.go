package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
)

// Types of pairs that matter here (data_type_t).
const (
	nvUint64       = 8
	nvString       = 9
	nvStringArray  = 17
	nvList         = 19
	nvListArray    = 20
	nvBool         = 21
	nvBoolArray    = 24
	maxNVPairs     = 1 << 18
	maxNVPair      = 64 << 20
	nvNameOffset   = 16
	nvStringsPoint = 8 // bytes for each string before those of a string array
)

// nvTypes are the types of pairs by number: their names, and the sizes of an element, 0
// for strings and lists.
var nvTypes = map[int64]struct {
	name string
	size int
}{
	1: {"boolean", 1}, 2: {"byte", 1}, 3: {"int16", 2}, 4: {"uint16", 2}, 5: {"int32", 4}, 6: {"uint32", 4}, 7: {"int64", 8}, nvUint64: {"uint64", 8},
	nvString: {"string", 0}, 10: {"byte_array", 1}, 11: {"int16_array", 2}, 12: {"uint16_array", 2}, 13: {"int32_array", 4}, 14: {"uint32_array", 4},
	15: {"int64_array", 8}, 16: {"uint64_array", 8}, nvStringArray: {"string_array", 0}, 18: {"hrtime", 8}, nvList: {"nvpair_list", 0},
	nvListArray: {"nvpair list_array", 0}, nvBool: {"boolean_value", 4}, 22: {"int8", 1}, 23: {"uint8", 1}, nvBoolArray: {"boolean_array", 4},
	25: {"int8_array", 1}, 26: {"uint8_array", 1},
}

type nvListLayout struct {
	Size uint64 `ctf:"sizeof"`
	Priv Field  `ctf:"nvl_priv"`
}

type nvPrivLayout struct {
	Size uint64 `ctf:"sizeof"`
	List Field  `ctf:"nvp_list"`
}

type nvLinkLayout struct {
	Pair Field `ctf:"nvi_nvp.nvp_size"`
	Next Field `ctf:"_nvi_un._nvi._nvi_next|nvi_next"`
}

type nvPairLayout struct {
	Size  uint64 `ctf:"sizeof"`
	Bytes Field  `ctf:"nvp_size"`
	Name  Field  `ctf:"nvp_name_sz"`
	Items Field  `ctf:"nvp_value_elem"`
	Type  Field  `ctf:"nvp_type"`
}

// unreadNV is the message for a part of a list that cannot be read.
func unreadNV(what string, at uint64, err error) error {
	return Failed(err, "failed to read %s at %x", what, at)
}

// NVPairs walks the pairs of an nvlist_t: the addresses of the nvpair_t.
func (v *View) NVPairs(list uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		if err := v.walkPairs(list, func(a uint64) bool { return yield(a, nil) }); err != nil {
			yield(0, err)
		}
	}
}

func (v *View) walkPairs(list uint64, yield func(uint64) bool) error {
	ll, err := Lay[nvListLayout](v, "nvlist_t")
	if err != nil {
		return err
	}
	pl, err := Lay[nvPrivLayout](v, "nvpriv_t")
	if err != nil {
		return err
	}
	il, err := Lay[nvLinkLayout](v, "i_nvp_t")
	if err != nil {
		return err
	}
	priv, err := v.Pointer(list + ll.Priv.Off)
	if err != nil {
		return unreadNV("nvlist", list, err)
	}
	at, err := v.Pointer(priv + pl.List.Off)
	if err != nil {
		return unreadNV("nvpriv", priv, err)
	}
	for met := (Met{}); at != 0; {
		if met.Again(at) {
			return fmt.Errorf("i_nvp at %x is on its list twice", at)
		}
		next, err := v.Pointer(at + il.Next.Off)
		if err != nil {
			return unreadNV("i_nvp", at, err)
		}
		if !yield(at + il.Pair.Off) {
			return nil
		}
		at = next
	}
	return nil
}

// NVPair is an nvpair_t: its data lie behind its name.
type NVPair struct {
	Name  string
	Kind  int64  // data_type_t
	Items int    // elements of its value
	At    uint64 // where its data are
	data  []byte
	order binary.ByteOrder
}

// NVPair reads a pair.
func (v *View) NVPair(at uint64) (*NVPair, error) {
	l, err := Lay[nvPairLayout](v, "nvpair_t")
	if err != nil {
		return nil, err
	}
	b, err := v.Bytes(at, l.Size, nil)
	if err != nil {
		return nil, unreadNV("nvpair", at, err)
	}
	h := nvHead{int64(l.Bytes.Of(b)), int64(l.Name.Of(b)), int64(l.Items.Of(b)), int64(l.Type.Of(b))}
	if err := h.check(at); err != nil {
		return nil, err
	}
	raw, err := v.Bytes(at, uint64(h.size), nil)
	if err != nil {
		return nil, unreadNV("nvpair and data", at, err)
	}
	return h.pair(at, raw, v.W.Order)
}

// nvHead is what an nvpair_t says of itself: bytes of all and of the name, elements of the
// value, its data_type_t.
type nvHead struct{ size, name, items, kind int64 }

// value is where in the pair its value begins.
func (h nvHead) value() int64 { return (nvNameOffset + h.name + 7) &^ 7 }

func (h nvHead) check(at uint64) error {
	switch {
	case h.size == 0:
		return fmt.Errorf("nvpair of size zero at %x", at)
	case h.size < 0 || h.size > maxNVPair || h.name < 1 || nvNameOffset+h.name > h.size || h.items < 0:
		return fmt.Errorf("nvpair at %x is damaged: %d bytes with a name of %d and %d items", at, h.size, h.name, h.items)
	}
	return nil
}

// pair makes a pair of its bytes.
func (h nvHead) pair(at uint64, raw []byte, order binary.ByteOrder) (*NVPair, error) {
	p := &NVPair{Kind: h.kind, Items: int(h.items), At: at + uint64(h.value()), order: order}
	p.Name = cString(raw[nvNameOffset : nvNameOffset+h.name])
	if h.value() < h.size {
		p.data = raw[h.value():]
	}
	if p.Kind == nvListArray && p.Items > len(p.data)/8 {
		return nil, fmt.Errorf("nvpair at %x is damaged: %d bytes of pointers to %d lists", at, len(p.data), p.Items)
	}
	return p, nil
}

// cString is the text before a null byte.
func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// Text is the value of a pair; not ok if it is no string.
func (p *NVPair) Text() (s string, ok bool) { return cString(p.data), p.Kind == nvString }

// Uint64 is the value of a pair; not ok if it is no uint64_t.
func (p *NVPair) Uint64() (n uint64, ok bool) {
	return p.uint(0, 8), p.Kind == nvUint64 && len(p.data) >= 8
}

func (p *NVPair) uint(i, size int) uint64 {
	if (i+1)*size > len(p.data) {
		return 0
	}
	return mem.Uint(p.data[i*size:(i+1)*size], p.order)
}

// strings are the strings of a pair of them, or nil if what there is cannot be printed.
func (p *NVPair) strings() []string {
	data := p.data
	if p.Kind == nvStringArray {
		data = data[min(len(data), nvStringsPoint*p.Items):]
	}
	var list []string
	for len(list) < p.Items {
		s, rest, ok := bytes.Cut(data, []byte{0})
		if !ok || bytes.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil
		}
		list, data = append(list, string(s)), rest
	}
	return list
}

// value is a pair's value as it is printed, but for lists.
func (p *NVPair) value() string {
	t, known := nvTypes[p.Kind]
	if known && t.size == 0 {
		if list := p.strings(); list != nil {
			return "'" + strings.Join(list, "' + '") + "'"
		}
	}
	var b strings.Builder
	size, n := max(t.size, 1), p.Items
	if t.size == 0 {
		n = len(p.data)
	}
	for i := range n {
		if (i+1)*size > len(p.data) {
			break
		}
		if i > 0 {
			b.WriteByte('.')
		}
		if val := p.uint(i, size); p.Kind == nvBool || p.Kind == nvBoolArray {
			b.WriteString(strconv.Itoa(int(int32(val))))
		} else {
			fmt.Fprintf(&b, "%0*x", 2*size, val)
		}
	}
	return b.String()
}
