package libumem

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

var cacheTable = &core.Table{
	Head: "%-?s %-25s %4s %8s %8s %8s\n", Line: "%0?p %-25s %04x %08x %8ld %8lld\n", Type: "umem_cache_t",
	Cols: []core.Field{
		{Name: "addr", Head: "ADDR"}, {Name: "name", Head: "NAME"}, {Name: "flag", Head: "FLAG"}, {Name: "cflag", Head: "CFLAG"},
		{Name: "bufsize", Head: "BUFSIZE"}, {Name: "buftotl", Head: "BUFTOTL"},
	},
}

func runCache(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	row := func(k *cache) {
		c.Row(out.Addr(k.addr), k.Name, out.Hex(uint32(k.Flags)), out.Hex(uint32(k.CFlags)), int64(k.BufSize), int64(k.BufTotal))
	}
	if c.HasAddr {
		k, err := u.cacheAt(c.Addr)
		if err != nil {
			return c.Warn(mem.Reason(err), "couldn't read umem_cache at %p", c.Addr)
		}
		row(k)
		return nil
	}
	for k, err := range u.caches() {
		if err != nil {
			return err
		}
		row(k)
	}
	return nil
}

// runStatus is ::umem_status.
func runStatus(c *core.Ctx) error {
	u, err := of(c)
	if err != nil {
		return err
	}
	text := map[int32]string{
		readyFailed: "initialization failed", readyStartup: "uninitialized", readyIniting: "initialization in process",
		ready: "ready and active", 0: "not loaded into address space",
	}[u.ready]
	if text == "" {
		text = "unknown (umem_ready invalid)"
	}
	c.Printf("Status:\t\t%s\n", text)
	if u.ready == 0 {
		return nil
	}
	c.Printf("Concurrency:\t%d\n", u.ncpus)
	failed := u.printLogs(c)
	c.Printf("Message buffer:\n")
	if err := u.printMessages(c); err != nil {
		return err
	}
	return failed
}

// printLogs prints the line with the sizes of the logs.
func (u *umem) printLogs(c *core.Ctx) error {
	vals := map[string]uint64{}
	for _, name := range []string{"umem_logging", "umem_transaction_log", "umem_content_log", "umem_failure_log", "umem_slab_log"} {
		v, err := u.variable(name)
		if err != nil {
			c.Warn(err, "failed to read %s", name)
			return core.ErrFailed
		}
		vals[name] = v
	}
	c.Printf("Logs:\t\t")
	for _, l := range []struct{ name, sym string }{{"transaction", "umem_transaction_log"}, {"content", "umem_content_log"}, {"fail", "umem_failure_log"}, {"slab", "umem_slab_log"}} {
		at := vals[l.sym]
		if at == 0 {
			continue
		}
		h, err := u.logAt(at)
		if err != nil {
			c.Warn(mem.Reason(err), "unable to read umem_%s_log pointer %p", l.name, at)
			continue
		}
		switch size := h.size(); {
		case size%(1<<20) == 0:
			c.Printf("%s=%dm ", l.name, size>>20)
		case size%(1<<10) == 0:
			c.Printf("%s=%dk ", l.name, size>>10)
		default:
			c.Printf("%s=%d ", l.name, size)
		}
	}
	if vals["umem_logging"] == 0 {
		c.Printf("(inactive)")
	}
	c.Printf("\n")
	return nil
}

// maxMessages bounds the message buffer, bytes.
const maxMessages = 1 << 20

// printMessages prints the ring that libumem writes its messages to: what was written
// before the ring began anew comes first.
func (u *umem) printMessages(c *core.Ctx) error {
	begin, err := u.variable("umem_error_begin")
	if err != nil {
		return c.Warn(err, "failed to read umem_error_begin")
	}
	m, err := u.lookup("umem_error_buffer")
	if err != nil || m.Size == 0 || m.Size > maxMessages {
		return c.Warn(err, "unable to look up umem_error_buffer")
	}
	b := make([]byte, m.Size)
	if err := mem.ReadFull(u.space, b, mem.Addr(m.Value)); err != nil {
		return c.Warn(mem.Reason(err), "unable to read umem_error_buffer")
	}
	text := func(b []byte) string { s, _, _ := strings.Cut(string(b), "\x00"); return s }
	s := text(b)
	if at := begin % m.Size; at != 0 {
		s = text(b[at:]) + text(b[:at-1])
	}
	c.P.WriteString(s + "\n")
	return nil
}

