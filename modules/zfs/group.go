package zfs

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// groupLayout is how the release lays out metaslab_group_t: the metaslabs of a vdev at
// the top.
type groupLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Frag  kernel.Field `ctf:"mg_fragmentation,optional"`
	Histo kernel.Field `ctf:"mg_histogram,optional"`
	Vdev  kernel.Field `ctf:"mg_vd,optional"`
}

// classLayout is how the release lays out metaslab_class_t: the groups of a pool's
// vdevs that serve one purpose.
type classLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Histo kernel.Field `ctf:"mc_histogram,optional"`
}

// classHistogram draws the free space of a class of a pool's vdevs.
func classHistogram(c *core.Ctx, v *kernel.View, class uint64) error {
	if class == 0 {
		return nil // of a pool that is not open, or of a release without classes
	}
	l, b, err := read(v, "metaslab_class_t", class, func(l *classLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	histogram(c, words(l.Histo, b), 0)
	return nil
}

// group prints the group of a vdev's metaslabs. MDB ends the line behind a
// fragmentation that is not known.
func (p *vdevPrinter) group(vdev, addr uint64) error {
	l, b, err := read(p.v, "metaslab_group_t", addr, func(l *groupLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	p.c.Printf("%<u>%-?s %7s %9s%</u>\n", "ADDR", "FRAG", "UCMU")
	if frag := l.Frag.Of(b); !l.Frag.OK() || frag == noFragmentation {
		p.c.Printf("%0?p %6s\n", addr, "-")
	} else {
		p.c.Printf("%0?p %6llu%%", addr, frag)
	}
	memory, err := unflushedMemory(p.v, vdev)
	if err != nil {
		p.c.Printf("%10s\n", "-")
		return err
	}
	p.c.Printf("%10s\n", out.NiceNum(memory))
	if p.histo {
		histogram(p.c, words(l.Histo, b), 0)
	}
	return nil
}

// unflushedMemory is the memory that the changes of a vdev's metaslabs take that are
// not in their space maps yet.
func unflushedMemory(v *kernel.View, vdev uint64) (sum uint64, err error) {
	list, err := metaslabs(v, vdev)
	if err != nil {
		return 0, err
	}
	for _, a := range list {
		l, b, err := read(v, "metaslab_t", a, func(l *metaslabLayout) uint64 { return l.Size })
		if err != nil {
			return 0, err
		}
		for _, f := range []kernel.Field{l.Frees, l.Allocs} {
			_, n, err := held(v, f.Of(b))
			if err != nil {
				return 0, fmt.Errorf("metaslab_t %x: %w", a, err)
			}
			sum += n
		}
	}
	return sum, nil
}
