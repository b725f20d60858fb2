package linux

import (
	"iter"

	"github.com/xmdb/xmdb/modules/kernel"
)

// What modules of kernel modules need to read structures of Linux with.

// Members yields the objects on the list whose head is at an address and whose links are
// a member of them. what names an object in messages.
func Members(v *kernel.View, what string, head uint64, link kernel.Field) iter.Seq2[uint64, error] {
	return members(v, what, head, link)
}

// TreeNodes yields the nodes of a red-black tree in order, by the address of its rb_root.
func TreeNodes(v *kernel.View, what string, root uint64) iter.Seq2[uint64, error] {
	return tree(v, what, root)
}

// ArrayEntries yields the entries of a struct xarray, the lowest index first.
func ArrayEntries(v *kernel.View, what string, at uint64) iter.Seq2[uint64, error] {
	return xarray(v, what, at)
}

// ContainerID is the id of the container that a task is in, as ::zone shows it: "global"
// for a task that is in none.
func ContainerID(v *kernel.View, addr uint64) (string, error) {
	t, err := readTask(v, addr)
	if err != nil {
		return "", err
	}
	id, _, _, err := zoneOf(v, t)
	return id, err
}
