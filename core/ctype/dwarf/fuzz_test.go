package dwarf

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/fixtures"
)

// sectionNames are those a fuzz input is made of, in order.
var sectionNames = []string{"info", "abbrev", "str", "line", "line_str", "str_offsets", "addr",
	"ranges", "rnglists", "loc", "loclists", "aranges", "types"}

// fromSections makes Data of sections in memory.
func fromSections(sections map[string][]byte, big bool) *Data {
	im := &image{big: big, addrSize: 8, sections: map[string]*section{}}
	for name, b := range sections {
		if len(b) > 0 {
			im.sections[name] = newSection(".debug_"+name, bytes.NewReader(b), uint64(len(b)))
		}
	}
	return newData(im, Options{Name: "fuzz"})
}

// maxExercise is far more than what an input of the size fuzzing makes may take.
const maxExercise = time.Minute

// exercise asks for everything there is, and bounds only what a caller would.
func exercise(d *Data) {
	watch := time.AfterFunc(maxExercise, func() {
		debug.SetTraceback("all")
		panic("reading the input does not end")
	})
	defer watch.Stop()
	n := 0
	for t := range d.All() {
		look(t, 0)
		if n++; n > 200 {
			break
		}
	}
	hs, _ := d.headers()
	for i := range hs {
		if i > 20 {
			break
		}
		u, err := d.unitNumber(i)
		if err != nil {
			continue
		}
		pub := &Unit{u}
		pub.Name()
		pub.Producer()
		if lt, err := pub.Lines(); err == nil {
			for j, r := range lt.Rows() {
				if j > 50 {
					break
				}
				exercisePC(d, r.Addr)
			}
		}
		for _, f := range u.functions(true) {
			exercisePC(d, f.Lo)
		}
		for off := uint64(0); off < min(u.size, 300); off++ {
			if v, err := pub.Variable(off); err == nil {
				_, _ = v.Const()
				_, _ = v.Location(0)
			}
			_, _ = pub.BaseType(off)
			look(d.typeAt(nil, u.off+ref(off)), 0)
		}
	}
	_, _ = d.Lookup("struct node *")
	_, _ = d.Lookup("ns::vec<int>")
	_, _ = d.SymbolType("head", 0, 0)
	_, _ = d.PCs("plain.c", 10)
	exercisePC(d, 0)
}

func look(t *ctype.Type, depth int) {
	if t == nil || depth > 3 {
		return
	}
	_ = t.String()
	_ = t.Size()
	_ = t.Err()
	for i, m := range t.Members() {
		if i > 20 {
			break
		}
		look(m.Type, depth+1)
	}
	look(t.Elem(), depth+1)
}

func exercisePC(d *Data, pc uint64) {
	_, _, _ = d.Line(pc)
	f, err := d.Function(pc)
	if err != nil {
		return
	}
	f.Name()
	f.LinkageName()
	f.Entry()
	f.Decl()
	_, _ = f.FrameBase(pc)
	_, _ = f.Call(pc)
	_, _ = f.TailCalls()
	f.AllCalls()
	ins, _ := f.Inlines(pc)
	ps, _ := f.Params()
	ls, _ := f.Locals(pc)
	for _, in := range ins {
		in.Name()
		more, _ := in.Locals(pc)
		ls = append(ls, more...)
	}
	for i, v := range append(ps, ls...) {
		if i > 20 {
			break
		}
		_, _ = v.Location(pc)
		_, _ = v.Const()
		v.Decl()
	}
}

// seeds are the sections of the objects in testdata, which make.sh there made.
func seeds(t testing.TB) (all []map[string][]byte) {
	paths, err := filepath.Glob("testdata/*.o")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d objects in testdata: %v", len(paths), err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		im, err := readImage(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		sections := map[string][]byte{}
		for _, name := range sectionNames {
			if b, err := im.sections[name].all(); err == nil {
				sections[name] = b
			}
		}
		all = append(all, sections)
	}
	return all
}

