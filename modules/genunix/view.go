package genunix

import (
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/value"
)

// view is the kernel's memory, looked at by the names of types and members. What it
// has looked up it keeps, so that a command over many threads looks up once.
type view struct {
	w     *value.World
	look  func(string) (*ctype.Type, error)
	find  func(object, name string) (sym.Match, error)
	types map[string]*ctype.Type
	paths map[string]*value.Access
}

type viewKey struct{}

// viewOf gives the session's view; it lasts until the target changes.
func viewOf(c *core.Ctx) *view {
	s := c.Session
	v, _ := core.Memo(s, viewKey{}, func() (*view, error) {
		return &view{
			w: s.World(), look: s.LookupType, find: s.Namespace().LookupName,
			types: map[string]*ctype.Type{}, paths: map[string]*value.Access{},
		}, nil
	})
	return v
}

// typ gives a type by name.
func (v *view) typ(name string) (*ctype.Type, error) {
	if t, ok := v.types[name]; ok {
		return t, nil
	}
	t, err := v.look(name)
	if err != nil {
		return nil, fmt.Errorf("failed to look up type %s: %w", name, err)
	}
	v.types[name] = t
	return t, nil
}

// typeOrNil is typ for what is only good to have: the type of a walker's elements.
func (v *view) typeOrNil(name string) *ctype.Type {
	t, _ := v.typ(name)
	return t
}

// size is the size of a type in bytes.
func (v *view) size(name string) (uint64, error) {
	t, err := v.typ(name)
	if err != nil {
		return 0, err
	}
	return v.w.Size(t), nil
}

// offset is where a member begins in a type, bytes.
func (v *view) offset(typ, member string) (uint64, error) {
	t, err := v.typ(typ)
	if err != nil {
		return 0, err
	}
	m, err := v.w.At(t, 0).Path(member)
	return uint64(m.Addr), err
}

// load fills a structure of Go by the tags of its fields (value.Load).
func (v *view) load(typ string, addr uint64, dst any) error {
	t, err := v.typ(typ)
	if err != nil {
		return err
	}
	return value.Load(v.w.At(t, mem.Addr(addr)), dst)
}

// access is the compiled path to a member.
func (v *view) access(typ, path string) (*value.Access, error) {
	key := typ + " " + path
	if a, ok := v.paths[key]; ok {
		return a, nil
	}
	t, err := v.typ(typ)
	if err != nil {
		return nil, err
	}
	p, err := v.w.Compile(t, path)
	if err == nil {
		err = p.Err
	}
	if err != nil {
		return nil, err
	}
	a := value.NewAccess(v.w, p)
	v.paths[key] = a
	return a, nil
}

// member reads an integer or pointer that is a member.
func (v *view) member(typ, path string, addr uint64) (uint64, error) {
	a, err := v.access(typ, path)
	if err != nil {
		return 0, err
	}
	at, sp, err := a.Follow(v.w.Space, addr, nil)
	if err != nil {
		return 0, err
	}
	return a.Load(sp, at)
}

// str reads a string of at most 4095 characters.
func (v *view) str(addr uint64) (string, error) {
	return mem.ReadString(v.w.Space, mem.Addr(addr), 4095)
}

// ptr reads a pointer.
func (v *view) ptr(addr uint64) (uint64, error) {
	return mem.ReadUint(v.w.Space, mem.Addr(addr), 8, v.w.Order)
}

// read fills p.
func (v *view) read(addr uint64, p []byte) error { return mem.ReadFull(v.w.Space, p, mem.Addr(addr)) }

// symbol finds a variable of the kernel: of the module named, where a static of
// another module could have the same name, else wherever it is.
func (v *view) symbol(module, name string) (sym.Match, error) {
	m, err := v.find(module, name)
	if err != nil {
		m, err = v.find("", name)
	}
	return m, err
}

