package golang

import (
	"fmt"

	"github.com/xmdb/xmdb/core/value"
)

// channel is what is read of a runtime.hchan.
type channel struct {
	Addr     uint64
	Count    uint64 `ctf:"qcount"`
	Cap      uint64 `ctf:"dataqsiz"`
	Buf      uint64 `ctf:"buf"`
	ElemSize uint16 `ctf:"elemsize"`
	Closed   uint32 `ctf:"closed"`
	ElemType uint64 `ctf:"elemtype"`
	SendX    uint64 `ctf:"sendx"`
	RecvX    uint64 `ctf:"recvx"`
	Recv     uint64 `ctf:"recvq.first"`
	Send     uint64 `ctf:"sendq.first"`
}

func (r *goRuntime) channelAt(addr uint64) (*channel, error) {
	v, err := r.at(addr, "runtime.hchan")
	if err != nil {
		return nil, err
	}
	c := &channel{Addr: addr}
	if err := value.Load(v, c); err != nil {
		return nil, fmt.Errorf("read channel at %#x: %w", addr, err)
	}
	if c.Count > c.Cap || c.Cap > 0 && (c.RecvX >= c.Cap || c.SendX >= c.Cap) || c.Cap > maxEntries {
		return nil, fmt.Errorf("no channel at %#x: %d of %d elements, indices %d and %d", addr, c.Count, c.Cap, c.SendX, c.RecvX)
	}
	return c, nil
}

// element is the address of the i-th element that is to be received.
func (c *channel) element(i uint64) uint64 {
	return c.Buf + (c.RecvX+i)%c.Cap*uint64(c.ElemSize)
}

// waiter is a goroutine that waits on a channel (runtime.sudog).
type waiter struct {
	Addr   uint64
	G      uint64 `ctf:"g"`
	Next   uint64 `ctf:"next"`
	Select bool   `ctf:"isSelect,optional"`
	id     uint64
}

// maxWaiters bounds a queue of a channel.
const maxWaiters = 1 << 24

// waiters follows a queue of a channel: at most limit of them, and how many there
// are.
func (r *goRuntime) waiters(first uint64, limit int) (list []waiter, n int, err error) {
	seen := map[uint64]bool{}
	for at := first; at != 0; n++ {
		if seen[at] || n >= maxWaiters {
			return list, n, fmt.Errorf("queue of waiters comes back to %#x", at)
		}
		seen[at] = true
		v, err := r.at(at, "runtime.sudog")
		if err != nil {
			return list, n, err
		}
		w := waiter{Addr: at}
		if err := value.Load(v, &w); err != nil {
			return list, n, fmt.Errorf("read runtime.sudog at %#x: %w", at, err)
		}
		if n < limit {
			if g, err := r.goroutineAt(w.G); err == nil {
				w.id = g.ID
			}
			list = append(list, w)
		}
		at = w.Next
	}
	return list, n, nil
}
