package orc

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind"
)

// DWARF numbers of amd64's registers (psABI figure 3.36).
const (
	dwRAX, dwRDX, dwRCX, dwRBX = 0, 1, 2, 3
	dwRSI, dwRDI, dwRBP, dwRSP = 4, 5, 6, 7
	dwR8, dwR10, dwR13         = 8, 10, 13
	dwRIP                      = 16
	dwFlags, dwCS, dwSS        = 49, 51, 52
)

// ptRegs are the members of struct pt_regs in order, 8 bytes each, by DWARF number;
// -1 is orig_ax (arch/x86/include/asm/ptrace.h).
var ptRegs = [...]int{15, 14, 13, 12, dwRBP, dwRBX, 11, 10, 9, 8, dwRAX, dwRCX, dwRDX, dwRSI, dwRDI, -1,
	dwRIP, dwCS, dwFlags, dwRSP, dwSS}

// Sizes in bytes.
const (
	ptRegsSize = 8 * len(ptRegs)
	iretOffset = 8 * 16 // of what the processor pushed, in struct pt_regs
	iretSize   = 8 * 5
)

// MaxFrames bounds a walk.
const MaxFrames = 1024

// Errors that end a walk.
var (
	ErrLoop    = errors.New("stack goes in circles")
	ErrNoEntry = errors.New("code has no unwind entry")
	ErrReg     = errors.New("unwinding takes a register that is not known")
	ErrAlign   = errors.New("stack pointer is not aligned")
)

// Options of an Unwinder.
type Options struct {
	// Table gives the table for an address, nil if none is about it.
	Table func(pc uint64) *Table
	// Text tells whether an address is code of the kernel; nil takes all of the upper
	// half for it.
	Text func(pc uint64) bool
	// Return puts right a return address that a tracer has replaced, which lies at a
	// place; nil if there are none.
	Return func(pc, at uint64) uint64
}

// Unwinder unwinds stacks in a kernel's memory. It is for one goroutine.
type Unwinder struct {
	sp   mem.Space
	o    Options
	memo map[uint64]found
}

// found is what a table had for an address.
type found struct {
	e   Entry
	ok  bool
	err error
}

// maxMemo bounds what is remembered of tables.
const maxMemo = 1 << 16

// New makes an unwinder.
func New(sp mem.Space, o Options) *Unwinder {
	return &Unwinder{sp: sp, o: o, memo: map[uint64]found{}}
}

func (u *Unwinder) find(pc uint64) found {
	if f, ok := u.memo[pc]; ok {
		return f
	}
	var f found
	f.e, f.ok, f.err = u.o.Table(pc).Find(pc)
	if len(u.memo) < maxMemo {
		u.memo[pc] = f
	}
	return f
}

func (u *Unwinder) text(pc uint64) bool {
	if u.o.Text != nil {
		return u.o.Text(pc)
	}
	return int64(pc) < 0
}

// User tells whether registers are a user's: the processor was in ring 3.
func User(r *unwind.Regs) bool {
	cs, ok := r.Get(dwCS)
	return ok && cs&3 == 3
}

// Walk yields the frames of the stack that registers lead to, innermost first, until
// yield returns false. exact tells that the registers' address is where execution was
// interrupted, not where a call returns to. The error is why the walk could not go on;
// nil if it came to the stack's end.
func (u *Unwinder) Walk(regs unwind.Regs, exact bool, yield func(*unwind.Frame) bool) error {
	if User(&regs) {
		return nil
	}
	c := cursor{u: u, f: unwind.Frame{Regs: regs, Exact: exact, Source: unwind.SourceEntry}}
	pc, ok := regs.Get(dwRIP)
	if !ok {
		return ErrReg
	}
	c.f.PC = pc
	c.f.SP, _ = regs.Get(dwRSP)
	c.f.FP, _ = regs.Get(dwRBP)
	c.entry = c.f.SP
	for c.f.PC != 0 && u.text(c.f.PC) {
		cur := c.f
		more, err := c.step(&cur)
		if !yield(&cur) || !more {
			return err
		}
		if c.f.Level++; c.f.Level >= MaxFrames {
			return ErrLoop
		}
	}
	return nil
}

