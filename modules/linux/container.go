package linux

import (
	"cmp"
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// A container is what the kernel has no structure for: processes in a pid namespace other
// than the initial one, or in a cgroup that an engine made. Its id is what the engine
// shows, the first 12 digits in the cgroup's name, else the number of the namespace.

// globalZone is the id of what runs in no container.
const globalZone = "global"

// container is one, by its id.
type container struct {
	id     string
	first  uint64 // VA of its first process: of the lowest pid in the namespace
	name   string // host name of its uts namespace
	space  uint64 // number of its pid namespace; 0 if it is the initial one
	inits  int    // pid of the first process in its namespace
	cgroup string
	root   string
	procs  []uint64
	init   int // pid of the first process
}

// zoneOf tells which container a task is in.
func zoneOf(v *kernel.View, t *task) (id, cgroup string, in pidIn, err error) {
	id, lxc := globalZone, ""
	groups, err := cgroups(v, t.l.CGroups.Of(t.b))
	for _, g := range groups {
		path, perr := cgroupPath(v, g)
		if perr != nil {
			err = perr
			continue
		}
		if cgroup == "" {
			cgroup = path
		}
		var found string
		if found, lxc = containerOfPath(path); found != "" || lxc != "" {
			id, cgroup = cmp.Or(found, globalZone), path
			break
		}
	}
	pid, perr := t.threadPid(v)
	if perr != nil || pid == 0 {
		return id, cgroup, in, perr
	}
	if _, in, perr = numbers(v, pid); perr != nil {
		return id, cgroup, in, perr
	}
	switch {
	case id != globalZone:
	case in.level > 0:
		n, nerr := namespaceNumber(v, "struct pid_namespace", in.space)
		if nerr != nil {
			return id, cgroup, in, nerr
		}
		id = fmt.Sprint(n)
	case lxc != "":
		id = lxcZone(v, lxc)
	}
	return id, cgroup, in, err
}

// lxcZone is the id of an lxc container by its cgroup, for those of its processes that are
// not in its pid namespace: the number of the namespace that the others are in, else the
// cgroup's name.
func lxcZone(v *kernel.View, cgroup string) string {
	type memoKey struct{}
	ids, _ := core.Memo(v.Session(), memoKey{}, func() (map[string]string, error) {
		ids := map[string]string{}
		for a, err := range processes(v) {
			if err != nil {
				break
			}
			t, err := readTask(v, a)
			if err != nil {
				continue
			}
			groups, _ := cgroups(v, t.l.CGroups.Of(t.b))
			for _, g := range groups {
				path, _ := cgroupPath(v, g)
				_, lxc := containerOfPath(path)
				if lxc == "" || ids[lxc] != "" {
					continue
				}
				pid, _ := t.threadPid(v)
				if _, in, err := numbers(v, pid); err == nil && in.level > 0 {
					if n, err := namespaceNumber(v, "struct pid_namespace", in.space); err == nil {
						ids[lxc] = fmt.Sprint(n)
					}
				}
			}
		}
		return ids, nil
	})
	return cmp.Or(ids[cgroup], cgroup[strings.LastIndexAny(cgroup, "/")+1:])
}

// namespaceNumber is what /proc/PID/ns shows in brackets.
func namespaceNumber(v *kernel.View, typ string, addr uint64) (uint64, error) {
	f, err := v.Member(typ, "ns.inum")
	if err != nil {
		return 0, err
	}
	b, err := v.Bytes(addr+f.Off, f.Size, nil)
	if err != nil {
		return 0, kernel.BadRead(typ, addr, err)
	}
	f.Off = 0
	return f.Of(b), nil
}

// containers finds all, those that begin with the lowest process ids first. An error
// comes beside what was found.
func containers(v *kernel.View) ([]*container, error) {
	type memoKey struct{}
	type result struct {
		list []*container
		err  error
	}
	r, _ := core.Memo(v.Session(), memoKey{}, func() (result, error) {
		list, err := findContainers(v)
		return result{list, err}, nil
	})
	return r.list, r.err
}

func findContainers(v *kernel.View) ([]*container, error) {
	var list []*container
	byID := map[string]*container{}
	var failed error
	for a, err := range processes(v) {
		if err != nil {
			return list, err
		}
		t, err := readTask(v, a)
		if err != nil {
			failed = err
			continue
		}
		id, group, in, err := zoneOf(v, t)
		if err != nil {
			failed = err
		}
		z := byID[id]
		if z == nil {
			z = &container{id: id, cgroup: group, first: a, init: t.pid(), inits: in.nr, name: nodename(v, t)}
			if id == globalZone {
				z.cgroup = "/"
			}
			byID[id] = z
			list = append(list, z)
		}
		z.procs = append(z.procs, a)
		if in.level > 0 && (z.space == 0 || in.nr == 1 && z.inits != 1) { // its init is what it is known by
			z.space, _ = namespaceNumber(v, "struct pid_namespace", in.space)
			z.first, z.init, z.inits, z.name = a, t.pid(), in.nr, nodename(v, t)
		}
	}
	for _, z := range list {
		z.root = "-"
		if t, err := readTask(v, z.first); err == nil {
			if root, err := rootPath(v, t); err == nil {
				z.root = root
			}
		}
	}
	return list, failed
}

// nodename is the host name that a task sees.
func nodename(v *kernel.View, t *task) string {
	proxy := t.l.NSProxy.Of(t.b)
	if proxy == 0 {
		return ""
	}
	f, err := v.Member("struct nsproxy", "uts_ns")
	if err != nil {
		return ""
	}
	uts, err := v.Pointer(proxy + f.Off)
	if err != nil {
		return ""
	}
	if f, err = v.Member("struct uts_namespace", "name.nodename"); err != nil {
		return ""
	}
	s, _ := v.Text(uts+f.Off, int(f.Size))
	return s
}

var zoneTable = &core.Table{
	Head: "%<u>%-?s %-12s %-16s %6s %5s %-10s %-s%</u>\n", Line: "%0?p %-12s %-16s %6d %5d %-10s %-s\n", Type: "struct task_struct",
	Cols: []core.Field{{Name: "addr", Head: "ADDR", Descr: "of the first process' task_struct"}, {Name: "id", Head: "ID"},
		{Name: "name", Head: "NAME", Descr: "host name"}, {Name: "init", Head: "INIT", Descr: "pid of the first process"},
		{Name: "processes", Head: "PROCS"}, {Name: "pidns", Head: "PIDNS", Descr: "number of the pid namespace"}, {Name: "root", Head: "PATH"}},
}

func containerDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "zone", Usage: "?[-pv] [id ...]", Complete: completeZone, Descr: "containers and what runs in none", Type: "struct task_struct",
		Help: `Lists containers: processes in a pid namespace other than the initial one, or in a
cgroup of docker, podman (libpod), containerd, CRI-O or lxc; a mount namespace alone makes
none. The first row, global, is what runs in none. A container's id is the beginning of
the hexadecimal number in its cgroup's name, else the number of its pid namespace.

With an address the container that the process is in; with ids only those, each by its
beginning or its host name. Into a pipe go the addresses of containers' first processes.

-p  into the pipe, all processes of the containers: ::zone -p 91c5 | ::ps -f
-v  with the path of the cgroup
`,
		Opts:  []core.Opt{{Letter: 'p', Help: "give all processes to the pipe"}, {Letter: 'v', Help: "with the cgroup's path"}},
		Table: zoneTable, Run: runZone,
	}}
}

