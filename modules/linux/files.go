package linux

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// maxFiles bounds the table of a process' files: more than fs.nr_open's highest.
const maxFiles = 1 << 24

var fileTable = &core.Table{
	Head: "%<u>%4s %-?s %-4s %10s %-s%</u>\n", Line: "%4d %0?p %-4s %10d %-s\n", Type: "struct file",
	Cols: []core.Field{{Name: "fd", Head: "FD"}, {Name: "addr", Head: "FILE"}, {Name: "type", Head: "TYPE"},
		{Name: "pos", Head: "OFFSET", Descr: "bytes"}, {Name: "path", Head: "INFO", Descr: "path, or what /proc/PID/fd shows for what has none"}},
	Pipe: 1,
}

func fileDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "files", Usage: ":", Descr: "open files of a process", Type: "struct task_struct",
			Help:  "Lists the open files of the process at the address: descriptor, address of the struct\nfile, type (REG, DIR, CHR, BLK, FIFO, SOCK, LNK, ANON), offset, and path.\n",
			Table: fileTable, Run: noArgs(runFiles)},
		{Name: "fd", Usage: ":[fd num]", Descr: "get a struct file from an fd", Type: "struct file", Run: runFd,
			Help: "Prints the struct file behind a descriptor of the process at the address. Without a\nnumber it lists those of all descriptors in use.\n"},
	}
}

func fileWalkers() []*core.Walker {
	return []*core.Walker{{
		Name: "file", Descr: "open files of a process", Addr: core.AddrRequired, Type: "struct file",
		Walk: func(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			return func(yield func(core.Elem, error) bool) {
				v := kernel.Of(c.Session)
				t := v.TypeOrNil("struct file")
				for f, err := range openFiles(v, uint64(start)) {
					if !yield(core.Elem{Val: f.addr, Type: t}, err) {
						return
					}
				}
			}
		},
	}}
}

// openFile is a file by the descriptor that a process has for it.
type openFile struct {
	fd   int
	addr uint64
}

// openFiles yields the open files of a process.
func openFiles(v *kernel.View, addr uint64) iter.Seq2[openFile, error] {
	return func(yield func(openFile, error) bool) {
		table, n, err := fileSlots(v, addr)
		if err != nil || n == 0 {
			if err != nil {
				yield(openFile{}, err)
			}
			return
		}
		const step = 512
		for fd := uint64(0); fd < n; fd += step {
			m := min(step, n-fd)
			b, err := v.Bytes(table+8*fd, 8*m, nil)
			if err != nil {
				yield(openFile{}, kernel.BadRead("table of files", table+8*fd, err))
				return
			}
			for i, f := range words(kernel.Field{Size: 8 * m}, b) {
				if f != 0 && !yield(openFile{int(fd) + i, f}, nil) {
					return
				}
			}
		}
	}
}

// fileSlots is where the table of a process' files begins and how many it is for.
func fileSlots(v *kernel.View, addr uint64) (table, n uint64, err error) {
	t, err := readTask(v, addr)
	if err != nil {
		return 0, 0, err
	}
	files := t.l.Files.Of(t.b)
	if files == 0 {
		return 0, 0, nil // it has ended, or never had any
	}
	f, err := v.Member("struct files_struct", "fdt")
	if err != nil {
		return 0, 0, err
	}
	at, err := v.Pointer(files + f.Off)
	if err != nil {
		return 0, 0, kernel.BadRead("struct files_struct", files, err)
	}
	type layout struct {
		Size uint64       `ctf:"sizeof"`
		Max  kernel.Field `ctf:"max_fds"`
		FD   kernel.Field `ctf:"fd"`
	}
	l, b, err := read(v, "struct fdtable", at, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return 0, 0, err
	}
	if n = l.Max.Of(b); n > maxFiles {
		return 0, 0, fmt.Errorf("fdtable at %x: there cannot be %d files", at, n)
	}
	return l.FD.Of(b), n, nil
}

func runFiles(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	for f, err := range openFiles(v, c.Addr) {
		switch {
		case err != nil:
			return err
		case c.Err() != nil:
			return core.ErrIntr
		case c.PipeOut:
			c.Emit(f.addr, v.TypeOrNil("struct file"))
			continue
		}
		typ, pos, path, err := describeFile(v, f.addr)
		c.Row(f.fd, out.Hex(f.addr), typ, pos, cell(c, path, err, "file", f.addr))
	}
	return nil
}

