package cfi

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show writes the rows of the FDE at 0x1000, one a line.
func show(t *testing.T, tab *Table) (string, error) {
	t.Helper()
	d, err := tab.Lookup(0x1000)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	err = d.Rows(func(r *Row) bool {
		fmt.Fprintf(&b, "%x-%x cfa=%v", r.Start, r.End, r.CFA)
		for _, rr := range r.Regs {
			fmt.Fprintf(&b, " %d=%v", rr.Num, rr.Rule)
		}
		if r.ArgsSize != 0 {
			fmt.Fprintf(&b, " args=%d", r.ArgsSize)
		}
		if r.RASigned {
			b.WriteString(" signed")
		}
		b.WriteByte('\n')
		return true
	})
	return b.String(), err
}

func TestInstructions(t *testing.T) {
	for _, tt := range []struct {
		name string
		prog []byte
		want []string
	}{
		{"nothing", nil, []string{"1000-1100 cfa=r7+8 16=c-8"}},
		{"nop", []byte{0, 0}, []string{"1000-1100 cfa=r7+8 16=c-8"}},
		{"advance_loc, def_cfa_offset, offset", []byte{0x41, 0x0e, 16, 0x83, 2}, []string{
			"1000-1001 cfa=r7+8 16=c-8", "1001-1100 cfa=r7+16 3=c-16 16=c-8"}},
		{"advance_loc1, 2, 4, MIPS 8", []byte{2, 1, 3, 2, 0, 4, 3, 0, 0, 0, 0x1d, 4, 0, 0, 0, 0, 0, 0, 0}, []string{
			"1000-1001 cfa=r7+8 16=c-8", "1001-1003 cfa=r7+8 16=c-8", "1003-1006 cfa=r7+8 16=c-8",
			"1006-100a cfa=r7+8 16=c-8", "100a-1100 cfa=r7+8 16=c-8"}},
		{"set_loc", cat(1, le64(0x1010), 0x0e, 24), []string{"1000-1010 cfa=r7+8 16=c-8", "1010-1100 cfa=r7+24 16=c-8"}},
		{"offset_extended, sf, negative", []byte{5, 3, 2, 0x11, 6, 0x7e, 0x2f, 12, 3}, []string{
			"1000-1100 cfa=r7+8 3=c-16 6=c+16 12=c+24 16=c-8"}},
		{"val_offset, sf", []byte{0x14, 3, 2, 0x15, 6, 0x7e}, []string{"1000-1100 cfa=r7+8 3=v-16 6=v+16 16=c-8"}},
		{"undefined, same_value, register", []byte{7, 16, 8, 3, 9, 6, 12}, []string{"1000-1100 cfa=r7+8 3=s 6=r12 16=u"}},
		{"expressions", []byte{0x0f, 2, 0x77, 8, 0x10, 3, 1, 0x9c, 0x16, 6, 2, 0x77, 0}, []string{
			"1000-1100 cfa=vexp 3=exp 6=vexp 16=c-8"}},
		{"def_cfa, sf, register, offset_sf", []byte{0x0c, 6, 16, 0x41, 0x12, 7, 0x7e, 0x41, 0x0d, 6, 0x41, 0x13, 0x7d}, []string{
			"1000-1001 cfa=r6+16 16=c-8", "1001-1002 cfa=r7+16 16=c-8", "1002-1003 cfa=r6+16 16=c-8", "1003-1100 cfa=r6+24 16=c-8"}},
		{"restore to the CIE's rule and to none", []byte{0x90, 9, 0x83, 2, 0x41, 0xd0, 0xc3}, []string{
			"1000-1001 cfa=r7+8 3=c-16 16=c-72", "1001-1100 cfa=r7+8 16=c-8"}},
		{"restore_extended", []byte{0x90, 9, 0x41, 6, 16}, []string{"1000-1001 cfa=r7+8 16=c-72", "1001-1100 cfa=r7+8 16=c-8"}},
		{"remember and restore state with the CFA", []byte{0x0a, 0x0e, 32, 0x83, 2, 0x0a, 0x83, 5, 0x41, 0x0b, 0x41, 0x0b}, []string{
			"1000-1001 cfa=r7+32 3=c-40 16=c-8", "1001-1002 cfa=r7+32 3=c-16 16=c-8", "1002-1100 cfa=r7+8 16=c-8"}},
		{"GNU_args_size", []byte{0x2e, 40}, []string{"1000-1100 cfa=r7+8 16=c-8 args=40"}},
		{"AARCH64_negate_ra_state", []byte{0x2d, 0x0a, 0x41, 0x2c, 0x41, 0x0b}, []string{
			"1000-1001 cfa=r7+8 16=c-8 signed", "1001-1002 cfa=r7+8 16=c-8", "1002-1100 cfa=r7+8 16=c-8 signed"}},
		{"high register numbers", []byte{5, 0x80, 0x20, 2}, []string{"1000-1100 cfa=r7+8 16=c-8 4096=c-16"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := show(t, debugTable(plainCIE, tt.prog...))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Join(tt.want, "\n")+"\n", got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBadInstructions(t *testing.T) {
	var manyRegs, deep, long []byte
	for i := 0; i < maxRegs+1; i++ {
		manyRegs = append(manyRegs, 7, 0x80|byte(i&0x7f), byte(i>>7))
	}
	for i := 0; i <= maxDepth; i++ {
		deep = append(deep, 0x0a)
	}
	long = make([]byte, maxSteps+1)
	for _, tt := range []struct {
		name string
		prog []byte
		want error
	}{
		{"unknown", []byte{0x3f}, ErrMalformed},
		{"short operand", []byte{0x0c, 7}, ErrMalformed},
		{"short block", []byte{0x0f, 5, 1}, ErrMalformed},
		{"restore_state without remember", []byte{0x0b}, ErrMalformed},
		{"offset of an expression", []byte{0x0f, 1, 0x9c, 0x0e, 8}, ErrMalformed},
		{"set_loc backwards", cat(1, le64(0xfff)), ErrMalformed},
		{"location wraps", cat(0x1d, le64(^uint64(0))), ErrMalformed},
		{"too many registers", manyRegs, ErrLimit},
		{"too deep", deep, ErrLimit},
		{"long expression", cat(0x0f, uleb(maxExpr+1), make([]byte, maxExpr+1)), ErrLimit},
		{"too long", long, ErrLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := show(t, debugTable(plainCIE, tt.prog...)); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("location in a CIE", func(t *testing.T) {
		if _, err := show(t, debugTable(cat(plainCIE, 0x41))); !errors.Is(err, ErrMalformed) {
			t.Errorf("error %v", err)
		}
	})
}

// TestRowBeforeError: a row ahead of a bad instruction is still good.
func TestRowBeforeError(t *testing.T) {
	tab := debugTable(plainCIE, 0x50, 0x0e, 16, 0x50, 0x3f)
	for pc, want := range map[uint64]string{0x1000: "r7+8", 0x100f: "r7+8", 0x1010: "r7+16", 0x101f: "r7+16"} {
		r, err := tab.Row(pc)
		if err != nil || r.CFA.String() != want {
			t.Errorf("row at %#x: %v, %v; want %s", pc, r, err, want)
		}
	}
	if r, err := tab.Row(0x1020); !errors.Is(err, ErrMalformed) {
		t.Errorf("row at 0x1020: %v, %v", r, err)
	}
	if _, err := tab.Row(0x1100); !errors.Is(err, ErrNoFDE) {
		t.Errorf("row past the end: %v", err)
	}
}
