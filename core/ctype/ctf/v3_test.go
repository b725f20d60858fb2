package ctf

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVersion3 reads a container of version 3, whose ids and words are 32 bits
// wide, made here by the layout of FreeBSD's sys/ctf.h.
func TestVersion3(t *testing.T) {
	le := binary.LittleEndian
	strs := "\x00int\x00node\x00val\x00next\x00E\x00A\x00"
	words := func(w ...uint32) (b []byte) {
		for _, v := range w {
			b = le.AppendUint32(b, v)
		}
		return b
	}
	info := func(kind, vlen uint32) uint32 { return kind<<26 | 1<<25 | vlen }
	types := words(
		1, info(1, 0), 4, 0x01000020, // 1: int
		5, info(6, 2), 16, 10, 1, 0, 14, 3, 64, // 2: struct node { int val; struct node *next; }
		0, info(3, 0), 2, // 3: struct node *
		0, info(4, 0), 0, 1, 1, 5, // 4: int [5]
		19, info(8, 1), 4, 21, 7, // 5: enum E { A = 7 }
		0, info(5, 1), 1, 3, // 6: int (struct node *)
	)
	objt, fn := words(4), words(5<<26|1, 1, 3)
	head := words(0, 0, 0, 0, uint32(len(objt)), uint32(len(objt)+len(fn)), uint32(len(objt)+len(fn)+len(types)), uint32(len(strs)))
	data := append(append(append(append(append([]byte{0xf1, 0xcf, 3, 0}, head...), objt...), fn...), types...), strs...)
	syms := []Symbol{{}, {"a", 1, 1, 1}, {"f", 1, 2, 1}}
	f, err := Open(data, Options{Symbols: syms})
	if err != nil {
		t.Fatal(err)
	}
	const enc = "enc {Signed:false Char:false Bool:false Varargs:false Float:0 Bits:0 Offset:0}"
	want := []string{
		"int kind 2 size 4 enc {Signed:true Char:false Bool:false Varargs:false Float:0 Bits:32 Offset:0}",
		"struct node kind 7 size 16 " + enc + "\n  val int 0:0\n  next struct node * 64:0",
		"struct node * kind 4 size 8 " + enc,
		"int [5] kind 5 size 20 " + enc,
		"enum E kind 9 size 4 " + enc + "\n  A=7",
		"int () kind 6 size 0 " + enc + "\n  struct node *",
	}
	if d := cmp.Diff(want, describeAll(f)); d != "" {
		t.Error(d)
	}
	for i, want := range map[uint32]string{1: "int [5]", 2: "int ()"} {
		if ty, err := f.SymbolType(syms[i].Name, 1, i); err != nil || ty.String() != want {
			t.Errorf("symbol %d: %v %v, want %s", i, ty, err, want)
		}
	}
}
