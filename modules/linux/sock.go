package linux

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Families of addresses (include/linux/socket.h).
const (
	afInet  = 2
	afInet6 = 10
)

// sockCommon is struct sock_common (include/net/sock.h): what full sockets, those in
// TIME_WAIT and requests to connect begin with.
type sockCommon struct {
	Size   uint64       `ctf:"sizeof"`
	Family kernel.Field `ctf:"skc_family"`
	State  kernel.Field `ctf:"skc_state"`
	Net    kernel.Field `ctf:"skc_net.net"`
	Node   kernel.Field `ctf:"skc_nulls_node"` // at the place of skc_node
	Local  kernel.Field `ctf:"skc_rcv_saddr"`
	Remote kernel.Field `ctf:"skc_daddr"`
	Port   kernel.Field `ctf:"skc_num"`   // host order
	Peer   kernel.Field `ctf:"skc_dport"` // network order
	Local6 kernel.Field `ctf:"skc_v6_rcv_saddr,optional"`
	Peer6  kernel.Field `ctf:"skc_v6_daddr,optional"`
}

// inetSock is a socket of TCP or UDP.
type inetSock struct {
	addr          uint64
	family, state int
	net           uint64
	local, remote netip.AddrPort
}

func readInet(v *kernel.View, addr uint64) (*inetSock, error) {
	l, b, err := read(v, "struct sock_common", addr, func(l *sockCommon) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	s := &inetSock{addr: addr, family: int(l.Family.Of(b)), state: int(l.State.Of(b)), net: l.Net.Of(b)}
	port, peer := uint16(l.Port.Of(b)), uint16(l.Peer.Of(b))
	peer = peer>>8 | peer<<8
	ip := func(f kernel.Field) netip.Addr {
		a, _ := netip.AddrFromSlice(b[f.Off : f.Off+f.Size])
		return a
	}
	switch {
	case s.family == afInet:
		s.local, s.remote = netip.AddrPortFrom(ip(l.Local), port), netip.AddrPortFrom(ip(l.Remote), peer)
	case s.family == afInet6 && l.Local6.OK():
		s.local, s.remote = netip.AddrPortFrom(ip(l.Local6), port), netip.AddrPortFrom(ip(l.Peer6), peer)
	default:
		return s, fmt.Errorf("socket %x: family %d cannot be", addr, s.family)
	}
	return s, nil
}

// endpoint is an address with its port; "*" stands for any.
func endpoint(a netip.AddrPort) string {
	ip, port := a.Addr().String(), "*"
	if a.Addr().IsUnspecified() {
		ip = "*"
	} else if a.Addr().Is6() {
		ip = "[" + ip + "]"
	}
	if a.Port() != 0 {
		port = fmt.Sprint(a.Port())
	}
	return ip + ":" + port
}

// maxBuckets bounds a hash table.
const maxBuckets = 1 << 24

// buckets yields the nodes in a table of hash chains: n heads, step bytes apart.
func buckets(v *kernel.View, what string, table, n, step, head uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		if n > maxBuckets || step == 0 {
			yield(0, fmt.Errorf("%s at %x: a table of %d chains cannot be", what, table, n))
			return
		}
		const piece = 1 << 16
		per := max(piece/step, 1)
		var buf []byte
		for i := uint64(0); i < n; i += per {
			m := min(per, n-i)
			b, err := v.Bytes(table+i*step, m*step, buf)
			if err != nil {
				yield(0, kernel.BadRead(what, table+i*step, err))
				return
			}
			for j := range m {
				first := kernel.Field{Off: j*step + head, Size: 8}.Of(b)
				if first == 0 || first&nullsEnd != 0 {
					continue
				}
				for a, err := range chain(v, what, table+(i+j)*step+head) {
					if !yield(a, err) {
						return
					}
					if err != nil { // the other chains may be sound
						break
					}
				}
			}
		}
	}
}

// sockets makes one sequence of the tables of one kind of sockets.
func sockets(of func(*kernel.View) ([]iter.Seq2[uint64, error], error)) source {
	return func(v *kernel.View) iter.Seq2[uint64, error] {
		return func(yield func(uint64, error) bool) {
			list, err := of(v)
			for _, seq := range list {
				for a, err := range seq {
					if !yield(a, err) {
						return
					}
				}
			}
			if err != nil {
				yield(0, err)
			}
		}
	}
}

