package linuxdump

import (
	"context"
	"debug/elf"
	"fmt"
	"io"

	"github.com/xmdb/xmdb/core/mem"
)

// The format of LiME, which dumps the memory of a machine that runs (its
// doc/README.md, "lime" format): ranges one after the other, each with a header of 32
// bytes in front: magic, version 1, first and last physical address, 8 bytes of
// nothing.
const (
	limeMagic      = 0x4c694d45
	limeHeaderSize = 32
	maxLimeRanges  = 1 << 16
)

func isLime(head []byte) bool {
	return len(head) >= limeHeaderSize && le.Uint32(head) == limeMagic && le.Uint32(head[4:]) == 1
}

// openLime takes the memory of a file in LiME's format.
func (t *Target) openLime(ctx context.Context, p part) error {
	t.machine, t.format = elf.EM_X86_64, "LiME"
	var pieces []piece
	n, there, err := 0, uint64(0), error(nil)
	for at := uint64(0); at < p.size; n++ {
		if err = ctx.Err(); err != nil {
			return err
		}
		var h [limeHeaderSize]byte
		got, rerr := p.r.ReadAt(h[:], int64(at))
		if got < len(h) {
			err = short(rerr)
			break
		}
		first, last := le.Uint64(h[8:]), le.Uint64(h[16:])
		if !isLime(h[:]) || last < first || last-first >= 1<<62 || n == maxLimeRanges {
			err = fmt.Errorf("the range at byte %d is damaged", at)
			break
		}
		at += limeHeaderSize
		g := progHeader{off: at, filesz: last - first + 1}
		pieces = cutPiece(pieces, first, &g, p.size, mem.ErrNotDumped)
		there += min(g.filesz, p.size-at)
		if g.filesz > p.size-at {
			err = io.ErrUnexpectedEOF
			break
		}
		at += g.filesz
	}
	if err == io.ErrUnexpectedEOF {
		t.warn("the file ends early, in range %d", n+1)
	} else if err != nil {
		t.warn("%v: what comes after is missing", err)
	}
	t.setPieces(arrange(pieces), mem.NewCache(p.r, int64(p.size), fileCache))
	t.detail("%s of memory in %d ranges", bytesText(there), n)
	t.detail("nothing of processors")
	return nil
}
