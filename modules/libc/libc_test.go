package libc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumoscore"
	"github.com/xmdb/xmdb/modules/libc"
)

// open opens a core of the store manager; damage changes memory before it is written.
func open(t *testing.T, m illumoscore.Model, damage func(*illumoscore.Core)) (*illumoscore.Core, *modtest.Session) {
	t.Helper()
	c, err := illumoscore.Storemgr(m).Build()
	if err != nil {
		t.Fatal(err)
	}
	if damage != nil {
		damage(c)
	}
	return c, modtest.OpenCoreBytes(t, "core", c.Write(), libc.Module())
}

func both(t *testing.T, test func(*testing.T, illumoscore.Model)) {
	for _, m := range []illumoscore.Model{illumoscore.LP64, illumoscore.ILP32} {
		t.Run(m.String(), func(t *testing.T) { test(t, m) })
	}
}

func TestThreads(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		c, s := open(t, m, nil)
		w := 2 * m.Word()
		s.Run("::walk ulwps").OK().WantLines(fmt.Sprintf("%#x", c.ULWP(0)), fmt.Sprintf("%#x", c.ULWP(1)), fmt.Sprintf("%#x", c.ULWP(2)))
		s.Run("::walk ulwp | ::ulwp").OK().Match(fmt.Sprintf(`^0x0*%x:$`, c.ULWP(2)))
		s.Run("2::tid2ulwp").OK().Want(fmt.Sprintf("%x\n", c.ULWP(1)))
		if r := s.Run("9::tid2ulwp"); r.Status == nil || !strings.Contains(r.Err, "thread ID 9 not found") {
			t.Errorf("%v %s", r.Status, r.Err)
		}
		s.Run("1::errno").OK().Want("2\n")
		s.Run("2::errno").OK().Want("62\n")
		s.Run("::uberdata").OK().Match(fmt.Sprintf(`^\+0x2a\w+ +0x0*%x +0x0*%x +0x0*%x$`, c.ULWP(0), c.ULWP(0), c.ULWP(3))).
			Match(`^\+0x2a\w+ +3 +1 +0 +4242 `)
		u := s.Run(fmt.Sprintf("%x::ulwp", c.ULWP(1))).OK()
		u.Match(fmt.Sprintf(`^\+0x0 +0x0*%x +0x0*%x$`, c.ULWP(1), c.Sym("libc.so.1`_uberdata"))).
			Match(fmt.Sprintf(`^\+0x\w+ +0x0*%x +0x0*%x +<NULL>$`, c.ULWP(2), c.ULWP(0))). // forw, back
			Match(fmt.Sprintf(`^\+0x\w+ +0x0*%x +0x%0*x +<NULL>$`, c.Sym("worker_main"), w, 0x20))
		s.Run("::walk ulwp | ::print ulwp_t ul_lwpid").OK().Want("ul_lwpid = 0x1\nul_lwpid = 0x2\nul_lwpid = 0x3\n")
		s.Run("::walk thread | ::tls tls_depth").OK()
	})
}

func TestPsinfo(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		_, s := open(t, m, nil)
		s.Run("::psinfo").OK().WantLines(
			"PID:      4242  (process id)            UID:      101  (real user id)",
			"PPID:        1  (parent process id)     EUID:       0  (effective user id)",
			"PGID:     4242  (process group id)      GID:       10  (real group id)",
			"SID:      4240  (session id)            EGID:      10  (effective group id)",
			"ZONEID:      7                          CONTRACT:  95",
			"PROJECT:     3                          TASK:     118",
			"", "START: 2020 Aug 15 00:00:00   (wall timestamp when the process started)",
			"TIME:  3.250 seconds          (CPU time used by this process)",
			"CTIME: 0.0 seconds            (CPU time used by child processes)",
			"FNAME: storemgr               (name of the program executed)",
			`PSARGS: "/opt/store/bin/storemgr -d /var/store -v"`)
		s.Run("::psinfo -v").OK().Match(`^ +pr_pgid: +4242 +pr_sid: +4240$`).Match(`^ +pr_start:\n +tv_sec: 1597449600 +tv_nsec: +0$`).
			Match(`^ +pr_dmodel: +\[PR_MODEL_` + m.String() + `\]$`)
		s.Run("::siginfo").OK().Want("thread 1: signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), addr=0\n")
	})
}

