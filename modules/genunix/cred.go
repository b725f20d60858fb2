package genunix

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

func credDcmds() []*core.Dcmd {
	verbose := []core.Opt{{Letter: 'v', Help: "everything, groups and identities too"}}
	return []*core.Dcmd{
		{Name: "cred", Usage: ":[-v]", Descr: "display a credential", Type: "cred_t", Opts: verbose,
			Help:  "Prints who a cred_t is for: effective and real user and group, the number of\nsupplementary groups, with a + if there are Windows identities.\n",
			Table: credTable, Run: needAddr(noArgs(runCred))},
		{Name: "credgrp", Usage: ":[-v]", Descr: "display cred_t groups", Type: "credgrp_t", Opts: verbose, Run: needAddr(noArgs(runCredgrp)),
			Help: "Prints the supplementary groups of a credential.\n"},
		{Name: "credsid", Usage: ":[-v]", Descr: "display a credsid_t", Type: "credsid_t", Opts: verbose, Run: needAddr(noArgs(runCredsid)),
			Help: "Prints the Windows identities of a credential.\n"},
		{Name: "ksidlist", Usage: ":[-v]", Descr: "display a ksidlist_t", Type: "ksidlist_t", Opts: verbose, Run: needAddr(noArgs(runKsidlist)),
			Help: "Prints a list of Windows identities.\n"},
	}
}

var credTable = &core.Table{
	Head: "%<u>%?s %8s %8s %8s %8s% %8s%</u>\n", Line: "%0?p %8u %8u %8u %8u %4u%s\n", Type: "cred_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "uid", Head: "UID"}, {Name: "gid", Head: "GID"}, {Name: "ruid", Head: "RUID"},
		{Name: "rgid", Head: "RGID"}, {Name: "groups", Head: "#GRP(+SIDS)"}, {Name: "sids"}},
}

// maxGroups bounds the groups and identities that a credential is believed to have:
// NGROUPS_UMAX groups are 1024.
const maxGroups = 16384

func runCred(c *core.Ctx) error {
	v := viewOf(c)
	var cr struct {
		UID  uint32 `ctf:"cr_uid"`
		GID  uint32 `ctf:"cr_gid"`
		RUID uint32 `ctf:"cr_ruid"`
		RGID uint32 `ctf:"cr_rgid"`
		Grps uint64 `ctf:"cr_grps"`
		Ksid uint64 `ctf:"cr_ksid,optional"`
	}
	if err := v.load("cred_t", c.Addr, &cr); err != nil {
		return c.Warn(err, "error reading cred_t at %p", c.Addr)
	}
	if c.Opt('v') && !c.PipeOut {
		return credVerbose(c, cr.Grps, cr.Ksid)
	}
	n := uint64(0)
	if cr.Grps != 0 {
		var err error
		if n, err = v.member("credgrp_t", "crg_ngroups", cr.Grps); err != nil {
			return c.Warn(err, "error reading credgrp_t at %p", cr.Grps)
		}
	}
	plus := ""
	if cr.Ksid != 0 {
		plus = "+"
	}
	c.Row(out.Hex(c.Addr), cr.UID, cr.GID, cr.RUID, cr.RGID, n, plus)
	return nil
}

// credVerbose prints the whole structure, and what hangs on it further in.
func credVerbose(c *core.Ctx, grps, ksid uint64) error {
	if err := c.Eval.Call(c, "print", c.Addr, true, core.Arg{Str: "cred_t"}); err != nil {
		return err
	}
	for _, part := range []struct {
		head, dcmd string
		addr       uint64
	}{{"cr_grps", "credgrp", grps}, {"cr_ksid", "credsid", ksid}} {
		c.Printf("%<u>%s:%</u>\n", part.head)
		c.P.IncIndent(4)
		var err error
		if part.addr == 0 {
			c.Printf("(null)\n")
		} else {
			err = c.Eval.Call(c, part.dcmd, part.addr, true, core.Arg{Str: "-v"})
		}
		c.P.DecIndent(4)
		if err != nil {
			return err
		}
	}
	return nil
}

