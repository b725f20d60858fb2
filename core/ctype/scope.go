package ctype

import (
	"errors"
	"iter"
)

// Errors of type lookups, worded as MDB and its CTF library do.
var (
	ErrNoType    = errors.New("No type information available for that name") // unknown type name
	ErrNoData    = errors.New("no symbolic debug information available for module")
	ErrNoMember  = errors.New("no such member of structure or union")
	ErrNotStruct = errors.New("Type is not a struct or union")
	ErrNotEnum   = errors.New("Type is not an enum")
	ErrSyntax    = errors.New("Syntax error in type name")
	ErrNotObject = errors.New("Symbol table entry is not a data object")
	ErrNotFunc   = errors.New("Symbol table entry is not a function")
	ErrNoSymType = errors.New("No type information available for symbol")
	ErrNoSymFunc = errors.New("No function information available for symbol")
)

// Scope resolves type names in one container: an object's CTF or DWARF, the
// synthetic types of ::typedef.
type Scope interface {
	Container
	// Lookup finds a type by its C name: "int", "struct proc", "proc_t",
	// "char [4]", "node_t *". Pointers and arrays of known types are formed.
	// ErrNoType if the container has none of that name.
	Lookup(name string) (*Type, error)
	// All yields every named type once.
	All() iter.Seq[*Type]
}

// SymbolTyper is a Scope that knows the types of data objects and functions.
type SymbolTyper interface {
	// SymbolType gives the type of the named symbol: for a function a Function
	// type. addr is the symbol's address as in the file (bias not added) and
	// index its place in the symbol table; a container uses what it needs.
	SymbolType(name string, addr uint64, index uint32) (*Type, error)
}
