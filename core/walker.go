package core

import (
	"iter"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
)

// Elem is one element of a walk or of a pipe: a value, with the type of what
// lies at it when it is an address and the type is known.
type Elem struct {
	Val  uint64
	Type *ctype.Type
	Obj  any // what the walker read of it already, for walkers layered above
}

// Walker iterates over the objects of one kind.
type Walker struct {
	Name, Descr string
	Addr        AddrMode // AddrNone refuses a starting address
	Type        string   // type name of the elements, for completion and help
	// Walk yields the elements. start is valid if has is true. An error ends
	// the walk after it has been yielded; a corrupt link is such an error and
	// names its address.
	Walk   func(c *Ctx, start mem.Addr, has bool) iter.Seq2[Elem, error]
	Module *Module
}
