package dcmds

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// writesDcmds tell what the session has changed.
func writesDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "writes", Usage: "[-u num]", Descr: "list what was written, with the old values",
		Help: "Lists every write of this session to its target, oldest first: by the formats\n" +
			"v w W Z of / ? and \\, by ::write, by modules. Values of 1, 2, 4 and 8 bytes are\n" +
			"numbers of the target's byte order, others bytes in the order of memory.\n\n" +
			"-u num    write the old value of write num back (which is a write, too)\n",
		Opts: []core.Opt{{Letter: 'u', Kind: core.Uint, Arg: "num", Help: "undo write num"}},
		Table: &core.Table{
			Head: "%<u>%4s %-8s %?s %5s %18s %18s%</u>\n",
			Line: "%4d %-8s %?p %5d %18s %18s\n",
			Pipe: 2,
			Cols: []core.Field{
				{Name: "num", Head: "NUM", Descr: "for -u"},
				{Name: "space", Head: "SPACE", Descr: "virtual, object or physical"},
				{Name: "addr", Head: "ADDR", Descr: "address of the first byte"},
				{Name: "size", Head: "SIZE", Descr: "in bytes"},
				{Name: "old", Head: "OLD", Descr: "value before"},
				{Name: "new", Head: "NEW", Descr: "value written"},
			},
		},
		Run: runWrites,
	}}
}

func runWrites(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if n, ok := c.OptUint('u'); ok {
		if err := c.Restore(int(min(n, 1<<31-1))); err != nil {
			c.Warnf("failed to undo: %s", err.Error())
			return core.ErrFailed
		}
		return nil
	}
	order := c.Arch().Order
	for i, w := range c.Writes() {
		size := len(w.New)
		c.Row(i, w.Space, out.Addr(w.Addr), size, written(w.Old, size, order), written(w.New, size, order))
	}
	return nil
}

// written shows bytes, "?" where not all size of them are known.
func written(b []byte, size int, order binary.ByteOrder) string {
	if len(b) != size {
		return "?"
	}
	switch size {
	case 1, 2, 4, 8:
		return out.Hex(mem.Uint(b, order)).String()
	}
	return hex.EncodeToString(b)
}
