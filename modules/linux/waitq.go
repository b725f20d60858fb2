package linux

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func waitqDcmd() *core.Dcmd {
	return &core.Dcmd{Name: "waitq", Usage: ":", Descr: "threads on a wait queue", Type: "struct wait_queue_head", Run: noArgs(runWaitq),
		Help: `Lists what waits on the wait_queue_head at the address: the function that is called to
wake it and, where that is a thread, the thread. Threads go into a pipe. A completion has
a queue of another kind: ::blocked finds who waits for one.
`,
		Table: &core.Table{Head: "%<u>%-?s %-5s %-?s %-16s %-s%</u>\n", Line: "%0?p %-5x %0?p %-16s %-s\n", Type: "struct task_struct", Pipe: 2,
			Cols: []core.Field{{Name: "addr", Head: "ENTRY"}, {Name: "flags", Head: "FLAGS", Descr: "1: exclusive"}, {Name: "thread", Head: "THREAD"},
				{Name: "name", Head: "NAME"}, {Name: "func", Head: "FUNC"}}}}
}

// queueEntry is a struct wait_queue_entry.
type queueEntry struct {
	addr, flags   uint64
	private, wake uint64 // the thread, as a rule; the function that wakes it
}

// queueEntries yields the entries of the struct wait_queue_head at an address.
func queueEntries(v *kernel.View, queue uint64) iter.Seq2[queueEntry, error] {
	return func(yield func(queueEntry, error) bool) {
		head, err := v.Member("struct wait_queue_head", "head")
		if err != nil {
			yield(queueEntry{}, err)
			return
		}
		type layout struct {
			Size    uint64       `ctf:"sizeof"`
			Flags   kernel.Field `ctf:"flags"`
			Private kernel.Field `ctf:"private"`
			Func    kernel.Field `ctf:"func"`
			Entry   kernel.Field `ctf:"entry"`
		}
		l, err := kernel.Lay[layout](v, "struct wait_queue_entry")
		if err != nil {
			yield(queueEntry{}, err)
			return
		}
		for a, err := range members(v, "wait_queue_entry", queue+head.Off, l.Entry) {
			var b []byte
			if err == nil {
				if b, err = v.Bytes(a, l.Size, nil); err != nil {
					err = kernel.BadRead("wait_queue_entry", a, err)
				}
			}
			if !yield(queueEntry{a, l.Flags.Of(b), l.Private.Of(b), l.Func.Of(b)}, err) || err != nil {
				return
			}
		}
	}
}

func runWaitq(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	for e, err := range queueEntries(v, c.Addr) {
		switch {
		case err != nil:
			return err
		case c.Err() != nil:
			return core.ErrIntr
		}
		name := "-"
		if e.private != 0 {
			name = threadName(v, e.private)
		}
		if c.PipeOut {
			if name != "-" && name != "?" {
				c.Emit(e.private, v.TypeOrNil("struct task_struct"))
			}
			continue
		}
		c.Row(out.Hex(e.addr), out.Hex(e.flags), out.Hex(e.private), name, out.Sprintf(c.OutEnv(), "%a", e.wake))
	}
	return nil
}
