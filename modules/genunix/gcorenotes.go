package genunix

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/xmdb/xmdb/core"
)

// gcoreProc is what a core has of a proc_t.
type gcoreProc struct {
	Flag     uint32 `ctf:"p_flag"`
	Pid      int32  `ctf:"p_pidp->pid_id"`
	Ppid     int32  `ctf:"p_ppid"`
	Pgid     int32  `ctf:"p_pgidp->pid_id"`
	Sid      int32  `ctf:"p_sessp->s_sidp->pid_id"`
	Task     int32  `ctf:"p_task->tk_tkid"`
	Proj     int32  `ctf:"p_task->tk_proj->kpj_id"`
	ZoneID   int32  `ctf:"p_zone->zone_id"`
	ZoneName uint64 `ctf:"p_zone->zone_name"`
	Nlwp     int32  `ctf:"p_lwpcnt"`
	Nzomb    int32  `ctf:"p_zombcnt"`
	As       uint64 `ctf:"p_as"`
	Size     uint64 `ctf:"p_as->a_size"`
	Cred     uint64 `ctf:"p_cred"`
	Contract uint64 `ctf:"p_ct_process,optional"`
	Model    uint32 `ctf:"p_model"`
	Brkbase  uint64 `ctf:"p_brkbase"`
	Brksize  uint64 `ctf:"p_brksize"`
	Usrstack uint64 `ctf:"p_usrstack"`
	Stksize  uint64 `ctf:"p_stksize"`
	StartSec int64  `ctf:"p_user.u_start.tv_sec"`
	StartNs  int64  `ctf:"p_user.u_start.tv_nsec"`
	Comm     string `ctf:"p_user.u_comm"`
	Args     string `ctf:"p_user.u_psargs"`
	Argc     int32  `ctf:"p_user.u_argc"`
	Argv     uint64 `ctf:"p_user.u_argv"`
	Envp     uint64 `ctf:"p_user.u_envp"`
}

// gcoreCred is what a core has of a cred_t.
type gcoreCred struct {
	UID  uint32 `ctf:"cr_uid"`
	RUID uint32 `ctf:"cr_ruid"`
	SUID uint32 `ctf:"cr_suid"`
	GID  uint32 `ctf:"cr_gid"`
	RGID uint32 `ctf:"cr_rgid"`
	SGID uint32 `ctf:"cr_sgid"`
	Grps uint64 `ctf:"cr_grps"`
}

// notes makes the notes of the process, in the order of the kernel's own cores.
func (g *gcore) notes() ([]byte, error) {
	lwps, err := g.v.lwps(g.proc)
	if err != nil {
		return nil, err
	}
	var threads []*gcoreThread
	for _, e := range lwps {
		t, err := g.v.gcoreThread(e)
		if err != nil {
			return nil, err
		}
		threads = append(threads, t)
	}
	chosen := chooseLwp(threads)
	var cr gcoreCred
	if err := g.v.load("cred_t", g.p.Cred, &cr); err != nil {
		return nil, badRead("cred_t", g.p.Cred, err)
	}
	status, err := g.pstatus(chosen)
	if err != nil {
		return nil, err
	}
	b := addNote(nil, ntPsinfo, g.psinfo(&cr, chosen))
	b = addNote(b, ntPstatus, status)
	if s := g.array("unix", "platform", "", 257); s != nil {
		b = addNote(b, ntPlatform, append(s[:max(0, slices.Index(s, 0))], 0))
	}
	b = addNote(b, ntAuxv, g.auxv())
	if s := g.array("genunix", "utsname", "struct utsname", utsnameSize); s != nil {
		b = addNote(b, ntUtsname, s)
	}
	b = g.secflags(b)
	b = addNote(b, ntPrcred, g.cred(&cr))
	b = addNote(b, ntContent, binary.LittleEndian.AppendUint64(nil, g.content))
	if name, err := g.v.text(g.p.ZoneName, zoneNameSize); err == nil {
		b = addNote(b, ntZonename, append([]byte(name), 0))
	}
	b = g.files(b)
	for _, t := range threads {
		b = addNote(b, ntLwpsinfo, g.lwpsinfo(t))
		if t.Thread == 0 {
			continue
		}
		status, err := g.lwpstatus(t)
		if err != nil {
			return nil, err
		}
		b = addNote(b, ntLwpstatus, status)
		if t.name != "" {
			r := newRecord(g.m, lwpnameSize)
			r.u64(0, uint64(t.ID))
			r.text(8, 32, t.name)
			b = addNote(b, ntLwpname, r.b)
		}
	}
	return b, nil
}

