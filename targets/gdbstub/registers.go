package gdbstub

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/core/system/hmp"
)

// decode reads the answer to g: the registers in the order of their numbers, in hex,
// x for digits that are not known. An answer may end before the last register.
func (d *description) decode(answer []byte) (*system.Processor, error) {
	p := &system.Processor{Regs: arch.NewRegs(arch.AMD64)}
	some := false
	for _, f := range d.fields(len(answer)) {
		var b [8]byte
		if n := (f.to - f.from) / 2; n <= len(b) && unhexBytes(b[:n], answer[f.from:f.to]) == n {
			setRegister(p, f.name, binary.LittleEndian.Uint64(b[:]))
			some = true
		}
	}
	if !some {
		return nil, fmt.Errorf("%w: no register in the answer to g", ErrNonsense)
	}
	return p, nil
}

// setRegister takes a register by gdb's name of it (QEMU's gdb-xml/i386-64bit.xml has
// those of the system).
func setRegister(p *system.Processor, name string, v uint64) {
	s := &p.System
	if s.Set(name, v) {
		return
	}
	if name == "k_gs_base" {
		s.KernelGSBase, s.Known = v, s.Known|system.HasKernelGSBase
		return
	}
	name = archName(name)
	if reg, _ := p.Regs.Arch.Lookup(name); reg != nil && reg.Of == "" {
		p.Regs.Set(name, v)
	}
}

// archName is core/arch's name of a register that gdb names so.
func archName(name string) string {
	switch name {
	case "fs_base", "gs_base":
		return strings.Replace(name, "_", "", 1)
	case "eflags":
		return "rflags"
	case "eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip":
		return "r" + name[1:]
	}
	return name
}

// tables adds the bases of descriptor tables, which no description has: QEMU's monitor
// tells them. Without it they are not known.
func (t *Target) tables(list []system.Processor) {
	if !t.stub.physical {
		return
	}
	text, err := t.monitor("info registers -a")
	if err != nil {
		return
	}
	const have = system.HasGDTBase | system.HasIDTBase
	for _, m := range hmp.Registers(text) {
		if m.ID < len(list) && m.System.Has(have) {
			s := &list[m.ID].System
			s.GDTBase, s.IDTBase, s.Known = m.System.GDTBase, m.System.IDTBase, s.Known|have
		}
	}
}
