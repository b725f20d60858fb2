package genunix

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

var cpupartTable = &core.Table{
	Head: "%3s %?s %4s %4s %4s\n", Line: "%3d %?p %4d %4d %s\n", Type: "cpupart_t", Pipe: 1,
	Cols: []core.Field{{Name: "id", Head: "ID"}, {Name: "addr", Head: "ADDR"}, {Name: "nrun", Head: "NRUN"}, {Name: "ncpu", Head: "#CPU"}, {Name: "cpus", Head: "CPUS"}},
}

func runCPUPart(c *core.Ctx) error {
	return perAddress(func(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] { return walkParts(c, 0, false) }, showCPUPart)(c)
}

func showCPUPart(c *core.Ctx, v *view, addr uint64) error {
	c.Head()
	var p struct {
		ID    int64  `ctf:"cp_id"`
		NRun  int64  `ctf:"cp_kp_queue.disp_nrunnable"`
		NPri  int64  `ctf:"cp_kp_queue.disp_npri"`
		Queue uint64 `ctf:"cp_kp_queue.disp_q"`
		NCPU  int64  `ctf:"cp_ncpus"`
	}
	if err := v.load("cpupart_t", addr, &p); err != nil {
		return c.Warn(err, "unable to read 'cpupart_t' at %p", addr)
	}
	set, err := v.cpuSet(v.counted("cpupart", "cpupart_t", addr, "cp_cpulist", "cp_ncpus", "cpu_next_part"))
	c.Row(p.ID, out.Addr(addr), p.NRun, p.NCPU, set)
	if err != nil || !c.Opt('v') || p.NRun == 0 || c.Opts.JSON || c.PipeOut {
		return err
	}
	const indent = 3 + 21
	c.Printf("%*s|\n%*s+-->  %3s %-16s %s\n", indent, "", indent, "", "PRI", "THREAD", "PROC")
	for a, err := range v.dispq(p.Queue, uint64(p.NPri), true) {
		if err != nil {
			return err
		}
		pri, comm, err := v.priComm(a)
		if err != nil {
			return err
		}
		c.Printf("%*s%9d %016p %s\n", indent, "", pri, a, comm)
	}
	return nil
}

// cpuSet are the ids of CPUs as ranges: "0-3, 8".
func (v *view) cpuSet(cpus iter.Seq2[uint64, error]) (string, error) {
	var ids []int
	for a, err := range cpus {
		if err != nil {
			return ranges(ids), err
		}
		id, err := v.member("cpu_t", "cpu_id", a)
		if err != nil {
			return ranges(ids), badRead("cpu", a, err)
		}
		ids = append(ids, int(int32(id)))
	}
	return ranges(ids), nil
}

// ranges writes a set of numbers as ranges.
func ranges(ids []int) string {
	slices.Sort(ids)
	var text []string
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] <= ids[j]+1 {
			j++
		}
		if ids[i] == ids[j] {
			text = append(text, fmt.Sprint(ids[i]))
		} else {
			text = append(text, fmt.Sprintf("%d-%d", ids[i], ids[j]))
		}
		i = j + 1
	}
	return strings.Join(text, ", ")
}

// runClass prints the scheduling classes.
func runClass(c *core.Ctx) error {
	v := viewOf(c)
	m, err := v.symbol("unix", "sclass")
	if err != nil {
		return unread("sclass", err)
	}
	size, err := v.size("sclass_t")
	if err != nil {
		return err
	}
	for i := range min(m.Size/size, 1<<10) {
		at := m.Value + i*size
		var s struct {
			Name  uint64 `ctf:"cl_name"`
			Init  uint64 `ctf:"cl_init"`
			Funcs uint64 `ctf:"cl_funcs"`
		}
		if err := v.load("sclass_t", at, &s); err != nil {
			return badRead("sclass", at, err)
		}
		name, err := v.text(s.Name, 16)
		if err != nil {
			name = "???"
		}
		c.Row(i, name, out.Addr(s.Init), out.Addr(s.Funcs))
	}
	return nil
}
