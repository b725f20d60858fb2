package kmem

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// logLayout is how the release lays out kmem_log_header_t, and that of a CPU.
type logLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Base      kernel.Field `ctf:"lh_base"`
	ChunkSize kernel.Field `ctf:"lh_chunksize"`
	Chunks    kernel.Field `ctf:"lh_nchunks"`
	CPU       kernel.Field `ctf:"lh_cpu"`
}

type cpuLogLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Current kernel.Field `ctf:"clh_current"`
	Chunk   kernel.Field `ctf:"clh_chunk"`
}

// maxLog bounds the bytes of a log: it is a share of memory.
const maxLog = 1 << 32

// kmemLog is a kmem_log_header_t: chunks of records.
type kmemLog struct {
	addr, base, chunkSize, chunks uint64
}

func readLog(v *kernel.View, addr uint64) (*kmemLog, error) {
	l, err := kernel.Lay[logLayout](v, "kmem_log_header_t")
	if err != nil {
		return nil, err
	}
	b, err := v.Bytes(addr, l.Size, nil)
	if err != nil {
		return nil, kernel.Failed(err, "failed to read log header at %x", addr)
	}
	g := &kmemLog{addr: addr, base: l.Base.Of(b), chunkSize: l.ChunkSize.Of(b), chunks: l.Chunks.Of(b)}
	if g.chunkSize > maxLog || g.chunks > maxLog/max(g.chunkSize, 1) {
		return nil, fmt.Errorf("log at %x has %d chunks of %d bytes", addr, g.chunks, g.chunkSize)
	}
	return g, nil
}

// records walks a log, the last transaction first. Places that were never written are
// records of zeros, as to MDB.
func (g *kmemLog) records(v *kernel.View) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		l, err := kernel.Lay[auditLayout](v, "kmem_bufctl_audit_t")
		if err != nil {
			yield(nil, err)
			return
		}
		b, err := v.Bytes(g.base, g.chunkSize*g.chunks, nil)
		if err != nil {
			yield(nil, kernel.Failed(err, "failed to read log at base %x", g.base))
			return
		}
		var at []uint64
		for i := range g.chunks {
			for j := uint64(0); j+1 < g.chunkSize/l.Size; j++ {
				at = append(at, i*g.chunkSize+j*l.Size)
			}
		}
		time := func(off uint64) int64 { return int64(binary.LittleEndian.Uint64(b[off+l.Time.Off:])) }
		slices.SortStableFunc(at, func(x, y uint64) int {
			switch tx, ty := time(x), time(y); {
			case tx > ty:
				return -1
			case tx < ty:
				return 1
			}
			return 0
		})
		for _, off := range at {
			r := new(record)
			r.take(l, g.base+off, b[off:off+l.Size])
			if !yield(r, nil) {
				return
			}
		}
	}
}

// openLog opens the log at an address, or the one a variable points to.
func openLog(v *kernel.View, addr uint64, name string) (*kmemLog, error) {
	if addr == 0 {
		var err error
		if addr, err = v.Variable("genunix", name); err != nil {
			return nil, kernel.Failed(err, "failed to read '%s'", name)
		}
	}
	if addr == 0 {
		return nil, fmt.Errorf("log is disabled")
	}
	return readLog(v, addr)
}

func walkLog(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := kernel.Of(c.Session)
	if !has {
		start = 0
	}
	g, err := openLog(v, uint64(start), "kmem_transaction_log")
	if err != nil {
		return noWalk(err)
	}
	return elems(v, "kmem_bufctl_audit_t", g.records(v), func(r *record) uint64 { return r.addr })
}

// cpuRange is the part of a log that a CPU is writing.
type cpuRange struct{ cpu, low, high uint64 }

// cpuRanges are those of the CPUs there are.
func (g *kmemLog) cpuRanges(v *kernel.View) ([]cpuRange, error) {
	l, err := kernel.Lay[logLayout](v, "kmem_log_header_t")
	if err != nil {
		return nil, err
	}
	cl, err := kernel.Lay[cpuLogLayout](v, "kmem_cpu_log_header_t")
	if err != nil {
		return nil, err
	}
	m, err := v.Symbol("unix", "cpu")
	if err != nil {
		return nil, fmt.Errorf("couldn't find 'cpu' array: %w", err)
	}
	cpus, err := v.Bytes(m.Value, min(m.Size, 8*maxCPUs), nil)
	if err != nil {
		return nil, kernel.Failed(err, "failed to read cpu array at %x", m.Value)
	}
	var list []cpuRange
	at := g.addr + l.CPU.Off
	for i := uint64(0); 8*i+8 <= uint64(len(cpus)); i++ {
		if binary.LittleEndian.Uint64(cpus[8*i:]) == 0 {
			continue
		}
		b, err := v.Bytes(at, cl.Size, nil)
		if err != nil {
			return nil, kernel.Failed(err, "cannot read cpu %d's log header at %x", i, at)
		}
		list = append(list, cpuRange{i, cl.Chunk.Of(b)*g.chunkSize + g.base, cl.Current.Of(b)})
		at += cl.Size
	}
	return list, nil
}

