package linux

import "github.com/xmdb/xmdb/modules/kernel"

// States of TCP in which a socket is no full one, but a small structure for a connection
// that begins or has ended (include/net/tcp_states.h).
const (
	tcpTimeWait   = 6
	tcpNewSynRecv = 12
)

// queues are the bytes that nobody has read and those that the other end has not
// acknowledged, as ss(8) and /proc/net show them: of a listening socket of TCP the
// connections that nobody has accepted, of one of UDP what the packets take up.
func (s *inetSock) queues(v *kernel.View, tcp bool) (recv, send uint64, err error) {
	switch {
	case !tcp:
		return udpQueues(v, s.addr)
	case s.state == tcpTimeWait || s.state == tcpNewSynRecv:
		return 0, 0, nil
	case s.state == tcpListen:
		f, err := v.Member("struct sock", "sk_ack_backlog")
		if err != nil {
			return 0, 0, err
		}
		b, err := v.Bytes(s.addr+f.Off, f.Size, nil)
		if err != nil {
			return 0, 0, kernel.BadRead("struct sock", s.addr, err)
		}
		f.Off = 0
		return f.Of(b), 0, nil
	}
	type layout struct {
		Size   uint64       `ctf:"sizeof"`
		Got    kernel.Field `ctf:"rcv_nxt"`
		Read   kernel.Field `ctf:"copied_seq"`
		Queued kernel.Field `ctf:"write_seq"`
		Acked  kernel.Field `ctf:"snd_una"`
	}
	l, b, err := read(v, "struct tcp_sock", s.addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return 0, 0, err
	}
	// Numbers of bytes wrap around; the end of a connection counts as one that is read.
	between := func(later, earlier kernel.Field) uint64 {
		return uint64(max(int32(uint32(later.Of(b))-uint32(earlier.Of(b))), 0))
	}
	return between(l.Got, l.Read), between(l.Queued, l.Acked), nil
}

func udpQueues(v *kernel.View, addr uint64) (recv, send uint64, err error) {
	type layout struct {
		Size    uint64       `ctf:"sizeof"`
		Recv    kernel.Field `ctf:"inet.sk.sk_backlog.rmem_alloc.counter"`
		Deficit kernel.Field `ctf:"forward_deficit,optional"` // read, and not yet given back
		Send    kernel.Field `ctf:"inet.sk.sk_wmem_alloc.refs.counter"`
	}
	l, b, err := read(v, "struct udp_sock", addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return 0, 0, err
	}
	recv, send = l.Recv.Of(b)&0xffffffff, l.Send.Of(b)&0xffffffff
	return recv - min(l.Deficit.Of(b)&0xffffffff, recv), send - min(send, 1), nil // the socket itself counts as one
}
