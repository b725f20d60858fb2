package hmp

import (
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/system"
)

// maxCPUs bounds the processors of a machine.
const maxCPUs = 4096

// Registers reads what `info registers -a` prints
// (target/i386/cpu-dump.c): a line CPU#n, then NAME=value pairs and lines of segment
// and table registers. It prints nothing of KERNEL_GS_BASE.
func Registers(text string) []system.Processor {
	var list []system.Processor
	var cur *system.Processor
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if n, ok := strings.CutPrefix(line, "CPU#"); ok {
			id, err := strconv.Atoi(n)
			if err != nil || id < 0 || id >= maxCPUs || len(list) == maxCPUs {
				cur = nil
				continue
			}
			list = append(list, system.Processor{ID: id, Regs: arch.NewRegs(arch.AMD64)})
			cur = &list[len(list)-1]
			continue
		}
		if cur != nil && len(line) > 3 {
			registerLine(cur, line)
		}
	}
	return list
}

// registerLine reads one line of a processor.
func registerLine(p *system.Processor, line string) {
	name, rest, _ := strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	f := strings.Fields(rest)
	switch name {
	case "ES", "CS", "SS", "DS", "FS", "GS":
		if len(f) < 2 {
			return
		}
		setHex(p.Regs, strings.ToLower(name), f[0])
		if name == "FS" || name == "GS" {
			setHex(p.Regs, strings.ToLower(name)+"base", f[1])
		}
		return
	case "GDT", "IDT":
		if len(f) < 1 {
			return
		}
		if v, err := strconv.ParseUint(f[0], 16, 64); err == nil {
			if name == "GDT" {
				p.System.GDTBase, p.System.Known = v, p.System.Known|system.HasGDTBase
			} else {
				p.System.IDTBase, p.System.Known = v, p.System.Known|system.HasIDTBase
			}
		}
		return
	case "LDT", "TR":
		return
	}
	for _, pair := range strings.Fields(strings.ReplaceAll(line, " =", "=")) {
		if k, v, ok := strings.Cut(pair, "="); ok {
			registerPair(p, k, v)
		}
	}
}

// registerPair takes NAME=value: the names have no E or R where they are those of
// 64 bits alone (R8), and EAX in modes of 32 bits.
func registerPair(p *system.Processor, name, value string) {
	v, err := strconv.ParseUint(value, 16, 64)
	if err != nil {
		return
	}
	if p.System.Set(strings.ToLower(name), v) {
		return
	}
	switch name {
	case "HLT":
		p.Halted = v != 0
	case "RFL", "EFL":
		p.Regs.Set("rflags", v)
	default:
		name = strings.ToLower(name)
		if len(name) == 3 && name[0] == 'e' {
			name = "r" + name[1:]
		}
		if strings.HasPrefix(name, "r") {
			p.Regs.Set(name, v)
		}
	}
}

func setHex(r *arch.Regs, name, digits string) {
	if v, err := strconv.ParseUint(digits, 16, 64); err == nil {
		r.Set(name, v)
	}
}
