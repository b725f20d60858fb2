package dcmds

import (
	"io"
	"os"

	"github.com/xmdb/xmdb/core"
)

// hostDcmds deal with the debugger's own process and host.
func hostDcmds() []*core.Dcmd {
	quit := func(c *core.Ctx) error { return core.ErrQuit }
	return []*core.Dcmd{
		{Name: "quit", Descr: "quit debugger", AnyAddr: true, Run: quit},
		{Name: "$q", Descr: "quit debugger", AnyAddr: true, Run: quit},
		{Name: "$Q", Descr: "quit debugger", AnyAddr: true, Run: quit},
		{Name: "$%", AnyAddr: true, Run: quit},
		{Name: "cat", Usage: "[file ...]", Descr: "concatenate and display files", Run: runCat},
		{Name: "log", Usage: "[-d | [-e] file]", Descr: "log session to a file",
			Opts: []core.Opt{{Letter: 'd', Help: "stop logging"}, {Letter: 'e', Help: "start logging again"}},
			Run:  func(c *core.Ctx) error { return runLog(c, c.Opt('d')) }},
		{Name: "$>", Usage: "[file]", Descr: "log session to a file",
			Opts: []core.Opt{{Letter: 'd'}, {Letter: 'e'}},
			Run:  func(c *core.Ctx) error { return runLog(c, c.Opt('d') || len(c.Stage.RawArgs) == 0) }},
		{Name: "version", Descr: "print debugger version string", AnyAddr: true, Run: func(c *core.Ctx) error {
			if c.Prog == "mdb" {
				c.Printf("\r%s %s\n", c.Prog, core.MDBVersion)
			} else {
				c.Printf("\r%s %s\n", c.Prog, core.Version)
			}
			return nil
		}},
		{Name: "$a", AnyAddr: true, Run: say("No adb here", "No algol 68 here")},
		{Name: "obey", AnyAddr: true, Run: say("No Language H here", "CHAPTER 1")},
	}
}

// say prints a line; another one in adb mode.
func say(text, adb string) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if c.Opts.Adb {
			text = adb
		}
		c.Printf("%s\n", text)
		return nil
	}
}

func runCat(c *core.Ctx) error {
	var status error
	for _, a := range c.Args {
		if a.IsImm {
			c.Warnf("expected string argument")
			status = core.ErrFailed
			continue
		}
		if err := cat(c, a.Str); err != nil {
			status = err
		}
	}
	return status
}

func cat(c *core.Ctx, path string) error {
	if core.Confined(c) {
		return c.Warn(core.ErrConfined, "failed to open %s", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return c.Warn(err, "failed to open %s", path)
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	for {
		if c.Err() != nil {
			return core.ErrIntr
		}
		n, err := f.Read(buf)
		c.P.Write(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return c.Warn(err, "error while reading %s", path)
		}
	}
}
