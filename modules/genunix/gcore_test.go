package genunix

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

const (
	gcorePID   = 11 // svc.configd, with several threads
	gcore32PID = 70
	gcoreHeap  = 0x417000 // the second page of it is in memory, and more is not
)

// gcorePattern fills a page so that a byte out of place is seen.
func gcorePattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i) ^ byte(i>>8)
	}
	return b
}

type gcoreSubject struct {
	sys  *illumos.System
	dump []byte
	err  error
}

// gcoreDump is the node with the pages of its processes, one of them of 32 bits.
var gcoreDump = sync.OnceValue(func() gcoreSubject {
	sc := illumos.Node()
	sc.Kernel.Content = illumos.AllPages
	for i := range sc.Procs {
		if p := &sc.Procs[i]; p.PID == gcore32PID {
			p.ILP32 = true
			p.Segs = []illumos.Seg{{Base: 0x400000, Size: 0x3000, Path: "/usr/bin/short"}, {Base: gcoreHeap, Size: 0x8000}}
		}
	}
	sys := sc.Build(illumos.Real())
	for _, pid := range []int{gcorePID, gcore32PID} {
		h := sys.Procs[pid].Hat
		h.MapNew(gcoreHeap+0x1000, 0x1000, illumos.ProtRead|illumos.ProtWrite)
		h.WriteBytes(gcoreHeap+0x1000, gcorePattern(0x1000, byte(pid)))
	}
	for _, t := range sys.Sched.Threads {
		if t.Proc == sys.Procs[gcorePID].Addr.Addr && t.Tid == 1 {
			fx := sys.Alloc(512)
			sys.WriteBytes(fx, []byte{0x7f, 0x02}) // FCW
			sys.At("klwp_t", t.LWP).Set("lwp_pcb.pcb_fpu.fpu_regs.kfpu_u.kfpu_fx", fx)
		}
	}
	dump, err := sys.Vmcore()
	return gcoreSubject{sys, dump, err}
})

// madeCore runs ::gcore and opens what it wrote.
func madeCore(t *testing.T, pid int, opts string) (*illumos.System, *modtest.Session) {
	t.Helper()
	sub := gcoreDump()
	if sub.err != nil {
		t.Fatal(sub.err)
	}
	s := modtest.OpenDumpBytes(t, "vmcore.0", sub.dump, Module())
	prefix := filepath.Join(t.TempDir(), "out")
	name := fmt.Sprintf("%s.%d", prefix, pid)
	r := s.Run(fmt.Sprintf("%x::gcore -o \"%s\" %s", sub.sys.Procs[pid].Addr.Addr, filepath.ToSlash(prefix), opts))
	if r.Status != nil || r.Out != "Created core file: "+filepath.ToSlash(name)+"\n" {
		t.Fatalf("::gcore: %q %q %v", r.Out, r.Err, r.Status)
	}
	if !regexp.MustCompile(`^xmdb: \d+ of \d+ pages to save are not in the dump\n$`).MatchString(r.Err) {
		t.Errorf("::gcore does not count what is missing: %q", r.Err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return sub.sys, modtest.OpenCoreBytes(t, filepath.Base(name), b)
}

func TestGcore(t *testing.T) {
	for pid, bits := range map[int]int{gcorePID: 64, gcore32PID: 32} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			sys, s := madeCore(t, pid, "")
			p := sys.Procs[pid]
			s.Run("::status").OK().Match(fmt.Sprintf(`^debugging core file of %s \(%d-bit\) from headnode$`, regexp.QuoteMeta(shortComm(p)), bits)).
				Match("^initial argv: " + regexp.QuoteMeta(p.Args) + "$").Match(`^status: process core file generated with gcore\(1\)$`)
			s.Run("::process").OK().Match(fmt.Sprintf(`^process: +%d, parent %d, group %d, session %d$`, p.PID, p.PPID, p.PGID, p.SID)).
				Match(fmt.Sprintf(`^user: +effective %d, real %d,`, p.UID, p.RUID)).Match(`^zone: +global \(0\)$`).
				Match(fmt.Sprintf(`^task: +%d, project %d, contract %d`, p.Task.ID, p.Task.Project.ID, p.Contract.ID))
			checkGcoreThreads(t, sys, s, p, bits)
			checkGcoreFiles(t, s, p)
			checkGcoreMemory(t, s, pid)
		})
	}
}

// checkGcoreThreads compares the registers that each thread had in user mode.
func checkGcoreThreads(t *testing.T, sys *illumos.System, s *modtest.Session, p *illumos.BuiltProc, bits int) {
	names := map[string]string{"rip": "rip", "rsp": "rsp", "rdi": "rdi", "rsi": "rsi", "fsbase": "fsbase"}
	if bits == 32 {
		names = map[string]string{"rip": "eip", "rsp": "esp", "rdi": "edi", "rsi": "esi"}
	}
	n := 0
	for _, k := range sys.Sched.Threads {
		if k.Proc != p.Addr.Addr {
			continue
		}
		n++
		regs := s.Run(fmt.Sprintf("0t%d::regs", k.Tid)).OK()
		for user, name := range names {
			regs.Match(fmt.Sprintf(`%%%s = 0x0*%x\b`, name, k.Desc.User[user]&(1<<bits-1)))
		}
		s.Run("::tid").OK().Match(fmt.Sprintf(`^ +%d S +%d +\d+ TS +0*%x `, k.Tid, k.Desc.Syscall, k.Desc.User["rip"]&(1<<bits-1)))
	}
	if n < 2 {
		t.Fatalf("the process has %d threads", n)
	}
	if bits == 64 {
		s.Run("0t1::fpregs").OK().Match(`\b0x0?27f\b`)
	}
}

