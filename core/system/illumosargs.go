package system

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind"
)

// maxStackArgs is how many arguments libproc takes where it can only guess; what
// follows a call says it: add $n,%esp.
const maxStackArgs = 6

// SavedArgs implements core.SavedArgs as libproc does (Pstack_iter): on amd64 what
// functions with a type saved below the frame pointer, on i386 what lies above the
// return address, as many as the function's type has, else as the caller takes off the
// stack again.
func (p *IllumosProcess) SavedArgs(f *unwind.Frame) []uint64 {
	m, err := p.ns.LookupAddr(f.PC, 0)
	var fn *savedArgs
	if err == nil && m.Object != nil {
		if scope := p.TypeScope(m.Object); scope != nil {
			fn = argsOfFunction(m, scope, (*ctype.Type).Resolve)
		}
	}
	if p.ptr() == 4 {
		return p.stackArgs(f, fn, err == nil && fn != nil)
	}
	return fn.read(p.space, f.FP, f.PC)
}

func (p *IllumosProcess) stackArgs(f *unwind.Frame, fn *savedArgs, typed bool) []uint64 {
	if f.FP == 0 {
		return nil
	}
	n := maxStackArgs
	if typed {
		n = min(fn.params, maxArgs)
	} else if ret, err := p.word(f.FP + 4); err == nil {
		n = p.poppedArgs(ret)
	}
	args := make([]uint64, 0, n)
	for i := range n {
		v, err := p.word(f.FP + 8 + 4*uint64(i))
		if err != nil {
			break
		}
		args = append(args, v)
	}
	return args
}

// poppedArgs reads the instruction at a return address.
func (p *IllumosProcess) poppedArgs(ret uint64) int {
	var b [6]byte
	if mem.ReadFull(p.space, b[:], mem.Addr(ret)) != nil || b[1] != 0xc4 {
		return maxStackArgs
	}
	n := uint32(0)
	switch b[0] {
	case 0x81: // add $imm32, %esp
		n = binary.LittleEndian.Uint32(b[2:])
	case 0x83: // add $imm8, %esp
		n = uint32(b[2])
	default:
		return maxStackArgs
	}
	return int(min(n/4, maxStackArgs))
}