// FuzzDWARF changes the sections that are most worth it and reads everything.
func FuzzDWARF(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s["info"], s["abbrev"], s["str"], s["line"], append(s["loclists"], s["loc"]...),
			append(s["rnglists"], s["ranges"]...), append(s["addr"], s["str_offsets"]...), false)
	}
	f.Fuzz(func(t *testing.T, info, abbrev, str, line, locs, ranges, tables []byte, big bool) {
		exercise(fromSections(map[string][]byte{
			"info": info, "abbrev": abbrev, "str": str, "line": line, "line_str": str,
			"loc": locs, "loclists": locs, "ranges": ranges, "rnglists": ranges,
			"addr": tables, "str_offsets": tables, "aranges": tables, "types": info,
		}, big))
	})
}

// FuzzELF changes whole object files.
func FuzzELF(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.o")
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := New(bytes.NewReader(b), Options{})
		if (err == nil) != (d != nil) {
			t.Fatalf("%v, %v", d, err)
		}
		if err == nil {
			exercise(d)
		}
	})
}

// TestTruncated cuts the objects at every length.
func TestTruncated(t *testing.T) {
	for _, s := range seeds(t) {
		for _, name := range []string{"info", "abbrev", "line"} {
			whole := s[name]
			for n := 0; n < len(whole); n += 7 {
				s[name] = whole[:n]
				exercise(fromSections(s, false))
			}
			s[name] = whole
		}
	}
}

// TestMutated changes bytes of the sections: nothing may panic or take long.
func TestMutated(t *testing.T) {
	all := seeds(t)
	for i := range mutations {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		s := map[string][]byte{}
		for name, b := range all[i%len(all)] {
			s[name] = bytes.Clone(b)
		}
		for range 1 + r.IntN(6) {
			b := s[sectionNames[r.IntN(len(sectionNames))]]
			if r.IntN(2) == 0 {
				b = s["info"]
			}
			if len(b) == 0 {
				continue
			}
			switch at := r.IntN(len(b)); r.IntN(3) {
			case 0:
				b[at] = byte(r.Uint32())
			case 1:
				b[at] ^= 1 << r.IntN(8)
			case 2:
				copy(b[at:min(at+4, len(b))], b[r.IntN(len(b)):])
			}
		}
		d := fromSections(s, r.IntN(20) == 0)
		if i%2 == 0 {
			readFromFile(d)
		}
		exercise(d)
	}
}

const mutations = 1000

// readFromFile makes Data read all sections piece by piece, as those of large
// files are.
func readFromFile(d *Data) {
	for _, s := range d.im.sections {
		s.keep = 0
	}
}

// TestMutatedPrograms opens the fixtures' mutations of programs: cut at any length,
// fields, bits and blocks changed.
func TestMutatedPrograms(t *testing.T) {
	for _, v := range []variant{
		{"c", "types.c", "gcc", []string{"-g", "-O2"}},
		{"c++", "types.cc", "g++", []string{"-gdwarf-4", "-O1", "-fdebug-types-section"}},
		{"compressed", "types.c", "gcc", []string{"-gdwarf-5", "-gz"}},
		{"object", "types.c", "gcc", []string{"-gdwarf-5", "-c"}},
		{name: "llvm", src: "llvm-5.elf"},
	} {
		t.Run(v.name, func(t *testing.T) {
			b, err := os.ReadFile(v.build(t))
			if err != nil {
				t.Fatal(err)
			}
			opened := 0
			for m := range fixtures.Mutations(7, bytes.NewReader(b), int64(len(b))) {
				if m.Index >= programMutations {
					break
				}
				d, err := New(m, Options{})
				if err != nil {
					continue
				}
				opened++
				if m.Index%2 == 0 {
					readFromFile(d)
				}
				exercise(d)
			}
			if opened < programMutations/10 {
				t.Errorf("only %d mutations were opened", opened)
			}
		})
	}
}

const programMutations = 120
