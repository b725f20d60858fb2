package btf

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/cilium/ebpf/btf"

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
	opts      Options
	spec      *btf.Spec
	distilled *btf.Spec   // what the blob is split against if not Base
	mu        *sync.Mutex // the base's too: the library decodes both as one
	signs     bool        // enums are marked as signed or not
	made      map[btf.Type]*ctype.Type
}

// Open reads the BTF of an ELF file or a raw blob. All of it is read now;
// r is not used later.
func Open(r io.ReaderAt, opts Options) (*File, error) {
	if opts.PointerSize == 0 {
		opts.PointerSize = 8
	}
	f := &File{opts: opts, mu: new(sync.Mutex), made: map[btf.Type]*ctype.Type{}}
	var base *btf.Spec
	if opts.Base != nil {
		f.mu = opts.Base.mu
		base = opts.Base.spec
	}
	main, distilled, err := blobs(r)
	if err != nil {
		return nil, err
	}
	if distilled != nil {
		if f.distilled, f.signs, err = load(distilled, nil); err != nil {
			return nil, fmt.Errorf("load distilled base: %w", err)
		}
		base = f.distilled
	}
	spec, signs, err := load(main, base)
	if err != nil {
		return nil, fmt.Errorf("load BTF: %w", err)
	}
	f.spec = spec
	f.signs = f.signs || signs || opts.Base != nil && opts.Base.signs
	return f, nil
}

// Label implements ctype.Container.
func (f *File) Label() string { return f.opts.Name }

// PointerSize implements ctype.Container.
func (f *File) PointerSize() int { return f.opts.PointerSize }

// named gives the types of a name in this blob.
func (f *File) named(name string) ([]btf.Type, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ts []btf.Type
	err := guard(func() (err error) {
		ts, err = f.spec.AnyTypesByName(name)
		return err
	})
	if errors.Is(err, btf.ErrNotFound) {
		return nil, nil
	}
	return slices.DeleteFunc(ts, func(t btf.Type) bool { return t.TypeName() != name }), err
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
			ts, err := in.named(name)
			if err != nil {
				return nil, err
			}
			for _, b := range ts {
				switch matches(b, n) {
				case declared:
					forward = in.convert(b)
				case defined:
					if t := in.convert(b); t.Name() == ctype.CanonicalBase(n.Base) || t.Name() == n.Base {
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

func matches(t btf.Type, n *ctype.Name) match {
	tag := ctype.Unknown
	switch t := t.(type) {
	case *btf.Struct:
		tag = ctype.Struct
	case *btf.Union:
		tag = ctype.Union
	case *btf.Enum:
		tag = ctype.Enum
	case *btf.Fwd:
		if n.Tag == forwardKind(t) {
			return declared
		}
		return differs
	case *btf.Int, *btf.Float, *btf.Typedef:
	default:
		return differs
	}
	if tag == n.Tag || n.Class && tag == ctype.Union {
		return defined
	}
	return differs
}

func forwardKind(t *btf.Fwd) ctype.Kind {
	if t.Kind == btf.FwdUnion {
		return ctype.Union
	}
	return ctype.Struct
}

// All implements ctype.Scope: the types with a name, in order of their ids;
// those of the base are not among them. It ends at a type that cannot be read.
func (f *File) All() iter.Seq[*ctype.Type] {
	return func(yield func(*ctype.Type) bool) {
		seen := map[nameKey]bool{}
		for _, b := range f.list() {
			switch b.(type) {
			case *btf.Struct, *btf.Union, *btf.Enum, *btf.Fwd, *btf.Int, *btf.Float, *btf.Typedef:
			default:
				continue
			}
			t := f.convert(b)
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

// list decodes all types.
func (f *File) list() (ts []btf.Type) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = guard(func() error {
		for t, err := range f.spec.All() {
			if err != nil {
				return err
			}
			ts = append(ts, t)
		}
		return nil
	})
	return ts
}

// SymbolType implements ctype.SymbolTyper: the type of a function, or of a
// variable that BTF knows. Symbols are found by name.
func (f *File) SymbolType(name string, addr uint64, index uint32) (*ctype.Type, error) {
	ts, err := f.named(name)
	if err != nil {
		return nil, err
	}
	for _, b := range ts {
		var of btf.Type
		switch b := b.(type) {
		case *btf.Func:
			of = b.Type
		case *btf.Var:
			of = b.Type
		default:
			continue
		}
		if t := f.convert(of); t != nil {
			return t, nil
		}
	}
	return nil, ctype.ErrNoSymType
}
