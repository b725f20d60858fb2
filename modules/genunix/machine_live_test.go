package genunix_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/fixtures/tinyvm"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/unix"
	"github.com/xmdb/xmdb/targets/gdbstub"
	"github.com/xmdb/xmdb/targets/qemu"
)

// ramFile writes a machine's memory to a file of tinyvm's size.
func ramFile(t *testing.T, m *illumos.Machine) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ram")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(tinyvm.Memory); err != nil {
		t.Fatal(err)
	}
	for _, r := range m.PhysicalRanges() {
		b := make([]byte, r.Size)
		if err := mem.ReadFull(m.Physical(), b, r.Base); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(b, int64(r.Base)); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestIllumosInQEMU lays a system out as the memory of a real QEMU's machine, whose
// processors have not begun, and looks at it through QMP and through the gdb stub: the
// kernel has to be found by its page table in memory.
func TestIllumosInQEMU(t *testing.T) {
	sys := illumos.SystemOf(t, "vms amd")
	vm := tinyvm.Start(t, "-S", "-machine", "memory-backend=mem",
		"-object", "memory-backend-file,id=mem,size=64M,share=on,mem-path="+ramFile(t, sys.Machine()))
	dump := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "vms amd"), genunix.Module(), unix.Module())
	ctx := context.Background()
	for name, open := range map[string]func() (core.Target, error){
		"QMP": func() (core.Target, error) { return qemu.OpenQMP(ctx, vm.QMP) },
		"gdb": func() (core.Target, error) { return gdbstub.Open(ctx, vm.GDB, gdbstub.Options{}) },
	} {
		t.Run(name, func(t *testing.T) {
			target, err := open()
			if err != nil {
				t.Fatal(err)
			}
			s := modtest.OpenTarget(t, target, genunix.Module(), unix.Module())
			if got := s.Run("::status").Out; !strings.Contains(got, "hypervisor") || !strings.Contains(got, "operating system: 5.11") {
				t.Fatalf("::status:\n%s", got)
			}
			for _, cmd := range []string{"::ps -f", "::cpuinfo", "::zone", "::threadlist ! head -40", "::kmem_cache ! head -20", "::walk thread | ::findstack ! tail -60"} {
				want, got := dump.Run(cmd), s.Run(cmd)
				if got.Out != want.Out || want.Out == "" {
					t.Errorf("%s:\n%.600s%.300s\nof the dump:\n%.600s", cmd, got.Out, got.Err, want.Out)
				}
			}
			if got := s.Run("::vcpus").OK().Out; strings.Count(got, "real mode") != 2 {
				t.Errorf("::vcpus:\n%s", got)
			}
		})
	}
}
