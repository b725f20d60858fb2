package linux

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/modules/kernel"
)

// maxNames bounds the names in a path.
const maxNames = 4096

// maxName is more than NAME_MAX.
const maxName = 4096

// dentryLayout is struct dentry (include/linux/dcache.h).
type dentryLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Parent kernel.Field `ctf:"d_parent"`
	Name   kernel.Field `ctf:"d_name.name"`
	Len    kernel.Field `ctf:"d_name.len"`
}

func readDentry(v *kernel.View, addr uint64) (*dentryLayout, []byte, error) {
	return read(v, "struct dentry", addr, func(l *dentryLayout) uint64 { return l.Size })
}

// dentryName is the last name of a path.
func dentryName(v *kernel.View, l *dentryLayout, b []byte) (string, error) {
	n := l.Len.Of(b)
	if n > maxName {
		return "", fmt.Errorf("a name of %d bytes cannot be", n)
	}
	return v.Text(l.Name.Of(b), int(n))
}

// mountLayout is struct mount (fs/mount.h), in which the struct vfsmount lies that paths
// refer to.
type mountLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Parent kernel.Field `ctf:"mnt_parent"`
	Point  kernel.Field `ctf:"mnt_mountpoint"`
	VFS    kernel.Field `ctf:"mnt"`
	Root   kernel.Field `ctf:"mnt.mnt_root"`
	SB     kernel.Field `ctf:"mnt.mnt_sb"`
	Flags  kernel.Field `ctf:"mnt.mnt_flags"`
	Source kernel.Field `ctf:"mnt_devname"`
	List   kernel.Field `ctf:"mnt_list,optional"` // in a list until 6.8, then in a tree
	Node   kernel.Field `ctf:"mnt_node,optional"`
}

func readMount(v *kernel.View, addr uint64) (*mountLayout, []byte, error) {
	return read(v, "struct mount", addr, func(l *mountLayout) uint64 { return l.Size })
}

// mountOf gives the struct mount of a struct vfsmount.
func mountOf(v *kernel.View, vfs uint64) (uint64, error) {
	l, err := kernel.Lay[mountLayout](v, "struct mount")
	if err != nil {
		return 0, err
	}
	return vfs - l.VFS.Off, nil
}

// filePath is the path of a dentry on a mount, up to the root of the tree of mounts that
// it is in.
func filePath(v *kernel.View, dentry, vfs uint64) (string, error) {
	mount, err := mountOf(v, vfs)
	if err != nil {
		return "", err
	}
	var names []string
	ml, mb, err := readMount(v, mount)
	if err != nil {
		return "", err
	}
	for range maxNames {
		if dentry == ml.Root.Of(mb) {
			up := ml.Parent.Of(mb)
			if up == mount {
				break
			}
			dentry, mount = ml.Point.Of(mb), up
			if ml, mb, err = readMount(v, mount); err != nil {
				return "", err
			}
			continue
		}
		l, b, err := readDentry(v, dentry)
		if err != nil {
			return "", err
		}
		up := l.Parent.Of(b)
		if up == dentry { // not below its mount's root: deleted, or never in a tree
			break
		}
		name, err := dentryName(v, l, b)
		if err != nil {
			return "", kernel.Failed(err, "failed to read the name of dentry %x", dentry)
		}
		names = append(names, name)
		dentry = up
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/"), nil
}

// rootPath is the root directory of a task, in the tree of mounts that it sees.
func rootPath(v *kernel.View, t *task) (string, error) {
	fs := t.l.FS.Of(t.b)
	if fs == 0 {
		return "", fmt.Errorf("task %x has no directories", t.addr)
	}
	mnt, err := v.Member("struct fs_struct", "root.mnt")
	if err != nil {
		return "", err
	}
	d, err := v.Member("struct fs_struct", "root.dentry")
	if err != nil {
		return "", err
	}
	vfs, err := v.Pointer(fs + mnt.Off)
	if err != nil {
		return "", kernel.BadRead("struct fs_struct", fs, err)
	}
	dentry, err := v.Pointer(fs + d.Off)
	if err != nil {
		return "", kernel.BadRead("struct fs_struct", fs, err)
	}
	return filePath(v, dentry, vfs)
}
