package vars

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/unwind"
	"github.com/xmdb/xmdb/core/unwind/cursor"
	"github.com/xmdb/xmdb/core/unwind/dwexpr"
)

// errEntry: the value at entry is not known.
func errEntry(why string) error {
	return fmt.Errorf("value at entry: %s: %w", why, dwexpr.ErrOptimisedOut)
}

// entryValue gives what an expression had as its value when the frame's function
// was entered. It has to be a register or a place that the caller's call site names.
func (e *evaluator) entryValue(expr []byte) (dwexpr.Value, error) {
	reg, isReg := registerOf(expr)
	return e.atCallSite(func(p *dwarf.CallValue) bool {
		if n, ok := registerOf(p.Location.Bytes); ok && isReg {
			return n == reg
		}
		return bytes.Equal(p.Location.Bytes, expr)
	})
}

// registerOf gives the register that an expression is, if it is no more than that:
// DW_OP_reg0 to reg31, regx, regval_type (DWARF 5 sections 2.5.1.2 and 2.6.1.1.3).
func registerOf(expr []byte) (n uint64, ok bool) {
	const reg0, reg31, regx, regvalType, gnuRegvalType = 0x50, 0x6f, 0x90, 0xa5, 0xf5
	switch {
	case len(expr) == 1 && expr[0] >= reg0 && expr[0] <= reg31:
		return uint64(expr[0] - reg0), true
	case len(expr) == 0 || expr[0] != regx && expr[0] != regvalType && expr[0] != gnuRegvalType:
		return 0, false
	}
	c := cursor.New(expr[1:], binary.LittleEndian)
	n = c.ULEB()
	if expr[0] != regx {
		c.ULEB() // the type
	}
	return n, c.Err() == nil && c.Len() == 0
}

// entryParam gives the value at entry of a parameter that has no place.
func (e *evaluator) entryParam(u *dwarf.Unit, off uint64) (dwexpr.Value, error) {
	if u == nil {
		return dwexpr.Value{}, dwexpr.ErrUnavailable
	}
	v, err := u.Variable(off)
	if err != nil {
		return dwexpr.Value{}, err
	}
	want := map[uint64]bool{v.Offset(): true, v.Origin(): true}
	return e.atCallSite(func(p *dwarf.CallValue) bool { return p.Param != 0 && want[p.Param] })
}

// atCallSite evaluates in the caller the parameter of the call that match accepts.
func (e *evaluator) atCallSite(match func(*dwarf.CallValue) bool) (dwexpr.Value, error) {
	caller, call, err := e.callSite()
	if err != nil {
		return dwexpr.Value{}, err
	}
	for i := range call.Params {
		if p := &call.Params[i]; match(p) {
			caller.trust = isGNU(p.Value.Unit) // its expressions hold after the call
			return dwexpr.EvalValue(caller.env(p.Value.Unit), p.Value.Bytes)
		}
	}
	return dwexpr.Value{}, errEntry("the caller does not tell")
}

// callSite finds the call that made the frame, and makes sure that it was to the
// frame's function.
func (e *evaluator) callSite() (*evaluator, *dwarf.Call, error) {
	f := e.frame
	from := f.Caller
	switch {
	case e.depth >= maxEntry:
		return nil, nil, errEntry("too many callers")
	case from == nil || from.Exact || from.Signal || f.Signal || e.fn == nil:
		return nil, nil, errEntry("no call made this frame")
	}
	d, bias := e.r.Debug(from.CodeAddr())
	if d == nil {
		return nil, nil, errEntry("no debug information for the caller")
	}
	pc := from.CodeAddr() - bias
	fn, err := d.Function(pc)
	if err != nil {
		return nil, nil, errEntry(err.Error())
	}
	call, err := fn.Call(from.PC - bias)
	if err != nil || call.Tail != from.gone {
		return nil, nil, errEntry("no call site")
	}
	if e.reaches(e.fn, e.fn) {
		return nil, nil, errEntry("the function may have entered itself again")
	}
	c := &evaluator{r: e.r, frame: from, fn: fn, pc: pc, bias: bias, depth: e.depth + 1, budget: e.budget}
	if c.leadsTo(call, from.PC, e.fn.Entry()+e.bias) {
		return c, call, nil
	}
	if between, jump := c.throughJump(call, e); between != nil {
		return between, jump, nil
	}
	return nil, nil, errEntry("the call was to another function")
}

// throughJump is for a call to a function that has jumped to the frame's as its last
// act, perhaps by way of others. If there is only one way to get from one to the
// other, the last jump on it is the call; of the frames on the way nothing is left
// but what their functions were called with.
func (e *evaluator) throughJump(call *dwarf.Call, callee *evaluator) (*evaluator, *dwarf.Call) {
	if call.To.Bytes != nil || call.Name == "" {
		return nil, nil
	}
	to, ok := e.branchTarget(e.frame.PC, 0xe8)
	if !ok {
		return nil, nil
	}
	if e.r.Bound != nil {
		if bound, ok := e.r.Bound(to); ok {
			to = bound
		}
	}
	bias := callee.bias
	first, err := callee.fn.Unit().Data().Function(to - bias)
	if err != nil || first.Entry() != to-bias {
		return nil, nil
	}
	from, fn := e.frame, first
	for range maxEntry {
		jump, next := callee.onlyJump(fn, callee.fn)
		if jump == nil {
			return nil, nil
		}
		from = &Frame{Frame: unwind.Frame{PC: jump.Return + bias}, Caller: from, gone: true}
		if next.Entry() == callee.fn.Entry() {
			if jump, err = fn.Call(jump.Return); err != nil {
				return nil, nil
			}
			return &evaluator{r: e.r, frame: from, fn: fn, pc: jump.Return - 1, bias: bias, depth: e.depth, budget: e.budget}, jump
		}
		fn = next
	}
	return nil, nil
}