// cursor is a walk: f is the frame it has come to.
type cursor struct {
	u     *Unwinder
	f     unwind.Frame
	entry uint64      // the stack pointer with which this stack was entered
	left  [][2]uint64 // stacks that were left for others: what was walked of them
}

// stackError says at which frame a walk ended.
func stackError(f *unwind.Frame, err error) error {
	return fmt.Errorf("unwind from %#x, stack pointer %#x: %w", f.PC, f.SP, err)
}

// step goes from the frame to its caller's. cur is a copy of the frame, which gets its
// CFA; more is false at the stack's end.
func (c *cursor) step(cur *unwind.Frame) (more bool, err error) {
	at := c.u.find(cur.CodeAddr())
	e, source := at.e, unwind.SourceORC
	switch {
	case at.err != nil:
		return false, stackError(cur, at.err)
	case !at.ok:
		// As the kernel does: code of its own has entries, what is generated (BPF
		// programs) keeps frame pointers.
		e = Entry{Kind: Call, SPReg: RegBP, SPOff: 16, BPReg: RegPrevSP, BPOff: -16}
		source = unwind.SourceFP
	case e.Kind == End:
		return false, nil
	case e.Kind == Undefined || e.Kind > RegsPartial:
		return false, stackError(cur, ErrNoEntry)
	}
	sp, err := c.stackPointer(&e)
	if err != nil && e.SPReg == RegUndefined && cur.Level == 0 && cur.Exact {
		sp, err = c.calledFrom(cur)
	}
	if err != nil {
		return false, stackError(cur, err)
	}
	if sp&7 != 0 {
		return false, stackError(cur, ErrAlign)
	}
	cur.CFA = sp
	next := unwind.Frame{Level: cur.Level, Source: source}
	preserved(&next.Regs, &cur.Regs)
	if err := c.framePointer(&next.Regs, &e, sp); err != nil {
		return false, stackError(cur, err)
	}
	switch e.Kind {
	case Call:
		err = c.call(&next, sp)
	case Regs:
		err = c.regs(&next, sp, 0, ptRegsSize)
	case RegsPartial:
		err = c.regs(&next, sp, iretOffset, iretOffset+iretSize)
	}
	if err != nil {
		return false, stackError(cur, err)
	}
	if User(&next.Regs) {
		return false, nil
	}
	next.Exact = e.Kind != Call
	if err := c.advance(cur, &next); err != nil {
		return false, stackError(cur, err)
	}
	c.f = next
	return true, nil
}

// preserved copies what a callee preserves: it may have saved it, but where is not in
// the tables, so that what is kept is stale at best. Only the frame pointer is known.
func preserved(to, from *unwind.Regs) {
	for _, n := range []int{dwRBP, 58, 59} {
		if v, ok := from.Get(n); ok {
			to.Set(n, v)
		}
	}
}

// stackPointer is the caller's.
func (c *cursor) stackPointer(e *Entry) (uint64, error) {
	off := uint64(e.SPOff)
	r := &c.f.Regs
	get := func(n int) (uint64, error) {
		if v, ok := r.Get(n); ok {
			return v, nil
		}
		return 0, ErrReg
	}
	switch e.SPReg {
	case RegSP:
		v, err := get(dwRSP)
		return v + off, err
	case RegBP:
		v, err := get(dwRBP)
		return v + off, err
	case RegSPIndirect: // the place that the stack pointer leads to has another
		v, err := get(dwRSP)
		if err != nil {
			return 0, err
		}
		v, err = c.word(v)
		return v + off, err
	case RegBPIndirect:
		v, err := get(dwRBP)
		if err != nil {
			return 0, err
		}
		return c.word(v + off)
	case RegR10:
		return get(dwR10)
	case RegR13:
		return get(dwR13)
	case RegDI:
		return get(dwRDI)
	case RegDX:
		return get(dwRDX)
	}
	return 0, ErrReg
}

