package genunix

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// deviceLine is a node as ::prtconf shows it.
func deviceLine(d *illumos.BuiltDevice) string {
	line := fmt.Sprintf("%016x %s", d.Addr, d.Name)
	if !d.None {
		line += fmt.Sprintf(", instance #%d", d.Instance)
	}
	if d.Driver == "" {
		return line + " (driver not attached)"
	}
	return line + " (driver name: " + d.Driver + ")"
}

const prtconfHead = "DEVINFO          NAME                                              \n"

func TestPrtconf(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		all := prtconfHead
		var addrs []uint64
		for _, d := range sys.Devices.Devices {
			all += strings.Repeat(" ", 4*d.Depth) + deviceLine(d) + "\n"
			addrs = append(addrs, d.Addr)
		}
		same(t, s.Run("::prtconf").OK(), all)
		s.Run("::walk devinfo").OK().Want(hexLines(addrs))
		// a node with its ancestors and all below it
		i := slices.IndexFunc(sys.Devices.Devices, func(d *illumos.BuiltDevice) bool { return d.Driver == "isa" })
		isa := sys.Devices.Devices[i]
		family := []*illumos.BuiltDevice{sys.Devices.Devices[0], sys.Devices.Devices[2], isa, sys.Devices.Devices[i+1], sys.Devices.Devices[i+2]}
		text := func(list []*illumos.BuiltDevice, out int) string {
			var b strings.Builder
			for _, d := range list {
				b.WriteString(strings.Repeat(" ", 4*(d.Depth-out)) + deviceLine(d) + "\n")
			}
			return b.String()
		}
		at := fmt.Sprintf("%x", isa.Addr)
		s.Run(at + "::prtconf").OK().Want(prtconfHead + text(family, 0))
		s.Run(at + "::prtconf -p").OK().Want(prtconfHead + text(family[:3], 0))
		s.Run(at + "::prtconf -c").OK().Want(prtconfHead + text(family[2:], isa.Depth))
		s.Run(at + "::devinfo2driver").OK().Want("Driver 'isa' is associated with devinfo " + at + ".\n")
	})
}

func TestDevinfo(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		i := slices.IndexFunc(sys.Devices.Devices, func(d *illumos.BuiltDevice) bool { return len(d.Props) > 0 })
		d := sys.Devices.Devices[i]
		p := d.Props
		s.Run(fmt.Sprintf("%x::devinfo", d.Addr)).OK().Want(deviceLine(d) + fmt.Sprintf(`
        System properties at %x:
            name='inquiry-vendor-id' type=string items=1
                value='QEMU'
        Driver properties at %x:
            name='device-blksize' type=int items=1
                value=00000200
            name='device-nblocks' type=int64 items=1 dev=any
                value=000000001f400000
        Hardware properties at %x:
            name='compatible' type=string items=2
                value='scsiclass,00' + 'scsiclass'
            name='removable-media' type=any items=0
            name='reg' type=byte items=3
                value=01.02.ff
        Global properties at %x:
            name='ddi-kernel-ioctl' type=int items=3 dev=(32,65)
                NOTE: prop length is not a multiple of element size
                value=07.00.00
`, p[2], p[0], p[3], p[5]))
		s.Run(fmt.Sprintf("%x::devinfo -q", d.Addr)).OK().Want(deviceLine(d) + "\n")
		s.Run(fmt.Sprintf("%x::devinfo -s", d.Addr)).OK().Want(fmt.Sprintf(`DEVINFO            MAJ           REFCNT NODENAME             NODESTATE
                  INST         CIRCULAR BINDNAME             STATE
                                 THREAD                      FLAGS          
%016x     5                3 disk@1,0             DS_READY
                     1                0 disk                 <>
                                      0                      <MADE_CHILDREN,ATTACHED_CHILDREN>

`, d.Addr))
		m := d.Minors
		s.Run(fmt.Sprintf("%x::minornodes", d.Addr)).OK().Want(fmt.Sprintf(`            ADDR              DEV SPEC TYPE        NAME       NODETYPE        
%[1]x       2100000040 b    DDI_MINOR   a          ddi_block
%[2]x       2100000040 c    DDI_MINOR   a,raw      ddi_block
%[3]x       2100000047 b    DDI_MINOR   wd         ddi_block
`, m[0], m[1], m[2]))
		s.Run("::devbindings -q sd").OK().Want(deviceLine(sys.Devices.Devices[i-1]) + "\n" + deviceLine(d) + "\n")
	})
}

