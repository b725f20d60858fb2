package dcmds_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// kernel is a dump of a system with a thread that took a trap and panicked, and what
// is known of it.
type kernel struct {
	sys    *illumos.System
	thread *illumos.KThread
	dump   []byte
}

// vpanicFP is which of the panicking thread's frames vpanic was called from.
const vpanicFP = 1

var (
	panicked = sync.OnceValue(func() *kernel { return makeKernel(illumos.Real(), illumos.KernelPages) })
	whole    = sync.OnceValue(func() *kernel { return makeKernel(illumos.Real(), illumos.AllPages) })
	other    = sync.OnceValue(func() *kernel { return makeKernel(illumos.Gate(), illumos.KernelPages) })
)

func makeKernel(l *illumos.Layout, content illumos.Content) *kernel {
	sc := illumos.Node()
	sc.Kernel.Content, sc.Kernel.MemBytes = content, 256<<20
	sc.Parts.Sched.Threads = append(sc.Parts.Sched.Threads, illumos.Thread{Start: "panic_thread_start", Stack: []illumos.Frame{
		{Func: "panicsys", Args: []uint64{0x11, 0x22, 0x33, 4}}, {Func: "trap", Args: []uint64{0xfffffe0000001000, 0xabc, 1}}, {Func: "cmntrap"},
		{Func: "mutex_vector_enter", Args: []uint64{0xdeadbeef}}, {Func: "cv_wait"}, {Func: "zfs`txg_sync_thread"},
	}})
	sys := sc.Build(l)
	k := &kernel{sys: sys}
	for _, t := range sys.Sched.Threads {
		if t.Desc.Start == "panic_thread_start" {
			k.thread = t
		}
	}
	regs := illumos.Regs{"rip": sys.Func("vpanic"), "rsp": k.thread.Frames[vpanicFP].FP - 16, "rbp": k.thread.Frames[vpanicFP].FP, "rdi": 0x1234, "rax": sys.Func("panic"), "cs": 0x30, "ds": 0x4b, "es": 0x4b}
	sys.SetPanic(illumos.PanicState{Message: "BAD TRAP: type=e", Thread: k.thread.Addr, CPU: sys.Sched.CPUs[0].Addr, Regs: regs})
	var b bytes.Buffer
	if err := sys.Finish().WriteVmcore(&b); err != nil {
		panic(err)
	}
	k.dump = b.Bytes()
	return k
}

func openKernel(t *testing.T, k *kernel) (*kernel, *modtest.Session) {
	t.Helper()
	return k, modtest.OpenDumpBytes(t, "vmcore.0", k.dump)
}

// frames are the lines of a stack that begins at frame from, as MDB prints them.
func (k *kernel) frames(from int, fp bool, limit int) string {
	args := map[string][]uint64{}
	for _, f := range k.thread.Desc.Stack {
		args[f.Func] = f.Args
	}
	args["cv_wait"] = []uint64{0, 0} // saves its arguments, which are not described
	var b strings.Builder
	for _, f := range k.thread.Frames[from:] {
		if fp {
			fmt.Fprintf(&b, "%016x ", f.FP)
		}
		var list []string
		for i, a := range args[f.Func] {
			if fp && limit > 0 || i < limit {
				list = append(list, fmt.Sprintf("%x", a))
			}
		}
		fmt.Fprintf(&b, "%s(%s)\n", k.where(f), strings.Join(list, ", "))
	}
	return b.String()
}

// where names the place where a frame goes on: all modules' symbols are in ksyms, so
// that no module is named.
func (k *kernel) where(f illumos.StackFrame) string {
	name := f.Func[strings.IndexByte(f.Func, '`')+1:]
	return name + "+" + sym.Offset(f.PC-k.sys.Func(f.Func), 16)
}

func TestKernelStack(t *testing.T) {
	t.Run("real", func(t *testing.T) { testKernelStack(t, panicked()) })
	t.Run("other layout", func(t *testing.T) { testKernelStack(t, other()) })
}

