package genunix

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// damage overwrites words in the structures of processes, zones and files at random:
// with nothing, with small numbers, with pointers to nowhere and to one another.
func damage(sys *illumos.System, rng *rand.Rand, words int) {
	var objs []illumos.Obj
	for _, p := range sys.ByOrder {
		objs = append(objs, p.Addr, p.Addr, p.Cred, p.Pid, p.Task.Addr)
		if p.As.Addr != 0 {
			objs = append(objs, p.As)
		}
		for _, f := range p.Opened {
			objs = append(objs, f.Addr, f.Vnode)
			if f.Data.Addr != 0 {
				objs = append(objs, f.Data)
			}
		}
		for _, m := range p.Mapped {
			objs = append(objs, m.Addr, m.Data)
		}
	}
	for _, z := range sys.Zones {
		objs = append(objs, z.Addr)
		objs = append(objs, z.ZSDs...)
	}
	for _, c := range sys.Ctids {
		objs = append(objs, c.Addr)
	}
	for _, b := range sys.VFS {
		objs = append(objs, b.VFS)
	}
	for _, p := range sys.Projects {
		objs = append(objs, p.Addr)
	}
	objs = append(objs, sys.Locks...)
	sys.Spoil(objs, rng, words)
}

// No damage makes a command fault or hang.
func TestRandomDamage(t *testing.T) {
	cmds := []string{"::ps -zTPs", "::ps -tlf", "::ptree", "::pflags", "::pgrep .", "::zone", "::zone -rv", "::walk zone | ::zsd -v", "::task", "::project",
		"::contract", "::fsinfo -v", "::lminfo", "::rctl_dict", "::netstack", "::sonode", "::lxzone", "::lxps -l", "::walk proc | ::pfiles",
		"::walk proc | ::pfiles -p", "::walk proc | ::pfiles -f", "::walk proc | ::pmap", "::walk proc | ::rctl_list", "::walk proc | ::walk ancestors",
		"::walk proc | ::walk allfile", "::walk proc | ::print proc_t p_cred | ::cred -v", "::walk projects", "::walk vfs", "0t130::pid2proc"}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			sys := illumos.Node().Build(illumos.Real())
			damage(sys, rand.New(rand.NewPCG(seed, 4)), 40<<seed)
			b, err := sys.Vmcore()
			if err != nil {
				t.Fatal(err)
			}
			s := modtest.OpenDumpBytes(t, "vmcore.0", b, Module())
			for _, cmd := range cmds {
				if r := s.Run(cmd); len(r.Out)+len(r.Err) > 4<<20 {
					t.Errorf("%s: %d bytes of output, %d of messages", cmd, len(r.Out), len(r.Err))
				}
			}
		})
	}
}
