package dcmds

import (
	"regexp"
	"sort"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
)

// registryDcmds list what can be used: dcmds, walkers, modules, formats, macros.
func registryDcmds() []*core.Dcmd {
	filter := []core.Opt{{Letter: 'n', Help: "match only the name, not the description"}}
	const help = "Lists all that are currently available, or those whose name or description\n" +
		"matches a regular expression.\n\nOptions:\n" +
		"    -n       Match only the name, not the description.\n" +
		"    pattern  RE to match against name/description.\n"
	return []*core.Dcmd{
		{Name: "dcmds", Usage: "[[-n] pattern]", Descr: "list available debugger commands", Opts: filter, Help: help, Run: runDcmds},
		{Name: "walkers", Usage: "[[-n] pattern]", Descr: "list available walkers", Opts: filter, Help: help, Run: runWalkers},
		{Name: "dmods", Usage: "[-l] [mod]", Descr: "list loaded debugger modules",
			Opts: []core.Opt{{Letter: 'l', Help: "with their dcmds and walkers"}}, Run: runDmods},
		{Name: "formats", Descr: "list format specifiers", Run: runFormats},
		{Name: "$M", Descr: "list macro aliases", Run: runAliases},
		{Name: "which", Usage: "[-v] name ...", Descr: "show source of walk or dcmd", AnyAddr: true, Opts: whichOpts, Run: runWhich},
		{Name: "whence", Usage: "[-v] name ...", Descr: "show source of walk or dcmd", AnyAddr: true, Opts: whichOpts, Run: runWhich},
	}
}

// entry is a name with its description.
type entry struct{ name, descr string }

// list prints the entries that have a description and match the pattern.
func list(c *core.Ctx, entries []entry) error {
	var re *regexp.Regexp
	if len(c.Args) > 0 {
		pattern, err := word(c)
		if err != nil {
			return err
		}
		if re, err = regexp.CompilePOSIX(pattern); err != nil {
			c.Warnf("%s", err.Error())
			return core.ErrFailed
		}
	}
	for _, e := range entries {
		if e.descr == "" {
			continue
		}
		if re == nil || re.MatchString(e.name) || !c.Opt('n') && re.MatchString(e.descr) {
			c.Record(func() { c.Printf("%-24s - %s\n", e.name, e.descr) },
				namedField("name", e.name), namedField("descr", e.descr))
		}
	}
	return nil
}

func runDcmds(c *core.Ctx) error {
	var l []entry
	for _, d := range c.Reg.AllDcmds() {
		l = append(l, entry{d.Name, d.Descr})
	}
	return list(c, l)
}

func runWalkers(c *core.Ctx) error {
	var l []entry
	for _, w := range c.Reg.AllWalkers() {
		l = append(l, entry{w.Name, w.Descr})
	}
	return list(c, l)
}

func runDmods(c *core.Ctx) error {
	show := func(m *core.Module) {
		c.Record(func() { c.Printf("%s\n", m.Name) }, namedField("name", m.Name), namedField("descr", m.Descr))
	}
	if c.Opt('l') {
		show = func(m *core.Module) { longModule(c, m) }
	}
	if len(c.Args) > 0 {
		name, err := word(c)
		if err != nil {
			return err
		}
		if m := c.Reg.Module(name); m != nil {
			show(m)
		} else {
			c.Warnf("%s module not loaded", name)
		}
		return nil
	}
	mods := append([]*core.Module(nil), c.Reg.Modules...)
	sort.Slice(mods, func(i, j int) bool { return mods[i].Name < mods[j].Name })
	for _, m := range mods {
		show(m)
	}
	return nil
}

// longModule lists what a module has, but what has no description.
func longModule(c *core.Ctx, m *core.Module) {
	if !c.Opts.JSON {
		c.Printf("\n%<u>%-70s%</u>\n", m.Name)
	}
	var lines []entry
	for _, d := range m.Dcmds {
		lines = append(lines, entry{d.Name, d.Descr})
	}
	printEntries(c, m, "dcmd", lines)
	lines = nil
	for _, w := range m.Walkers {
		lines = append(lines, entry{w.Name, w.Descr})
	}
	printEntries(c, m, "walk", lines)
}

func printEntries(c *core.Ctx, m *core.Module, kind string, l []entry) {
	sort.Slice(l, func(i, j int) bool { return l[i].name < l[j].name })
	for _, e := range l {
		if e.descr != "" {
			c.Record(func() { c.Printf("  %s %-20s - %s\n", kind, e.name, e.descr) },
				namedField("module", m.Name), namedField("kind", kind), namedField("name", e.name), namedField("descr", e.descr))
		}
	}
}

func runFormats(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	for _, f := range interp.Formats(c.Arch().PtrSize) {
		c.Record(func() { c.Printf("%s\n", f.String()) },
			namedField("char", string(f.Char)), namedField("descr", f.Descr), namedField("size", f.Size))
	}
	return nil
}

func runAliases(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if !c.Opts.JSON {
		c.Printf("%<u>%-20s%</u> %<u>%-59s%</u>\n", "MACRO", "NATIVE EQUIVALENT")
	}
	for _, a := range interp.MacroAliases {
		c.Record(func() { c.Printf("%-20s %s\n", a.Name, a.Commands) },
			namedField("macro", a.Name), namedField("commands", a.Commands))
	}
	return nil
}

var whichOpts = []core.Opt{{Letter: 'v', Help: "list all definitions"}}

func runWhich(c *core.Ctx) error {
	for _, a := range c.Args {
		if !a.IsImm {
			which(c, strings.TrimPrefix(a.Str, "$<"))
		}
	}
	return nil
}

// which tells what a name is, as a dcmd, a walker and a macro alias.
func which(c *core.Ctx, name string) {
	found := false
	if defs := scoped(c.Reg, name, c.Reg.Dcmds, func(d *core.Dcmd) *core.Module { return d.Module }); len(defs) > 0 {
		found = true
		origin(c, name, "dcmd", defs[0].Module)
		if c.Opt('v') {
			c.Printf("   >  definition list:\n")
			for i, d := range defs {
				c.Printf("  [%d] %s`%s\n", i+1, d.Module.Name, d.Name)
			}
		}
	}
	if defs := scoped(c.Reg, name, c.Reg.Walkers, func(w *core.Walker) *core.Module { return w.Module }); len(defs) > 0 {
		found = true
		origin(c, name, "walker", defs[0].Module)
		if c.Opt('v') {
			c.Printf("   >  definition list:\n")
			for i, w := range defs {
				c.Printf("  [%d] %s`%s\n", i+1, w.Module.Name, w.Name)
			}
		}
	}
	if cmds, ok := interp.LookupMacroAlias(name); ok {
		found = true
		c.Printf("%s is a macro alias for '%s'\n", name, cmds)
	}
	if !found {
		c.Warnf("%s not found", name)
	}
}

func origin(c *core.Ctx, name, kind string, m *core.Module) {
	if m.Builtin {
		c.Printf("%s is a built-in %s\n", name, kind)
	} else {
		c.Printf("%s is a %s from module %s\n", name, kind, m.Name)
	}
}

// scoped gives the definitions of a name that may be module`name: those of the
// module and after it.
func scoped[T any](r *core.Registry, name string, lookup func(string) []T, of func(T) *core.Module) []T {
	mod, bare, ok := strings.Cut(name, "`")
	if !ok {
		return lookup(name)
	}
	defs := lookup(bare)
	for i, d := range defs {
		if of(d).Name == mod {
			return defs[i:]
		}
	}
	return nil
}