// chooseLwp picks the LWP that stands for the process as /proc would: one that runs
// before one that could, that before one that sleeps. Nil if all have exited.
func chooseLwp(threads []*gcoreThread) *gcoreThread {
	var best *gcoreThread
	order := []uint32{gtOnproc, gtRun, gtSleep, gtWait, gtStopped, gtZomb}
	rank := func(t *gcoreThread) int { return slices.Index(order, t.State) }
	for _, t := range threads {
		if t.Thread != 0 && (best == nil || rank(t) < rank(best)) {
			best = t
		}
	}
	return best
}

// psinfo makes a psinfo_t. Times spent, memory resident and the terminal are not in it.
func (g *gcore) psinfo(cr *gcoreCred, chosen *gcoreThread) []byte {
	m, p := g.m, g.p
	r := newRecord(m, m.psinfo)
	r.i32s(4, p.Nlwp, p.Pid, p.Ppid, p.Pgid, p.Sid, int32(cr.RUID), int32(cr.UID), int32(cr.RGID), int32(cr.GID))
	r.long(40, g.proc)
	r.long(m.size, p.Size>>10)
	r.long(m.size+3*m.word, ^uint64(0)) // pr_ttydev: PRNODEV
	r.long(m.start, uint64(p.StartSec))
	r.long(m.start+m.word, uint64(p.StartNs))
	r.text(m.fname, 16, p.Comm)
	r.text(m.psargs, 80, p.Args)
	r.u32(m.argc, uint32(p.Argc))
	r.long(m.argv, p.Argv)
	r.long(m.envp, p.Envp)
	r.u8(m.infoModel, m.dmodel)
	contract := uint64(0)
	if p.Contract != 0 {
		contract, _ = g.v.member("struct cont_process", "conp_contract.ct_id", p.Contract)
	}
	r.i32s(m.infoIDs, p.Task, p.Proj, p.Nzomb, 0, p.ZoneID, int32(contract))
	if chosen != nil {
		copy(r.b[m.infoLWP:], g.lwpsinfo(chosen))
	}
	return r.b
}

// pstatus makes a pstatus_t. Times spent and which system calls are traced are not in it.
func (g *gcore) pstatus(chosen *gcoreThread) ([]byte, error) {
	m, p := g.m, g.p
	r := newRecord(m, m.pstatus)
	r.i32s(4, p.Nlwp, p.Pid, p.Ppid, p.Pgid, p.Sid)
	g.sigset(r, 32, "proc_t", g.proc, "p_sig")
	r.long(m.brkbase, p.Brkbase)
	r.long(m.brksize, p.Brksize)
	r.long(m.stkbase, p.Usrstack-p.Stksize)
	r.long(m.stksize, p.Stksize)
	g.sigset(r, m.sigtrace, "proc_t", g.proc, "p_sigmask")
	if faults, err := g.v.member("proc_t", "p_fltmask", g.proc); err == nil {
		r.u32(m.flttrace, uint32(faults))
	}
	r.u8(m.statusModel, m.dmodel)
	r.i32s(m.statusIDs, p.Task, p.Proj, p.Nzomb, p.ZoneID)
	if chosen != nil {
		l, err := g.lwpstatus(chosen)
		if err != nil {
			return nil, err
		}
		copy(r.b[m.statusLWP:], l)
		copy(r.b[:4], l) // its flags are the process's
	}
	return r.b, nil
}

// array is a variable of n bytes, nil if it cannot be read. A type that is given has to
// be of that size.
func (g *gcore) array(module, name, typ string, n uint64) []byte {
	if typ != "" {
		if size, err := g.v.size(typ); err != nil || size != n {
			return nil
		}
	}
	at, err := g.v.address(module, name)
	if err != nil {
		return nil
	}
	b := make([]byte, n)
	if g.v.read(at, b) != nil {
		return nil
	}
	return b
}

// auxv is the auxiliary vector in the form of the process's model; the kernel keeps its
// own.
func (g *gcore) auxv() []byte {
	at, err := g.v.ref("proc_t", g.proc, "p_user.u_auxv")
	if err != nil {
		return nil
	}
	t, err := g.v.access("proc_t", "p_user.u_auxv")
	if err != nil {
		return nil
	}
	b := make([]byte, min(g.v.w.Size(t.Base), 1<<14)&^15)
	if g.v.read(at, b) != nil {
		return nil
	}
	if g.m.word == 8 {
		return b
	}
	var short []byte
	for ; len(b) >= 16; b = b[16:] {
		short = append(append(short, b[:4]...), b[8:12]...)
	}
	return short
}

