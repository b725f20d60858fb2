package libc

import (
	"bytes"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// psinfoLayout is where members lie in a psinfo_t and in the lwpsinfo_t in it
// (sys/procfs.h), byte offsets: a note has no type data.
type psinfoLayout struct {
	size, word                                           int
	addr, memsize, rss, pctcpu, pctmem, start, time      int
	ctime, fname, psargs, wstat, argc, argv, envp, model int
	task                                                 int // then project, zombies, pool, zone, contract
	wchan, state, lwpsyscall, lwppri, clname, lwp        int
}

var (
	psinfo64 = psinfoLayout{416, 8, 40, 48, 56, 80, 82, 88, 104, 120, 136, 152, 232, 236, 240, 248, 256, 260, 16, 25, 28, 32, 72, 288}
	psinfo32 = psinfoLayout{336, 4, 40, 44, 48, 60, 62, 64, 72, 80, 88, 104, 184, 188, 192, 196, 200, 204, 12, 17, 20, 24, 48, 232}
)

// psinfo reads a psinfo_t.
type psinfo struct {
	psinfoLayout
	b []byte
	c *core.Ctx
}

func (p *psinfo) i32(at int) int32   { return int32(p.c.Arch().Order.Uint32(p.b[at:])) }
func (p *psinfo) long(at int) uint64 { return mem.Uint(p.b[at:at+p.word], p.c.Arch().Order) }
func (p *psinfo) text(at, n int) string {
	b, _, _ := bytes.Cut(p.b[at:at+n], []byte{0})
	return string(b)
}

func runPsinfo(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	p := &psinfo{psinfo64, xdata(c.Session, "psinfo"), c}
	if c.Arch().PtrSize == 4 {
		p.psinfoLayout = psinfo32
	}
	if len(p.b) < p.size {
		return fmt.Errorf("information not available for analysis")
	}
	if c.Opt('v') {
		p.raw()
	} else {
		p.summary()
	}
	return nil
}

// column pads a text to a width; MDB leaves two blanks behind one that is longer.
func column(s string, width int) string {
	if n := width - len(s); n > 0 {
		return s + fmt.Sprintf("%*s", n, " ")
	}
	return s + "  "
}

// percent is a 16-bit binary fraction in tenths of a percent, 99.9 at most.
func percent(v uint16) string {
	n := min((uint32(v)*1000+0x7000)>>15, 999)
	return fmt.Sprintf("%d.%d%%", n/10, n%10)
}

func (p *psinfo) raw() {
	o := p.c.Arch().Order
	line := func(format string, args ...any) { p.c.P.WriteString(fmt.Sprintf(format, args...) + "\n") }
	lwp := p.lwp
	line("[ NT_PRPSINFO ]")
	line("\tpr_state:   %d\t\t\tpr_sname:   %c", p.b[lwp+p.state], p.b[lwp+p.state+1])
	line("\tpr_zomb:    %d\t\t\tpr_nice:    %d", p.i32(p.task+8), int8(p.b[lwp+p.state+2]))
	line("\tpr_uid:     %d\t\t\tpr_gid:     %d", uint32(p.i32(24)), uint32(p.i32(32)))
	line("\tpr_pid:     %spr_ppid:    %d", column(fmt.Sprint(p.i32(8)), 20), p.i32(12))
	line("\tpr_pgid:    %d\t\t\tpr_sid:     %d", p.i32(16), p.i32(20))
	line("\tpr_addr:    %spr_size:    %s", column(fmt.Sprintf("0x%x", p.long(p.addr)), 20), alt(p.long(p.memsize)))
	line("\tpr_rssize:  %s\t\tpr_wchan:   %s", alt(p.long(p.rss)), alt(p.long(lwp+p.wchan)))
	line("\tpr_start:\n\t    tv_sec: %d\t\ttv_nsec:    %d", p.long(p.start), p.long(p.start+p.word))
	line("\tpr_time:\n\t    tv_sec: %d\t\t\ttv_nsec:    %d", p.long(p.time), p.long(p.time+p.word))
	line("\tpr_pri:     %d\t\t\tpr_oldpri:  %d", p.i32(lwp+p.lwppri), int8(p.b[lwp+p.lwpsyscall+2]))
	line("\tpr_cpu:     %d", int8(p.b[lwp+p.lwpsyscall+3]))
	line("\tpr_clname:  %s", p.text(lwp+p.clname, 8))
	line("\tpr_fname:   %s", p.text(p.fname, 16))
	line("\tpr_psargs:  %s", p.text(p.psargs, 80))
	line("\tpr_syscall: [ %s ]", syscallName(o.Uint16(p.b[lwp+p.lwpsyscall:])))
	line("\tpr_ctime:\n\t    tv_sec: %d\t\t\ttv_nsec:    %d", p.long(p.ctime), p.long(p.ctime+p.word))
	line("\tpr_argc:    %d\t\t\tpr_argv:    0x%x", p.i32(p.argc), p.long(p.argv))
	line("\tpr_envp:    %spr_wstat:   %d", column(fmt.Sprintf("0x%x", p.long(p.envp)), 20), p.i32(p.wstat))
	line("\tpr_pctcpu:  %s\t\tpr_pctmem:  %s", percent(o.Uint16(p.b[p.pctcpu:])), percent(o.Uint16(p.b[p.pctmem:])))
	line("\tpr_euid:    %d\t\t\tpr_egid:    %d", uint32(p.i32(28)), uint32(p.i32(36)))
	model := map[byte]string{0: "PR_MODEL_UNKNOWN", 1: "PR_MODEL_ILP32", 2: "PR_MODEL_LP64"}[p.b[p.model]]
	line("\tpr_dmodel:  [%s]", model)
}

// alt is %#x: no prefix at zero.
func alt(v uint64) string {
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("0x%x", v)
}

// syscallName names a system call by number, as proc_sysname does one it has no name
// for; those that a process waits in have theirs.
func syscallName(nr uint16) string {
	names := map[uint16]string{3: "read", 4: "write", 77: "lwp_park", 87: "pollsys", 91: "schedctl", 107: "waitid", 165: "lwp_wait", 199: "nanosleep"}
	if n := names[nr]; n != "" {
		return n
	}
	return fmt.Sprintf("SYS#%d", nr)
}

func (p *psinfo) summary() {
	line := func(format string, args ...any) { p.c.P.WriteString(fmt.Sprintf(format, args...) + "\n") }
	secs := func(at int) string { return fmt.Sprintf("%d.%d seconds", p.long(at), p.long(at+p.word)/1000000) }
	line("PID:    %6d  (process id)\t\tUID:     %4d  (real user id)", p.i32(8), uint32(p.i32(24)))
	line("PPID:   %6d  (parent process id)\tEUID:    %4d  (effective user id)", p.i32(12), p.i32(28))
	line("PGID:   %6d  (process group id)\tGID:     %4d  (real group id)", p.i32(16), uint32(p.i32(32)))
	line("SID:    %6d  (session id)\t\tEGID:    %4d  (effective group id)", p.i32(20), uint32(p.i32(36)))
	line("ZONEID: %6d\t\t\t\tCONTRACT:%4d", p.i32(p.task+16), p.i32(p.task+20))
	line("PROJECT:%6d \t\t\t\tTASK:    %4d\n", p.i32(p.task+4), p.i32(p.task))
	p.c.P.WriteString(out.Sprintf(p.c.OutEnv(), "START: %Y   (wall timestamp when the process started)\n", p.long(p.start)))
	line("TIME:  %s(CPU time used by this process)", column(secs(p.time), 23))
	line("CTIME: %s(CPU time used by child processes)", column(secs(p.ctime), 23))
	line("FNAME: %s(name of the program executed)", column(p.text(p.fname, 16), 23))
	line("PSARGS: \"%s\"", p.text(p.psargs, 80))
}
