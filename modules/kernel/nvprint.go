package kernel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// NVPrinter prints pairs of names and values: as records, or as MDB does.
type NVPrinter struct {
	C       *core.Ctx
	Recurse bool // with the pairs of embedded lists
	Quiet   bool // only names and values

	path  []uint64 // the lists that the list shown is in
	parts int      // lists and pairs so far
}

// List prints the pairs of the nvlist_t at an address.
func (s *NVPrinter) List(at uint64) error { return s.list(at, "") }

// Pair prints the nvpair_t at an address.
func (s *NVPrinter) Pair(at uint64) error { return s.pair(at, "") }

func (s *NVPrinter) view() *View { return Of(s.C.Session) }

func (s *NVPrinter) list(at uint64, path string) error {
	if slices.Contains(s.path, at) {
		return fmt.Errorf("nvlist at %x is in itself", at)
	}
	if s.C.Err() != nil {
		return core.ErrIntr
	}
	if s.parts++; s.parts > maxNVPairs {
		return fmt.Errorf("nvlist at %x: there are more than %d lists and pairs", at, maxNVPairs)
	}
	s.path = append(s.path, at)
	defer func() { s.path = s.path[:len(s.path)-1] }()
	for p, err := range s.view().NVPairs(at) {
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
func (s *NVPrinter) embedded(at uint64, path string) error {
	old := s.C.P.IncIndent(4)
	defer s.C.P.SetMargin(old)
	return s.list(at, path)
}

func (s *NVPrinter) pair(at uint64, path string) error {
	p, err := s.view().NVPair(at)
	if err != nil {
		return err
	}
	if s.parts++; s.parts > maxNVPairs {
		return fmt.Errorf("nvpair at %x: there are more than %d lists and pairs", at, maxNVPairs)
	}
	if s.C.Opts.JSON {
		return s.record(at, path+p.Name, p)
	}
	t, known := nvTypes[p.Kind]
	if s.Quiet {
		s.C.Printf("%s", p.Name)
	} else {
		s.C.Printf("name='%s'", p.Name)
		if known {
			s.C.Printf(" type=%s", t.name)
		} else {
			s.C.Printf(" type=0x%x", p.Kind)
		}
		s.C.Printf(" items=%d\n", p.Items)
	}
	switch {
	case p.Items == 0 && known:
		if s.Quiet {
			s.C.Printf("(unknown)\n")
		}
		return nil
	case p.Kind == nvList && s.Recurse:
		if s.Quiet {
			s.C.Printf("\n")
		}
		return s.embedded(p.At, path)
	case p.Kind == nvListArray && s.Recurse:
		for i := range p.Items {
			if s.Quiet && i > 0 {
				s.C.Printf("%s", p.Name)
			}
			s.C.Printf("[%d]\n", i)
			if err := s.embedded(p.uint(i, 8), path); err != nil {
				return err
			}
		}
		return nil
	case p.Kind == nvList:
		s.value(strconv.FormatUint(p.At, 16))
	case p.Kind == nvListArray:
		var list []string
		for i := range p.Items {
			list = append(list, strconv.FormatUint(p.uint(i, 8), 16))
		}
		s.value(strings.Join(list, " "))
	default:
		s.value(p.value())
	}
	return nil
}

// value ends a pair with its value, which has a line of its own unless only names and
// values are wanted.
func (s *NVPrinter) value(text string) {
	if s.Quiet {
		s.C.Printf("=%s\n", text)
		return
	}
	old := s.C.P.IncIndent(4)
	s.C.Printf("value=%s\n", text)
	s.C.P.SetMargin(old)
}

// record is a pair as a record: its name has those of the lists that it is in before
// it.
func (s *NVPrinter) record(at uint64, name string, p *NVPair) error {
	t, known := nvTypes[p.Kind]
	kind := t.name
	if !known {
		kind = fmt.Sprintf("%#x", p.Kind)
	}
	fields := []out.Field{{Name: "addr", Value: out.Addr(at)}, {Name: "name", Value: name}, {Name: "type", Value: kind}, {Name: "items", Value: p.Items}}
	switch p.Kind {
	case nvList:
		s.C.Record(nil, append(fields, out.Field{Name: "value", Value: out.Addr(p.At)})...)
		if s.Recurse {
			return s.list(p.At, name+".")
		}
	case nvListArray:
		list := make([]any, p.Items)
		for i := range list {
			list[i] = out.Addr(p.uint(i, 8))
		}
		s.C.Record(nil, append(fields, out.Field{Name: "value", Value: list})...)
		for i := range list {
			if s.Recurse {
				if err := s.list(p.uint(i, 8), fmt.Sprintf("%s[%d].", name, i)); err != nil {
					return err
				}
			}
		}
	default:
		s.C.Record(nil, append(fields, out.Field{Name: "value", Value: p.value()})...)
	}
	return nil
}
