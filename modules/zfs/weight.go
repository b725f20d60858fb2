package zfs

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func weightDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "metaslab_weight", Usage: "?weight", MDBUsage: "weight", Descr: "print metaslab weight", Table: weightTable, Run: runWeight,
			Help: "Decodes the weight of a metaslab, given as a number or by its address: whether the\nmetaslab is active as a primary (P) or secondary (S) one, and by what it is weighed,\nits free space or its largest free segments, as how many there are of which size.\n"},
		{Name: "metaslab_trace", Usage: ":", Descr: "print metaslab allocation trace records", Type: "metaslab_alloc_trace_t", Table: traceTable, Run: noArgs(runTrace),
			Help: "Prints an attempt to allocate from a metaslab: the offset that it gave, or why it\nfailed. The attempts of an I/O are on the list in its io_alloc_list.\n"},
	}
}

var weightTable = &core.Table{
	Head: "%<u>%-6s %9s %9s%</u>\n", Line: "%6s %8s %11s \n",
	Cols: []core.Field{{Name: "active", Head: "ACTIVE"}, {Name: "algorithm", Head: "ALGORITHM"}, {Name: "weight", Head: "WEIGHT"}},
	Pipe: 2,
}

var traceTable = &core.Table{
	Head: "%<u>%6s %6s %8s %11s %11s %18s %18s%</u>\n", Line: "%6s %6d %8llx %11llx %11s  %18s %18s\n", Type: "metaslab_alloc_trace_t",
	Cols: []core.Field{{Name: "msid", Head: "MSID"}, {Name: "dva", Head: "DVA"}, {Name: "asize", Head: "ASIZE"}, {Name: "allocator", Head: "ALLOCATOR"},
		{Name: "weight", Head: "WEIGHT"}, {Name: "result", Head: "RESULT"}, {Name: "vdev", Head: "VDEV"}},
}

// The bits of a metaslab's weight (sys/metaslab_impl.h): whether it is active, by what
// it is weighed, and either its free bytes or an exponent and how many segments of that
// size it has.
const (
	weightPrimary   = 1 << 63
	weightSecondary = 1 << 62
	weightClaim     = 1 << 61
	weightSpace     = 1 << 60
)

func weightBySpace(w uint64) bool { return w == 0 || w&weightSpace != 0 }

// weightText is what a weight stands for.
func weightText(w uint64) string {
	if weightBySpace(w) {
		return out.NiceNum(w &^ (weightPrimary | weightSecondary | weightClaim | weightSpace))
	}
	return fmt.Sprintf("%d x %s", bits(w, 0, 54), out.NiceNum(1<<bits(w, 54, 6)))
}

func runWeight(c *core.Ctx) error {
	var w uint64
	var err error
	switch {
	case c.HasAddr && len(c.Args) == 0:
		if w, err = c.ReadUint(c.Addr, 8); err != nil {
			return kernel.Failed(err, "failed to read weight at %x", c.Addr)
		}
	case !c.HasAddr && len(c.Args) == 1:
		if w, err = argNumber(c, c.Args[0]); err != nil {
			return err
		}
	default:
		return core.ErrUsage
	}
	if c.PipeOut {
		c.Emit(w, nil)
		return nil
	}
	active, by := "-", "SEGMENT"
	switch {
	case w&weightPrimary != 0:
		active = "P"
	case w&weightSecondary != 0:
		active = "S"
	}
	if weightBySpace(w) {
		by = "SPACE"
	}
	c.Row(active, by, weightText(w))
	return nil
}

// argNumber is the value of an argument.
func argNumber(c *core.Ctx, a core.Arg) (uint64, error) {
	if a.IsImm {
		return a.Imm, nil
	}
	return c.Strtoull(a.Str)
}

// traceLayout is how the release lays out metaslab_alloc_trace_t.
type traceLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Group     kernel.Field `ctf:"mat_mg"`
	Metaslab  kernel.Field `ctf:"mat_msp"`
	Bytes     kernel.Field `ctf:"mat_size"`
	Weight    kernel.Field `ctf:"mat_weight"`
	Offset    kernel.Field `ctf:"mat_offset"`
	DVA       kernel.Field `ctf:"mat_dva_id"`
	Allocator kernel.Field `ctf:"mat_allocator,optional"`
}

func runTrace(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	l, b, err := read(v, "metaslab_alloc_trace_t", c.Addr, func(l *traceLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	if c.PipeOut {
		c.Emit(c.Addr, v.TypeOrNil("metaslab_alloc_trace_t"))
		return nil
	}
	id := "-"
	if ms := l.Metaslab.Of(b); ms != 0 {
		ml, mb, err := read(v, "metaslab_t", ms, func(l *metaslabLayout) uint64 { return l.Size })
		if err != nil {
			return err
		}
		id = fmt.Sprint(ml.ID.Of(mb))
	}
	vdev, err := groupDevice(v, l.Group.Of(b))
	if err != nil {
		return err
	}
	offset := l.Offset.Of(b)
	result, style := fmt.Sprintf("%x", offset), "%<b>%18s%</b> "
	if int64(offset) < 0 {
		style = "%18s "
		if result = enumerator(v, "enum trace_alloc_type", "TRACE_", offset); result == "" {
			result = fmt.Sprintf("? (%d)", int32(offset))
		}
	}
	dva, size, allocator, weight := l.DVA.Of(b), l.Bytes.Of(b), l.Allocator.Of(b), weightText(l.Weight.Of(b))
	c.Head()
	c.Record(func() {
		c.Printf("%6s %6d %8llx %11llx %11s ", id, int(int32(dva)), size, allocator, weight)
		c.Printf(style, result)
		c.Printf("%18s\n", vdev)
	}, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "msid", Value: id}, out.Field{Name: "dva", Value: dva}, out.Field{Name: "asize", Value: size},
		out.Field{Name: "allocator", Value: allocator}, out.Field{Name: "weight", Value: weight}, out.Field{Name: "result", Value: result},
		out.Field{Name: "vdev", Value: vdev})
	return nil
}

// deviceIDLayout is what names a vdev that has no path.
type deviceIDLayout struct {
	Size uint64       `ctf:"sizeof"`
	ID   kernel.Field `ctf:"vdev_id"`
}

// groupDevice names the device of a group of metaslabs: the last part of its path, or
// its type and number; "" if there is no group.
func groupDevice(v *kernel.View, group uint64) (string, error) {
	if group == 0 {
		return "", nil
	}
	gl, gb, err := read(v, "metaslab_group_t", group, func(l *groupLayout) uint64 { return l.Size })
	if err != nil {
		return "", err
	}
	vdev := gl.Vdev.Of(gb)
	if vdev == 0 {
		return "", nil
	}
	l, b, err := readVdev(v, vdev)
	if err != nil {
		return "", err
	}
	name, err := vdevName(v, l, b)
	if err != nil || l.Path.Of(b) != 0 || l.Type.Of(b) == 0 {
		return name[strings.LastIndexByte(name, '/')+1:], err
	}
	il, ib, err := read(v, "vdev_t", vdev, func(l *deviceIDLayout) uint64 { return l.Size })
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s-%d", name, il.ID.Of(ib)), nil
}
