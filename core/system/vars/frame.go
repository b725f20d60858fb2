package vars

import (
	"cmp"
	"errors"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/unwind"
	"github.com/xmdb/xmdb/core/value"
)

// Reader finds the variables of frames of one thread.
type Reader struct {
	World *value.World
	Arch  *unwind.Arch
	// Debug gives the debug data for a VA and the bias to subtract from the VA to
	// get the data's address; nil if there is none.
	Debug func(pc uint64) (d *dwarf.Data, bias uint64)
	// TLS gives the address of an offset in the thread-local storage of the object
	// that contains a VA; nil if it cannot be told.
	TLS func(pc, off uint64) (uint64, error)
	// Vector gives a register of the thread that is not an integer register, by
	// DWARF number; nil if none is known.
	Vector func(n uint64) ([]byte, bool)
	// Bound gives the function that a stub of a procedure linkage table leads to;
	// nil if that is not known.
	Bound func(stub uint64) (uint64, bool)
}

// Frame is a frame with the one it was called from.
type Frame struct {
	unwind.Frame
	Caller *Frame // nil: none, or not known
	// Restored tells that every register is the frame's own: in the innermost frame,
	// and in one that a signal interrupted.
	Restored bool

	gone bool // it left the stack by a jump
}

// lookahead is how many callers of a frame are at hand while a stack is walked:
// values at entry may depend on those of the caller, and so on.
const lookahead = 6

// Frames links the frames of a stack as they come. Each frame is yielded with the
// callers next to it, not with all, since a stack may have millions.
func Frames(stack iter.Seq2[unwind.Frame, error]) iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		var wait []*Frame
		for f, err := range stack {
			if err != nil {
				for _, w := range wait {
					if !yield(w, nil) {
						return
					}
				}
				yield(nil, err)
				return
			}
			n := &Frame{Frame: f, Restored: f.Level == 0}
			if len(wait) > 0 {
				last := wait[len(wait)-1]
				last.Caller = n
				n.Restored = last.Signal
			}
			if wait = append(wait, n); len(wait) > lookahead {
				if !yield(wait[0], nil) {
					return
				}
				wait = wait[1:]
			}
		}
		for _, w := range wait {
			if !yield(w, nil) {
				return
			}
		}
	}
}

// ErrNoDebug: there is no debug information for the code of a frame.
var ErrNoDebug = errors.New("no debug information")

// Scope is a function that a frame is in.
type Scope struct {
	Name    string
	Linkage string // the mangled name, "" if it is not mangled
	Inlined bool
	Index   int // in the list of the frame's: 0 is the innermost
	// File and Line tell where execution is in it; Line is 0 if that is not known.
	File string
	Line int

	r     *Reader
	frame *Frame
	fn    *dwarf.Func // the function whose code it is
	pc    uint64      // of the frame's code, as in the file
	bias  uint64
	parts interface {
		Params() ([]dwarf.Variable, error)
		Locals(pc uint64) ([]dwarf.Variable, error)
	}
}

// Scopes lists the functions a frame is in, the innermost first; the last is the
// one the code belongs to. ErrNoDebug or dwarf.ErrNoFunction if nothing tells.
func (r *Reader) Scopes(f *Frame) ([]Scope, error) {
	d, bias := r.Debug(f.CodeAddr())
	if d == nil {
		return nil, ErrNoDebug
	}
	pc := f.CodeAddr() - bias
	fn, err := d.Function(pc)
	if err != nil {
		return nil, err
	}
	file, line, _ := d.Line(pc)
	inlines, err := fn.Inlines(pc)
	if err != nil {
		inlines = nil // what is malformed inside the function leaves the function
	}
	base := Scope{r: r, frame: f, fn: fn, pc: pc, bias: bias, File: file, Line: line}
	var out []Scope
	for _, in := range inlines {
		s := base
		s.Name, s.Linkage, s.Inlined, s.parts = in.Name(), in.LinkageName(), true, in
		s.Index = len(out)
		out = append(out, s)
		base.File, base.Line = in.CallFile, in.CallLine
	}
	base.Index = len(out)
	base.Name, base.Linkage, base.parts = fn.Name(), fn.LinkageName(), fn
	return append(out, base), nil
}

// Var is a parameter or local variable of a Scope.
type Var struct {
	dwarf.Variable
	// Hidden is set if a variable of an inner block has the same name.
	Hidden bool

	s *Scope
}

// Params lists the parameters in the order of their declaration. GCC has those of
// inlined functions and of clones in another.
func (s *Scope) Params() ([]Var, error) {
	vs, err := s.parts.Params()
	slices.SortStableFunc(vs, func(a, b dwarf.Variable) int { return cmp.Compare(a.Origin(), b.Origin()) })
	return s.wrap(vs), err
}

// Locals lists the local variables of the blocks that the frame is in, those of the
// innermost block first.
func (s *Scope) Locals() ([]Var, error) {
	vs, err := s.parts.Locals(s.pc)
	return s.wrap(vs), err
}

// Vars lists parameters and locals, and marks those that others hide.
func (s *Scope) Vars() ([]Var, error) {
	params, err := s.Params()
	locals, lerr := s.Locals()
	seen := map[string]int{}
	for i := range locals {
		seen[locals[i].Name] = max(seen[locals[i].Name], locals[i].Depth+1)
	}
	for i := range locals {
		locals[i].Hidden = seen[locals[i].Name] > locals[i].Depth+1
	}
	for i := range params {
		params[i].Hidden = seen[params[i].Name] > 0
	}
	return append(params, locals...), errors.Join(err, lerr)
}

func (s *Scope) wrap(vs []dwarf.Variable) []Var {
	out := make([]Var, 0, len(vs))
	for _, v := range vs {
		if v.Name != "" {
			out = append(out, Var{Variable: v, s: s})
		}
	}
	return out
}

// Scope is the function the variable is of.
func (v *Var) Scope() *Scope { return v.s }

// Value is the variable's value in its frame. value.OptimisedOut if it is nowhere;
// other errors say why its place cannot be told.
func (v *Var) Value() (value.Value, error) {
	e := v.s.evaluator()
	return e.variable(&v.Variable)
}

// InMemory tells whether a value lies in the process's memory, at its Addr.
func InMemory(v value.Value) bool {
	_, apart := v.Space.(*place)
	_, bytes := v.Space.(value.Bytes)
	return !apart && !bytes
}
