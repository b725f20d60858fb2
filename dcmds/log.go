package dcmds

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
)

func runLog(c *core.Ctx, disable bool) error {
	if len(c.Args) > 1 || c.Opt('d') && (c.Opt('e') || len(c.Args) > 0) || len(c.Args) == 1 && c.Args[0].IsImm {
		return core.ErrUsage
	}
	in, ok := c.Session.Eval.(*interp.Interp)
	if !ok || in.Depth() != 1 || core.Confined(c) {
		c.Warnf("log may not be manipulated in this context")
		return core.ErrAbort
	}
	path, on := c.LogFile()
	switch {
	case disable:
		if !c.StopLog(in.Output()) {
			c.Warnf("logging is already disabled")
		}
		return nil
	case len(c.Stage.RawArgs) == 0 && path == "":
		c.Printf("%s: no log is active\n", c.Prog)
		return nil
	case len(c.Stage.RawArgs) == 0:
		state := "disabled"
		if on {
			state = "enabled"
		}
		c.Printf("%s: logging to \"%s\" is currently %s\n", c.Prog, path, state)
		return nil
	case len(c.Args) == 0 && path == "":
		c.Warnf("no log file has been selected")
		return core.ErrFailed
	}
	if len(c.Args) == 1 {
		path = c.Args[0].Str
		if err := c.StartLog(in.Output(), path); err != nil {
			return c.Warn(err, "failed to open %s", path)
		}
	} else if err := c.StartLog(in.Output(), ""); err != nil {
		return err
	}
	c.Printf("%s: logging to \"%s\"\n", c.Prog, path)
	return nil
}
