package zfs

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// cloneLayout is where a pool of OpenZFS keeps how much is cloned: since 2.3 in a
// brt_vdev_t for each of its devices, in 2.2 in one brt_t.
type cloneLayout struct {
	Size  uint64       `ctf:"sizeof"`
	One   kernel.Field `ctf:"spa_brt,optional"`
	Each  kernel.Field `ctf:"spa_brt_vdevs,optional"`
	Count kernel.Field `ctf:"spa_brt_nvdevs,optional"`
}

// clonedLayout is how much, in bytes: blocks that several files have, once, and what more
// their copies would take.
type clonedLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Used  kernel.Field `ctf:"bv_usedspace|brt_usedspace"`
	Saved kernel.Field `ctf:"bv_savedspace|brt_savedspace"`
}

// clonedSpace is what zpool(8) calls bcloneused and bclonesaved; nothing of releases that
// do not clone blocks.
func clonedSpace(v *kernel.View, spa uint64) ([]spaceFigure, error) {
	l, b, err := read(v, "spa_t", spa, func(l *cloneLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	typ, tables := "brt_t", []uint64{l.One.Of(b)}
	switch n := l.Count.Of(b); {
	case l.Each.OK() && l.Count.OK():
		typ, tables = "brt_vdev_t", nil
		if n > 0 {
			if tables, err = pointers(v, "spa_brt_vdevs", l.Each.Of(b), n, maxChildren); err != nil {
				return nil, err
			}
		}
	case !l.One.OK():
		return nil, nil
	}
	var used, saved uint64
	for _, at := range tables {
		if at == 0 {
			continue
		}
		l, b, err := read(v, typ, at, func(l *clonedLayout) uint64 { return l.Size })
		if err != nil {
			return nil, fmt.Errorf("failed to read what is cloned: %w", err)
		}
		used, saved = used+l.Used.Of(b), saved+l.Saved.Of(b)
	}
	return []spaceFigure{{"brt_usedspace", []uint64{used}}, {"brt_savedspace", []uint64{saved}}}, nil
}