func runZone(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	list, err := containers(v)
	if len(c.Args) > 0 {
		if c.HasAddr {
			return core.ErrUsage
		}
		return zonesNamed(c, v, list, err)
	}
	if c.HasAddr {
		t, terr := readTask(v, c.Addr)
		if terr != nil {
			return terr
		}
		id, _, _, zerr := zoneOf(v, t)
		if zerr != nil {
			return zerr
		}
		for _, z := range list {
			if z.id == id {
				zoneRow(c, v, z)
			}
		}
		return err
	}
	for _, z := range list {
		zoneRow(c, v, z)
	}
	return err
}

func zoneRow(c *core.Ctx, v *kernel.View, z *container) {
	if c.PipeOut {
		t := v.TypeOrNil("struct task_struct")
		if c.Opt('p') {
			c.EmitList(z.procs, t)
		} else {
			c.Emit(z.first, t)
		}
		return
	}
	space := "-"
	if z.space != 0 {
		space = fmt.Sprint(z.space)
	}
	c.Row(out.Hex(z.first), z.id, z.name, z.init, len(z.procs), space, z.root)
	if c.Opt('v') && !c.Opts.JSON {
		c.Printf("%?s cgroup %s\n", "", z.cgroup)
	}
}

func containerWalkers() []*core.Walker {
	return []*core.Walker{walker("zone", "first processes of containers", "struct task_struct", func(v *kernel.View) iter.Seq2[uint64, error] {
		return func(yield func(uint64, error) bool) {
			list, err := containers(v)
			for _, z := range list {
				if !yield(z.first, nil) {
					return
				}
			}
			if err != nil {
				yield(0, err)
			}
		}
	})}
}