func runKmemLog(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := kernel.Of(c.Session)
	addr, err := v.Variable("genunix", "kmem_transaction_log")
	switch {
	case err != nil:
		return kernel.Failed(err, "failed to read 'kmem_transaction_log'")
	case addr == 0:
		return fmt.Errorf("no kmem transaction log")
	}
	g, err := readLog(v, addr)
	if err != nil {
		return err
	}
	cpus, err := g.cpuRanges(v)
	if err != nil {
		return err
	}
	if !c.Opts.JSON && !c.PipeOut {
		c.Printf("%3s %-?s %-?s %16s %-?s\n", "CPU", "ADDR", "BUFADDR", "TIMESTAMP", "THREAD")
	}
	if c.HasAddr && !c.Opt('b') {
		r, err := readRecord(v, c.Addr)
		if err != nil {
			return err
		}
		showLogged(c, v, cpus, r)
		return nil
	}
	for r, err := range g.records(v) {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if in, err := inBuffer(c, v, r); err != nil {
			return err
		} else if in {
			showLogged(c, v, cpus, r)
		}
	}
	return nil
}

// inBuffer tells whether a transaction was on the buffer that holds the address
// given, if one was.
func inBuffer(c *core.Ctx, v *kernel.View, r *record) (bool, error) {
	if !c.HasAddr {
		return true, nil
	}
	if r.cache == 0 {
		return false, nil
	}
	k, err := readCache(v, r.cache)
	if err != nil {
		return false, kernel.Failed(err, "failed to read cache_bufsize for cache at %x", r.cache)
	}
	return c.Addr-r.buf < k.BufSize, nil
}

func showLogged(c *core.Ctx, v *kernel.View, cpus []cpuRange, r *record) {
	if c.PipeOut {
		c.Emit(r.addr, v.TypeOrNil("kmem_bufctl_audit_t"))
		return
	}
	cpu := any(nil)
	for _, p := range cpus {
		if r.addr >= p.low && r.addr < p.high {
			cpu = p.cpu
			break
		}
	}
	c.Record(func() {
		if cpu == nil {
			c.Printf("   ")
		} else {
			c.Printf("%3d", cpu)
		}
		c.Printf(" %0?p %0?p %16llx %0?p\n", r.addr, r.buf, r.time, r.thread)
	}, out.Field{Name: "cpu", Value: cpu}, out.Field{Name: "addr", Value: out.Hex(r.addr)}, out.Field{Name: "bufaddr", Value: out.Hex(r.buf)},
		out.Field{Name: "timestamp", Value: out.Hex(r.time)}, out.Field{Name: "thread", Value: out.Hex(r.thread)})
}

// logsOf are the logs that ::kmalog takes by name.
var logsOf = map[string]string{"fail": "kmem_failure_log", "slab": "kmem_slab_log", "zerosized": "kmem_zerosized_log"}

func runKmalog(c *core.Ctx) error {
	name := "kmem_transaction_log"
	switch {
	case len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].IsImm:
		return core.ErrUsage
	case len(c.Args) == 1:
		if name = logsOf[c.Args[0].Str]; name == "" {
			return core.ErrUsage
		}
	}
	v := kernel.Of(c.Session)
	g, err := openLog(v, 0, name)
	if err != nil {
		c.Fail(err)
		c.Warnf("failed to walk kmem log")
		return core.ErrFailed
	}
	newest := uint64(0)
	for r, err := range g.records(v) {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if r.time == 0 {
			break
		}
		if newest == 0 {
			newest = r.time
		}
		if in, err := inBuffer(c, v, r); err != nil {
			return err
		} else if in {
			showTransaction(c, v, r, newest-r.time)
		}
	}
	return nil
}

// showTransaction prints a transaction with its time before the newest.
func showTransaction(c *core.Ctx, v *kernel.View, r *record, ago uint64) {
	name := ""
	if k, err := readCache(v, r.cache); err == nil {
		name = k.Name
	}
	if name == "" {
		name = out.Sprintf(c.OutEnv(), "%a", r.cache)
	}
	c.Record(func() {
		c.Printf("\nT-%lld.%09lld  addr=%p  %s\n", ago/1e9, ago%1e9, r.buf, name)
		for _, pc := range r.stack {
			c.Printf("\t %a\n", pc)
		}
	}, out.Field{Name: "ago_ns", Value: ago}, out.Field{Name: "addr", Value: out.Hex(r.buf)}, out.Field{Name: "cache", Value: name},
		out.Field{Name: "record", Value: out.Hex(r.addr)}, out.Field{Name: "thread", Value: out.Hex(r.thread)},
		out.Field{Name: "stack", Value: stackList(c, r.stack)})
}
