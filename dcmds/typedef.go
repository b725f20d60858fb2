package dcmds

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype/cdecl"
	"github.com/xmdb/xmdb/core/ctype/ctf"
)

func typedefDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "typedef", Usage: "[-c model | -d | -l | -r file | -w file ] [type] [name]",
		Descr: "create synthetic types",
		Opts: []core.Opt{
			{Letter: 'c', Kind: core.Str, Arg: "model", Help: "create the C base types of a data model"},
			{Letter: 'd', Help: "delete all synthetic types"},
			{Letter: 'l', Help: "list all synthetic types"},
			{Letter: 'r', Kind: core.Str, Arg: "file", Help: "read types from an ELF file or CTF data"},
			{Letter: 'w', Kind: core.Str, Arg: "file", Help: "write the synthetic types to a file, as CTF"},
		},
		Help: typedefHelp,
		Run:  runTypedef, Complete: completeTypes,
	}}
}

const typedefHelp = `Makes "name" a type of the debugger, known wherever a type is: to ::print, to
completion, to modules. "type" is the name of a type, or in quotation marks the
definition of a structure or union, with or without a tag:

  ::typedef uint64_t cookie_t
  ::typedef struct proc old_proc_t
  ::typedef "struct { int count; char name[16]; void *data; }" item_t
  ::typedef "struct list { struct list *next; int val; }" list_t

Members are types, any number of stars, a name and perhaps one array length, and
are laid out by their natural alignment. There are no bit-fields, no function
pointers (take void *) and no nested definitions. An array without a length may
be last.

-c model   create the C base types and the names of <stdint.h>: LP64, LP32 or
           ILP32; for targets that have no type data
-d         delete all synthetic types
-l         list them
-r file    add the types of another file: ELF with CTF data, or CTF data alone
-w file    write the synthetic types to a file that -r can read
`

func runTypedef(c *core.Ctx) error {
	model, isModel := c.OptStr('c')
	rfile, isRead := c.OptStr('r')
	wfile, isWrite := c.OptStr('w')
	modes := 0
	for _, set := range []bool{c.Opt('d'), c.Opt('l'), isModel, isRead, isWrite} {
		if set {
			modes++
		}
	}
	if modes > 1 || modes == 1 && len(c.Args) != 0 {
		return core.ErrUsage
	}
	switch {
	case c.Opt('d'):
		c.Synthetic().Reset()
		c.Changed()
		return nil
	case c.Opt('l'):
		listSynthetic(c)
		return nil
	case isModel:
		m, err := cdecl.ParseModel(model)
		if err != nil {
			c.Printf("%s\n", err.Error())
			return core.ErrUsage
		}
		c.Synthetic().CreateBase(m)
		return nil
	case isRead:
		return readTypes(c, rfile)
	case isWrite:
		return writeTypes(c, wfile)
	}
	return defineType(c)
}

// listSynthetic lists all but the nameless structures that typedefs stand for.
func listSynthetic(c *core.Ctx) {
	for t := range c.Synthetic().All() {
		if name := t.String(); name != "struct " && name != "union " {
			c.Record(func() { c.Printf("%s\n", name) }, namedField("type", name))
		}
	}
}

func readTypes(c *core.Ctx, name string) error {
	f, err := openTypes(c, name)
	if err != nil {
		c.Warn(err, "failed to parse ctf data in %s", name)
		c.Warnf("failed to create synthetics from file %s", name)
		return core.ErrFailed
	}
	c.Synthetic().Import(f.All())
	return nil
}

func openTypes(c *core.Ctx, name string) (*ctf.File, error) {
	if core.Confined(c) {
		return nil, core.ErrConfined
	}
	r, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	return ctf.OpenFile(r, size, name)
}

func writeTypes(c *core.Ctx, name string) error {
	data, err := c.Synthetic().Encode()
	if core.Confined(c) {
		err = core.ErrConfined
	}
	if err == nil {
		err = os.WriteFile(name, data, 0o666)
	}
	if err != nil {
		return c.Warn(err, "failed to write synthetics to file %s", name)
	}
	return nil
}

// defineType makes a structure from its definition, or an alias.
func defineType(c *core.Ctx) error {
	words := make([]string, len(c.Args))
	for i, a := range c.Args {
		if a.IsImm {
			return core.ErrUsage
		}
		words[i] = a.Str
	}
	if len(words) < 2 {
		return core.ErrUsage
	}
	name := words[len(words)-1]
	if len(words) == 2 && strings.Contains(words[0], "{") {
		err := c.Synthetic().Define(words[0], name, c.LookupType)
		var bad *cdecl.Error
		if !errors.As(err, &bad) {
			return err
		}
		c.Printf("%s\n", bad.Text)
		if bad.Late {
			return nil
		}
		return core.ErrFailed
	}
	src := words[0]
	if len(words) > 2 {
		src = strings.Join(words[:len(words)-1], " ") + " "
	}
	return aliasType(c, src, name)
}

func aliasType(c *core.Ctx, src, name string) error {
	if _, err := c.LookupType(name); err == nil {
		c.Printf("%s already exists\n", name)
		return core.ErrFailed
	}
	t, err := c.LookupType(src)
	if err != nil {
		c.Printf("%s does not exist\n", src)
		return core.ErrFailed
	}
	c.Synthetic().AddTypedef(name, t)
	return nil
}