func testKernelStack(t *testing.T, k *kernel) {
	_, s := openKernel(t, k)
	fp := k.thread.Frames[vpanicFP].FP
	rest := k.frames(vpanicFP+1, false, 6)
	s.Run("$c").OK().Want("vpanic()\n" + rest)
	s.Run("::stack").OK().Want("vpanic()\n" + rest)
	s.Run("$c 1").OK().Want("vpanic()\n" + k.frames(vpanicFP+1, false, 1))
	s.Run("$c 0").OK().Want("vpanic()\n" + k.frames(vpanicFP+1, false, 0))
	s.Run("$C").OK().Want(fmt.Sprintf("%016x vpanic()\n", fp) + k.frames(vpanicFP+1, true, 6))
	s.Run("$C 0").OK().Want(fmt.Sprintf("%016x vpanic()\n", fp) + k.frames(vpanicFP+1, true, 0))
	s.Run(fmt.Sprintf("%x::stack", fp)).OK().Want(rest)
	s.Run("1000::stack").OK().Want("1000 [no mapping for address]\n")
	if !strings.Contains(rest, "cmntrap+") || !strings.Contains(rest, "(fffffe0000001000, abc, 1)") {
		t.Errorf("the stack has no trap:\n%s", rest)
	}
}

func TestKernelRegisters(t *testing.T) {
	t.Run("real", func(t *testing.T) { testKernelRegisters(t, panicked()) })
	t.Run("other layout", func(t *testing.T) { testKernelRegisters(t, other()) })
}

func testKernelRegisters(t *testing.T, k *kernel) {
	_, s := openKernel(t, k)
	fp := k.thread.Frames[vpanicFP].FP
	want := fmt.Sprintf("%%rax = 0x%016x %15s %%r9  = 0x%016x \n", k.sys.Func("panic"), "panic", 0)
	r := s.Run("::regs").OK()
	if !strings.HasPrefix(r.Out, want) {
		t.Errorf("%s does not begin with\n%s", r.Out, want)
	}
	r.Match(fmt.Sprintf(`^%%rip = 0x%016x vpanic$`, k.sys.Func("vpanic")))
	r.Match(fmt.Sprintf(`^%%rbp = 0x%016x$`, fp))
	r.Match(`^ {24}%cs = 0x0030 +%ds = 0x004b +%es = 0x004b$`)
	s.Run("$?").OK().Want(r.Out)
	s.Run("<rip=p").OK().WantLines("vpanic")
	if got := s.Context().Thread; got != k.thread.Addr {
		t.Errorf("representative thread is %#x", got)
	}
	s.Run("::cpuregs -c 9").Match("^$")
	cpu := k.sys.Sched.CPUs[1]
	on := k.sys.At("cpu_t", cpu.Addr).Get("cpu_thread")
	for _, th := range k.sys.Sched.Threads {
		if th.Addr == on {
			s.Run("::cpuregs -c 1").OK().Match(fmt.Sprintf(`^%%rsp = 0x%016x$`, th.SP))
			s.Run(fmt.Sprintf("%x::cpuregs", cpu.Addr)).OK().Match(fmt.Sprintf(`^%%rsp = 0x%016x$`, th.SP))
		}
	}
}

func TestKernelStatus(t *testing.T) {
	_, s := openKernel(t, panicked())
	s.Run("::status").OK().Want("debugging crash dump vmcore.0 (64-bit) from headnode\n" +
		"operating system: 5.11 joyent_20200827T000000Z (i86pc)\nimage uuid: (not set)\n" +
		"panic message: BAD TRAP: type=e\ndump content: kernel pages only\n")
	s.Run("::xdata").OK().Want("dumphdr                  - dump header structure (1912 bytes)\n")
	var kept, all int
	line := s.Run("::status -v ! grep coverage").OK().Out
	if n, err := fmt.Sscanf(line, "dump coverage: %d of %d pages\n", &kept, &all); n != 2 || kept != all || kept == 0 {
		t.Errorf("%q: %v", line, err)
	}
	s.Run("::showrev").OK().Want("Hostname: headnode\nRelease: 5.11\nKernel architecture: i86pc\n" +
		"Application architecture: amd64\nKernel version: SunOS 5.11 i86pc joyent_20200827T000000Z\nPlatform: i86pc\n")
}

