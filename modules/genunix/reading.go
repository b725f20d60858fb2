package genunix

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/value"
)

// accessAny is the access to the first of several members that a type has: what one
// release calls p_user another may have elsewhere.
func (v *view) accessAny(typ string, members ...string) (*value.Access, error) {
	var first error
	for _, m := range members {
		a, err := v.access(typ, m)
		if err == nil {
			return a, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// follow reads the number at the end of a compiled path.
func (v *view) follow(a *value.Access, addr uint64) (uint64, error) {
	at, sp, err := a.Follow(v.w.Space, addr, nil)
	if err != nil {
		return 0, err
	}
	return a.Load(sp, at)
}

// ref is the address of a member of an object.
func (v *view) ref(typ string, addr uint64, members ...string) (uint64, error) {
	a, err := v.accessAny(typ, members...)
	if err != nil {
		return 0, err
	}
	at, _, err := a.Follow(v.w.Space, addr, nil)
	return at, err
}

// has tells whether a type of the kernel has a member.
func (v *view) has(typ, member string) bool {
	_, err := v.access(typ, member)
	return err == nil
}

// address is where a variable of the kernel lies.
func (v *view) address(module, name string) (uint64, error) {
	m, err := v.symbol(module, name)
	if err != nil {
		return 0, unread(name, err)
	}
	return m.Value, nil
}

// pointers reads an array of pointers.
func (v *view) pointers(addr, n uint64) ([]uint64, error) {
	b := make([]byte, n*8)
	if err := v.read(addr, b); err != nil {
		return nil, err
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = mem.Uint(b[8*i:8*i+8], v.w.Order)
	}
	return list, nil
}

// text is str for a string that may take up to n bytes with its NUL; what is too
// long is cut off.
func (v *view) text(addr uint64, n int) (string, error) {
	return mem.ReadString(v.w.Space, mem.Addr(addr), n-1)
}

// refText reads a refstr_t.
func (v *view) refText(addr uint64, n int) (string, error) {
	s, err := v.ref("refstr_t", addr, "rs_string")
	if err != nil {
		return "", err
	}
	return v.text(s, n)
}

// dotted reads a name as MDB prints it in a column of n-1 characters: one that is
// longer ends in three dots, one that cannot be read is "??".
func (v *view) dotted(addr uint64, n int) string {
	s, err := v.text(addr, n+1)
	switch {
	case err != nil || s == "":
		return "??"
	case len(s) >= n:
		return s[:n-4] + "..."
	}
	return s
}

// perAddress makes the usual dcmd of MDB: a row for the address given, else one for
// each element of a walk.
func perAddress(walk func(*core.Ctx, *view) iter.Seq2[core.Elem, error], row func(*core.Ctx, *view, uint64) error) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		v := viewOf(c)
		if c.HasAddr {
			return row(c, v, c.Addr)
		}
		return each(c, walk(c, v), func(a uint64) error { return row(c, v, a) })
	}
}

// noArgs refuses words behind the options.
func noArgs(run func(*core.Ctx) error) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if len(c.Args) != 0 {
			return core.ErrUsage
		}
		return run(c)
	}
}

// needAddr is MDB's refusal of a dcmd without an address whose synopsis would take
// it.
func needAddr(run func(*core.Ctx) error) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if !c.HasAddr {
			return core.ErrUsage
		}
		return run(c)
	}
}

// withTable makes a dcmd whose columns depend on its options print by a table.
func withTable(c *core.Ctx, t *core.Table) {
	d := *c.Dcmd
	d.Table = t
	c.Dcmd = &d
}

// cell is a value of a row that could perhaps not be read: a question mark and a
// warning then, and in JSON the reason.
func cell(c *core.Ctx, val any, err error, what string, addr uint64) any {
	switch {
	case err == nil:
		return val
	case c.Opts.JSON:
		return err
	}
	c.Warnf("failed to read %s of %x: %s", what, addr, core.Reason(err))
	return "?"
}