// variable reads a variable of at most eight bytes, unsigned.
func (v *view) variable(module, name string) (uint64, error) {
	m, err := v.symbol(module, name)
	if err != nil {
		return 0, unread(name, err)
	}
	n := int(m.Size)
	if n != 1 && n != 2 && n != 4 {
		n = 8
	}
	x, err := mem.ReadUint(v.w.Space, mem.Addr(m.Value), n, v.w.Order)
	if err != nil {
		return 0, unread(name, err)
	}
	return x, nil
}

// unread is MDB's message for a variable that cannot be read.
func unread(name string, err error) error {
	return fmt.Errorf("failed to read '%s': %s", name, core.Reason(err))
}

// readError is a structure that cannot be read.
type readError struct {
	verb, what string
	addr       uint64
	err        error
}

func (e *readError) Error() string {
	return fmt.Sprintf("%s %s at %x: %s", e.verb, e.what, e.addr, core.Reason(e.err))
}
func (e *readError) Unwrap() error { return e.err }

// badRead is MDB's message for a structure that cannot be read.
func badRead(what string, addr uint64, err error) error {
	return &readError{"failed to read", what, addr, err}
}

// maxList bounds every list, ring and array that is walked.
const maxList = 1 << 24

// chain walks a list by the pointer at a path in each element until a null one. What
// names an element in messages. An element that was there before ends the walk.
func (v *view) chain(what, typ, link string, first uint64) iter.Seq2[uint64, error] {
	return v.list(what, typ, link, first, false)
}

// ring is chain for a list that comes back to its first element. A null link breaks
// it.
func (v *view) ring(what, typ, link string, first uint64) iter.Seq2[uint64, error] {
	return v.list(what, typ, link, first, true)
}

func (v *view) list(what, typ, link string, first uint64, closed bool) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		var met loop
		for at := first; at != 0; {
			if met.again(at) {
				yield(0, fmt.Errorf("%s at %x is on its list twice", what, at))
				return
			}
			next, err := v.member(typ, link, at)
			if err != nil {
				yield(0, badRead(what, at, err))
				return
			}
			if !yield(at, nil) || closed && next == first {
				return
			}
			if closed && next == 0 {
				yield(0, fmt.Errorf("%s at %x has a null link in a circular list", what, at))
				return
			}
			at = next
		}
	}
}

// loop remembers addresses, to tell when one comes again.
type loop struct {
	seen map[uint64]struct{}
}

func (l *loop) again(a uint64) bool {
	if l.seen == nil {
		l.seen = map[uint64]struct{}{}
	}
	if _, ok := l.seen[a]; ok || len(l.seen) >= maxList {
		return true
	}
	l.seen[a] = struct{}{}
	return false
}

// elems makes a walk of addresses one of elements with a type.
func (v *view) elems(typ string, seq iter.Seq2[uint64, error]) iter.Seq2[core.Elem, error] {
	t := v.typeOrNil(typ)
	return func(yield func(core.Elem, error) bool) {
		for a, err := range seq {
			if !yield(core.Elem{Val: a, Type: t}, err) {
				return
			}
		}
	}
}

// noWalk is a walk that fails before its first element.
func noWalk[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

// from begins a walk at a variable that points to the first element.
func (v *view) from(module, name string, walk func(first uint64) iter.Seq2[uint64, error]) iter.Seq2[uint64, error] {
	first, err := v.variable(module, name)
	if err != nil {
		return noWalk[uint64](err)
	}
	return walk(first)
}

// each runs a function for every element of a walk, as MDB's mdb_walk_dcmd runs a
// command: for the first with the heading.
func each(c *core.Ctx, seq iter.Seq2[core.Elem, error], f func(addr uint64) error) error {
	c.Loop, c.First = true, true
	var failed error
	for e, err := range seq {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		c.Addr, c.HasAddr = e.Val, true
		if err := f(e.Val); err != nil {
			if failed = c.Fail(err); !errors.Is(failed, core.ErrFailed) {
				return failed
			}
		}
		c.First = false
	}
	return failed
}