// secflags adds the security flags of a kernel that has them.
func (g *gcore) secflags(b []byte) []byte {
	r := newRecord(g.m, secflagsSize)
	r.u32(0, 1) // PRSECFLAGS_VERSION_1
	for i, name := range []string{"psf_effective", "psf_inherit", "psf_lower", "psf_upper"} {
		set, err := g.v.member("proc_t", "p_secflags."+name, g.proc)
		if err != nil {
			return b
		}
		r.u64(8+8*i, set)
	}
	return addNote(b, ntSecflags, r.b)
}

// cred makes a prcred_t.
func (g *gcore) cred(cr *gcoreCred) []byte {
	groups := []byte(nil)
	if cr.Grps != 0 {
		n, err := g.v.member("credgrp_t", "crg_ngroups", cr.Grps)
		at, err2 := g.v.ref("credgrp_t", cr.Grps, "crg_groups")
		if err == nil && err2 == nil && n <= maxGroups {
			groups = make([]byte, 4*n)
			if err := g.v.read(at, groups); err != nil {
				g.c.Warnf("%s", badRead("credgrp_t", cr.Grps, err).Error())
				groups = nil
			}
		}
	}
	r := newRecord(g.m, max(32, 28+len(groups)))
	for i, id := range []uint32{cr.UID, cr.RUID, cr.SUID, cr.GID, cr.RGID, cr.SGID, uint32(len(groups) / 4)} {
		r.u32(4*i, id)
	}
	copy(r.b[28:], groups)
	return r.b
}

// gcoreFile is what a core has of a file that is open.
type gcoreFile struct {
	Flag   uint16 `ctf:"f_flag"`
	Flag2  uint16 `ctf:"f_flag2,optional"` // the upper half
	Offset int64  `ctf:"f_offset"`
	Vnode  uint64 `ctf:"f_vnode"`
	Type   uint32 `ctf:"f_vnode->v_type"`
	Rdev   uint64 `ctf:"f_vnode->v_rdev"`
	Dev    uint64 `ctf:"f_vnode->v_vfsp->vfs_dev"`
}

// fileModes are the types of files in st_mode by enum vtype (VTTOIF of sys/vnode.h).
var fileModes = []uint32{0, 0x8000, 0x4000, 0x6000, 0x2000, 0xa000, 0x1000, 0xd000, 0, 0xc000, 0xe000, 0}

// files adds a note for each open file. What is a matter of the file system (permissions,
// owner, size, inode) is not in it.
func (g *gcore) files(b []byte) []byte {
	files, err := g.v.descriptors(g.proc)
	if err != nil {
		g.c.Warnf("%s", err.Error())
		return b
	}
	for fd, fp := range files {
		if fp == 0 {
			continue
		}
		var f gcoreFile
		if err := g.v.load("file_t", fp, &f); err != nil {
			g.c.Warnf("%s", badRead("file", fp, err).Error())
			continue
		}
		r := newRecord(g.m, fdinfoSize)
		r.u32(0, uint32(fd))
		if int(f.Type) < len(fileModes) {
			r.u32(4, fileModes[f.Type])
		}
		for i, dev := range []uint64{f.Dev, f.Rdev} { // dev_t: 32 bits of major, 32 of minor number
			r.u32(16+8*i, uint32(dev>>32))
			r.u32(20+8*i, uint32(dev))
		}
		r.u64(40, uint64(f.Offset))
		const fSearch, fExec = 0x200000, 0x400000
		flags := uint32(f.Flag) | uint32(f.Flag2)<<16
		if flags&(fSearch|fExec) == 0 {
			flags-- // FREAD and FWRITE are O_RDONLY and O_WRONLY plus one
		}
		r.u32(56, flags)
		if path, err := g.v.vnodePath(g.c, f.Vnode); err == nil {
			r.text(64, 1024, path)
		}
		b = addNote(b, ntFdinfo, r.b)
	}
	return b
}

// gcoreError says why there is no core.
func gcoreError(c *core.Ctx, err error) error {
	if errors.Is(err, core.ErrIntr) {
		return core.ErrIntr
	}
	return c.Warn(err, "Failed to generate core file")
}
