package zfs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/zfs"
)

func open(t *testing.T) (*illumos.System, *modtest.Session) {
	t.Helper()
	return illumos.SystemOf(t, "storage"), modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "storage"), genunix.Module(), zfs.Module())
}

// pool is the built pool of a name.
func pool(sys *illumos.System, name string) *illumos.BuiltPool {
	for _, p := range sys.ZFS.Pools {
		if p.Name == name {
			return p
		}
	}
	panic("no pool " + name)
}

const (
	spaHead  = "ADDR                 STATE NAME                                                \n"
	vdevHead = "ADDR             STATE     AUX          DESCRIPTION                        \n"
)

func spaLine(p *illumos.BuiltPool) string {
	return fmt.Sprintf("%016x %9s %s\n", p.Addr, p.State, p.Name)
}

// alt is a number as MDB's %#x shows it: zero without a prefix.
func alt(n uint64) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("0x%x", n)
}

// vdevLine is a vdev as ::vdev prints it.
func vdevLine(v *illumos.BuiltVdev, margin string, depth int) string {
	name, aux := v.Path, v.Aux
	if name == "" {
		name = v.Vdev.Type
	}
	if aux == "NONE" {
		aux = "-"
	}
	return fmt.Sprintf("%s%016x %-9s %-12s %s%s\n", margin, v.Addr, v.State, aux, strings.Repeat(" ", depth), name)
}

// vdevLines is a tree of vdevs as ::vdev -r prints it.
func vdevLines(v *illumos.BuiltVdev, margin string, depth int, stats bool) string {
	text := vdevLine(v, margin, depth)
	if stats {
		in := margin + "    "
		text += in + "\n" + in + fmt.Sprintf("       %12s %12s %12s %12s %12s\n", "READ", "WRITE", "FREE", "CLAIM", "IOCTL")
		row := func(name string, n [6]uint64) {
			text += fmt.Sprintf("%s%-8s%11s  %11s  %11s  %11s  %11s\n", in, name, alt(n[1]), alt(n[2]), alt(n[3]), alt(n[4]), alt(n[5]))
		}
		row("OPS", v.Ops)
		row("BYTES", v.Bytes)
		for i, name := range []string{"EREAD", "EWRITE", "ECKSUM"} {
			text += fmt.Sprintf("%s%-8s %10s\n", in, name, alt(v.Errors[i]))
		}
		text += margin + "\n"
	}
	for _, c := range v.Children {
		text += vdevLines(c, margin, depth+2, stats)
	}
	return text
}

func poolVdevs(p *illumos.BuiltPool, margin string, stats bool) string {
	text := vdevLines(p.Root, margin, 0, stats)
	for i, list := range [][]*illumos.BuiltVdev{p.Cache, p.Spares} {
		if len(list) > 0 {
			text += fmt.Sprintf("%s%-16s %-9s %-12s %s\n", margin, "-", "-", "-", []string{"cache", "spares"}[i])
		}
		for _, v := range list {
			text += vdevLines(v, margin, 2, stats)
		}
	}
	return text
}

func TestSpa(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		backup, zones := pool(sys, "backup"), pool(sys, "zones")
		s.Run("::spa").OK().Want(spaHead + spaLine(backup) + spaLine(zones))
		s.Run("::walk spa").OK().Want(fmt.Sprintf("%#x\n%#x\n", backup.Addr, zones.Addr))
		s.Run(fmt.Sprintf("%x::spa", zones.Addr)).OK().Want(spaHead + spaLine(zones))
		s.Run("::spa | ::print spa_t spa_name ! grep -c name").WantLines("2")
		for _, opt := range []string{"-v", "-e", "-ve"} {
			stats := strings.Contains(opt, "e")
			s.Run("::spa " + opt).OK().Want(spaHead + spaLine(backup) + "\n    " + vdevHead + poolVdevs(backup, "    ", stats) +
				spaLine(zones) + "\n" + poolVdevs(zones, "    ", stats))
		}
		s.Run(fmt.Sprintf("%x::spa_vdevs", zones.Addr)).OK().Want(vdevHead + poolVdevs(zones, "", false))
	})
}

func TestVdev(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		mirror := pool(sys, "zones").Root.Children[1]
		s.Run(fmt.Sprintf("%x::vdev -r", mirror.Addr)).OK().Want(vdevHead + vdevLines(mirror, "", 0, false))
		s.Run(fmt.Sprintf("%x::vdev -re", mirror.Addr)).OK().Want(vdevHead + vdevLines(mirror, "", 0, true))
		disk := mirror.Children[1]
		s.Run(fmt.Sprintf("%x::vdev", disk.Addr)).OK().Want(vdevHead + vdevLines(disk, "", 0, false))
		s.Run(fmt.Sprintf("%x::vdev -r | ::print vdev_t vdev_id", mirror.Addr)).OK().WantLines("vdev_id = 0x1", "vdev_id = 0", "vdev_id = 0x1")
		if r := s.Run("::vdev"); !strings.Contains(r.Err, "no vdev_t address given") {
			t.Errorf("%s%s", r.Out, r.Err)
		}
	})
}

