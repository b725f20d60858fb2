package dcmds

import (
	"encoding/hex"
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func dumpDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "dump", Usage: "?[-eqrstu] [-f|-p] [-g bytes] [-l bytes] [-w paragraphs]",
		Descr: "dump memory from specified address",
		Help: "-e    adjust for endianness\n      (assumes 4-byte words; use -g to change word size)\n" +
			"-f    dump from object file\n" +
			"-g n  display bytes in groups of n\n      (default is 4; n must be a power of 2, divide line width)\n" +
			"-l n  display n bytes\n      (default is 1; rounded up to a multiple of the line width)\n" +
			"-p    dump from physical memory\n" +
			"-q    don't print ASCII\n" +
			"-r    use relative numbering (automatically sets -u)\n" +
			"-s    elide repeated lines\n" +
			"-t    only read from and display contents of specified addresses\n      (default is to read and print entire lines)\n" +
			"-u    un-align output\n      (default is to align output at paragraph boundary)\n" +
			"-v    print addresses in full width\n" +
			"-w n  display n 16-byte paragraphs per line\n      (default is 1, maximum is 16)\n",
		Opts: []core.Opt{
			{Letter: 'e'}, {Letter: 'f'}, {Letter: 'p'}, {Letter: 'q'}, {Letter: 'r'},
			{Letter: 's'}, {Letter: 't'}, {Letter: 'u'}, {Letter: 'v'},
			{Letter: 'g', Kind: core.Uint, Arg: "bytes"},
			{Letter: 'l', Kind: core.Uint, Arg: "bytes"},
			{Letter: 'w', Kind: core.Uint, Arg: "paragraphs"},
		}, Run: runDump,
	}}
}

func runDump(c *core.Ctx) error {
	group, width, length := uint64(4), uint64(1), c.Count
	if v, ok := c.OptUint('g'); ok {
		group = v
	}
	if v, ok := c.OptUint('w'); ok {
		width = v
	}
	if v, ok := c.OptUint('l'); ok {
		if c.Count > 1 {
			return core.ErrUsage
		}
		length = v
	}
	if len(c.Args) != 0 || c.Opt('p') && c.Opt('f') ||
		width == 0 || width > 16 || group == 0 || group > 256 {
		return core.ErrUsage
	}
	addr := c.Addr
	var record func(uint64, []byte)
	if c.Opts.JSON && !c.PipeOut {
		record = func(a uint64, data []byte) { dumpRecord(c, a, data) }
	}
	err := out.Dump(c.P, addr, length, out.DumpOpts{
		Relative: c.Opt('r'), Align: !c.Opt('u'), FullAddr: c.Opt('v'),
		ASCII: !c.Opt('q'), Header: true, Trim: c.Opt('t'), Squish: c.Opt('s'), Endian: c.Opt('e'),
		Width: int(width), Group: int(group),
		PtrSize: c.Arch().PtrSize, BigEndian: c.Arch().Order.String() == "BigEndian",
		Record: record,
		NewDot: func(a uint64) { c.SetDot(a) },
	}, reader(c, dumpSpace(c)))
	var de *out.DumpError
	switch {
	case errors.Is(err, core.ErrIntr):
		return err
	case errors.As(err, &de):
		if !errors.Is(de.Err, mem.ErrEOF) || !silentAtEnd(c) {
			c.Warnf("failed to read data at %#llx: %s", de.Addr, core.Reason(de.Err))
			return core.ErrAbort
		}
		if de.Addr <= addr {
			c.Session.Complained = true // MDB says nothing, but there was nothing
		}
	case err != nil:
		return err
	}
	if c.Loop {
		return core.ErrAbort // the count was the length
	}
	return nil
}

// dumpRecord yields a line of the dump as JSON: the bytes in hex and as text.
func dumpRecord(c *core.Ctx, addr uint64, data []byte) {
	text := make([]byte, len(data))
	for i, b := range data {
		if text[i] = b; b < ' ' || b > '~' {
			text[i] = '.'
		}
	}
	c.Record(nil, namedField("addr", out.Addr(addr)),
		namedField("bytes", hex.EncodeToString(data)), namedField("text", string(text)))
}

// dumpSpace is the space that the options name. A target without an address
// space of its own is read physically, as MDB does to reach beyond 4 GB.
func dumpSpace(c *core.Ctx) mem.Space {
	s := c.Session
	idle := false
	if t, ok := core.As[core.Stater](s.Context()); ok {
		idle = t.State() == core.StateIdle
	}
	switch {
	case c.Opt('f'):
		return interp.ObjectSpace(s)
	case c.Opt('p'), idle:
		return interp.PhysicalSpace(s)
	}
	return s.Space()
}

// silentAtEnd tells whether the dump just ends where the data does: in a file.
func silentAtEnd(c *core.Ctx) bool {
	t := c.Session.Context().Target
	return t != nil && t.Kind() == "raw"
}

// reader reads a part of buf at a time and stops when the user wants it to.
func reader(c *core.Ctx, sp mem.Space) func(buf []byte, addr uint64) (int, error) {
	return func(buf []byte, addr uint64) (int, error) {
		if c.Err() != nil {
			return 0, core.ErrIntr
		}
		n, err := sp.ReadAt(buf, mem.Addr(addr))
		if n > 0 {
			return n, nil
		}
		return 0, err
	}
}
