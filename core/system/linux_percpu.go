package system

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/xmdb/xmdb/core/mem"
)

// maxLinuxCPUs bounds CPUs: CONFIG_NR_CPUS is at most 8192.
const maxLinuxCPUs = 8192

// LinuxCPU is a CPU that the kernel may use.
type LinuxCPU struct {
	ID     int
	Online bool
	Offset uint64 // what is added to a per-CPU variable's symbol (__per_cpu_offset)
	Task   uint64 // VA of the task_struct that runs on it; 0 if it could not be read
}

// CPUs are the possible CPUs by number. An error comes beside those that could be read.
func (k *LinuxKernel) CPUs() ([]LinuxCPU, error) {
	k.mu.Lock()
	read, list, err := k.cpusRead, k.cpus, k.cpusErr
	k.mu.Unlock()
	if read {
		return list, err
	}
	list, err = k.readCPUs()
	k.mu.Lock()
	k.cpus, k.cpusErr, k.cpusRead = list, err, true
	k.mu.Unlock()
	return list, err
}

func (k *LinuxKernel) readCPUs() ([]LinuxCPU, error) {
	n := uint64(maxLinuxCPUs)
	if ids, err := k.Uint("nr_cpu_ids", 4); err == nil {
		n = min(n, ids)
	}
	possible := k.cpuMask("__cpu_possible_mask", n)
	online := k.cpuMask("__cpu_online_mask", n)
	at, ok := k.Symbol("__per_cpu_offset")
	if !ok { // a kernel without SMP
		task, err := k.Uint("current_task", 8)
		return []LinuxCPU{{Online: true, Task: task}}, err
	}
	current, currentErr := k.currentTask()
	var list []LinuxCPU
	for id := range int(n) {
		if possible != nil && !possible[id] {
			continue
		}
		off, err := mem.ReadUint(k.space, mem.Addr(at+8*uint64(id)), 8, binary.LittleEndian)
		if err != nil {
			return list, fmt.Errorf("read __per_cpu_offset[%d]: %w", id, err)
		}
		c := LinuxCPU{ID: id, Offset: off, Online: online == nil || online[id]}
		if currentErr == nil {
			c.Task, _ = mem.ReadUint(k.space, mem.Addr(current+off), 8, binary.LittleEndian)
		}
		list = append(list, c)
		if possible == nil && len(list) >= 1024 {
			break
		}
	}
	return list, currentErr
}

// currentTask is where a CPU's pointer to its task lies, its offset not added: a
// variable of its own, from 6.2 to 6.14 a member of pcpu_hot.
func (k *LinuxKernel) currentTask() (uint64, error) {
	if at, ok := k.Symbol("current_task"); ok {
		return at, nil
	}
	at, ok := k.Symbol("pcpu_hot")
	if !ok {
		return 0, errors.New("kernel has no current_task")
	}
	m, err := k.member("struct pcpu_hot", "current_task")
	return at + m.off, err
}

// cpuMask reads a mask of n CPUs; nil if it cannot be read.
func (k *LinuxKernel) cpuMask(name string, n uint64) []bool {
	at, ok := k.Symbol(name)
	if !ok {
		return nil
	}
	b := make([]byte, (n+63)/64*8)
	if mem.ReadFull(k.space, b, mem.Addr(at)) != nil {
		return nil
	}
	mask := make([]bool, n)
	set := 0
	for i := range mask {
		mask[i] = b[i/8]>>(i%8)&1 != 0
		set += bits.OnesCount8(b[i/8] >> (i % 8) & 1)
	}
	if set == 0 {
		return nil
	}
	return mask
}

// PerCPU is the VA of a CPU's copy of a per-CPU variable: addr is its symbol's value, or
// a __percpu pointer.
func (k *LinuxKernel) PerCPU(addr uint64, cpu int) (uint64, error) {
	list, err := k.CPUs()
	for _, c := range list {
		if c.ID == cpu {
			return addr + c.Offset, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("no CPU %d", cpu)
	}
	return 0, err
}