// onlyJump finds the jump by which a function must have gone on its way to another;
// nil if there are several.
func (e *evaluator) onlyJump(fn, to *dwarf.Func) (jump *dwarf.Call, next *dwarf.Func) {
	jumps, err := fn.TailCalls()
	if err != nil {
		return nil, nil
	}
	for _, j := range jumps {
		target, outside, ok := e.jumpTarget(j)
		switch {
		case !ok:
			return nil, nil
		case outside:
		case target.Entry() == to.Entry() || e.reaches(target, to):
			if jump != nil {
				return nil, nil
			}
			jump, next = j, target
		}
	}
	return jump, next
}

// leadsTo tells whether a call that returns to ret was to the function at entry.
func (e *evaluator) leadsTo(call *dwarf.Call, ret, entry uint64) bool {
	if call.To.Bytes != nil {
		at, err := dwexpr.EvalAddr(e.env(call.To.Unit), call.To.Bytes)
		return err == nil && at == entry
	}
	if call.Target != nil && e.bias+call.Target.Entry() == entry {
		return true
	}
	if call.Name == "" {
		return false // indirect, through what has not been kept
	}
	opcode := byte(0xe8)
	if call.Tail {
		opcode = 0xe9
	}
	to, ok := e.branchTarget(ret, opcode)
	return ok && e.sameCode(to, entry)
}

// branchTarget decodes the direct call or jump that ends at an address: its opcode
// and a displacement of 32 bits, or an indirect one through a word at a place
// relative to the address (call *disp(%rip), 2 bytes of opcode).
func (e *evaluator) branchTarget(end uint64, opcode byte) (uint64, bool) {
	if e.r.Arch.PtrSize != 8 || e.r.Arch.Link >= 0 {
		return 0, false
	}
	var b [6]byte
	if e.read(b[:], end-6) != nil {
		return 0, false
	}
	disp := end + uint64(int64(int32(e.r.Arch.Order.Uint32(b[2:]))))
	modrm := byte(0x15) // call
	if opcode == 0xe9 {
		modrm = 0x25 // jmp
	}
	switch {
	case b[0] == 0xff && b[1] == modrm:
		var slot [8]byte
		if e.read(slot[:], disp) != nil {
			return 0, false
		}
		return e.r.Arch.Order.Uint64(slot[:]), true
	case b[1] == opcode, opcode == 0xe9 && b[0] == 0x0f && b[1]&0xf0 == 0x80: // or a conditional jump
		return disp, true
	case opcode == 0xe9 && (b[4] == 0xeb || b[4]&0xf0 == 0x70): // a short one
		return end + uint64(int64(int8(b[5]))), true
	}
	return 0, false
}

// sameCode tells whether an address is that of a function or of a stub for it.
func (e *evaluator) sameCode(to, entry uint64) bool {
	if to == entry {
		return true
	}
	if e.r.Bound == nil {
		return false
	}
	bound, ok := e.r.Bound(to)
	return ok && bound == entry
}

// maxJumps bounds the functions that are looked at for a way back by jumps.
const maxJumps = 64

// reaches tells whether one function may reach the entry of another by one or more
// jumps that are calls.
func (e *evaluator) reaches(from, to *dwarf.Func) bool {
	seen := map[uint64]bool{from.Entry(): true}
	todo := []*dwarf.Func{from}
	for len(todo) > 0 {
		fn := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		calls, err := fn.TailCalls()
		if err != nil {
			return true
		}
		for _, c := range calls {
			next, outside, ok := e.jumpTarget(c)
			switch {
			case !ok || len(seen) > maxJumps:
				return true
			case outside:
				continue
			case next.Entry() == to.Entry():
				return true
			case !seen[next.Entry()]:
				seen[next.Entry()] = true
				todo = append(todo, next)
			}
		}
	}
	return false
}

// jumpTarget finds the function that a tail call goes to; outside tells that it is
// in another file or has no debug information.
func (e *evaluator) jumpTarget(c *dwarf.Call) (fn *dwarf.Func, outside, ok bool) {
	if c.Target != nil {
		return c.Target, false, true
	}
	if c.Name == "" || c.Return == 0 {
		return nil, false, false
	}
	to, ok := e.branchTarget(c.Return+e.bias, 0xe9)
	if !ok {
		return nil, false, false
	}
	fn, err := e.fn.Unit().Data().Function(to - e.bias)
	if err != nil {
		return nil, true, true
	}
	return fn, false, true
}
