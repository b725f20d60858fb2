package genunix

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// nvDcmds are the commands of lists of names and values.
func nvDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "nvlist", Usage: ":[-v]", Descr: "print out a nvlist", Type: "nvlist_t", Run: noArgs(needAddr(func(c *core.Ctx) error {
			return viewOf(c).nvlist(c, c.Addr, true, !c.Opt('v'))
		})), Opts: []core.Opt{{Letter: 'v', Help: "with the types and numbers of items"}}},
		{Name: "nvpair", Usage: ":[-rq]", Descr: "print out an nvpair", Type: "nvpair_t", Run: noArgs(needAddr(func(c *core.Ctx) error {
			s := nvShow{c: c, v: viewOf(c), recurse: c.Opt('r'), quiet: c.Opt('q')}
			return s.pair(c.Addr, "")
		})), Opts: []core.Opt{{Letter: 'r', Help: "with the pairs of embedded lists"}, {Letter: 'q', Help: "only names and values"}}},
	}
}

// nvWalkers is their walker.
func nvWalkers() []*core.Walker {
	return []*core.Walker{{Name: "nvpair", Descr: "walk all of the nvpairs in a packed nvlist", Addr: core.AddrRequired, Type: "nvpair_t",
		Walk: func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems("nvpair_t", v.nvpairs(uint64(at)))
		}}}
}

// Types of pairs that matter here (data_type_t).
const (
	nvUint64       = 8
	nvString       = 9
	nvStringArray  = 17
	nvList         = 19
	nvListArray    = 20
	nvBool         = 21
	nvBoolArray    = 24
	maxNVPairs     = 1 << 20
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

// nvpairs walks the pairs of an nvlist_t.
func (v *view) nvpairs(list uint64) seq2 {
	return func(yield func(uint64, error) bool) {
		priv, err := v.member("nvlist_t", "nvl_priv", list)
		if err != nil {
			yield(0, badRead("nvlist", list, err))
			return
		}
		first, err := v.member("nvpriv_t", "nvp_list", priv)
		if err != nil {
			yield(0, badRead("nvpriv", priv, err))
			return
		}
		pair, err := v.offset("i_nvp_t", "nvi_nvp")
		if err != nil {
			yield(0, err)
			return
		}
		for n, err := range v.chain("i_nvp", "i_nvp_t", "_nvi_un._nvi._nvi_next", first) {
			if !yield(n+pair, err) || err != nil {
				return
			}
		}
	}
}

// nvPair is an nvpair_t: its data lie behind its name.
type nvPair struct {
	name  string
	kind  int64
	items int
	at    uint64 // of the data
	data  []byte
	order binary.ByteOrder
}

// nvpair reads a pair.
func (v *view) nvpair(at uint64) (*nvPair, error) {
	var h struct {
		Size  int64 `ctf:"nvp_size"`
		Name  int64 `ctf:"nvp_name_sz"`
		Items int64 `ctf:"nvp_value_elem"`
		Type  int64 `ctf:"nvp_type"`
	}
	if err := v.load("nvpair_t", at, &h); err != nil {
		return nil, badRead("nvpair", at, err)
	}
	value := (nvNameOffset + h.Name + 7) &^ 7
	switch {
	case h.Size == 0:
		return nil, fmt.Errorf("nvpair of size zero at %x", at)
	case h.Size < 0 || h.Size > maxNVPair || h.Name < 1 || nvNameOffset+h.Name > h.Size || h.Items < 0:
		return nil, fmt.Errorf("nvpair at %x is damaged: %d bytes with a name of %d and %d items", at, h.Size, h.Name, h.Items)
	}
	raw := make([]byte, h.Size)
	if err := v.read(at, raw); err != nil {
		return nil, badRead("nvpair and data", at, err)
	}
	p := &nvPair{kind: h.Type, items: int(h.Items), at: at + uint64(value), order: v.w.Order}
	p.name = cString(raw[nvNameOffset : nvNameOffset+h.Name])
	if value < h.Size {
		p.data = raw[value:]
	}
	return p, nil
}

// cString is the text before a null byte.
func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

func (p *nvPair) string() string { return cString(p.data) }

func (p *nvPair) uint(i, size int) uint64 {
	if (i+1)*size > len(p.data) {
		return 0
	}
	return mem.Uint(p.data[i*size:(i+1)*size], p.order)
}

// strings are the strings of a pair of them, or nil if what there is cannot be printed.
func (p *nvPair) strings() []string {
	data := p.data
	if p.kind == nvStringArray {
		data = data[min(len(data), nvStringsPoint*p.items):]
	}
	var list []string
	for len(list) < p.items {
		s, rest, ok := strings.Cut(string(data), "\x00")
		if !ok || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil
		}
		list, data = append(list, s), []byte(rest)
	}
	return list
}

