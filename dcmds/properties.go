package dcmds

import (
	"os"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// propertyDcmds get and set properties of the debugger.
func propertyDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "set", Usage: "[-wFW] [+/-o opt] [-s dist] [-I path] [-L path] [-P prompt]",
			Descr: "get/set debugger properties", Opts: setOpts, Run: runSet},
		{Name: "$d", Descr: "get/set default output radix", AnyAddr: true, Run: runRadix},
		{Name: "$P", Usage: "[prompt]", Descr: "set debugger prompt string", AnyAddr: true, Run: runPrompt},
		{Name: "$s", Descr: "get/set symbol matching distance", AnyAddr: true, Run: runSymDist},
		{Name: "$w", Descr: "get/set output page width", AnyAddr: true, Run: runWidth},
		{Name: "$W", Descr: "re-open target in write mode", AnyAddr: true, Run: runReopen},
		{Name: "term", Descr: "display current terminal type", AnyAddr: true, Run: func(c *core.Ctx) error {
			term := c.Session.Opts.Term
			if term == "" {
				term = os.Getenv("TERM")
			}
			c.Printf("%s\n", term)
			return nil
		}},
	}
}

func runRadix(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if c.HasAddr {
		if c.Addr < 2 || c.Addr > 16 {
			c.Warnf("expected radix from 2 to 16")
			return core.ErrFailed
		}
		c.Opts.Radix = int(c.Addr)
	}
	c.Printf("radix = %d base ten\n", c.Opts.Radix)
	return nil
}

func runPrompt(c *core.Ctx) error {
	prompt := ""
	if len(c.Args) > 0 {
		var err error
		if prompt, err = word(c); err != nil {
			return err
		}
	}
	if err := c.Opts.SetPrompt(prompt); err != nil {
		c.Warnf("%s", err.Error())
	}
	return nil
}

func runSymDist(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if c.HasAddr {
		c.Opts.SymDist = c.Addr
	}
	c.Printf("symbol matching distance = %lr (%s)\n", c.Opts.SymDist, distMode(c.Opts.SymDist))
	return nil
}

func distMode(dist uint64) string {
	if dist != 0 {
		return "absolute mode"
	}
	return "smart mode"
}

// maxWidth bounds the width of a line that can be set.
const maxWidth = 1 << 16

func runWidth(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if c.HasAddr {
		c.P.SetCols(int(min(c.Addr, maxWidth)))
	}
	c.Printf("output page width = %d\n", c.P.Cols())
	return nil
}

func runReopen(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	t, ok := core.As[core.Reopener](c.Session.Context())
	if !ok {
		return c.Warn(core.ErrNotSup, "failed to re-open target for writing")
	}
	if err := t.SetWritable(true); err != nil {
		return c.Warn(err, "failed to re-open target for writing")
	}
	return nil
}

var setOpts = []core.Opt{
	{Letter: 'F', Help: "enable forcible takeover mode"},
	{Letter: 'w', Help: "enable write mode; +w turns it off"},
	{Letter: 'W', Help: "enable I/O-mapped memory access; +W turns it off"},
	{Letter: 'I', Kind: core.Str, Arg: "path", Help: "path for macro files"},
	{Letter: 'L', Kind: core.Str, Arg: "path", Help: "path for modules"},
	{Letter: 'P', Kind: core.Str, Arg: "prompt", Help: "command-line prompt"},
	{Letter: 'o', Kind: core.Str, Arg: "opt", Help: "set debugger option; +o clears it"},
	{Letter: 's', Kind: core.Uint, Arg: "dist", Help: "symbol matching distance"},
	{Letter: 'D', Kind: core.Str, Arg: "mode", Help: "debug the debugger"},
}

// setRequest is what the arguments of ::set ask for. Options and + words may mix,
// so several rounds of option parsing collect it.
type setRequest struct {
	on, off          bool   // -w, +w
	plus             string // the last of +o: there is one of each
	hasPlus          bool
	minus, path, lib string
	prompt, debug    string
	hasO, hasI, hasL bool
	hasP, hasD, hasS bool
	dist             uint64
	ioOn, ioOff      bool
}

func runSet(c *core.Ctx) error {
	if len(c.Stage.RawArgs) == 0 {
		printProperties(c)
		return nil
	}
	r, err := parseSet(c)
	if err != nil {
		return err
	}
	if r.on && r.off || r.ioOn && r.ioOff {
		return core.ErrUsage
	}
	if r.on || r.off {
		if err := setWritable(c, r.on); err != nil {
			return err
		}
	}
	if r.ioOn || r.ioOff {
		c.Opts.AllowIO = r.ioOn
	}
	if c.Opt('F') && c.Session.Context().Target != nil && c.Session.Context().Target.Kind() == "proc" {
		c.Opts.Force = true
	}
	if r.hasO {
		setOptions(c, r.minus, true)
	}
	if r.hasPlus {
		setOptions(c, r.plus, false)
	}
	return applySet(c, r)
}

