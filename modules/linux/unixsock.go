package linux

import (
	"iter"
	"strings"

	"github.com/xmdb/xmdb/modules/kernel"
)

// unixBuckets is how many chains the tables of Unix sockets have, for names and for inodes
// together: 2*UNIX_HASH_SIZE until 5.19, UNIX_HASH_SIZE since (include/net/af_unix.h).
const unixBuckets = 512

// unixSockets are the tables of Unix sockets: one until 5.19, one for each network
// namespace since.
func unixSockets(v *kernel.View) ([]iter.Seq2[uint64, error], error) {
	sc, err := kernel.Lay[sockCommon](v, "struct sock_common")
	if err != nil {
		return nil, err
	}
	table := func(at uint64) iter.Seq2[uint64, error] {
		return shift(buckets(v, "Unix socket", at, unixBuckets, 8, 0), sc.Node.Off)
	}
	f, err := v.Member("struct net", "unx.table.buckets")
	if err != nil {
		at, err := address(v, "unix_socket_table")
		if err != nil {
			return nil, err
		}
		return []iter.Seq2[uint64, error]{table(at)}, nil
	}
	var list []iter.Seq2[uint64, error]
	for a, err := range nets(v) {
		if err != nil {
			return list, err
		}
		at, err := v.Pointer(a + f.Off)
		if err != nil {
			return list, kernel.BadRead("struct net", a, err)
		}
		if at != 0 {
			list = append(list, table(at))
		}
	}
	return list, nil
}

// unixSock is a Unix socket.
type unixSock struct {
	addr, peer, net uint64
	typ, state      int
	name            string // path; "@name" for an abstract one; "" if it has none
	inode           uint64
}

// unixLayout is struct unix_sock.
type unixLayout struct {
	Size   uint64       `ctf:"sizeof"`
	State  kernel.Field `ctf:"sk.__sk_common.skc_state"`
	Net    kernel.Field `ctf:"sk.__sk_common.skc_net.net"`
	Type   kernel.Field `ctf:"sk.sk_type"`
	Socket kernel.Field `ctf:"sk.sk_socket"`
	Addr   kernel.Field `ctf:"addr"`
	Peer   kernel.Field `ctf:"peer"`
}

// familySize is the size of sun_family, before the name.
const familySize = 2

func readUnix(v *kernel.View, addr uint64) (*unixSock, error) {
	l, b, err := read(v, "struct unix_sock", addr, func(l *unixLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	s := &unixSock{addr: addr, peer: l.Peer.Of(b), net: l.Net.Of(b), typ: int(l.Type.Of(b)), state: int(l.State.Of(b))}
	if sock := l.Socket.Of(b); sock != 0 {
		s.inode, _ = socketInode(v, sock)
	}
	at := l.Addr.Of(b)
	if at == 0 {
		return s, nil
	}
	type layout struct {
		Len  kernel.Field `ctf:"len"`
		Name kernel.Field `ctf:"name"`
	}
	al, err := kernel.Lay[layout](v, "struct unix_address")
	if err != nil {
		return s, err
	}
	ab, err := v.Bytes(at, al.Len.Off+al.Len.Size, nil)
	if err != nil {
		return s, kernel.BadRead("struct unix_address", at, err)
	}
	n := al.Len.Of(ab)
	if n <= familySize || n > familySize+108 { // sizeof sun_path
		return s, nil
	}
	text, err := v.Bytes(at+al.Name.Off+familySize, n-familySize, nil)
	if err != nil {
		return s, kernel.BadRead("struct unix_address", at, err)
	}
	if text[0] == 0 {
		s.name = "@" + strings.ReplaceAll(string(text[1:]), "\x00", "@")
	} else {
		s.name, _, _ = strings.Cut(string(text), "\x00")
	}
	return s, nil
}

// socketInode is the number of the inode that a struct socket is in: what /proc/PID/fd
// shows in brackets.
func socketInode(v *kernel.View, sock uint64) (uint64, error) {
	s, err := v.Member("struct socket_alloc", "socket")
	if err != nil {
		return 0, err
	}
	i, err := v.Member("struct socket_alloc", "vfs_inode.i_ino")
	if err != nil {
		return 0, err
	}
	return v.Pointer(sock - s.Off + i.Off)
}
