package genunix

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

func TestSysevents(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		e := sys.Devices.Events
		head := fmt.Sprintf("%-16s %-16s %-9s %-10s %-16s\n", "ADDRESS", "SEQUENCE ID", "CLASS", "SUBCLASS", "NVPAIR BUF ADDR")
		attrs := func(i int) uint64 {
			d := sys.Scenario.Parts.Devices.Events[i]
			room := func(s string) uint64 { return uint64(len(s)+8) &^ 7 }
			return e[i] + sys.Offset("sysevent_impl_t", "se_class_name") + room(d.Class) + room(d.Subclass) + room(d.Publisher)
		}
		s.Run("::sysevent").OK().Want(head + fmt.Sprintf("%x 411              EC_zfs    ESC_ZF...  %x\n", e[0], attrs(0)) + fmt.Sprintf("%x 412              EC_de...  disk       %x\n", e[1], attrs(1)))
		s.Run("::sysevent -s").OK().Want(head + fmt.Sprintf("%x 7                EC_zone   status     %x\n", e[2], attrs(2)))
		s.Run(fmt.Sprintf("%x::sysevent -v", e[1])).OK().Want(fmt.Sprintf(`Sequence ID      : 412
       publisher : SUNW:kern:sd
   event address : %x
           class : EC_dev_add
        subclass : disk
      time stamp : 39122000001
 nvpair buf addr : %x
`, e[1], attrs(1)))
		d := sys.Devices
		table := d.Channel.Ref("scd_class_list_tbl")
		s.Run("::sysevent_channel").OK().Match(fmt.Sprintf(`^%x syseventd_\.\.\.    3        %x$`, d.Channel.Addr, table))
		s.Run(fmt.Sprintf("%x::sysevent_class_list", table)).OK().Match(fmt.Sprintf(`^%x EC_zfs                   %x$`, d.Classes[0].Addr, d.Classes[1].Addr))
		s.Run(fmt.Sprintf("%x::sysevent_subclass_list", d.Classes[1].Addr)).OK().Match(fmt.Sprintf(`^%x ESC_ZFS_vdev_autoexp\.\.\.  %x\n%x all `, d.Classes[1].Addr, d.Classes[1].Ref("sl_num"), d.Classes[2].Addr))
	})
}

// kernelOf is a kernel of its own, for small things.
func kernelOf(t *testing.T, make func(k *illumos.Kernel)) *modtest.Session {
	t.Helper()
	k := illumos.New(illumos.Real(), illumos.Options{})
	make(k)
	var b strings.Builder
	if err := k.Finish().WriteVmcore(&b); err != nil {
		t.Fatal(err)
	}
	return modtest.OpenDumpBytes(t, "vmcore.0", []byte(b.String()), Module())
}

func TestGroupsAndBits(t *testing.T) {
	var group, bits, pg illumos.Obj
	s := kernelOf(t, func(k *illumos.Kernel) {
		set := k.Alloc(24)
		k.PutU64(set, 0x1111)
		k.PutU64(set+16, 0x3333)
		group = k.Zalloc("struct group").Set("grp_size", 3).Set("grp_capacity", 4).Set("grp_set", set)
		words := k.Alloc(16)
		k.PutU64(words, 1<<3|1<<63)
		k.PutU64(words+8, 1<<12)
		bits = k.Zalloc("struct bitset").Set("bs_set", words).Set("bs_words", 2)
		class := k.Zalloc("struct pg_class").Set("pgc_name", "cmt")
		pg = k.Zalloc("struct pghw")
		k.At("struct pg", pg.Addr).Set("pg_id", 2).Set("pg_relation", 1).Set("pg_class", class).Set("pg_cpus.grp_size", 4)
		pg.Set("pghw_hw", 5).Set("pghw_instance", 1)
	})
	s.Run(fmt.Sprintf("%x::group", group.Addr)).OK().Match(`^[0-9a-f]+ +3 +4 +[0-9a-f]+$`)
	s.Run(fmt.Sprintf("%x::walk group", group.Addr)).OK().Want("0x1111\n0x3333\n")
	s.Run(fmt.Sprintf("%x::pg", pg.Addr)).OK().Match(fmt.Sprintf(`^     2 %x      1     cmt        chip     4     0$`, pg.Addr))
	s.Run(fmt.Sprintf("%x::bitset", bits.Addr)).OK().Want(
		"                1111111111222222222233333333334444444444555555555566666666667777\n" +
			"      01234567890123456789012345678901234567890123456789012345678901234567890123\n" +
			"label:...X...........................................................X..........\n" +
			"      7777\n" +
			"      4567\n" +
			"      ..X.\n")
}

