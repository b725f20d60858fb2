package system

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core/mem"
)

// Bounds of a path.
const (
	maxPathNames = 4096 // PATH_MAX: each name has a byte at least
	maxPathName  = 4096 // more than NAME_MAX, bytes
)

// Path is the path of a struct dentry on the mount whose struct vfsmount is at mnt: the
// names up to the root of the mount, then those of the place where it is mounted, up to the
// first mount. A dentry that is not below its mount's root, one that is deleted or never
// was in a tree, has the names up to its own root.
func (k *LinuxKernel) Path(dentry, mnt uint64) (string, error) {
	in, err := k.member("struct mount", "mnt")
	if err != nil {
		return "", err
	}
	mount := mnt - in.off
	root, err := k.uintMember("struct mount", "mnt.mnt_root", mount)
	if err != nil {
		return "", fmt.Errorf("mount %x: %w", mount, err)
	}
	var names []string
	for range maxPathNames {
		if dentry == root {
			up, err1 := k.uintMember("struct mount", "mnt_parent", mount)
			point, err2 := k.uintMember("struct mount", "mnt_mountpoint", mount)
			if err := errors.Join(err1, err2); err != nil {
				return "", fmt.Errorf("mount %x: %w", mount, err)
			}
			if up == mount || up == 0 {
				return joinPath(names), nil
			}
			dentry, mount = point, up
			if root, err = k.uintMember("struct mount", "mnt.mnt_root", mount); err != nil {
				return "", fmt.Errorf("mount %x: %w", mount, err)
			}
			continue
		}
		up, err := k.uintMember("struct dentry", "d_parent", dentry)
		if err != nil {
			return "", fmt.Errorf("dentry %x: %w", dentry, err)
		}
		if up == dentry {
			return joinPath(names), nil
		}
		name, err := k.DentryName(dentry)
		if err != nil {
			return "", err
		}
		names = append(names, name)
		dentry = up
	}
	return "", fmt.Errorf("dentry %x: its path has no end", dentry)
}

// joinPath makes a path of names, the last first.
func joinPath(names []string) string {
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}

// DentryName is the last name of the path of a struct dentry.
func (k *LinuxKernel) DentryName(dentry uint64) (string, error) {
	at, err1 := k.uintMember("struct dentry", "d_name.name", dentry)
	n, err2 := k.uintMember("struct dentry", "d_name.len", dentry)
	if err := errors.Join(err1, err2); err != nil {
		return "", fmt.Errorf("dentry %x: %w", dentry, err)
	}
	if n > maxPathName {
		return "", fmt.Errorf("dentry %x: a name of %d bytes cannot be", dentry, n)
	}
	name, err := mem.ReadString(k.space, mem.Addr(at), int(n))
	if err != nil {
		return "", fmt.Errorf("name of dentry %x: %w", dentry, err)
	}
	return name, nil
}
