package dwarf

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/fixtures"
)

// textPCs lists addresses in the functions of a program: the rows of its line
// tables, and some in between.
func textPCs(t *testing.T, d *Data, path string) []uint64 {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	inside := func(pc uint64) bool {
		return slices.ContainsFunc(syms, func(s elf.Symbol) bool {
			return elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Value <= pc && pc < s.Value+s.Size
		})
	}
	hs, err := d.headers()
	if err != nil {
		t.Fatal(err)
	}
	var pcs []uint64
	for i := range hs {
		if hs[i].isType() {
			continue
		}
		u, err := d.unitNumber(i)
		if err != nil {
			t.Fatal(err)
		}
		lt, err := u.lineTable()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range lt.seqs {
			for _, r := range lt.rows[s.first:s.last] {
				pcs = append(pcs, r.Addr, r.Addr+1)
			}
		}
	}
	slices.Sort(pcs)
	pcs = slices.Compact(pcs)
	if len(pcs) > maxPCs { // the runtimes of Go and Rust are large
		step := len(pcs) / maxPCs
		for i := range maxPCs {
			pcs[i] = pcs[i*step]
		}
		pcs = pcs[:maxPCs]
	}
	return slices.DeleteFunc(pcs, func(pc uint64) bool { return !inside(pc) })
}

const maxPCs = 500

// frame is a function and the place in it, inlined ones first.
type frame struct{ Func, File, Line string }

func framesAt(d *Data, pc uint64) ([]frame, error) {
	file, line, err := d.Line(pc)
	if err != nil && !errors.Is(err, ErrNoLine) {
		return nil, err
	}
	place := func(name, file string, line int) frame {
		return frame{name, filepath.Base(file), strconv.Itoa(line)}
	}
	f, err := d.Function(pc)
	if errors.Is(err, ErrNoFunction) {
		return []frame{place("??", file, line)}, nil
	}
	if err != nil {
		return nil, err
	}
	ins, err := f.Inlines(pc)
	if err != nil {
		return nil, err
	}
	var out []frame
	for _, in := range ins {
		out = append(out, place(linkage(&in.body), file, line))
		file, line = in.CallFile, in.CallLine
	}
	return append(out, place(linkage(&f.body), file, line)), nil
}

// linkage is the name that addr2line shows without -C: the mangled one.
func linkage(b *body) string {
	if n := b.LinkageName(); n != "" {
		return n
	}
	return b.die().fullName()
}

// addr2line asks binutils for the frames at addresses.
func addr2line(t *testing.T, path string, pcs []uint64) [][]frame {
	fixtures.Need(t, "addr2line")
	var in strings.Builder
	for _, pc := range pcs {
		fmt.Fprintf(&in, "%#x\n", pc)
	}
	cmd := exec.Command("addr2line", "-a", "-f", "-i", "-e", path)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]frame
	s := bufio.NewScanner(strings.NewReader(string(out)))
	for s.Scan() {
		if strings.HasPrefix(s.Text(), "0x") {
			all = append(all, nil)
			continue
		}
		f := frame{Func: s.Text()}
		if !s.Scan() {
			break
		}
		place, _, _ := strings.Cut(s.Text(), " ") // "(discriminator 2)"
		i := strings.LastIndexByte(place, ':')
		f.File, f.Line = filepath.Base(place[:i]), place[i+1:]
		if f.Line == "?" {
			f.Line = "0"
		}
		all[len(all)-1] = append(all[len(all)-1], f)
	}
	return all
}

