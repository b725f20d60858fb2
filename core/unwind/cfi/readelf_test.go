package cfi

import (
	"bufio"
	"bytes"
	"fmt"
	"github.com/xmdb/xmdb/fixtures"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// amd64Names are readelf's names of the columns by DWARF number.
var amd64Names = []string{"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"}

// oracleRow is one line of readelf's table: the rules by column name.
type oracleRow struct {
	loc  uint64
	rule map[string]string
}

// oracleEntry is a CIE or FDE of readelf's dump.
type oracleEntry struct {
	off        uint64
	cie        bool
	start, end uint64
	ra         int
	rows       []oracleRow
}

var (
	entryLine = regexp.MustCompile(`^([0-9a-f]{8,}) [0-9a-f]+ [0-9a-f]+ (CIE|FDE) (.*)$`)
	fdeRest   = regexp.MustCompile(`pc=([0-9a-f]+)\.\.([0-9a-f]+)`)
	raField   = regexp.MustCompile(`ra=(\d+)`)
	regName   = regexp.MustCompile(` \(\w+\)`)
)

// readelfFrames gives readelf's interpretation of one section of a file.
func readelfFrames(t *testing.T, path, section string) []oracleEntry {
	t.Helper()
	fixtures.Need(t, "readelf")
	out, err := exec.Command("readelf", "--debug-dump=frames-interp", "--debug-dump=no-follow-links", path).Output()
	if err != nil {
		t.Fatalf("readelf %s: %v", path, err)
	}
	var entries []oracleEntry
	var columns []string
	in := false
	sc := bufio.NewScanner(bytes.NewReader(out))
	for sc.Scan() {
		line := sc.Text()
		if strings.HasPrefix(line, "Contents of the ") {
			in = strings.Contains(line, " "+section+" ")
			continue
		}
		if !in {
			continue
		}
		if m := entryLine.FindStringSubmatch(line); m != nil {
			e := oracleEntry{off: hex(t, m[1]), cie: m[2] == "CIE"}
			if r := fdeRest.FindStringSubmatch(m[3]); r != nil {
				e.start, e.end = hex(t, r[1]), hex(t, r[2])
			}
			if r := raField.FindStringSubmatch(m[3]); r != nil {
				e.ra, _ = strconv.Atoi(r[1])
			}
			entries = append(entries, e)
			continue
		}
		f := strings.Fields(regName.ReplaceAllString(line, ""))
		if len(f) < 2 || len(entries) == 0 {
			continue
		}
		if f[0] == "LOC" {
			columns = f[1:]
			continue
		}
		if len(f) != len(columns)+1 || f[1] == "ZERO" {
			continue // terminators, remarks
		}
		e := &entries[len(entries)-1]
		row := oracleRow{loc: hex(t, f[0]), rule: map[string]string{}}
		for i, c := range columns {
			row.rule[c] = f[i+1]
		}
		e.rows = append(e.rows, row)
	}
	return entries
}

func hex(t *testing.T, s string) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// text is a row in readelf's words.
func (r *Row) text() oracleRow {
	o := oracleRow{loc: r.Start, rule: map[string]string{}}
	switch r.CFA.Kind {
	case Register:
		o.rule["CFA"] = fmt.Sprintf("%s%+d", amd64Names[r.CFA.Reg], r.CFA.Off)
	case ValExpression:
		o.rule["CFA"] = "exp"
	}
	for _, rr := range r.Regs {
		name := "ra"
		if rr.Num != r.RA {
			name = amd64Names[rr.Num]
		}
		o.rule[name] = rr.Rule.String()
	}
	return o
}

// diff compares a row with readelf's, where "u" also stands for "nothing said".
func (o oracleRow) diff(r *Row) string {
	got := r.text()
	var bad []string
	if o.loc != got.loc {
		bad = append(bad, fmt.Sprintf("at %#x, want %#x", got.loc, o.loc))
	}
	for name, want := range o.rule {
		if g, ok := got.rule[name]; g != want && !(!ok && want == "u") {
			bad = append(bad, fmt.Sprintf("%s is %q, want %q", name, g, want))
		}
		delete(got.rule, name)
	}
	for name, g := range got.rule {
		bad = append(bad, fmt.Sprintf("%s is %q, want nothing", name, g))
	}
	sort.Strings(bad)
	return strings.Join(bad, "; ")
}

// compareWithReadelf checks every entry of a section and every row of it.
func compareWithReadelf(t *testing.T, path, section string) {
	t.Helper()
	entries := readelfFrames(t, path, section)
	if len(entries) == 0 {
		t.Fatalf("%s: readelf shows nothing in %s", path, section)
	}
	tab := openELF(t, path, false)
	sec := &tab.eh
	if section == ".debug_frame" {
		sec = &tab.debug
	}
	ours := map[uint64]*FDE{}
	if err := tab.scan(sec, func(d *FDE, err error) bool {
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return true
		}
		ours[d.Off] = d
		return true
	}); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	fdes, rows, bad := 0, 0, 0
	for _, e := range entries {
		if e.cie {
			ci, err := tab.cie(sec, e.off)
			if err != nil || int(ci.RA) != e.ra {
				t.Errorf("%s: CIE at %#x: %v, %v", path, e.off, ci, err)
			}
			continue
		}
		fdes++
		d := ours[e.off]
		if d == nil {
			t.Errorf("%s: no FDE at %#x", path, e.off)
			continue
		}
		delete(ours, e.off)
		if d.Start != e.start || d.End != e.end {
			t.Errorf("%s: FDE at %#x is [%#x, %#x), want [%#x, %#x)", path, e.off, d.Start, d.End, e.start, e.end)
		}
		var got []*Row
		if err := d.Rows(func(r *Row) bool { got = append(got, r); return true }); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if len(e.rows) == 0 { // readelf shows no rows of an FDE without instructions
			if len(got) != 1 {
				t.Errorf("%s: FDE at %#x has %d rows, want 1", path, e.off, len(got))
			}
			continue
		}
		if len(got) != len(e.rows) {
			t.Errorf("%s: FDE at %#x has %d rows, want %d", path, e.off, len(got), len(e.rows))
			continue
		}
		for i, want := range e.rows {
			rows++
			if d := want.diff(got[i]); d != "" {
				if bad++; bad < 20 {
					t.Errorf("%s: FDE at %#x, row %d: %s", path, e.off, i, d)
				}
			}
		}
	}
	for off := range ours {
		t.Errorf("%s: FDE at %#x is not in readelf's list", path, off)
	}
	t.Logf("%s %s: %d FDEs, %d rows, %d differ", path, section, fdes, rows, bad)
}

