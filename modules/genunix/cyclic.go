package genunix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// cyclicDcmds are the commands of cyclics: handlers that fire at intervals.
func cyclicDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "cycinfo", Usage: "?[-v|V]", MDBUsage: "?", Descr: "dump cyc_cpu info", Type: "struct cyc_cpu", Run: noArgs(runCycinfo), Table: cycinfoTable,
			Help: "A line for each CPU's cyclics: how many there are, and the one that fires next.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with the heap drawn as a tree, and its cyclics"}, {Letter: 'V', Help: "with unused ones and the soft buffers"}}},
		{Name: "cyclic", Usage: ":", Descr: "developer information", Type: "cyclic_t", Run: noArgs(runCyclic), Table: &core.Table{
			Head: "%?s %4s %5s %5s %15s %7s %s\n", Line: "%0?p %4s %5d  %04x %15llx %7lld %a\n", Type: "cyclic_t",
			Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "level", Head: "LEVL"}, {Name: "pend", Head: "PEND"}, {Name: "flags", Head: "FLAGS"},
				{Name: "fire", Head: "FIRE"}, {Name: "usecint", Head: "USECINT"}, {Name: "handler", Head: "HANDLER"}}}},
		{Name: "cycid", Usage: "?", Descr: "dump a cyclic id", Type: "cyc_id_t", Run: noArgs(runCycid)},
		{Name: "cyccover", Descr: "dump cyclic coverage information", Run: noArgs(runCyccover)},
		{Name: "cyctrace", Usage: "?", Descr: "dump cyclic trace buffer", Run: noArgs(runCyctrace)},
	}
}

// cyclicWalkers are their walkers.
func cyclicWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "cyccpu", Descr: "walk per-CPU cyc_cpu structures", Addr: core.AddrOptional, Type: "struct cyc_cpu", Walk: walkCycCPUs},
		{Name: "cycomni", Descr: "for an omnipresent cyclic, walk cyc_omni_cpu list", Addr: core.AddrRequired, Type: "struct cyc_omni_cpu", Walk: walkCycOmni},
		{Name: "cyctrace", Descr: "walk cyclic trace buffer", Addr: core.AddrOptional, Walk: walkCyctrace},
	}
}

// cyclicLevels are the names of the levels that handlers run at.
var cyclicLevels = []string{"low", "lock", "high"}

func cyclicLevel(l uint64) string {
	if l < uint64(len(cyclicLevels)) {
		return cyclicLevels[l]
	}
	return "????"
}

// cyclicStates are the names of cyp_state.
var cyclicStates = []string{"online", "offline", "expand", "remove", "suspend"}

// cycCPU is a struct cyc_cpu.
type cycCPU struct {
	CPU    uint64 `ctf:"cyp_cpu"`
	Heap   uint64 `ctf:"cyp_heap"`
	Cycs   uint64 `ctf:"cyp_cyclics"`
	N      int64  `ctf:"cyp_nelems"`
	Size   int64  `ctf:"cyp_size"`
	State  uint64 `ctf:"cyp_state"`
	addr   uint64
	each   uint64   // size of a cyclic_t
	heap   []uint32 // indices of cyclics, a heap by the time they fire
	cpu    int64
	perRow []cyclicInfo // by index
}

// cyclicInfo is a cyclic_t.
type cyclicInfo struct {
	Expire   int64  `ctf:"cy_expire"`
	Interval int64  `ctf:"cy_interval"`
	Handler  uint64 `ctf:"cy_handler"`
	Pend     uint64 `ctf:"cy_pend"`
	Flags    uint64 `ctf:"cy_flags"`
	Level    uint64 `ctf:"cy_level"`
}

// walkCycCPUs walks the struct cyc_cpu of each CPU.
func walkCycCPUs(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return v.elems("struct cyc_cpu", func(yield func(uint64, error) bool) {
		list, lerr := v.cpus()
		for _, cpu := range list {
			a, err := v.member("cpu_t", "cpu_cyclic", cpu)
			if err == nil {
				_, err = v.member("struct cyc_cpu", "cyp_nelems", a)
			}
			if err != nil {
				yield(0, fmt.Errorf("couldn't read cyc_cpu at %x: %s", a, core.Reason(err)))
				return
			}
			if !yield(a, nil) {
				return
			}
		}
		if lerr != nil {
			yield(0, lerr)
		}
	})
}

// maxCyclics bounds the cyclics of a CPU.
const maxCyclics = 1 << 16