func TestDrivers(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		want := "NAME             DN_HEAD         \n"
		for i, name := range sys.Scenario.Parts.Devices.Drivers {
			if name == "" {
				continue
			}
			head := "0"
			if j := slices.IndexFunc(sys.Devices.Devices, func(d *illumos.BuiltDevice) bool { return d.Driver == name }); j >= 0 {
				head = fmt.Sprintf("%x", sys.Devices.Devices[j].Addr)
			}
			want += fmt.Sprintf("%-16s %-16s\n", name, head)
			s.Run(fmt.Sprintf("::name2major %s", name)).OK().Want(strings.Replace(fmt.Sprintf("0x%x\n", i), "0x0\n", "0\n", 1))
			s.Run(fmt.Sprintf("%x::major2name", i)).OK().Want(name + "\n")
		}
		s.Run("::devnames").OK().Want(want)
		s.Run("2100000040::devt").OK().Want("     MAJOR       MINOR\n        33          64\n")
		s.Run("::dev2major 0x2100000040").OK().Want("0x21 (0t33)\n")
		s.Run("2100000040::dev2minor").OK().Want("0x40 (0t64)\n")
		d := sys.Devices
		s.Run(fmt.Sprintf("%x::walk softstate", d.Soft.Addr)).OK().Want(hexLines([]uint64{d.States[0], d.States[2]}))
		s.Run(fmt.Sprintf("%x::softstate 2", d.Soft.Addr)).OK().Want(fmt.Sprintf("%x\n", d.States[2]))
		if r := s.Run(fmt.Sprintf("%x::softstate 1", d.Soft.Addr)); r.Status == nil || !strings.Contains(r.Err, "instance 1 unused") {
			t.Errorf("%v %s", r.Status, r.Err)
		}
	})
}

func TestMessages(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		want := fmt.Sprintf("%-70s\n", "MESSAGE")
		for _, m := range sys.Scenario.Parts.Devices.Log {
			want += strings.TrimPrefix(m.Text, "\r")
		}
		s.Run("::msgbuf").OK().Want(want)
		s.Run("::msgbuf -v").OK().Match(`^2020 Oct 18 05:46:41 [0-9a-f]{16} SunOS Release`)
		s.Run("*log_recentq::queue").OK().Match(fmt.Sprintf(`000000 +%d %016x$`, len(sys.Devices.Log), sys.Devices.Log[0]))
		s.Run(fmt.Sprintf("%x::walk b_next", sys.Devices.Log[0])).OK().Want(hexLines(sys.Devices.Log))
		s.Run(fmt.Sprintf("%x::walk b_cont | ::mblk", sys.Devices.Log[1])).OK().Match(`^[0-9a-f]{16} 0  proto   24    80    .*\n[0-9a-f]{16} 0  data    19    80    `)
	})
}

func TestErrorqs(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		q := sys.Devices.Errorqs
		s.Run("::errorq").OK().Want(fmt.Sprintf(`ADDR        NAME             S V N  ACCEPT    DROP     LOG
%x pcie_old_queue   -           0       0       0
%x gcpu_mca_queue   + !         0       0       0
%x fm_ereport_queue + ! *       6       6       5
`, q[2].Addr, q[1].Addr, q[0].Addr))
		s.Run(fmt.Sprintf("%x::errorq -v", q[0].Addr)).OK().Want(fmt.Sprintf(`ADDR        NAME             S V N KSTAT   QLEN   SIZE IPL             FUNC
%x fm_ereport_queue + ! *   |       64     24  10 fm_drain
                                     |
                                     +->   DISPATCHED 2
                                              DROPPED 3
                                               LOGGED 5
                                             RESERVED 5
                                         RESERVE FAIL 2
                                            COMMITTED 4
                                          COMMIT FAIL 1
                                            CANCELLED 1

`, q[0].Addr))
		s.Run("::walk ereportq_pend | ::ereport").OK().Want("ENA                CLASS\n0x0000000009a3c001 ereport.fs.zfs.io\n")
		s.Run("::walk ereportq_dump").OK().Want(hexLines([]uint64{sys.Devices.Pending[2], sys.Devices.Pending[1]}))
	})
}

