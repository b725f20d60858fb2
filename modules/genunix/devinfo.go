package genunix

import (
	"fmt"
	"iter"
	"strconv"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// deviceDcmds are the commands of the device tree and of drivers.
func deviceDcmds() []*core.Dcmd {
	number := func(name, arg, descr string, run func(*core.Ctx, uint64) error) *core.Dcmd {
		return &core.Dcmd{Name: name, Usage: "?" + arg, Descr: descr, Run: numbered(run)}
	}
	return []*core.Dcmd{
		{Name: "prtconf", Usage: "?[-vpc] [-d driver] [-i inst]", Descr: "print devinfo tree", Type: "struct dev_info", Run: noArgs(runPrtconf), Opts: []core.Opt{
			{Letter: 'v', Help: "with the property lists"}, {Letter: 'p', Help: "only the ancestors of the given node"}, {Letter: 'c', Help: "only the children of the given node"},
			{Letter: 'd', Kind: core.Str, Arg: "driver", Help: "only nodes of this driver"}, {Letter: 'i', Kind: core.Uint, Arg: "inst", Help: "only nodes of this instance"}}},
		{Name: "devinfo", Usage: ":[-qsd] [-b bus]", Descr: "detailed devinfo of one node", Type: "struct dev_info", Run: noArgs(needAddr(runDevinfo)), Opts: devinfoOpts()},
		{Name: "devbindings", Usage: "?[-qs] [device-name | major-num]", Descr: "print devinfo nodes bound to device-name or major-num", Type: "struct dev_info", Run: runDevbindings, Opts: devinfoOpts()[:2]},
		{Name: "devnames", Usage: "?[-vm] [num]", Descr: "print devnames array", Type: "struct devnames", Run: runDevnames, Opts: []core.Opt{
			{Letter: 'v', Help: "all members, and the properties"}, {Letter: 'm', Help: "the address is a major number"}}},
		{Name: "devinfo2driver", Usage: ":", Descr: "find driver name for this devinfo node", Run: noArgs(needAddr(runDevinfo2driver))},
		{Name: "modctl2devinfo", Usage: ":", Descr: "given a modctl, list its devinfos", Type: "struct dev_info", Run: noArgs(needAddr(runModctl2devinfo))},
		{Name: "minornodes", Usage: ":", Descr: "given a devinfo node, print its minor nodes", Type: "struct ddi_minor_data", Run: noArgs(needAddr(runMinornodes)), Table: &core.Table{
			Head: "%<u>%?s %16s %-4s %-11s %-10s %-16s%</u>\n", Line: "%?p %16lx %-4s %-11s %-10s %s\n", Type: "struct ddi_minor_data",
			Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "dev", Head: "DEV"}, {Name: "spec", Head: "SPEC"}, {Name: "type", Head: "TYPE"},
				{Name: "name", Head: "NAME"}, {Name: "nodetype", Head: "NODETYPE"}}}},
		{Name: "name2major", Usage: "<dev-name>", Descr: "convert dev name to major number", Run: runName2major},
		number("major2name", "<major-num>", "convert major number to dev name", runMajor2name),
		number("dev2major", "<dev_t>", "convert dev_t to a major number", func(c *core.Ctx, dev uint64) error { return devPart(c, "major", devMajor(dev)) }),
		number("dev2minor", "<dev_t>", "convert dev_t to a minor number", func(c *core.Ctx, dev uint64) error { return devPart(c, "minor", devMinor(dev)) }),
		number("devt", "<dev_t>", "display a dev_t's major and minor numbers", func(c *core.Ctx, dev uint64) error {
			if c.Header() && !c.Opts.JSON {
				c.Printf("%<u>%10s%</u>  %<u>%10s%</u>\n", "MAJOR", "MINOR")
			}
			c.Record(func() { c.Printf("%10d  %10d\n", devMajor(dev), devMinor(dev)) }, out.Field{Name: "major", Value: devMajor(dev)}, out.Field{Name: "minor", Value: devMinor(dev)})
			return nil
		}),
		{Name: "softstate", Usage: ":<instance>", Descr: "retrieve soft-state pointer", Run: runSoftstate},
		{Name: "binding_hash_entry", Usage: ":", Descr: "print driver names hash table entry", Type: "struct bind", Run: noArgs(needAddr(runBinding))},
	}
}

