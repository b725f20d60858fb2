package system

import (
	"context"
	"iter"
	"sync"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/unwind"
	"github.com/xmdb/xmdb/core/unwind/orc"
)

// linuxORC is the kernel's unwind tables: of the image and, by their load objects, of
// modules.
type linuxORC struct {
	once   sync.Once
	layout orc.Layout
	image  *orc.Table
	mu     sync.Mutex
	module map[*LinuxModule]*orc.Table
	walk   *orc.Unwinder // its memory of tables serves all walks, one at a time
}

// unwinder gives the unwinder, locked: the caller calls done.
func (k *LinuxKernel) unwinder() (u *orc.Unwinder, done func()) {
	o := &k.orc
	o.once.Do(func() {
		o.layout = k.orcLayout()
		o.image = k.imageORC()
	})
	o.mu.Lock()
	if o.walk == nil {
		o.walk = orc.New(k.space, orc.Options{Table: k.orcTable, Text: k.Executable})
	}
	return o.walk, o.mu.Unlock
}

// forget drops what is remembered of tables: modules may have come and gone.
func (o *linuxORC) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.walk, o.module = nil, nil
}

// maxORC bounds the entries that tell of the others.
const maxORC = 1 << 20

// orcLayout takes the layout of entries from struct orc_entry, without type data from the
// kernel's release.
func (k *LinuxKernel) orcLayout() orc.Layout {
	f, err := k.ownTypes()
	if err != nil {
		u, _ := k.bannerName()
		return orc.LayoutOfRelease(u.Release)
	}
	t, err := f.Lookup("struct orc_entry")
	if err != nil {
		k.warn("stacks: %v", err)
		u, _ := k.bannerName()
		return orc.LayoutOfRelease(u.Release)
	}
	l, err := orc.LayoutOf(func(name string) (orc.Field, bool) {
		for _, m := range t.Members() {
			if m.Name == name && m.Off >= 32 && m.Bits != 0 {
				return orc.Field{Shift: uint(m.Off - 32), Width: uint(m.Bits)}, true
			}
		}
		return orc.Field{}, false
	})
	if err != nil {
		k.warn("stacks: %v", err)
	}
	return l
}

// imageORC is the table of the image; nil if the kernel has none (CONFIG_UNWINDER_ORC
// is not set): frame pointers lead on then.
func (k *LinuxKernel) imageORC() *orc.Table {
	ip, ok := k.Symbol("__start_orc_unwind_ip")
	end, ok2 := k.Symbol("__stop_orc_unwind_ip")
	entries, ok3 := k.Symbol("__start_orc_unwind")
	if !ok || !ok2 || !ok3 || end < ip {
		return nil
	}
	if err := k.orc.layout.Number(k.space, entries, min((end-ip)/4, maxORC)); err != nil {
		k.warn("stacks: %v", err)
	}
	return orc.NewTable(k.space, ip, entries, (end-ip)/4, &k.orc.layout)
}

// orcTable is the table that is about an address.
func (k *LinuxKernel) orcTable(pc uint64) *orc.Table {
	o := k.ns.ObjectAt(pc)
	if o == k.main {
		return k.orc.image
	}
	m := k.moduleOf(o)
	if m == nil {
		return nil
	}
	t, ok := k.orc.module[m]
	if !ok {
		t = orc.NewTable(k.space, m.orc.ip, m.orc.entries, m.orc.n, &k.orc.layout)
		if k.orc.module == nil {
			k.orc.module = map[*LinuxModule]*orc.Table{}
		}
		k.orc.module[m] = t
	}
	return t
}

// Executable tells whether an address may be code of the kernel: in the image, a
// module, or where code is made at run time (BPF, trampolines).
func (k *LinuxKernel) Executable(pc uint64) bool {
	if k.text.Contains(pc) || k.main.Contains(pc) {
		return true
	}
	return pc >= startKernelMap && pc < moduleEnd
}

// moduleEnd is the end of the addresses of modules (MODULES_END).
const moduleEnd = 0xffffffffff000000

// Walk yields the frames of a stack of the kernel, innermost first, from registers;
// exact tells that their address is where execution was interrupted and not where a
// call returns to. Crossed interrupts and exceptions are frames of their own, Exact;
// a user's registers end the walk without a frame. The error is why it could not go
// on, beside the frames up to there. The frame belongs to the walk: copy what is kept.
func (k *LinuxKernel) Walk(regs *unwind.Regs, exact bool, yield func(*unwind.Frame) bool) error {
	u, done := k.unwinder()
	defer done()
	return u.Walk(*regs, exact, yield)
}

// Stack appends the frames of a thread's stack (the VA of its task_struct) to buf. FP is
// where the function's frame pointer is or would be, 0 in the outermost frame.
func (k *LinuxKernel) Stack(buf []KernelFrame, thread uint64) ([]KernelFrame, error) {
	regs, exact, err := k.threadRegs(thread)
	if err != nil {
		return buf, err
	}
	r, err := unwind.FromArch(regs)
	if err != nil {
		return buf, err
	}
	err = k.Walk(&r, exact, func(f *unwind.Frame) bool {
		buf = append(buf, KernelFrame{FP: f.CFA - min(f.CFA, 16), PC: f.PC})
		return true
	})
	return buf, err
}

// Frames implements core.Unwinder. Registers whose address follows a switch of tasks
// (Registers gives such) are those of a call.
func (k *LinuxKernel) Frames(ctx context.Context, regs *arch.Regs) iter.Seq2[unwind.Frame, error] {
	return func(yield func(unwind.Frame, error) bool) {
		r, err := unwind.FromArch(regs)
		if err != nil {
			yield(unwind.Frame{}, err)
			return
		}
		// The walk holds what it shares with others: it is over before anything is done
		// with its frames.
		var list []unwind.Frame
		_, interrupted := regs.Get("rflags")
		werr := k.Walk(&r, interrupted, func(f *unwind.Frame) bool {
			list = append(list, *f)
			return ctx.Err() == nil
		})
		if err := ctx.Err(); err != nil {
			werr = err
		}
		for i := range list {
			if !yield(list[i], nil) {
				return
			}
		}
		if werr != nil {
			yield(unwind.Frame{}, werr)
		}
	}
}
