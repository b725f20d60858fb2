package gdbstub

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
)

// Errors of writing.
var (
	errRunning    = errors.New("the machine runs: ::stop halts it")
	errNoRegister = errors.New("the stub cannot write registers")
	errNotTaken   = errors.New("the stub did not take it")
)

// Writable implements core.Reopener.
func (t *Target) Writable() bool { return t.write.Load() }

// SetWritable implements core.Reopener. Every stub that is known writes memory.
func (t *Target) SetWritable(on bool) error {
	t.write.Store(on)
	return nil
}

// WriteAt implements mem.Writer.
func (s physical) WriteAt(p []byte, a mem.Addr) (int, error) { return s.t.put(p, a, true) }

// WriteAt implements mem.Writer.
func (s virtual) WriteAt(p []byte, a mem.Addr) (int, error) { return s.t.put(p, a, false) }

// WriteAt implements mem.Writer where the target is open for it.
func (s *cached) WriteAt(p []byte, a mem.Addr) (int, error) { return s.current().WriteAt(p, a) }

// put writes memory by M packets, none of which crosses a page. The machine is halted
// for it. Software breakpoints, which are in the memory of some machines, are out for as
// long, so that the bytes below them are written.
func (t *Target) put(p []byte, a mem.Addr, phys bool) (done int, err error) {
	if !t.write.Load() {
		return 0, mem.Fault(a, mem.ErrReadOnly)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err = t.halted(); err == nil {
		err = t.withoutPatches(func() (err error) {
			if err = t.setPhysical(phys); err == nil && !phys {
				err = t.choose(t.reader(a))
			}
			most := uint64(min(t.stub.packet-64, 2*pageSize) / 2)
			for err == nil && done < len(p) {
				at := uint64(a) + uint64(done)
				n := int(min(uint64(len(p)-done), most, pageSize-at%pageSize))
				if err = t.q.ok(fmt.Sprintf("M%x,%x:%x", at, n, p[done:done+n])); err == nil {
					done += n
				}
			}
			return err
		})
	}
	if err != nil {
		if errors.As(err, new(stubError)) {
			err = mem.ErrUnmapped
		}
		return done, mem.Fault(a+mem.Addr(done), t.failed(err))
	}
	return done, nil
}

// withoutPatches does something while no software breakpoint is in the machine.
func (t *Target) withoutPatches(do func() error) error {
	var out []uint64
	for addr, p := range t.points {
		if p.kind == softPoint {
			out = append(out, addr)
		}
	}
	for _, addr := range out {
		if err := t.remove(addr); err != nil {
			return err
		}
	}
	err := do()
	for _, addr := range out {
		if err2 := t.insert(addr); err == nil {
			err = err2
		}
	}
	return err
}

// SetRegisters implements core.RegisterWriter: what differs from what the processor has
// is written, by P packets, else by one G, and read back.
func (t *Target) SetRegisters(thread uint64, r *arch.Regs) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if thread == 0 || thread > uint64(len(t.threads)) {
		return fmt.Errorf("no processor %d", int64(thread)-1)
	}
	if t.bhyve {
		return errNoRegister
	}
	if !t.write.Load() {
		return mem.ErrReadOnly
	}
	if t.state.wanted && !t.state.foreign {
		return errRunning
	}
	if err := t.halted(); err != nil {
		return err
	}
	i := int(thread) - 1
	answer, err := t.readRegisters(i)
	if err != nil {
		return err
	}
	want := slices.Clone(answer)
	d := t.stub.layout(len(answer) / 2)
	changed := d.change(want, r)
	if len(changed) == 0 {
		return nil
	}
	t.moment.Add(1) // what was read by these registers is out of date
	defer t.forget()
	for _, c := range changed {
		err = t.q.ok(fmt.Sprintf("P%x=%s", c.num, want[c.from:c.to]))
		if errors.Is(err, errUnsupported) {
			err = t.q.ok("G" + string(want))
		}
		if err != nil {
			break
		}
	}
	if errors.Is(err, errUnsupported) {
		return errNoRegister
	}
	if err != nil {
		return t.failed(err)
	}
	if answer, err = t.readRegisters(i); err == nil {
		for _, c := range changed {
			if c.to > len(answer) || !bytes.EqualFold(answer[c.from:c.to], want[c.from:c.to]) {
				err = fmt.Errorf("%s: %w", c.name, errNotTaken)
			}
		}
	}
	if pc := r.PC(); thread == t.last.Thread && pc != t.last.PC {
		t.last.PC, t.last.Why = pc, control.Step // a breakpoint that is there has not been met
	}
	return err
}

// A field is a register in the digits of an answer to g.
type field struct {
	register
	from, to int
}

// fields are the registers of an answer of some digits, in the order of their numbers.
func (d *description) fields(digits int) []field {
	regs := slices.Clone(d.regs)
	slices.SortStableFunc(regs, func(a, b register) int { return a.num - b.num })
	var list []field
	at := 0
	for _, r := range regs {
		n := (r.bits + 7) / 8 * 2
		if digits-at < n {
			break
		}
		list = append(list, field{r, at, at + n})
		at += n
	}
	return list
}

// change puts registers into the digits of an answer to g, and gives those that were
// others.
func (d *description) change(digits []byte, r *arch.Regs) []field {
	var changed []field
	for _, f := range d.fields(len(digits)) {
		name := archName(f.name)
		if reg, _ := r.Arch.Lookup(name); reg == nil || reg.Of != "" || f.bits > 64 {
			continue
		}
		v, ok := r.Get(name)
		if !ok {
			continue
		}
		var text strings.Builder
		for n := 0; n < (f.to-f.from)/2; n++ {
			fmt.Fprintf(&text, "%02x", byte(v>>(8*n)))
		}
		if at := digits[f.from:f.to]; !strings.EqualFold(string(at), text.String()) {
			copy(at, text.String())
			changed = append(changed, f)
		}
	}
	return changed
}
