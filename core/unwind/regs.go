package unwind

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/xmdb/xmdb/core/arch"
)

// MaxRegs bounds the DWARF register numbers a frame keeps. The integer registers
// of every supported architecture and amd64's segment bases lie below it; vector
// registers, which no ABI here preserves over a call, are the thread's affair.
const MaxRegs = 64

// Regs are the registers of one frame by DWARF number. A register is known or
// not, and a known one is stale when nothing says that the callee left it alone:
// call frame information says nothing of registers a call may clobber, yet a
// compiler that sees both functions may keep a variable in one.
type Regs struct {
	vals  [MaxRegs]uint64
	known uint64
	stale uint64
}

// Get gives register n; ok is false if its value in this frame is not known.
func (r *Regs) Get(n int) (v uint64, ok bool) {
	if n < 0 || n >= MaxRegs || r.known>>n&1 == 0 {
		return 0, false
	}
	return r.vals[n], true
}

// Stale tells whether register n merely kept its value because nothing restores
// it, though the ABI lets the callee clobber it.
func (r *Regs) Stale(n int) bool { return n >= 0 && n < MaxRegs && r.stale>>n&1 != 0 }

// Set makes register n known; numbers at or past MaxRegs are ignored.
func (r *Regs) Set(n int, v uint64) {
	if n >= 0 && n < MaxRegs {
		r.vals[n] = v
		r.known |= 1 << n
		r.stale &^= 1 << n
	}
}

// Forget makes register n unknown.
func (r *Regs) Forget(n int) {
	if n >= 0 && n < MaxRegs {
		r.vals[n] = 0
		r.known &^= 1 << n
		r.stale &^= 1 << n
	}
}

// forgetExcept forgets every register outside the set keep.
func (r *Regs) forgetExcept(keep uint64) {
	for gone := r.known &^ keep; gone != 0; gone &= gone - 1 {
		r.vals[bits.TrailingZeros64(gone)] = 0
	}
	r.known &= keep
	r.stale &= keep
}

// Arch is what the unwinder knows of an architecture: DWARF register numbers and
// the conventions of calls.
type Arch struct {
	Name    string
	PtrSize int // bytes
	Order   binary.ByteOrder

	PC, SP, FP int // DWARF register numbers
	// Link is the register a call leaves the return address in, or -1 when calls
	// push it.
	Link int
	// Preserved is the set of registers, as bits, that a callee has to preserve.
	Preserved uint64

	sigtramps []*sigtramp // frames recognised by their code alone
	x86       bool        // prologues and calls are x86's
}

// AMD64, I386 and ARM64 are numbered as in their psABI supplements. I386 has the
// numbers of .eh_frame on Linux and illumos, where esp is 4 and ebp 5.
var (
	AMD64 = &Arch{
		Name: "amd64", PtrSize: 8, Order: binary.LittleEndian,
		PC: 16, SP: 7, FP: 6, Link: -1,
		Preserved: set(3, 6, 7, 12, 13, 14, 15, 58, 59),
		sigtramps: []*sigtramp{&linuxAMD64}, x86: true,
	}
	I386 = &Arch{
		Name: "i386", PtrSize: 4, Order: binary.LittleEndian,
		PC: 8, SP: 4, FP: 5, Link: -1,
		Preserved: set(3, 4, 5, 6, 7),
		sigtramps: []*sigtramp{&linuxI386, &linuxI386RT}, x86: true,
	}
	ARM64 = &Arch{
		Name: "arm64", PtrSize: 8, Order: binary.LittleEndian,
		PC: 32, SP: 31, FP: 29, Link: 30,
		Preserved: set(19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31),
		sigtramps: []*sigtramp{&linuxARM64},
	}
)

func set(regs ...int) (s uint64) {
	for _, n := range regs {
		s |= 1 << n
	}
	return s
}

// ForArch gives the unwinder's view of an architecture, nil if it has none.
func ForArch(a *arch.Arch) *Arch {
	for _, u := range []*Arch{AMD64, I386, ARM64} {
		if a != nil && u.Name == a.Name {
			return u
		}
	}
	return nil
}

// FromArch takes the registers that have DWARF numbers out of a thread's.
func FromArch(r *arch.Regs) (Regs, error) {
	var out Regs
	if r == nil || r.Arch == nil || ForArch(r.Arch) == nil {
		return out, fmt.Errorf("take registers: no unwinder for this architecture")
	}
	for _, reg := range r.Arch.Registers {
		if reg.DWARF >= 0 && reg.DWARF < MaxRegs {
			if v, ok := r.Get(reg.Name); ok {
				out.Set(reg.DWARF, v)
			}
		}
	}
	return out, nil
}

// ToArch gives a frame's known registers, stale ones left out, by architecture.
func (r *Regs) ToArch(a *arch.Arch) *arch.Regs {
	out := arch.NewRegs(a)
	for _, reg := range a.Registers {
		if v, ok := r.Get(reg.DWARF); ok && !r.Stale(reg.DWARF) {
			out.Set(reg.Name, v)
		}
	}
	return out
}