// parseSet collects the options, taking the + words between them.
func parseSet(c *core.Ctx) (r setRequest, err error) {
	for {
		take := func(l byte, s *string, has *bool) {
			if v, ok := c.OptStr(l); ok {
				*s, *has = v, true
			}
		}
		r.on = r.on || c.Opt('w')
		r.ioOn = r.ioOn || c.Opt('W')
		take('I', &r.path, &r.hasI)
		take('L', &r.lib, &r.hasL)
		take('P', &r.prompt, &r.hasP)
		take('o', &r.minus, &r.hasO)
		take('D', &r.debug, &r.hasD)
		if v, ok := c.OptUint('s'); ok {
			r.dist, r.hasS = v, true
		}
		args := c.Args
		if len(args) == 0 {
			return r, nil
		}
		n := 1
		switch {
		case args[0].IsImm:
			return r, core.ErrUsage
		case args[0].Str == "+w":
			r.off = true
		case args[0].Str == "+W":
			r.ioOff = true
		case args[0].Str == "+o" && len(args) > 1 && !args[1].IsImm:
			r.plus, r.hasPlus = args[1].Str, true
			n = 2
		default:
			return r, core.ErrUsage
		}
		c.Stage.RawArgs = args[n:]
		if err := c.ParseOpts(); err != nil {
			return r, err
		}
	}
}

func applySet(c *core.Ctx, r setRequest) error {
	if r.hasI {
		c.Opts.MacroPath = newPath(r.path, c.Opts.MacroPath, core.DefaultMacroPath)
	}
	if r.hasL {
		c.Opts.ModulePath = newPath(r.lib, c.Opts.ModulePath, core.DefaultModulePath)
	}
	if r.hasP {
		if err := c.Opts.SetPrompt(r.prompt); err != nil {
			c.Warnf("%s", err.Error())
		}
	}
	if r.hasS {
		c.Opts.SymDist = r.dist
	}
	if r.hasD {
		SetDebug(c.Session, r.debug)
	}
	return nil
}

// newPath splits a path at colons; %o in it is the old path.
func newPath(path string, old, std []string) []string {
	if old == nil {
		old = std
	}
	path = strings.ReplaceAll(path, "%o", strings.Join(old, ":"))
	list := []string{}
	for _, dir := range strings.Split(path, ":") {
		if dir != "" {
			list = append(list, dir)
		}
	}
	return list
}

func setWritable(c *core.Ctx, on bool) error {
	t, ok := core.As[core.Reopener](c.Session.Context())
	if !ok {
		return c.Warn(core.ErrNotSup, "failed to re-open target")
	}
	if err := t.SetWritable(on); err != nil {
		return c.Warn(err, "failed to re-open target")
	}
	return nil
}

// setOptions sets or clears each option of a comma list.
func setOptions(c *core.Ctx, list string, on bool) {
	for _, name := range strings.Split(list, ",") {
		if name == "" {
			continue
		}
		if err := c.Opts.Set(name, on); err != nil {
			c.Warnf("%s", err.Error())
		}
	}
	c.Session.Namespace().ShowLMID = c.Opts.ShowLMID
}

// label is the width of the labels of ::set.
const label = 26

func printProperties(c *core.Ctx) {
	o := &c.Opts
	wrap := c.P.SetWrap(false)
	c.Printf("\n  macro path: ")
	printPath(c, c.Session.MacroPath())
	c.Printf(" module path: ")
	printPath(c, c.Session.ModulePath())
	c.P.SetWrap(wrap)
	c.Printf("%*s %lr (%s)\n", label, "symbol matching distance:", o.SymDist, distMode(o.SymDist))
	c.Printf("%*s ", label, "array member print limit:")
	printLimit(c, o.ArrayMemLimit)
	c.Printf(" array string print limit: ")
	printLimit(c, o.ArrayStrLimit)
	c.Printf("%*s \"%s\"\n", label, "command prompt:", o.Prompt)
	c.Printf("%*s ", label, "debugger options:")
	c.P.IncIndent(label + 1)
	// The second name lacks its equals sign in MDB, too.
	c.Printf("follow_exec_mode=%s, follow_fork_mode%s", o.FollowExec, o.FollowFork)
	for _, f := range []struct {
		on   bool
		name string
	}{
		{o.Adb, "adb"}, {o.Autowrap, "autowrap"}, {o.IgnoreEOF, "ignoreeof"}, {o.LMRaw, "lmraw"},
		{o.Pager, "pager"}, {o.RepeatLast, "repeatlast"}, {o.ShowLMID, "showlmid"},
		{o.StopOnBptNosym, "stop_on_bpt_nosym"}, {o.WriteReadback, "write_readback"},
		{o.JSON, "json"}, {o.NoShell, "noshell"},
	} {
		if f.on {
			c.Printf(", ")
			c.Printf(f.name)
		}
	}
	c.Printf("\n")
	c.P.DecIndent(label + 1)
	printTargetOptions(c)
}

func printTargetOptions(c *core.Ctx) {
	c.Printf("%*s ", label, "target options:")
	c.P.IncIndent(label + 1)
	mode := "read-only"
	if t, ok := core.As[core.Reopener](c.Session.Context()); ok && t.Writable() {
		mode = "read-write"
	}
	c.Printf("%s", mode)
	if c.Opts.AllowIO {
		c.Printf(", allow-io-access")
	}
	if c.Opts.Force {
		c.Printf(", force-attach")
	}
	if c.Opts.NoStop {
		c.Printf(", no-stop")
	}
	c.Printf("\n")
	c.P.DecIndent(label + 1)
}

func printPath(c *core.Ctx, dirs []string) {
	for i, dir := range dirs {
		if i > 0 {
			c.Printf("%*s", 14, " ")
		}
		c.Printf("%s\n", dir)
	}
	c.Printf("\n")
}

func printLimit(c *core.Ctx, n uint64) {
	if n == core.NoLimit {
		c.Printf("none\n")
	} else {
		c.Printf("%u\n", n)
	}
}