// TestKernelMemory looks at memory by virtual and by physical addresses.
func TestKernelMemory(t *testing.T) {
	k, s := openKernel(t, panicked())
	at := k.sys.Global("practive").Addr
	pa := k.sys.FrameOf(at)<<12 | at&0xfff
	s.Run("practive::vtop").OK().Want(fmt.Sprintf("virtual %x mapped to physical %x\n", at, pa))
	s.Run(fmt.Sprintf("%x::ptov", pa)).OK().WantLines(
		fmt.Sprintf("physical %x mapped at virtual %x in kas", pa, at), fmt.Sprintf("physical %x mapped at virtual %x in kas", pa, illumos.KpmVA+pa))
	first := k.sys.At("proc_t", at).Addr
	value := fmt.Sprintf("%x", k.sys.GetU64(first))
	s.Run(fmt.Sprintf("%x\\K", pa)).OK().Match(value)
	s.Run(fmt.Sprintf("%x/K", illumos.KpmVA+pa)).OK().Match(value) // by the page tables
	s.Run("dead000::vtop").Match("^$")
	s.Run("<b=K").OK().WantLines(fmt.Sprintf("%x", illumos.DataVA.Base))
	s.Run("<m=K").OK().WantLines("464c457f")
	s.Run("::sizeof proc_t").OK().Want(fmt.Sprintf("sizeof (proc_t) = 0x%x\n", k.sys.Size("proc_t")))
	s.Run("::sizeof struct unix`cpu").OK().Want(fmt.Sprintf("sizeof (struct unix`cpu) = 0x%x\n", k.sys.Size("struct cpu")))
	s.Run("::sizeof cpu_t").OK().Want(fmt.Sprintf("sizeof (cpu_t) = 0x%x\n", k.sys.Size("struct cpu@genunix")))
	s.Run("::objects ! head -2 | tail -1").OK().Match(`unix$`)
	s.Run("::mappings").OK().Match(`ktextseg$`)
	zfs := k.sys.Module("zfs", "").Module()
	line := fmt.Sprintf("%16x %16x %16x zfs", zfs.Get("text"), zfs.Get("text")+zfs.Get("text_size"), zfs.Get("text_size"))
	s.Run("::mappings zfs ! tail -1").OK().Want(line + "\n")
	s.Run(fmt.Sprintf("%x::mappings ! tail -1", zfs.Get("data"))).OK().Want(line + "\n")
}

// TestKernelContext goes into a process and back.
func TestKernelContext(t *testing.T) {
	k, s := openKernel(t, whole())
	var proc *illumos.BuiltProc
	for _, p := range k.sys.ByOrder {
		if as := p.Addr.Get("p_as"); as != k.sys.Global("kas").Addr && as != 0 && proc == nil && p.State != "zombie" && p.State != "zomb" {
			proc = p
		}
	}
	addr := proc.Addr.Addr
	kernelStatus := s.Run("::status").Out
	s.Run(fmt.Sprintf("%x::context", addr)).OK().Want(fmt.Sprintf("debugger context set to proc %x\n", addr))
	s.Run("::status").OK().Match(fmt.Sprintf(`^debugging PID %d \((32|64)-bit\) in kernel crash dump$`, proc.PID))
	if r := s.Run(fmt.Sprintf("%x::context", addr)); !strings.Contains(r.Err, "debugger context is already set to proc") {
		t.Errorf("again: %s%s", r.Out, r.Err)
	}
	s.Run("0::context").OK().Want("debugger context set to kernel\n")
	s.Run("::status").OK().Want(kernelStatus)
	s.Run("0::context").OK().Want("debugger context set to kernel\n")
	p0 := k.sys.Global("p0").Addr
	if r := s.Run(fmt.Sprintf("%x::context", p0)); !strings.Contains(r.Err, "specified process is a system process (no context)") {
		t.Errorf("p0: %s%s", r.Out, r.Err)
	}
	// What its mappings hold, through its own page tables and the dump's map alike.
	sys, _ := core.As[*system.IllumosKernel](s.Context())
	segs, err := sys.Segments(proc.Addr.Get("p_as"))
	if err != nil || len(segs) == 0 {
		t.Fatal(segs, err)
	}
	for _, g := range segs {
		if pa, err := sys.TranslateAS(proc.Addr.Get("p_as"), g.Base); err == nil && pa == 0 {
			t.Errorf("page %#x of a process is at 0", g.Base)
		}
	}
}
