package linux

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// maxSource bounds the text that names what is mounted.
const maxSource = 4096

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

// filePath is the path of a dentry on a mount, up to the root of the tree of mounts that
// it is in.
func filePath(v *kernel.View, dentry, vfs uint64) (string, error) {
	k, err := kernelOf(v.Session())
	if err != nil {
		return "", err
	}
	return k.Path(dentry, vfs)
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
