package genunix

import "github.com/xmdb/xmdb/core"

// procDcmds are the commands of processes, credentials, files, address spaces and
// zones.
func procDcmds() []*core.Dcmd { return nil }

// procWalkers are their walkers.
func procWalkers() []*core.Walker { return nil }
