package dcmds

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/unwind"
)

// frameDetail is what debug information says of a frame.
type frameDetail struct {
	file    string
	line    int
	args    string
	inlines []inlineFrame // innermost first
}

// inlineFrame is a function inlined into the frame's, where the frame is in it.
type inlineFrame struct {
	name, args, file string
	line             int
}

// debugAt gives the debug data for an address and the address in its file.
func debugAt(s *core.Session, addr uint64) (*dwarf.Data, *sym.Object, uint64) {
	t, ok := core.As[core.DebugInfo](s.Context())
	if !ok {
		return nil, nil, 0
	}
	o := s.Namespace().ObjectAt(addr)
	if o == nil {
		return nil, nil, 0
	}
	return t.DebugData(o), o, addr - o.Bias
}

// detail looks a frame up. The innermost inlined function is at the frame's line;
// each of the others, and the frame's own function, where the one inside it was
// called.
func detail(c *core.Ctx, f *unwind.Frame) frameDetail {
	d, _, pc := debugAt(c.Session, f.CodeAddr())
	if d == nil {
		return frameDetail{}
	}
	out := frameDetail{}
	out.file, out.line, _ = d.Line(pc)
	fn, err := d.Function(pc)
	if err != nil {
		return out
	}
	inl, err := fn.Inlines(pc)
	if err != nil {
		return out
	}
	for _, in := range inl {
		out.inlines = append(out.inlines, inlineFrame{name: in.Name(), file: out.file, line: out.line})
		out.file, out.line = in.CallFile, in.CallLine
	}
	return out
}