func runCredgrp(c *core.Ctx) error {
	v := viewOf(c)
	var g struct {
		Ref uint32 `ctf:"crg_ref"`
		N   uint32 `ctf:"crg_ngroups"`
	}
	if err := v.load("credgrp_t", c.Addr, &g); err != nil {
		return c.Warn(err, "error reading credgrp_t at %p", c.Addr)
	}
	at, err := v.ref("credgrp_t", c.Addr, "crg_groups")
	if err != nil {
		return err
	}
	if g.N > maxGroups {
		return fmt.Errorf("credgrp_t at %x cannot have %d groups", c.Addr, g.N)
	}
	gids, last := out.List{}, error(nil)
	for i := range g.N {
		gid, err := c.ReadUint(at+uint64(4*i), 4)
		if err != nil {
			last = c.Warn(err, "error reading gid_t at %p", at+uint64(4*i))
			break
		}
		gids = append(gids, uint32(gid))
	}
	c.Record(func() {
		if c.Opt('v') {
			c.Printf("crg_ref = 0x%x\ncrg_ngroups = 0x%x\n", g.Ref, g.N)
		}
		c.Printf("crg_groups = [\n")
		c.P.IncIndent(4)
		for _, gid := range gids {
			c.Printf("\t%u,", gid)
		}
		c.P.DecIndent(4)
		c.Printf("\n]\n")
	}, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "ref", Value: g.Ref}, out.Field{Name: "groups", Value: gids})
	return last
}

// sidText is an identity as MDB prints it: the domain, and the number in it.
func (v *view) sidText(c *core.Ctx, ksid uint64) (string, error) {
	var k struct {
		RID    uint32 `ctf:"ks_rid"`
		Domain uint64 `ctf:"ks_domain"`
	}
	if err := v.load("ksid_t", ksid, &k); err != nil {
		return "", err
	}
	name := "(domain?)"
	if k.Domain != 0 {
		if a, err := v.member("ksiddomain_t", "kd_name", k.Domain); err == nil {
			if s, err := v.text(a, 80); err == nil {
				name = s
			}
		}
	}
	return out.Sprintf(c.OutEnv(), "%s-%u", name, k.RID), nil
}

func runCredsid(c *core.Ctx) error {
	v := viewOf(c)
	var kr struct {
		Ref  uint32 `ctf:"kr_ref"`
		List uint64 `ctf:"kr_sidlist"`
	}
	if err := v.load("credsid_t", c.Addr, &kr); err != nil {
		return c.Warn(err, "error reading credsid_t at %p", c.Addr)
	}
	var sids [3]string
	for i, m := range []string{"kr_sidx[0]", "kr_sidx[1]", "kr_sidx[2]"} {
		at, err := v.ref("credsid_t", c.Addr, m)
		if err == nil {
			sids[i], err = v.sidText(c, at)
		}
		if err != nil {
			return err
		}
	}
	c.Record(func() {
		if c.Opt('v') {
			c.Printf("kr_ref = 0x%x\n", kr.Ref)
		}
		c.Printf("kr_sidx[USER]  = %s,\nkr_sidx[GROUP] = %s,\nkr_sidx[OWNER] = %s,\n", sids[0], sids[1], sids[2])
		c.Printf("kr_sidlist = %p\n", kr.List)
	}, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "user", Value: sids[0]}, out.Field{Name: "group", Value: sids[1]},
		out.Field{Name: "owner", Value: sids[2]}, out.Field{Name: "sidlist", Value: out.Hex(kr.List)})
	if kr.List == 0 || !c.Opt('v') {
		return nil
	}
	c.Printf("*kr_sidlist = {\n")
	c.P.IncIndent(4)
	err := c.Eval.Call(c, "ksidlist", kr.List, true, core.Arg{Str: "-v"})
	c.P.DecIndent(4)
	c.Printf("}\n")
	return err
}

func runKsidlist(c *core.Ctx) error {
	v := viewOf(c)
	var l struct {
		Ref  uint32 `ctf:"ksl_ref"`
		NSID uint32 `ctf:"ksl_nsid"`
		NEID uint32 `ctf:"ksl_neid"`
	}
	if err := v.load("ksidlist_t", c.Addr, &l); err != nil {
		return c.Warn(err, "error reading ksidlist_t at %p", c.Addr)
	}
	at, err := v.ref("ksidlist_t", c.Addr, "ksl_sids")
	if err != nil {
		return err
	}
	size, err := v.size("ksid_t")
	if err != nil {
		return err
	}
	if l.NSID > maxGroups {
		return fmt.Errorf("ksidlist_t at %x cannot have %d identities", c.Addr, l.NSID)
	}
	sids, last := out.List{}, error(nil)
	for i := range uint64(l.NSID) {
		s, err := v.sidText(c, at+i*size)
		if err != nil {
			last = c.Warn(err, "error reading ksid_t at %p", at+i*size)
			break
		}
		sids = append(sids, s)
	}
	c.Record(func() {
		if c.Opt('v') {
			c.Printf("ksl_ref = 0x%x\nksl_nsid = 0x%x\nksl_neid = 0x%x\n", l.Ref, l.NSID, l.NEID)
		}
		c.Printf("ksl_sids = [\n")
		c.P.IncIndent(4)
		for _, s := range sids {
			c.Printf("%s,\n", s)
		}
		c.P.DecIndent(4)
		c.Printf("]\n")
	}, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "sids", Value: sids})
	return last
}
