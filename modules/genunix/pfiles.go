package genunix

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func pfilesDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "pfiles", Usage: ":[-fp]", Descr: "print process file information", Type: "proc_t", Table: pfilesTable, Run: needAddr(noArgs(runPfiles)),
		Help: "Lists the open files of the process at the address: descriptor, type, vnode, path,\nand what is known of sockets, doors and the like.\n",
		Opts: []core.Opt{{Letter: 'p', Help: "paths only, of sockets too"}, {Letter: 'f', Help: "the file_t of each descriptor"}},
	}}
}

var (
	pfilesTable = &core.Table{
		Head: "%<u>%-4s %4s %?s %s%</u>\n", Line: "%4d %4s %?0p %s\n", Type: "vnode_t", Pipe: 2,
		Cols: []core.Field{{Name: "fd", Head: "FD"}, {Name: "type", Head: "TYPE"}, {Name: "vnode", Head: "VNODE"}, {Name: "info", Head: "INFO"}},
	}
	pfilesPaths = &core.Table{
		Head: pfilesTable.Head, Line: pfilesTable.Line, Type: "vnode_t", Pipe: 2,
		Cols: []core.Field{{Name: "fd", Head: "FD"}, {Name: "type", Head: "TYPE"}, {Name: "vnode", Head: "VNODE"}, {Name: "path", Head: "PATH"}},
	}
	pfilesFiles = &core.Table{
		Head: "%<u>%?s %4s %8s %?s %10s %?s %4s%</u>\n", Line: "%?0p %4d %8x %?0p %10lld %?0p %4d\n", Type: "file_t",
		Cols: []core.Field{{Name: "file", Head: "FILE"}, {Name: "fd", Head: "FD"}, {Name: "flag", Head: "FLAG"}, {Name: "vnode", Head: "VNODE"},
			{Name: "offset", Head: "OFFSET"}, {Name: "cred", Head: "CRED"}, {Name: "count", Head: "CNT"}},
	}
)

