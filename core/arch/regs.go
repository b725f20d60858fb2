package arch

// Regs is one thread's or CPU's general registers: values by the order of
// Arch.Registers, each known or not. Vector and floating point state is kept as
// the raw areas the target gave, by note name or architecture's name for them.
type Regs struct {
	Arch  *Arch
	vals  []uint64
	known []bool
	Areas map[string][]byte // "fxsave", "xsave": as the CPU lays them out
}

// NewRegs makes a register file in which nothing is known.
func NewRegs(a *Arch) *Regs {
	return &Regs{Arch: a, vals: make([]uint64, len(a.Registers)), known: make([]bool, len(a.Registers))}
}

// Clone copies the general registers and shares the areas.
func (r *Regs) Clone() *Regs {
	c := *r
	c.vals = append([]uint64(nil), r.vals...)
	c.known = append([]bool(nil), r.known...)
	return &c
}

// Get gives a register or a part of one by MDB's name; ok is false if there is
// none of that name or its value is not known.
func (r *Regs) Get(name string) (v uint64, ok bool) {
	reg, full := r.Arch.Lookup(name)
	if reg == nil || !r.known[full] {
		return 0, false
	}
	return r.vals[full] >> reg.Shift & mask(reg.Bits), true
}

// Set sets a register or a part of one; it reports whether the name is known.
// Setting a part of an unknown register leaves the rest of it zero.
func (r *Regs) Set(name string, v uint64) bool {
	reg, full := r.Arch.Lookup(name)
	if reg == nil {
		return false
	}
	m := mask(reg.Bits) << reg.Shift
	r.vals[full] = r.vals[full]&^m | v<<reg.Shift&m
	r.known[full] = true
	return true
}

// SetFull sets the full register with an index in Arch.Registers.
func (r *Regs) SetFull(i int, v uint64) { r.vals[i], r.known[i] = v, true }

// DWARF gives the register with a DWARF number.
func (r *Regs) DWARF(n int) (uint64, bool) {
	for i := range r.Arch.Registers {
		if r.Arch.Registers[i].DWARF == n {
			return r.vals[i], r.known[i]
		}
	}
	return 0, false
}

// SetDWARF sets the register with a DWARF number.
func (r *Regs) SetDWARF(n int, v uint64) bool {
	for i := range r.Arch.Registers {
		if r.Arch.Registers[i].DWARF == n {
			r.vals[i], r.known[i] = v, true
			return true
		}
	}
	return false
}

// PC, SP and FP give the registers the architecture calls so; 0 if unknown.
func (r *Regs) PC() uint64 { v, _ := r.Get(r.Arch.PC); return v }

// SP is the stack pointer.
func (r *Regs) SP() uint64 { v, _ := r.Get(r.Arch.SP); return v }

// FP is the frame pointer.
func (r *Regs) FP() uint64 { v, _ := r.Get(r.Arch.FP); return v }

// Lookup finds a register or a part of one by name; full is the index of the
// register it lies in.
func (a *Arch) Lookup(name string) (reg *Register, full int) {
	for i := range a.Registers {
		if a.Registers[i].Name == name {
			return &a.Registers[i], i
		}
	}
	for i := range a.Sub {
		if a.Sub[i].Name == name {
			_, full = a.Lookup(a.Sub[i].Of)
			return &a.Sub[i], full
		}
	}
	return nil, 0
}

func mask(bits int) uint64 {
	if bits >= 64 {
		return ^uint64(0)
	}
	return 1<<bits - 1
}
