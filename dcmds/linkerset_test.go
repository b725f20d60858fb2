package dcmds

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/sym"
)

// linked is an image with symbols.
type linked struct {
	image
	ns *sym.Namespace
}

func (l linked) Namespace() *sym.Namespace { return l.ns }

// symbols makes an object of names and values.
func symbols(values map[string]uint64, names ...string) *sym.Object {
	var syms, strs []byte
	syms, strs = make([]byte, 24), []byte{0}
	for _, name := range names {
		e := make([]byte, 24)
		binary.LittleEndian.PutUint32(e, uint32(len(strs)))
		e[4] = elf.ST_INFO(elf.STB_GLOBAL, elf.STT_NOTYPE)
		binary.LittleEndian.PutUint16(e[6:], 1)
		binary.LittleEndian.PutUint64(e[8:], values[name])
		syms = append(syms, e...)
		strs = append(append(strs, name...), 0)
	}
	o := &sym.Object{Name: "image", Size: 0x100, Main: true}
	o.SetLoader(func(_ *sym.Object, k sym.Kind) (*sym.Table, error) {
		if k != sym.Symtab {
			return nil, nil
		}
		return sym.NewTable(sym.Source{Kind: k, Class: elf.ELFCLASS64, Order: binary.LittleEndian, Syms: syms, Strs: strs}), nil
	})
	return o
}

func TestLinkerset(t *testing.T) {
	memory := make([]byte, 0x100)
	binary.LittleEndian.PutUint64(memory[0x20:], 0x80)
	binary.LittleEndian.PutUint64(memory[0x28:], 0x90)
	o := symbols(map[string]uint64{
		"__start_set_init": 0x20, "__stop_set_init": 0x30,
		"__start_set_none": 0x40, "__stop_set_none": 0x40,
		"__start_set_open": 0x50, // has no end
		"__start_set_back": 0x60, "__stop_set_back": 0x58,
		"__start_set_far": 0x1000, "__stop_set_far": 0x1010,
	}, "__start_set_init", "__stop_set_init", "__start_set_none", "__stop_set_none", "__start_set_open",
		"__start_set_back", "__stop_set_back", "__start_set_far", "__stop_set_far")
	const far = "mdb: failed to read linkerset: cannot read past current end of file\n"
	for _, tt := range []struct{ in, want string }{
		{"::linkerset ! sort", "NAME                 ITEMSIZE ITEMCOUNT\n" +
			"far                         ?         2\ninit                        ?         2\nnone                        ?         0\n"},
		{"::linkerset init", "80\n90\n"},
		{"::linkerset none", ""},
		{"::linkerset init | ::map .+1", "81\n91\n"},
		{"::linkerset | ::count", "3\n"},
		{"20::walk linkerset", "0x80\n0x90\n"},
		{"::walk linkersets | ::grep .==20 | ::walk linkerset", "0x80\n0x90\n"},
		{"::linkerset open", "mdb: Failed to get address of linkerset: unknown symbol name\n"},
		{"::linkerset far", far},
		{"::linkerset a b", "Usage: [address]::linkerset [set]\nmdb: try '::help linkerset' for more information\n"},
	} {
		s, run := session(t, memory)
		s.Context().Target = linked{s.Context().Target.(image), sym.NewNamespace(o)}
		t.Setenv("SHELL", "/bin/sh")
		t.Setenv("LC_ALL", "C")
		if diff := cmp.Diff(tt.want, run(tt.in+"\n")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.in, diff)
		}
	}
}