// TestStructures decodes structures that the test puts in memory.
func TestStructures(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		var sig, uc uint64
		_, s := open(t, m, func(c *illumoscore.Core) {
			c.Mem.Map(0x10000, 0x1000, 6)
			sig, uc = 0x10000, 0x10800
			c.Mem.At("siginfo_t", sig).Set("si_signo", 11).Set("si_code", 1).Set("__data.__fault.__addr", 0xbad0)
			c.Mem.At("ucontext_t", uc).Set("uc_flags", 1).Set("uc_link", 0x10400).Set("uc_stack.ss_sp", 0x7000).Set("uc_stack.ss_size", 0x2000)
			for i := range uint64(8) {
				c.Mem.PutPtr(0x10700+i*uint64(m.Word()), 0x1100+i)
			}
		})
		s.Run(fmt.Sprintf("%x::siginfo", sig)).OK().Match(`^ +signal +11 \(SEGV\)$`).Match(`^ +code +1 \(`).Match(`^ +fault address = 0xbad0$`)
		s.Run(fmt.Sprintf("%x::ucontext", uc)).OK().Match(`^ +flags += 0x1 <`).Match(`^ +link += 0x10400$`).
			Match(`^ +stack += sp 0x7000 size 0x2000 flags 0$`)
		s.Run(fmt.Sprintf("%x::walk ucontext", uc)).Match("^0x10800\n0x10400$")
		s.Run("10700::jmp_buf").OK().Match(`%[er]bx = 0x1100$`).Match(`%[er]sp = 0x110\w`)
		for _, cmd := range []string{"3::ulwp", "3::ucontext", "3::siginfo", "3::jmp_buf", "3::sigjmp_buf", "99::tsd -k 1", "3::walk ucontext", "99::errno"} {
			if r := s.Run(cmd); r.Status == nil || r.Err == "" {
				t.Errorf("%s: no message", cmd)
			}
		}
	})
}

// TestDamage breaks the ring of threads and libc's data: commands end.
func TestDamage(t *testing.T) {
	both(t, func(t *testing.T, m illumoscore.Model) {
		for name, damage := range map[string]func(*illumoscore.Core){
			"ring that does not close": func(c *illumoscore.Core) { c.Mem.At("ulwp_t", c.ULWP(2)).Set("ul_forw", c.ULWP(1)) },
			"ring into nowhere":        func(c *illumoscore.Core) { c.Mem.At("ulwp_t", c.ULWP(1)).Set("ul_forw", 0x10) },
			"no uberdata":              func(c *illumoscore.Core) { c.Mem.PutPtr(c.Sym("libc.so.1`_tdb_bootstrap"), 0x10) },
			"no threads":               func(c *illumoscore.Core) { c.Mem.At("uberdata_t", c.Sym("libc.so.1`_uberdata")).Set("all_lwps", 0) },
			"contexts that loop": func(c *illumoscore.Core) {
				c.Mem.Map(0x10000, 0x1000, 6)
				c.Mem.At("ucontext_t", 0x10000).Set("uc_link", 0x10000)
			},
		} {
			t.Run(name, func(t *testing.T) {
				_, s := open(t, m, damage)
				for _, cmd := range []string{"::walk ulwps", "::walk ulwp | ::ulwp", "::uberdata", "2::tid2ulwp", "2::errno", "2::tls tls_depth", "2::tsd -k 1",
					"10000::walk ucontext", "::walk oldcontext", "::stacks", "::status"} {
					s.Run(cmd)
				}
				if r := s.Run("::walk ulwps ! wc -l"); name == "ring that does not close" && r.Err == "" && strings.TrimSpace(r.Out) > "9" {
					t.Errorf("%q", r.Out)
				}
			})
		}
	})
}
