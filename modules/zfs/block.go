package zfs

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func blockDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "blkptr", Usage: ":", Descr: "print blkptr_t", Type: "blkptr_t", Run: noArgs(runBlkptr),
			Help: "Decodes a block pointer: where the copies are as <vdev:offset:size>, the level, what\nthe block is of, checksum, compression, encryption, byte order, sizes, births.\n"},
		{Name: "dva", Usage: ":", Descr: "print dva_t", Type: "dva_t", Run: noArgs(runDva)},
	}
}

// The encodings of dva_t and blkptr_t are those of the pools on disk (sys/spa.h), and
// the same on every system: a DVA is two words, a block pointer sixteen.
const (
	blkptrSize = 128
	sector     = 9 // SPA_MINBLOCKSHIFT: units of sizes and offsets
)

// bits takes n bits out of a word.
func bits(w uint64, from, n uint) uint64 { return w >> from & (1<<n - 1) }

// dva is where a copy of a block is.
type dva [2]uint64

func (d dva) vdev() uint64   { return bits(d[0], 32, 24) }
func (d dva) asize() uint64  { return bits(d[0], 0, 24) << sector }
func (d dva) offset() uint64 { return bits(d[1], 0, 63) << sector }
func (d dva) gang() bool     { return d[1]>>63 != 0 }
func (d dva) String() string { return fmt.Sprintf("<%d:%x:%x>", d.vdev(), d.offset(), d.asize()) }

func runDva(c *core.Ctx) error {
	b, err := kernel.Of(c.Session).Bytes(c.Addr, 16, nil)
	if err != nil {
		return kernel.Failed(err, "failed to read dva_t")
	}
	d := dva{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
	c.Record(func() { c.Printf("%s\n", d.String()) }, out.Field{Name: "vdev", Value: d.vdev()},
		out.Field{Name: "offset", Value: out.Hex(d.offset())}, out.Field{Name: "asize", Value: out.Hex(d.asize())})
	return nil
}

// blkptr is a block pointer's words.
type blkptr [blkptrSize / 8]uint64

// The words of a block pointer behind its DVAs.
const (
	wordProp      = 6
	wordPhysBirth = 9
	wordBirth     = 10
	wordFill      = 11
	wordChecksum  = 12
)

func (p *blkptr) dva(i int) dva  { return dva{p[2*i], p[2*i+1]} }
func (p *blkptr) embedded() bool { return bits(p[wordProp], 39, 1) != 0 }
func (p *blkptr) crypt() bool    { return bits(p[wordProp], 61, 1) != 0 }
func (p *blkptr) kind() uint64   { return bits(p[wordProp], 48, 8) }
func (p *blkptr) level() uint64  { return bits(p[wordProp], 56, 5) }
func (p *blkptr) hole() bool     { return !p.embedded() && p.dva(0) == dva{} }

// protection is what encryption does for a block: data is encrypted if it is of a type
// that is, else it is authenticated; blocks of pointers have a checksum of those below.
func (p *blkptr) protection(secret func(typ uint64) bool) string {
	switch {
	case !p.crypt():
		return "unencrypted"
	case p.level() > 0:
		return "indirect-MAC"
	case secret(p.kind()):
		return "encrypted"
	}
	return "authenticated"
}

func (p *blkptr) sizes() (logical, physical uint64) {
	if p.embedded() { // in bytes
		return bits(p[wordProp], 0, 25) + 1, bits(p[wordProp], 25, 7) + 1
	}
	if p.hole() && p[wordProp] == 0 {
		return 1 << sector, 0
	}
	return (bits(p[wordProp], 0, 16) + 1) << sector, (bits(p[wordProp], 16, 16) + 1) << sector
}

// Types of objects that dmu_ot does not describe have what they are in their bits
// (sys/dmu.h).
const (
	newType      = 0x80
	newEncrypted = 0x20
)

type typeInfoLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Encrypt kernel.Field `ctf:"ot_encrypt,optional"`
}

