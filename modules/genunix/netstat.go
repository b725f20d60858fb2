package genunix

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

func netstatDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "netstat", Usage: "[-av] [-f inet | inet6 | unix] [-P tcp | udp | icmp]", Descr: "show network statistics", Run: noArgs(runNetstat),
		Help: "Lists the sockets of the local family that lie over streams, then the endpoints of\n" +
			"TCP, UDP and raw IP that their caches hold: of IPv4, then of IPv6. Routes, MDB's -r,\nare not shown.\n",
		Opts: []core.Opt{{Letter: 'a', Help: "those of TCP and UDP, too, that have no connection or address yet"},
			{Letter: 'f', Kind: core.Str, Arg: "family", Help: "only those of an address family"},
			{Letter: 'P', Kind: core.Str, Arg: "protocol", Help: "only those of a protocol"},
			{Letter: 'v', Help: "with a second line for TCP: windows, sequence numbers, timer, segment size"}},
	}}
}

// States of endpoints (inet/tcp.h, sys/tihdr.h).
const (
	tcpListen      = -3
	tcpEstablished = 0
	tsUnbound      = 0
	tsIdle         = 3
	tsDataXfer     = 9
)

// netProto is a protocol as ::netstat lists it: the cache that all its conn_t come
// from, and the part of its own behind each of them.
type netProto struct {
	name, head, cache, part, typ, state string
}

var netProtos = []netProto{
	{"tcp", "TCP", "tcp_conn_cache", "conn_proto_priv.cp_tcp", "tcp_t", "tcp_state"},
	{"udp", "UDP", "udp_conn_cache", "conn_proto_priv.cp_udp", "udp_t", "udp_state"},
	{"icmp", "ICMP", "rawip_conn_cache", "conn_proto_priv.cp_icmp", "icmp_t", "icmp_state"},
}

// netFamily is how the addresses of one version of IP are shown: the low 4 or all of
// the 16 bytes that a conn_t has, in a column of a width.
type netFamily struct {
	name    string
	version uint16
	width   int
	format  string
	low     int
}

var netFamilies = []netFamily{{"inet", 4, 15, "%*I.%-5u", 12}, {"inet6", 6, 23, "%*N.%-5u", 0}}

