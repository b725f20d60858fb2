package genunix

import (
	"errors"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// Drivers by number and name: devnamesp[], and the tables that bind names to major
// numbers (sys/autoconf.h, sys/hwconf.h).

// numbered makes a dcmd of a number, which is the address or else the argument.
func numbered(run func(*core.Ctx, uint64) error) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		switch {
		case c.HasAddr && len(c.Args) == 0:
			return run(c, c.Addr)
		case !c.HasAddr && len(c.Args) == 1:
			n, err := number(c, c.Args[0])
			if err != nil {
				return err
			}
			return run(c, n)
		}
		return core.ErrUsage
	}
}

// A dev_t of a 64-bit kernel.
func devMajor(dev uint64) uint32 { return uint32(dev >> 32) }

func devMinor(dev uint64) uint32 { return uint32(dev) }

func devPart(c *core.Ctx, name string, part uint32) error {
	if c.PipeOut {
		c.Emit(uint64(part), nil)
		return nil
	}
	c.Record(func() { c.Printf("0x%x (0t%d)\n", part, int32(part)) }, out.Field{Name: name, Value: part})
	return nil
}

// devnames walks the table of drivers.
func (v *view) devnames() seq2 {
	return func(yield func(uint64, error) bool) {
		first, n, size, err := v.devnamesTable()
		if err != nil {
			yield(0, err)
			return
		}
		for i := range n {
			if !yield(first+i*size, nil) {
				return
			}
		}
	}
}

func (v *view) devnamesTable() (first, n, size uint64, err error) {
	if n, err = v.variable("genunix", "devcnt"); err == nil {
		first, err = v.variable("genunix", "devnamesp")
	}
	if err == nil {
		size, err = v.size("struct devnames")
	}
	if err == nil && n > maxList {
		err = fmt.Errorf("devcnt is %d", n)
	}
	return first, n, size, err
}

// devname is the devnames of a major number.
func (v *view) devname(major uint64) (uint64, error) {
	first, n, size, err := v.devnamesTable()
	if err != nil {
		return 0, err
	}
	if major >= n {
		return 0, fmt.Errorf("%x is out of range [0x0-0x%x]", major, n-1)
	}
	return first + major*size, nil
}

// majorName is the name of the driver of a major number.
func (v *view) majorName(major uint64) (string, error) {
	at, err := v.devname(major)
	if err != nil {
		return "", err
	}
	name, err := v.member("struct devnames", "dn_name", at)
	if err != nil {
		return "", badRead("devnames", at, err)
	}
	return v.text(name, 64)
}

// nameMajor is the major number of a driver, by the table that binds names to them.
func (v *view) nameMajor(name string) (uint64, error) {
	table, err := v.address("genunix", "mb_hashtab")
	if err != nil {
		return 0, err
	}
	for b, err := range v.bindings(table) {
		if err != nil {
			return 0, err
		}
		var e struct {
			Name uint64 `ctf:"b_name"`
			Num  int64  `ctf:"b_num"`
		}
		if err := v.load("struct bind", b, &e); err != nil {
			return 0, badRead("bind struct", b, err)
		}
		if s, err := v.str(e.Name); err == nil && s == name {
			return uint64(e.Num), nil
		}
	}
	return 0, errNoMajor
}

var errNoMajor = errors.New("there is no such driver")

// bindingHash is how many chains a table of bindings has (MOD_BIND_HASHSIZE).
const bindingHash = 64

// bindings walks the entries of a table of bindings.
func (v *view) bindings(table uint64) seq2 {
	return func(yield func(uint64, error) bool) {
		heads, err := v.pointers(table, bindingHash)
		if err != nil {
			yield(0, badRead("binding hash table", table, err))
			return
		}
		for _, first := range heads {
			for b, err := range v.chain("bind struct", "struct bind", "b_next", first) {
				if !yield(b, err) || err != nil {
					return
				}
			}
		}
	}
}

// runName2major is ::name2major.
func runName2major(c *core.Ctx) error {
	if c.HasAddr || len(c.Args) != 1 || c.Args[0].IsImm {
		return core.ErrUsage
	}
	major, err := viewOf(c).nameMajor(c.Args[0].Str)
	if err != nil {
		return c.Warn(err, "failed to convert name to major number")
	}
	c.Record(func() { c.Printf("0x%x\n", major) }, out.Field{Name: "name", Value: c.Args[0].Str}, out.Field{Name: "major", Value: major})
	return nil
}

func runMajor2name(c *core.Ctx, major uint64) error {
	name, err := viewOf(c).majorName(uint64(uint32(major)))
	if err != nil {
		return c.Warn(err, "failed to convert major number to name")
	}
	c.Record(func() { c.Printf("%s\n", name) }, out.Field{Name: "major", Value: uint32(major)}, out.Field{Name: "name", Value: name})
	return nil
}

// driverOf is the name of the driver attached to a node.
func (v *view) driverOf(at uint64) (string, error) {
	major, err := v.member("struct dev_info", "devi_major", at)
	if err != nil {
		return "", err
	}
	return v.majorName(major)
}

func runDevinfo2driver(c *core.Ctx) error {
	v := viewOf(c)
	state, err := v.member("struct dev_info", "devi_node_state", c.Addr)
	if err != nil {
		return badRead("devinfo struct", c.Addr, err)
	}
	if int32(state) < devAttached {
		return fmt.Errorf("%x: No driver attached to this devinfo node", c.Addr)
	}
	name, err := v.driverOf(c.Addr)
	if err != nil {
		return c.Warn(err, "failed to determine driver name")
	}
	c.Record(func() { c.Printf("Driver '%s' is associated with devinfo %p.\n", name, c.Addr) }, out.Field{Name: "addr", Value: out.Addr(c.Addr)}, out.Field{Name: "driver", Value: name})
	return nil
}

func runBinding(c *core.Ctx) error {
	v := viewOf(c)
	var b struct {
		Next uint64 `ctf:"b_next"`
		Name uint64 `ctf:"b_name"`
		Bind uint64 `ctf:"b_bind_name"`
		Num  int64  `ctf:"b_num"`
	}
	if err := v.load("struct bind", c.Addr, &b); err != nil {
		return badRead("struct bind", c.Addr, err)
	}
	if c.Header() && !c.Opts.JSON {
		c.Printf("%<u>%?s% %-5s %s%</u>\n", "NEXT", "MAJOR", "NAME(S)")
	}
	name, err := v.str(b.Name)
	if err != nil {
		c.Warnf("failed to read 'name'")
		name = "???"
	}
	names := name
	if bind, err := v.str(b.Bind); err == nil && b.Bind != 0 {
		names += " " + bind
	}
	c.Record(func() { c.Printf("%?p %5d %s\n", b.Next, b.Num, names) }, out.Field{Name: "addr", Value: out.Addr(c.Addr)}, out.Field{Name: "next", Value: out.Addr(b.Next)},
		out.Field{Name: "major", Value: b.Num}, out.Field{Name: "names", Value: strings.Fields(names)})
	return nil
}
