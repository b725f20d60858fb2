package gdbstub

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system/hmp"
)

// Memory by packets.
const (
	pageSize  = 4096
	pipelined = 64      // requests under way, with QEMU
	cacheSize = 8 << 20 // bytes of memory that are kept while the machine is halted
)

// errVirtualOnly is why physical memory cannot be read.
var errVirtualOnly = errors.New("the stub reads virtual memory only")

// openMemory finds out where physical memory is. In its mode for physical memory QEMU
// answers for every address, devices' too, which it would disturb: where there is
// memory is told by its monitor.
func (t *Target) openMemory() {
	if !t.stub.physical {
		t.phys, t.virt = nowhere{}, newCached(t, virtual{t})
		return
	}
	text, err := t.monitor("info mtree -f")
	ranges := hmp.Layout(text)
	if err != nil || len(ranges) == 0 {
		t.warnings = append(t.warnings, "the stub does not tell where memory is: addresses without any read as whatever it gives")
		t.phys = newCached(t, physical{t})
		return
	}
	var segs []mem.Segment
	for _, r := range ranges {
		segs = append(segs, mem.Segment{Base: mem.Addr(r.Base), Size: r.Size, Src: physical{t}, Off: mem.Addr(r.Base), Name: r.Name, Prot: mem.ProtRead})
		m := mem.Mapping{Base: mem.Addr(r.Base), Size: r.Size, Prot: mem.ProtRead}
		if n := len(t.ranges); n > 0 && t.ranges[n-1].End() == m.Base {
			t.ranges[n-1].Size += m.Size
			continue
		}
		t.ranges = append(t.ranges, m)
	}
	t.phys = newCached(t, mem.NewSegments(segs))
}

// cached keeps what was read while the machine was halted. It forgets before a read,
// not when the machine goes on: that may be while a read is under way.
type cached struct {
	t      *Target
	c      *mem.Cache
	moment atomic.Uint64
}

func newCached(t *Target, s mem.Space) *cached {
	return &cached{t: t, c: mem.NewSpaceCache(s, cacheSize)}
}

func (s *cached) current() *mem.Cache {
	if m := s.t.moment.Load(); s.moment.Swap(m) != m {
		s.c.Flush()
	}
	return s.c
}

// ReadAt implements mem.Space.
func (s *cached) ReadAt(p []byte, a mem.Addr) (int, error) { return s.current().ReadAt(p, a) }

// View implements mem.Viewer.
func (s *cached) View(a mem.Addr, n int) []byte { return s.current().View(a, n) }

// nowhere is physical memory that cannot be had.
type nowhere struct{}

// ReadAt implements mem.Space.
func (nowhere) ReadAt(_ []byte, a mem.Addr) (int, error) { return 0, mem.Fault(a, errVirtualOnly) }

// physical is physical memory, read in the stub's mode for it.
type physical struct{ t *Target }

// ReadAt implements mem.Space.
func (s physical) ReadAt(p []byte, a mem.Addr) (int, error) { return s.t.read(p, a, true) }

// virtual is the virtual memory of the stub's current processor.
type virtual struct{ t *Target }

// ReadAt implements mem.Space.
func (s virtual) ReadAt(p []byte, a mem.Addr) (int, error) { return s.t.read(p, a, false) }

// read reads memory by m packets, several under way at once. The machine is halted for
// it.
func (t *Target) read(p []byte, a mem.Addr, phys bool) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.halted()
	if err == nil {
		err = t.setPhysical(phys)
	}
	if err == nil && !phys {
		err = t.choose(t.reader(a))
	}
	if err != nil {
		return 0, mem.Fault(a, err)
	}
	done := 0
	for done < len(p) && err == nil {
		var n int
		n, err = t.burst(p[done:], a+mem.Addr(done))
		done += n
	}
	if !phys {
		t.hidePoints(p[:done], uint64(a))
	}
	if err != nil {
		return done, mem.Fault(a+mem.Addr(done), t.failed(err))
	}
	return done, nil
}

// lowestKernel is the lowest address of the upper half, which is the kernel's.
const lowestKernel = 1 << 63

// reader is the processor by whose page table an address is read: that which has
// stopped, but for the kernel's half one that is in the kernel, as the tables of a
// process may have only a little of it (page-table isolation).
func (t *Target) reader(a mem.Addr) int {
	stopped := int(max(t.last.Thread, 1)) - 1
	if a < lowestKernel {
		return stopped
	}
	if t.inKernel < 0 {
		t.inKernel = stopped
		for i := range t.threads {
			i = (stopped + i) % len(t.threads)
			p, err := t.registersOf(i)
			if err != nil {
				break // a read tells why
			}
			if cs, ok := p.Regs.Get("cs"); ok && cs&3 == 0 {
				t.inKernel = i
				break
			}
		}
	}
	return t.inKernel
}

// burst reads what a number of requests give. None crosses a page: in virtual memory
// an answer is a whole or an error.
func (t *Target) burst(p []byte, a mem.Addr) (int, error) {
	most, depth := min(t.stub.packet/2, pageSize), 1
	if t.stub.physical {
		depth = pipelined // bhyve drops an answer that it has not sent yet for a new request
	}
	var asks []string
	var sizes []int
	total := 0
	for total < len(p) && len(asks) < depth {
		at := uint64(a) + uint64(total)
		n := min(most, len(p)-total, int(pageSize-at%pageSize))
		asks = append(asks, fmt.Sprintf("m%x,%x", at, n))
		sizes, total = append(sizes, n), total+n
	}
	done := 0
	var failure error
	err := t.q.requests(asks, func(i int, answer []byte) {
		if failure != nil {
			return // what comes after a gap is of no use
		}
		if failure = refusal(answer); failure != nil {
			if errors.As(failure, new(stubError)) {
				failure = mem.ErrUnmapped
			}
			return
		}
		n := unhexBytes(p[done:done+sizes[i]], answer)
		done += n
		switch {
		case 2*n != len(answer):
			failure = fmt.Errorf("%w: memory of %d digits for %d bytes", ErrNonsense, len(answer), sizes[i])
		case n < sizes[i]:
			failure = mem.ErrUnmapped // bhyve stops early
		}
	})
	if err != nil {
		return done, err
	}
	return done, failure
}

// setPhysical switches the stub's mode, which outlives the connection.
func (t *Target) setPhysical(on bool) error {
	if on == t.physMode || !t.stub.physical {
		return nil
	}
	mode := "0"
	if on {
		mode = "1"
	}
	if err := t.q.ok("Qqemu.PhyMemMode:" + mode); err != nil {
		return t.failed(err)
	}
	t.physMode = on
	return nil
}

// maxMonitor bounds the text that a command of the monitor prints, bytes.
const maxMonitor = 4 << 20

// monitor runs a command of the hypervisor's monitor, where the stub passes it on.
func (t *Target) monitor(line string) (string, error) { return t.q.monitor(line) }

func (q *conn) monitor(line string) (string, error) {
	var text []byte
	var end []byte
	cmd := fmt.Sprintf("qRcmd,%x", line)
	err := q.requests([]string{cmd}, func(_ int, a []byte) {
		if len(a) > 1 && a[0] == 'O' && string(a) != "OK" && len(text) < maxMonitor {
			b := make([]byte, len(a)/2)
			text = append(text, b[:unhexBytes(b, a[1:])]...)
			return
		}
		end = a
	})
	if err == nil {
		err = refusal(end)
	}
	return string(text), err
}
