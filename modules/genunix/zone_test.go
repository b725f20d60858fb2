package genunix

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// dots is a name as a column of n-1 characters has it.
func dots(s string, n int) string {
	if len(s) < n {
		return s
	}
	return s[:n-4] + "..."
}

func TestZone(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		plain := "            ADDR   ID STATUS        NAME                PATH\n"
		refs := "            ADDR     ID       REFS      CREFS NAME               \n"
		verbose := refs
		names := []string{"NFS", "NFSv4", "SMBFS", "MNTFS", "LOFI", "VFS", "IPC"}
		for _, d := range sys.Scenario.Zones {
			z := sys.Zones[d.Name]
			plain += fmt.Sprintf("%016x %4d %-13s %-19s %s\n", z.Addr.Addr, z.ID, z.Status, dots(z.Name, 20), dots(z.Root, 25))
			row := fmt.Sprintf("%016x %6d %10d %10d %-19s\n", z.Addr.Addr, z.ID, z.Refs, z.CredRefs, dots(z.Name, 20))
			refs += row
			verbose += row
			for i, n := range z.Ref {
				if n != 0 {
					verbose += fmt.Sprintf("       %15s: %10d\n", names[i], n)
				}
			}
			s.Run(fmt.Sprintf("%d::zid2zone", z.ID)).OK().Want(fmt.Sprintf("%x\n", z.Addr.Addr))
		}
		s.Run("::zone").OK().Want(plain)
		s.Run("::walk zone | ::zone").OK().Want(plain)
		s.Run("::zone -r").OK().Want(refs)
		s.Run("::zone -r -v").OK().Want(verbose)
		if r := s.Run("::zone -v"); r.Status == nil {
			t.Error("::zone -v did not fail")
		}
	})
}

func TestZoneByDebugID(t *testing.T) {
	sys := illumos.SystemOf(t, "node")
	s := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "node"), Module())
	for _, z := range sys.Zones {
		s.Run(fmt.Sprintf("0t%d::zdid2zone", z.DID)).OK().Want(fmt.Sprintf("%x\n", z.Addr.Addr))
	}
	// the other illumos has none
	s = modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "gate"), Module())
	if r := s.Run("0t1001::zdid2zone"); r.Status == nil || !strings.Contains(r.Err, "zone_did") {
		t.Errorf("%v %q", r.Status, r.Err)
	}
}

func TestZsd(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		head := fmt.Sprintf("%-19s %16s %16s %8s\n", "ZONE", "KEY", "VALUE", "FLAGS")
		want := head
		for _, d := range sys.Scenario.Zones {
			z := sys.Zones[d.Name]
			want += fmt.Sprintf("%-19s ", dots(z.Name, 20))
			for i, e := range z.ZSD {
				if i > 0 {
					want += strings.Repeat(" ", 21)
				}
				want += fmt.Sprintf("%16x %016x %8x\n", e.Key, z.ZSDs[i].Get("zsd_data"), e.Flags)
			}
		}
		want += "\n" // the last zone has no data: its line ends with the command
		s.Run("::walk zone | ::zsd").OK().Want(want)
		s.Run("::zsd").OK().Want(want)
		z := sys.Zones["global"]
		i := slices.IndexFunc(z.ZSD, func(e illumos.ZSD) bool { return e.Key == 9 })
		s.Run(fmt.Sprintf("%x::zsd -v 9", z.Addr.Addr)).OK().Want(head + fmt.Sprintf("%-19s %16x %016x %8x\n", "global", 9, z.ZSDs[i].Get("zsd_data"), 4) +
			strings.Repeat(" ", 25) + "Create CB:   ipcs_create_zone\n" + strings.Repeat(" ", 25) + "Shutdown CB: ipcs_shutdown_zone\n" +
			strings.Repeat(" ", 25) + "Destroy CB:  0\n")
		r := s.Run(fmt.Sprintf("%x::zsd 77", z.Addr.Addr))
		if r.Status == nil || !strings.HasSuffix(r.Out, "no corresponding ZSD entry found\n") {
			t.Errorf("%v %q", r.Status, r.Out)
		}
		s.Run(fmt.Sprintf("%x::walk zsd | ::count", z.Addr.Addr)).OK().WantLines(fmt.Sprint(len(z.ZSD)))
	})
}