func checkGcoreFiles(t *testing.T, s *modtest.Session, p *illumos.BuiltProc) {
	out := s.Run("::fds").OK().Out
	rows := strings.Split(strings.TrimSpace(out), "\n")[1:]
	if len(rows) != len(p.Opened) {
		t.Fatalf("%d files, want %d:\n%s", len(rows), len(p.Opened), out)
	}
	for i, f := range p.Opened {
		fields := strings.Fields(rows[i])
		if fields[0] != fmt.Sprint(f.FD) || fields[3] != fmt.Sprint(f.Offset) || fields[len(fields)-1] != f.Path {
			t.Errorf("file %d: %q, want %+v", f.FD, rows[i], f.File)
		}
	}
}

// checkGcoreMemory compares a page that the dump has, and one that it has not.
func checkGcoreMemory(t *testing.T, s *modtest.Session, pid int) {
	b := make([]byte, 0x1000)
	if err := mem.ReadFull(s.World().Space, b, gcoreHeap+0x1000); err != nil || !bytes.Equal(b, gcorePattern(0x1000, byte(pid))) {
		t.Errorf("memory of the core is not the process's: %v", err)
	}
	for _, a := range []mem.Addr{gcoreHeap, gcoreHeap + 0x2000} {
		if err := mem.ReadFull(s.World().Space, b[:8], a); err == nil {
			t.Errorf("%#x can be read, but is not in the dump", uint64(a))
		}
	}
}

// TestGcoreContent leaves out what was not asked for.
func TestGcoreContent(t *testing.T) {
	_, s := madeCore(t, gcorePID, "-c stack+text")
	b := make([]byte, 8)
	if err := mem.ReadFull(s.World().Space, b, 0x400000); err != nil || string(b[:4]) != "\x7fELF" {
		t.Errorf("text: % x %v", b, err)
	}
	if err := mem.ReadFull(s.World().Space, b, gcoreHeap+0x1000); err == nil {
		t.Error("the heap is in a core of stacks and text")
	}
	for in, want := range map[string]uint64{
		"default": 0x7fb, "all-text+text": 0x7ff, "none+stack": contentStack, "default-heap-anon": 0x7fb &^ (contentHeap | contentAnon), "symtab": 0,
	} {
		if got, ok := parseContent(in); !ok || got != want {
			t.Errorf("parseContent(%q) = %#x %t, want %#x", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "stacks", "stack+", "-text", "stack++text"} {
		if got, ok := parseContent(in); ok {
			t.Errorf("parseContent(%q) = %#x", in, got)
		}
	}
}

// TestGcoreRefused has processes of which no core can be made: no file is left behind.
func TestGcoreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	sub := gcoreDump()
	if sub.err != nil {
		t.Fatal(sub.err)
	}
	all := modtest.OpenDumpBytes(t, "vmcore.0", sub.dump, Module())
	kernel := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "node"), Module())
	user, pageout := sub.sys.Procs[gcorePID].Addr.Addr, sub.sys.Procs[2].Addr.Addr
	for _, c := range []struct {
		s         *modtest.Session
		cmd, want string
	}{
		{all, fmt.Sprintf("%x::gcore", pageout), "xmdb: 'pageout' is a system process\n"},
		{all, fmt.Sprintf("%x::gcore -c stacks", user), "xmdb: invalid content 'stacks'\n"},
		{all, "10::gcore", "xmdb: failed to read proc at 10: no mapping for address\n"},
		{all, fmt.Sprintf("%x::gcore -o none/such", user), "xmdb: Failed to generate core file: "},
		{kernel, fmt.Sprintf("%x::gcore", illumos.NodeSystem(t).Procs[gcorePID].Addr.Addr),
			fmt.Sprintf("xmdb: Failed to initialize proc handle: dump does not contain pages for proc %x\n", illumos.NodeSystem(t).Procs[gcorePID].Addr.Addr)},
	} {
		if r := c.s.Run(c.cmd); r.Status == nil || r.Out != "" || !strings.HasPrefix(r.Err, c.want) {
			t.Errorf("%s: %q %q %v, want %q", c.cmd, r.Out, r.Err, r.Status, c.want)
		}
	}
	if left, _ := filepath.Glob("*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	r := all.Run(fmt.Sprintf("%x::gcore", user))
	name := fmt.Sprintf("core.%s.%d", sub.sys.Procs[gcorePID].Comm, gcorePID)
	if _, err := os.Stat(name); err != nil || r.Status != nil || r.Out != "Created core file: "+name+"\n" {
		t.Errorf("%q %v", r.Out, err)
	}
}
