package libumem

import (
	"fmt"
	"sort"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// logHeader is a umem_log_header_t.
type logHeader struct {
	at     uint64
	Base   uint64 `ctf:"lh_base"`
	Chunk  uint64 `ctf:"lh_chunksize"`
	Chunks int32  `ctf:"lh_nchunks"`
}

func (u *umem) logAt(at uint64) (*logHeader, error) {
	h := &logHeader{at: at}
	return h, u.load("umem_log_header_t", at, h)
}

func (h *logHeader) size() uint64 { return h.Chunk * uint64(max(h.Chunks, 0)) }

// logged gives the addresses of a log's records, the newest first, and their times.
// 0 is the transaction log.
func (u *umem) logged(c *core.Ctx, at uint64) ([]*audit, error) {
	if at == 0 {
		v, err := u.variable("umem_transaction_log")
		if err != nil {
			return nil, fmt.Errorf("failed to read 'umem_transaction_log': %w", err)
		}
		at = v
	}
	if at == 0 {
		return nil, fmt.Errorf("log is disabled")
	}
	h, err := u.logAt(at)
	if err != nil {
		return nil, fmt.Errorf("failed to read log header at %x: %w", at, err)
	}
	size, err := u.auditSize()
	if err != nil {
		return nil, err
	}
	if h.Chunk < size || h.size() > maxLogSize || h.size()/h.Chunk != uint64(h.Chunks) {
		return nil, fmt.Errorf("log header at %x: %d chunks of %d bytes", at, h.Chunks, h.Chunk)
	}
	var out []*audit
	for i := range uint64(h.Chunks) {
		for j := range h.Chunk/size - 1 {
			b, err := u.auditAt(h.Base + i*h.Chunk + j*size)
			if err != nil {
				return nil, fmt.Errorf("failed to read log at base %x: %w", h.Base, err)
			}
			if b.Timestamp != 0 { // 0: not used yet
				out = append(out, b)
			}
		}
		if c.Err() != nil {
			return nil, core.ErrIntr
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Timestamp > out[j].Timestamp })
	return out, nil
}

// runLog is ::umem_log.
func runLog(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	at, err := u.variable("umem_transaction_log")
	if err != nil {
		return c.Warn(err, "failed to read 'umem_transaction_log'")
	}
	if at == 0 {
		return fmt.Errorf("no umem transaction log")
	}
	spans, err := u.cpuSpans(at)
	if err != nil {
		return err
	}
	if c.Header() && !c.Opts.JSON {
		c.Printf("%3s %-?s %-?s %16s %-?s\n", "CPU", "ADDR", "BUFADDR", "TIMESTAMP", "THREAD")
	}
	if c.HasAddr {
		b, err := u.auditAt(c.Addr)
		if err != nil {
			return c.Warn(mem.Reason(err), "failed to read bufctl at %p", c.Addr)
		}
		u.logRow(c, b, spans)
		return nil
	}
	list, err := u.logged(c, 0)
	if err != nil {
		return err
	}
	for _, b := range list {
		u.logRow(c, b, spans)
	}
	return nil
}

func (u *umem) logRow(c *core.Ctx, b *audit, spans [][2]uint64) {
	cpu := "   "
	for i, s := range spans {
		if b.at >= s[0] && b.at < s[1] {
			cpu = fmt.Sprintf("%3d", i)
			break
		}
	}
	c.Record(func() { c.Printf("%s %0?p %0?p %16llx %0?p\n", cpu, b.at, b.Addr, b.Timestamp, uint64(b.Thread)) }, auditFields(b)...)
}

// cpuSpans gives the part of the log each CPU is filling.
func (u *umem) cpuSpans(at uint64) ([][2]uint64, error) {
	h, err := u.logAt(at)
	if err != nil {
		return nil, fmt.Errorf("failed to read log header at %x: %w", at, err)
	}
	off, err := u.offset("umem_log_header_t", "lh_cpu")
	if err != nil {
		return nil, err
	}
	size, err := u.size("umem_cpu_log_header_t")
	if err != nil {
		return nil, err
	}
	var out [][2]uint64
	for i := range uint64(u.ncpus) {
		var cl struct {
			Current uint64 `ctf:"clh_current"`
			Chunk   int32  `ctf:"clh_chunk"`
		}
		if err := u.load("umem_cpu_log_header_t", at+off+i*size, &cl); err != nil {
			return nil, fmt.Errorf("cannot read cpu %d's log header at %x: %w", i, at+off+i*size, err)
		}
		out = append(out, [2]uint64{h.Base + uint64(cl.Chunk)*h.Chunk, cl.Current})
	}
	return out, nil
}

// runUmalog is ::umalog: the log with its stacks.
func runUmalog(c *core.Ctx) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].IsImm {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	name := "umem_transaction_log"
	if len(c.Args) == 1 {
		switch c.Args[0].Str {
		case "fail":
			name = "umem_failure_log"
		case "slab":
			name = "umem_slab_log"
		default:
			return core.ErrUsage
		}
	}
	at, err := u.variable(name)
	if err != nil {
		return c.Warn(err, "failed to read %s log header pointer", name)
	}
	if at == 0 {
		return fmt.Errorf("log is disabled")
	}
	list, err := u.logged(c, at)
	if err != nil {
		return err
	}
	newest := int64(0)
	for _, b := range list {
		if b.Timestamp == 0 {
			break // the rest of the log has not been written yet
		}
		if newest == 0 {
			newest = b.Timestamp
		}
		delta := newest - b.Timestamp
		c.Record(func() {
			c.Printf("\nT-%lld.%09lld  addr=%p  %s\n", delta/1e9, delta%1e9, b.Addr, u.cacheName(c, b.Cache))
			for _, pc := range b.stack {
				c.Printf("\t %a\n", pc)
			}
		}, auditFields(b)...)
	}
	return nil
}

// cacheName gives a cache's name, else its address.
func (u *umem) cacheName(c *core.Ctx, at uint64) string {
	if k, err := u.cacheAt(at); err == nil && k.Name != "" {
		return k.Name
	}
	return out.Sprintf(c.OutEnv(), "%a", at)
}
