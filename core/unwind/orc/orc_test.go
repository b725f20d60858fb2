package orc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind"
)

// Places of the memory that tests lay out.
const (
	textAt  = 0xffffffff81000000
	ipAt    = 0xffffffff82000000
	orcAt   = 0xffffffff82100000
	stackAt = 0xffffc90000000000
	irqAt   = 0xffffc90000100000
	size    = 0x4000
)

// kernel is a memory with tables and stacks.
type kernel struct {
	ip, orc, stack, irq []byte
	n                   int
	layout              *Layout
}

func newKernel(l *Layout) *kernel {
	return &kernel{make([]byte, size), make([]byte, size), make([]byte, size), make([]byte, size), 0, l}
}

// entry adds one for what begins at an offset of the text.
func (k *kernel) entry(off uint64, e Entry) {
	binary.LittleEndian.PutUint32(k.ip[4*k.n:], uint32(textAt+off-(ipAt+4*uint64(k.n))))
	b := k.orc[EntrySize*k.n:]
	binary.LittleEndian.PutUint16(b, uint16(e.SPOff))
	binary.LittleEndian.PutUint16(b[2:], uint16(e.BPOff))
	if k.layout.Renumbered {
		for n, r := range renumbered {
			if e.SPReg == r {
				e.SPReg = Reg(n)
				break
			}
		}
		for n, r := range renumbered {
			if e.BPReg == r {
				e.BPReg = Reg(n)
				break
			}
		}
	}
	put := func(f Field, v uint16) uint16 { return v & (1<<f.Width - 1) << f.Shift }
	w := put(k.layout.SPReg, uint16(e.SPReg)) | put(k.layout.BPReg, uint16(e.BPReg))
	switch {
	case k.layout.Kinds:
		w |= put(k.layout.Type, uint16(e.Kind))
	case e.Kind == End:
		w |= put(k.layout.End, 1)
	case e.Kind >= Call:
		w |= put(k.layout.Type, uint16(e.Kind-Call))
	}
	if e.Signal {
		w |= put(k.layout.Signal, 1)
	}
	binary.LittleEndian.PutUint16(b[4:], w)
	k.n++
}

func word(stack []byte, off int, v uint64) { binary.LittleEndian.PutUint64(stack[off:], v) }

func (k *kernel) space() mem.Space {
	seg := func(at uint64, b []byte) mem.Segment {
		return mem.Segment{Base: mem.Addr(at), Size: uint64(len(b)), Src: &mem.File{R: bytes.NewReader(b), Size: int64(len(b))}}
	}
	return mem.NewSegments([]mem.Segment{seg(ipAt, k.ip), seg(orcAt, k.orc), seg(stackAt, k.stack), seg(irqAt, k.irq)})
}

func (k *kernel) unwinder() *Unwinder {
	sp := k.space()
	t := NewTable(sp, ipAt, orcAt, uint64(k.n), k.layout)
	return New(sp, Options{Table: func(pc uint64) *Table {
		if pc-textAt < 1<<20 {
			return t
		}
		return nil
	}})
}

// frame is what a test wants of one.
type frame struct {
	PC, CFA uint64
	Exact   bool
	Source  unwind.Source
}

func (k *kernel) walk(regs unwind.Regs, exact bool) (list []frame, err error) {
	err = k.unwinder().Walk(regs, exact, func(f *unwind.Frame) bool {
		list = append(list, frame{f.PC, f.CFA, f.Exact, f.Source})
		return true
	})
	return list, err
}

func regsAt(pc, sp, bp uint64) (r unwind.Regs) {
	r.Set(dwRIP, pc)
	r.Set(dwRSP, sp)
	r.Set(dwRBP, bp)
	return r
}

var layouts = map[string]*Layout{"4.14": &Layout414, "6.3": &Layout63, "6.4": &Layout64, "7.3": &layout73}

var layout73 = func() Layout { l := Layout64; l.Renumbered = true; return l }()

