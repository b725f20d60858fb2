package genunix

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// onNode runs a test on the standard scenario as two kernels lay it out.
func onNode(t *testing.T, test func(t *testing.T, sys *illumos.System, s *modtest.Session)) {
	for _, name := range []string{"node", "gate"} {
		t.Run(name, func(t *testing.T) {
			sys := illumos.SystemOf(t, name)
			test(t, sys, modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, name), Module()))
		})
	}
}

// psLine is the row of a process as MDB prints it, with columns of options between.
func psLine(p *illumos.BuiltProc, extra, name string) string {
	state := map[string]string{"run": "R", "sleep": "S", "zomb": "Z", "stop": "T", "idl": "I", "onproc": "O", "wait": "W"}[p.State]
	return fmt.Sprintf("%s %-6d %-6d %-6d %-6d %s%-6d 0x%08x %016x %s\n", state, p.PID, p.PPID, p.PGID, p.SID, extra, p.UID, p.Flags, p.Addr.Addr, name)
}

const psHead = "S PID    PPID   PGID   SID    UID    FLAGS      ADDR             NAME\n"

func shortComm(p *illumos.BuiltProc) string { return p.Comm[:min(16, len(p.Comm))] }

func TestPs(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		plain, args, zones, all := psHead, psHead, "", ""
		sys.Procs[0].Walk(func(p *illumos.BuiltProc, _ int) {
			plain += psLine(p, "", shortComm(p))
			args += psLine(p, "", p.Args[:min(79, len(p.Args))])
			zones += psLine(p, fmt.Sprintf("%-5d ", p.Zone.ID), shortComm(p))
			service := ""
			if p.Contract != nil {
				service = "?"
				if f := p.Contract.FMRI; f != "" {
					service = strings.TrimSuffix(strings.TrimPrefix(f, "svc:/"), ":default")
				}
			}
			all += psLine(p, fmt.Sprintf("%-5d %-5d %-5d %-40s ", p.Task.ID, p.Task.Project.ID, p.Zone.ID, service), shortComm(p))
		})
		s.Run("::ps").OK().Want(plain)
		s.Run("::ps -f").OK().Want(args)
		s.Run("::ps -z").OK().Want("S PID    PPID   PGID   SID    ZONE  UID    FLAGS      ADDR             NAME\n" + zones)
		s.Run("::ps -zTPs").OK().Want("S PID    PPID   PGID   SID    TASK  PROJ  ZONE  SERVICE                                  UID    FLAGS      ADDR             NAME\n" + all)
		p := sys.Procs[121]
		s.Run(fmt.Sprintf("%x::ps", p.Addr.Addr)).OK().Want(psHead + psLine(p, "", "bash"))
		s.Run("::walk proc | ::ps").OK().Want(plain)
		s.Run("::ps | ::count").OK().Want(fmt.Sprintln(len(sys.ByOrder)))
		if r := s.Run("::ps foo"); !strings.Contains(r.Err, "Usage: ps [-fltzTP]\n") {
			t.Errorf("::ps foo: %q", r.Err)
		}
	})
}

func TestPsThreads(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		p := sys.Procs[3023]
		threads, lwps := psHead+psLine(p, "", "nginx"), psHead+psLine(p, "", "nginx")
		for _, k := range sys.Sched.Threads {
			if k.Proc == p.Addr.Addr {
				threads += fmt.Sprintf("        T  %#x <TS_%s>\n", k.Addr, strings.ToUpper(k.Desc.State))
				lwps += fmt.Sprintf("        L  %#x ID: %d\n", k.LWP, k.Tid)
			}
		}
		addr := fmt.Sprintf("%x", p.Addr.Addr)
		s.Run(addr + "::ps -t").OK().Want(threads)
		s.Run(addr + "::ps -l").OK().Want(lwps)
		s.Run("0t127::pid2proc | ::ps -t").OK().Want(psHead + psLine(sys.Procs[127], "", "ps"))
	})
}

