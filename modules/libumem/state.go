package libumem

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/value"
)

// object is the load object of libumem.
const object = "libumem.so.1"

// States of libumem (UMEM_READY_*).
const (
	readyFailed  = -1
	readyStartup = 1
	readyIniting = 2
	ready        = 3
)

// Flags of caches (umem_impl.h), and of what they were created with (umem.h).
const (
	umfAudit      = 0x1
	umfDeadbeef   = 0x2
	umfRedzone    = 0x4
	umfNomagazine = 0x20
	umfHash       = 0x200
	umfPTC        = 0x800
	umfBuftag     = umfDeadbeef | umfRedzone
	umcNotouch    = 0x10000
)

// Limits of what is believed of a heap.
const (
	maxCaches  = 1 << 16
	maxSlabs   = 1 << 24
	maxCPUs    = 1 << 12
	maxDepth   = 1 << 10 // UMEM_MAX_STACK_DEPTH is about 490 or 1000
	maxHash    = 1 << 26 // buckets
	maxChunks  = 1 << 20 // in a slab
	maxArenas  = 1 << 12
	maxSegs    = 1 << 24
	maxRounds  = 1 << 16
	maxLogSize = 1 << 30 // bytes
	maxMags    = 1 << 24
)

// umem reads the structures of one process's libumem.
type umem struct {
	s      *core.Session
	w      *value.World
	space  mem.Space
	ptr    uint64
	types  map[string]*ctype.Type
	ready  int32
	ncpus  uint32
	depth  uint32
	page   uint64
	leaks  *leakResult
	mallos []uint64 // umem_alloc_sizes
}

type umemKey struct{}

// of gives what is known of the session's libumem.
func of(c *core.Ctx) (*umem, error) { return forSession(c.Session) }

func forSession(s *core.Session) (*umem, error) {
	return core.Memo(s, umemKey{}, func() (*umem, error) { return open(s) })
}

func open(s *core.Session) (*umem, error) {
	u := &umem{s: s, w: s.World(), space: s.Space(), ptr: uint64(s.Arch().PtrSize), types: map[string]*ctype.Type{}}
	if _, err := s.Namespace().LookupName(object, "umem_alloc"); err != nil {
		return u, nil // not loaded: ready stays 0
	}
	v, err := u.variable("umem_ready")
	if err != nil {
		return u, nil
	}
	if _, err := u.typ("umem_cache_t"); err != nil {
		return nil, fmt.Errorf("no type data available for %s: %w", object, err)
	}
	n, err := u.variable("umem_max_ncpus")
	if err != nil {
		if n, err = u.variable("max_ncpus"); err != nil {
			return nil, fmt.Errorf("unable to read umem_max_ncpus or max_ncpus: %w", err)
		}
	}
	depth, err := u.variable("umem_stack_depth")
	if err != nil {
		return nil, fmt.Errorf("failed to read umem_stack_depth: %w", err)
	}
	if u.page, err = u.variable("pagesize"); err != nil {
		return nil, fmt.Errorf("failed to read pagesize: %w", err)
	}
	u.ready, u.ncpus, u.depth = int32(v), uint32(min(n, maxCPUs)), uint32(depth)
	if depth > maxDepth {
		s.Warnf("umem_stack_depth corrupted (%d > %d)", int64(depth), maxDepth)
		u.depth = 0
	}
	return u, nil
}

// lookup finds a symbol of libumem.
func (u *umem) lookup(name string) (sym.Match, error) {
	return u.s.Namespace().LookupName(object, name)
}

// variable reads a variable of libumem as wide as its symbol.
func (u *umem) variable(name string) (uint64, error) {
	m, err := u.lookup(name)
	if err != nil {
		return 0, err
	}
	if m.Size == 0 || m.Size > 8 {
		return 0, fmt.Errorf("symbol %s has %d bytes", name, m.Size)
	}
	return mem.ReadUint(u.space, mem.Addr(m.Value), int(m.Size), u.w.Order)
}

// typ finds a type of libumem, else of any object.
func (u *umem) typ(name string) (*ctype.Type, error) {
	if t := u.types[name]; t != nil {
		return t, nil
	}
	t, err := u.s.LookupType(object + "`" + name)
	if err != nil {
		if t, err = u.s.LookupType(name); err != nil {
			return nil, err
		}
	}
	u.types[name] = t
	return t, nil
}

// load fills a Go structure from the structure of a type at a VA.
func (u *umem) load(typ string, at uint64, dst any) error {
	t, err := u.typ(typ)
	if err != nil {
		return err
	}
	return value.Load(u.w.At(t, mem.Addr(at)), dst)
}

// size is the size of a type, bytes.
func (u *umem) size(typ string) (uint64, error) {
	t, err := u.typ(typ)
	if err != nil {
		return 0, err
	}
	return u.w.Size(t), nil
}

// offset is the offset of a member, bytes.
func (u *umem) offset(typ, member string) (uint64, error) {
	t, err := u.typ(typ)
	if err != nil {
		return 0, err
	}
	m, err := u.w.Resolve(t).FindMember(member)
	if err != nil {
		return 0, fmt.Errorf("member %s of %s: %w", member, typ, err)
	}
	return m.Off / 8, nil
}

// word reads a pointer.
func (u *umem) word(at uint64) (uint64, error) {
	return mem.ReadUint(u.space, mem.Addr(at), int(u.ptr), u.w.Order)
}

// words reads n pointers.
func (u *umem) words(at, n uint64) ([]uint64, error) {
	b := make([]byte, n*u.ptr)
	if err := mem.ReadFull(u.space, b, mem.Addr(at)); err != nil {
		return nil, err
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = mem.Uint(b[uint64(i)*u.ptr:][:u.ptr], u.w.Order)
	}
	return out, nil
}

var errNotReady = errors.New("umem is not loaded in the address space")

// must gives libumem's state, or why there is nothing to look at.
func must(c *core.Ctx) (*umem, error) {
	u, err := of(c)
	if err != nil {
		return nil, err
	}
	if u.ready == 0 {
		return nil, errNotReady
	}
	return u, nil
}