// runFd prints the file behind a descriptor, or those behind all.
func runFd(c *core.Ctx) error {
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	one, want := len(c.Args) == 1, uint64(0)
	if one {
		want = c.Args[0].Imm
		if !c.Args[0].IsImm {
			n, err := c.Strtoull(c.Args[0].Str)
			if err != nil {
				return err
			}
			want = n
		}
	}
	v := kernel.Of(c.Session)
	for f, err := range openFiles(v, c.Addr) {
		if err != nil {
			return err
		}
		if one && uint64(f.fd) != want {
			continue
		}
		if c.PipeOut {
			c.Emit(f.addr, v.TypeOrNil("struct file"))
		} else {
			c.Record(func() { c.Printf("%p\n", f.addr) }, out.Field{Name: "fd", Value: f.fd}, out.Field{Name: "addr", Value: out.Addr(f.addr)})
		}
		if one {
			return nil
		}
	}
	if one {
		return fmt.Errorf("process %x has no file %d", c.Addr, want)
	}
	return nil
}

// fileLayout is struct file.
type fileLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Mount  kernel.Field `ctf:"f_path.mnt"`
	Dentry kernel.Field `ctf:"f_path.dentry"`
	Inode  kernel.Field `ctf:"f_inode"`
	Pos    kernel.Field `ctf:"f_pos"`
}

type inodeLayout struct {
	Size uint64       `ctf:"sizeof"`
	Mode kernel.Field `ctf:"i_mode"`
	Ino  kernel.Field `ctf:"i_ino"`
	SB   kernel.Field `ctf:"i_sb"`
}

// fileTypes are the types in i_mode (S_IFMT).
var fileTypes = map[uint64]string{0x1000: "FIFO", 0x2000: "CHR", 0x4000: "DIR", 0x6000: "BLK", 0x8000: "REG", 0xa000: "LNK", 0xc000: "SOCK", 0: "ANON"}

// describeFile tells the type of a file, where its reader is, and its path. What has no
// path has its type and number, as /proc/PID/fd has it: socket:[1234].
func describeFile(v *kernel.View, addr uint64) (typ string, pos uint64, path string, err error) {
	l, b, err := read(v, "struct file", addr, func(l *fileLayout) uint64 { return l.Size })
	if err != nil {
		return "?", 0, "", err
	}
	pos = l.Pos.Of(b)
	il, ib, err := read(v, "struct inode", l.Inode.Of(b), func(l *inodeLayout) uint64 { return l.Size })
	if err != nil {
		return "?", pos, "", err
	}
	typ, ok := fileTypes[il.Mode.Of(ib)&0xf000]
	if !ok {
		typ = "?"
	}
	fs, err := fsType(v, il.SB.Of(ib))
	if err != nil {
		return typ, pos, "", err
	}
	switch fs {
	case "sockfs":
		return typ, pos, fmt.Sprintf("socket:[%d]", il.Ino.Of(ib)), nil
	case "pipefs":
		return typ, pos, fmt.Sprintf("pipe:[%d]", il.Ino.Of(ib)), nil
	case "anon_inodefs":
		k, err := kernelOf(v.Session())
		if err != nil {
			return typ, pos, "", err
		}
		name, err := k.DentryName(l.Dentry.Of(b))
		return typ, pos, "anon_inode:" + name, err
	}
	if path, err = filePath(v, l.Dentry.Of(b), l.Mount.Of(b)); err != nil {
		return typ, pos, path, err
	}
	gone, err := unlinked(v, l.Dentry.Of(b))
	if gone {
		path += " (deleted)"
	}
	return typ, pos, path, err
}

// unlinked tells whether a dentry that has a parent is in no directory any more: it is on
// no hash chain (include/linux/dcache.h: d_unlinked).
func unlinked(v *kernel.View, dentry uint64) (bool, error) {
	type layout struct {
		Size   uint64       `ctf:"sizeof"`
		Parent kernel.Field `ctf:"d_parent"`
		Hash   kernel.Field `ctf:"d_hash.pprev"`
	}
	l, b, err := read(v, "struct dentry", dentry, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return false, err
	}
	return l.Hash.Of(b) == 0 && l.Parent.Of(b) != dentry, nil
}