// cycCPU reads a struct cyc_cpu with its heap and cyclics.
func (v *view) cycCPU(addr uint64) (*cycCPU, error) {
	p := &cycCPU{addr: addr}
	if err := v.load("struct cyc_cpu", addr, p); err != nil {
		return nil, fmt.Errorf("couldn't read cyc_cpu at %x: %s", addr, core.Reason(err))
	}
	id, err := v.member("cpu_t", "cpu_id", p.CPU)
	if err != nil {
		return nil, fmt.Errorf("couldn't read cpu at %x: %s", p.CPU, core.Reason(err))
	}
	p.cpu = int64(int32(id))
	if p.Size < 0 || p.Size > maxCyclics || p.N < 0 || p.N > p.Size {
		return nil, fmt.Errorf("cyc_cpu at %x has %d of %d cyclics", addr, p.N, p.Size)
	}
	if p.each, err = v.size("cyclic_t"); err != nil {
		return nil, err
	}
	for i := range uint64(p.Size) {
		var cy cyclicInfo
		if err := v.load("cyclic_t", p.Cycs+i*p.each, &cy); err != nil {
			return nil, fmt.Errorf("couldn't read cyclic at %x: %s", p.Cycs+i*p.each, core.Reason(err))
		}
		p.perRow = append(p.perRow, cy)
	}
	b := make([]byte, 4*p.Size)
	if err := v.read(p.Heap, b); err != nil {
		return nil, fmt.Errorf("couldn't read heap at %x: %s", p.Heap, core.Reason(err))
	}
	for i := range int(p.Size) {
		p.heap = append(p.heap, uint32(mem.Uint(b[4*i:4*i+4], v.w.Order)))
	}
	if p.N > 0 && int64(p.heap[0]) >= p.Size {
		return nil, fmt.Errorf("the heap at %x has index %d of %d cyclics", p.Heap, p.heap[0], p.Size)
	}
	return p, nil
}

// cycinfoTable has addresses of 11 columns, enough for MDB's first kernels.
var cycinfoTable = &core.Table{
	Head: "%3s %11s %7s %6s %11s %15s %s\n", Line: "%3d %011p %7s %6d %11s %15s %s\n", Type: "struct cyc_cpu", Pipe: 1,
	Cols: []core.Field{{Name: "cpu", Head: "CPU"}, {Name: "cyc_cpu", Head: "CYC_CPU"}, {Name: "state", Head: "STATE"}, {Name: "nelems", Head: "NELEMS"},
		{Name: "root", Head: "ROOT"}, {Name: "fire", Head: "FIRE"}, {Name: "handler", Head: "HANDLER"}},
}

func runCycinfo(c *core.Ctx) error {
	return perAddress(func(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] { return walkCycCPUs(c, 0, false) }, showCycinfo)(c)
}

func showCycinfo(c *core.Ctx, v *view, addr uint64) error {
	p, err := v.cycCPU(addr)
	if err != nil {
		return err
	}
	state := "????"
	if p.State < uint64(len(cyclicStates)) {
		state = cyclicStates[p.State]
	}
	root, fire, handler := "-", "-", "-"
	if p.N > 0 {
		first := &p.perRow[p.heap[0]]
		root, fire, handler = fmt.Sprintf("%011x", p.Cycs), fmt.Sprintf("%x", uint64(first.Expire)), out.Sprintf(c.OutEnv(), "%a", first.Handler)
	}
	row := []any{p.cpu, out.Addr(addr), state, p.N, root, fire, handler}
	long := c.Opt('v') || c.Opt('V')
	if c.Opts.JSON || c.PipeOut || !long {
		c.Row(row...)
		return nil
	}
	if !c.Header() {
		c.Printf("\n\n")
	}
	heads := make([]any, len(cycinfoTable.Cols))
	for i, f := range cycinfoTable.Cols {
		heads[i] = f.Head
	}
	c.Printf(cycinfoTable.Head, heads...)
	c.Printf(cycinfoTable.Line, row...)
	c.Printf("\n")
	for _, line := range drawCyclics(p) {
		c.Printf("%s\n", line)
	}
	old := c.P.IncIndent(2)
	defer c.P.SetMargin(old)
	listCyclics(c, p)
	if c.Opt('V') {
		return v.softBuffers(c, p)
	}
	return nil
}

// infinity is the expiration of a cyclic that does not fire: CY_INFINITY.
const infinity = 1<<63 - 1