// Bounds of calledFrom: how far up a return address may lie, in words, and how far behind
// its start a function may be interrupted.
const (
	searchWords  = 64
	functionSize = 1 << 12
)

// calledFrom finds the caller's stack pointer where code that was interrupted has an entry
// that says nothing, as __crash_kexec has where it stores the registers of the CPU that
// panicked: by a return address behind a direct call of the function.
func (c *cursor) calledFrom(cur *unwind.Frame) (uint64, error) {
	const call, size = 0xe8, 5
	for slot := cur.SP; slot < cur.SP+8*searchWords; slot += 8 {
		pc, err := c.word(slot)
		if err != nil {
			return 0, err
		}
		if !c.u.text(pc) {
			continue
		}
		var b [size]byte
		if readSmall(c.u.sp, b[:], mem.Addr(pc-size)) != nil || b[0] != call {
			continue
		}
		to := pc + uint64(int64(int32(binary.LittleEndian.Uint32(b[1:]))))
		if to <= cur.PC && cur.PC-to < functionSize {
			return slot + 8, nil
		}
	}
	return 0, ErrReg
}

// framePointer sets the caller's.
func (c *cursor) framePointer(to *unwind.Regs, e *Entry, sp uint64) error {
	at := sp
	switch e.BPReg {
	case RegPrevSP:
	case RegBP:
		bp, ok := c.f.Regs.Get(dwRBP)
		if !ok {
			return ErrReg
		}
		at = bp
	default:
		return nil
	}
	v, err := c.word(at + uint64(e.BPOff))
	if err != nil {
		return err
	}
	to.Set(dwRBP, v)
	return nil
}

func (c *cursor) word(at uint64) (uint64, error) {
	return mem.ReadUint(c.u.sp, mem.Addr(at), 8, binary.LittleEndian)
}

// call takes the return address below the caller's stack pointer.
func (c *cursor) call(f *unwind.Frame, sp uint64) error {
	pc, err := c.word(sp - 8)
	if err != nil {
		return err
	}
	if c.u.o.Return != nil {
		pc = c.u.o.Return(pc, sp-8)
	}
	f.PC, f.SP = pc, sp
	f.Regs.Set(dwRIP, pc)
	f.Regs.Set(dwRSP, sp)
	f.FP, _ = f.Regs.Get(dwRBP)
	return nil
}

// regs takes the part [from, to) of a struct pt_regs, of which sp is the address of
// the first byte that is there.
func (c *cursor) regs(f *unwind.Frame, sp uint64, from, to int) error {
	var b [ptRegsSize]byte
	if err := readSmall(c.u.sp, b[from:to], mem.Addr(sp)); err != nil {
		return err
	}
	for i, n := range ptRegs {
		if n >= 0 && 8*i >= from && 8*i < to {
			f.Regs.Set(n, binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	f.PC, _ = f.Regs.Get(dwRIP)
	f.SP, _ = f.Regs.Get(dwRSP)
	f.FP, _ = f.Regs.Get(dwRBP)
	return nil
}

// ThreadSize bounds what counts as one stack: kernel stacks have 16 KB, 32 KB with
// KASAN.
const ThreadSize = 16 << 10

// maxStacks bounds the stacks that a walk may come through: a task's, the interrupts',
// those of exceptions.
const maxStacks = 16

// advance checks that a walk goes on: on one stack towards its base, and to no stack
// that it left.
func (c *cursor) advance(cur, next *unwind.Frame) error {
	from, to := cur.SP, next.SP
	if to > from && to-from <= ThreadSize {
		return nil
	}
	if to == from && next.PC != cur.PC {
		return nil // a frame without a stack of its own: the first instruction of a function
	}
	c.left = append(c.left, [2]uint64{c.entry, from})
	for _, l := range c.left {
		if to >= l[0] && to <= l[1] {
			return ErrLoop
		}
	}
	if len(c.left) > maxStacks {
		return ErrLoop
	}
	c.entry = to
	return nil
}
