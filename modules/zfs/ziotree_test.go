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

// ziosOf is a kernel with a pool that has one tree of I/Os; spoil may change it.
func ziosOf(t *testing.T, root illumos.Zio, spoil func(sys *illumos.System, root *illumos.BuiltZio)) (*illumos.BuiltZio, *modtest.Session) {
	t.Helper()
	d := illumos.Storage()
	pool := d.Parts.ZFS.Pools[0]
	pool.Zios = []illumos.Zio{root}
	d.Parts.ZFS = illumos.ZFSParts{Pools: []illumos.Pool{pool}}
	sys := d.Build(illumos.Real())
	z := sys.ZFS.Pools[0].Zios[0]
	if spoil != nil {
		spoil(sys, z)
	}
	b, err := sys.Vmcore()
	if err != nil {
		t.Fatal(err)
	}
	return z, modtest.OpenDumpBytes(t, "vmcore.0", b, genunix.Module(), zfs.Module())
}

// TestDeepZio prints all of a tree in which each I/O waits for the next one.
func TestDeepZio(t *testing.T) {
	const depth = 300
	var d illumos.Zio
	for range depth {
		z := illumos.Zio{Type: "WRITE", Stage: "OPEN"}
		if d.Type != "" {
			z.Children = []illumos.Zio{d}
		}
		d = z
	}
	root, s := ziosOf(t, d, nil)
	want := ""
	for z := root; ; z = z.Children[0] {
		want += fmt.Sprintf("%x\n", z.Addr)
		if len(z.Children) == 0 {
			break
		}
	}
	r := s.Run(hexCmd(root.Addr, "::zio -r ! awk 'NR > 1 {print $1}'")).OK()
	if r.Out != want || strings.Count(want, "\n") != depth {
		t.Errorf("%d I/Os, want %d", strings.Count(r.Out, "\n"), depth)
	}
}

// TestZioLattice is of I/Os each of which is twice among the children of the one above it:
// there are far more ways through them than I/Os.
func TestZioLattice(t *testing.T) {
	var d illumos.Zio
	for range 60 {
		z := illumos.Zio{Type: "WRITE", Stage: "OPEN"}
		if d.Type != "" {
			z.Children = []illumos.Zio{d, {Type: "WRITE", Stage: "OPEN"}}
		}
		d = z
	}
	root, s := ziosOf(t, d, func(sys *illumos.System, root *illumos.BuiltZio) {
		for z := root; len(z.Children) > 0; z = z.Children[0] {
			last := sys.GetU64(z.Ref("io_child_list.list_head.list_prev|io_child_list.list_head.prev"))
			link := last - sys.GetU64(z.Ref("io_child_list.list_offset"))
			sys.At("zio_link_t", link).Set("zl_child", z.Children[0].Obj)
		}
	})
	if r := s.Run(hexCmd(root.Addr, "::zio -r")); !strings.Contains(r.Err, " has too many relatives") {
		t.Errorf("%d bytes, %s", len(r.Out), r.Err)
	}
}