// Headings of ::umastat: three lines each, the last of dashes.
var (
	ptcHeads = [][3]string{{"   ", "tid", "---"}, {" memory", " cached", "-------"}, {"  %", "cap", "---"}}
	ptcCache = [3]string{"  %", "", "---"}
	memHeads = [][3]string{
		{"cache                    ", "name                     ", "-------------------------"}, {"   buf", "  size", "------"},
		{"    buf", " in use", "-------"}, {"    buf", " in ptc", "-------"}, {"    buf", "  total", "-------"},
		{" memory", " in use", "-------"}, {"    alloc", "  succeed", "---------"}, {"alloc", " fail", "-----"},
	}
	vmemHeads = [][3]string{
		{"vmem                     ", "name                     ", "-------------------------"}, {"   memory", "   in use", "---------"},
		{"    memory", "     total", "----------"}, {"   memory", "   import", "---------"}, {"    alloc", "  succeed", "---------"},
		{"alloc", " fail", "-----"},
	}
)

// heads prints lines of a heading: a blank behind each column, or between them.
func heads(c *core.Ctx, cols [][3]string, lines []int, behind bool) {
	if c.Opts.JSON {
		return
	}
	for _, n := range lines {
		for i, h := range cols {
			switch {
			case behind:
				c.P.WriteString(h[n] + " ")
			case i > 0:
				c.P.WriteString(" " + h[n])
			default:
				c.P.WriteString(h[n])
			}
		}
		c.P.WriteString("\n")
	}
}

// arenaSum is what caches have of one arena.
type arenaSum struct {
	inUse         uint64
	allocs, fails int64
}

func runUmastat(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	var list []*cache
	for k, err := range u.caches() {
		if err != nil {
			return err
		}
		list = append(list, k)
	}
	if err := u.statThreads(c, list); err != nil {
		return err
	}
	heads(c, memHeads, []int{0, 1, 2}, false)
	sums := map[uint64]*arenaSum{}
	for _, k := range list {
		if err := u.statCache(c, k, sums); err != nil {
			return err
		}
	}
	heads(c, memHeads, []int{2}, false)
	roots, _, err := u.arenas()
	if err != nil {
		return fmt.Errorf("can't walk 'vmem': %w", err)
	}
	prefix(roots, func(a *arena) bool {
		if s := sums[a.addr]; s != nil && s.allocs != 0 && !c.Opts.JSON {
			c.Printf("Total [%s]%*s %6s %7s %7s %7s %7H %9u %5u\n", a.Name, max(17-len(a.Name), 0), "", "", "", "", "", s.inUse, s.allocs, s.fails)
		}
		return true
	})
	heads(c, memHeads, []int{2}, true)
	if !c.Opts.JSON {
		c.Printf("\n")
	}
	heads(c, vmemHeads, []int{0, 1, 2}, true)
	prefix(roots, func(a *arena) bool {
		ident := 4 * a.depth()
		c.Record(func() {
			c.Printf("%*s%-*s %9H %10H %9H %9llu %5llu \n", ident, "", max(25-ident, 0), a.Name, a.InUse, a.Total, a.Import, a.Allocs, a.Fails)
		}, out.Field{Name: "vmem", Value: a.Name}, out.Field{Name: "inuse", Value: a.InUse}, out.Field{Name: "total", Value: a.Total},
			out.Field{Name: "import", Value: a.Import}, out.Field{Name: "succeed", Value: a.Allocs}, out.Field{Name: "fail", Value: a.Fails})
		return true
	})
	heads(c, vmemHeads, []int{2}, true)
	return nil
}