// encryptedType tells whether blocks of a type are encrypted in encrypted datasets.
func encryptedType(v *kernel.View, typ uint64) bool {
	if typ&newType != 0 {
		return typ&newEncrypted != 0
	}
	m, err := v.Symbol("zfs", "dmu_ot")
	if err != nil {
		return false
	}
	l, err := kernel.Lay[typeInfoLayout](v, "dmu_object_type_info_t")
	if err != nil || (typ+1)*l.Size > m.Size {
		return false
	}
	b, err := v.Bytes(m.Value+typ*l.Size, l.Size, nil)
	return err == nil && l.Encrypt.OK() && l.Encrypt.Of(b) != 0
}

func runBlkptr(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	b, err := v.Bytes(c.Addr, blkptrSize, nil)
	if err != nil {
		return kernel.Failed(err, "failed to read blkptr_t")
	}
	p := blockAt(b)
	secret := func(typ uint64) bool { return encryptedType(v, typ) }
	text := p.text(p.protection(secret), func(typ, prefix string, n uint64) string {
		if s := enumerator(v, typ, prefix, n); s != "" {
			return s
		}
		return fmt.Sprintf("? (%d)", n)
	})
	c.Record(func() { c.Printf("%s\n", text) }, out.Field{Name: "blkptr", Value: text})
	return nil
}

// text decodes a block pointer as ZFS itself prints them.
func (p *blkptr) text(protection string, name func(typ, prefix string, n uint64) string) string {
	prop := p[wordProp]
	typ := name("enum dmu_object_type", "DMU_OT_", p.kind())
	compress := name("enum zio_compress", "ZIO_COMPRESS_", p.compression())
	logical, physical := p.sizes()
	switch {
	case p.hole():
		return fmt.Sprintf("HOLE [L%d %s] size=%xL birth=%dL", p.level(), typ, logical, p[wordBirth])
	case p.embedded():
		return fmt.Sprintf("EMBEDDED [L%d %s] et=%d %s size=%xL/%xP birth=%dL", p.level(), typ, p.embeddedType(), compress, logical, physical, p[wordBirth])
	}
	var b strings.Builder
	encrypted, dvas, copies := protection == "encrypted", 3, 0
	if encrypted { // the third DVA has the salt and the initialization vector
		dvas = 2
	}
	for i := range dvas {
		if d := p.dva(i); d.asize() != 0 {
			copies++
			fmt.Fprintf(&b, "DVA[%d]=%s\n", i, d)
		}
	}
	if encrypted {
		salt, iv := p.dva(2), p[wordFill]>>32
		fmt.Fprintf(&b, "salt=%x iv=%x:%x\n", salt[0], salt[1], iv)
	}
	choose := func(is bool, yes, no string) string {
		if is {
			return yes
		}
		return no
	}
	fill, physBirth := p[wordFill], p.physBirth()
	if encrypted {
		fill &= 1<<32 - 1
	}
	gang := p.dva(0).gang()
	if gang && p.dva(2).asize() <= p.dva(1).asize()/2 {
		copies--
	}
	fmt.Fprintf(&b, "[L%d %s] %s %s %s %s %s %s %s\n", p.level(), typ, name("enum zio_checksum", "ZIO_CHECKSUM_", bits(prop, 40, 8)), compress,
		protection, choose(p.littleEndian(), "LE", "BE"), choose(gang, "gang", "contiguous"),
		choose(bits(prop, 62, 1) != 0, "dedup", "unique"), [...]string{"zero", "single", "double", "triple"}[max(copies, 0)])
	fmt.Fprintf(&b, "size=%xL/%xP birth=%dL/%dP fill=%d\ncksum=%x:%x:%x:%x", logical, physical, p[wordBirth], physBirth, fill,
		p[wordChecksum], p[wordChecksum+1], p[wordChecksum+2], p[wordChecksum+3])
	return b.String()
}