func devinfoOpts() []core.Opt {
	return []core.Opt{{Letter: 'q', Help: "without the property lists"}, {Letter: 's', Help: "a summary of the dev_info structure"},
		{Letter: 'd', Help: "the address of the driver's private data"}, {Letter: 'b', Kind: core.Str, Arg: "bus", Help: "the private data of the node's bus: pcie"}}
}

// deviceWalkers are their walkers.
func deviceWalkers() []*core.Walker {
	tree := func(name, descr string, walk func(v *view, at uint64) iter.Seq2[devNode, error]) *core.Walker {
		return &core.Walker{Name: name, Descr: descr, Addr: core.AddrOptional, Type: "struct dev_info", Walk: func(c *core.Ctx, at mem.Addr, has bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			first, err := v.devRoot(uint64(at), has)
			if err != nil {
				return noWalk[core.Elem](err)
			}
			return v.elems("struct dev_info", func(yield func(uint64, error) bool) {
				for n, err := range walk(v, first) {
					if !yield(n.addr, err) {
						return
					}
				}
			})
		}}
	}
	required := func(name, descr, typ string, walk func(v *view, at uint64) seq2) *core.Walker {
		return &core.Walker{Name: name, Descr: descr, Addr: core.AddrRequired, Type: typ, Walk: func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems(typ, walk(v, uint64(at)))
		}}
	}
	return []*core.Walker{
		tree("devinfo", "walk devinfo tree or subtree", (*view).devFamily),
		tree("devinfo_children", "walk children of devinfo node", func(v *view, at uint64) iter.Seq2[devNode, error] { return v.devBelow(at, 0, true) }),
		tree("devinfo_parents", "walk ancestors of devinfo node", (*view).devAbove),
		required("devinfo_siblings", "walk siblings of devinfo node", "struct dev_info", (*view).devSiblings),
		required("devi_next", "walk devinfo list", "struct dev_info", func(v *view, at uint64) seq2 { return v.chain("devinfo", "struct dev_info", "devi_next", at) }),
		required("minornode", "given a devinfo node, walk minor nodes", "struct ddi_minor_data", (*view).minors),
		required("softstate", "walk the soft-state of a driver", "", func(v *view, at uint64) seq2 { return v.softStates(at, false) }),
		required("softstate_all", "walk all soft-state pointers of a driver", "", func(v *view, at uint64) seq2 { return v.softStates(at, true) }),
		required("binding_hash", "walk all entries in binding hash table", "struct bind", (*view).bindings),
		{Name: "devnames", Descr: "walk devnames array", Addr: core.AddrNone, Type: "struct devnames", Walk: func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems("struct devnames", v.devnames())
		}},
	}
}

// maxDevDepth bounds the depth of the device tree.
const maxDevDepth = 256

// devNode is a node of the tree that a walk has come to.
type devNode struct {
	addr  uint64
	depth int
}

// devRoot is where a walk begins: at the root unless at a node.
func (v *view) devRoot(at uint64, has bool) (uint64, error) {
	if has {
		return at, nil
	}
	return v.variable("genunix", "top_devinfo")
}

// devLinks are the links of a node.
type devLinks struct {
	Parent  uint64 `ctf:"devi_parent"`
	Child   uint64 `ctf:"devi_child"`
	Sibling uint64 `ctf:"devi_sibling"`
}

func (v *view) devLinks(at uint64) (devLinks, error) {
	var l devLinks
	if err := v.load("struct dev_info", at, &l); err != nil {
		return l, badRead("devinfo", at, err)
	}
	return l, nil
}

