package linux

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// netSpace is a network namespace.
type netSpace struct {
	addr   uint64 // VA of its struct net
	number uint64 // as in /proc/PID/ns/net
	zone   string // the container whose processes are in it
}

// netSpaces lists the network namespaces, the initial one first. A namespace belongs to
// the container that the first process in it is in; "-" if no process is in it. An error
// comes beside what was found.
func netSpaces(v *kernel.View) ([]*netSpace, error) {
	type memoKey struct{}
	type result struct {
		list []*netSpace
		err  error
	}
	r, _ := core.Memo(v.Session(), memoKey{}, func() (result, error) {
		list, err := findNetSpaces(v)
		return result{list, err}, nil
	})
	return r.list, r.err
}

func findNetSpaces(v *kernel.View) ([]*netSpace, error) {
	var list []*netSpace
	byAddr := map[uint64]*netSpace{}
	var failed error
	for a, err := range nets(v) {
		if err != nil {
			failed = err
			break
		}
		n, err := namespaceNumber(v, "struct net", a)
		if err != nil {
			failed = err
		}
		s := &netSpace{addr: a, number: n, zone: "-"}
		list, byAddr[a] = append(list, s), s
	}
	proxied, err := v.Member("struct nsproxy", "net_ns")
	if err != nil {
		return list, err
	}
	for a, err := range processes(v) {
		var t *task
		if err == nil {
			t, err = readTask(v, a)
		}
		if err != nil {
			failed = err
			continue
		}
		proxy := t.l.NSProxy.Of(t.b)
		if proxy == 0 {
			continue
		}
		net, err := v.Pointer(proxy + proxied.Off)
		if err != nil {
			failed = kernel.BadRead("struct nsproxy", proxy, err)
			continue
		}
		if s := byAddr[net]; s != nil && s.zone == "-" {
			s.zone, _, _, err = zoneOf(v, t)
			if err != nil {
				failed = err
			}
		}
	}
	return list, failed
}

// nets yields the structs net.
func nets(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		head, err := address(v, "net_namespace_list")
		if err != nil {
			yield(0, err)
			return
		}
		link, err := v.Member("struct net", "list")
		if err != nil {
			yield(0, err)
			return
		}
		for a, err := range members(v, "struct net", head, link) {
			if !yield(a, err) {
				return
			}
		}
	}
}

func netWalkers() []*core.Walker {
	return []*core.Walker{
		walker("net", "network namespaces", "struct net", nets),
		walker("net_device", "network interfaces of all namespaces", "struct net_device", allDevices),
		walker("tcp", "TCP sockets of all network namespaces", "struct sock_common", sockets(tcpSockets)),
		walker("udp", "UDP sockets of all network namespaces", "struct sock_common", sockets(udpSockets)),
		walker("unix", "Unix sockets of all network namespaces", "struct unix_sock", sockets(unixSockets)),
	}
}
