package dcmds

import (
	"slices"

	"github.com/xmdb/xmdb/core"
)

// ofProcesses are the dcmds that MDB's target of processes brings. Any other kind
// has their names alone.
var ofProcesses = []string{
	"$", "$?", "$c", "$C", "$r", "$l", "$x", "$X", "$y", "$Y", ":A", ":i", ":k", ":R",
	"attach", "fpregs", "kill", "regs", "release", "stack", "stackregs",
}

// needProcesses makes those dcmds refuse a raw file, which has none of what they
// show or do.
func needProcesses(l []*core.Dcmd) []*core.Dcmd {
	for _, d := range l {
		if !slices.Contains(ofProcesses, d.Name) {
			continue
		}
		run := d.Run
		d.Run = func(c *core.Ctx) error {
			if t := c.Session.Context().Target; t != nil && t.Kind() == "raw" {
				c.Warnf("command is not supported by current target")
				return core.ErrFailed
			}
			return run(c)
		}
	}
	return l
}
