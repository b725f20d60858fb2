package dcmds

import (
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// processDcmds tell what a process was given and how it ended.
func processDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "siginfo", Usage: "?", Descr: "print the signal a thread stopped for",
			Help: "Print what came with the signal for which the representative thread, or the one\n" +
				"whose id is the address, stopped: its code, the fault address or the sender.\n",
			Run: runSiginfo},
		{Name: "env", Usage: "[name]", Descr: "print the process's environment",
			Help: "Print the environment, or one variable of it, as it is on the initial stack.\n", Run: runEnv},
		{Name: "getenv", Usage: "[-t] [name]", Descr: "display an environment variable",
			Opts: []core.Opt{{Letter: 't', Help: "of the target process"}},
			Help: "Print the environment of the process; without one, the debugger's own.\n", Run: runGetenv},
		{Name: "args", Descr: "print the process's arguments, one a line", Run: runArgs},
		{Name: "auxv", Descr: "print the auxiliary vector",
			Table: &core.Table{
				Head: "%<u>%-20s %?s %s%</u>\n", Line: "%-20s %?lx %s\n", Pipe: 1,
				Cols: []core.Field{{Name: "type", Head: "TYPE"}, {Name: "value", Head: "VALUE"}, {Name: "string", Head: "STRING"}},
			},
			Run: runAuxv},
	}
}

// processWalkers walk what every process has.
func processWalkers() []*core.Walker {
	return []*core.Walker{{Name: "thread", Descr: "walk threads by their ids", Walk: walkThreads}}
}

func walkThreads(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		t, ok := core.As[core.Threads](c.Session.Context())
		if !ok {
			yield(core.Elem{}, core.ErrNoProc)
			return
		}
		for _, th := range t.Threads() {
			if !yield(core.Elem{Val: th.ID}, nil) {
				return
			}
		}
	}
}

func runSiginfo(c *core.Ctx) error {
	cx := c.Session.Context()
	t, ok := core.As[core.Siginfos](cx)
	if !ok {
		return core.ErrNoProc
	}
	id := cx.Thread
	if c.HasAddr {
		if isIllumosProcess(c.Session) {
			return core.ErrNext // the address of a siginfo_t, for libc's
		}
		id = c.Addr
	}
	s := t.Siginfo(id)
	if s == nil {
		return fmt.Errorf("thread %#x did not stop for a signal, or the core does not tell", id)
	}
	name := fmt.Sprint(s.Signo)
	if p, ok := core.As[core.Process](cx); ok {
		name, _ = p.SignalName(s.Signo)
	}
	fields := []out.Field{
		{Name: "thread", Value: id}, {Name: "signo", Value: s.Signo}, {Name: "signal", Value: name},
		{Name: "code", Value: s.Code}, {Name: "code_name", Value: s.CodeName}, {Name: "errno", Value: s.Errno},
	}
	if s.HasAddr {
		fields = append(fields, out.Field{Name: "addr", Value: out.Hex(s.Addr)})
	}
	if s.HasSender {
		fields = append(fields, out.Field{Name: "pid", Value: s.PID}, out.Field{Name: "uid", Value: s.UID})
	}
	c.Record(func() {
		c.Printf("thread %p: signal %d (%s), code %d", id, s.Signo, name, s.Code)
		if s.CodeName != "" {
			c.Printf(" (%s)", s.CodeName)
		}
		if s.Errno != 0 {
			c.Printf(", errno %d", s.Errno)
		}
		if s.HasAddr {
			c.Printf(", addr=%#llx", s.Addr)
		}
		if s.HasSender {
			c.Printf(", sent by process %d of user %d", s.PID, s.UID)
		}
		c.Printf("\n")
	}, fields...)
	return nil
}

// environment gives NAME=value strings of the target, or of the debugger when
// there is no process.
func environment(c *core.Ctx) ([]string, error) {
	if e, ok := core.As[core.Environ](c.Session.Context()); ok {
		return e.Env()
	}
	return nil, core.ErrNoProc
}

func runEnv(c *core.Ctx) error {
	env, err := environment(c)
	if err != nil {
		return err
	}
	return printEnv(c, env, false)
}

// printEnv prints all variables, or the value of the one that is the argument.
func printEnv(c *core.Ctx, env []string, bare bool) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].IsImm {
		return core.ErrUsage
	}
	want := ""
	if len(c.Args) == 1 {
		want = c.Args[0].Str
	}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		if want != "" && name != want {
			continue
		}
		c.Record(func() {
			if want != "" && bare {
				c.P.WriteString(value + "\n")
			} else {
				c.P.WriteString(e + "\n")
			}
		}, out.Field{Name: "name", Value: name}, out.Field{Name: "value", Value: value})
	}
	return nil
}

