package elffile

import (
	"sync"

	"github.com/xmdb/xmdb/core/sym"
)

// Set is a file together with the one that holds what was stripped from it,
// which is looked for when it is first needed.
type Set struct {
	File *File

	finder  *Finder
	once    sync.Once
	debug   *File
	missing []Missing
}

// NewSet makes a Set; finder may be nil: then nothing else is looked for.
func NewSet(f *File, finder *Finder) *Set { return &Set{File: f, finder: finder} }

// Debug gives the separate debug file, nil if there is none.
func (s *Set) Debug() *File {
	s.once.Do(func() {
		if s.finder != nil {
			s.debug, s.missing = s.finder.Separate(s.File)
		}
	})
	return s.debug
}

// Missing tells what was looked for in vain, once Debug has been called.
func (s *Set) Missing() []Missing { return s.missing }

// WithSection gives the file of the set that has the bytes of a section: the
// main file if it has it, else the debug file; nil if neither.
func (s *Set) WithSection(names ...string) *File {
	for _, f := range []func() *File{func() *File { return s.File }, s.Debug} {
		g := f()
		if g == nil {
			continue
		}
		for _, n := range names {
			if sec := g.Section(n); sec != nil && sec.FileSize > 0 && !NoBytes(sec) {
				return g
			}
		}
	}
	return nil
}

// Symbols gives a symbol table: .symtab of the file, of its debug file, or of
// its .gnu_debugdata; .dynsym of the file. nil if there is none.
func (s *Set) Symbols(kind sym.Kind, rule sym.Rule, bias uint64) (*sym.Table, error) {
	if kind == sym.Dynsym || s.File.HasSymtab() {
		return s.File.Symbols(kind, rule, bias)
	}
	if d := s.Debug(); d != nil && d.HasSymtab() {
		return d.Symbols(kind, rule, bias)
	}
	m, err := s.File.Mini()
	if m == nil {
		return nil, err
	}
	return m.Symbols(kind, rule, bias)
}

// Close closes the files.
func (s *Set) Close() error {
	err := s.File.Close()
	if s.debug != nil {
		s.debug.Close()
	}
	return err
}
