// Package dcmds holds the built-in dcmds and walkers: the ones that need no
// knowledge of a subsystem. A file is about one topic and ends in the table of
// its dcmds; Module lists the tables.
package dcmds

import (
	"slices"

	"github.com/xmdb/xmdb/core"
)

// Module is the built-in module. MDB calls it "mdb": names are scoped as
// mdb`print.
func Module() *core.Module {
	return &core.Module{
		Name:    "mdb",
		Descr:   "built-in commands",
		Builtin: true,
		Dcmds:   slices.Concat(),
		Walkers: slices.Concat[[]*core.Walker](),
	}
}
