package genunix

import (
	"slices"

	"github.com/xmdb/xmdb/core"
)

// threadDcmds are the commands of threads, CPUs, callouts and synchronisation, of
// devices, streams and messages.
func threadDcmds() []*core.Dcmd {
	return slices.Concat(kthreadDcmds(), stackDcmds(), cpuDcmds(), sobjDcmds(), taskqDcmds(), calloutDcmds(), cyclicDcmds())
}

// threadWalkers are their walkers.
func threadWalkers() []*core.Walker {
	return slices.Concat(kthreadWalkers(), cpuWalkers(), sobjWalkers(), taskqWalkers(), calloutWalkers(), cyclicWalkers())
}

// threadWhatis are the sources of ::whatis that threads are.
func threadWhatis() []*core.WhatisSource { return nil }
