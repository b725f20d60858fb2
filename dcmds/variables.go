package dcmds

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/out"
)

// variableDcmds list and change variables.
func variableDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "vars", Usage: "[-npt]", Descr: "print listing of variables", AnyAddr: true,
			Opts: []core.Opt{
				{Letter: 'n', Help: "only those that are not zero"},
				{Letter: 'p', Help: "in the form in which they can be read back"},
				{Letter: 't', Help: "only tagged ones"},
			},
			Run: runVars},
		{Name: "$v", Descr: "print non-zero variables", AnyAddr: true, Run: runNonZero},
		{Name: "typeset", Usage: "[+/-t] var ...", Descr: "set variable attributes", AnyAddr: true, Run: runTypeset},
		{Name: "unset", Usage: "[name ...]", Descr: "unset variables", AnyAddr: true, Run: runUnset},
	}
}

// MDB lists its variables in the order of the hash table that holds them, which
// scripts' authors see; it is computed here as MDB does (mdb_nv.c): an ELF-style
// hash of 64 bits, 211 buckets to begin with, new entries first in their bucket,
// and a table grown to twice its size less one when it holds more than a bucket
// has entries, which turns each chain round.

const firstBuckets = 211

func varHash(name string) uint64 {
	var h uint64
	for i := range len(name) {
		h = h<<4 + uint64(int64(int8(name[i])))
		if g := h & 0xf0000000; g != 0 {
			h ^= g >> 24
			h ^= g
		}
	}
	return h
}

// tableOrder puts names, given in the order of their definition, into the order
// of MDB's table.
func tableOrder[T any](list []T, name func(T) string) []T {
	size := uint64(firstBuckets)
	buckets := make([][]T, size)
	add := func(v T) {
		i := varHash(name(v)) % size
		buckets[i] = append([]T{v}, buckets[i]...)
	}
	for n, v := range list {
		if uint64(n) > size {
			old := buckets
			size = size<<1 - 1
			buckets = make([][]T, size)
			for _, chain := range old {
				for _, w := range chain {
					add(w)
				}
			}
		}
		add(v)
	}
	ordered := make([]T, 0, len(list))
	for _, chain := range buckets {
		ordered = append(ordered, chain...)
	}
	return ordered
}

func allVars(c *core.Ctx) []*core.Var {
	return tableOrder(c.Vars.All(), func(v *core.Var) string { return v.Name })
}

func runVars(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	for _, v := range allVars(c) {
		x := v.Value()
		if c.Opt('t') && v.Flags&core.VarTagged == 0 || c.Opt('n') && x == 0 {
			continue
		}
		c.Record(func() {
			if c.Opt('p') {
				c.Printf("%#llr>%s\n", x, v.Name)
			} else {
				c.Printf("%s = %llr\n", v.Name, x)
			}
		}, namedField("name", v.Name), namedField("value", out.Hex(x)))
	}
	return nil
}

func runNonZero(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	for _, v := range allVars(c) {
		if x := v.Value(); x != 0 {
			c.Record(func() { c.Printf("%s = %llr\n", v.Name, x) },
				namedField("name", v.Name), namedField("value", out.Hex(x)))
		}
	}
	return nil
}

func runTypeset(c *core.Ctx) error {
	args := c.Args
	if len(args) == 0 {
		return runVars(c)
	}
	var add, del bool
	if w := args[0].Str; !args[0].IsImm && isFlag(w) {
		if len(w) < 2 || w[1] != 't' {
			return core.ErrUsage
		}
		add, del = w[0] == '-', w[0] == '+'
		args = args[1:]
	}
	var value uint64
	if c.HasAddr {
		value = c.Addr
	}
	for _, a := range args {
		switch {
		case a.IsImm:
			continue
		case isFlag(a.Str):
			c.Warnf("ignored bad option -- %s", a.Str)
			continue
		case !interp.CheckVarName(c.Session, a.Str):
			return core.ErrFailed
		}
		v := c.Vars.Lookup(a.Str)
		if v == nil {
			v = c.Vars.Define(&core.Var{Name: a.Str})
			v.Force(value)
		} else if c.HasAddr {
			if err := v.Set(value); err != nil {
				c.Warnf("%s", err.Error())
			}
		}
		if add {
			v.Flags |= core.VarTagged
		}
		if del {
			v.Flags &^= core.VarTagged
		}
	}
	return nil
}

// isFlag tells whether a word begins like an option.
func isFlag(w string) bool { return strings.HasPrefix(w, "-") || strings.HasPrefix(w, "+") }

func runUnset(c *core.Ctx) error {
	for i, a := range c.Args {
		if a.IsImm {
			c.Warnf("bad option: arg %lu is not a string", uint64(i+1))
			return core.ErrUsage
		}
	}
	for _, a := range c.Args {
		if err := c.Vars.Remove(a.Str); err != nil {
			c.Warnf("%s", err.Error())
		}
	}
	return nil
}