func runArgs(c *core.Ctx) error {
	e, ok := core.As[core.Environ](c.Session.Context())
	if !ok {
		return core.ErrNoProc
	}
	args, err := e.Args()
	if err != nil {
		return err
	}
	for i, a := range args {
		c.Record(func() { c.P.WriteString(a + "\n") },
			out.Field{Name: "index", Value: i}, out.Field{Name: "value", Value: a})
	}
	return nil
}

// auxNames are the types of auxiliary vector entries on Linux
// (include/uapi/linux/auxvec.h, arch/x86/include/uapi/asm/auxvec.h).
var auxNames = map[uint64]string{
	0: "AT_NULL", 1: "AT_IGNORE", 2: "AT_EXECFD", 3: "AT_PHDR", 4: "AT_PHENT", 5: "AT_PHNUM", 6: "AT_PAGESZ", 7: "AT_BASE",
	8: "AT_FLAGS", 9: "AT_ENTRY", 10: "AT_NOTELF", 11: "AT_UID", 12: "AT_EUID", 13: "AT_GID", 14: "AT_EGID", 15: "AT_PLATFORM",
	16: "AT_HWCAP", 17: "AT_CLKTCK", 23: "AT_SECURE", 24: "AT_BASE_PLATFORM", 25: "AT_RANDOM", 26: "AT_HWCAP2",
	27: "AT_RSEQ_FEATURE_SIZE", 28: "AT_RSEQ_ALIGN", 29: "AT_HWCAP3", 30: "AT_HWCAP4", 31: "AT_EXECFN",
	32: "AT_SYSINFO", 33: "AT_SYSINFO_EHDR", 51: "AT_MINSIGSTKSZ",
}

// sunAuxNames are those that illumos has of its own (sys/auxv.h).
var sunAuxNames = map[uint64]string{
	2000: "AT_SUN_UID", 2001: "AT_SUN_RUID", 2002: "AT_SUN_GID", 2003: "AT_SUN_RGID", 2004: "AT_SUN_LDELF", 2005: "AT_SUN_LDSHDR",
	2006: "AT_SUN_LDNAME", 2007: "AT_SUN_LPAGESZ", 2008: "AT_SUN_PLATFORM", 2009: "AT_SUN_HWCAP", 2010: "AT_SUN_IFLUSH", 2011: "AT_SUN_CPU",
	2014: "AT_SUN_EXECNAME", 2015: "AT_SUN_MMU", 2016: "AT_SUN_LDDATA", 2017: "AT_SUN_AUXFLAGS", 2018: "AT_SUN_EMULATOR",
	2019: "AT_SUN_BRANDNAME", 2020: "AT_SUN_BRAND_AUX1", 2021: "AT_SUN_BRAND_AUX2", 2022: "AT_SUN_BRAND_AUX3", 2023: "AT_SUN_HWCAP2",
	2024: "AT_SUN_BRAND_NROOT", 2025: "AT_SUN_BRAND_AUX4", 2026: "AT_SUN_COMMPAGE", 2027: "AT_SUN_FPTYPE", 2028: "AT_SUN_FPSIZE",
}

var sunAuxStrings = map[uint64]bool{2006: true, 2008: true, 2014: true, 2018: true, 2019: true}

// auxStrings are the entries whose value is the address of a string.
var auxStrings = map[uint64]bool{15: true, 24: true, 31: true}

func runAuxv(c *core.Ctx) error {
	t, ok := core.As[core.Auxiliary](c.Session.Context())
	if !ok {
		return core.ErrNoProc
	}
	names, strs := auxNames, auxStrings
	if isIllumosProcess(c.Session) {
		names, strs = sunAuxNames, sunAuxStrings
	}
	for _, a := range t.Auxv() {
		name, ok := names[a.Type]
		if !ok {
			name, ok = auxNames[a.Type]
		}
		if !ok {
			name = fmt.Sprintf("AT_%d", a.Type)
		}
		text := ""
		if strs[a.Type] {
			if s, err := mem.ReadString(c.Space(), mem.Addr(a.Value), maxAuxString); err == nil {
				text = s
			}
		}
		c.Row(name, out.Hex(a.Value), text)
	}
	return nil
}

// maxAuxString bounds a string of the auxiliary vector.
const maxAuxString = 4096