// statCache prints the line of a cache.
func (u *umem) statCache(c *core.Ctx, k *cache, sums map[uint64]*arenaSum) error {
	cpus, err := u.cpuCaches(k)
	if err != nil {
		return err
	}
	size, err := u.magSize(k, cpus)
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	inUse := (k.SlabCreate - k.SlabDestroy) * k.SlabSize
	allocs, avail := int64(k.SlabAlloc+k.FullAllocs), k.FullTotal*int64(size)
	for _, cc := range cpus {
		allocs += int64(cc.Alloc)
		avail += int64(max(cc.Rounds, 0)) + int64(max(cc.PRounds, 0))
	}
	for s, err := range u.slabs(k, true) {
		if err != nil {
			c.Warnf("%s", err.Error())
			break
		}
		avail += s.Chunks - s.Refs
	}
	ptc := "-"
	if k.has(umfPTC) {
		l, err := u.threadCached(k)
		if err != nil {
			return fmt.Errorf("unable to walk 'umem_ptc_%d': %w", k.BufSize, err)
		}
		ptc = fmt.Sprint(len(l))
	}
	sum := sums[k.Arena]
	if sum == nil {
		sum = &arenaSum{}
		sums[k.Arena] = sum
	}
	sum.inUse += inUse
	sum.allocs += allocs
	sum.fails += int64(k.AllocFail)
	c.Record(func() {
		c.Printf("%-25s %6u %7u %7s %7u %7H %9u %5llu\n", k.Name, k.BufSize, uint32(int64(k.BufTotal)-avail), ptc, uint32(k.BufTotal), inUse, uint32(allocs), k.AllocFail)
	}, out.Field{Name: "cache", Value: k.Name}, out.Field{Name: "bufsize", Value: k.BufSize}, out.Field{Name: "inuse", Value: int64(k.BufTotal) - avail},
		out.Field{Name: "ptc", Value: ptc}, out.Field{Name: "total", Value: k.BufTotal}, out.Field{Name: "memory", Value: inUse},
		out.Field{Name: "succeed", Value: allocs}, out.Field{Name: "fail", Value: k.AllocFail})
	return nil
}

// statThreads prints what threads keep in their own lists, if caches let them.
func (u *umem) statThreads(c *core.Ctx, list []*cache) error {
	var cached []*cache
	for _, k := range list {
		if k.has(umfPTC) {
			cached = append(cached, k)
		}
	}
	if len(cached) == 0 {
		return nil
	}
	cols := append([][3]string(nil), ptcHeads...)
	for _, k := range cached {
		h := ptcCache
		h[1] = fmt.Sprintf("%3d", k.BufSize)
		cols = append(cols, h)
	}
	heads(c, cols, []int{0, 1, 2}, true)
	limit, err := u.variable("umem_ptc_size")
	if err != nil || limit == 0 {
		return c.Warn(err, "unable to read 'umem_ptc_size'")
	}
	threads, err := u.threads()
	if err != nil {
		return fmt.Errorf("can't walk 'ulwp': %w", err)
	}
	for _, at := range threads {
		var t struct {
			ID   uint32 `ctf:"ul_lwpid"`
			Size uint64 `ctf:"ul_tmem.tm_size"`
		}
		if err := u.load("ulwp_t", at, &t); err != nil {
			return err
		}
		line := out.Sprintf(c.OutEnv(), "%3u %7H %3u ", t.ID, t.Size, t.Size*100/limit)
		for _, k := range cached {
			l, err := u.threadList(k, at)
			if err != nil {
				return fmt.Errorf("unable to walk 'umem_ptc_%d': %w", k.BufSize, err)
			}
			share := uint64(0)
			if t.Size != 0 {
				share = uint64(len(l)) * k.BufSize * 100 / t.Size
			}
			line += fmt.Sprintf("%3d ", share)
		}
		c.Record(func() { c.P.WriteString(line + "\n") }, out.Field{Name: "tid", Value: t.ID}, out.Field{Name: "cached", Value: t.Size})
	}
	if !c.Opts.JSON {
		c.Printf("\n")
	}
	return nil
}