// TestFrames compares functions, inlined functions, the places they are called
// from and lines with addr2line, at rows of the line tables. addr2line (2.40)
// answers for DWARF 5 from the wrong file table, knows no inlined function of a
// type unit's program and no inlined lambda, and takes some names from symbols:
// gdb is the other oracle.
func TestFrames(t *testing.T) {
	for _, v := range variants() {
		if v.tool != "gcc" && v.tool != "g++" || slices.Contains(v.args, "-c") ||
			!slices.ContainsFunc(v.args, func(a string) bool { return a >= "-gdwarf-2" && a <= "-gdwarf-4" }) {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			path := v.build(t)
			d := open(t, path, Options{})
			pcs := textPCs(t, d, path)
			want := addr2line(t, path, pcs)
			if len(want) != len(pcs) {
				t.Fatalf("addr2line gave %d answers to %d addresses", len(want), len(pcs))
			}
			wrong := 0
			for i, pc := range pcs {
				got, err := framesAt(d, pc)
				if err != nil {
					t.Fatalf("%#x: %v", pc, err)
				}
				// Where several rows have an address, we do as gdb does.
				got[0].File, want[i][0].File = "", ""
				got[0].Line, want[i][0].Line = "", ""
				if n := got[0].Func; n == "operator()" || strings.HasPrefix(n, "__static_init") {
					continue
				}
				last := len(want[i]) - 1
				if name := got[len(got)-1].Func; strings.Contains(want[i][last].Func, name) {
					want[i][last].Func = name
				}
				if diff := cmp.Diff(want[i], got); diff != "" {
					if wrong++; wrong <= 2 {
						t.Logf("%#x: %s", pc, diff)
					}
				}
			}
			if 100*wrong > 3*len(pcs) {
				t.Errorf("%d of %d addresses differ", wrong, len(pcs))
			}
		})
	}
}

// gdbScript prints, for each address in a file, the line and the functions whose
// blocks contain it, inlined ones first.
const gdbScript = `
import gdb
for text in open(%q):
    pc = int(text, 16)
    place = gdb.find_pc_line(pc)
    file = place.symtab.filename.split("/")[-1] if place.symtab else "??"
    names = []
    block = gdb.block_for_pc(pc)
    while block is not None:
        if block.function is not None:
            names.append(block.function.linkage_name.split("(")[0])
        block = block.superblock
    print("AT %%x %%s:%%d %%s" %% (pc, file, place.line, "|".join(names)))
`

// gdbFrames asks gdb for the functions and the line at addresses.
func gdbFrames(t *testing.T, path string, pcs []uint64) map[uint64]string {
	fixtures.Need(t, "gdb")
	dir := t.TempDir()
	list, script := filepath.Join(dir, "pcs"), filepath.Join(dir, "frames.py")
	var in strings.Builder
	for _, pc := range pcs {
		fmt.Fprintf(&in, "%x\n", pc)
	}
	if err := os.WriteFile(list, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, fmt.Appendf(nil, gdbScript, list), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("gdb", "-nx", "-batch", "-x", script, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint64]string{}
	for line := range strings.Lines(string(out)) {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "AT ")
		if !ok {
			continue
		}
		at, frames, _ := strings.Cut(rest, " ")
		pc, err := strconv.ParseUint(at, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		all[pc] = frames
	}
	return all
}

// TestFramesGDB compares functions, inlined functions and lines with gdb.
func TestFramesGDB(t *testing.T) {
	for _, v := range append(variants(), variant{name: "go"}) {
		if slices.Contains(v.args, "-c") {
			continue // addresses in an object are not unique
		}
		t.Run(v.name, func(t *testing.T) {
			path := v.build(t)
			d := open(t, path, Options{})
			pcs := textPCs(t, d, path)
			want := gdbFrames(t, path, pcs)
			wrong, seen := 0, 0
			for _, pc := range pcs {
				frames, err := framesAt(d, pc)
				if err != nil {
					t.Fatalf("%#x: %v", pc, err)
				}
				if frames[0].Line == "0" {
					continue // gdb gives the line before
				}
				var names []string
				for _, f := range frames {
					name, _, _ := strings.Cut(f.Func, "(")
					names = append(names, name)
				}
				got := frames[0].File + ":" + frames[0].Line + " " + strings.Join(names, "|")
				if seen++; got != want[pc] {
					if wrong++; wrong <= 2 {
						t.Logf("%#x: got %s\nwant %s", pc, got, want[pc])
					}
				}
			}
			t.Logf("%d of %d differ", wrong, seen)
			if 100*wrong > 3*seen {
				t.Errorf("%d of %d addresses differ", wrong, seen)
			}
		})
	}
}
