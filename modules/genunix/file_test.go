package genunix

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// fileText is the INFO column of ::pfiles, from the description of a file.
func fileText(sys *illumos.System, f *illumos.BuiltFile) string {
	path := f.Path
	if path != "" {
		path += " "
	}
	switch f.Type {
	case "DOOR":
		p := sys.Procs[f.Of]
		return path + fmt.Sprintf("[door to '%s' (proc=%x)]", p.Comm, p.Addr.Addr)
	case "PORT":
		return fmt.Sprintf("[event port (port=%x)]", f.Data.Addr)
	case "PROC":
		return path + fmt.Sprintf("(proc=%x)", sys.Procs[f.Of].Addr.Addr)
	case "SOCK":
		return endText("socket: ", f.Sock, f.Sock.Local) + endText("remote: ", f.Sock, f.Sock.Remote)
	}
	return path
}

func endText(head string, so *illumos.Socket, end string) string {
	if end == "" {
		return ""
	}
	if so.Family == "unix" {
		return head + "AF_UNIX " + end + " "
	}
	ap := netip.MustParseAddrPort(end)
	return fmt.Sprintf("%sAF_%s %s %d ", head, strings.ToUpper(so.Family), ap.Addr(), ap.Port())
}

func TestPfiles(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		open := 0
		for _, p := range sys.ByOrder {
			info, paths := "FD   TYPE            VNODE INFO\n", "FD   TYPE            VNODE PATH\n"
			files := "            FILE   FD     FLAG            VNODE     OFFSET             CRED  CNT\n"
			for _, f := range p.Opened {
				head := fmt.Sprintf("%4d %4s %016x ", f.FD, f.Type, f.Vnode.Addr)
				info += head + fileText(sys, f) + "\n"
				paths += head + f.Path + "\n"
				files += fmt.Sprintf("%016x %4d %8x %016x %10d %016x %4d\n", f.Addr.Addr, f.FD, f.Flags, f.Vnode.Addr, f.Offset, p.Cred.Addr, max(1, len(f.FDs)))
				open++
			}
			addr := fmt.Sprintf("%x", p.Addr.Addr)
			s.Run(addr + "::pfiles").OK().Want(info)
			s.Run(addr + "::pfiles -p").OK().Want(paths)
			s.Run(addr + "::pfiles -f").OK().Want(files)
		}
		if open < 100 {
			t.Errorf("only %d open files in the scenario", open)
		}
		s.Run("::walk proc p | ::walk file | ::count").OK().WantLines(fmt.Sprint(open))
	})
}

func TestFd(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		p := sys.Procs[121]
		addr := fmt.Sprintf("%x", p.Addr.Addr)
		all := ""
		for _, f := range p.Opened {
			s.Run(fmt.Sprintf("%s::fd 0t%d", addr, f.FD)).OK().Want(fmt.Sprintf("%x\n", f.Addr.Addr))
			all += fmt.Sprintf("%x\n", f.Addr.Addr)
		}
		s.Run(addr + "::fd").OK().Want(all)
		s.Run(addr + "::fd 0t77").OK().Want("0\n")
		if r := s.Run(addr + "::fd 0t5000"); !strings.Contains(r.Err, "only has 511 files open.") {
			t.Errorf("%q", r.Err)
		}
		// a table of 511 descriptors, of which four are in use
		s.Run(addr + "::walk allfile | ::count").OK().WantLines("511")
	})
}

func TestWhereopen(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		v := sys.Vnodes["/devices/pseudo/mm@0:null"]
		want, n := "", 0
		sys.Procs[0].Walk(func(p *illumos.BuiltProc, _ int) {
			for _, f := range p.Opened {
				if f.Vnode.Addr == v.Addr {
					want += fmt.Sprintf("file %x\n%x\n", f.Addr.Addr, p.Addr.Addr)
					n++
					break
				}
			}
		})
		s.Run(fmt.Sprintf("%x::whereopen", v.Addr)).OK().Want(want)
		s.Run(fmt.Sprintf("%x::whereopen | ::count", v.Addr)).OK().WantLines(fmt.Sprint(n))
	})
}

func TestPorts(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		p := sys.Procs[130]
		var port *illumos.BuiltFile
		for _, f := range p.Opened {
			if f.Type == "PORT" {
				port = f
			}
		}
		s.Run(fmt.Sprintf("%x::walk port", p.Addr.Addr)).OK().Want(fmt.Sprintf("%#x\n", port.Data.Addr))
		events := ""
		for _, e := range port.Events {
			events += fmt.Sprintf("%#x\n", e.Addr)
		}
		if events == "" {
			t.Error("the scenario's port has no events")
		}
		s.Run(fmt.Sprintf("%x::walk portev", port.Data.Addr)).OK().Want(events)
	})
}

