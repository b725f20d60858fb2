package zfs

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/modules/kernel"
)

// maxNesting bounds how deep a data set lies below its pool: names have at most 255
// bytes, and each level takes two.
const maxNesting = 128

// dirNameLayout is what of a dsl_dir_t makes its name.
type dirNameLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Parent kernel.Field `ctf:"dd_parent"`
	Name   kernel.Field `ctf:"dd_myname"`
}

// setNameLayout is what of a dsl_dataset_t makes its name.
type setNameLayout struct {
	Size uint64       `ctf:"sizeof"`
	Dir  kernel.Field `ctf:"ds_dir"`
	Snap kernel.Field `ctf:"ds_snapname"`
}

type objsetLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Dataset kernel.Field `ctf:"os_dsl_dataset"`
	Spa     kernel.Field `ctf:"os_spa"`
	Phys    kernel.Field `ctf:"os_phys"`
	Dnodes  kernel.Field `ctf:"os_dnodes"`
	Meta    kernel.Field `ctf:"os_meta_dnode.dnh_dnode|os_meta_dnode"`
}

// names gives object sets and directories their names, each looked up once.
type names struct {
	v       *kernel.View
	dirs    map[uint64]string
	objsets map[uint64]string
}

func newNames(v *kernel.View) *names {
	return &names{v: v, dirs: map[uint64]string{}, objsets: map[uint64]string{}}
}

// unnamed stands for the name of a directory that has none.
const unnamed = "???"

// dir is the name of a directory: those above it, the pool's first.
func (n *names) dir(addr uint64) (string, error) {
	l, err := kernel.Lay[dirNameLayout](n.v, "dsl_dir_t")
	if err != nil {
		return "", err
	}
	var chain []uint64
	var own []string
	path, known := "", false
	var b []byte
	for at := addr; at != 0; at = l.Parent.Of(b) {
		if path, known = n.dirs[at]; known {
			break
		}
		if len(chain) == maxNesting {
			return "", fmt.Errorf("dsl_dir_t %x has too many above it, or is its own parent", addr)
		}
		if b, err = n.v.Bytes(at, l.Size, b); err != nil {
			return "", kernel.BadRead("dsl_dir_t", at, err)
		}
		name := plainText(l.Name.Text(b))
		if name == "" {
			name = unnamed
		}
		chain, own = append(chain, at), append(own, name)
	}
	for i := len(chain) - 1; i >= 0; i-- {
		if path != "" {
			path += "/"
		}
		path += own[i]
		n.dirs[chain[i]] = path
	}
	return path, nil
}

// dataset is the name of a data set. A snapshot whose name nobody asked for yet has
// that of its file system.
func (n *names) dataset(addr uint64) (string, error) {
	l, b, err := read(n.v, "dsl_dataset_t", addr, func(l *setNameLayout) uint64 { return l.Size })
	if err != nil {
		return "", err
	}
	path := ""
	if dir := l.Dir.Of(b); dir != 0 {
		if path, err = n.dir(dir); err != nil {
			return "", err
		}
	}
	if snap := plainText(l.Snap.Text(b)); snap != "" {
		path += "@" + snap
	}
	return path, nil
}

// objset is the name of an object set: that of its data set, or mos, which is a pool's
// own.
func (n *names) objset(addr uint64) (string, error) {
	if name, ok := n.objsets[addr]; ok {
		return name, nil
	}
	l, b, err := read(n.v, "objset_t", addr, func(l *objsetLayout) uint64 { return l.Size })
	if err != nil {
		return "", err
	}
	name := "mos"
	if ds := l.Dataset.Of(b); ds != 0 {
		if name, err = n.dataset(ds); err != nil {
			return "", err
		}
	}
	n.objsets[addr] = name
	return name, nil
}

// plainText shows what a damaged name has that terminals must not get.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return '?'
		}
		return r
	}, s)
}
