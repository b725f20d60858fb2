package kmem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Types of segments (sys/vmem.h).
const (
	segAlloc  = 0x01
	segFree   = 0x02
	segSpan   = 0x10
	segRotor  = 0x20
	segWalker = 0x40
)

// segNames are MDB's names of the types, with those that -T takes besides.
var segNames = map[uint64]string{segAlloc: "ALLC", segFree: "FREE", segSpan: "SPAN", segRotor: "ROTR", segWalker: "WLKR"}

var segTypes = map[string]uint64{"ALLC": segAlloc, "ALLOC": segAlloc, "FREE": segFree, "SPAN": segSpan,
	"ROTR": segRotor, "ROTOR": segRotor, "WLKR": segWalker, "WALKER": segWalker}

// segLayout is how the release lays out vmem_seg_t.
type segLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Start  kernel.Field `ctf:"vs_start"`
	End    kernel.Field `ctf:"vs_end"`
	ANext  kernel.Field `ctf:"vs_anext"`
	Type   kernel.Field `ctf:"vs_type"`
	Depth  kernel.Field `ctf:"vs_depth"`
	Thread kernel.Field `ctf:"vs_thread"`
	Time   kernel.Field `ctf:"vs_timestamp"`
	Stack  kernel.Field `ctf:"vs_stack"`
}

// segment is a vmem_seg_t, read.
type segment struct {
	addr, start, end uint64
	next             uint64
	typ, depth       uint64
	thread, time     uint64
	stack            []uint64
}

// audited tells whether who allocated the segment is known.
func (s *segment) audited() bool { return s.typ == segAlloc && s.depth != 0 && len(s.stack) > 0 }

// segReader reads segments. What is behind the members that every kernel has, is
// there only if the kernel was booted to audit.
type segReader struct {
	v    *kernel.View
	l    *segLayout
	size uint64
	buf  []byte
}

func newSegReader(v *kernel.View) (*segReader, error) {
	l, err := kernel.Lay[segLayout](v, "vmem_seg_t")
	if err != nil {
		return nil, err
	}
	size, err := v.Variable("genunix", "vmem_seg_size")
	if err != nil || size > l.Size || size < l.Depth.Off+l.Depth.Size {
		size = l.Size
	}
	return &segReader{v: v, l: l, size: size}, nil
}

// read reads a segment, with who allocated it if asked for.
func (r *segReader) read(addr uint64, s *segment, who bool) error {
	b, err := r.v.Bytes(addr, r.size, r.buf)
	if err != nil {
		return kernel.BadRead("vmem_seg", addr, err)
	}
	l := r.l
	*s = segment{addr: addr, start: l.Start.Of(b), end: l.End.Of(b), next: l.ANext.Of(b), typ: l.Type.Of(b), depth: l.Depth.Of(b)}
	if !who || s.typ != segAlloc || s.depth == 0 || s.depth > l.Stack.Size/8 {
		return nil
	}
	s.thread, s.time = l.Thread.Of(b), l.Time.Of(b)
	for i := range s.depth {
		if at := l.Stack.Off + 8*i; at+8 <= uint64(len(b)) {
			s.stack = append(s.stack, binary.LittleEndian.Uint64(b[at:]))
		}
	}
	return nil
}

// segments walks the segments of an arena, that of the vmem_t first.
func (r *segReader) segments(arena uint64, yield func(*segment) bool) error {
	al, err := kernel.Lay[arenaLayout](r.v, "vmem_t")
	if err != nil {
		return err
	}
	first := arena + al.Seg0.Off
	met := kernel.Met{}
	var s segment
	for at := first; ; {
		if met.Again(at) {
			return fmt.Errorf("vmem_seg %x is in the ring of arena %x twice", at, arena)
		}
		if err := r.read(at, &s, false); err != nil {
			return err
		}
		next := s.next
		if !yield(&s) || next == first {
			return nil
		}
		if next == 0 {
			return fmt.Errorf("vmem_seg %x of arena %x has no link to the next", at, arena)
		}
		at = next
	}
}

// walkSegments makes the walkers of segments of a type; 0 is all.
func walkSegments(name string, typ uint64) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		if !has || start == 0 {
			return noWalk(fmt.Errorf("vmem_%s does not support global walks", name))
		}
		v := kernel.Of(c.Session)
		r, err := newSegReader(v)
		if err != nil {
			return noWalk(err)
		}
		t := v.TypeOrNil("vmem_seg_t")
		return func(yield func(core.Elem, error) bool) {
			stopped := false
			err := r.segments(uint64(start), func(s *segment) bool {
				if typ == 0 || s.typ == typ {
					stopped = !yield(core.Elem{Val: s.addr, Type: t}, nil)
				}
				return !stopped
			})
			if err != nil && !stopped {
				yield(core.Elem{}, err)
			}
		}
	}
}

// segFilter is what ::vmem_seg was asked for.
type segFilter struct {
	typ              uint64
	minSize, maxSize uint64
	who              whoFilter
}

