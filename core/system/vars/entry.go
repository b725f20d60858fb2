package vars

import (
	"bytes"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/unwind/dwexpr"
)

// errEntry: the value at entry is not known.
func errEntry(why string) error {
	return fmt.Errorf("value at entry: %s: %w", why, dwexpr.ErrOptimisedOut)
}

// entryValue gives what an expression had as its value when the frame's function
// was entered. It has to be a register or a place that the caller's call site names.
func (e *evaluator) entryValue(expr []byte) (dwexpr.Value, error) {
	return e.atCallSite(func(p *dwarf.CallValue) bool { return bytes.Equal(p.Location.Bytes, expr) })
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
	if err != nil || call.Tail {
		return nil, nil, errEntry("no call site")
	}
	c := &evaluator{r: e.r, frame: from, fn: fn, pc: pc, bias: bias, depth: e.depth + 1, budget: e.budget}
	if !c.leadsTo(call, from.PC, e.fn.Entry()+e.bias) {
		return nil, nil, errEntry("the call was to another function")
	}
	if e.reachesItself() {
		return nil, nil, errEntry("the function may have entered itself again")
	}
	return c, call, nil
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
	to, ok := e.branchTarget(ret, 0xe8)
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
	case b[1] == opcode:
		return disp, true
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

// reachesItself tells whether the frame's function may reach its own entry by
// jumps that are calls.
func (e *evaluator) reachesItself() bool {
	self := e.fn.Entry()
	seen := map[uint64]bool{self: true}
	todo := []*dwarf.Func{e.fn}
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
			case next.Entry() == self:
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