const zioHead = "ADDRESS                 TYPE  STAGE            WAITER           TIME_ELAPSED\n"

func zioLine(z *illumos.BuiltZio, depth int) string {
	stage, waiter, age := z.Stage, "-", fmt.Sprintf("%-12s ", "-")
	if z.Error != 0 {
		stage = "FAILED"
	}
	if z.Waiter != nil {
		waiter = fmt.Sprintf("%x", z.Waiter.Addr)
	}
	if z.Age != 0 {
		age = fmt.Sprintf("%dms", z.Age/1000000)
	}
	return fmt.Sprintf("%-23s %-5s %-16s %-16s %s\n", strings.Repeat(" ", depth)+fmt.Sprintf("%x", z.Addr), z.Zio.Type, stage, waiter, age)
}

func zioTree(z *illumos.BuiltZio, depth int) string {
	text := zioLine(z, depth)
	for _, c := range z.Children {
		text += zioTree(c, depth+1)
	}
	return text
}

func TestZio(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		root := pool(sys, "backup").Zios[0]
		read := root.Children[0]
		s.Run(fmt.Sprintf("%x::zio", root.Addr)).OK().Want(zioHead + zioLine(root, 0))
		s.Run(fmt.Sprintf("%x::zio -r", root.Addr)).OK().Want(zioHead + zioTree(root, 0))
		s.Run(fmt.Sprintf("%x::zio -c", read.Addr)).OK().Want(zioHead + zioLine(read.Children[0], 1) + zioLine(read.Children[1], 1))
		s.Run(fmt.Sprintf("%x::zio -p", read.Addr)).OK().Want(zioHead + zioLine(root, 1))
		s.Run(fmt.Sprintf("%x::zio -pr", read.Children[1].Addr)).OK().Want(zioHead + zioLine(read.Children[1], 0) + zioLine(read, 1) + zioLine(root, 2))
		s.Run("::walk zio ! wc -l").WantLines("7")
		s.Run(fmt.Sprintf("%x::walk zio ! wc -l", pool(sys, "backup").Addr)).WantLines("4")
		s.Run(fmt.Sprintf("%x::walk zio_root", pool(sys, "backup").Addr)).OK().Want(fmt.Sprintf("%#x\n", root.Addr))
		s.Run(fmt.Sprintf("%x::zio_state", pool(sys, "backup").Addr)).OK().Want(zioHead + zioLine(root, 0))
		s.Run(fmt.Sprintf("%x::zio_state -r", pool(sys, "zones").Addr)).OK().Want(zioHead + zioTree(pool(sys, "zones").Zios[0], 0))
		s.Run("::zio_state | ::print zio_t io_error ! wc -l").WantLines("2")
	})
}

func TestStuck(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		backup, zones := pool(sys, "backup"), pool(sys, "zones")
		root := backup.Zios[0]
		want := fmt.Sprintf("%-16s %-5s %-16s %12s %-16s %-16s %s\n", "ADDR", "TYPE", "STAGE", "AGE", "POOL", "WAITER", "VDEV")
		line := func(p *illumos.BuiltPool, z *illumos.BuiltZio, stage, waiter string) string {
			return fmt.Sprintf("%016x %-5s %-16s %10dms %-16s %-16s %s\n", z.Addr, z.Zio.Type, stage, z.Age/1000000, p.Name, waiter, z.Vdev.Path)
		}
		who := fmt.Sprintf("%x", root.Waiter.Addr)
		leaves, writes := root.Children[0].Children, zones.Zios[0].Children
		mine := line(backup, leaves[0], "VDEV_IO_START", who) + line(backup, leaves[1], "FAILED", who)
		s.Run("::zio_stuck -q").OK().Want(want + mine + line(zones, writes[1], "VDEV_IO_DONE", "-") + line(zones, writes[0], "VDEV_IO_START", "-"))
		s.Run("::zio_stuck -q -n 1").OK().Want(want + line(backup, leaves[0], "VDEV_IO_START", who))
		for _, a := range []uint64{0, root.Addr} {
			if r := s.Run(fmt.Sprintf("%x::zio_stuck", a)); r.Status == nil || r.Out != "" || r.Err != fmt.Sprintf("xmdb: %x is not the address of a pool\n", a) {
				t.Errorf("%x::zio_stuck: %s%s", a, r.Out, r.Err)
			}
		}
		r := s.Run(fmt.Sprintf("%x::zio_stuck", backup.Addr)).OK()
		stack, ok := strings.CutPrefix(r.Out, want+mine+"\n")
		if !ok || !strings.HasPrefix(stack, "stack pointer for thread "+who) {
			t.Fatalf("%s", r.Out)
		}
		at := 0
		for _, f := range append([]string{"cv_wait", "zio_wait"}, root.Zio.Waiter...) {
			i := strings.Index(stack[at:], f[strings.Index(f, "`")+1:]+"+")
			if i < 0 {
				t.Fatalf("no %s in its place on the stack:\n%s", f, stack)
			}
			at += i
		}
	})
}