func TestVnode2path(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for path, v := range sys.Vnodes {
			s.Run(fmt.Sprintf("%x::vnode2path", v.Addr)).OK().Want(path + "\n")
		}
		dir, reg := sys.Vnodes["/usr/bin"], sys.Vnodes["/usr/bin/vmadm"]
		s.Run(fmt.Sprintf("%x::vnode2path -F", dir.Addr)).OK().Want("/usr/bin/\n")
		s.Run(fmt.Sprintf("%x::vnode2path -F", reg.Addr)).OK().Want("/usr/bin/vmadm \n")
		fifo := sys.Procs[9].Opened[6]
		s.Run(fmt.Sprintf("%x::vnode2path", fifo.Vnode.Addr)).OK().Want("??\n")
	})
}

func TestFsinfo(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		head := "            VFSP FS              MOUNT\n"
		short, long := head, head
		for _, b := range sys.VFS {
			path := b.Path
			if len(path) >= 48 {
				path = path[:44] + "..."
			}
			short += fmt.Sprintf("%016x %-15s %s\n", b.VFS.Addr, b.FS, path)
			resource := b.Resource
			if resource == "" {
				resource = b.FS
			}
			long += fmt.Sprintf("%016x %-15s %s\n              R: %s\n", b.VFS.Addr, b.FS, b.Path, resource)
			opts := b.Options
			if b.Zone != "" {
				opts = append(opts[:len(opts):len(opts)], "zone="+b.Zone)
			}
			if len(opts) > 0 {
				long += "              O: " + strings.Join(opts, ",") + "\n"
			}
		}
		s.Run("::fsinfo").OK().Want(short)
		s.Run("::fsinfo -v").OK().Want(long)
		s.Run("::walk vfs | ::fsinfo").OK().Want(short)
	})
}

func TestLminfo(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		want := "ADDR             TP FLAG    PID COMM             VNODE            PATH\n"
		for i, l := range sys.Scenario.Locks {
			typ, comm := "RD", "<kernel>"
			if l.Write {
				typ = "WR"
			}
			if l.PID != 0 {
				comm = "<defunct>"
				if p := sys.Procs[l.PID]; p != nil {
					comm = p.Comm
				}
			}
			want += fmt.Sprintf("%-16x %2s %04x %6d %-16s %-16x %s\n", sys.Locks[i].Addr, typ, l.State, l.PID, comm, sys.Vnodes[l.Path].Addr, l.Path[:min(19, len(l.Path))])
		}
		s.Run("::lminfo").OK().Want(want)
		s.Run("::walk lock_graph | ::count").OK().WantLines(fmt.Sprint(len(sys.Locks)))
	})
}

func TestPmap(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, pid := range []int{1, 126, 4001} {
			p := sys.Procs[pid]
			quick := "             SEG             BASE     SIZE VNODE\n"
			segs := "             SEG             BASE             SIZE             DATA OPS\n"
			for _, m := range p.Mapped {
				what, ops := "[ anon ]", "segvn_ops"
				switch {
				case m.Hole != "":
					what, ops = "[ &seghole_ops ]", "seghole_ops"
				case m.Path != "":
					what = fmt.Sprintf("%016x", m.Vn.Addr)
				}
				quick += fmt.Sprintf("%016x %016x %7dk %s\n", m.Addr.Addr, m.Base, m.Size/1024, what)
				segs += fmt.Sprintf("%16x %16x %16x %16x %s\n", m.Addr.Addr, m.Base, m.Size, m.Data.Addr, ops)
			}
			s.Run(fmt.Sprintf("%x::pmap -q", p.Addr.Addr)).OK().Want(quick)
			s.Run(fmt.Sprintf("%x::walk seg | ::seg", p.As.Addr)).OK().Want(segs)
			r := s.Run(fmt.Sprintf("%x::pmap", p.Addr.Addr))
			r.OK()
			lines := strings.Split(r.Out, "\n")
			if want := "             SEG             BASE     SIZE      RES PATH"; lines[0] != want {
				t.Errorf("heading %q, want %q", lines[0], want)
			}
			for i, m := range p.Mapped {
				path := m.Path
				switch {
				case m.Hole != "":
					path = fmt.Sprintf("%8s [ hole:%s ]", "-", m.Hole)
				case path == "":
					path = "[ anon ]"
				}
				path = path[:min(28, len(path))]
				head := fmt.Sprintf("%016x %016x %7dk ", m.Addr.Addr, m.Base, m.Size/1024)
				if !strings.HasPrefix(lines[i+1], head) || !strings.HasSuffix(lines[i+1], " "+path) && !strings.HasSuffix(lines[i+1], path) {
					t.Errorf("%q, want %q … %q", lines[i+1], head, path)
				}
			}
		}
	})
}
