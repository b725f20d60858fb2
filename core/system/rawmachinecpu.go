package system

import (
	"errors"
	"fmt"

	"encoding/binary"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
)

// Bits of the code segment's descriptor as SystemRegs.CSAttr has them: code of 64 bits,
// and else of 32.
const (
	CSLong = 1 << 13
	CSBig  = 1 << 14
)

// flagsVM is the bit of rflags that tells virtual 8086 mode.
const flagsVM = 1 << 17

// CPUState is a processor as a listing shows it.
type CPUState struct {
	ID              int
	Mode            string // "64-bit, 4-level paging"; "" if nothing is known
	PC              uint64 // linear address of the next instruction
	HasPC           bool
	CR3             uint64
	HasCR3          bool
	Halted, Running bool
}

// words are what there is to say of the state, after a comma each.
func (s *CPUState) words() string {
	w := ""
	if s.HasCR3 {
		w += fmt.Sprintf(", cr3 %#x", s.CR3)
	}
	if s.Halted {
		w += ", halted"
	}
	if s.Running {
		w += ", running"
	}
	return w
}

// rawCPU is a processor of a RawMachine, with what its registers mean.
type rawCPU struct {
	Processor
	m     *RawMachine
	space *paging.Space
	width int // bits of the code it runs: 16, 32, 64; 0 if not yet known
}

func (c *rawCPU) state() CPUState {
	s := CPUState{ID: c.ID, Halted: c.Halted, Running: c.Running, CR3: c.System.CR3, HasCR3: c.System.Has(HasCR3)}
	if c.Regs != nil {
		s.PC, s.HasPC = c.linear()
	}
	if c.Regs == nil && !s.HasCR3 {
		return s
	}
	s.Mode = fmt.Sprintf("%d-bit", c.bits())
	if mode, ok := c.mode(); ok {
		if s.Mode += ", " + mode.String() + " paging"; mode == paging.None {
			s.Mode = fmt.Sprintf("%d-bit, no paging", c.bits())
			if c.real() {
				s.Mode = "real mode"
			}
		}
	}
	return s
}

// real tells whether the processor is in real mode.
func (c *rawCPU) real() bool { return c.System.Has(HasCR0) && c.System.CR0&paging.CR0PE == 0 }

// segmented tells whether a segment's base is its selector times 16.
func (c *rawCPU) segmented() bool {
	flags, _ := c.reg("rflags")
	return c.real() || flags&flagsVM != 0
}

func (c *rawCPU) reg(name string) (uint64, bool) {
	if c.Regs == nil {
		return 0, false
	}
	return c.Regs.Get(name)
}

// mode is the paging mode; false if the registers do not tell.
func (c *rawCPU) mode() (paging.Mode, bool) {
	return modeOf(&c.System, func() bool {
		for _, name := range []string{"rip", "rsp", "gsbase", "rbp"} {
			if v, ok := c.reg(name); ok && v>>32 != 0 {
				return true
			}
		}
		return c.System.CR3>>32 != 0 || c.System.IDTBase>>32 != 0
	})
}

// modeOf is the paging mode by control registers, some of which may not be known;
// wide tells whether other registers show that addresses are of 64 bits.
func modeOf(r *SystemRegs, wide func() bool) (paging.Mode, bool) {
	switch {
	case r.Has(HasCR0) && r.CR0&paging.CR0PG == 0:
		return paging.None, true
	case r.Has(HasCR0 | HasCR4 | HasEFER):
		return paging.ModeOf(r.CR0, r.CR4, r.EFER), true
	case !r.Has(HasCR3):
		return paging.None, false
	case !r.Has(HasCR4) && !r.Has(HasEFER):
		return paging.Long4, true // all that is likely
	}
	cr4, efer := r.CR4, r.EFER
	if !r.Has(HasCR4) {
		cr4 = paging.CR4PAE
	}
	if !r.Has(HasEFER) && wide() {
		efer = paging.EFERLMA
	}
	return paging.ModeOf(paging.CR0PE|paging.CR0PG, cr4, efer), true
}