func segFilterOf(c *core.Ctx) (*segFilter, error) {
	f := &segFilter{who: whoFilterOf(c)}
	if name, ok := c.OptStr('T'); ok {
		if f.typ = segTypes[name]; f.typ == 0 {
			return nil, fmt.Errorf("%q is not a recognized vmem_seg type", name)
		}
	}
	f.minSize, _ = c.OptUint('m')
	f.maxSize, _ = c.OptUint('M')
	return f, nil
}

func (f *segFilter) wants(s *segment) bool {
	size := s.end - s.start
	switch {
	case f.typ != 0 && s.typ != f.typ, f.minSize != 0 && size < f.minSize, f.maxSize != 0 && size > f.maxSize:
		return false
	case !s.audited():
		return f.who.none()
	}
	return f.who.wants(s.thread, s.time, s.stack)
}

func runVmemSeg(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if !c.Opts.JSON && c.Header() {
		segHead(c, c.Opt('v'), c.Opt('s'))
	}
	v := kernel.Of(c.Session)
	r, err := newSegReader(v)
	if err != nil {
		return err
	}
	var s segment
	if err := r.read(c.Addr, &s, true); err != nil {
		return err
	}
	f, err := segFilterOf(c)
	if err != nil || !f.wants(&s) {
		return err
	}
	if c.PipeOut {
		c.Emit(s.addr, v.TypeOrNil("vmem_seg_t"))
		return nil
	}
	c.Record(func() { printSeg(c, &s, c.Opt('v'), c.Opt('s')) }, s.fields(c)...)
	return nil
}

func segHead(c *core.Ctx, verbose, sized bool) {
	if verbose {
		c.Printf("%16s %4s %16s %16s %16s\n%<u>%16s %4s %16s %16s %16s%</u>\n", "ADDR", "TYPE", "START", "END", "SIZE",
			"", "", "THREAD", "TIMESTAMP", "")
		return
	}
	end := "END"
	if sized {
		end = "SIZE"
	}
	c.Printf("%?s %4s %?s %?s %s\n", "ADDR", "TYPE", "START", end, "WHO")
}

func (s *segment) typeName() string {
	if n := segNames[s.typ]; n != "" {
		return n
	}
	return "????"
}

func (s *segment) fields(c *core.Ctx) []out.Field {
	f := []out.Field{{Name: "addr", Value: out.Hex(s.addr)}, {Name: "type", Value: s.typeName()}, {Name: "start", Value: out.Hex(s.start)},
		{Name: "end", Value: out.Hex(s.end)}, {Name: "size", Value: s.end - s.start}}
	if s.audited() {
		f = append(f, out.Field{Name: "thread", Value: out.Hex(s.thread)}, out.Field{Name: "timestamp", Value: out.Hex(s.time)},
			out.Field{Name: "stack", Value: stackList(c, s.stack)})
	}
	return f
}

// printSeg prints a segment as ::vmem_seg does.
func printSeg(c *core.Ctx, s *segment, verbose, sized bool) {
	if !verbose {
		end := s.end
		if sized {
			end = s.end - s.start
		}
		c.Printf("%0?p %4s %0?p %0?p", s.addr, s.typeName(), s.start, end)
		if s.audited() {
			c.Printf(" %a", caller(c, s.stack, "vmem_", true))
		}
		c.Printf("\n")
		return
	}
	c.Printf("%<b>%16p%</b> %4s %16p %16p %16d\n", s.addr, s.typeName(), s.start, s.end, s.end-s.start)
	if !s.audited() {
		return
	}
	c.Printf("%16s %4s %16p %16llx\n", "", "", s.thread, s.time)
	printStack(c, s.stack)
	c.Printf("\n")
}

// printStack prints return addresses under the second column.
func printStack(c *core.Ctx, stack []uint64) {
	old := c.P.IncIndent(17)
	for _, pc := range stack {
		c.Printf("%a\n", pc)
	}
	if c.P.SetMargin(old); old == 0 {
		c.P.SetIndent(false)
	}
}

// caller is the first return address of a stack that is in no function of a prefix;
// last gives the last one if all are.
func caller(c *core.Ctx, stack []uint64, prefix string, last bool) uint64 {
	for _, pc := range stack {
		if m, err := c.Namespace().LookupAddr(pc, ^uint64(0)); err == nil && !strings.HasPrefix(m.Name, prefix) {
			return pc
		}
	}
	if last && len(stack) > 0 {
		return stack[len(stack)-1]
	}
	return 0
}

// stackList are return addresses with their names, for JSON.
func stackList(c *core.Ctx, stack []uint64) out.List {
	list := out.List{}
	for _, pc := range stack {
		list = append(list, out.Object{{Name: "pc", Value: out.Hex(pc)}, {Name: "function", Value: out.Sprintf(c.OutEnv(), "%a", pc)}})
	}
	return list
}

// errNoAudit is for what only an auditing kernel keeps.
var errNoAudit = errors.New("KMF_AUDIT is not enabled for any caches")