func TestProjects(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		want := "            ADDR PROJID ZONEID REFCNT\n"
		for _, p := range sys.Projects {
			want += fmt.Sprintf("%016x %6d %6d %6d\n", p.Addr.Addr, p.ID, p.Zone.ID, p.Count)
		}
		s.Run("::project").OK().Want(want)
		s.Run("::walk projects | ::project").OK().Want(want)
		head := "            ADDR TASKID PROJID ZONEID REFCNT      FLAGS\n"
		row := func(k *illumos.BuiltTask) string {
			return fmt.Sprintf("%016x %6d %6d %6d %6d 0x%08x\n", k.Addr.Addr, k.ID, k.Project.ID, k.Project.Zone.ID, k.Holds, 0)
		}
		byAddr := slices.Clone(sys.Tasks) // a cache is walked by address
		slices.SortFunc(byAddr, func(a, b *illumos.BuiltTask) int { return int(int64(a.Addr.Addr) - int64(b.Addr.Addr)) })
		all := head
		for _, k := range byAddr {
			all += row(k)
			s.Run(fmt.Sprintf("%x::task", k.Addr.Addr)).OK().Want(head + row(k))
			procs := ""
			for _, p := range k.Procs {
				procs += fmt.Sprintf("%#x\n", p.Addr.Addr)
			}
			s.Run(fmt.Sprintf("%x::walk task", k.Addr.Addr)).OK().Want(procs)
		}
		s.Run("::task").OK().Want(all)
	})
}

func TestContracts(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		want := "            ADDR       ID     TYPE    STATE            OWNER           REGENT\n"
		for _, c := range sys.Ctids {
			want += fmt.Sprintf("%016x %8d  process    owned %16x %16x\n", c.Addr.Addr, c.ID, c.Owner.Addr.Addr, 0)
			s.Run(fmt.Sprintf("0t%d::ctid | ::contract ! tail -1", c.ID)).OK().Match(fmt.Sprintf("^%016x ", c.Addr.Addr))
		}
		s.Run("::contract").OK().Want(want)
		s.Run("*process_type::walk contract | ::contract").OK().Want(want)
		s.Run("1::ctid").OK().Match(fmt.Sprintf("%x", sys.Ctids[0].Addr.Addr))
		c := sys.Ctids[2]
		queue := c.Addr.Ref("conp_contract.ct_events")
		events, rows := "", fmt.Sprintf("%12s %8s %12s %6s %12s %12s %s\n", "ADDR", "ID", "CONTRACT", "TYPE", "DATA", "GDATA", "FLAGS")
		for i, e := range c.Events {
			events += fmt.Sprintf("%#x\n", e.Addr)
			rows += fmt.Sprintf("%12x %8d %12x %6d %12x %12x %s\n", e.Addr, i+1, c.Addr.Addr, e.Get("cte_type"), 0, 0, []string{"INFO", "ACK,NEG"}[i])
		}
		if len(c.Events) != 2 {
			t.Errorf("%d events in the scenario", len(c.Events))
		}
		s.Run(fmt.Sprintf("%x::walk ct_event", queue)).OK().Want(events)
		s.Run(fmt.Sprintf("%x::walk ct_event | ::ctevent", queue)).OK().Want(rows)
		s.Run(fmt.Sprintf("%x::walk ct_listener", queue)).OK().Want("")
	})
}

func TestCred(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		head := "            ADDR      UID      GID     RUID     RGID #GRP(+SIDS)\n"
		p := sys.Procs[121]
		addr := fmt.Sprintf("%x", p.Cred.Addr)
		s.Run(addr + "::cred").OK().Want(head + fmt.Sprintf("%016x      101       10      100       10    3+\n", p.Cred.Addr))
		s.Run(fmt.Sprintf("%x::cred", sys.Procs[1].Cred.Addr)).OK().Want(head + fmt.Sprintf("%016x        0        0        0        0    0\n", sys.Procs[1].Cred.Addr))
		s.Run(fmt.Sprintf("%x::credgrp", p.Cred.Get("cr_grps"))).OK().Want("crg_groups = [\n        10,     14,     65000,\n]\n")
		ksid := p.Cred.Get("cr_ksid")
		sids := "kr_sidx[USER]  = S-1-5-21-3623811015-3361044348-1013,\nkr_sidx[GROUP] = S-1-5-32-544,\nkr_sidx[OWNER] = S-1-5-32-544,\n"
		list := sys.At("credsid_t", ksid).Get("kr_sidlist")
		s.Run(fmt.Sprintf("%x::credsid", ksid)).OK().Want(sids + fmt.Sprintf("kr_sidlist = %x\n", list))
		s.Run(fmt.Sprintf("%x::ksidlist -v", list)).OK().Want("ksl_ref = 0x1\nksl_nsid = 0x2\nksl_neid = 0x1\nksl_sids = [\n" +
			"    S-1-5-21-3623811015-3361044348-1013,\n    S-1-5-32-544,\n]\n")
		s.Run(addr + "::cred -v").OK().Match(`^    cr_uid = 0x65$`).Match(`^cr_grps:\n    crg_ref = 0x1\n    crg_ngroups = 0x3\n    crg_groups = \[\n`).
			Match(`^    \*kr_sidlist = \{\n        ksl_ref = 0x1\n`)
	})
}

