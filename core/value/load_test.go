package value

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
)

func TestLoad(t *testing.T) {
	p := openProg(t)
	type short struct {
		Lo int16 `ctf:"lo"`
		Hi int16 `ctf:"hi"`
	}
	type node struct {
		Val     int64   `ctf:"val"`
		Color   string  `ctf:"col"`
		ColorN  int32   `ctf:"col"`
		Next    uint64  `ctf:"next"`
		NextVal int32   `ctf:"next->val"`
		Name    string  `ctf:"label|name"`
		Bits    uint8   `ctf:"bf1"`
		Signed  int8    `ctf:"bf3"`
		Wide    uint64  `ctf:"bf4"`
		S       short   `ctf:"un.s"`
		Gone    uint32  `ctf:"gone,optional"`
		D       float64 `ctf:"un.d"`
		Mine    int
	}
	got := node{Mine: 7}
	if err := Load(p.value("n1", ""), &got); err != nil {
		t.Fatal(err)
	}
	want := node{Val: 1, Color: "RED", Next: p.syms["n2"].Value, NextVal: -2, Name: "first", Bits: 5, Signed: -3,
		Wide: 0x1ffffffff, S: short{0x4344, 0x4142}, D: got.D, Mine: 7}
	if d := cmp.Diff(want, got); d != "" || got.D == 0 {
		t.Error(d)
	}

	var outer struct {
		M    [2][3]int32 `ctf:"m"`
		Str  string      `ctf:"str"`
		Self Value       `ctf:"self"`
		In   Value       `ctf:"in"`
		B    bool        `ctf:"b"`
	}
	if err := Load(p.value("o", ""), &outer); err != nil {
		t.Fatal(err)
	}
	if outer.M != [2][3]int32{{1, 2, 3}, {4, 5, 6}} || outer.Str != "a string" || !outer.B {
		t.Errorf("%+v", outer)
	}
	c, err := outer.In.Path("c")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Uint(); err != nil || n != 3 {
		t.Errorf("in.c through a Value: %d %v", n, err)
	}
	again, err := outer.Self.Path("in.d")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := again.Uint(); err != nil || n != 4 {
		t.Errorf("self->in.d through a Value: %d %v", n, err)
	}
}

func TestLoadErrors(t *testing.T) {
	p := openProg(t)
	n1 := p.value("n1", "")
	for want, dst := range map[string]any{
		"no such member": &struct {
			X int `ctf:"bogus"`
		}{},
		"size of type int is too large": &struct {
			X int16 `ctf:"val"`
		}{},
		"signedness mismatch": &struct {
			X uint32 `ctf:"val"`
		}{},
		"does not go into [3]int8": &struct {
			X [3]int8 `ctf:"name"`
		}{},
		"type union u does not go into int": &struct {
			X int `ctf:"un"`
		}{},
		"no pointer to a structure": new(int),
	} {
		if err := Load(n1, dst); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	n, _ := p.ctf.Lookup("node_t")
	var d struct {
		Val int32 `ctf:"val"`
	}
	if err := Load(p.w.At(n, 0), &d); !errors.Is(err, mem.ErrUnmapped) || !strings.Contains(err.Error(), "val") {
		t.Errorf("at address 0: %v", err)
	}
}
