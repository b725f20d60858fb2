// Package ctype is the one model of C-like types in xmdb. CTF, DWARF, BTF and C
// declarations typed by the user are decoded into it by sub-packages; printers,
// ::print paths and modules see only this package.
//
// A Type is a node that fills itself in when it is first looked into, so that
// naming one type of a debug file of hundreds of megabytes costs that type and
// what is asked of it. Types of different containers are never compared by
// pointer: "struct proc" of two modules are two types with one name.
//
// Sizes and offsets are in bytes unless a name says bits. Names are C names
// without the tag keyword: struct proc has Kind Struct and Name "proc";
// (*Type).String gives "struct proc".
package ctype
