package linux

import (
	"fmt"
	"iter"
	"net"
	"net/netip"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

var netTable = &core.Table{
	Head: "%<u>%-?s %-15s %5s %-5s %6s %-17s %-10s %-10s %-12s %-s%</u>\n", Line: "%0?p %-15s %5d %-5s %6d %-17s %-10s %-10d %-12s %-s\n", Type: "struct net_device",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "name", Head: "NAME"}, {Name: "index", Head: "INDEX"}, {Name: "state", Head: "STATE"},
		{Name: "mtu", Head: "MTU", Descr: "bytes"}, {Name: "mac", Head: "MAC"}, {Name: "kind", Head: "KIND", Descr: "bridge, veth, ...; - for a device"},
		{Name: "netns", Head: "STACK", Descr: "number of the network namespace"}, {Name: "zone", Head: "ZONE", Descr: "container"},
		{Name: "info", Head: "INFO", Descr: "addresses, the bridge it is a port of, the other end of a pair"}},
}

func netDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "net", Usage: "?", Descr: "network interfaces, bridges, pairs of virtual ones", Type: "struct net_device",
		Help: `Lists the network interfaces of all network namespaces, or the one at the address: name,
index, state, MTU, hardware address, kind, network namespace, container (::zone); then its
addresses, the bridge or bond that it belongs to (master=), and the other end of a veth
pair (peer=) with the namespace that is in.
`,
		Table: netTable, Run: noArgs(perAddress(allDevices, netRow)),
	}}
}

// deviceLayout is struct net_device (include/linux/netdevice.h).
type deviceLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Name    kernel.Field `ctf:"name"`
	Index   kernel.Field `ctf:"ifindex"`
	Flags   kernel.Field `ctf:"flags"`
	MTU     kernel.Field `ctf:"mtu"`
	Addr    kernel.Field `ctf:"dev_addr"`
	AddrLen kernel.Field `ctf:"addr_len"`
	Net     kernel.Field `ctf:"nd_net.net"`
	Ops     kernel.Field `ctf:"rtnl_link_ops"`
	List    kernel.Field `ctf:"dev_list"`
	Upper   kernel.Field `ctf:"adj_list.upper"`
	IP      kernel.Field `ctf:"ip_ptr,optional"`
	IP6     kernel.Field `ctf:"ip6_ptr,optional"`
}

func readDevice(v *kernel.View, addr uint64) (*deviceLayout, []byte, error) {
	return read(v, "struct net_device", addr, func(l *deviceLayout) uint64 { return l.Size })
}

// allDevices yields the interfaces of all network namespaces.
func allDevices(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		head, err := v.Member("struct net", "dev_base_head")
		if err != nil {
			yield(0, err)
			return
		}
		l, err := kernel.Lay[deviceLayout](v, "struct net_device")
		if err != nil {
			yield(0, err)
			return
		}
		for n, err := range nets(v) {
			if err != nil {
				yield(0, err)
				return
			}
			for a, err := range members(v, "struct net_device", n+head.Off, l.List) {
				if !yield(a, err) {
					return
				}
				if err != nil {
					break
				}
			}
		}
	}
}

const iffUp = 1 // IFF_UP

func netRow(c *core.Ctx, v *kernel.View, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, v.TypeOrNil("struct net_device"))
		return nil
	}
	l, b, err := readDevice(v, addr)
	if err != nil {
		return err
	}
	number, zone, err := stackOf(v, l.Net.Of(b))
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	state := "down"
	if l.Flags.Of(b)&iffUp != 0 {
		state = "up"
	}
	mac := "-"
	if n := l.AddrLen.Of(b); n > 0 && n <= 32 {
		if hw, err := v.Bytes(l.Addr.Of(b), n, nil); err == nil {
			mac = net.HardwareAddr(hw).String()
		}
	}
	kind, err := linkKind(v, l.Ops.Of(b))
	info, ierr := deviceInfo(v, addr, kind, l, b)
	if ierr != nil {
		c.Warnf("%s", ierr.Error())
	}
	c.Row(out.Hex(addr), l.Name.Text(b), int(int32(l.Index.Of(b))), state, l.MTU.Of(b), mac, cell(c, kind, err, "kind", addr), number, zone, strings.Join(info, " "))
	return nil
}

// stackOf names a network namespace.
func stackOf(v *kernel.View, net uint64) (number uint64, zone string, err error) {
	list, err := netSpaces(v)
	for _, s := range list {
		if s.addr == net {
			return s.number, s.zone, err
		}
	}
	return 0, "-", err
}

// linkKind is the kind of a virtual interface: "veth", "bridge"; "-" for others.
func linkKind(v *kernel.View, ops uint64) (string, error) {
	if ops == 0 {
		return "-", nil
	}
	f, err := v.Member("struct rtnl_link_ops", "kind")
	if err != nil {
		return "", err
	}
	at, err := v.Pointer(ops + f.Off)
	if err != nil {
		return "", kernel.BadRead("struct rtnl_link_ops", ops, err)
	}
	return v.Text(at, 32)
}

