package zfs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// entries are those of a file's list, in order.
func entries(f *illumos.BuiltZFile) (list []illumos.Ace) {
	for _, aces := range f.ZFile.ACL {
		list = append(list, aces...)
	}
	return list
}

const aceHead = "ADDR             FLAGS    MASK     TYPE     ID\n"

// aceLine is an entry as ::zfs_ace prints it: one about nobody by number has none.
func aceLine(addr uint64, a illumos.Ace) string {
	id := a.Who
	if kind := a.Flags & 0x7040; kind != 0 && kind != 0x40 {
		id = ^uint64(0)
	}
	return fmt.Sprintf("%016x %-8x %-8x %-8x %x\n", addr, a.Flags, a.Mask, a.Type, id)
}

func TestAces(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		if len(sys.ZFS.Files) != 2 {
			t.Fatalf("the scenario has %d files", len(sys.ZFS.Files))
		}
		for _, f := range sys.ZFS.Files {
			text, walk, nodes := aceHead, "", ""
			one, walker := "zfs_ace", "zfs_acl_node_aces"
			if f.OldACL {
				one, walker = "zfs_ace0", "zfs_acl_node_aces0"
			}
			for i, a := range entries(f) {
				text += aceLine(f.Aces[i], a)
				walk += fmt.Sprintf("%#x\n", f.Aces[i])
				s.Run(fmt.Sprintf("%x::%s", f.Aces[i], one)).OK().Want(aceHead + aceLine(f.Aces[i], a))
			}
			for _, n := range f.Nodes {
				nodes += fmt.Sprintf("%#x\n", n.Addr)
			}
			s.Run(at(f.ACL, "zfs_aces")).OK().Want(text)
			s.Run(at(f.ACL, "walk zfs_acl_node")).OK().Want(nodes)
			s.Run(at(f.ACL, "walk zfs_acl_node | ::walk "+walker)).OK().Want(walk)
			s.Run(fmt.Sprintf("%x::print znode_t z_acl_cached | ::zfs_aces ! wc -l", f.Addr)).WantLines(fmt.Sprint(len(entries(f)) + 1))
		}
	})
}

// The texts of the scenario's entries as ls -V prints them: rights rwxpdDaARWcCos, then
// inheritance fdinSFI.
func TestAcesVerbose(t *testing.T) {
	sys, s := open(t)
	want := [][]string{
		{"owner@:rwxpd-aARWcCos:-------:allow", "group@:-wxp----------:-------:deny", "everyone@:------a-R-c--s:-------:allow",
			"user:3e9:r-----a---c--s:fd-----:allow", "group:64:-w-pd--A-W----:--in--I:allow", "user:7d0:-----D--------:-------:?",
			"user:3ea:--------RWcCo-:----SF-:audit", "everyone@:-w------------:-------:alarm", "owner@:r-------------:-------:?"},
		{"owner@:rwxpd-aARWcCos:-------:allow", "group:65:--x-----------:-------:allow", "user:3eb:-w------------:-------:deny"},
	}
	for i, f := range sys.ZFS.Files {
		s.Run(at(f.ACL, "zfs_aces -v")).OK().Want(strings.Join(want[i], "\n") + "\n")
		one := "zfs_ace"
		if f.OldACL {
			one = "zfs_ace0"
		}
		s.Run(fmt.Sprintf("%x::%s -v", f.Aces[1], one)).OK().Want(want[i][1] + "\n")
	}
}

func TestAttributes(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		f, bare := sys.ZFS.Files[0], sys.ZFS.Files[1]
		text := fmt.Sprintf("%-10s %-10s %-10s %-10s %s\n", "ATTR ID", "REGISTERED", "LENGTH", "BSWAP", "NAME")
		for i, a := range illumos.SAAttrs {
			registered := 0
			if a.Registered {
				registered = 1
			}
			text += fmt.Sprintf("%5x   %8x %8x %8x          %s\n", i, registered, a.Length, a.Swap, a.Name)
		}
		s.Run(at(f.SA, "sa_attr_table")).OK().Want(text)
		for id, off := range f.Offsets {
			data := f.BonusAt
			if id == 17 || id == 18 { // the scenario has those in the spill block
				data = f.SpillAt
			}
			s.Run(fmt.Sprintf("%x::sa_attr %#x", f.Handle.Addr, id)).OK().Want(fmt.Sprintf("%x\n", data+off))
		}
		for cmd, want := range map[string]string{
			at(f.Handle, "sa_attr 0xe"):  "Attribute does not exist\n",
			at(f.Handle, "sa_attr 0x13"): "attribute id number is out of range\n",
			at(bare.Handle, "sa_attr 5"): "Attribute does not exist\n",
		} {
			s.Run(cmd).Want(want)
		}
		if r := s.Run("1::sa_attr 5"); r.Out != "Can't find necessary information in sa_handle in sa_handle\n" || !strings.Contains(r.Err, "couldn't read sa_handle_t at 1") {
			t.Errorf("%s%s", r.Out, r.Err)
		}
	})
}
