package cfi

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/go-delve/delve/pkg/dwarf/frame"
)

// delveKinds are our kinds of delve's rules.
var delveKinds = map[frame.Rule]Kind{
	frame.RuleUndefined: Undefined, frame.RuleSameVal: SameValue, frame.RuleOffset: Offset,
	frame.RuleValOffset: ValOffset, frame.RuleRegister: Register, frame.RuleExpression: Expression,
	frame.RuleValExpression: ValExpression,
}

// TestDelve compares ranges, and the rules at the start of every row, with delve's
// decoder. It loses the CIE's rules on DW_CFA_restore, so functions whose program
// restores a register are compared by range only.
func TestDelve(t *testing.T) {
	for _, name := range []string{"libc.so.6", "libstdc++.so.6"} {
		path := sharedObject(t, name)
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sec := f.Section(".eh_frame")
		data, err := sec.Data()
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := frame.Parse(data, binary.LittleEndian, 0, 8, sec.Addr)
		if err != nil {
			t.Fatal(err)
		}
		tab := openELF(t, path, false)
		n, rows, restored := 0, 0, 0
		if err := tab.FDEs(func(d *FDE, err error) bool {
			if err != nil {
				t.Fatal(err)
			}
			if n >= len(theirs) {
				return false
			}
			their := theirs[n] // both are in the section's order
			n++
			if their.Begin() != d.Start || their.End() != d.End {
				t.Errorf("%s: [%#x, %#x): delve has [%#x, %#x)", path, d.Start, d.End, their.Begin(), their.End())
				return false
			}
			if restores(d) {
				restored++
				return true
			}
			if err := d.Rows(func(r *Row) bool {
				rows++
				compareDelve(t, their, r)
				return !t.Failed()
			}); err != nil {
				t.Error(err)
			}
			return !t.Failed()
		}); err != nil {
			t.Fatal(err)
		}
		if n != len(theirs) {
			t.Errorf("%s: %d FDEs, delve has %d", path, n, len(theirs))
		}
		t.Logf("%s: %d FDEs, %d rows, %d FDEs by range only", path, n, rows, restored)
	}
}

func compareDelve(t *testing.T, their *frame.FrameDescriptionEntry, r *Row) {
	t.Helper()
	fc, err := their.EstablishFrame(r.Start)
	if err != nil {
		t.Errorf("%#x: %v", r.Start, err)
		return
	}
	switch r.CFA.Kind {
	case Register:
		if fc.CFA.Rule != frame.RuleCFA || fc.CFA.Reg != r.CFA.Reg || fc.CFA.Offset != r.CFA.Off {
			t.Errorf("%#x: CFA %v, delve has %+v", r.Start, r.CFA, fc.CFA)
		}
	case ValExpression:
		if string(fc.CFA.Expression) != string(r.CFA.Expr) {
			t.Errorf("%#x: CFA expression % x, delve has %+v", r.Start, r.CFA.Expr, fc.CFA)
		}
	}
	if len(fc.Regs) != len(r.Regs) {
		t.Errorf("%#x: rules %v, delve has %v", r.Start, r.Regs, fc.Regs)
	}
	for _, rr := range r.Regs {
		their := fc.Regs[rr.Num]
		if delveKinds[their.Rule] != rr.Kind || (rr.Kind == Offset || rr.Kind == ValOffset) && their.Offset != rr.Off ||
			string(their.Expression) != string(rr.Expr) || rr.Kind == Register && their.Reg != rr.Reg {
			t.Errorf("%#x: register %d is %v, delve has %+v", r.Start, rr.Num, rr.Rule, their)
		}
	}
}

// restores tells whether an FDE's program has a DW_CFA_restore.
func restores(d *FDE) bool {
	p := program{c: newCursor(d.prog, 0), cie: d.CIE, t: d.table, va: d.progVA, fn: d.Start, loc: d.Start}
	p.state, _ = d.table.start(d.CIE)
	for p.c.Len() > 0 {
		op := p.c.U8()
		if op&0xc0 == cfaRestore || op == cfaRestoreExtended {
			return true
		}
		if p.step(op) != nil {
			return false
		}
		p.moved = false
	}
	return false
}