// shift gives the objects whose member at an offset the nodes are.
func shift(nodes iter.Seq2[uint64, error], off uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		for a, err := range nodes {
			if !yield(a-off, err) {
				return
			}
		}
	}
}

// tcpSockets are the tables of TCP: that of the kernel, and those that network namespaces
// have of their own since 6.1; each has one of connections and one of listeners.
func tcpSockets(v *kernel.View) ([]iter.Seq2[uint64, error], error) {
	type hashes struct {
		Size       uint64       `ctf:"sizeof"`
		Conns      kernel.Field `ctf:"ehash"`
		ConnMask   kernel.Field `ctf:"ehash_mask"`
		Listen     kernel.Field `ctf:"listening_hash,optional"` // until 5.19
		Listen2    kernel.Field `ctf:"lhash2"`
		ListenMask kernel.Field `ctf:"lhash2_mask"`
	}
	sc, err := kernel.Lay[sockCommon](v, "struct sock_common")
	if err != nil {
		return nil, err
	}
	bucket, err := v.Size("struct inet_ehash_bucket")
	if err != nil {
		return nil, err
	}
	listen, err := v.Size("struct inet_listen_hashbucket")
	if err != nil {
		return nil, err
	}
	first, err := v.Member("struct inet_listen_hashbucket", "nulls_head")
	if err != nil {
		return nil, err
	}
	tables, failed := perNet(v, "tcp_hashinfo", "ipv4.tcp_death_row.hashinfo")
	var list []iter.Seq2[uint64, error]
	conns := kernel.Met{}
	for _, at := range tables {
		l, b, err := read(v, "struct inet_hashinfo", at, func(l *hashes) uint64 { return l.Size })
		if err != nil {
			failed = err
			continue
		}
		if l.Listen.OK() {
			list = append(list, shift(buckets(v, "listening socket", at+l.Listen.Off, l.Listen.Size/listen, listen, first.Off), sc.Node.Off))
		} else if t := l.Listen2.Of(b); t != 0 && !conns.Again(t) {
			list = append(list, shift(buckets(v, "listening socket", t, l.ListenMask.Of(b)+1, listen, first.Off), sc.Node.Off))
		}
		if t := l.Conns.Of(b); t != 0 && !conns.Again(t) {
			list = append(list, shift(buckets(v, "TCP socket", t, l.ConnMask.Of(b)+1, bucket, 0), sc.Node.Off))
		}
	}
	return list, failed
}

// udpSockets are the tables of UDP, of which namespaces have their own since 6.2.
func udpSockets(v *kernel.View) ([]iter.Seq2[uint64, error], error) {
	type hashes struct {
		Size uint64       `ctf:"sizeof"`
		Hash kernel.Field `ctf:"hash"`
		Mask kernel.Field `ctf:"mask"`
	}
	sc, err := kernel.Lay[sockCommon](v, "struct sock_common")
	if err != nil {
		return nil, err
	}
	slot, err := v.Size("struct udp_hslot")
	if err != nil {
		return nil, err
	}
	tables, failed := perNet(v, "udp_table", "ipv4.udp_table")
	var list []iter.Seq2[uint64, error]
	met := kernel.Met{}
	for _, at := range tables {
		l, b, err := read(v, "struct udp_table", at, func(l *hashes) uint64 { return l.Size })
		if err != nil {
			failed = err
			continue
		}
		if t := l.Hash.Of(b); t != 0 && !met.Again(t) {
			list = append(list, shift(buckets(v, "UDP socket", t, l.Mask.Of(b)+1, slot, 0), sc.Node.Off))
		}
	}
	return list, failed
}

// perNet collects the addresses of a structure: a variable of the kernel, and what each
// network namespace points to.
func perNet(v *kernel.View, variable, member string) (list []uint64, failed error) {
	met := kernel.Met{}
	add := func(a uint64) {
		if a != 0 && !met.Again(a) {
			list = append(list, a)
		}
	}
	if a, err := address(v, variable); err == nil {
		add(a)
	}
	f, err := v.Member("struct net", member)
	if err != nil {
		if len(list) == 0 || !errors.Is(err, ctype.ErrNoMember) {
			return list, err
		}
		return list, nil
	}
	if f.Size != 8 {
		return list, nil
	}
	for a, err := range nets(v) {
		if err != nil {
			return list, err
		}
		p, err := v.Pointer(a + f.Off)
		if err != nil {
			return list, kernel.BadRead("struct net", a, err)
		}
		add(p)
	}
	return list, failed
}
