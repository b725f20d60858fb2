// Package arch describes instruction set architectures to the rest of xmdb: the
// registers and their MDB names, pointer size, byte order, page size and the
// disassemblers. One sub-package per family (x86, arm64) does the decoding.
package arch

import "encoding/binary"

// Arch is one instruction set architecture in one width.
type Arch struct {
	Name       string // as MDB's ISA token: "amd64", "i386", "arm64"
	PtrSize    int    // bytes
	PageSize   uint64
	Order      binary.ByteOrder
	Registers  []Register // full registers in MDB's order
	Sub        []Register // parts of them: eax, ax, ah, al ...
	PC, SP, FP string     // names in Registers
	Dis        []string   // names of disassembly modes, the default one first
}

// Register is a register, or a part of one, with MDB's variable name.
type Register struct {
	Name  string
	Bits  int    // width
	Of    string // the full register it is a part of, "" if itself full
	Shift int    // bit offset in Of
	DWARF int    // DWARF register number, -1 if none
}
