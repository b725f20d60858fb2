package genunix

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// States of pages and flags of vnodes (vm/page.h, sys/vnode.h).
const (
	pageFree     = 0x80
	pageBoot     = 0x08
	vnodeExec    = 0x1000  // VVMEXEC
	vnodeSwapFS  = 0x20000 // VISSWAPFS
	kvpsKernel   = 0
	kvpsZFS      = 1
	kvpsVMM      = 2
	memPageBytes = 4096
)

// memstat counts pages by use.
type memstat struct {
	kernel, boot, zfs, vmm, anon, exec, cache, cached, total uint64
}

// memCounter sorts pages.
type memCounter struct {
	memstat
	v                  *kernel.View
	l                  *pageLayout
	kvps, nkvps, vnode uint64
	unused             uint64
	flag               kernel.Field
	flags              map[uint64]uint32 // v_flag of vnodes
	lastVP             uint64
	lastFlag           uint32
	err                error
}

// count adds a page.
func (m *memCounter) count(_ uint64, b []byte) bool {
	vp, state := m.l.Vnode.Of(b), m.l.State.Of(b)
	index := ^uint64(0)
	if vp-m.kvps < m.nkvps*m.vnode && (vp-m.kvps)%m.vnode == 0 {
		index = (vp - m.kvps) / m.vnode
	}
	switch {
	case state&pageBoot != 0:
		m.boot++
	case vp == 0 || vp == m.unused:
		return true
	case index == kvpsKernel:
		m.kernel++
	case index == kvpsZFS:
		m.zfs++
	case index == kvpsVMM:
		m.vmm++
	case state&pageFree != 0:
		m.cached++
	default:
		flag, ok := m.vnodeFlag(vp)
		switch {
		case !ok:
			return false
		case flag&vnodeSwapFS != 0:
			m.anon++
		case flag&vnodeExec != 0:
			m.exec++
		default:
			m.cache++
		}
	}
	m.total++
	return true
}

// vnodeFlag is v_flag of a vnode.
func (m *memCounter) vnodeFlag(vp uint64) (uint32, bool) {
	if vp == m.lastVP {
		return m.lastFlag, true
	}
	flag, ok := m.flags[vp]
	if !ok {
		b, err := m.v.Bytes(vp+m.flag.Off, 4, nil)
		if err != nil {
			m.err = kernel.Failed(err, "unable to read vnode_t at %#x", vp)
			return 0, false
		}
		flag = binary.LittleEndian.Uint32(b)
		m.flags[vp] = flag
	}
	m.lastVP, m.lastFlag = vp, flag
	return flag, true
}

func newMemCounter(v *kernel.View) (*memCounter, error) {
	m := &memCounter{v: v, flags: map[uint64]uint32{}}
	var err error
	if m.l, err = kernel.Lay[pageLayout](v, "page_t"); err != nil {
		return nil, err
	}
	vl, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		Flag kernel.Field `ctf:"v_flag"`
	}](v, "struct vnode")
	if err != nil {
		return nil, err
	}
	m.vnode, m.flag = vl.Size, vl.Flag
	kvps, err := v.Symbol("genunix", "kvps")
	if err != nil {
		return nil, kernel.Failed(err, "unable to look up kvps")
	}
	m.kvps, m.nkvps = kvps.Value, kvps.Size/vl.Size
	unused, err := v.Symbol("unix", "unused_pages_vp")
	if err != nil {
		return nil, kernel.Failed(err, "unable to read unused_pages_vp")
	}
	m.unused = unused.Value
	return m, nil
}

func runMemstat(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := kernel.Of(c.Session)
	total, err := v.Variable("unix", "total_pages")
	if err != nil {
		return kernel.Failed(err, "unable to read total_pages")
	}
	phys, err := v.Variable("unix", "physmem")
	if err != nil {
		return kernel.Failed(err, "unable to read physmem")
	}
	m, err := newMemCounter(v)
	if err != nil {
		return err
	}
	if err = allPages(c, v, m.count); err == nil {
		err = m.err
	}
	if err != nil {
		c.Fail(err)
		c.Warnf("can't walk memseg")
		return core.ErrFailed
	}
	m.show(c, total, phys)
	return nil
}

// show prints the table. MDB rounds a share by all pages but takes it of those that
// the system may use.
func (m *memstat) show(c *core.Ctx, total, phys uint64) {
	if !c.Opts.JSON {
		c.Printf("Page Summary                Pages                MB  %%Tot\n")
		c.Printf("------------     ----------------  ----------------  ----\n")
	}
	row := func(name string, n uint64, always bool) {
		if n == 0 && !always {
			return
		}
		c.Record(func() {
			c.Printf("%-16s %16llu  %16llu  %3lu%%\n", name, n, n*memPageBytes>>20, (5*total+n*1000)/max(phys*10, 1))
		}, out.Field{Name: "use", Value: name}, out.Field{Name: "pages", Value: n}, out.Field{Name: "bytes", Value: n * memPageBytes})
	}
	row("Kernel", m.kernel, true)
	row("Boot pages", m.boot, false)
	row("ZFS File Data", m.zfs, false)
	row("VMM Memory", m.vmm, false)
	row("Anon", m.anon, true)
	row("Exec and libs", m.exec, true)
	row("Page cache", m.cache, true)
	row("Free (cachelist)", m.cached, true)
	free := uint64(0)
	if phys > m.total {
		free = phys - m.total
	}
	row("Free (freelist)", free, true)
	sum := func(name, line string, n uint64) {
		c.Record(func() { c.Printf(line, n, n*memPageBytes>>20) },
			out.Field{Name: "use", Value: name}, out.Field{Name: "pages", Value: n}, out.Field{Name: "bytes", Value: n * memPageBytes})
	}
	sum("Total", "\nTotal            %16lu  %16lu\n", phys)
	if phys != total {
		sum("Physical", "Physical         %16lu  %16lu\n", total)
	}
}
