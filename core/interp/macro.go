package interp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/lang"
)

// MacroAlias is a name under which adb knew a macro file, and the commands that
// stand for it.
type MacroAlias struct{ Name, Commands string }

// MacroAliases are the aliases of macros, in MDB's order.
var MacroAliases = []MacroAlias{
	{"bufctl", "::bufctl"}, {"bufctl_audit", "::bufctl -v"},
	{"cpu", "::cpuinfo -v"}, {"cpun", "::cpuinfo -v"}, {"cpus", "::walk cpu |::cpuinfo -v"},
	{"devinfo", "::print struct dev_info"}, {"devinfo.minor", "::minornodes"},
	{"devinfo.next", "::walk devi_next |::devinfo -s"},
	{"devinfo.parent", "::walk devinfo_parents |::devinfo -s"},
	{"devinfo.prop", "::devinfo"},
	{"devinfo.sibling", "::walk devinfo_siblings |::devinfo -s"},
	{"devinfo_brief", "::devinfo -s"}, {"devinfo_major", "::devbindings -s"},
	{"devnames_major", "::devnames -m"}, {"devt", "::devt"}, {"devt2snode", "::dev2snode"},
	{"findthreads", "::walk thread |::thread"}, {"major2snode", "::major2snode"},
	{"mblk", "::mblk -v"}, {"modctl.brief", "::modctl"}, {"modules", "::modinfo"},
	{"mount", "::fsinfo"}, {"msgbuf", "::msgbuf"}, {"mutex", "::mutex"},
	{"panicbuf", "::panicinfo"}, {"pid2proc", "::pid2proc |::print proc_t"},
	{"proc2u", "::print proc_t p_user"}, {"procargs", "::print proc_t p_user.u_psargs"},
	{"queue", "::queue -v"}, {"sema", "::print sema_impl_t"},
	{"stackregs", "::stackregs"}, {"stacktrace", "::stackregs"},
	{"systemdump", "0>rip;nopanicdebug/W 1;:c"}, {"thread", "::print kthread_t"},
	{"threadlist", "::threadlist -v"}, {"u", "::print user_t"}, {"utsname", "utsname::print"},
}

// LookupMacroAlias gives the commands of an alias.
func LookupMacroAlias(name string) (commands string, ok bool) {
	for _, a := range MacroAliases {
		if a.Name == name {
			return a.Commands, true
		}
	}
	return "", false
}

// interpreter is the Interp that runs c.
func interpreter(c *core.Ctx) *Interp { return c.Session.Eval.(*Interp) }

// execMacro is $<: the macro takes the place of the current input.
func execMacro(c *core.Ctx) error {
	in := interpreter(c)
	f := in.top()
	if len(c.Args) == 0 {
		if len(in.frames) > 1 {
			f.done = true
		} else {
			c.Warnf("input stack is empty")
		}
		return nil
	}
	if c.PipeIn || c.PipeOut || len(in.frames) == 1 {
		return sourceMacro(c)
	}
	name, err := macroName(c)
	if err != nil {
		return err
	}
	file, path, err := openMacro(c, name)
	if err != nil {
		return in.otherMacro(c, name)
	}
	f.close()
	f.closer = file
	f.open(in, lang.NewReader(file), path, lang.InputFile, 1)
	return nil
}

// sourceMacro is $<<: the macro runs, then the current input goes on.
func sourceMacro(c *core.Ctx) error {
	in := interpreter(c)
	name, err := macroName(c)
	if err != nil {
		return err
	}
	if c.PipeOut {
		c.Warnf("macro files cannot be used as input to a pipeline")
		return core.ErrAbort
	}
	file, path, err := openMacro(c, name)
	if err != nil {
		return in.otherMacro(c, name)
	}
	defer file.Close()
	err = in.run(c.Context, lang.NewReader(file), path, lang.InputFile)
	if errors.Is(err, core.ErrQuit) || errors.Is(err, core.ErrIntr) {
		return err
	}
	return nil
}

func macroName(c *core.Ctx) (string, error) {
	if len(c.Args) != 1 || c.Args[0].IsImm {
		return "", core.ErrUsage
	}
	return c.Args[0].Str, nil
}

// openMacro opens a macro file: a name with a slash as it is, another on the
// macro path.
func openMacro(c *core.Ctx, name string) (*os.File, string, error) {
	if core.Confined(c) {
		return nil, "", core.ErrConfined
	}
	if strings.ContainsRune(name, '/') {
		f, err := openRegular(name)
		return f, name, err
	}
	for _, dir := range c.Session.MacroPath() {
		path := filepath.Join(dir, name)
		if f, err := openRegular(path); err == nil {
			return f, path, nil
		}
	}
	return nil, "", os.ErrNotExist
}

func openRegular(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, fmt.Errorf("open %s: is a directory", path)
	}
	return f, nil
}

// otherMacro stands in for a macro file that does not exist: an alias, or the
// structure of that name printed at dot.
func (in *Interp) otherMacro(c *core.Ctx, name string) error {
	if cmds, ok := LookupMacroAlias(name); ok {
		if c.HasAddr {
			cmds = fmt.Sprintf("%x%s", c.Addr, cmds)
		}
		if err := in.Eval(c.Context, c.Session, cmds); errors.Is(err, core.ErrParse) || fatal(err) {
			return err
		}
		return nil
	}
	for _, t := range []string{"struct " + name, "union " + name, name + "_t", "struct " + name + "s", "union " + name + "s"} {
		if hasType(c.Session, t) {
			addr := c.Addr
			if !c.HasAddr {
				addr = c.Frame.Dot
			}
			return in.Call(c, "print", addr, true, core.Arg{Str: t})
		}
	}
	c.Warnf("failed to open %s (see ::help '$<')", name)
	return core.ErrAbort
}

// hasType tells whether some load object has a type of that name.
func hasType(s *core.Session, name string) bool {
	types, ok := core.As[core.Types](s.Context())
	if !ok {
		return false
	}
	for _, o := range s.Namespace().Objects() {
		if scope := types.TypeScope(o); scope != nil {
			if _, err := scope.Lookup(name); err == nil {
				return true
			}
		}
	}
	return false
}
