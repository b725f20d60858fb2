package genunix

import "github.com/xmdb/xmdb/core"

// threadDcmds are the commands of threads, CPUs, callouts and synchronisation.
func threadDcmds() []*core.Dcmd { return nil }

// threadWalkers are their walkers.
func threadWalkers() []*core.Walker { return nil }

// threadWhatis are the sources of ::whatis that threads are.
func threadWhatis() []*core.WhatisSource { return nil }