func runNetstat(c *core.Ctx) error {
	family, byFamily := c.OptStr('f')
	proto, byProto := c.OptStr('P')
	if byFamily && family != "inet" && family != "inet6" && family != "unix" || byProto && proto != "tcp" && proto != "udp" && proto != "icmp" {
		return core.ErrUsage
	}
	v := viewOf(c)
	if !byProto && (!byFamily || family == "unix") {
		if err := netstatUnix(c, v); err != nil {
			return err
		}
	}
	if family == "unix" {
		return nil
	}
	for _, p := range netProtos {
		if byProto && p.name != proto {
			continue
		}
		for _, f := range netFamilies {
			if byFamily && f.name != family {
				continue
			}
			if err := netstatConns(c, v, p, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// netstatConns lists the endpoints of a protocol over one version of IP.
func netstatConns(c *core.Ctx, v *view, p netProto, f netFamily) error {
	if !c.Opts.JSON && !c.PipeOut {
		c.Printf("%<u>%-?s State %6s%*s %6s%*s %-5s %-4s%</u>\n", fmt.Sprintf("%sv%d", p.head, f.version),
			"", f.width, "Local Address", "", f.width, "Remote Address", "Stack", "Zone")
		if p.name == "tcp" && c.Opt('v') {
			c.Printf("       %<u>%-5s %-8s %-8s %-5s %-8s %-8s %5s %5s%</u>\n", "Swind", "Snext", "Suna", "Rwind", "Rack", "Rnext", "Rto", "Mss")
		}
	}
	for e, err := range walkOf(c, p.cache, 0) {
		if err == nil {
			err = netstatConn(c, v, p, f, e.Val)
		}
		if err != nil {
			return fmt.Errorf("failed to walk %s: %w", p.cache, err)
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
	}
	return nil
}

// conn is what ::netstat reads of a conn_t. Addresses and ports are in network order.
type conn struct {
	Stack   uint64 `ctf:"conn_netstack"`
	Zone    int32  `ctf:"conn_zoneid"`
	Version uint16 `ctf:"conn_ipversion"`

	local, remote         [16]byte
	localPort, remotePort uint16
}

func (v *view) conn(at uint64) (cn conn, err error) {
	if err := v.load("conn_t", at, &cn); err != nil {
		return cn, err
	}
	for _, m := range []struct {
		member string
		to     []byte
		port   *uint16
	}{{"connua_v6addr.connua_laddr", cn.local[:], nil}, {"connua_v6addr.connua_faddr", cn.remote[:], nil},
		{"u_port.connu_ports.connu_lport", make([]byte, 2), &cn.localPort}, {"u_port.connu_ports.connu_fport", make([]byte, 2), &cn.remotePort}} {
		from, err := v.ref("conn_t", at, m.member)
		if err == nil {
			err = v.read(from, m.to)
		}
		if err != nil {
			return cn, err
		}
		if m.port != nil {
			*m.port = uint16(m.to[0])<<8 | uint16(m.to[1])
		}
	}
	return cn, nil
}

// shown tells whether an endpoint is to be listed. What has no address and no
// connection yet counts as one of IPv4, whatever it will be.
func (p netProto) shown(cn conn, state int32, version uint16, all bool) bool {
	unset := cn.local == [16]byte{}
	switch p.name {
	case "tcp":
		return (all || state >= tcpEstablished) && (cn.Version == version || version == 4 && unset && state <= tcpListen)
	case "udp":
		return (all || state == tsIdle || state == tsDataXfer) && (cn.Version == version || version == 4 && unset && state <= tsIdle)
	}
	return cn.Version == version
}

// stateText is the state as its column shows it: TCP's is a number.
func (p netProto) stateText(c *core.Ctx, state int32) string {
	if p.name == "tcp" {
		return out.Sprintf(c.OutEnv(), "%2d", state)
	}
	name := "UNKNOWN"
	switch state {
	case tsUnbound:
		name = "UNBOUND"
	case tsIdle:
		name = "IDLE"
	case tsDataXfer:
		name = "CONNECTED"
	}
	return out.Sprintf(c.OutEnv(), "%10s", name)
}

func netstatConn(c *core.Ctx, v *view, p netProto, f netFamily, at uint64) error {
	cn, err := v.conn(at)
	if err != nil {
		return badRead("conn_t", at, err)
	}
	own, err := v.member("conn_t", p.part, at)
	if err != nil {
		return badRead("conn_t", at, err)
	}
	state, err := v.member(p.typ, p.state, own)
	if err != nil {
		return badRead(p.typ, own, err)
	}
	if !p.shown(cn, int32(state), f.version, c.Opt('a')) {
		return nil
	}
	if c.PipeOut {
		c.Emit(own, v.typeOrNil(p.typ))
		return nil
	}
	stack, err := v.member("netstack_t", "netstack_stackid", cn.Stack)
	if err != nil {
		c.Warnf("failed to read netstack_t %p", cn.Stack)
	}
	end := func(addr [16]byte, port uint16, width int) string {
		return out.Sprintf(c.OutEnv(), f.format, width, addr[f.low:], port)
	}
	c.Record(func() {
		c.Printf("%0?p %s %s %s %5d %4d\n", own, p.stateText(c, int32(state)), end(cn.local, cn.localPort, f.width), end(cn.remote, cn.remotePort, f.width), int32(stack), cn.Zone)
	}, out.Field{Name: "proto", Value: p.name}, out.Field{Name: "addr", Value: out.Addr(own)}, out.Field{Name: "state", Value: int32(state)},
		out.Field{Name: "local", Value: addrText(c, f, cn.local)}, out.Field{Name: "lport", Value: cn.localPort},
		out.Field{Name: "remote", Value: addrText(c, f, cn.remote)}, out.Field{Name: "rport", Value: cn.remotePort},
		out.Field{Name: "stack", Value: int32(stack)}, out.Field{Name: "zone", Value: cn.Zone})
	if p.name == "tcp" && c.Opt('v') && !c.Opts.JSON {
		return netstatVerbose(c, v, own)
	}
	return nil
}

func addrText(c *core.Ctx, f netFamily, addr [16]byte) string {
	if f.low == 0 {
		return out.Sprintf(c.OutEnv(), "%N", addr[:])
	}
	return out.Sprintf(c.OutEnv(), "%I", addr[f.low:])
}

// netstatVerbose is the second line of an endpoint of TCP.
func netstatVerbose(c *core.Ctx, v *view, at uint64) error {
	var t struct {
		Swnd uint32 `ctf:"tcp_swnd"`
		Snxt uint32 `ctf:"tcp_snxt"`
		Suna uint32 `ctf:"tcp_suna"`
		Rwnd uint32 `ctf:"tcp_rwnd"`
		Rack uint32 `ctf:"tcp_rack"`
		Rnxt uint32 `ctf:"tcp_rnxt"`
		Rto  int64  `ctf:"tcp_rto"`
		MSS  uint32 `ctf:"tcp_mss"`
	}
	if err := v.load("tcp_t", at, &t); err != nil {
		return badRead("tcp_t", at, err)
	}
	c.Printf("       %5d %08x %08x %5d %08x %08x %5d %5d\n", int32(t.Swnd), t.Snxt, t.Suna, int32(t.Rwnd), t.Rack, t.Rnxt, t.Rto, int32(t.MSS))
	return nil
}

// unixSocket is what ::netstat reads of a socket of the local family.
type unixSocket struct {
	Count  int32  `ctf:"st_sonode.so_count"`
	Family int16  `ctf:"st_sonode.so_family"`
	State  uint32 `ctf:"st_sonode.so_state"`
	Zone   int32  `ctf:"st_sonode.so_zoneid"`

	Service  int32    `ctf:"st_info.sti_serv_type"`
	NoXlate  uint8    `ctf:"st_info.sti_faddr_noxlate"`
	Local    unixName `ctf:"st_info.sti_laddr"`
	Remote   unixName `ctf:"st_info.sti_faddr"`
	LocalVP  unixNode `ctf:"st_info.sti_ux_laddr"`
	RemoteVP unixNode `ctf:"st_info.sti_ux_faddr"`
}

// unixName is a struct soaddr.
type unixName struct {
	Len  uint32 `ctf:"soa_len"`
	Addr uint64 `ctf:"soa_sa"`
}

// unixNode is a struct so_ux_addr.
type unixNode struct {
	VP    uint64 `ctf:"soua_vp"`
	Magic uint32 `ctf:"soua_magic"`
}

// Bits of so_state, the magic number of an address that names a vnode
// (sys/socketvar.h), and of a name that is no more than its family.
const (
	soConnected   = 0x1
	soBound       = 0x20
	magicExplicit = 0x75787670
	familyLen     = 2
)

// services are the names of a stream's kinds of service (sys/tihdr.h).
var services = map[int32]string{1: "stream", 2: "stream-ord", 3: "dgram"}

// netstatUnix lists the sockets of the local family.
func netstatUnix(c *core.Ctx, v *view) error {
	if !c.Opts.JSON && !c.PipeOut {
		c.Printf("%<u>%-?s %-10s %-?s %-?s %-14s %-14s %s%</u>\n", "AF_UNIX", "Type", "Vnode", "Conn", "Local Addr", "Remote Addr", "Zone")
	}
	for e, err := range walkSonodes(c, 0, false) {
		if err == nil {
			err = netstatSocket(c, v, e.Val)
		}
		if err != nil {
			return fmt.Errorf("failed to walk genunix`sonode: %w", err)
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
	}
	return nil
}

func netstatSocket(c *core.Ctx, v *view, at uint64) error {
	var s unixSocket
	if err := v.load("sotpi_sonode_t", at, &s); err != nil {
		return badRead("sonode", at, err)
	}
	if s.Count == 0 {
		return nil
	}
	if s.Family != afUnix {
		return fmt.Errorf("sonode of family %d at %x", s.Family, at)
	}
	if c.PipeOut {
		c.Emit(at, v.typeOrNil("struct sonode"))
		return nil
	}
	service, ok := services[s.Service]
	if !ok {
		service = fmt.Sprint(s.Service)
	}
	node := func(n unixNode, bit uint32) uint64 {
		if s.State&bit != 0 && n.Magic == magicExplicit {
			return n.VP
		}
		return 0
	}
	local, err := v.unixPath(&s, s.Local)
	if err != nil {
		return err
	}
	remote, err := v.unixPath(&s, s.Remote)
	if err != nil {
		return err
	}
	lvp, rvp := node(s.LocalVP, soBound), node(s.RemoteVP, soConnected)
	c.Record(func() {
		c.Printf("%-?p %-10s %0?p %0?p %-14s %-14s %4d\n", at, service, lvp, rvp, local, remote, s.Zone)
	}, out.Field{Name: "proto", Value: "unix"}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "type", Value: service},
		out.Field{Name: "vnode", Value: out.Addr(lvp)}, out.Field{Name: "conn", Value: out.Addr(rvp)},
		out.Field{Name: "local", Value: strings.TrimSpace(local)}, out.Field{Name: "remote", Value: strings.TrimSpace(remote)}, out.Field{Name: "zone", Value: s.Zone})
	return nil
}

// unixPath is the text of one end of a socket; MDB shows the remote end, too, only of
// a socket that is bound.
func (v *view) unixPath(s *unixSocket, n unixName) (string, error) {
	switch {
	case s.State&soBound == 0 || n.Len == 0:
		return " (none)", nil
	case s.NoXlate != 0:
		return " (socketpair)", nil
	case n.Len <= familyLen:
		return " (none)", nil
	}
	at, err := v.ref("struct sockaddr", n.Addr, "sa_data")
	if err != nil {
		return "", err
	}
	path, err := v.text(at, maxPath+1)
	if err != nil {
		return "", badRead("unix address", at, err)
	}
	return path, nil
}
