package linux

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// tcpStates are the states of include/net/tcp_states.h, by the names that netstat(8)
// shows.
var tcpStates = []string{"?", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
	"LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"}

const (
	tcpEstablished = 1
	tcpClose       = 7
	tcpListen      = 10
)

// unixTypes are SOCK_* of include/linux/net.h.
var unixTypes = map[int]string{1: "stream", 2: "dgram", 5: "seqpacket"}

const netstatHelp = `Lists TCP, UDP and Unix sockets of all network namespaces: address of the socket, state,
local and remote address, number of the network namespace, container (::zone).

-a        listening and unconnected sockets, too
-f name   of one family: inet, inet6 or unix
-p        with the process that has the socket open, the first of several
-P name   of one protocol: tcp or udp
-v        with the bytes of TCP and UDP that nobody has read yet, and those that were sent
          and not acknowledged, as ss has them; of a listening socket the connections that
          nobody has accepted
-z id     of one container, by its id or the beginning of it, or its host name
`

func netstatDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "netstat", Usage: "[-apv] [-f inet|inet6|unix] [-P tcp|udp] [-z container]", Descr: "sockets of TCP and UDP and Unix sockets", Help: netstatHelp, Complete: afterOptions(map[string]completer{"-z": completeZone, "-f": oneOf("inet", "inet6", "unix"), "-P": oneOf("tcp", "udp")}),
		Opts: []core.Opt{{Letter: 'a', Help: "listening and unconnected ones, too"}, {Letter: 'p', Help: "with the process that has it open"}, {Letter: 'v', Help: "with what waits in their queues"}, {Letter: 'f', Kind: core.Str, Arg: "family", Help: "only this family"},
			{Letter: 'P', Kind: core.Str, Arg: "protocol", Help: "only this protocol"}, {Letter: 'z', Kind: core.Str, Arg: "container", Help: "only this container"}},
		Run: noArgs(runNetstat),
	}}
}

// netstat is one run of the command.
type netstat struct {
	c      *core.Ctx
	v      *kernel.View
	spaces map[uint64]*netSpace
	zone   string // "" for all
	all    bool
	procs  map[uint64]string // -p: who has a socket open, by its struct sock; nil without
}

// process is what the column of -p shows of a socket: "-" for one that no process has open.
func (n *netstat) process(sock uint64) string {
	if who := n.procs[sock]; who != "" {
		return who
	}
	return "-"
}

// pad is the width of the column before that of -p.
func (n *netstat) pad() int {
	if n.procs != nil {
		return 12
	}
	return 0
}

// last writes the column of -p, and ends the line.
func (n *netstat) last(text string) {
	if n.procs != nil {
		n.c.Printf(" %s", text)
	}
	n.c.Printf("\n")
}

// fields adds the field of -p.
func (n *netstat) fields(sock uint64, list ...out.Field) []out.Field {
	if n.procs != nil {
		list = append(list, out.Field{Name: "process", Value: n.process(sock)})
	}
	return list
}

func runNetstat(c *core.Ctx) error {
	n := &netstat{c: c, v: kernel.Of(c.Session), spaces: map[uint64]*netSpace{}, all: c.Opt('a')}
	if id, ok := c.OptStr('z'); ok {
		z, err := zoneNamed(n.v, id)
		if err != nil {
			return err
		}
		n.zone = z.id
	}
	family, protocol := "", ""
	if s, ok := c.OptStr('f'); ok {
		if s != "inet" && s != "inet6" && s != "unix" {
			return core.ErrUsage
		}
		family = s
	}
	if s, ok := c.OptStr('P'); ok {
		if s != "tcp" && s != "udp" {
			return core.ErrUsage
		}
		protocol = s
	}
	list, err := netSpaces(n.v)
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	for _, s := range list {
		n.spaces[s.addr] = s
	}
	if c.Opt('p') {
		if n.procs, err = socketOwners(n.v); err != nil {
			c.Warnf("%s", err.Error())
		}
	}
	var failed error
	for _, f := range []struct {
		name, word string
		number     int
	}{{"inet", "v4", afInet}, {"inet6", "v6", afInet6}} {
		if family != "" && family != f.name {
			continue
		}
		if protocol != "udp" {
			failed = first(failed, n.inet("TCP"+f.word, f.number, sockets(tcpSockets), true))
		}
		if protocol != "tcp" {
			failed = first(failed, n.inet("UDP"+f.word, f.number, sockets(udpSockets), false))
		}
	}
	if family == "" && protocol == "" || family == "unix" {
		failed = first(failed, n.unix())
	}
	return failed
}

// first keeps the error that came first, but an interrupt wins.
func first(a, b error) error {
	if a == nil || b == core.ErrIntr {
		return b
	}
	return a
}

