package zfs

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func spaceMapDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "sm_entries", Usage: ":[bytes]", MDBUsage: "<buffer length in bytes>", Descr: "print out space map entries from a buffer decoded", Run: runEntries,
			Help: "Decodes the entries of a space map in a buffer of so many bytes, or the first entry:\nwhere it is, whether it allocates (A) or frees (F), and what. Offsets and sizes are\nin the units of the space map. Entries of the debug kind tell with which transaction\ngroup and pass what follows was written.\n"},
		{Name: "logsm_stats", Usage: ":", Descr: "print log space map statistics of a spa_t", Type: "spa_t", Run: noArgs(runLogStats),
			Help: "Prints the logs of space maps of a pool: of which transaction group each is, how many\nblocks it has, of how many metaslabs it holds changes, its object; then the summary\nby which the pool decides what to flush.\n"},
	}
}

// Entries of space maps (sys/space_map.h): the first two bits tell the kind. One of a
// word has no prefix but a zero first bit; one of two words has its offset in the
// second.
const (
	entryDebug    = 2
	entryTwoWords = 3
	noVdev        = 1 << 24 // SM_NO_VDEVID
)

var entryActions = [...]string{"ALLOC", "FREE", "INVALID", "INVALID"}

// spaceEntry is an entry of a space map, in its units.
type spaceEntry struct {
	typ               byte // 'A' or 'F'
	offset, run, vdev uint64
	words             int
}

// decodeEntry decodes an entry of a word, or of two.
func decodeEntry(word uint64, second func() (uint64, error)) (spaceEntry, error) {
	typ := func(free uint64) byte { return "AF"[free] }
	if bits(word, 62, 2) != entryTwoWords {
		return spaceEntry{typ(bits(word, 15, 1)), bits(word, 16, 47), bits(word, 0, 15) + 1, noVdev, 1}, nil
	}
	next, err := second()
	return spaceEntry{typ(bits(next, 63, 1)), bits(next, 0, 63), bits(word, 24, 36) + 1, bits(word, 0, 24), 2}, err
}

func runEntries(c *core.Ctx) error {
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	at, end, one := c.Addr, c.Addr+1, len(c.Args) == 0
	if !one {
		n, err := argNumber(c, c.Args[0])
		if err != nil {
			return err
		}
		if end = at + n; end < at {
			return fmt.Errorf("a buffer of %#x bytes at %x is longer than memory", n, at)
		}
	}
	read := func() (uint64, error) {
		w, err := c.ReadUint(at, 8)
		if err != nil {
			return 0, kernel.Failed(err, "failed to read space map entry %x", at)
		}
		at += 8
		return w, nil
	}
	for at < end {
		if c.Err() != nil {
			return core.ErrIntr
		}
		start := at
		word, err := read()
		if err != nil {
			return err
		}
		if bits(word, 62, 2) == entryDebug {
			showDebugEntry(c, start, word)
			continue
		}
		e, err := decodeEntry(word, func() (uint64, error) {
			if at >= end && !one {
				return 0, errors.New("buffer ends in the middle of a two word entry")
			}
			return read()
		})
		if err != nil {
			return err
		}
		e.show(c, start)
	}
	return nil
}

// showDebugEntry prints an entry that says when what follows was written. MDB prints its
// address in decimal, and the others' in hexadecimal.
func showDebugEntry(c *core.Ctx, at, w uint64) {
	action, txg, pass := entryActions[bits(w, 60, 2)], bits(w, 0, 50), bits(w, 50, 10)
	c.Record(func() { c.Printf("\t    [%6llu] %s: txg %llu, pass %llu\n", at, action, txg, pass) },
		out.Field{Name: "addr", Value: out.Hex(at)}, out.Field{Name: "action", Value: action}, out.Field{Name: "txg", Value: txg}, out.Field{Name: "pass", Value: pass})
}

func (e spaceEntry) show(c *core.Ctx, at uint64) {
	var vdev any
	if e.vdev != noVdev {
		vdev = e.vdev
	}
	c.Record(func() {
		c.Printf("\t    [%6llx]    %c  range: %010llx-%010llx  size: %06llx vdev: %06llu words: %llu\n", at, int(e.typ), e.offset, e.offset+e.run, e.run, e.vdev, uint64(e.words))
	}, out.Field{Name: "addr", Value: out.Hex(at)}, out.Field{Name: "type", Value: string(e.typ)}, out.Field{Name: "offset", Value: out.Hex(e.offset)},
		out.Field{Name: "size", Value: e.run}, out.Field{Name: "vdev", Value: vdev}, out.Field{Name: "words", Value: e.words})
}

// logsLayout is where a pool keeps its logs of space maps.
type logsLayout struct {
	Logs    kernel.Field `ctf:"spa_sm_logs_by_txg"`
	Summary kernel.Field `ctf:"spa_log_summary"`
}

type logLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Txg       kernel.Field `ctf:"sls_txg"`
	Blocks    kernel.Field `ctf:"sls_nblocks"`
	Metaslabs kernel.Field `ctf:"sls_mscount"`
	Object    kernel.Field `ctf:"sls_sm_obj"`
}

type logSummaryLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Start     kernel.Field `ctf:"lse_start"`
	Blocks    kernel.Field `ctf:"lse_blkcount"`
	Metaslabs kernel.Field `ctf:"lse_mscount"`
}

func runLogStats(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	l, err := kernel.Lay[logsLayout](v, "spa_t")
	if err != nil {
		return err
	}
	heading(c, "Log Entries:\n%7s %7s %7s %7s\n", "txg", "blk", "ms", "obj")
	for a, err := range v.Tree("spa_log_sm_t", c.Addr+l.Logs.Off) {
		if err != nil {
			return err
		}
		l, b, err := read(v, "spa_log_sm_t", a, func(l *logLayout) uint64 { return l.Size })
		if err != nil {
			return err
		}
		figures(c, a, "log", []string{"txg", "blk", "ms", "obj"}, l.Txg.Of(b), l.Blocks.Of(b), l.Metaslabs.Of(b), l.Object.Of(b))
	}
	heading(c, "\nSummary Entries:\n%7s %7s %7s\n", "txg", "blk", "ms")
	for a, err := range v.List("log_summary_entry_t", c.Addr+l.Summary.Off) {
		if err != nil {
			return err
		}
		l, b, err := read(v, "log_summary_entry_t", a, func(l *logSummaryLayout) uint64 { return l.Size })
		if err != nil {
			return err
		}
		figures(c, a, "summary", []string{"txg", "blk", "ms"}, l.Start.Of(b), l.Blocks.Of(b), l.Metaslabs.Of(b))
	}
	return nil
}

// heading prints what is over rows of text.
func heading(c *core.Ctx, format string, args ...any) {
	if !c.Opts.JSON {
		c.Printf(format, args...)
	}
}

// figures prints a row of numbers.
func figures(c *core.Ctx, addr uint64, kind string, names []string, values ...uint64) {
	fields := []out.Field{{Name: "addr", Value: out.Hex(addr)}, {Name: "kind", Value: kind}}
	for i, n := range values {
		fields = append(fields, out.Field{Name: names[i], Value: n})
	}
	c.Record(func() {
		for i, n := range values {
			if i > 0 {
				c.Printf(" ")
			}
			c.Printf("%7lld", n)
		}
		c.Printf("\n")
	}, fields...)
}
