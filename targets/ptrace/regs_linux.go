//go:build amd64 || arm64

package ptrace

import (
	"unsafe"

	"github.com/xmdb/xmdb/core/arch"
)

// wordOf tells, for each register of the architecture, which word of what the kernel
// gives it is; -1 if it is none.
var wordOf = func() []int {
	var r registers
	byName := fields(&r)
	list := make([]int, len(machine.Registers))
	for i := range machine.Registers {
		list[i] = -1
		if p := byName[machine.Registers[i].Name]; p != nil {
			list[i] = int(uintptr(unsafe.Pointer(p))-uintptr(unsafe.Pointer(&r))) / 8
		}
	}
	return list
}()

// archRegs gives registers by the architecture's order.
func archRegs(r *registers) *arch.Regs {
	words := unsafe.Slice((*uint64)(unsafe.Pointer(r)), int(unsafe.Sizeof(*r))/8)
	out := arch.NewRegs(machine)
	for i, w := range wordOf {
		if w >= 0 {
			out.SetFull(i, words[w])
		}
	}
	return out
}