// text is a pair's value as it is printed, but for lists.
func (p *nvPair) text() string {
	t, known := nvTypes[p.kind]
	if known && t.size == 0 {
		if list := p.strings(); list != nil {
			return "'" + strings.Join(list, "' + '") + "'"
		}
	}
	var b strings.Builder
	size, n := max(t.size, 1), p.items
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
		if val := p.uint(i, size); p.kind == nvBool || p.kind == nvBoolArray {
			b.WriteString(strconv.Itoa(int(int32(val))))
		} else {
			fmt.Fprintf(&b, "%0*x", 2*size, val)
		}
	}
	return b.String()
}

// nvShow prints pairs.
type nvShow struct {
	c              *core.Ctx
	v              *view
	recurse, quiet bool
	path           []uint64 // the lists that the list shown is in
	pairs          int
}

// nvlist prints the pairs of a list.
func (v *view) nvlist(c *core.Ctx, at uint64, recurse, quiet bool) error {
	s := nvShow{c: c, v: v, recurse: recurse, quiet: quiet}
	return s.list(at, "")
}

func (s *nvShow) list(at uint64, path string) error {
	if slices.Contains(s.path, at) {
		return fmt.Errorf("nvlist at %x is in itself", at)
	}
	s.path = append(s.path, at)
	defer func() { s.path = s.path[:len(s.path)-1] }()
	for p, err := range s.v.nvpairs(at) {
		if err == nil {
			err = s.pair(p, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// embedded prints the pairs of a list that is a pair's value.
func (s *nvShow) embedded(at uint64, path string) error {
	old := s.c.P.IncIndent(4)
	defer s.c.P.SetMargin(old)
	return s.list(at, path)
}

func (s *nvShow) pair(at uint64, path string) error {
	p, err := s.v.nvpair(at)
	if err != nil {
		return err
	}
	if s.pairs++; s.pairs > maxNVPairs {
		return fmt.Errorf("nvpair at %x: there are more than %d", at, maxNVPairs)
	}
	if s.c.Opts.JSON {
		return s.record(at, path+p.name, p)
	}
	t, known := nvTypes[p.kind]
	if s.quiet {
		s.c.Printf("%s", p.name)
	} else {
		s.c.Printf("name='%s'", p.name)
		if known {
			s.c.Printf(" type=%s", t.name)
		} else {
			s.c.Printf(" type=0x%x", p.kind)
		}
		s.c.Printf(" items=%d\n", p.items)
	}
	switch {
	case p.items == 0 && known:
		if s.quiet {
			s.c.Printf("(unknown)\n")
		}
		return nil
	case p.kind == nvList && s.recurse:
		if s.quiet {
			s.c.Printf("\n")
		}
		return s.embedded(p.at, path)
	case p.kind == nvListArray && s.recurse:
		for i := range p.items {
			if s.quiet && i > 0 {
				s.c.Printf("%s", p.name)
			}
			s.c.Printf("[%d]\n", i)
			if err := s.embedded(p.uint(i, 8), path); err != nil {
				return err
			}
		}
		return nil
	case p.kind == nvList:
		s.value(strconv.FormatUint(p.at, 16))
	case p.kind == nvListArray:
		var list []string
		for i := range p.items {
			list = append(list, strconv.FormatUint(p.uint(i, 8), 16))
		}
		s.value(strings.Join(list, " "))
	default:
		s.value(p.text())
	}
	return nil
}

// value ends a pair with its value, which has a line of its own unless only names and
// values are wanted.
func (s *nvShow) value(text string) {
	if s.quiet {
		s.c.Printf("=%s\n", text)
		return
	}
	old := s.c.P.IncIndent(4)
	s.c.Printf("value=%s\n", text)
	s.c.P.SetMargin(old)
}

// record is a pair as a record: its name has those of the lists that it is in before
// it.
func (s *nvShow) record(at uint64, name string, p *nvPair) error {
	t, known := nvTypes[p.kind]
	kind := t.name
	if !known {
		kind = fmt.Sprintf("%#x", p.kind)
	}
	fields := []out.Field{{Name: "addr", Value: out.Addr(at)}, {Name: "name", Value: name}, {Name: "type", Value: kind}, {Name: "items", Value: p.items}}
	switch p.kind {
	case nvList:
		s.c.Record(nil, append(fields, out.Field{Name: "value", Value: out.Addr(p.at)})...)
		if s.recurse {
			return s.list(p.at, name+".")
		}
	case nvListArray:
		list := make([]any, p.items)
		for i := range list {
			list[i] = out.Addr(p.uint(i, 8))
		}
		s.c.Record(nil, append(fields, out.Field{Name: "value", Value: list})...)
		for i := range list {
			if s.recurse {
				if err := s.list(p.uint(i, 8), fmt.Sprintf("%s[%d].", name, i)); err != nil {
					return err
				}
			}
		}
	default:
		s.c.Record(nil, append(fields, out.Field{Name: "value", Value: p.text()})...)
	}
	return nil
}
