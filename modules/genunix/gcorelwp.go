package genunix

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
)

// maxLwpDir bounds the directory of the LWPs of a process.
const maxLwpDir = 1 << 20

// lwpEntry is an LWP of a process as its directory has it.
type lwpEntry struct {
	Thread uint64 `ctf:"le_thread"` // 0 of one that has exited and was not waited for
	ID     int32  `ctf:"le_lwpid"`
	Start  int64  `ctf:"le_start"`
}

// lwps lists the LWPs in p_lwpdir.
func (v *view) lwps(proc uint64) ([]lwpEntry, error) {
	var p struct {
		Dir  uint64 `ctf:"p_lwpdir"`
		Size uint32 `ctf:"p_lwpdir_sz"`
	}
	if err := v.load("proc_t", proc, &p); err != nil {
		return nil, badRead("proc", proc, err)
	}
	if p.Size > maxLwpDir {
		return nil, fmt.Errorf("proc %x cannot have a directory of %d lwps", proc, p.Size)
	}
	slot, err := v.size("lwpdir_t")
	if err != nil {
		return nil, err
	}
	var list []lwpEntry
	for i := range uint64(p.Size) {
		at, err := v.member("lwpdir_t", "ld_entry", p.Dir+i*slot)
		if err != nil {
			return list, badRead("lwpdir", p.Dir+i*slot, err)
		}
		if at == 0 {
			continue
		}
		var e lwpEntry
		if err := v.load("lwpent_t", at, &e); err != nil {
			return list, badRead("lwpent", at, err)
		}
		list = append(list, e)
	}
	return list, nil
}

// gcoreThread is what a core has of a thread.
type gcoreThread struct {
	lwpEntry
	State    uint32 `ctf:"t_state"`
	SchedF   uint16 `ctf:"t_schedflag"`
	Pri      int16  `ctf:"t_pri"`
	BindCPU  int16  `ctf:"t_bind_cpu"`
	BindPset int32  `ctf:"t_bind_pset"`
	CPU      int32  `ctf:"t_cpu->cpu_id"`
	Sysnum   int16  `ctf:"t_sysnum"`
	Cid      int32  `ctf:"t_cid"`
	Why      uint16 `ctf:"t_whystop"`
	What     uint16 `ctf:"t_whatstop"`
	Wchan    uint64 `ctf:"t_lwpchan.lc_wchan"`
	LWP      uint64 `ctf:"t_lwp"`
	Name     uint64 `ctf:"t_name,optional"`
	class    string
	name     string
}

// gcoreLwp is what a core has of a klwp_t.
type gcoreLwp struct {
	Cursig     uint8    `ctf:"lwp_cursig"`
	Errno      int32    `ctf:"lwp_errno"`
	Arg        [8]int64 `ctf:"lwp_arg"`
	Oldcontext uint64   `ctf:"lwp_oldcontext"`
	AltSP      uint64   `ctf:"lwp_sigaltstack.ss_sp"`
	AltSize    uint64   `ctf:"lwp_sigaltstack.ss_size"`
	AltFlags   int32    `ctf:"lwp_sigaltstack.ss_flags"`
	Ustack     uint64   `ctf:"lwp_ustack"`
	Regs       uint64   `ctf:"lwp_regs"`
	Fsbase     uint64   `ctf:"lwp_pcb.pcb_fsbase"`
	Gsbase     uint64   `ctf:"lwp_pcb.pcb_gsbase"`
	Update     uint8    `ctf:"lwp_pcb.pcb_rupdate,optional"`
	DS         uint16   `ctf:"lwp_pcb.pcb_ds"`
	ES         uint16   `ctf:"lwp_pcb.pcb_es"`
	FS         uint16   `ctf:"lwp_pcb.pcb_fs"`
	GS         uint16   `ctf:"lwp_pcb.pcb_gs"`
}

// gcoreThread reads an LWP's thread; one that has exited is all zero.
func (v *view) gcoreThread(e lwpEntry) (*gcoreThread, error) {
	t := &gcoreThread{lwpEntry: e}
	if e.Thread == 0 {
		return t, nil
	}
	if err := v.load("kthread_t", e.Thread, t); err != nil {
		return t, badRead("thread", e.Thread, err)
	}
	if t.Name != 0 {
		t.name, _ = v.text(t.Name, 32)
	}
	t.class = v.className(t.Cid)
	return t, nil
}

// className is the name of a scheduling class; empty if it cannot be read.
func (v *view) className(cid int32) string {
	table, err := v.address("genunix", "sclass")
	if err != nil || cid < 0 || cid > 64 {
		return ""
	}
	size, err := v.size("struct sclass")
	if err != nil {
		return ""
	}
	at, err := v.member("struct sclass", "cl_name", table+uint64(cid)*size)
	if err != nil {
		return ""
	}
	name, _ := v.text(at, 8)
	return name
}

// States of threads (sys/thread.h), flags of an LWP's status and what pr_bindpro is of a
// thread that is bound to no processor (sys/procfs.h, sys/procset.h).
const (
	gtSleep, gtRun, gtOnproc, gtZomb, gtStopped, gtWait = 1, 2, 4, 8, 0x10, 0x20

	prStopped, prIstop, prAsleep = 1, 2, 0x10
	prNone                       = -1
)

