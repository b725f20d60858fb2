package system_test

import (
	"encoding/binary"
	"io"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/illumoscore"
)

// process is the memory of a process of the fixtures, with words of it changed.
type process struct {
	*illumoscore.Core
	words map[uint64]byte
}

func (p *process) ReadAt(b []byte, a mem.Addr) (int, error) {
	for _, m := range p.Mem.Maps {
		if at := uint64(a); at >= m.Base && at < m.End() {
			n := copy(b, m.Data[at-m.Base:])
			for i := range n {
				if v, ok := p.words[at+uint64(i)]; ok {
					b[i] = v
				}
			}
			if n < len(b) {
				return n, io.ErrUnexpectedEOF
			}
			return n, nil
		}
	}
	return 0, mem.ErrUnmapped
}

// FuzzIllumosObjects changes bytes of what the run-time linker keeps, as the input says:
// two bytes of place, one of value.
func FuzzIllumosObjects(f *testing.F) {
	var cores []*illumoscore.Core
	for _, m := range []illumoscore.Model{illumoscore.LP64, illumoscore.ILP32} {
		c, err := illumoscore.Storemgr(m).Build()
		if err != nil {
			f.Fatal(err)
		}
		cores = append(cores, c)
	}
	f.Add([]byte{0, 0, 0, 0, 1, 200})
	f.Add([]byte{0x10, 0x20, 0xff, 0x01, 0x08, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range cores {
			p := &process{c, map[uint64]byte{}}
			start := c.Sym("ld.so.1`rtld_db_priv")
			for in := b; len(in) >= 3; in = in[3:] {
				p.words[start+uint64(binary.LittleEndian.Uint16(in)%0x3400)] = in[2]
			}
			l, err := system.IllumosObjects(p, c.P.Model.Word(), c.Aux, 0)
			if len(p.words) == 0 && (err != nil || len(l) != len(c.P.Libs)) {
				t.Errorf("%d objects: %v", len(l), err)
			}
			if len(l) > 1<<16 {
				t.Errorf("%d objects", len(l))
			}
		}
	})
}
