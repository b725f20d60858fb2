package unix

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// A gate descriptor of amd64, as the processor has it.
const (
	gateSize  = 16
	gateCount = 256 // of an interrupt descriptor table

	gateInterrupt, gateTrap, gateTask = 14, 15, 5
)

type gate struct {
	handler                  uint64
	selector, ist, typ, priv uint64
	present                  bool
}

func readGate(v *kernel.View, at uint64) (g gate, err error) {
	b, err := v.Bytes(at, gateSize, nil)
	if err != nil {
		return g, kernel.Failed(err, "failed to read gate descriptor at %x", at)
	}
	w := binary.LittleEndian.Uint64(b)
	return gate{
		handler:  w&0xffff | w>>32&0xffff0000 | uint64(binary.LittleEndian.Uint32(b[8:]))<<32,
		selector: w >> 16 & 0xffff, ist: w >> 32 & 7, typ: w >> 40 & 31, priv: w >> 45 & 3, present: w>>47&1 != 0,
	}, nil
}

// gateTable is the table of gates; indent is the room of what stands before them.
func gateTable(indent string) *core.Table {
	t := &core.Table{
		Head: indent + "%<u>%-30s%</u> %<u>%-4s%</u> %<u>%3s%</u> %<u>%1s%</u> %<u>%3s%</u> %<u>%3s%</u>\n", Line: "%-30s %4x  %d  %s %3s %2x\n",
		Cols: []core.Field{{Name: "handler", Head: "HANDLER"}, {Name: "selector", Head: "SEL"}, {Name: "dpl", Head: "DPL"},
			{Name: "present", Head: "P"}, {Name: "type", Head: "TYP"}, {Name: "ist", Head: "IST"}},
	}
	if indent != "" {
		t.Head = "%5s" + t.Head[len(indent):]
		t.Line = "%5s" + t.Line
		t.Cols = append([]core.Field{{Name: "vector"}}, t.Cols...)
	}
	return t
}

func (g *gate) cells(c *core.Ctx) []any {
	typ := out.Sprintf(nil, "%3x", g.typ)
	switch g.typ {
	case gateInterrupt:
		typ = "int"
	case gateTrap:
		typ = "trp"
	case gateTask:
		typ = "tsk"
	}
	handler := any("-")
	if g.typ != gateTask {
		handler = out.Sprintf(c.OutEnv(), "%a", g.handler)
	}
	present := any(g.present)
	if !c.Opts.JSON {
		present = " "
		if g.present {
			present = "+"
		}
	}
	return []any{handler, out.Hex(g.selector), g.priv, present, typ, out.Hex(g.ist)}
}

func runGate(c *core.Ctx) error {
	g, err := readGate(kernel.Of(c.Session), c.Addr)
	if err != nil {
		return err
	}
	c.Row(g.cells(c)...)
	return nil
}

func runIDT(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	at := c.Addr
	if !c.HasAddr {
		var err error
		if at, err = v.Variable("unix", "idt0"); err != nil {
			return kernel.Failed(err, "failed to find VA of idt0")
		}
	}
	for i := range uint64(gateCount) {
		g, err := readGate(v, at+i*gateSize)
		if err != nil {
			return err
		}
		label := any(i)
		if !c.Opts.JSON {
			label = out.Sprintf(nil, "%3d: ", i)
		}
		c.Row(append([]any{label}, g.cells(c)...)...)
	}
	return nil
}
