package zfs

import "github.com/xmdb/xmdb/modules/kernel"

// oneOf is the first of a type's names that the release has: OpenZFS renamed some.
func oneOf(v *kernel.View, names ...string) string {
	for _, name := range names {
		if v.TypeOrNil(name) != nil {
			return name
		}
	}
	return names[0]
}

func rangeTreeType(v *kernel.View) string { return oneOf(v, "range_tree_t", "zfs_range_tree_t") }
func refcountType(v *kernel.View) string {
	return oneOf(v, "zfs_refcount_t", "refcount_t", "struct refcount")
}