// owner gives the namespace of a socket; ok is false if it is not wanted.
func (n *netstat) owner(net uint64) (number uint64, zone string, ok bool) {
	zone = "-"
	if s := n.spaces[net]; s != nil {
		number, zone = s.number, s.zone
	}
	return number, zone, n.zone == "" || n.zone == zone
}

// inet lists the sockets of one family and protocol.
func (n *netstat) inet(title string, family int, all source, tcp bool) error {
	width := 22
	if family == afInet6 {
		width = 46
	}
	any := false
	for a, err := range all(n.v) {
		if err == nil && n.c.Err() != nil {
			return core.ErrIntr
		}
		var s *inetSock
		if err == nil {
			s, err = readInet(n.v, a)
		}
		if err != nil {
			n.c.Warnf("%s", err.Error())
			continue
		}
		number, zone, ok := n.owner(s.net)
		if s.family != family || !ok || !n.all && (s.state == tcpListen || s.state == tcpClose) {
			continue
		}
		if n.c.PipeOut {
			n.c.Emit(a, n.v.TypeOrNil("struct sock_common"))
			continue
		}
		state := "-"
		if tcp || s.state == tcpEstablished {
			state = named(tcpStates, s.state)
		}
		queueHead, queues, fields := "", "", []out.Field(nil)
		if n.c.Opt('v') {
			recv, send, err := s.queues(n.v, tcp)
			r, w := cell(n.c, recv, err, "queues", a), cell(n.c, send, err, "queues", a)
			queueHead, queues = fmt.Sprintf(" %8s %8s", "Recv-Q", "Send-Q"), fmt.Sprintf(" %8v %8v", r, w)
			fields = []out.Field{{Name: "recvq", Value: r}, {Name: "sendq", Value: w}}
		}
		fields = append([]out.Field{{Name: "protocol", Value: title}, {Name: "addr", Value: out.Addr(a)}, {Name: "state", Value: state}}, fields...)
		fields = append(fields, out.Field{Name: "local", Value: endpoint(s.local)}, out.Field{Name: "remote", Value: endpoint(s.remote)},
			out.Field{Name: "netns", Value: number}, out.Field{Name: "zone", Value: zone})
		n.c.Record(func() {
			if !any {
				n.c.Printf("%<u>%-?s %-12s%s %-*s %-*s %-10s %-*s%</u>", title, "State", queueHead, width, "Local", width, "Remote", "Stack", n.pad(), "Zone")
				n.last("Process")
			}
			n.c.Printf("%0?p %-12s%s %-*s %-*s %-10d %-*s", a, state, queues, width, endpoint(s.local), width, endpoint(s.remote), number, n.pad(), zone)
			n.last(n.process(a))
		}, n.fields(a, fields...)...)
		any = true
	}
	return nil
}

// unix lists Unix sockets.
func (n *netstat) unix() error {
	any := false
	for a, err := range sockets(unixSockets)(n.v) {
		if err == nil && n.c.Err() != nil {
			return core.ErrIntr
		}
		var s *unixSock
		if err == nil {
			s, err = readUnix(n.v, a)
		}
		if err != nil {
			n.c.Warnf("%s", err.Error())
			continue
		}
		number, zone, ok := n.owner(s.net)
		if !ok || !n.all && s.state != tcpEstablished {
			continue
		}
		if n.c.PipeOut {
			n.c.Emit(a, n.v.TypeOrNil("struct unix_sock"))
			continue
		}
		typ, ok := unixTypes[s.typ]
		if !ok {
			typ = fmt.Sprint(s.typ)
		}
		state := named(tcpStates, s.state)
		process, who := "", ""
		if n.procs != nil {
			process, who = fmt.Sprintf("%-20s ", "Process"), fmt.Sprintf("%-20s ", n.process(a))
		}
		n.c.Record(func() {
			if !any {
				n.c.Printf("%<u>%-?s %-10s %-12s %-?s %10s %-10s %-12s %-s%</u>\n", "AF_UNIX", "Type", "State", "Conn", "Inode", "Stack", "Zone", process+"Local Addr")
			}
			n.c.Printf("%0?p %-10s %-12s %0?p %10d %-10d %-12s %-s\n", a, typ, state, s.peer, s.inode, number, zone, who+s.name)
		}, n.fields(a, out.Field{Name: "protocol", Value: "unix"}, out.Field{Name: "addr", Value: out.Addr(a)}, out.Field{Name: "type", Value: typ},
			out.Field{Name: "state", Value: state}, out.Field{Name: "peer", Value: out.Addr(s.peer)}, out.Field{Name: "inode", Value: s.inode},
			out.Field{Name: "netns", Value: number}, out.Field{Name: "zone", Value: zone}, out.Field{Name: "local", Value: s.name})...)
		any = true
	}
	return nil
}
