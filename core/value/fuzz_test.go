package value

import (
	"bytes"
	"debug/elf"
	"errors"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/ctf"
	"github.com/xmdb/xmdb/core/out"
)

// FuzzPrint prints every type of a damaged container over a little memory.
func FuzzPrint(f *testing.F) {
	ef, err := elf.Open("../ctype/ctf/testdata/prog")
	if err != nil {
		f.Fatal(err)
	}
	defer ef.Close()
	file, err := ctf.FromELF(ef, "prog")
	if err != nil {
		f.Fatal(err)
	}
	var types []*ctype.Type
	for t := range file.All() {
		types = append(types, t)
	}
	data, err := ctf.Encode(&ctf.Content{Types: types})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, []byte("hello, world\x00\x01\x02\x03"), byte(0))
	f.Add(data, bytes.Repeat([]byte{0xff}, 300), byte(0xff))
	f.Fuzz(func(t *testing.T, data, memory []byte, flags byte) {
		c, err := ctf.Open(data, ctf.Options{})
		if err != nil {
			return
		}
		o := Options{Depth: NoLimit, ArrayMem: 8, ArrayStr: 64, Addr: flags&1 != 0, Type: flags&2 != 0, BaseType: flags&4 != 0,
			Holes: flags&8 != 0, Hex: flags&16 != 0, Dec: flags&32 != 0, Plain: flags&64 != 0, Layout: flags&128 != 0}
		w := &World{Space: Bytes(memory), Types: &ctype.Composite{Synthetic: c}}
		var b bytes.Buffer
		budget := 20 // thousands of elements: nested types multiply
		errBudget := errors.New("enough")
		pr := &Printer{P: out.New(&b, nil), O: o, Warn: func(error, string, ...any) {}}
		pr.Stop = func() error {
			if budget--; budget < 0 {
				return errBudget
			}
			return nil
		}
		n := 0
		for ty := range c.All() {
			if n++; n > 100 || b.Len() > 1<<20 || budget < 0 {
				return
			}
			_ = pr.Print(w.At(ty, 0), Label{})
			if p, err := w.Compile(ty, "a.b[1]->c"); err == nil {
				_, _, _ = NewAccess(w, p).Follow(w.Space, 0, nil)
			}
			_ = w.At(ty, 4).JSON(Options{Depth: 3, ArrayMem: 3})
			_ = ty.Align()
			_, _ = ty.FindMember("next")
		}
	})
}
