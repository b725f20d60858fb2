package dcmds

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// hostName is what uname(2) tells of a system, empty where it does not.
type hostName struct{ system, node, release, version, machine string }

func showrevDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "showrev", Usage: "[-pv]", Descr: "print version information",
		Opts: []core.Opt{
			{Letter: 'p', Help: "patches of the load objects"},
			{Letter: 'v', Help: "versions of the load objects"},
		},
		Run: runShowrev,
	}}
}

// runShowrev prints what system the process runs on. Without a process that is
// the debugger's own; a core of Linux does not tell. Its objects do not carry the
// version strings that -p and -v look for, which are illumos's.
func runShowrev(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if c.Opt('p') || c.Opt('v') {
		return nil
	}
	var host hostName
	kernel, isKernel := core.As[core.Unamer](c.Session.Context())
	platform := ""
	if isKernel {
		u, err := kernel.Utsname()
		if err != nil {
			return err
		}
		host, platform = hostName{u.Sysname, u.Nodename, u.Release, u.Version, u.Machine}, kernel.Platform()
	} else if st, _ := state(c); st == core.StateIdle {
		host = uname()
		platform = host.machine
	}
	lines := []struct{ label, key, value string }{
		{"Hostname", "hostname", host.node},
		{"Release", "release", host.release},
		{"Kernel architecture", "kernel_arch", host.machine},
		{"Application architecture", "arch", c.Arch().Name},
		{"Kernel version", "kernel", strings.TrimSpace(strings.Join([]string{host.system, host.release, host.machine, host.version}, " "))},
		{"Platform", "platform", platform},
	}
	var fields []out.Field
	for _, l := range lines {
		if l.value != "" || isKernel {
			fields = append(fields, namedField(l.key, l.value))
		}
	}
	c.Record(func() {
		for _, l := range lines {
			if l.value != "" || isKernel {
				c.Printf("%s: %s\n", l.label, l.value)
			}
		}
	}, fields...)
	return nil
}