func TestRctls(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		r := s.Run("::rctl_dict").OK()
		lines := strings.Split(strings.TrimSpace(r.Out), "\n")
		if want := "ID NAME                                    ADDR    TYPE GLOBAL_FLAGS"; lines[0] != want {
			t.Errorf("%q, want %q", lines[0], want)
		}
		if len(lines) != len(sys.Rctls)+1 {
			t.Errorf("%d controls, want %d", len(lines)-1, len(sys.Rctls))
		}
		for _, d := range sys.Rctls {
			row := fmt.Sprintf("%2d %-27s %016x %7s 0x%08x", d.ID, d.Name, d.Dict.Addr, d.Entity, d.Flags)
			if !slices.Contains(lines, row) {
				t.Errorf("no row %q", row)
			}
		}
		p := sys.Procs[9]
		r = s.Run(fmt.Sprintf("%x::rctl_list 2", p.Addr.Addr)).OK()
		_, values, _ := strings.Cut(r.Out, "\n")
		if want := "              0x10000                  basic    flags=<DENY>\n        (cur) 0x10000             privileged    flags=<SIGNAL,DENY>\n" +
			"              0x7fffffff              system    flags=<DENY,MAX>\n"; values != want {
			t.Errorf("%q, want %q", values, want)
		}
		s.Run(fmt.Sprintf("%x::rctl_list ! grep -c :", p.Addr.Addr)).OK().Want("5\n")
		s.Run(fmt.Sprintf("%x::walk rctl_set | ::rctl_validate -v", p.Addr.Get("p_rctls"))).OK().Want("")
		s.Run(fmt.Sprintf("%x::walk rctl_set | ::walk rctl_val | ::count", p.Addr.Get("p_rctls"))).OK().WantLines("5")
	})
}

func TestLX(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		z := sys.Zones["3f6d2a90-7c41-4e9b-8d25-91b0c6e4f7a2"]
		s.Run("::lxzone").OK().Want("            ADDR   ID NAME                RELEASE        INIT VERSION\n" +
			fmt.Sprintf("%016x %4d %-19s %-12s %6d %s\n", z.Addr.Addr, z.ID, dots(z.Name, 20), z.LXRelease, z.Init.PID, z.LXVersion))
		want := "  LXPID  LXPPID     PID ZONE             ADDR NAME\n"
		sys.Procs[0].Walk(func(p *illumos.BuiltProc, _ int) {
			if p.LX.Addr != 0 {
				want += fmt.Sprintf("%7d %7d %7d %4d %016x %s\n", p.LXPid, p.LX.Get("l_ppid"), p.PID, z.ID, p.Addr.Addr, shortComm(p))
			}
		})
		s.Run("::lxps").OK().Want(want)
		s.Run("0t3023::pid2proc | ::lxps -l ! sed 1,2d").OK().Match(`^        T  0x[0-9a-f]+ ID: 3023\n        T  0x[0-9a-f]+ ID: 30231\n`)
		if r := s.Run(fmt.Sprintf("%x::lxps", sys.Procs[1].Addr.Addr)); r.Status == nil {
			t.Error("init of the global zone passes for a Linux process")
		}
	})
}

func TestSonode(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		so := sys.Procs[75].Opened[4]
		s.Run("::sonode").OK().Want("Sonode:          Family Type Proto State Mode Flag AccessVP\n" +
			fmt.Sprintf("%016x unix   strm     0 00001 0000 0000\n", sys.Procs[54].Opened[4].Data.Addr) + fmt.Sprintf("%016x unix   dgrm     0 00020 0000 0000\n", so.Data.Addr))
		s.Run("::sonode -f unix -t dgram").OK().Want(fmt.Sprintf("%016x\n", so.Data.Addr))
		s.Run("::sonode -f inet").OK().Want("")
		inet := sys.Procs[90].Opened[3]
		s.Run(fmt.Sprintf("%x::sonode", inet.Data.Addr)).OK().Match(fmt.Sprintf("^%016x inet   strm     0 00220 0000 0000$", inet.Data.Addr))
	})
}

func TestNetstack(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		want := "            ADDR STACKID  FLAGS\n"
		tcp := ""
		for _, n := range sys.Netstacks {
			want += fmt.Sprintf("%016x %6d    %06x\n", n.Addr, n.Get("netstack_stackid"), 0)
			tcp += fmt.Sprintf("%#x\n", n.Get("netstack_u.nu_s.nu_tcp"))
			s.Run(fmt.Sprintf("0t%d::netstackid2netstack", n.Get("netstack_stackid"))).OK().Want(fmt.Sprintf("%x\n", n.Addr))
		}
		s.Run("::netstack").OK().Want(want)
		s.Run("::walk tcp_stacks").OK().Want(tcp)
	})
}