// procState is the state of a thread as /proc has it: that of a process, and its letter.
func (t *gcoreThread) procState() (state, letter byte) {
	if t.Thread == 0 {
		return 3, 'Z'
	}
	switch t.State {
	case gtSleep:
		return 1, 'S'
	case gtRun:
		return 2, 'R'
	case gtOnproc:
		return 6, 'O'
	case gtStopped:
		return 4, 'T'
	case gtWait:
		return 7, 'W'
	}
	return 3, 'Z'
}

// lwpsinfo makes an lwpsinfo_t.
func (g *gcore) lwpsinfo(t *gcoreThread) []byte {
	m := g.m
	r := newRecord(m, m.lwpsinfo)
	state, letter := t.procState()
	r.u32(4, uint32(t.ID))
	r.u8(m.state, state)
	r.u8(m.state+1, letter)
	r.long(m.lwpStart, uint64(t.Start))
	r.i32s(m.bindpro, prNone, prNone)
	if t.Thread == 0 {
		return r.b
	}
	r.long(8, t.Thread)
	r.long(8+m.word, t.Wchan)
	r.u16(m.infoSyscall, uint16(t.Sysnum))
	r.u32(m.pri, uint32(int32(t.Pri)))
	r.text(m.infoClass, 8, t.class)
	r.text(m.lwpName, 16, g.p.Comm)
	r.i32s(m.onpro, t.CPU, int32(t.BindCPU), t.BindPset)
	return r.b
}

// lwpstatus makes an lwpstatus_t of an LWP that has a thread.
func (g *gcore) lwpstatus(t *gcoreThread) ([]byte, error) {
	m, v := g.m, g.v
	r := newRecord(m, m.lwpstatus)
	var l gcoreLwp
	if err := v.load("klwp_t", t.LWP, &l); err != nil {
		return nil, badRead("lwp", t.LWP, err)
	}
	flags := uint32(0)
	switch t.State {
	case gtStopped:
		flags = prStopped | prIstop
		r.u16(8, t.Why)
		r.u16(10, t.What)
	case gtSleep:
		flags = prAsleep
	}
	r.u32(0, flags)
	r.u32(4, uint32(t.ID))
	r.u16(12, uint16(l.Cursig))
	g.sigset(r, m.lwppend, "kthread_t", t.Thread, "t_sig")
	g.sigset(r, m.lwphold, "kthread_t", t.Thread, "t_hold")
	r.long(m.altstack, l.AltSP)
	r.long(m.altstack+m.word, l.AltSize)
	r.u32(m.altstack+2*m.word, uint32(l.AltFlags))
	r.long(m.oldcontext, l.Oldcontext)
	r.u16(m.syscall, uint16(t.Sysnum))
	if t.Sysnum != 0 {
		r.u16(m.syscall+2, uint16(len(l.Arg)))
		for i, a := range l.Arg {
			r.long(m.sysarg+i*m.word, uint64(a))
		}
	}
	r.u32(m.errno, uint32(l.Errno))
	r.text(m.className, 8, t.class)
	r.long(m.ustack, l.Ustack)
	if err := g.registers(r.sub(m.reg, len(m.regs)*m.word), &l); err != nil {
		return nil, fmt.Errorf("failed to read registers of lwp %d at %x: %s", t.ID, l.Regs, core.Reason(err))
	}
	g.floating(r, t.LWP)
	return r.b, nil
}

// registers writes pr_reg: what the trap or system call saved that brought the thread
// into the kernel. Segment registers that have changed since are in the pcb.
func (g *gcore) registers(r record, l *gcoreLwp) error {
	regs, err := g.k.TrapRegisters(l.Regs)
	if err != nil {
		return err
	}
	changed := map[string]uint64{"fsbase": l.Fsbase, "gsbase": l.Gsbase}
	if l.Update != 0 {
		changed["ds"], changed["es"], changed["fs"], changed["gs"] = uint64(l.DS), uint64(l.ES), uint64(l.FS), uint64(l.GS)
	}
	for i, name := range g.m.regs {
		val, ok := changed[name]
		if !ok {
			val, _ = regs.Get(name)
		}
		r.long(i*g.m.word, val)
	}
	return nil
}

// floating writes pr_fpreg of a 64-bit process from what FXSAVE left in the pcb. That of
// a 32-bit one, which has another form, stays zero, as does one never saved.
func (g *gcore) floating(r record, lwp uint64) {
	const path, size = "lwp_pcb.pcb_fpu.fpu_regs.kfpu_u.kfpu_fx", 512
	if g.m.word != 8 {
		return
	}
	at, err := g.v.member("klwp_t", path, lwp)
	if err != nil || at == 0 {
		return
	}
	b := make([]byte, size)
	if g.v.read(at, b) == nil {
		copy(r.b[g.m.fpreg:], b)
	}
}

// sigset copies a set of signals or faults: the kernel keeps no words beyond those used.
func (g *gcore) sigset(r record, to int, typ string, addr uint64, member string) {
	at, err := g.v.ref(typ, addr, member)
	if err != nil {
		return
	}
	b := make([]byte, 12)
	if g.v.read(at, b) == nil {
		copy(r.b[to:], b)
	}
}