// sharedObject finds a system library.
func sharedObject(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"} {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Skipf("missing file: amd64 %s", name)
	return ""
}

func TestReadelfEHFrame(t *testing.T) {
	for _, name := range []string{"libc.so.6", "ld-linux-x86-64.so.2", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"} {
		t.Run(name, func(t *testing.T) { compareWithReadelf(t, sharedObject(t, name), ".eh_frame") })
	}
}

const debugFrameC = `
int leaf(int *p, int n);
int nested(int n) { int a[16]; if (n > 3) return leaf(a, n) + n; return nested(n + 1); }
int vla(int n) { int a[n]; return leaf(a, n) + leaf(a, 2); }
int main(int argc, char **argv) { return nested(argc) + vla(argc); }
int leaf(int *p, int n) { for (int i = 0; i < n; i++) p[i] = i; return p[n-1]; }
`

// compile builds C source with gcc and gives the program's path.
func compile(t *testing.T, src string, flags ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("programs are compiled on linux/amd64")
	}
	fixtures.Need(t, "gcc")
	dir := t.TempDir()
	in, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	if err := os.WriteFile(in, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-g", "-o", out, in}, flags...)
	if b, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, b)
	}
	return out
}

func TestReadelfDebugFrame(t *testing.T) {
	noEH := "-fno-asynchronous-unwind-tables"
	for _, flags := range [][]string{
		{"-O2", "-gdwarf-2", noEH}, {"-O1", "-gdwarf-3", noEH}, {"-O2", "-gdwarf-5", noEH, "-fcf-protection=full"}, {"-O0", "-gdwarf-4", noEH},
	} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			compareWithReadelf(t, compile(t, debugFrameC, flags...), ".debug_frame")
		})
	}
}

// TestHeaderAgrees looks up every FDE's ends by the sorted table and by the index
// of our own, and addresses that no FDE covers.
func TestHeaderAgrees(t *testing.T) {
	for _, name := range []string{"libc.so.6", "libstdc++.so.6"} {
		path := sharedObject(t, name)
		with, without := openELF(t, path, true), openELF(t, path, false)
		if with.hdr == nil || with.hdr.count == 0 {
			t.Fatalf("%s: .eh_frame_hdr was not usable", path)
		}
		n := 0
		if err := without.FDEs(func(d *FDE, err error) bool {
			if err != nil {
				t.Fatal(err)
			}
			n++
			for _, pc := range []uint64{d.Start - 1, d.Start, d.End - 1, d.End} {
				a, errA := with.Lookup(pc)
				b, errB := without.Lookup(pc)
				if (errA == nil) != (errB == nil) || a != nil && a.Off != b.Off {
					t.Errorf("%s: %#x: by header %v, %v; by index %v, %v", path, pc, a, errA, b, errB)
				}
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if uint64(n) != with.hdr.count {
			t.Errorf("%s: header has %d pairs, section %d FDEs", path, with.hdr.count, n)
		}
	}
}
