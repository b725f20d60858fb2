package linux

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

var mountTable = &core.Table{
	Head: "%<u>%-?s %-?s %-10s %-24s %-s%</u>\n", Line: "%0?p %0?p %-10s %-24s %-s\n", Type: "struct mount",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "sb", Head: "SUPERBLOCK"}, {Name: "type", Head: "TYPE"},
		{Name: "source", Head: "SOURCE", Descr: "device"}, {Name: "path", Head: "PATH"}},
}

func mountDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "mounts", Usage: "?[-a]", Descr: "mounted file systems", Type: "struct mount",
		Help: `Lists the mounts that the first process sees, or those that the process at the address
sees (its mount namespace): address of the struct mount and of the super_block, type,
device, path.

-a  those of every mount namespace that a process is in
`,
		Opts: []core.Opt{{Letter: 'a', Help: "of all mount namespaces"}}, Table: mountTable, Run: noArgs(runMounts),
	}}
}

func mountWalkers() []*core.Walker {
	return []*core.Walker{{
		Name: "mount", Descr: "mounts that a process sees: the first one without an address", Addr: core.AddrOptional, Type: "struct mount",
		Walk: func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
			return elements(c, "struct mount", func(v *kernel.View) iter.Seq2[uint64, error] {
				ns, err := mountSpace(v, uint64(start), has)
				if err != nil {
					return failing(err)
				}
				return mountsOf(v, ns)
			})
		},
	}}
}

func runMounts(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	var spaces []uint64
	var failed error
	if c.Opt('a') && !c.HasAddr {
		met := kernel.Met{}
		for a, err := range processes(v) {
			if err != nil {
				return err
			}
			ns, err := mountSpace(v, a, true)
			if err == nil && ns != 0 && !met.Again(ns) {
				spaces = append(spaces, ns)
			}
		}
	} else {
		ns, err := mountSpace(v, c.Addr, c.HasAddr)
		if err != nil {
			return err
		}
		spaces = append(spaces, ns)
	}
	for _, ns := range spaces {
		for a, err := range mountsOf(v, ns) {
			switch {
			case err != nil:
				return err
			case c.Err() != nil:
				return core.ErrIntr
			}
			if err := mountRow(c, v, a); err != nil {
				if err = told(c, err); err != nil {
					return err
				}
				failed = core.ErrFailed
			}
		}
	}
	return failed
}

// mountSpace is the mount namespace of a process; without one that of process 1, or of
// swapper.
func mountSpace(v *kernel.View, addr uint64, has bool) (uint64, error) {
	if !has {
		for a, err := range processes(v) {
			if err != nil {
				return 0, err
			}
			t, err := readTask(v, a)
			if err != nil {
				return 0, err
			}
			if addr = a; t.pid() == 1 {
				break
			}
		}
	}
	t, err := readTask(v, addr)
	if err != nil {
		return 0, err
	}
	proxy := t.l.NSProxy.Of(t.b)
	if proxy == 0 {
		return 0, fmt.Errorf("task %x has no namespaces any more", addr)
	}
	f, err := v.Member("struct nsproxy", "mnt_ns")
	if err != nil {
		return 0, err
	}
	ns, err := v.Pointer(proxy + f.Off)
	if err != nil {
		return 0, kernel.BadRead("struct nsproxy", proxy, err)
	}
	return ns, nil
}

// mountsOf yields the mounts of a mount namespace: a list until 6.8, then a tree.
func mountsOf(v *kernel.View, ns uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		l, err := kernel.Lay[mountLayout](v, "struct mount")
		if err != nil {
			yield(0, err)
			return
		}
		nodes, link := iter.Seq2[uint64, error](nil), l.List
		if head, err := v.Member("struct mnt_namespace", "list"); err == nil {
			nodes = ring(v, "mount", ns+head.Off)
		} else {
			root, err := v.Member("struct mnt_namespace", "mounts")
			if err != nil {
				yield(0, err)
				return
			}
			nodes, link = tree(v, "mount", ns+root.Off), l.Node
		}
		for a, err := range nodes {
			if !yield(a-link.Off, err) {
				return
			}
		}
	}
}

// mntCursor is a flag of what a reader of /proc/mounts keeps its place in the list with,
// until 6.8: it is no mount (include/linux/mount.h: MNT_CURSOR).
const mntCursor = 0x10000000

func mountRow(c *core.Ctx, v *kernel.View, addr uint64) error {
	l, b, err := readMount(v, addr)
	if err != nil {
		return err
	}
	if l.Flags.Of(b)&mntCursor != 0 && l.Root.Of(b) == 0 {
		return nil
	}
	if c.PipeOut {
		c.Emit(addr, v.TypeOrNil("struct mount"))
		return nil
	}
	sb := l.SB.Of(b)
	typ, err := fsType(v, sb)
	kind := cell(c, typ, err, "type", addr)
	source, err := v.Text(l.Source.Of(b), maxSource)
	device := cell(c, source, err, "device", addr)
	path, err := filePath(v, l.Root.Of(b), addr+l.VFS.Off)
	c.Row(out.Hex(addr), out.Hex(sb), kind, device, cell(c, path, err, "path", addr))
	return nil
}

// fsType is the name of the type of a file system by its super_block.
func fsType(v *kernel.View, sb uint64) (string, error) {
	f, err := v.Member("struct super_block", "s_type")
	if err != nil {
		return "", err
	}
	typ, err := v.Pointer(sb + f.Off)
	if err != nil {
		return "", kernel.BadRead("struct super_block", sb, err)
	}
	if f, err = v.Member("struct file_system_type", "name"); err != nil {
		return "", err
	}
	name, err := v.Pointer(typ + f.Off)
	if err != nil {
		return "", kernel.BadRead("struct file_system_type", typ, err)
	}
	return v.Text(name, 64)
}
