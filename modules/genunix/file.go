package genunix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

func fileDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "fd", Usage: ":[fd num]", Descr: "get a file pointer from an fd", Type: "file_t", Run: runFd,
			Help: "Prints the file_t behind a descriptor of the process at the address. Without a\nnumber it lists those of all descriptors in use.\n"},
		{Name: "whereopen", Usage: ":", Descr: "given a vnode, dumps procs which have it open", Type: "vnode_t", Run: runWhereopen,
			Help: "Prints the processes that have the vnode open, each after the file.\n"},
	}
}

func fileWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "file", Descr: "given a proc pointer, list all open file pointers", Addr: core.AddrOptional, Type: "file_t",
			Walk: walkFiles(func(fp uint64) bool { return fp != 0 })},
		{Name: "allfile", Descr: "given a proc pointer, list all file pointers", Addr: core.AddrOptional, Type: "file_t",
			Walk: walkFiles(func(uint64) bool { return true })},
		{Name: "port", Descr: "given a proc pointer, list of created event ports", Addr: core.AddrOptional, Type: "struct port", Walk: walkPorts},
		{Name: "portev", Descr: "given a port pointer, list of events in the queue", Addr: core.AddrOptional, Type: "struct port_kevent", Walk: walkPortEvents},
	}
}

// maxFiles bounds the descriptors that a process is believed to have.
const maxFiles = 1 << 20

// descriptors gives the file of each descriptor of a process, 0 where none is open.
func (v *view) descriptors(proc uint64) ([]uint64, error) {
	var p struct {
		N    int32  `ctf:"p_user.u_finfo.fi_nfiles"`
		List uint64 `ctf:"p_user.u_finfo.fi_list"`
	}
	if err := v.load("proc_t", proc, &p); err != nil {
		return nil, fmt.Errorf("failed to read proc structure at %x: %s", proc, core.Reason(err))
	}
	if p.N < 0 || p.N > maxFiles {
		return nil, fmt.Errorf("proc %x cannot have %d files", proc, p.N)
	}
	size, err := v.size("uf_entry_t")
	if err != nil {
		return nil, err
	}
	off, err := v.offset("uf_entry_t", "uf_file")
	if err != nil {
		return nil, err
	}
	b := make([]byte, uint64(p.N)*size)
	if err := v.read(p.List, b); err != nil {
		return nil, fmt.Errorf("failed to read file array at %x: %s", p.List, core.Reason(err))
	}
	files := make([]uint64, p.N)
	for i := range files {
		files[i] = mem.Uint(b[uint64(i)*size+off:][:8], v.w.Order)
	}
	return files, nil
}

// walkFiles walks the files of a process, with their descriptors in Obj.
func walkFiles(want func(uint64) bool) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, proc mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		if !has {
			return noWalk[core.Elem](fmt.Errorf("file walk doesn't support global walks"))
		}
		return func(yield func(core.Elem, error) bool) {
			v := viewOf(c)
			files, err := v.descriptors(uint64(proc))
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			t := v.typeOrNil("file_t")
			for fd, fp := range files {
				if want(fp) && !yield(core.Elem{Val: fp, Type: t, Obj: fd}, nil) {
					return
				}
			}
		}
	}
}

func runFd(c *core.Ctx) error {
	if !c.HasAddr {
		c.Warnf("fd doesn't give global information")
		return core.ErrFailed
	}
	v := viewOf(c)
	files, err := v.descriptors(c.Addr)
	if err != nil {
		c.Warnf("couldn't read proc_t at %p: %s", c.Addr, err.Error())
		return core.ErrFailed
	}
	switch len(c.Args) {
	case 0: // MDB wants a number
		for _, fp := range files {
			if fp != 0 {
				emitAddr(c, fp, "file_t")
			}
		}
		return nil
	case 1:
	default:
		return core.ErrUsage
	}
	fd := c.Args[0].Imm
	if !c.Args[0].IsImm {
		if fd, err = c.Strtoull(c.Args[0].Str); err != nil {
			return err
		}
	}
	if fd >= uint64(len(files)) {
		c.Warnf("process %p only has %d files open.", c.Addr, len(files))
		return core.ErrFailed
	}
	emitAddr(c, files[fd], "file_t")
	return nil
}

func runWhereopen(c *core.Ctx) error {
	if !c.HasAddr || c.Addr == 0 {
		return core.ErrUsage
	}
	v := viewOf(c)
	target := c.Addr
	return each(c, allProcs(c, v), func(proc uint64) error {
		files, err := v.descriptors(proc)
		if err != nil {
			c.Warnf("couldn't file walk proc %p: %s", proc, err.Error())
			return core.ErrFailed
		}
		for _, fp := range files {
			if fp == 0 {
				continue
			}
			vp, err := v.member("file_t", "f_vnode", fp)
			if err != nil {
				c.Warnf("failed to read file at %x: %s", fp, core.Reason(err))
				continue
			}
			if vp == target {
				if !c.PipeOut {
					c.Printf("file %p\n", fp)
				}
				emitAddr(c, proc, "proc_t")
				return nil
			}
		}
		return nil
	})
}

// Types of vnodes (enum vtype).
const (
	vFIFO = 6
	vDOOR = 7
	vPROC = 8
	vSOCK = 9
	vPORT = 10
)

func walkPorts(c *core.Ctx, proc mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	if !has {
		return noWalk[core.Elem](fmt.Errorf("port walk doesn't support global walks"))
	}
	open := walkFiles(func(fp uint64) bool { return fp != 0 })
	return func(yield func(core.Elem, error) bool) {
		v := viewOf(c)
		t := v.typeOrNil("struct port")
		for e, err := range open(c, proc, true) {
			var f struct {
				Type uint32 `ctf:"f_vnode->v_type"`
				Data uint64 `ctf:"f_vnode->v_data"`
			}
			if err == nil {
				if err = v.load("file_t", e.Val, &f); err != nil {
					err = badRead("vnode of file", e.Val, err)
				}
			}
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			if f.Type == vPORT && !yield(core.Elem{Val: f.Data, Type: t}, nil) {
				return
			}
		}
	}
}

func walkPortEvents(c *core.Ctx, port mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	if !has {
		return noWalk[core.Elem](fmt.Errorf("portev walk doesn't support global walks"))
	}
	v := viewOf(c)
	var p struct {
		Type uint32 `ctf:"port_vnode->v_type"`
	}
	if err := v.load("struct port", uint64(port), &p); err != nil {
		return noWalk[core.Elem](badRead("port structure", uint64(port), err))
	}
	if p.Type != vPORT {
		return noWalk[core.Elem](fmt.Errorf("input address (%x) does not point to an event port", uint64(port)))
	}
	list, err := v.ref("struct port", uint64(port), "port_queue.portq_list")
	if err != nil {
		return noWalk[core.Elem](err)
	}
	return v.elems("struct port_kevent", v.listOf("port_kevent", list))
}
