package system

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core/arch/x86"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/unwind"
)

// The kernel is compiled to save the arguments that came in registers below the
// saved frame pointer (-msave-args; facts: reference/illumos-formats.md section
// 5.4): argument i, from 0, at 8*(i+1) below it. Whether a function did is read from
// its instructions, and how many arguments there are from its type.

// saveSpan is how much of a function's start is searched for the instructions that
// save arguments, bytes (SAVEARGS_INSN_SEQ_LEN).
const saveSpan = 256

// regArgs is how many arguments come in registers; maxArgs bounds those on the
// stack (32 in all).
const (
	regArgs = 6
	maxArgs = 32
)

// Instructions by which compilers save an argument, in the order of the registers
// rdi rsi rdx rcx r8 r9.
var (
	saveMoves = [regArgs]string{ // movq %reg, -8(i+1)(%rbp)
		"\x48\x89\x7d\xf8", "\x48\x89\x75\xf0", "\x48\x89\x55\xe8", "\x48\x89\x4d\xe0", "\x4c\x89\x45\xd8", "\x4c\x89\x4d\xd0",
	}
	savePushes = [regArgs]string{"\x57", "\x56", "\x52", "\x51", "\x41\x50", "\x41\x51"}
	// saveShifted are gcc's of a function that returns a structure in memory, whose
	// address takes the place of the first argument.
	saveShifted = [regArgs - 1]string{
		"\x48\x89\x75\xf8", "\x48\x89\x55\xf0", "\x48\x89\x4d\xe8", "\x4c\x89\x45\xe0", "\x4c\x89\x4d\xd8",
	}
)

// savedArgs is what is known of a function's arguments.
type savedArgs struct {
	value  uint64 // of its symbol
	size   uint64
	argc   int
	params int  // of its type
	hidden bool // it returns a structure in memory: the first register holds its address
}

// ArgsOf gives the arguments of a frame that its function saved, as the stack has
// them now; nil if it saved none or has not got to it.
func (k *IllumosKernel) ArgsOf(f KernelFrame) []uint64 {
	return k.function(f.PC).read(k.space, f.FP, f.PC)
}

// read gives the arguments that a frame of the function saved below fp, before pc.
func (fn *savedArgs) read(space mem.Space, fp, pc uint64) []uint64 {
	if fn == nil || fn.argc == 0 || pc < fn.value {
		return nil
	}
	text := make([]byte, min(fn.size, saveSpan, pc-fn.value))
	if mem.ReadFull(space, text, mem.Addr(fn.value)) != nil {
		return nil
	}
	first := 0
	if fn.hidden {
		first = 1
	}
	saved, extra := findSaves(text, fn.argc, first)
	if !saved {
		return nil
	}
	inRegs := min(regArgs-first, fn.argc)
	b := make([]byte, 8*inRegs+8*extra)
	if mem.ReadFull(space, b, mem.Addr(fp-uint64(len(b)))) != nil {
		return nil
	}
	args := make([]uint64, inRegs, fn.argc)
	for i := range args { // the first argument is nearest to the frame pointer
		args[inRegs-1-i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	if rest := min(fn.argc, maxArgs) - inRegs; rest > 0 {
		b := make([]byte, 8*rest)
		if mem.ReadFull(space, b, mem.Addr(fp+16)) != nil {
			return nil
		}
		for ; len(b) > 0; b = b[8:] {
			args = append(args, binary.LittleEndian.Uint64(b))
		}
	}
	return args
}

// SavedArgs implements core.SavedArgs.
func (k *IllumosKernel) SavedArgs(f *unwind.Frame) []uint64 {
	return k.ArgsOf(KernelFrame{FP: f.FP, PC: f.PC})
}

// maxFunctions bounds the functions whose types are remembered.
const maxFunctions = 1 << 16

// function finds what is known of the function that pc lies in; nil if there is no
// type of it.
func (k *IllumosKernel) function(pc uint64) *savedArgs {
	m, err := k.ns.LookupAddr(pc, 0)
	if err != nil {
		return nil
	}
	k.argsMu.Lock()
	defer k.argsMu.Unlock()
	if f, ok := k.args[m.Value]; ok {
		return f
	}
	f := k.readFunction(m)
	if k.args == nil {
		k.args = map[uint64]*savedArgs{}
	}
	if len(k.args) < maxFunctions {
		k.args[m.Value] = f
	}
	return f
}

func (k *IllumosKernel) readFunction(m sym.Match) *savedArgs {
	if m.Object == nil {
		return nil
	}
	return argsOfFunction(m, k.TypeScope(m.Object), k.World().Resolve)
}

// argsOfFunction looks at a function's type in a scope; nil if there is none.
func argsOfFunction(m sym.Match, scope ctype.Scope, resolve func(*ctype.Type) *ctype.Type) *savedArgs {
	typer, ok := scope.(ctype.SymbolTyper)
	if !ok {
		return nil
	}
	t, err := typer.SymbolType(m.Name, m.Value, m.Index)
	if err != nil || t.Kind() != ctype.Function {
		return nil
	}
	composite := func(t *ctype.Type) (uint64, bool) {
		r := resolve(t)
		return r.Size(), r.Kind().IsStruct()
	}
	params := t.Body().Params
	f := &savedArgs{value: m.Value, size: m.Size, argc: len(params), params: len(params)}
	size, is := composite(t.Elem())
	f.hidden = is && size > 16
	for i, p := range params {
		if size, is := composite(p.Type); i < 5 && is && size <= 16 {
			f.argc = 0 // spread over two registers
		}
	}
	return f
}

// findSaves tells whether a function's first instructions make a frame and save all
// its arguments. first is 1 if the first register holds the address of a result;
// extra is 1 if that was saved, too.
func findSaves(text []byte, argc, first int) (saved bool, extra int) {
	var insns []string
	for b := text; len(b) > 0; {
		n := x86.Len(x86.Mode64, b)
		if n <= 0 || n > len(b) {
			break
		}
		insns = append(insns, string(b[:n]))
		b = b[n:]
	}
	if !makesFrame(insns) {
		return false, 0
	}
	n := min(first+argc, regArgs)
	switch {
	case hasAll(insns, saveMoves[:n]):
		return true, first
	case hasAll(insns, savePushes[first:n]):
		return true, 0
	case first != 0 && hasAll(insns, saveShifted[:n-first]):
		return true, 0
	}
	return false, 0
}

// makesFrame looks for push %rbp (an int3 may have taken its place, where DTrace
// watches the function) and, after it, mov %rsp,%rbp.
func makesFrame(insns []string) bool {
	pushed := false
	for _, in := range insns {
		switch {
		case !pushed:
			pushed = in == "\x55" || in == "\xcc"
		case in == "\x48\x89\xe5" || in == "\x48\x8b\xec":
			return true
		}
	}
	return false
}

func hasAll(insns, want []string) bool {
	found := 0
	for i, w := range want {
		for _, in := range insns {
			if in == w {
				found |= 1 << i
			}
		}
	}
	return found == 1<<len(want)-1
}