func runPfiles(c *core.Ctx) error {
	v := viewOf(c)
	table, row := pfilesTable, pfilesRow
	switch {
	case c.Opt('f'):
		table, row = pfilesFiles, fileRow
	case c.Opt('p'):
		table = pfilesPaths
	}
	withTable(c, table)
	if !c.Opts.JSON && !c.PipeOut { // one heading for each process
		heads := make([]any, len(table.Cols))
		for i, col := range table.Cols {
			heads[i] = col.Head
		}
		c.Printf(table.Head, heads...)
		headless := *table
		headless.Head = ""
		withTable(c, &headless)
	}
	files, err := v.descriptors(c.Addr)
	if err != nil {
		c.Warnf("%s", err.Error())
		c.Warnf("failed to walk 'allfile': %s", core.Reason(err))
		return core.ErrFailed
	}
	var last error
	for fd, fp := range files {
		if fp == 0 {
			continue
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if err := c.Fail(row(c, v, fd, fp)); err != nil {
			last = err
		}
	}
	return last
}

func fileRow(c *core.Ctx, v *view, fd int, fp uint64) error {
	var f struct {
		Flag   uint16 `ctf:"f_flag"`
		Vnode  uint64 `ctf:"f_vnode"`
		Offset int64  `ctf:"f_offset"`
		Cred   uint64 `ctf:"f_cred"`
		Count  int32  `ctf:"f_count"`
	}
	if err := v.load("file_t", fp, &f); err != nil {
		return badRead("file", fp, err)
	}
	c.Row(out.Hex(fp), fd, f.Flag, out.Hex(f.Vnode), f.Offset, out.Hex(f.Cred), f.Count)
	return nil
}

// vnode is what ::pfiles reads of a vnode_t.
type vnode struct {
	addr   uint64
	Type   uint32 `ctf:"v_type"`
	VFS    uint64 `ctf:"v_vfsp"`
	Data   uint64 `ctf:"v_data"`
	Stream uint64 `ctf:"v_stream"`
	Path   uint64 `ctf:"v_path"`
}

func (v *view) vnode(addr uint64) (vnode, error) {
	vn := vnode{addr: addr}
	if err := v.load("vnode_t", addr, &vn); err != nil {
		return vn, badRead("vnode", addr, err)
	}
	return vn, nil
}

// vnodeTypes are the names of enum vtype.
var vnodeTypes = []string{"NON", "REG", "DIR", "BLK", "CHR", "LNK", "FIFO", "DOOR", "PROC", "SOCK", "PORT", "BAD"}

func pfilesRow(c *core.Ctx, v *view, fd int, fp uint64) error {
	at, err := v.member("file_t", "f_vnode", fp)
	if err != nil {
		return badRead("file", fp, err)
	}
	if c.PipeOut {
		c.Emit(at, v.typeOrNil("vnode_t"))
		return nil
	}
	top, err := v.vnode(at)
	if err != nil {
		return err
	}
	real, err := v.realVnode(c, top)
	if err != nil {
		c.Warnf("%s", err.Error())
		c.Warnf("failed to do realvp() for %p", real.addr)
		return core.ErrFailed
	}
	typ := "?"
	if int(top.Type) < len(vnodeTypes) {
		typ = vnodeTypes[top.Type]
	}
	path := ""
	if c.Opt('p') || top.Type != vSOCK {
		path = v.filePath(c, top)
	}
	if c.Opt('p') {
		c.Row(fd, typ, out.Hex(at), path)
		return nil
	}
	info, err := v.fileInfo(c, top, real)
	if path != "" {
		path += " "
	}
	c.Row(fd, typ, out.Hex(at), path+info)
	return err
}

// maxLayers bounds the file systems that lie above one another.
const maxLayers = 64

// realVnode goes through the layers of pipes, mounted streams and sockets to the
// vnode that they stand for.
func (v *view) realVnode(c *core.Ctx, vn vnode) (vnode, error) {
	for range maxLayers {
		fs, err := v.fsName(c, vn.VFS)
		if err != nil {
			return vn, err
		}
		next := vn.addr
		switch {
		case fs == "fifofs" && v.has("fifonode_t", "fn_realvp"):
			next, err = v.member("fifonode_t", "fn_realvp", vn.Data)
		case fs == "namefs" && v.has("struct namenode", "nm_filevp"):
			next, err = v.member("struct namenode", "nm_filevp", vn.Data)
		case vn.Type == vSOCK && vn.Stream != 0:
			next, err = v.member("struct stdata", "sd_vnode", vn.Stream)
		}
		if err != nil {
			return vn, badRead("node of "+fs, vn.Data, err)
		}
		if next == 0 || next == vn.addr {
			return vn, nil
		}
		if vn, err = v.vnode(next); err != nil {
			return vn, err
		}
	}
	return vn, fmt.Errorf("vnode %x lies below more than %d others", vn.addr, maxLayers)
}

// filePath is the path that ::pfiles shows.
func (v *view) filePath(c *core.Ctx, vn vnode) string {
	at := vn.addr
	if vn.Path == 0 {
		switch vn.Type {
		case vFIFO, vDOOR, vPORT:
			return ""
		case vSOCK: // of a socket over a stream, the path of the device
			at = 0
			if dev, err := v.member("struct sonode", "so_sockparams->sp_sdev_info.sd_vnode", vn.Data); err == nil {
				at = dev
			}
		}
	}
	if at == 0 {
		return "/"
	}
	path, err := v.vnodePath(c, at)
	if err != nil && path == "" {
		c.Warnf("%s", err.Error())
	}
	for _, up := range []string{"/dev/..", "/dev/pts/../.."} {
		if rest, ok := strings.CutPrefix(path, up); ok && strings.HasPrefix(rest, "/devices/") {
			return rest
		}
	}
	return path
}

// fileInfo is what is known of a file by its type.
func (v *view) fileInfo(c *core.Ctx, top, real vnode) (string, error) {
	switch top.Type {
	case vDOOR:
		target, err := v.member("door_node_t", "door_target", real.Data)
		if err != nil {
			return "", badRead("door_node", real.Data, err)
		}
		name, err := v.comm(target)
		if err != nil {
			return "", fmt.Errorf("failed to read door server process %x: %s", target, core.Reason(err))
		}
		return out.Sprintf(c.OutEnv(), "[door to '%s' (proc=%p)]", name, target), nil
	case vPORT:
		return out.Sprintf(c.OutEnv(), "[event port (port=%p)]", top.Data), nil
	case vPROC:
		p, err := v.member("prnode_t", "pr_common->prc_proc", real.Data)
		if err != nil {
			return "", badRead("prnode", real.Data, err)
		}
		return out.Sprintf(c.OutEnv(), "(proc=%p)", p), nil
	case vSOCK:
		return v.socketInfo(c, real)
	}
	return "", nil
}

// Address families and the rest that tells a socket's address (sys/socket.h,
// inet/ipclassifier.h, sys/socketvar.h).
const (
	afUnix         = 1
	afInet         = 2
	afInet6        = 26
	afRoute        = 24
	sockDgram      = 1
	sockStream     = 2
	sockRaw        = 4
	stateFallback  = 0x80000000
	connTCP        = 0x1
	connUDP        = 0x8
	connConnected  = 0x40000000
	connBound      = 0x80000000
	tpiMagic       = 0x12345678
	maxSockaddrLen = 512
)

// sonode is what is read of a struct sonode.
type sonode struct {
	Family   int16  `ctf:"so_family"`
	Type     int16  `ctf:"so_type"`
	Protocol int16  `ctf:"so_protocol"`
	State    uint32 `ctf:"so_state"`
	Mode     uint32 `ctf:"so_mode"`
	Flag     uint16 `ctf:"so_flag"`
	Priv     uint64 `ctf:"so_priv"`
	Lower    uint64 `ctf:"so_proto_handle"`
}

func (v *view) socketInfo(c *core.Ctx, vn vnode) (string, error) {
	var so sonode
	if err := v.load("struct sonode", vn.Data, &so); err != nil {
		return "", badRead("sonode", vn.Data, err)
	}
	if vn.Stream != 0 {
		return v.tpiInfo(c, vn, so)
	}
	if !tcpip(so) {
		return "", nil
	}
	return v.connInfo(c, so)
}

// tcpip tells whether a socket's other end is a conn_t.
func tcpip(so sonode) bool {
	inet := so.Family == afInet || so.Family == afInet6
	switch {
	case so.Type == sockRaw:
		return inet || so.Family == afRoute
	case !inet:
		return false
	case so.Type == sockStream:
		return so.Protocol == 0 || so.Protocol == 6
	case so.Type == sockDgram:
		return so.Protocol == 0 || so.Protocol == 17
	}
	return false
}

// tpiInfo is that of a socket over a stream: the addresses are kept beside the node.
func (v *view) tpiInfo(c *core.Ctx, vn vnode, so sonode) (string, error) {
	info := so.Priv
	if so.State&stateFallback == 0 {
		at, err := v.member("struct stdata", "sd_vnode->v_data", vn.Stream)
		if err != nil {
			return "", badRead("stream vnode", vn.Stream, err)
		}
		if info, err = v.ref("sotpi_sonode_t", at, "st_info"); err != nil {
			return "", err
		}
	}
	var ti struct {
		Magic      uint32 `ctf:"sti_magic"`
		LocalValid uint8  `ctf:"sti_laddr_valid"`
		FarValid   uint8  `ctf:"sti_faddr_valid"`
		Local      uint64 `ctf:"sti_laddr.soa_sa"`
		Far        uint64 `ctf:"sti_faddr.soa_sa"`
		LocalLen   uint32 `ctf:"sti_laddr.soa_len"`
		FarLen     uint32 `ctf:"sti_faddr.soa_len"`
	}
	if err := v.load("sotpi_info_t", info, &ti); err != nil {
		return "", badRead("sotpi_info", info, err)
	}
	if ti.Magic != tpiMagic {
		return "", fmt.Errorf("sotpi_info at %x has magic %x, not %x", info, ti.Magic, tpiMagic)
	}
	text := ""
	for _, end := range []struct {
		valid uint8
		head  string
		addr  uint64
		n     uint32
	}{{ti.LocalValid, "socket: ", ti.Local, ti.LocalLen}, {ti.FarValid, "remote: ", ti.Far, ti.FarLen}} {
		if end.valid != 1 {
			continue
		}
		b := make([]byte, min(max(end.n, 2), maxSockaddrLen))
		if err := v.read(end.addr, b); err != nil {
			return text, badRead("socket address", end.addr, err)
		}
		text += end.head + v.sockaddr(c, b)
	}
	return text, nil
}

// sockaddr is the text of a struct sockaddr of any family.
func (v *view) sockaddr(c *core.Ctx, b []byte) string {
	family := mem.Uint(b[:2], v.w.Order)
	switch {
	case family == afInet && len(b) >= 8:
		return inetText(c, b[4:8], b[2:4])
	case family == afInet6 && len(b) >= 24:
		return inet6Text(c, b[8:24], b[2:4])
	case family == afUnix:
		path, _, _ := strings.Cut(string(b[2:]), "\x00")
		return "AF_UNIX " + path + " "
	}
	return fmt.Sprintf("AF_?? (%d) ", family)
}

func inetText(c *core.Ctx, addr, port []byte) string {
	return out.Sprintf(c.OutEnv(), "AF_INET %I %d ", addr, uint64(port[0])<<8|uint64(port[1]))
}

func inet6Text(c *core.Ctx, addr, port []byte) string {
	return out.Sprintf(c.OutEnv(), "AF_INET6 %N %d ", addr, uint64(port[0])<<8|uint64(port[1]))
}

// connInfo is that of a socket right above TCP or UDP. The other end of one that
// listens is left out.
func (v *view) connInfo(c *core.Ctx, so sonode) (string, error) {
	flags, err := v.member("conn_t", "conn_flags", so.Lower)
	if err != nil {
		return "", badRead("conn_t", so.Lower, err)
	}
	local, err := v.endpoint(c, so, "connua_laddr", "connu_lport")
	if err != nil {
		return "", err
	}
	text := "socket: " + local
	if flags&connTCP != 0 && flags&connBound == 0 || flags&connUDP != 0 && flags&connConnected != 0 {
		far, err := v.endpoint(c, so, "connua_faddr", "connu_fport")
		if err != nil {
			return text, err
		}
		text += "remote: " + far
	}
	return text, nil
}

// endpoint is one end of a conn_t. IPv4 addresses are the last bytes of those of IPv6.
func (v *view) endpoint(c *core.Ctx, so sonode, addr, port string) (string, error) {
	at, err := v.ref("conn_t", so.Lower, "connua_v6addr."+addr)
	if err != nil {
		return "", err
	}
	pat, err := v.ref("conn_t", so.Lower, "u_port.connu_ports."+port)
	if err != nil {
		return "", err
	}
	var a [16]byte
	var p [2]byte
	if err := v.read(at, a[:]); err != nil {
		return "", badRead("conn_t", so.Lower, err)
	}
	if err := v.read(pat, p[:]); err != nil {
		return "", badRead("conn_t", so.Lower, err)
	}
	switch so.Family {
	case afInet:
		return inetText(c, a[12:], p[:]), nil
	case afInet6:
		return inet6Text(c, a[:], p[:]), nil
	}
	return fmt.Sprintf("AF_?? (%d)", so.Family), nil
}
