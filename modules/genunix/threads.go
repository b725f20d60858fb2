package genunix

import (
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// threadDcmds are the commands of threads, CPUs, callouts and synchronisation, of
// devices, streams and messages.
func threadDcmds() []*core.Dcmd {
	return slices.Concat(kthreadDcmds(), stackDcmds(), cpuDcmds(), sobjDcmds(), taskqDcmds(), calloutDcmds(), cyclicDcmds(),
		systemDcmds(), nvDcmds(), deviceDcmds(), containerDcmds(), lgrpDcmds(), streamDcmds(),
		eventDcmds(), groupDcmds(), faultDcmds())
}

// threadWalkers are their walkers.
func threadWalkers() []*core.Walker {
	return slices.Concat(kthreadWalkers(), cpuWalkers(), sobjWalkers(), taskqWalkers(), calloutWalkers(), cyclicWalkers(),
		systemWalkers(), nvWalkers(), deviceWalkers(), containerWalkers(), lgrpWalkers(), streamWalkers(),
		eventWalkers(), groupWalkers(), faultWalkers())
}

// seq2 is a walk over addresses.
type seq2 = iter.Seq2[uint64, error]

// walkOf performs a walk by its name.
func walkOf(c *core.Ctx, name string, at uint64) iter.Seq2[core.Elem, error] {
	list := c.Reg.Walkers(name)
	if len(list) == 0 {
		return noWalk[core.Elem](fmt.Errorf("can't walk '%s': %w", name, core.ErrNoWalk))
	}
	return list[0].Walk(c, mem.Addr(at), at != 0)
}
