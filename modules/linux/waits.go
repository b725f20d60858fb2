package linux

import (
	"encoding/binary"
	"fmt"

	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// What a thread waits for is told by the functions on its stack (sobjs in stacks.go), and
// which one it is by the structure that it put on the stack to wait with: that names the
// thread and is on a list, in a ring through the lock, the wait queue or the completion.
// A ring whose links lead back each and that has but one node which is no such structure
// is hardly there by chance.

// waiting is what a thread waits for.
type waiting struct {
	kind  string // of sobjs; "<none>" if its stack does not say
	addr  uint64 // VA of the lock, completion, wait queue, or of what is waited for there; 0 if not found
	owner uint64 // VA of the task_struct of who holds the lock; 0 if there is none or it is not known
}

// text tells it in words.
func (w *waiting) text(v *kernel.View) string {
	text := w.kind
	if w.addr != 0 {
		text += fmt.Sprintf(" %x", w.addr)
	}
	if w.owner != 0 {
		text += fmt.Sprintf(", which %x (%s) holds", w.owner, threadName(v, w.owner))
	}
	return text
}

// waiterType is a structure that threads wait with and where the head of its list lies.
type waiterType struct {
	typ, task, link string // with the members that name the thread and that link it
	in, head        string // what has the head of the list, and its member
}

// waiterTypes are those of the kinds of sobjs that are not in a wait queue, or whose wait
// queue is part of something that has a name.
var waiterTypes = map[string][]waiterType{
	"mutex":      {{"struct mutex_waiter", "task", "list", "struct mutex", "wait_list"}},
	"rwsem":      {{"struct rwsem_waiter", "task", "list", "struct rw_semaphore", "wait_list"}, queued("struct percpu_rw_semaphore", "waiters.head")},
	"sema":       {{"struct semaphore_waiter", "task", "list", "struct semaphore", "wait_list"}},
	"completion": {{"struct swait_queue", "task", "task_list", "struct completion", "wait.task_list"}},
	"cv":         {queued("kcondvar_t", "cv_event.head")},
}

const waitQueueEntry = "struct wait_queue_entry"

// queued is the type of a waiter in a wait queue.
func queued(in, head string) waiterType {
	return waiterType{waitQueueEntry, "private", "entry", in, head}
}

// waitOf finds what a thread waits for; frames are those of its stack.
func waitOf(v *kernel.View, k *system.LinuxKernel, t *task, kind string, frames []system.KernelFrame) waiting {
	w := waiting{kind: kind}
	if len(frames) == 0 {
		return w
	}
	base := t.l.Stack.Of(t.b)
	from := max(frames[0].FP&^7, base)
	if from-base >= k.StackSize() {
		return w
	}
	stack, err := v.Bytes(from, base+k.StackSize()-from, nil)
	if err != nil {
		return w
	}
	types := waiterTypes[kind]
	if types == nil {
		types = []waiterType{queued("struct wait_queue_head", "head")}
	}
	for _, wt := range types {
		node, head := wt.find(v, k, t.addr, from, stack)
		if head == 0 {
			continue
		}
		w.addr = head
		switch kind {
		case "mutex":
			if l, _ := readMutex(v, head); l != nil {
				w.owner = l.owner
			}
		case "rwsem":
			if l, _ := readRwsem(v, head); l != nil {
				w.owner = l.owner
			}
		case "cv":
		default:
			if wt.typ == waitQueueEntry {
				w.addr = waitedFor(v, node, head)
			}
		}
		break
	}
	return w
}

// find searches a stack for the waiter of a thread; node is where its link is and head
// where that begins whose list it is on, 0 if there is none.
func (w *waiterType) find(v *kernel.View, k *system.LinuxKernel, thread, from uint64, stack []byte) (node, head uint64) {
	task, err1 := v.Member(w.typ, w.task)
	link, err2 := v.Member(w.typ, w.link)
	in, err3 := v.Member(w.in, w.head)
	if err1 != nil || err2 != nil || err3 != nil {
		return 0, 0
	}
	for off := 0; off+8 <= len(stack); off += 8 {
		if binary.LittleEndian.Uint64(stack[off:]) != thread {
			continue
		}
		node = from + uint64(off) - task.Off + link.Off
		if h := ringHead(v, k, node, link.Off-task.Off); h != 0 {
			return node, h - in.Off
		}
	}
	return 0, 0
}

// ringHead finds the head of the list that a waiter's link is on: the one node that is not
// in the stack of the thread which it names, back bytes before the link. It gives 0 if the
// links do not make a ring.
func ringHead(v *kernel.View, k *system.LinuxKernel, node, back uint64) (head uint64) {
	prev, err := v.Member("struct list_head", "prev")
	if err != nil {
		return 0
	}
	at := node
	for range maxWaiters {
		next, err := v.Pointer(at)
		if err != nil {
			return 0
		}
		if b, err := v.Pointer(next + prev.Off); err != nil || b != at {
			return 0
		}
		if next == node {
			return head
		}
		if !inStackOf(v, k, next, next-back) {
			if head != 0 {
				return 0
			}
			head = next
		}
		at = next
	}
	return 0
}

// inStackOf tells whether an address is in the stack of the thread that is named at
// another.
func inStackOf(v *kernel.View, k *system.LinuxKernel, addr, name uint64) bool {
	l, err := kernel.Lay[taskLayout](v, "struct task_struct")
	if err != nil {
		return false
	}
	thread, err := v.Pointer(name)
	if err != nil {
		return false
	}
	base, err := v.Pointer(thread + l.Stack.Off)
	return err == nil && addr-base < k.StackSize()
}

// waitedFor is what is waited for in a queue that many things share: a page, or a bit of a
// word, by the function that wakes; else the queue itself.
func waitedFor(v *kernel.View, node, queue uint64) uint64 {
	entry, err1 := v.Member(waitQueueEntry, "entry")
	wake, err2 := v.Member(waitQueueEntry, "func")
	if err1 != nil || err2 != nil {
		return queue
	}
	at := node - entry.Off
	f, err := v.Pointer(at + wake.Off)
	if err != nil {
		return queue
	}
	for _, s := range []struct{ function, typ, entry, of string }{
		{"wake_page_function", "struct wait_page_queue", "wait", "folio|page"},
		{"wake_bit_function", "struct wait_bit_queue_entry", "wq_entry", "key.flags"},
		{"var_wake_function", "struct wait_bit_queue_entry", "wq_entry", "key.flags"},
	} {
		if a, err := address(v, s.function); err != nil || a != f {
			continue
		}
		in, err1 := v.Member(s.typ, s.entry)
		of, err2 := v.Member(s.typ, s.of)
		if err1 != nil || err2 != nil {
			return queue
		}
		if p, err := v.Pointer(at - in.Off + of.Off); err == nil {
			return p
		}
	}
	return queue
}
