package linux

import (
	"cmp"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/modules/kernel"
)

// disk is a block device as a whole.
type disk struct {
	addr  uint64 // VA of its struct gendisk
	queue uint64 // VA of its request_queue
	name  string
	dev   uint64 // number: major << 20 | minor
}

// disks yields the block devices. Each has an inode in the file system of block devices
// (block/bdev.c), which lies behind its block_device; partitions have one of their own.
func disks(v *kernel.View) ([]disk, error) {
	at, err := address(v, "blockdev_superblock")
	if err != nil {
		return nil, err
	}
	sb, err := v.Pointer(at)
	if err != nil {
		return nil, kernel.BadRead("blockdev_superblock", at, err)
	}
	inodes, err := v.Member("struct super_block", "s_inodes")
	if err != nil {
		return nil, err
	}
	link, err := v.Member("struct inode", "i_sb_list")
	if err != nil {
		return nil, err
	}
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Disk  kernel.Field `ctf:"bdev.bd_disk"`
		Dev   kernel.Field `ctf:"bdev.bd_dev"`
		Inode kernel.Field `ctf:"vfs_inode"`
	}
	l, err := kernel.Lay[layout](v, "struct bdev_inode")
	if err != nil {
		return nil, err
	}
	var list []disk
	met := kernel.Met{}
	for a, err := range members(v, "struct inode", sb+inodes.Off, link) {
		if err != nil {
			return list, err
		}
		b, err := v.Bytes(a-l.Inode.Off, l.Size, nil)
		if err != nil {
			return list, kernel.BadRead("struct bdev_inode", a-l.Inode.Off, err)
		}
		if g := l.Disk.Of(b); g != 0 && !met.Again(g) {
			d, err := readDisk(v, g)
			if err != nil {
				return list, err
			}
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b disk) int { return cmp.Or(cmp.Compare(a.dev, b.dev), cmp.Compare(a.addr, b.addr)) })
	return list, nil
}

func readDisk(v *kernel.View, addr uint64) (disk, error) {
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Major kernel.Field `ctf:"major"`
		Minor kernel.Field `ctf:"first_minor"`
		Name  kernel.Field `ctf:"disk_name"`
		Queue kernel.Field `ctf:"queue"`
	}
	l, b, err := read(v, "struct gendisk", addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return disk{}, err
	}
	return disk{addr, l.Queue.Of(b), l.Name.Text(b), l.Major.Of(b)<<20 | l.Minor.Of(b)}, nil
}

// allDisks yields the structs gendisk.
func allDisks(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		list, err := disks(v)
		for _, d := range list {
			if !yield(d.addr, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}
