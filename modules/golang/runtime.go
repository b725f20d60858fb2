package golang

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/value"
)

// errNoDWARF is what commands end with that need the runtime's own types, in a
// program that was linked without them (-ldflags=-w).
var errNoDWARF = errors.New("the program has no type data of the Go runtime (linked with -w?)")

// goRuntime is what the module knows of one Go program: its types and where its
// variables are. It lasts until the target changes.
type goRuntime struct {
	s     *core.Session
	w     *value.World
	types typeTable
	named map[string]*ctype.Type // by the first of the names asked for
	// functions are the names of functions, by PC.
	functions map[uint64]string
	reasons   []string // by wait reason
	modules   []moduleData
	// modulesErr is why modules may lack some.
	modulesErr error
	arenas     *arenaMap
}

type runtimeKey struct{}

// runtimeOf gives the runtime of the session's target.
func runtimeOf(s *core.Session) (*goRuntime, error) {
	return core.Memo(s, runtimeKey{}, func() (*goRuntime, error) {
		if s.Context().Target == nil {
			return nil, core.ErrNoProc
		}
		r := &goRuntime{s: s, w: s.World()}
		r.types.init(r)
		return r, nil
	})
}

// typeNamed finds the first of the names that the program has: alternatives are
// those of several Go releases.
func (r *goRuntime) typeNamed(names ...string) (*ctype.Type, error) {
	if t := r.named[names[0]]; t != nil {
		return t, nil
	}
	var first error
	for _, n := range names {
		t, err := r.s.LookupType(n)
		if err == nil {
			if r.named == nil {
				r.named = map[string]*ctype.Type{}
			}
			r.named[names[0]] = t
			return t, nil
		}
		if first == nil {
			first = err
		}
	}
	if ctype.IsUnknown(first) || first != nil {
		return nil, fmt.Errorf("find type %s: %w", names[0], errNoDWARF)
	}
	return nil, first
}

// global gives a variable of the program by its full name, such as
// "runtime.allgs".
func (r *goRuntime) global(name string) (value.Value, error) {
	m, err := r.s.Namespace().LookupName("", name)
	if err != nil {
		return value.Value{}, fmt.Errorf("find variable %s: %w", name, err)
	}
	t, err := r.s.DataType(m)
	if err != nil {
		return value.Value{}, fmt.Errorf("find type of variable %s: %w", name, errNoDWARF)
	}
	return r.w.At(t, mem.Addr(m.Value)), nil
}

// at is the value of one of the runtime's types at an address.
func (r *goRuntime) at(addr uint64, names ...string) (value.Value, error) {
	t, err := r.typeNamed(names...)
	if err != nil {
		return value.Value{}, err
	}
	return r.w.At(t, mem.Addr(addr)), nil
}

func (r *goRuntime) read(p []byte, addr uint64) error {
	return mem.ReadFull(r.w.Space, p, mem.Addr(addr))
}

// uintAt reads an unsigned integer of 1, 2, 4 or 8 bytes.
func (r *goRuntime) uintAt(addr uint64, size int) (uint64, error) {
	return mem.ReadUint(r.w.Space, mem.Addr(addr), size, r.s.Arch().Order)
}

func (r *goRuntime) pointer(addr uint64) (uint64, error) {
	return r.uintAt(addr, r.s.Arch().PtrSize)
}

// sliceHeader is a Go slice as it lies in memory.
type sliceHeader struct {
	Array uint64 `ctf:"array"`
	Len   int64  `ctf:"len"`
	Cap   int64  `ctf:"cap"`
}

// check refuses a header that no slice has.
func (h *sliceHeader) check(limit int64) error {
	switch {
	case h.Len < 0 || h.Cap < h.Len:
		return fmt.Errorf("slice at %#x has length %d and capacity %d", h.Array, h.Len, h.Cap)
	case h.Len > limit:
		return fmt.Errorf("slice at %#x has %d elements, more than the %d that are believed", h.Array, h.Len, limit)
	}
	return nil
}

// maxPointers bounds the slices of pointers that are read whole: allgs, allspans.
const maxPointers = 64 << 20

// pointers reads a slice of pointers.
func (r *goRuntime) pointers(v value.Value) ([]uint64, error) {
	var h sliceHeader
	if err := value.Load(v, &h); err != nil {
		return nil, err
	}
	if err := h.check(maxPointers); err != nil {
		return nil, err
	}
	return r.words(h.Array, uint64(h.Len))
}

// words reads n pointers that follow each other, in pieces, so that a length that
// is a lie costs no more than the memory there is.
func (r *goRuntime) words(addr, n uint64) ([]uint64, error) {
	const piece = 1 << 16
	size := r.s.Arch().PtrSize
	var out []uint64
	for n > 0 {
		k := min(n, piece)
		b := make([]byte, int(k)*size)
		if err := r.read(b, addr); err != nil {
			return out, err
		}
		for i := range int(k) {
			out = append(out, mem.Uint(b[i*size:(i+1)*size], r.s.Arch().Order))
		}
		addr, n = addr+uint64(len(b)), n-k
	}
	return out, nil
}

// text reads a Go string, at most limit bytes of it; whole tells that this is
// all.
func (r *goRuntime) text(data, n, limit uint64) (s string, whole bool, err error) {
	if n > 1<<40 {
		return "", false, fmt.Errorf("string at %#x has %d bytes", data, n)
	}
	b := make([]byte, min(n, limit))
	if err := r.read(b, data); err != nil {
		return "", false, err
	}
	return string(b), n <= limit, nil
}

// stringAt reads the string whose header lies at addr.
func (r *goRuntime) stringAt(addr, limit uint64) (string, bool, error) {
	size := uint64(r.s.Arch().PtrSize)
	data, err := r.pointer(addr)
	if err != nil {
		return "", false, err
	}
	n, err := r.pointer(addr + size)
	if err != nil {
		return "", false, err
	}
	return r.text(data, n, limit)
}

// function names the function that a PC is in, "0x…" if there is none.
func (r *goRuntime) function(pc uint64) string {
	if n, ok := r.functions[pc]; ok {
		return n
	}
	if r.functions == nil || len(r.functions) > maxTypes {
		r.functions = map[uint64]string{}
	}
	n := fmt.Sprintf("%#x", pc)
	if m, err := r.s.Namespace().LookupAddr(pc, 0); err == nil {
		n = m.Name
	}
	r.functions[pc] = n
	return n
}