// devAbove walks from the root down to a node.
func (v *view) devAbove(at uint64) iter.Seq2[devNode, error] {
	return func(yield func(devNode, error) bool) {
		var list []uint64
		for n, err := range v.chain("devinfo", "struct dev_info", "devi_parent", at) {
			if err == nil && len(list) > maxDevDepth {
				err = fmt.Errorf("devinfo at %x has more than %d ancestors", at, maxDevDepth)
			}
			if err != nil {
				yield(devNode{}, err)
				return
			}
			list = append(list, n)
		}
		for i := len(list) - 1; i >= 0; i-- {
			if !yield(devNode{list[i], len(list) - 1 - i}, nil) {
				return
			}
		}
	}
}

// devBelow walks the nodes below one, of a depth, and the node itself if it is wanted.
func (v *view) devBelow(at uint64, depth int, itself bool) iter.Seq2[devNode, error] {
	return func(yield func(devNode, error) bool) {
		var met loop
		var walk func(n uint64, depth int, shown bool) bool
		walk = func(n uint64, depth int, shown bool) bool {
			fail := func(err error) bool { yield(devNode{}, err); return false }
			switch {
			case met.again(n):
				return fail(fmt.Errorf("devinfo at %x is in the tree twice", n))
			case depth > maxDevDepth:
				return fail(fmt.Errorf("devinfo at %x: the tree is deeper than %d", n, maxDevDepth))
			}
			l, err := v.devLinks(n)
			if err != nil {
				return fail(err)
			}
			if shown && !yield(devNode{n, depth}, nil) {
				return false
			}
			for child := l.Child; child != 0; {
				if !walk(child, depth+1, true) {
					return false
				}
				l, err := v.devLinks(child)
				if err != nil {
					return fail(err)
				}
				child = l.Sibling
			}
			return true
		}
		walk(at, depth, itself)
	}
}

// devFamily walks a node's ancestors, the node, and all below it.
func (v *view) devFamily(at uint64) iter.Seq2[devNode, error] {
	return func(yield func(devNode, error) bool) {
		depth := 0
		for n, err := range v.devAbove(at) {
			if !yield(n, err) || err != nil {
				return
			}
			depth = n.depth
		}
		v.devBelow(at, depth, false)(yield)
	}
}

// devSiblings walks the children of a node's parent.
func (v *view) devSiblings(at uint64) seq2 {
	l, err := v.devLinks(at)
	if err == nil && l.Parent == 0 {
		err = fmt.Errorf("no parent for devinfo at %x", at)
	}
	if err == nil {
		l, err = v.devLinks(l.Parent)
	}
	if err != nil {
		return noWalk[uint64](err)
	}
	return v.chain("devinfo", "struct dev_info", "devi_sibling", l.Child)
}

// softStates walks the pointers of a driver's soft states.
func (v *view) softStates(at uint64, all bool) seq2 {
	list, err := v.softArray(at)
	if err != nil {
		return noWalk[uint64](err)
	}
	return func(yield func(uint64, error) bool) {
		for _, p := range list {
			if (p != 0 || all) && !yield(p, nil) {
				return
			}
		}
	}
}

func (v *view) softArray(at uint64) ([]uint64, error) {
	var s struct {
		Array uint64 `ctf:"array"`
		N     uint64 `ctf:"n_items"`
	}
	if err := v.load("struct i_ddi_soft_state", at, &s); err != nil {
		return nil, badRead("i_ddi_soft_state", at, err)
	}
	if s.N > maxList {
		return nil, fmt.Errorf("i_ddi_soft_state at %x has %d items", at, s.N)
	}
	list, err := v.pointers(s.Array, s.N)
	if err != nil {
		return nil, badRead("i_ddi_soft_state", at, err)
	}
	return list, nil
}

