package dcmds_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumoscore"
)

// process opens a core of the store manager of illumoscore.
func process(t *testing.T, m illumoscore.Model, describe func(*illumoscore.Process)) (*illumoscore.Core, *modtest.Session) {
	t.Helper()
	p := illumoscore.Storemgr(m)
	if describe != nil {
		describe(p)
	}
	c, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	return c, modtest.OpenCoreBytes(t, "core", c.Write())
}

// i386Start is what lies behind argc on the stack that the kernel made: a function
// without types is shown with up to six words.
func i386Start(c *illumoscore.Core) string {
	var words []string
	for i := range uint64(5) {
		words = append(words, fmt.Sprintf("%x", c.Mem.Ptr(c.Argv()+i*uint64(c.P.Model.Word()))))
	}
	return strings.Join(words, ", ")
}

// TestIllumosProcess has MDB's commands for processes on cores of illumos.
func TestIllumosProcess(t *testing.T) {
	for _, m := range []illumoscore.Model{illumoscore.LP64, illumoscore.ILP32} {
		t.Run(m.String(), func(t *testing.T) {
			c, s := process(t, m, nil)
			lp64 := m == illumoscore.LP64
			w, bits := 2*m.Word(), 8*m.Word()
			pick := func(a, b string) string {
				if lp64 {
					return a
				}
				return b
			}
			s.Run("::status").OK().WantLines(
				fmt.Sprintf("debugging core file of storemgr (%d-bit) from store-host", bits), "file: /opt/store/bin/storemgr",
				"initial argv: /opt/store/bin/storemgr -d /var/store -v", "threading model: native threads",
				"status: process terminated by SIGSEGV (Segmentation Fault), addr=0x0")
			offset := func(caller, callee string) string {
				n := c.Return(caller, callee) - c.Sym(caller)
				if n < 10 {
					return fmt.Sprintf("%s+%d", caller, n)
				}
				return fmt.Sprintf("%s+0x%x", caller, n)
			}
			stop := c.Stop("store_byte") - c.Sym("store_byte")
			top := fmt.Sprintf("store_byte+0x%x", stop)
			if stop < 10 {
				top = fmt.Sprintf("store_byte+%d", stop)
			}
			stack := []string{top + "(5a, 77)", offset("parse_record", "store_byte") + "(3)", offset("load_index", "parse_record") + "(10, 20, 30)",
				offset("open_store", "load_index") + "()", offset("main", "open_store") + "(4, 0)", offset("_start", "main") + pick("()", fmt.Sprintf("(4, %s)", i386Start(c)))}
			s.Run("$c").OK().WantLines(stack...)
			s.Run("::stack").OK().WantLines(stack...)
			if got := strings.Split(strings.TrimSpace(s.Run("$C").OK().Out), "\n"); len(got) != len(stack) || !strings.HasSuffix(got[2], stack[2]) {
				t.Errorf("$C: %q", got)
			}
			s.Run("2::findstack").OK().Match(`^stack pointer for thread 2\[reader\]: `).Match(`worker_main\+\w+\(20\)$`).Match("libc.so.1`cond_wait\\+\\w+\\(1111, 2222\\)$")
			s.Run("::walk thread").OK().WantLines("1", "2", "3")
			s.Run("$L").OK().Want("lwpids 1, 2 and 3 are in core of process 4242.\n")
			s.Run("$r").OK().Match(pick(`^%rip = 0x`, `^ %eip = 0x`) + fmt.Sprintf("%0*x %s$", w, c.Stop("store_byte"), strings.ReplaceAll(top, "+", `\+`)))
			s.Run("$x").OK().Match(`^cw     0x137f \(IM\|DM\|ZM\|OM\|UM\|PM\|SIG64\|RTN\|A\)\nsw     0x3800 \(TOP=0t7\) \(0\)\nxcp sw 0x0000 \(0\)$`).
				Match(`^%st0   0x3fff\.c000000000000000 = \+1\.5000000000000000e\+00 valid$`).Match(`^%xmm0  0x0000000000000000400921fb54442d18$`)
			s.Run("::getenv HOME").OK().Want("/root\n")
			s.Run("::getenv").OK().WantLines("HOME=/root", "PATH=/usr/bin:/usr/sbin", "LD_PRELOAD=libumem.so.1", "UMEM_DEBUG=default", "TZ=UTC")
			var objects []string
			for _, l := range strings.Split(strings.TrimSpace(s.Run("::objects").OK().Out), "\n")[1:] {
				f := strings.Fields(l)
				objects = append(objects, f[0]+" "+f[3])
			}
			for i, l := range c.P.Libs {
				if want := fmt.Sprintf("%x %s", l.Base, l.Path); i >= len(objects) || objects[i] != want {
					t.Errorf("::objects: %q, want %q", objects, want)
				}
			}
			s.Run("::mappings").OK().Match(`\[ heap \]$`).Match(`\[ stack \]$`).Match(`\[ anon \]$`).Match("/libc.so.1$")
			s.Run("::auxv").OK().Match(`^AT_SUN_EXECNAME `).Match(`^AT_SUN_PLATFORM `)
			s.Run("::xdata").OK().Match(`^pstatus +- procfs pstatus_t structure \(\d+ bytes\)$`).Match(`^cred +- procfs prcred_t structure \(40 bytes\)$`)
			s.Run("tls_depth::tls").Match("")
			s.Run("2::tls tls_depth").OK().Want(fmt.Sprintf("%x\n", c.ULWP(1)-16))
			s.Run("*store_head::print struct store st_id st_name st_head").OK().WantLines("st_id = 0x11", `st_name = [ "primary" ]`, fmt.Sprintf("st_head = 0x%x", c.Heap.Buf["rec0"]))
			s.Run("main::dis").OK().Match(`^main: +push`).Match(`^main\+\w+: +ret`)
			s.Run("::process").OK().Match(`^process:     4242, parent 1, group 4242, session 4240$`).Match(`^zone:        db01 \(7\)$`).
				Match(`^user:        effective 0, real 101, saved 0$`).Match(`^groups:      10 12 14$`).Match(`^platform:    i86pc$`)
			s.Run("::fds").OK().WantLines("FD TYPE     MODE       OFFSET         SIZE FLAGS      PATH",
				"0 CHR  00020666            0            0 0x0        /dev/null",
				"3 REG  00100640          512         4096 0x2+       /var/store/data.db",
				"4 SOCK 00140666            0            0 0x82       /var/run/store.sock")
			s.Run("::tid").OK().Match(fmt.Sprintf(`^ +1 O +0   59 FSS   %0*x main$`, w, c.Stop("store_byte"))).Match(`^ +2 S +77   59 FSS   [0-9a-f]+ reader$`).Match(`^ +4 Z `)
			s.Run("::stacks").OK().Match(`^2 +SYSCALL +2$`).Match(`^1 +SEGV +1$`)
		})
	}
}

// TestIllumosGcore is a core of a process that lives on.
func TestIllumosGcore(t *testing.T) {
	_, s := process(t, illumoscore.LP64, func(p *illumoscore.Process) { p.Gcore, p.Signal, p.Code = true, 0, 0 })
	s.Run("::status").OK().Match("^status: process core file generated with gcore")
	s.Run("$c").OK().Match(`^main\+0x16\(4, 0\)$`)
}