// TestInterrupted walks from an interrupt's stack through the interrupted function to
// the entry of a system call: every kind of entry but RegsPartial.
func TestInterrupted(t *testing.T) {
	for name, l := range layouts {
		t.Run(name, func(t *testing.T) {
			k := newKernel(l)
			k.entry(0x000, Entry{Kind: Call, SPReg: RegSP, SPOff: 8})                                    // leaf
			k.entry(0x100, Entry{Kind: Call, SPReg: RegBP, SPOff: 16, BPReg: RegPrevSP, BPOff: -16})     // keeps a frame pointer
			k.entry(0x200, Entry{Kind: Call, SPReg: RegSPIndirect, SPOff: 8, BPReg: RegUndefined})       // switches stacks
			k.entry(0x300, Entry{Kind: Regs, SPReg: RegSP, SPOff: 0, Signal: true})                      // interrupt entry
			k.entry(0x400, Entry{Kind: Call, SPReg: RegSP, SPOff: 0x20, BPReg: RegPrevSP, BPOff: -0x10}) // was interrupted
			k.entry(0x500, Entry{Kind: Regs, SPReg: RegSP, SPOff: 8, Signal: true})                      // system call entry
			k.entry(0x600, Entry{Kind: End})                                                             // never reached
			word(k.irq, 0x1000, textAt+0x150)                                                            // leaf returns to 0x100's
			word(k.irq, 0x1010, stackAt+0x1500)                                                          // its saved bp
			word(k.irq, 0x1018, textAt+0x250)                                                            // and return address
			word(k.irq, 0x1020, stackAt+0x1000)                                                          // the stack that was switched from
			word(k.stack, 0x1000, textAt+0x350)                                                          // return to the interrupt's entry
			pt := 0x1008                                                                                 // struct pt_regs
			word(k.stack, pt+16*8, textAt+0x400)                                                         // rip: the first instruction
			word(k.stack, pt+17*8, 0x10)                                                                 // cs
			word(k.stack, pt+19*8, stackAt+0x2000)                                                       // rsp
			word(k.stack, 0x2000+0x10, 0)                                                                // saved bp
			word(k.stack, 0x2000+0x18, textAt+0x550)                                                     // return to the system call's entry
			word(k.stack, 0x2028+16*8, 0x401000)                                                         // user rip
			word(k.stack, 0x2028+17*8, 0x33)                                                             // user cs
			got, err := k.walk(regsAt(textAt+0x10, irqAt+0x1000, irqAt+0x1010), true)
			want := []frame{
				{textAt + 0x10, irqAt + 0x1008, true, unwind.SourceEntry},
				{textAt + 0x150, irqAt + 0x1020, false, unwind.SourceORC},
				{textAt + 0x250, stackAt + 0x1008, false, unwind.SourceORC},
				{textAt + 0x350, stackAt + 0x1008, false, unwind.SourceORC},
				{textAt + 0x400, stackAt + 0x2020, true, unwind.SourceORC},
				{textAt + 0x550, stackAt + 0x2028, false, unwind.SourceORC},
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// TestPartial crosses what the processor pushed for an exception in the kernel: of the
// other registers nothing is known, but the frame pointer is where it was.
func TestPartial(t *testing.T) {
	k := newKernel(&Layout64)
	k.entry(0x000, Entry{Kind: RegsPartial, SPReg: RegSP, SPOff: 8, Signal: true})
	k.entry(0x100, Entry{Kind: Call, SPReg: RegBP, SPOff: 16, BPReg: RegPrevSP, BPOff: -16})
	k.entry(0x200, Entry{Kind: Call, SPReg: RegR10})
	word(k.stack, 0x1008, textAt+0x110) // rip
	word(k.stack, 0x1010, 0x10)         // cs
	word(k.stack, 0x1020, stackAt+0x1100)
	word(k.stack, 0x1200, stackAt+0x1300) // the interrupted function's frame
	word(k.stack, 0x1208, textAt+0x210)
	regs := regsAt(textAt+0x10, stackAt+0x1000, stackAt+0x1200)
	regs.Set(dwR10, stackAt)
	got, err := k.walk(regs, true)
	want := []frame{
		{textAt + 0x10, stackAt + 0x1008, true, unwind.SourceEntry},
		{textAt + 0x110, stackAt + 0x1210, true, unwind.SourceORC},
		{textAt + 0x210, 0, false, unwind.SourceORC},
	}
	if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, ErrReg) {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestEnds are the ways in which a walk ends.
func TestEnds(t *testing.T) {
	k := newKernel(&Layout64)
	k.entry(0x000, Entry{Kind: End})
	k.entry(0x100, Entry{Kind: Undefined})
	k.entry(0x200, Entry{Kind: Call, SPReg: RegR10})
	k.entry(0x300, Entry{Kind: Call, SPReg: RegSP, SPOff: 8})
	k.entry(0x400, Entry{Kind: Call, SPReg: RegSP, SPOff: 0}) // its return address is below the stack pointer
	k.entry(0x500, Entry{Kind: RegsPartial, SPReg: RegSP})
	k.entry(0x600, Entry{Kind: Call, SPReg: RegBPIndirect, SPOff: 0})
	k.entry(0x700, Entry{Kind: Call, SPReg: RegSP, SPOff: 12})
	word(k.stack, 0x1000, textAt+0x310) // a function that returns to itself
	for i := 0x1008; i+8 <= size; i += 8 {
		word(k.stack, i, textAt+0x310)
	}
	word(k.stack, 0x800-8, textAt+0x410) // one that does so on the spot
	word(k.stack, 0x900, 0x401000)       // user rip
	word(k.stack, 0x908, 0x33)
	word(k.stack, 0xa00, 0) // return to nowhere
	word(k.stack, 0x500, irqAt+0x800)
	word(k.irq, 0x800-8, textAt+0x610)
	word(k.irq, 0x900, irqAt+0x800)
	for _, c := range []struct {
		name     string
		pc, sp   uint64
		frames   int
		err      error
		readable bool
	}{
		{"end", textAt + 0x10, stackAt, 1, nil, true},
		{"undefined", textAt + 0x110, stackAt, 1, ErrNoEntry, true},
		{"register that is not known", textAt + 0x210, stackAt, 1, ErrReg, true},
		{"off the stack's end", textAt + 0x310, stackAt + 0x3000, 1 + 0x1000/8, mem.ErrNotDumped, true},
		{"on the spot", textAt + 0x410, stackAt + 0x800, 1, ErrLoop, true},
		{"user", textAt + 0x510, stackAt + 0x900, 1, nil, true},
		{"null", textAt + 0x310, stackAt + 0xa00, 1, nil, true},
		{"unaligned", textAt + 0x710, stackAt + 0xa00, 1, ErrAlign, true},
		{"not readable", textAt + 0x310, 0xffffc90000900000, 1, nil, false},
	} {
		got, err := k.walk(regsAt(c.pc, c.sp, stackAt+0x500), true)
		if len(got) != c.frames {
			t.Errorf("%s: %d frames, want %d", c.name, len(got), c.frames)
		}
		var fault *mem.Error
		switch {
		case !c.readable && !errors.As(err, &fault), c.readable && c.err == nil && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.err == mem.ErrNotDumped && !errors.As(err, &fault):
			t.Errorf("%s: %v", c.name, err)
		case c.err != nil && c.err != mem.ErrNotDumped && !errors.Is(err, c.err):
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
	}
	// From one stack to another and back.
	word(k.irq, 0x800, 0)
	if got, err := k.walk(regsAt(textAt+0x610, stackAt+0x400, stackAt+0x500), true); len(got) > MaxFrames || err == nil {
		t.Errorf("circle over two stacks: %d frames, %v", len(got), err)
	}
	var user unwind.Regs
	user.Set(dwRIP, 0x401000)
	user.Set(dwCS, 0x33)
	if got, err := k.walk(user, true); len(got) != 0 || err != nil {
		t.Errorf("user's registers: %d frames, %v", len(got), err)
	}
}

// TestFramePointer walks code that has no entries: generated code keeps frame pointers.
func TestFramePointer(t *testing.T) {
	k := newKernel(&Layout64)
	k.entry(0x000, Entry{Kind: End})
	word(k.stack, 0x1000, 0)
	word(k.stack, 0x1008, textAt+0x20)
	got, err := k.walk(regsAt(textAt+2<<20, stackAt+0xf00, stackAt+0x1000), true)
	want := []frame{{textAt + 2<<20, stackAt + 0x1010, true, unwind.SourceEntry}, {textAt + 0x20, 0, false, unwind.SourceFP}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestLayoutOf(t *testing.T) {
	for name, l := range layouts {
		fields := map[string]Field{"sp_reg": l.SPReg, "bp_reg": l.BPReg, "type": l.Type, "signal": l.Signal, "end": l.End}
		got, err := LayoutOf(func(name string) (Field, bool) { f := fields[name]; return f, f.Width != 0 })
		got.Renumbered = l.Renumbered
		if err != nil || got != *l {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := LayoutOf(func(string) (Field, bool) { return Field{}, false }); err == nil {
		t.Error("a structure without members is a layout")
	}
}

// TestNumber tells the order of registers by the entries.
func TestNumber(t *testing.T) {
	for name, l := range layouts {
		k := newKernel(l)
		for i := range 2000 {
			e := Entry{Kind: Call, SPReg: RegSP, SPOff: 8}
			if i%5 == 0 {
				e = Entry{Kind: Call, SPReg: RegBP, SPOff: 16, BPReg: RegPrevSP, BPOff: -16}
			}
			k.entry(uint64(i), e)
		}
		got := *l
		got.Renumbered = !l.Renumbered
		if err := got.Number(k.space(), orcAt, uint64(k.n)); err != nil || got != *l {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err := got.Number(k.space(), orcAt, 1<<20); err == nil {
			t.Errorf("%s: numbered by entries that cannot be read", name)
		}
	}
}

// FuzzWalk walks over damaged tables and stacks.
func FuzzWalk(f *testing.F) {
	k := newKernel(&Layout64)
	for i := range 64 {
		k.entry(uint64(i)*0x40, Entry{Kind: Kind(i % 6), SPReg: Reg(i % 10), BPReg: Reg(i % 5), SPOff: int64(i%7) * 8, BPOff: -16})
		word(k.stack, 8*i, textAt+uint64(i)*0x44)
	}
	f.Add(k.ip[:4*k.n], k.orc[:EntrySize*k.n], k.stack[:512], uint64(textAt+0x90), uint64(stackAt+16), byte(0))
	f.Add([]byte{0, 0}, []byte{}, []byte{1}, uint64(0), ^uint64(0), byte(2))
	f.Fuzz(func(t *testing.T, ip, orc, stack []byte, pc, sp uint64, which byte) {
		k := newKernel([]*Layout{&Layout414, &Layout63, &Layout64}[which%3])
		copy(k.ip, ip)
		copy(k.orc, orc)
		copy(k.stack, stack)
		copy(k.irq, stack)
		k.n = len(ip) / 4
		frames, err := k.walk(regsAt(pc, sp, sp+64), which&4 != 0)
		if len(frames) > MaxFrames {
			t.Errorf("%d frames, %v", len(frames), err)
		}
	})
}

func TestLayoutOfRelease(t *testing.T) {
	for release, want := range map[string]Layout{
		"4.19.0-27-amd64": Layout414, "6.2.16": Layout414, "6.3.0-rc1": Layout63, "6.4.0": Layout64, "6.12.90+deb13-amd64": Layout64,
		"7.3": Layout64, "10.0.1": Layout64, "": Layout414, "next": Layout414, "6": Layout414,
	} {
		if got := LayoutOfRelease(release); got != want {
			t.Errorf("%q: %+v, want %+v", release, got, want)
		}
	}
}