func TestPgrep(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		match := func(f func(*illumos.BuiltProc) bool) (rows, addrs string, n int) {
			sys.Procs[0].Walk(func(p *illumos.BuiltProc, _ int) {
				if f(p) {
					rows += psLine(p, "", shortComm(p))
					addrs += fmt.Sprintf("%x\n", p.Addr.Addr)
					n++
				}
			})
			return rows, addrs, n
		}
		sd, addrs, _ := match(func(p *illumos.BuiltProc) bool {
			return strings.Contains(p.Comm, "sh") && !strings.Contains(p.Comm, "zsh")
		})
		s.Run("::pgrep sh").OK().Want(psHead + sd)
		s.Run("::pgrep sh | ::eval .=K").OK()
		s.Run("::pgrep sh | ::map . ! tr -d ' '").OK().Want(addrs)
		exact, _, _ := match(func(p *illumos.BuiltProc) bool { return p.Comm == "init" })
		s.Run("::pgrep -x init").OK().Want(psHead + exact)
		s.Run("::pgrep -x ini").OK().Want("")
		s.Run("::pgrep '^(cron|nscd)$'").OK().Match(`nscd\n`)
		s.Run("::pgrep -o httpd").OK().Want(psHead + psLine(sys.Procs[2012], "", "httpd"))
		s.Run("::pgrep -n httpd").OK().Want(psHead + psLine(sys.Procs[2055], "", "httpd"))
		for _, cmd := range []string{"::pgrep", "::pgrep -no x", "0::pgrep x", "::pgrep ["} {
			if r := s.Run(cmd); r.Status == nil {
				t.Errorf("%s did not fail: %s", cmd, r.Out)
			}
		}
	})
}

func TestPtree(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		line := func(p *illumos.BuiltProc, depth int) string {
			return fmt.Sprintf("%s%016x  %s\n", strings.Repeat(" ", 5*depth), p.Addr.Addr, shortComm(p))
		}
		want := ""
		sys.Procs[0].Walk(func(p *illumos.BuiltProc, depth int) { want += line(p, depth) })
		s.Run("::ptree").OK().Want(want)
		p := sys.Procs[3022]
		var above []*illumos.BuiltProc
		for a := p.Parent; a != nil; a = a.Parent {
			above = append(above, a)
		}
		slices.Reverse(above)
		want = ""
		for i, a := range above {
			want += line(a, i)
		}
		p.Walk(func(p *illumos.BuiltProc, depth int) { want += line(p, depth+len(above)) })
		s.Run(fmt.Sprintf("%x::ptree", p.Addr.Addr)).OK().Want(want)
		want = ""
		for a := p; a != nil; a = a.Parent {
			want += fmt.Sprintf("%#x\n", a.Addr.Addr)
		}
		s.Run(fmt.Sprintf("%x::walk ancestors", p.Addr.Addr)).OK().Want(want)
	})
}

func TestPid2proc(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for pid, p := range sys.Procs {
			s.Run(fmt.Sprintf("0t%d::pid2proc", pid)).OK().Want(fmt.Sprintf("%x\n", p.Addr.Addr))
		}
		r := s.Run("0t999::pid2proc")
		if r.Err != "xmdb: PID 0t999 not found\n" || r.Status == nil {
			t.Errorf("%q %v", r.Err, r.Status)
		}
		p := sys.Procs[130]
		s.Run(fmt.Sprintf("%x::as2proc", p.As.Addr)).OK().Want(fmt.Sprintf("%x\n", p.Addr.Addr))
	})
}

func TestPflags(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		p := sys.Procs[2000]
		s.Run(fmt.Sprintf("%x::pflags", p.Addr.Addr)).OK().Want(fmt.Sprintf("%x [pid 2000]:\n"+
			"        p_flag:      00020401 <SSYS,SZONETOP,SNOWAIT>\n        p_pidflag:   00000000 <>\n        p_proc_flag: 00000000 <>\n", p.Addr.Addr))
		s.Run("::pflags ! grep -c p_proc_flag").OK().Want(fmt.Sprintln(len(sys.ByOrder)))
	})
}

func TestPsJSON(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		s.Run("::set -o json").OK()
		p := sys.Procs[121]
		s.Run(fmt.Sprintf("%x::ps -z", p.Addr.Addr)).OK().Want(fmt.Sprintf(
			`{"state":"R","pid":121,"ppid":120,"pgid":121,"sid":121,"zone":0,"uid":101,"flags":"%#x","addr":"%#x","name":"bash"}`+"\n", p.Flags, p.Addr.Addr))
		s.Run("::zone").OK().Match(fmt.Sprintf(`^{"addr":"%#x","id":0,"status":"running","name":"global","path":"/"}$`, sys.Zones["global"].Addr.Addr))
		s.Run("::lxps").OK().Match(`^{"lxpid":1,"lxppid":0,"pid":3001,"zone":2,"addr":"0x[0-9a-f]+","name":"init","threads":\[`)
	})
}
