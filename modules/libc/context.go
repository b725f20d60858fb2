package libc

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/value"
)

// jmpRegs are the registers of a jmp_buf in its order; the last is the one whose
// address is named.
var jmpRegs = map[*arch.Arch][]string{
	arch.AMD64: {"rbx", "r12", "r13", "r14", "r15", "rbp", "rsp", "rip"},
	arch.I386:  {"ebx", "esi", "edi", "ebp", "esp", "eip"},
}

func runJmpBuf(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	names := jmpRegs[c.Arch()]
	vals := make([]uint64, len(names))
	for i := range names {
		v, err := c.ReadPtr(c.Addr + uint64(i*c.Arch().PtrSize))
		if err != nil {
			return c.Warn(mem.Reason(err), "failed to read jmp_buf at %p", c.Addr)
		}
		vals[i] = v
	}
	var fields []out.Field
	for i, n := range names {
		fields = append(fields, out.Field{Name: n, Value: out.Hex(vals[i])})
	}
	c.Record(func() {
		for i, n := range names {
			if i == len(names)-1 {
				c.Printf("  %%%s = 0x%lx %lA\n", n, vals[i], vals[i])
			} else {
				c.Printf("  %%%s = 0x%lx\n", n, vals[i])
			}
		}
	}, fields...)
	return nil
}

// ucFlags are the bits of uc_flags (sys/ucontext.h).
var ucFlags = out.Bits{
	{Name: "UC_SIGMASK", Mask: 0x1}, {Name: "UC_STACK", Mask: 0x2}, {Name: "UC_CPU", Mask: 0x4}, {Name: "UC_FPU", Mask: 0x8},
}

// context is a ucontext_t.
type context struct {
	Flags    uint64    `ctf:"uc_flags"`
	Link     uint64    `ctf:"uc_link"`
	Mask     [4]uint32 `ctf:"uc_sigmask.__sigbits"`
	StackSP  uint64    `ctf:"uc_stack.ss_sp"`
	StackLen uint64    `ctf:"uc_stack.ss_size"`
	StackFl  int32     `ctf:"uc_stack.ss_flags"`
	Brand    [3]uint64 `ctf:"uc_brand_data,optional"`
}

func readContext(s *core.Session, addr uint64) (*context, value.Value, error) {
	v, err := at(s, "ucontext_t", addr)
	if err != nil {
		return nil, v, err
	}
	u := &context{}
	return u, v, value.Load(v, u)
}

// stackFlags names the flags of a stack_t.
func stackFlags(f int32) string {
	const onstack, disable = 1, 2
	s := ""
	switch {
	case f == 0:
		return "0"
	case f&^(onstack|disable) != 0:
		return fmt.Sprintf("0x%x", uint32(f))
	case f&onstack != 0:
		s = "ONSTACK"
	}
	if f&disable != 0 {
		if s != "" {
			s += "|"
		}
		s += "DISABLE"
	}
	return s
}

func runUcontext(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, v, err := readContext(c.Session, c.Addr)
	if err != nil {
		return c.Warn(err, "failed to read ucontext at %p", c.Addr)
	}
	m, err := v.Member("uc_mcontext")
	if err != nil {
		return err
	}
	c.Record(func() {
		c.Printf("  flags    = 0x%lx <%b>\n", u.Flags, uint32(u.Flags), ucFlags)
		c.Printf("  link     = 0x%p\n", u.Link)
		c.Printf("  sigmask  = 0x%08x 0x%08x 0x%08x 0x%08x\n", u.Mask[0], u.Mask[1], u.Mask[2], u.Mask[3])
		c.Printf("  stack    = sp 0x%p size 0x%lx flags %s\n", u.StackSP, u.StackLen, stackFlags(u.StackFl))
		c.Printf("  mcontext = 0x%p\n", uint64(m.Addr))
		c.Printf("  brand    = 0x%p 0x%p 0x%p\n", u.Brand[0], u.Brand[1], u.Brand[2])
	}, out.Field{Name: "flags", Value: out.Hex(u.Flags)}, out.Field{Name: "link", Value: out.Addr(u.Link)},
		out.Field{Name: "stack", Value: out.Addr(u.StackSP)}, out.Field{Name: "size", Value: u.StackLen}, out.Field{Name: "mcontext", Value: out.Addr(m.Addr)})
	return nil
}

// maxContexts bounds a chain of contexts.
const maxContexts = 1 << 16

func walkContexts(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		t, _ := typ(c.Session, "ucontext_t")
		seen := map[uint64]bool{}
		for a := uint64(start); a != 0; {
			if seen[a] || len(seen) >= maxContexts {
				yield(core.Elem{}, fmt.Errorf("ucontext_t at %x: list does not end", a))
				return
			}
			seen[a] = true
			u, _, err := readContext(c.Session, a)
			if err != nil {
				yield(core.Elem{}, fmt.Errorf("failed to read ucontext at %x: %w", a, err))
				return
			}
			if !yield(core.Elem{Val: a, Type: t}, nil) {
				return
			}
			a = u.Link
		}
	}
}

// xdata gives a blob that the target exports.
func xdata(s *core.Session, name string) []byte {
	x, ok := core.As[core.Xdata](s.Context())
	if !ok {
		return nil
	}
	for _, b := range x.Xdata() {
		if b.Name == name {
			return b.Data
		}
	}
	return nil
}

// lwpstatus gives where pr_oldcontext is in a lwpstatus_t, and its size, bytes.
func lwpstatus(s *core.Session) (oldcontext, size int) {
	if s.Arch().PtrSize == 8 {
		return 360, 1296
	}
	return 220, 800
}

func walkOldContexts(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		b := xdata(c.Session, "lwpstatus")
		if len(b) == 0 {
			yield(core.Elem{}, fmt.Errorf("lwpstatus information not available"))
			return
		}
		t, _ := typ(c.Session, "ucontext_t")
		off, size := lwpstatus(c.Session)
		n := c.Arch().PtrSize
		for ; len(b) >= size; b = b[size:] {
			a := mem.Uint(b[off:off+n], c.Arch().Order)
			if a == 0 {
				continue
			}
			if _, _, err := readContext(c.Session, a); err != nil {
				c.Warnf("failed to read ucontext at %p: %s", a, core.Reason(err))
				continue
			}
			if !yield(core.Elem{Val: a, Type: t}, nil) {
				return
			}
		}
	}
}
