package system

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core/mem"
)

// maxTasks bounds lists of tasks: pid_max is at most 4 million.
const maxTasks = 4 << 20

// RepresentativeThread implements core.Representative: the task of the CPU that
// panicked, else of the first CPU.
func (k *LinuxKernel) RepresentativeThread() uint64 {
	cpus, _ := k.CPUs()
	want := k.PanicCPU()
	first := uint64(0)
	for _, c := range cpus {
		if c.ID == want {
			return c.Task
		}
		if first == 0 && c.Online {
			first = c.Task
		}
	}
	return first
}

// PanicCPU is the CPU that panicked; -1 if none did.
func (k *LinuxKernel) PanicCPU() int {
	v, err := k.Uint("panic_cpu", 4)
	if err != nil || int32(v) < 0 || v >= maxLinuxCPUs {
		return -1
	}
	return int(v)
}

// Tasks yields the VAs of all task_structs but the idle tasks': each process' leader,
// then its other threads. An error ends a list, not the walk.
func (k *LinuxKernel) Tasks() iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		init, ok := k.Symbol("init_task")
		if !ok {
			yield(0, fmt.Errorf("kernel has no init_task"))
			return
		}
		link, err := k.member("struct task_struct", "tasks")
		if err != nil {
			yield(0, err)
			return
		}
		n := 0
		for leader, err := range k.Settled(k.list(init+link.off, link.off)) {
			if err != nil {
				yield(0, fmt.Errorf("list of processes: %w", err))
				return
			}
			if !yield(leader, nil) {
				return
			}
			for t, err := range k.Settled(k.threadsOf(leader)) {
				if n++; n > maxTasks {
					return
				}
				if t != leader && !yield(t, err) {
					return
				}
			}
		}
	}
}

// threadsOf yields the threads of a process by its leader: those on the list of its
// signal_struct.
func (k *LinuxKernel) threadsOf(leader uint64) iter.Seq2[uint64, error] {
	node, err := k.member("struct task_struct", "thread_node")
	if err == nil {
		var sig uint64
		var head memberAt
		if sig, err = k.uintMember("struct task_struct", "signal", leader); err == nil && sig != 0 {
			if head, err = k.member("struct signal_struct", "thread_head"); err == nil {
				return k.list(sig+head.off, node.off)
			}
		}
	}
	return func(yield func(uint64, error) bool) {
		if err != nil {
			yield(0, fmt.Errorf("threads of task %x: %w", leader, err))
		}
	}
}

// list yields what a struct list_head at head links; off is the place of the link in
// each. A list that is damaged, or changes underfoot, ends with an error.
func (k *LinuxKernel) list(head, off uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		at := head
		seen := map[uint64]struct{}{}
		for {
			next, err := mem.ReadUint(k.space, mem.Addr(at), 8, binary.LittleEndian)
			switch {
			case err != nil:
				yield(0, fmt.Errorf("it breaks off at %#x: %w", at, reason(err)))
				return
			case next == head:
				return
			case next == 0:
				yield(0, fmt.Errorf("it breaks off at %#x", at))
				return
			}
			if _, again := seen[next]; again || len(seen) >= maxTasks {
				yield(0, fmt.Errorf("it comes to %#x again", next))
				return
			}
			seen[next] = struct{}{}
			if !yield(next-off, nil) {
				return
			}
			at = next
		}
	}
}