// listCyclics prints the cyclics below the tree.
func listCyclics(c *core.Ctx, p *cycCPU) {
	head := false
	for i := range p.perRow {
		place := 0
		for place < len(p.heap) && int(p.heap[place]) != i {
			place++
		}
		used := int64(place) < p.N
		if !used && !c.Opt('V') {
			continue
		}
		if !head {
			c.Printf("\n%11s %3s %4s %4s %5s %15s %7s %s\n", "ADDR", "NDX", "HEAP", "LEVL", "PEND", "FIRE", "USECINT", "HANDLER")
			head = true
		}
		c.Printf("%011p %3d %4d ", p.Cycs+uint64(i)*p.each, i, place)
		if !used {
			c.Printf("%4s %5s %15s %7s %s\n", "-", "-", "-", "-", "-")
			continue
		}
		cy := &p.perRow[i]
		c.Printf("%4s %5d %15llx ", cyclicLevel(cy.Level), cy.Pend, cy.Expire)
		if cy.Interval+cy.Expire != infinity {
			c.Printf("%7lld ", uint64(cy.Interval)/1000)
		} else {
			c.Printf("%7s ", "-")
		}
		c.Printf("%a\n", cy.Handler)
	}
}

// Size of the drawing of a heap.
const (
	cycDrawWidth    = 80
	cycLinesPerStep = 3
)

// cycDrawing is the drawing of a heap of cyclics as a tree.
type cycDrawing struct {
	p     *cycCPU
	lines [][]byte
}

// drawCyclics draws the heap.
func drawCyclics(p *cycCPU) []string {
	depth := 0
	for 1<<depth < p.N {
		depth++
	}
	d := &cycDrawing{p: p, lines: make([][]byte, (depth+2)*cycLinesPerStep)}
	for i := range d.lines {
		d.lines[i] = make([]byte, cycDrawWidth)
	}
	d.node(0, 1, cycDrawWidth-2, 0)
	var list []string
	for _, l := range d.lines {
		if l = d.finish(l); l != nil {
			list = append(list, string(l))
		}
	}
	return list
}

// finish fills a line up with blanks; nil if there is nothing on it.
func (d *cycDrawing) finish(l []byte) []byte {
	drawn := false
	for i := range l[:cycDrawWidth-1] {
		if l[i] == 0 {
			l[i] = ' '
		} else {
			drawn = true
		}
	}
	if !drawn {
		return nil
	}
	return l[:cycDrawWidth-2]
}

// write puts text and the NUL behind it, where later text may end it.
func (d *cycDrawing) write(depth, col int, text string) {
	if depth < len(d.lines) && col >= 0 && col+len(text) < cycDrawWidth {
		copy(d.lines[depth][col:], text+"\x00")
	}
}

func (d *cycDrawing) put(depth, col int, b byte) {
	if depth < len(d.lines) && col >= 0 && col < cycDrawWidth {
		d.lines[depth][col] = b
	}
}

// node draws a node of the heap and what is below it into the columns from l to r.
func (d *cycDrawing) node(ndx, l, r, depth int) {
	n := int(d.p.N)
	if ndx >= n {
		return
	}
	left, right := 2*ndx+1, 2*ndx+2
	x := l + (r-l)/2
	me := d.p.heap[ndx]
	isLeft := ndx%2 == 1
	switch {
	case me < 10:
		d.write(depth, x-1, fmt.Sprintf(" %d", me))
	case me >= 100:
		d.write(depth, x-1, fmt.Sprintf("%3d", me))
	case isLeft:
		d.write(depth, x-1, fmt.Sprintf(" %2d", me))
	default:
		d.write(depth, x-1, fmt.Sprintf("%2d ", me))
	}
	if r-l <= 5 {
		if left < n {
			d.write(depth+1, x-1, fmt.Sprintf("L%d", d.p.heap[left]))
		}
		if right < n {
			d.write(depth+2, x-1, fmt.Sprintf("R%d", d.p.heap[right]))
		}
		return
	}
	d.put(depth+1, x, '|')
	depth += 2
	for i := l + (r-l)/4; i < r-(r-l)/4; i++ {
		d.put(depth, i, '-')
	}
	d.put(depth, l+(r-l)/4, '+')
	d.put(depth, r-(r-l)/4-1, '+')
	d.put(depth, x, '+')
	d.node(left, l, x, depth+1)
	d.node(right, x, r, depth+1)
}

// runCyclic prints a cyclic_t.
func runCyclic(c *core.Ctx) error {
	c.Head()
	var cy cyclicInfo
	if err := viewOf(c).load("cyclic_t", c.Addr, &cy); err != nil {
		return c.Warn(err, "couldn't read cyclic at %p", c.Addr)
	}
	c.Row(out.Addr(c.Addr), cyclicLevel(cy.Level), cy.Pend, out.Hex(cy.Flags), out.Hex(cy.Expire), int64(uint64(cy.Interval)/1000), out.Addr(cy.Handler))
	return nil
}
