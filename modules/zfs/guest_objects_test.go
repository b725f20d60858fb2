package zfs_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// value is what ::print shows of a member that is no structure.
func (s *realPools) value(cmd string) string {
	s.t.Helper()
	_, text, ok := strings.Cut(s.Run(cmd).OK().Out, " = ")
	if !ok {
		s.t.Fatalf("%s printed no value", cmd)
	}
	return strings.TrimSpace(strings.SplitN(text, "\n", 2)[0])
}

// at is where ::print -a says a member lies.
func (s *realPools) at(cmd string) string {
	s.t.Helper()
	a, _, _ := strings.Cut(s.Run(cmd).OK().Out, " ")
	return "0x" + a
}

// TestGuestFiles compares what ZFS keeps of files in their system attributes with what
// Linux keeps of them in inodes.
func TestGuestFiles(t *testing.T) { onPools(t, testGuestFiles) }

func testGuestFiles(t *testing.T, s *realPools) {
	znodes, checked, lists := s.addrs("::walk zfs_znode_cache"), 0, 0
	for _, z := range znodes {
		handle := s.value(z + "::print znode_t z_sa_hdl")
		if handle == "0" || checked >= 12 && lists >= 2 {
			continue
		}
		if acl := s.value(z + "::print znode_t z_acl_cached"); acl != "0" {
			s.accessList(z, acl)
			lists++
		}
		if checked >= 12 {
			continue
		}
		inode := s.at(z + "::print -a znode_t z_inode")
		super := s.value(inode + "::print struct inode i_sb")
		fs := s.value(super + "::print struct super_block s_fs_info")
		objset := s.value(fs + "::print zfsvfs_t z_os")
		numbers := map[string]string{}
		for _, r := range records(t, s.Session, objset+"::print objset_t os_sa | ::sa_attr_table") {
			numbers[r.str("name")] = fmt.Sprintf("%#x", r.num(t, "id"))
		}
		for attr, want := range map[string]string{
			"ZPL_MODE": s.value(inode + "::print struct inode i_mode"), "ZPL_SIZE": s.value(z + "::print znode_t z_size"),
			"ZPL_UID": "0", "ZPL_LINKS": s.value(inode + "::print struct inode i_nlink"),
		} {
			at := strings.TrimSpace(s.Run(handle + "::sa_attr " + numbers[attr]).OK().Out)
			got := strings.TrimSpace(s.Run("0x" + at + "::print uint64_t").OK().Out)
			if n, err := strconv.ParseUint(got, 0, 64); err != nil || fmt.Sprintf("%#x", n) != want && got != want {
				t.Errorf("znode %s: %s is %s, want %s", z, attr, got, want)
			}
		}
		checked++
		// this part of the lock has readers that are not noted one by one
		lock := s.at(fs + "::print -a zfsvfs_t z_teardown_lock")
		if out := s.Run(lock + "::rrwlock").OK().Out; strings.Count(out, " holds (untracked)") != 2 {
			t.Errorf("the lock of %s:\n%s", fs, out)
		}
	}
	if checked < 12 || lists < 2 {
		t.Errorf("%d files and %d access lists only", checked, lists)
	}
	for _, pool := range []string{"tank", "dpool"} {
		refs := s.at(s.pool(pool) + "::print -a spa_t spa_refcount")
		var n int64
		out := s.Run(refs + "::zfs_refcount").OK().Out
		if m := regexp.MustCompile(`has (\d+) holds`).FindStringSubmatch(out); m != nil {
			n, _ = strconv.ParseInt(m[1], 10, 64)
		}
		if want := s.value(refs + "::print zfs_refcount_t rc_count"); fmt.Sprintf("%#x", n) != want {
			t.Errorf("references of %s: %s, want %s", pool, out, want)
		}
	}
}

// accessList checks that a file's list has as many entries as it says, and that its mode
// is the file's.
func (s *realPools) accessList(z, acl string) {
	s.t.Helper()
	out := s.Run(acl + "::zfs_aces -v").OK().Out
	n, err := strconv.ParseInt(s.value(acl+"::print zfs_acl_t z_acl_count"), 0, 64)
	if err != nil || strings.Count(out, "\n") != int(n) || n == 0 {
		s.t.Errorf("access list %s of znode %s has %d entries (%v):\n%s", acl, z, n, err, out)
	}
	mode, err := strconv.ParseUint(s.value(z+"::print znode_t z_inode.i_mode"), 0, 16)
	if err != nil {
		s.t.Fatal(err)
	}
	for who, shift := range map[string]int{"owner@:": 6, "group@:": 3, "everyone@:": 0} {
		_, rights, _ := strings.Cut(out, who)
		for i, r := range "rwx" {
			if want := mode>>shift>>(2-i)&1 != 0; len(rights) < 3 || (rights[i] == byte(r)) != want {
				s.t.Errorf("znode %s of mode %o has\n%s", z, mode, out)
			}
		}
	}
}

// TestGuestIO looks at the I/Os of pools at rest: those under which what nobody waits for
// is hung, one for each CPU and for each transaction group.
func TestGuestIO(t *testing.T) { onPools(t, testGuestIO) }