func TestTxgState(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		head := fmt.Sprintf("%-16s %-16s %-9s %10s %10s %10s %10s %10s %10s\n", "ADDR", "POOL", "SUSPENDED", "OPEN", "AGE", "QUIESCING", "SYNCING", "SYNCED", "WANTED")
		line := func(p *illumos.BuiltPool, suspended, quiescing, syncing, wanted string) string {
			return fmt.Sprintf("%016x %-16s %-9s %10d %10s %10s %10s %10d %10s\n", p.Addr, p.Name, suspended, p.Txg.Open,
				fmt.Sprintf("%dms", p.Txg.OpenAge/1000000), quiescing, syncing, p.Txg.Synced, wanted)
		}
		backup, zones := pool(sys, "backup"), pool(sys, "zones")
		want := head + line(backup, "IOERR", "77002+", "77001", "77001") + line(zones, "-", "-", "-", "-")
		s.Run("::txg_state").OK().Want(want)
		r := s.Run(fmt.Sprintf("%x::txg_state -v", backup.Addr)).OK()
		for _, th := range []*illumos.KThread{backup.Sync, backup.Quiesce} {
			if !strings.Contains(r.Out, fmt.Sprintf("\nstack pointer for thread %x", th.Addr)) {
				t.Errorf("no stack of %x:\n%s", th.Addr, r.Out)
			}
		}
	})
}

func TestDbgmsg(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		plain, addrs := "", ""
		for i, m := range sys.Scenario.Parts.ZFS.Debug {
			plain += m.Text + "\n"
			addrs += fmt.Sprintf("%x %s\n", sys.ZFS.Debug[i].Addr, m.Text)
		}
		s.Run("::zfs_dbgmsg").OK().Want(plain)
		s.Run("::zfs_dbgmsg -a").OK().Want(addrs)
		s.Run("::zfs_dbgmsg -v ! grep -c 'kmem_alloc'").WantLines(fmt.Sprint(len(sys.ZFS.Debug)))
		if !sys.Layout.Has("zfs_dbgmsg_t", "zdm_hrtime") {
			if r := s.Run("::zfs_dbgmsg -r"); !strings.Contains(r.Err, "couldn't find member zdm_hrtime of type struct zfs_dbgmsg") {
				t.Errorf("a time that the release does not keep: %s%s", r.Out, r.Err)
			}
			return
		}
		want := ""
		for _, m := range sys.Scenario.Parts.ZFS.Debug {
			want += fmt.Sprintf("%016x %s\n", m.High, m.Text)
		}
		s.Run("::zfs_dbgmsg -r ! grep -v kmem_alloc").OK().Want(want)
	})
}

func TestArc(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		arc := sys.Scenario.Parts.ZFS.Arc
		for opt, unit := range map[string]struct {
			shift uint
			name  string
		}{"": {20, "MB"}, "-b": {0, "B"}, "-k": {10, "KB"}, "-m": {20, "MB"}, "-g": {30, "GB"}} {
			r := s.Run("::arc " + opt).OK()
			for _, name := range []string{"p", "c", "c_min", "c_max", "size", "arc_meta_used", "arc_meta_limit", "arc_meta_max"} {
				if line := fmt.Sprintf("\n%-25s = %9d %s\n", name, arc[name]>>unit.shift, unit.name); !strings.Contains(r.Out, line) {
					t.Errorf("::arc %s: no %q", opt, line)
				}
			}
			want := fmt.Sprintf("%-25s = %9d\n%-25s = %9d\n", "hits", arc["hits"], "misses", arc["misses"])
			end := fmt.Sprintf("\n%-25s = %9d\n%-25s = %9d %s\n", "arc_no_grow", 0, "arc_tempreserve", arc["tempreserve"]>>unit.shift, unit.name)
			if !strings.HasPrefix(r.Out, want) || !strings.HasSuffix(r.Out, end) {
				t.Errorf("::arc %s:\n%s", opt, r.Out)
			}
		}
	})
}

func TestParams(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		r := s.Run("::zfs_params")
		for name, v := range sys.Scenario.Parts.ZFS.Params {
			if !strings.Contains("\n"+r.Out, fmt.Sprintf("\n%s = 0x%x\n", name, v)) {
				t.Errorf("no %s in\n%s", name, r.Out)
			}
		}
		if !strings.Contains(r.Err, "variable zfs_scrub_limit not found: unknown symbol name") {
			t.Errorf("%s", r.Err)
		}
	})
}
