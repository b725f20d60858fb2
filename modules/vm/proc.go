package vm

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Process is a process of the host.
type Process struct {
	Addr    uint64 // proc_t; on Linux the leader's task_struct
	PID     int32
	AS      uint64 // struct as, mm_struct
	Zone    uint64 // zone_t; 0 on Linux
	Command string
	first   uint64 // thread
	nfiles  uint64
	files   uint64 // uf_entry_t
}

type procLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Next   kernel.Field `ctf:"p_next"`
	PIDP   kernel.Field `ctf:"p_pidp"`
	AS     kernel.Field `ctf:"p_as"`
	Zone   kernel.Field `ctf:"p_zone"`
	Comm   kernel.Field `ctf:"p_user.u_comm"`
	Tlist  kernel.Field `ctf:"p_tlist"`
	NFiles kernel.Field `ctf:"p_user.u_finfo.fi_nfiles"`
	Files  kernel.Field `ctf:"p_user.u_finfo.fi_list"`
}

// pidLayout is that of struct pid.
type pidLayout struct {
	ID kernel.Field `ctf:"pid_id"`
}

// illumosProcs are the processes of a host, by the list that begins at practive.
type illumosProcs struct {
	list []Process
	err  error
}

type procsKey struct{}

// processes reads the list of processes, once for a session. An error comes with those
// before it.
func processes(v *kernel.View) ([]Process, error) {
	p, _ := core.Memo(v.Session(), procsKey{}, func() (*illumosProcs, error) {
		p := &illumosProcs{}
		p.err = p.read(v)
		return p, nil
	})
	return p.list, p.err
}

func (p *illumosProcs) read(v *kernel.View) error {
	at, err := v.Variable("genunix", "practive")
	if err != nil {
		return kernel.Failed(err, "failed to read practive")
	}
	pid, err := kernel.Lay[pidLayout](v, "struct pid")
	if err != nil {
		return err
	}
	met := kernel.Met{}
	for at != 0 {
		if met.Again(at) {
			return fmt.Errorf("proc_t %x is on its list twice", at)
		}
		l, b, err := read(v, "proc_t", at, func(l *procLayout) uint64 { return l.Size })
		if err != nil {
			return err
		}
		q := Process{Addr: at, AS: l.AS.Of(b), Zone: l.Zone.Of(b), Command: safe(l.Comm.Text(b)), first: l.Tlist.Of(b), nfiles: l.NFiles.Of(b), files: l.Files.Of(b)}
		if id, err := mem.ReadUint(v.Space(), mem.Addr(l.PIDP.Of(b)+pid.ID.Off), int(pid.ID.Size), v.W.Order); err == nil {
			q.PID = int32(id)
		}
		p.list = append(p.list, q)
		at = l.Next.Of(b)
	}
	return nil
}

// Process finds the process that runs the machine; nil if none is known to. An error
// tells what is wrong with the host's processes; a process that comes with it is good.
func (m *Machine) Process() (*Process, error) { return m.back.process(m) }

// ZoneName is the name of the machine's zone, on Linux the id of the container that its
// process is in; "" if it is not known.
func (m *Machine) ZoneName() string {
	if m.zone != "" {
		return m.zone
	}
	if m.Zone == 0 {
		return ""
	}
	l, err := kernel.Lay[struct {
		Name kernel.Field `ctf:"zone_name"`
	}](m.v, "zone_t")
	if err != nil {
		return ""
	}
	at, err := m.v.Pointer(m.Zone + l.Name.Off)
	if err != nil {
		return ""
	}
	name, err := m.v.Text(at, 64)
	if err != nil {
		return ""
	}
	return safe(name)
}

// byPID is the process of a pid.
func byPID(v *kernel.View, pid int32) (*Process, error) {
	list, err := processes(v)
	for i := range list {
		if list[i].PID == pid {
			return &list[i], err
		}
	}
	return nil, err
}

type vnodeLayout struct {
	Size uint64       `ctf:"sizeof"`
	Path kernel.Field `ctf:"v_path"`
	Rdev kernel.Field `ctf:"v_rdev"`
}

// maxFiles bounds a process's table of descriptors.
const maxFiles = 1 << 20

// opened tells whether a process has a file open of which match says yes: its path and
// its device.
func (p *Process) opened(v *kernel.View, match func(path string, rdev uint64) bool) bool {
	entry, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		File kernel.Field `ctf:"uf_file"`
	}](v, "uf_entry_t")
	if err != nil || p.nfiles > maxFiles {
		return false
	}
	file, err := kernel.Lay[struct {
		Vnode kernel.Field `ctf:"f_vnode"`
	}](v, "file_t")
	if err != nil {
		return false
	}
	table, err := v.Bytes(p.files, p.nfiles*entry.Size, nil)
	if err != nil {
		return false
	}
	for i := range p.nfiles {
		f := entry.File.Of(table[i*entry.Size:])
		if f == 0 {
			continue
		}
		vp, err := v.Pointer(f + file.Vnode.Off)
		if err != nil {
			continue
		}
		l, b, err := read(v, "vnode_t", vp, func(l *vnodeLayout) uint64 { return l.Size })
		if err != nil {
			continue
		}
		if path, err := v.Text(l.Path.Of(b), 1024); err == nil && match(path, l.Rdev.Of(b)) {
			return true
		}
	}
	return false
}

// minor is getminor(9F) of a 64-bit dev_t.
func minor(dev uint64) uint64 { return dev & 0xffffffff }

// process finds the bhyve process: that in the machine's zone, or anywhere if there is
// none in it, which has the machine's device open.
func (g *bhyveVM) process(m *Machine) (*Process, error) {
	list, err := processes(g.v)
	want := g.softc.Minor.Of(g.sb)
	is := func(path string, rdev uint64) bool {
		if !strings.Contains(path, "/vmm") {
			return false
		}
		return rdev != 0 && minor(rdev) == want || strings.HasSuffix(path, "/vmm/"+m.Name) || strings.HasSuffix(path, ":"+m.Name)
	}
	for _, inZone := range []bool{true, false} {
		for i := range list {
			if (list[i].Zone == m.Zone) == inZone && list[i].opened(g.v, is) {
				return &list[i], err
			}
		}
	}
	return nil, err
}
