package zfs_test

import (
	"fmt"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
	"github.com/xmdb/xmdb/modules/genunix"
	"github.com/xmdb/xmdb/modules/zfs"
)

// changed is the standard storage with something written into it before it is dumped.
func changed(t *testing.T, change func(*illumos.System)) (*illumos.System, *modtest.Session) {
	t.Helper()
	sys := illumos.Storage().Build(illumos.Real())
	change(sys)
	b, err := sys.Vmcore()
	if err != nil {
		t.Fatal(err)
	}
	return sys, modtest.OpenDumpBytes(t, "vmcore.0", b, genunix.Module(), zfs.Module())
}

// block describes a block pointer.
type block struct {
	dvas                                  [3][3]uint64 // vdev, offset, allocated size
	gang, dedup, crypt, big, embedded     bool
	logical, physical                     uint64 // in sectors; in bytes if embedded
	compress, checksum, typ, level, birth uint64
	phys, fill                            uint64
	cksum                                 [4]uint64
}

// words lays it out as pools have it on disk.
func (d block) words() (w [16]uint64) {
	for i, a := range d.dvas {
		w[2*i], w[2*i+1] = a[0]<<32|a[2]>>9, a[1]>>9
	}
	flag := func(is bool, bit uint) uint64 {
		if is {
			return 1 << bit
		}
		return 0
	}
	w[1] |= flag(d.gang, 63)
	sizes := (d.logical - 1) | (d.physical-1)<<16
	if d.embedded {
		sizes = (d.logical - 1) | (d.physical-1)<<25
	}
	w[6] = sizes | d.compress<<32 | flag(d.embedded, 39) | d.checksum<<40 | d.typ<<48 | d.level<<56 |
		flag(d.crypt, 61) | flag(d.dedup, 62) | flag(!d.big, 63)
	w[9], w[10], w[11] = d.phys, d.birth, d.fill
	copy(w[12:], d.cksum[:])
	return w
}

func TestBlkptr(t *testing.T) {
	// 15 is lz4, 7 fletcher4; types 19 plain file, 10 dnode
	two := [3][3]uint64{{0, 0x7a400000, 0x20000}, {1, 0x1234000, 0x20000}}
	cases := []struct {
		name string
		block
		want string
	}{
		{"plain", block{dvas: two, logical: 256, physical: 100, compress: 15, checksum: 7, typ: 19, birth: 500, fill: 1, cksum: [4]uint64{1, 0xab, 0, 4}},
			"DVA[0]=<0:7a400000:20000>\nDVA[1]=<1:1234000:20000>\n[L0 PLAIN_FILE_CONTENTS] FLETCHER_4 LZ4 unencrypted LE contiguous unique double\n" +
				"size=20000L/c800P birth=500L/500P fill=1\ncksum=1:ab:0:4\n"},
		{"gang", block{dvas: [3][3]uint64{{2, 0x1000, 0x400}}, gang: true, dedup: true, big: true, logical: 1, physical: 1, compress: 2, checksum: 4, typ: 10,
			level: 3, birth: 9, phys: 7, fill: 12},
			"DVA[0]=<2:1000:400>\n[L3 DNODE] GANG_HEADER OFF unencrypted BE gang dedup zero\nsize=200L/200P birth=9L/7P fill=12\ncksum=0:0:0:0\n"},
		{"encrypted", block{dvas: [3][3]uint64{two[0], {}, {0, 0, 0}}, crypt: true, logical: 8, physical: 8, compress: 2, checksum: 8, typ: 19, birth: 4, fill: 0xabc<<32 | 1},
			"DVA[0]=<0:7a400000:20000>\nsalt=0 iv=0:abc\n[L0 PLAIN_FILE_CONTENTS] SHA256 OFF encrypted LE contiguous unique single\n" +
				"size=1000L/1000P birth=4L/4P fill=1\ncksum=0:0:0:0\n"},
		{"authenticated", block{dvas: two, crypt: true, logical: 8, physical: 8, compress: 2, checksum: 8, typ: 10, birth: 4, fill: 1},
			"DVA[0]=<0:7a400000:20000>\nDVA[1]=<1:1234000:20000>\n[L0 DNODE] SHA256 OFF authenticated LE contiguous unique double\n" +
				"size=1000L/1000P birth=4L/4P fill=1\ncksum=0:0:0:0\n"},
		{"embedded", block{embedded: true, logical: 0x1000, physical: 0x55, compress: 15, typ: 20, birth: 31},
			"EMBEDDED [L0 DIRECTORY_CONTENTS] et=0 LZ4 size=1000L/55P birth=31L\n"},
		{"hole", block{logical: 256, physical: 1, typ: 19, level: 1, birth: 77}, "HOLE [L1 PLAIN_FILE_CONTENTS] size=20000L birth=77L\n"},
		{"unknown", block{dvas: two, logical: 1, physical: 1, compress: 99, checksum: 200, typ: 77, birth: 1},
			"DVA[0]=<0:7a400000:20000>\nDVA[1]=<1:1234000:20000>\n[L0 ? (77)] ? (200) ? (99) unencrypted LE contiguous unique double\n" +
				"size=200L/200P birth=1L/1P fill=0\ncksum=0:0:0:0\n"},
	}
	at := uint64(0)
	_, s := changed(t, func(sys *illumos.System) {
		sys.At("dmu_object_type_info_t", sys.Global("zfs`dmu_ot").Addr+19*sys.Size("dmu_object_type_info_t")).Set("ot_encrypt", 1)
		at = sys.Alloc(uint64(128 * len(cases)))
		for i, c := range cases {
			for j, w := range c.words() {
				sys.PutU64(at+uint64(128*i+8*j), w)
			}
		}
	})
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) { s.Run(fmt.Sprintf("%x::blkptr", at+uint64(128*i))).OK().Want(c.want) })
	}
	s.Run(fmt.Sprintf("%x::dva", at)).OK().Want("<0:7a400000:20000>\n")
	s.Run(fmt.Sprintf("%x::dva", at+16)).OK().Want("<1:1234000:20000>\n")
}
