package genunix

import (
	"slices"

	"github.com/xmdb/xmdb/core"
)

// Module is MDB's module genunix. Each group of commands has its own lists, kept in
// its own files.
func Module() *core.Module {
	return &core.Module{
		Name:    "genunix",
		Descr:   "generic kernel: processes, threads, zones, files, memory",
		Objects: []string{"genunix"}, Interposes: true,
		Dcmds:   slices.Concat(procDcmds(), threadDcmds()),
		Walkers: slices.Concat(procWalkers(), threadWalkers()),
		Whatis:  slices.Concat(threadWhatis()),
	}
}