func TestDeviceRecords(t *testing.T) {
	var dev, pool, req, fm, entry illumos.Obj
	var audits []uint64
	s := kernelOf(t, func(k *illumos.Kernel) {
		names := k.Zalloc("struct devnames").Set("dn_name", k.String("npe"))
		k.Global("devcnt").Set("", 1)
		k.Global("devnamesp").Set("", names)
		dev = k.Zalloc("struct dev_info").Set("devi_binding_name", k.String("pci")).Set("devi_instance", 2)
		fm = k.Zalloc("struct i_ddi_fmhdl").Set("fh_cap", 9).Set("fh_ibc", 10).Set("fh_kstat.fek_fmc_miss.value.ui64", 3)
		entry = k.Zalloc("struct i_ddi_fmc_entry").Set("fce_resource", 0x77)
		fm.Set("fh_acc_cache", k.Zalloc("struct i_ddi_fmc").Set("fc_head", entry))
		dev.Set("devi_fmhdl", fm).Set("devi_intr_p", k.Zalloc("struct devinfo_intr").Set("devi_intr_sup_nintrs", 5))
		older := uint64(0)
		for i := range 3 {
			a := k.Zalloc("struct devinfo_audit").Set("da_devinfo", dev).Set("da_timestamp", 0x100+i).Set("da_lastlog", older).Set("da_node_state", 4).Set("da_depth", 1).Set("da_stack[0]", k.Func("biowait"))
			older = a.Addr
			audits = append(audits, a.Addr)
		}
		dev.Set("devi_audit", older)
		k.Global("irm_enable").Set("", 1)
		pools := k.Global("irm_pools_list").Addr
		k.List(pools, "struct ddi_irm_pool", "ipool_link")
		pool = k.Zalloc("struct ddi_irm_pool").Set("ipool_owner", dev).Set("ipool_types", 6).Set("ipool_totsz", 128).Set("ipool_reqno", 9).Set("ipool_resno", 7)
		k.ListAppend(pools, pool.Addr)
		k.List(pool.Ref("ipool_req_list"), "struct ddi_irm_req", "ireq_link")
		req = k.Zalloc("struct ddi_irm_req").Set("ireq_dip", dev).Set("ireq_type", 4).Set("ireq_flags", 0x20).Set("ireq_nreq", 4).Set("ireq_navail", 3)
		k.ListAppend(pool.Ref("ipool_req_list"), req.Addr)
	})
	s.Run("::irmpools").OK().Match(fmt.Sprintf(`^%x  npe#2               MSI/X     128     9          7       $`, pool.Addr))
	s.Run("::walk irmpools | ::irmreqs").OK().Match(fmt.Sprintf(`^%x  npe#2               MSI-X     Yes       5       4     3     $`, req.Addr))
	s.Run(fmt.Sprintf("%x::devinfo_fm", dev.Addr)).OK().Match(fmt.Sprintf(`^%x  10 EC--    0       0       3      0      0 +0 +[0-9a-f]+$`, fm.Addr))
	s.Run(fmt.Sprintf("%x::walk devinfo_fmc | ::devinfo_fmce", fm.Get("fh_acc_cache"))).OK().Match(fmt.Sprintf(`^%x +77 +0$`, entry.Addr))
	s.Run(fmt.Sprintf("%x::walk devinfo_audit_node", dev.Addr)).OK().Want(hexLines([]uint64{audits[2], audits[0]}))
	s.Run(fmt.Sprintf("%x::devinfo_audit -v", audits[1])).OK().Match(fmt.Sprintf(`^ %x +101 0000000000000000 %x DS_PROBED\n    biowait\n`, audits[1], dev.Addr))
}
