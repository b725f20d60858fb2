package genunix

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// meets are the commands that meet each damage of the scenario.
var meets = map[string]func(sys *illumos.System) string{
	"the siblings of a process lead back":          all("::ps"),
	"a process has a wild child":                   all("::walk proc"),
	"a process is its grandchild's child":          of(2030, "::walk ancestors"),
	"a chain of the hash of pids is a ring":        all("0t12192::pid2proc"), // a pid of the same chain
	"the ring of projects is open":                 all("::project"),
	"a task's ring misses its first process":       func(sys *illumos.System) string { return addr(sys.Procs[3001].Task.Addr.Addr, "::walk task") },
	"the tree of contracts leads back to its root": all("::contract"),
	"a contract's events are wild": func(sys *illumos.System) string {
		return addr(sys.Ctids[2].Addr.Ref("conp_contract.ct_events"), "::walk ct_event")
	},
	"a process's resource controls are a ring": of(9, "::rctl_list"),
	"a control's values are a ring": func(sys *illumos.System) string {
		return of(40, "::rctl_list")(sys)
	},
	"a credential has a wild set of groups":      func(sys *illumos.System) string { return addr(sys.Procs[121].Cred.Addr, "::cred") },
	"a process has a wild credential":            of(61, "::ps"),
	"a tree of segments has a wild node":         of(1, "::pmap"),
	"the list of zones leads back":               all("::zone"),
	"a zone's data is wild":                      all("::zsd"),
	"a zone has wild brand data":                 all("::lxzone"),
	"an lwp has wild brand data":                 all("::lxps"),
	"the network stacks are a ring":              all("::netstack"),
	"a process has a wild table of files":        of(110, "::pfiles"),
	"a process has more files than there can be": of(111, "::pfiles"),
	"a file has a wild vnode":                    of(130, "::pfiles"),
	"a door has a wild server":                   of(9, "::pfiles"),
	"a socket's magic is wrong":                  of(75, "::pfiles"),
	"the list of sockets leads back":             all("::sonode"),
	"the instances of ICMP lead back":            all("::walk icmp"),
	"a pipe lies below itself":                   of(9, "::pfiles"),
	"an event port's queue is a ring":            func(sys *illumos.System) string { return addr(sys.Procs[130].Opened[5].Data.Addr, "::walk portev") },
	"the ring of file systems misses its first":  all("::fsinfo"),
	"mount options are wild":                     all("::fsinfo -v"),
	"locks lead back":                            all("::lminfo"),
	"a chain of names is a ring": func(sys *illumos.System) string {
		return addr(sys.Vnodes["/opt/custom/probe"].Addr, "::vnode2path")
	},
}

func addr(a uint64, cmd string) string { return fmt.Sprintf("%x%s", a, cmd) }

func all(cmd string) func(*illumos.System) string { return func(*illumos.System) string { return cmd } }

func of(pid int, cmd string) func(*illumos.System) string {
	return func(sys *illumos.System) string { return addr(sys.Procs[pid].Addr.Addr, cmd) }
}

// Whatever is spoilt, the command that meets it ends, and says where.
func TestCorrupt(t *testing.T) {
	sys := illumos.SystemOf(t, "corrupt")
	s := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "corrupt"), Module())
	for i, d := range sys.Scenario.Damage {
		cmd, ok := meets[d.What]
		if !ok {
			continue
		}
		t.Run(d.What, func(t *testing.T) {
			r := s.Run(cmd(sys))
			if !strings.Contains(r.Err, fmt.Sprintf("%x", sys.Damaged[i])) {
				t.Errorf("%s: no message names %x:\n%s%s", cmd(sys), sys.Damaged[i], r.Out, r.Err)
			}
			if len(r.Out) > 1<<20 {
				t.Errorf("%s: %d bytes of output", cmd(sys), len(r.Out))
			}
		})
	}
	if len(meets) > len(sys.Scenario.Damage) {
		t.Errorf("%d damages are tested, the scenario has %d", len(meets), len(sys.Scenario.Damage))
	}
}
