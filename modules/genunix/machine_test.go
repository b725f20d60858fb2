package genunix_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/krtld"
	"github.com/xmdb/xmdb/modules/mdbks"
	"github.com/xmdb/xmdb/modules/unix"
	"github.com/xmdb/xmdb/modules/zfs"
)

// illumosCommands are commands whose answers come from the kernel's memory alone: the
// same, whether from a dump of it or from the machine itself.
var illumosCommands = []string{
	"::ps -ft", "::ptree", "::zone", "::cpuinfo -v", "::threadlist -v", "::stacks", "::walk thread | ::findstack -v", "::msgbuf",
	"::modinfo", "::kmastat", "::kmem_cache", "::memstat", "::walk proc | ::pfiles", "::taskq", "::callout", "::prtconf", "::objects",
	"::print -ta struct proc p_user.u_comm ! head -1", "practive::print proc_t p_pidp p_zone", "::nm ! wc -l", "panicbuf/4X", "zone0::whatis",
	"kas::print struct as a_hat | ::print hat_t", "::walk zone | ::print zone_t zone_name", "::dis -n 3 main", "::sizeof kthread_t", "::cyclic -v", "::system", "::netstat",
	"::walk thread | ::print kthread_t t_procp | ::sort ! md5sum", "::ptable ! head -5", "kas::vtop", "::fsinfo", "::cpustack -c 1",
}

// TestMachineIsLikeItsDump runs the commands on a machine's memory, in which the kernel
// has to be found first, and on the crash dump of the same system.
func TestMachineIsLikeItsDump(t *testing.T) {
	modules := func() []*core.Module {
		return []*core.Module{mdbks.Module(), krtld.Module(), genunix.Module(), unix.Module()}
	}
	for _, name := range []string{"node", "vms intel"} {
		t.Run(name, func(t *testing.T) {
			dump := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, name), modules()...)
			machine := modtest.OpenTarget(t, illumos.SystemOf(t, name).Machine(), modules()...)
			said := 0
			for _, cmd := range illumosCommands {
				want, got := dump.Run(cmd), machine.Run(cmd)
				if cmd == "::cpustack -c 1" && name != "node" { // of a CPU that runs, only the machine has registers
					if want.Status == nil || got.Status != nil || strings.Count(got.Out, "\n") < 3 {
						t.Errorf("%s:\n%s%s", cmd, got.Out, got.Err)
					}
					continue
				}
				if got.Out != want.Out || got.Err != want.Err || (got.Status == nil) != (want.Status == nil) {
					t.Errorf("%s:\n%.600s%.300s\nof the dump:\n%.600s%.300s", cmd, got.Out, got.Err, want.Out, want.Err)
				}
				if want.Status == nil && want.Out != "" {
					said++
				}
			}
			if said < len(illumosCommands)*2/3 {
				t.Errorf("%d of %d commands said anything", said, len(illumosCommands))
			}
		})
	}
}

// TestMachineStatus is what a machine is called, and its registers.
func TestMachineStatus(t *testing.T) {
	sys := illumos.SystemOf(t, "vms amd")
	m := sys.Machine()
	s := modtest.OpenTarget(t, m, genunix.Module(), zfs.Module())
	if got := s.Run("::status").OK().Out; !strings.HasPrefix(got, "debugging live kernel (64-bit) on hypervisor\n") {
		t.Errorf("::status:\n%s", got)
	}
	if got := s.Run("::vcpus").OK().Out; strings.Count(got, "64-bit, 4-level paging") != len(sys.Sched.CPUs) {
		t.Errorf("::vcpus:\n%s", got)
	}
	rip := m.CPUs[2].Regs.PC()
	if got := s.Run("2::switch; <rip=J").OK().Out; strings.TrimSpace(got) != fmt.Sprintf("%x", rip) {
		t.Errorf("rip of processor 2: %s, want %x", got, rip)
	}
	_, caller, _ := strings.Cut("`"+sys.Sched.CPUs[2].Thread.Frames[1].Func, "`")
	if got := s.Run("$C").OK().Out; !strings.Contains(got, caller[strings.LastIndex(caller, "`")+1:]+"+0x") {
		t.Errorf("$C of processor 2:\n%s", got)
	}
}

// TestKernelInsideKernel enters a machine with an illumos kernel of its own from the
// dump of another, and goes back: commands answer for the one that one is in.
func TestKernelInsideKernel(t *testing.T) {
	modules := func() []*core.Module {
		return []*core.Module{mdbks.Module(), krtld.Module(), genunix.Module(), unix.Module()}
	}
	host := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "node"), modules()...)
	inner := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "vms intel"), modules()...)
	commands := []string{"::ps -f", "::zone", "::kmem_cache", "::walk kmem_alloc_64 ! head -20", "::walk process_cache", "::cpuinfo", "::modinfo", "::objects", "::memstat",
		"::walk thread | ::findstack", "::whatis -v 0", "::print -t struct cpu cpu_id ! head -2", "::walk proc | ::print proc_t p_pidp->pid_id"}
	compare := func(when string, with *modtest.Session) {
		t.Helper()
		for _, cmd := range commands {
			want := with.Run(cmd)
			if got := host.Run(cmd); got.Out != want.Out || got.Err != want.Err {
				t.Errorf("%s, %s:\n%.500s%.300s\nwant\n%.500s%.300s", when, cmd, got.Out, got.Err, want.Out, want.Err)
			}
		}
	}
	outside := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "node"), modules()...)
	compare("before", outside)
	if err := host.Enter(context.Background(), illumos.SystemOf(t, "vms intel").Machine(), nil, "inner"); err != nil {
		t.Fatal(err)
	}
	compare("inside", inner)
	if name, ok := host.Leave(); name != "inner" || !ok {
		t.Errorf("left %q, %v", name, ok)
	}
	compare("after", outside)
}
