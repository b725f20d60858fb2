package btf

import (
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/xmdb/xmdb/core/ctype"
)

var (
	_ ctype.Scope       = (*File)(nil)
	_ ctype.SymbolTyper = (*File)(nil)
)

// Options of Open.
type Options struct {
	// Name labels the data in messages: "vmlinux", a module's name.
	Name string
	// PointerSize is the width of pointers in bytes, 0 for 8.
	PointerSize int
	// Base is the kernel's BTF if this is a module's.
	Base *File
}

// File is the type data of one BTF blob. It is safe for concurrent use.
type File struct {
	opts Options
	x    *index
	// split is the File that has the types before this one's first: the base, or the
	// distilled one; nil if there are none.
	split *File
	// own is the container of the types: this File, or the one whose distilled base
	// this is.
	own   *File
	signs bool // enums are marked as signed or not

	mu   sync.Mutex // of what follows, and of x's names
	made map[uint32]*ctype.Type
}

// Open reads the BTF of an ELF file or a raw blob. All of it is read now;
// r is not used later.
func Open(r io.ReaderAt, opts Options) (*File, error) {
	main, distilled, err := blobs(r)
	if err != nil {
		return nil, err
	}
	return open(main, distilled, opts)
}

// OpenBytes is Open for a raw blob in memory, which it keeps and which must not change.
func OpenBytes(b []byte, opts Options) (*File, error) { return open(b, nil, opts) }

func open(main, distilled []byte, opts Options) (*File, error) {
	if opts.PointerSize == 0 {
		opts.PointerSize = 8
	}
	f := &File{opts: opts, made: map[uint32]*ctype.Type{}, split: opts.Base}
	f.own = f
	if distilled != nil {
		x, err := newIndex(distilled, nil)
		if err != nil {
			return nil, fmt.Errorf("load distilled base: %w", err)
		}
		f.split = &File{opts: opts, x: x, own: f, signs: x.signs, made: map[uint32]*ctype.Type{}}
	}
	var base *index
	if f.split != nil {
		base = f.split.x
	}
	x, err := newIndex(main, base)
	if err != nil {
		return nil, fmt.Errorf("load BTF: %w", err)
	}
	f.x, f.signs = x, x.signs
	for b := f.split; b != nil; b = b.split {
		f.signs = f.signs || b.signs
	}
	return f, nil
}

// Label implements ctype.Container.
func (f *File) Label() string { return f.opts.Name }

// PointerSize implements ctype.Container.
func (f *File) PointerSize() int { return f.opts.PointerSize }

// named gives the types of a name in this blob.
func (f *File) named(name string) []uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.x.named(name)
}

// Lookup implements ctype.Scope. A split File looks in itself first, then in its
// base.
func (f *File) Lookup(name string) (*ctype.Type, error) {
	n, err := ctype.ParseName(name)
	if err != nil {
		return nil, err
	}
	t, err := f.lookupBase(&n)
	if err != nil {
		return nil, err
	}
	return n.Form(t), nil
}

func (f *File) lookupBase(n *ctype.Name) (*ctype.Type, error) {
	if n.Tag == ctype.Unknown && n.Base == "void" {
		return ctype.New(f, 0, ctype.Void, "void", &ctype.Body{}), nil
	}
	names := []string{n.Base}
	if n.Tag == ctype.Unknown {
		names = ctype.BaseNames(n.Base)
	}
	var forward *ctype.Type
	for in := f; in != nil; in = in.opts.Base {
		for _, name := range names {
			for _, id := range in.named(name) {
				r, _ := in.x.record(id)
				switch matches(&r, n) {
				case declared:
					forward = in.typ(id)
				case defined:
					if t := in.typ(id); t.Name() == ctype.CanonicalBase(n.Base) || t.Name() == n.Base {
						return t, nil
					}
				}
			}
		}
	}
	if forward != nil {
		return forward, nil
	}
	return nil, ctype.ErrNoType
}

// match says how a type fits a name.
type match int

const (
	differs match = iota
	declared
	defined
)

func matches(r *record, n *ctype.Name) match {
	tag := ctype.Unknown
	switch r.kind {
	case kindStruct:
		tag = ctype.Struct
	case kindUnion:
		tag = ctype.Union
	case kindEnum, kindEnum64:
		tag = ctype.Enum
	case kindFwd:
		if n.Tag == forwardKind(r) {
			return declared
		}
		return differs
	case kindInt, kindFloat, kindTypedef:
	default:
		return differs
	}
	if tag == n.Tag || n.Class && tag == ctype.Union {
		return defined
	}
	return differs
}

func forwardKind(r *record) ctype.Kind {
	if r.flag {
		return ctype.Union
	}
	return ctype.Struct
}

// All implements ctype.Scope: the types with a name, in order of their ids;
// those of the base are not among them.
func (f *File) All() iter.Seq[*ctype.Type] {
	return func(yield func(*ctype.Type) bool) {
		seen := map[nameKey]bool{}
		for i := range f.x.offs {
			id := f.x.first + uint32(i)
			switch r, _ := f.x.record(id); r.kind {
			case kindStruct, kindUnion, kindEnum, kindEnum64, kindFwd, kindInt, kindFloat, kindTypedef:
			default:
				continue
			}
			t := f.typ(id)
			k := nameKey{t.Kind(), t.Name()}
			if t.Name() == "" || seen[k] {
				continue
			}
			seen[k] = true
			if !yield(t) {
				return
			}
		}
	}
}

type nameKey struct {
	kind ctype.Kind
	name string
}

// SymbolType implements ctype.SymbolTyper: the type of a function, or of a
// variable that BTF knows. Symbols are found by name.
func (f *File) SymbolType(name string, addr uint64, index uint32) (*ctype.Type, error) {
	for _, id := range f.named(name) {
		r, _ := f.x.record(id)
		if r.kind != kindFunc && r.kind != kindVar {
			continue
		}
		if t := f.typ(r.arg); t != nil {
			return t, nil
		}
	}
	return nil, ctype.ErrNoSymType
}