// runSoftstate is ::softstate: the state of an instance.
func runSoftstate(c *core.Ctx) error {
	if len(c.Args) != 1 {
		return core.ErrUsage
	}
	n, err := number(c, c.Args[0])
	if err != nil {
		return err
	}
	list, err := viewOf(c).softArray(c.Addr)
	if err != nil {
		return fmt.Errorf("couldn't determine softstate for instance %d: %w", n, err)
	}
	if n >= uint64(len(list)) || list[n] == 0 {
		return fmt.Errorf("instance %d unused", n)
	}
	emitAddr(c, list[n], "void")
	return nil
}

// runModctl2devinfo lists the nodes that are bound to a module.
func runModctl2devinfo(c *core.Ctx) error {
	v := viewOf(c)
	name, err := v.member("modctl_t", "mod_modname", c.Addr)
	var module string
	if err == nil {
		module, err = v.str(name)
	}
	if err != nil {
		return badRead("modctl", c.Addr, err)
	}
	root, err := v.devRoot(0, false)
	if err != nil {
		return err
	}
	for n, err := range v.devFamily(root) {
		if err != nil {
			return err
		}
		binding, err := v.devText(n.addr, "devi_binding_name")
		if err != nil {
			return fmt.Errorf("couldn't read devi_binding_name of %x: %w", n.addr, err)
		}
		if binding == module {
			emitAddr(c, n.addr, "struct dev_info")
		}
	}
	return nil
}

// devText is a string that a member of a node points at.
func (v *view) devText(at uint64, member string) (string, error) {
	p, err := v.member("struct dev_info", member, at)
	if err != nil {
		return "", err
	}
	return v.text(p, 128)
}

// minorType is the type of a minor node: of its spec_type, S_IFCHR or S_IFBLK.
func minorSpec(spec uint64) string {
	switch spec {
	case 0x2000:
		return "c"
	case 0x6000:
		return "b"
	}
	return "?"
}

// minorTypes are the types of minor nodes as MDB calls them.
var minorTypes = []string{"DDI_MINOR", "DDI_ALIAS", "DDI_DEFAULT", "DDI_I_PATH"}

// minors walks a node's minor nodes.
func (v *view) minors(at uint64) seq2 {
	first, err := v.member("struct dev_info", "devi_minor", at)
	if err != nil {
		return noWalk[uint64](badRead("devinfo struct", at, err))
	}
	return v.chain("ddi_minor_data", "struct ddi_minor_data", "next", first)
}

func runMinornodes(c *core.Ctx) error {
	v := viewOf(c)
	return each(c, v.elems("struct ddi_minor_data", v.minors(c.Addr)), func(at uint64) error {
		var m struct {
			Type     int64  `ctf:"type"`
			Name     uint64 `ctf:"d_minor.name"`
			Dev      uint64 `ctf:"d_minor.dev"`
			Spec     int64  `ctf:"d_minor.spec_type"`
			NodeType uint64 `ctf:"d_minor.node_type"`
		}
		if err := v.load("struct ddi_minor_data", at, &m); err != nil {
			return badRead("ddi_minor_data", at, err)
		}
		kind := "?"
		if m.Type >= 0 && m.Type < int64(len(minorTypes)) {
			kind = minorTypes[m.Type]
		}
		text := func(a uint64) string {
			s, err := v.text(a, 128)
			if err != nil {
				return ""
			}
			return s
		}
		c.Row(out.Addr(at), out.Hex(m.Dev), minorSpec(uint64(m.Spec)), kind, text(m.Name), text(m.NodeType))
		return nil
	})
}

// devArg is the last argument of ::devbindings: a driver's name or its number.
func (v *view) devArg(a core.Arg) (uint64, error) {
	if a.IsImm {
		return a.Imm, nil
	}
	if a.Str != "" && a.Str[0] >= '0' && a.Str[0] <= '9' {
		return strconv.ParseUint(a.Str, 0, 64)
	}
	major, err := v.nameMajor(a.Str)
	if err != nil {
		return 0, fmt.Errorf("failed to get major number for %s", a.Str)
	}
	return major, nil
}