// virtual is the virtual memory of the processor.
func (c *rawCPU) virtual() (*paging.Space, error) {
	if c.space != nil {
		return c.space, nil
	}
	mode, ok := c.mode()
	if !ok {
		return nil, fmt.Errorf("no page table is known: processor %d has no cr3", c.ID)
	}
	if mode != paging.None && !c.System.Has(HasCR3) {
		return nil, fmt.Errorf("no page table is known: cr3 of processor %d is not known", c.ID)
	}
	c.space = paging.New(c.m.mem.Physical(), mode, c.System.CR3, paging.Options{}).Space(0)
	return c.space, nil
}

// bits is the width of the code that the processor runs: by the code segment, by its
// descriptor in the table, by the mode.
func (c *rawCPU) bits() int {
	if c.width == 0 {
		c.width = c.findBits()
	}
	return c.width
}

func (c *rawCPU) findBits() int {
	mode, known := c.mode()
	long := !known || mode.Long()
	switch {
	case c.segmented():
		return 16
	case c.System.Has(HasCS):
		return widthOf(c.System.CSAttr&CSLong != 0 && long, c.System.CSAttr&CSBig != 0)
	}
	if d, err := c.codeDescriptor(); err == nil {
		return widthOf(d>>53&1 != 0 && long, d>>54&1 != 0)
	}
	if long {
		return 64
	}
	return 32
}

func widthOf(long, big bool) int {
	switch {
	case long:
		return 64
	case big:
		return 32
	}
	return 16
}

var errNoDescriptor = errors.New("no descriptor of the code segment")

// codeDescriptor is the entry of the GDT that cs selects.
func (c *rawCPU) codeDescriptor() (uint64, error) {
	cs, ok := c.reg("cs")
	if !ok || cs&^7 == 0 || cs&4 != 0 || !c.System.Has(HasGDTBase) {
		return 0, errNoDescriptor
	}
	s, err := c.virtual()
	if err != nil {
		return 0, err
	}
	d, err := mem.ReadUint(s, mem.Addr(c.System.GDTBase+cs&0xfff8), 8, binary.LittleEndian)
	if err == nil && d>>43&3 != 3 { // S and the code bit of the type
		err = errNoDescriptor
	}
	return d, err
}

// linear is the linear address of the next instruction.
func (c *rawCPU) linear() (uint64, bool) {
	pc, ok := c.reg("rip")
	if !ok || c.bits() == 64 {
		return pc, ok
	}
	cs, _ := c.reg("cs")
	switch {
	case c.System.Has(HasCS):
		pc += c.System.CSBase
	case c.segmented():
		pc = pc&0xffff + cs&0xffff<<4
	default:
		if d, err := c.codeDescriptor(); err == nil {
			pc += d>>16&0xff_ffff | d>>56<<24
		}
	}
	return pc & 0xffff_ffff, true
}

// arch is the architecture of the code that the processor runs.
func (c *rawCPU) arch() *arch.Arch {
	switch c.bits() {
	case 16:
		return arch.I8086
	case 32:
		return arch.I386
	}
	return arch.AMD64
}

// narrow are the registers of i386 and those of amd64 that they are parts of.
var narrow = map[string]string{
	"eax": "rax", "ebx": "rbx", "ecx": "rcx", "edx": "rdx", "esi": "rsi", "edi": "rdi", "ebp": "rbp", "esp": "rsp",
	"eip": "rip", "eflags": "rflags", "cs": "cs", "ds": "ds", "es": "es", "fs": "fs", "gs": "gs", "ss": "ss",
	"gsbase": "gsbase", "trapno": "trapno", "err": "err",
}

// registers are the registers by the width of the code.
func (c *rawCPU) registers() *arch.Regs {
	if c.Regs.Arch != arch.AMD64 || c.bits() == 64 {
		return c.Regs.Clone()
	}
	r := arch.NewRegs(arch.I386)
	for name, wide := range narrow {
		if v, ok := c.Regs.Get(wide); ok {
			r.Set(name, v&0xffff_ffff)
		}
	}
	return r
}