// deviceInfo is what an interface has and belongs to.
func deviceInfo(v *kernel.View, addr uint64, kind string, l *deviceLayout, b []byte) (info []string, err error) {
	if l.IP.OK() {
		info, err = addresses4(v, l.IP.Of(b))
	}
	if l.IP6.OK() {
		more, err6 := addresses6(v, l.IP6.Of(b))
		info, err = append(info, more...), first(err, err6)
	}
	type adjacent struct {
		Size   uint64       `ctf:"sizeof"`
		Dev    kernel.Field `ctf:"dev"`
		Master kernel.Field `ctf:"master"`
		List   kernel.Field `ctf:"list"`
	}
	al, aerr := kernel.Lay[adjacent](v, "struct netdev_adjacent")
	if aerr != nil {
		return info, first(err, aerr)
	}
	for a, werr := range members(v, "netdev_adjacent", addr+l.Upper.Off, al.List) {
		if werr != nil {
			return info, first(err, werr)
		}
		ab, rerr := v.Bytes(a, al.Size, nil)
		if rerr != nil {
			return info, first(err, kernel.BadRead("netdev_adjacent", a, rerr))
		}
		if ul, ub, rerr := readDevice(v, al.Dev.Of(ab)); rerr == nil && al.Master.Of(ab) != 0 {
			info = append(info, "master="+ul.Name.Text(ub))
		}
	}
	if kind == "veth" {
		peer, perr := vethPeer(v, addr, l)
		if perr != nil {
			return info, first(err, perr)
		}
		info = append(info, peer)
	}
	return info, err
}

// privAlign is NETDEV_ALIGN: an interface's private part begins there behind it.
const privAlign = 32

// vethPeer names the other end of a pair.
func vethPeer(v *kernel.View, addr uint64, l *deviceLayout) (string, error) {
	f, err := v.Member("struct veth_priv", "peer")
	if err != nil {
		return "", err
	}
	priv := addr + (l.Size+privAlign-1)&^(privAlign-1)
	peer, err := v.Pointer(priv + f.Off)
	if err != nil {
		return "", kernel.BadRead("struct veth_priv", priv, err)
	}
	if peer == 0 {
		return "peer=-", nil
	}
	_, b, err := readDevice(v, peer)
	if err != nil {
		return "", err
	}
	number, _, err := stackOf(v, l.Net.Of(b))
	return fmt.Sprintf("peer=%s@%d", l.Name.Text(b), number), err
}

// maxAddresses bounds those of an interface.
const maxAddresses = 1 << 16

// addresses4 lists the IPv4 addresses by the struct in_device.
func addresses4(v *kernel.View, dev uint64) (list []string, err error) {
	if dev == 0 {
		return nil, nil
	}
	head, err := v.Member("struct in_device", "ifa_list")
	if err != nil {
		return nil, err
	}
	type layout struct {
		Size uint64       `ctf:"sizeof"`
		Next kernel.Field `ctf:"ifa_next"`
		Addr kernel.Field `ctf:"ifa_local"`
		Len  kernel.Field `ctf:"ifa_prefixlen"`
	}
	at, err := v.Pointer(dev + head.Off)
	if err != nil {
		return nil, kernel.BadRead("struct in_device", dev, err)
	}
	for met := (kernel.Met{}); at != 0 && len(list) < maxAddresses; {
		if met.Again(at) {
			return list, fmt.Errorf("address %x is on its list twice", at)
		}
		l, b, err := read(v, "struct in_ifaddr", at, func(l *layout) uint64 { return l.Size })
		if err != nil {
			return list, err
		}
		ip, _ := netip.AddrFromSlice(b[l.Addr.Off : l.Addr.Off+4])
		list = append(list, fmt.Sprintf("%v/%d", ip, l.Len.Of(b)))
		at = l.Next.Of(b)
	}
	return list, nil
}

// addresses6 lists the IPv6 addresses by the struct inet6_dev.
func addresses6(v *kernel.View, dev uint64) (list []string, err error) {
	if dev == 0 {
		return nil, nil
	}
	head, err := v.Member("struct inet6_dev", "addr_list")
	if err != nil {
		return nil, err
	}
	type layout struct {
		Size uint64       `ctf:"sizeof"`
		List kernel.Field `ctf:"if_list"`
		Addr kernel.Field `ctf:"addr"`
		Len  kernel.Field `ctf:"prefix_len"`
	}
	l, err := kernel.Lay[layout](v, "struct inet6_ifaddr")
	if err != nil {
		return nil, err
	}
	for a, err := range members(v, "inet6_ifaddr", dev+head.Off, l.List) {
		if err != nil {
			return list, err
		}
		b, err := v.Bytes(a, l.Size, nil)
		if err != nil {
			return list, kernel.BadRead("struct inet6_ifaddr", a, err)
		}
		ip, _ := netip.AddrFromSlice(b[l.Addr.Off : l.Addr.Off+16])
		list = append(list, fmt.Sprintf("%v/%d", ip, l.Len.Of(b)))
	}
	return list, nil
}