func TestNvlist(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		at := sys.Devices.Pending[0]
		s.Run(fmt.Sprintf("%x::nvlist", at)).OK().Want(`version=00
class='ereport.fs.zfs.io'
ena=0000000009a3c001
detector
    scheme='zfs'
    pool=0000000000001234
    empty
healthy=1
quiet(unknown)
delta=fffffffe
__tod=0000000000005f4d.0000000000000010
children[0]
    id=00000000
children[1]
    id=00000001
    path='/dev/dsk/c1t1d0'
paths='c0t0d0' + 'c1t1d0'
raw=01.02.fe
odd=74.61.62.09.68.65.72.65.00.00.00.00.00.00.00.00
none(unknown)
`)
		s.Run(fmt.Sprintf("%x::nvlist -v", at)).OK().Match(`^name='detector' type=nvpair_list items=1\n    name='scheme' type=string items=1\n        value='zfs'\n`)
		s.Run(fmt.Sprintf("%x::walk nvpair | ::nvpair -q", at)).OK().Match(`^detector=[0-9a-f]{16}\n`)
	})
}

func TestEtcSystem(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		s.Run("::system").OK().Want(`exclude: lofs
forceload: drv/vmm
set hires_tick=0x1 [0t1]
set zfs:zfs_arc_max=0x40000000 [0t1073741824]
set default_tz="Zulu"
set ip:ip_debug|0x4 [0t4]
unknown 
`)
	})
}

func TestPanicinfo(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		r := s.Run("::panicinfo").OK()
		p := sys.Sched.Panicked
		r.Match(fmt.Sprintf(`^ +cpu +%d\n +thread %x\n +message BAD TRAP: `, p.Desc.CPU, p.Addr))
		r.Match(`^ +trapno +e\n +err +2\n +rip `)
		s.Run("::time -l").OK().Want(fmt.Sprintf("0x%x\n", sys.Scenario.Parts.Sched.Lbolt))
	})
}

func TestModhash(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		h := sys.Devices.Hashes
		s.Run("::modhash -t").OK().Want(fmt.Sprintf(`            ADDR CHAINS ELEMS             TYPE NAME
%x      1     0               id empty_hash
%x      4     2              ptr gsqueue_hash
%x     10     6               id zone_by_id
%x     10     4              str zone_by_name
`, h[3].Addr, h[2].Addr, h[1].Addr, h[0].Addr))
		e := h[0].Entries
		s.Run(fmt.Sprintf("%x::modhash -e -v 1001", h[0].Addr)).OK().Match(fmt.Sprintf(`^%x +1001 [0-9a-f]{16} %s$`, e[1], h[0].Strs[1]))
		s.Run(fmt.Sprintf("%x::modhash -eh -k 4", h[1].Addr)).OK().Match(`^ +0 +1004 +4$`)
		s.Run(fmt.Sprintf("%x::modent -v", e[3])).OK().Want("1003\n")
		got := strings.Split(strings.TrimSpace(s.Run(fmt.Sprintf("%x::walk modent", h[1].Addr)).OK().Out), "\n")
		if len(got) != len(h[1].Entries) {
			t.Errorf("%d elements, want %d", len(got), len(h[1].Entries))
		}
		if r := s.Run("::modhash -e"); r.Status == nil {
			t.Error("elements of all tables")
		}
	})
}

func TestLgrp(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		at := sys.Global("lgrp_root").Get("")
		s.Run("::lgrp").OK().Match(fmt.Sprintf(`^ +0 %x +0 +DEFAULT +4      0-3$`, at))
		s.Run("::lgrp -p").OK().Match(`^ +0 +0 +418 +4      0-3$`)
		s.Run("::lgrp -i 1").OK().Want("   LGRPID             ADDR           PARENT         PLATHAND      #CPU      CPUS\n")
		s.Run("::walk lgrptbl | ::walk lgrp_rsrc_cpu").OK().Want(hexLines([]uint64{at}))
		s.Run("5::lgrp_set").OK().Want("0 2 \n")
	})
}
