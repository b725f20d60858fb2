package genunix

import (
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kmem"
)

// Module is MDB's module genunix. Each group of commands has its own lists, kept in
// its own files; those of the allocator are package kmem's.
func Module() *core.Module {
	m := &core.Module{
		Name:    "genunix",
		Descr:   "generic kernel: processes, threads, zones, files, memory",
		Objects: []string{"genunix"}, Interposes: true,
		Dcmds:   slices.Concat(procDcmds(), threadDcmds(), memoryDcmds(), kmem.Dcmds()),
		Walkers: slices.Concat(procWalkers(), threadWalkers(), pageWalkers(), kmem.Walkers()),
		Whatis:  slices.Concat(memoryWhatis(), kmem.Whatis()),
	}
	m.Init = func(s *core.Session) error {
		kmem.Init(s, m)
		return nil
	}
	return m
}