func testGuestIO(t *testing.T, s *realPools) {
	all := len(s.addrs("::walk zio"))
	var each int
	for _, pool := range []string{"tank", "dpool"} {
		roots := len(s.addrs(s.pool(pool) + "::walk zio_root"))
		if roots < 2+4 {
			t.Errorf("%s has %d roots", pool, roots)
		}
		each += len(s.addrs(s.pool(pool) + "::walk zio"))
	}
	if each != all {
		t.Errorf("pools have %d I/Os, there are %d", each, all)
	}
	for _, r := range records(t, s.Session, "::zio_state -r") {
		if r.str("type") == "?" || r.str("stage") == "?" {
			t.Errorf("an I/O: %v", r)
		}
	}
	if list := records(t, s.Session, "::zio_stuck"); len(list) > 0 && list[0].num(t, "age") > 60000 {
		t.Errorf("stuck: %v", list)
	}
}

// TestGuestLeaves reads the map of names in which a pool finds its own objects: a header
// and a leaf.
func TestGuestLeaves(t *testing.T) { onPools(t, testGuestLeaves) }

func testGuestLeaves(t *testing.T, s *realPools) {
	leaves := s.addrs(`::dbufs -n mos -o 1 -b 1`)
	if len(leaves) != 2 {
		t.Fatalf("leaves %v, want one for each pool", leaves)
	}
	for _, d := range leaves {
		data := s.value(d + "::print dmu_buf_impl_t db.db_data")
		out := s.Run(data + "::zap_leaf").OK().Out
		entries := regexp.MustCompile(`lh_nentries = (\d+)`).FindStringSubmatch(out)
		if entries == nil || fmt.Sprint(strings.Count(out, ": entry\n")) != entries[1] {
			t.Errorf("the leaf has %v entries:\n%.300s", entries, out)
		}
		for _, name := range []string{"root_dataset", "sync_bplist", "history", "feature_descriptions", "creation_version"} {
			if !strings.Contains(out, name) {
				t.Errorf("the leaf has no %s", name)
			}
		}
	}
}

// TestGuestBlocks follows blocks: a pool's root, which was written in the last
// transaction group that was synced, and those of a file system, whose headers the ARC
// must find by where they are on disk.
func TestGuestBlocks(t *testing.T) { onPools(t, testGuestBlocks) }

func testGuestBlocks(t *testing.T, s *realPools) {
	for _, r := range records(t, s.Session, "::txg_state") {
		root := s.at(r.str("addr") + "::print -a spa_t spa_uberblock.ub_rootbp")
		out := s.Run(root + "::blkptr").OK().Out
		birth := regexp.MustCompile(`\[L0 OBJSET\] FLETCHER_4 LZ4 unencrypted LE contiguous unique triple\nsize=1000L/\w+ birth=(\d+)L/`).FindStringSubmatch(out)
		if birth == nil || birth[1] != r.str("synced") && birth[1] != r.str("syncing") {
			t.Errorf("the root of %s, synced %s:\n%s", r.str("pool"), r.str("synced"), out)
		}
	}
	found := 0
	for _, d := range s.addrs("::dbufs -n tank/home/bob -l 0") {
		buf := s.value(d + "::print dmu_buf_impl_t db_buf")
		if buf == "0" {
			continue
		}
		hdr := s.value(buf + "::print arc_buf_t b_hdr")
		dva := regexp.MustCompile(`dva_word = \[ (\w+), (\w+) \]`).FindStringSubmatch(s.Run(hdr + "::print arc_buf_hdr_t b_dva").OK().Out)
		if dva == nil || dva[2] == "0" {
			continue // not written yet
		}
		if out := s.Run(fmt.Sprintf("::abuf_find %s %s", dva[1], dva[2])).OK().Out; !strings.Contains(out, strings.TrimPrefix(hdr, "0x")) {
			t.Errorf("::abuf_find %s %s does not find %s: %s", dva[1], dva[2], hdr, out)
		}
		found++
	}
	if found == 0 {
		t.Error("no block of tank/home/bob is in the ARC")
	}
	out := s.Run("::arc_compression_stats").OK().Out
	if !strings.Contains(out, "Histogram of all compressed buffers.") || !strings.Contains(out, "*") {
		t.Errorf("::arc_compression_stats:\n%s", out)
	}
	// what is to be written is on the pool's list of devices
	list := s.at(s.pool("dpool") + "::print -a spa_t spa_vdev_txg_list")
	for _, r := range records(t, s.Session, list+"::walk txg_list | ::vdev") {
		if d := r.str("description"); d != "raidz" && d != "/dev/vdf1" {
			t.Errorf("a dirty device of dpool: %v", r)
		}
	}
	// the ARC's most frequently used headers are on lists of it, one for each CPU or so
	n := 0
	for i := range 2 {
		at := s.at(fmt.Sprintf("ARC_mfu::print -a arc_state_t arcs_list[%d]", i))
		if s.value(at+"::print multilist_t ml_num_sublists") != "0" {
			n += len(s.addrs(at + "::walk multilist"))
		}
	}
	if n == 0 {
		t.Error("ARC_mfu has no header")
	}
}
