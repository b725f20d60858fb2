package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/dcmds"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/targets/elfcore"
)

// gdbFrame is a frame as testdata/frames.gdb.py has it.
type gdbFrame struct {
	Kind, PC, SP, Func, File string
	Line                     int
	Vars                     []gdbVar
}

type gdbVar struct {
	Name, Value string
	Arg         bool
}

type gdbThread struct {
	LWP    uint64
	Frames []gdbFrame
}

// gdbFor is the gdb that knows the architecture of a subject.
func gdbFor(s fixtures.Subject) string {
	if strings.HasPrefix(s.Name, "arm64/") || strings.HasPrefix(s.Name, "i386/") {
		return "gdb-multiarch"
	}
	return "gdb"
}

// gdbContext bounds what gdb takes: there are cores on which it never ends.
func gdbContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// gdbFrames asks gdb for the frames of every step-th thread of a core, and the
// variables of the innermost vars frames of each.
func gdbFrames(t *testing.T, s fixtures.Subject, step, vars int) []gdbThread {
	t.Helper()
	gdb := gdbFor(s)
	fixtures.Need(t, gdb)
	args := []string{"-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off"}
	if s.Debug != "" {
		args = append(args, "-iex", "set debug-file-directory "+s.Debug+":/usr/lib/debug")
	}
	if strings.HasPrefix(s.Name, "arm64/pac") {
		s.Core = fixtures.WithNotes(t, s.Core, fixtures.PACMask)
	}
	cmd := exec.CommandContext(gdbContext(t), gdb, append(args, "-x", "testdata/frames.gdb.py", s.Exe, s.Core)...)
	structs := "0"
	if strings.HasPrefix(s.Name, "c/") || gdbFor(s) == "gdb-multiarch" {
		structs = "1"
	}
	cmd.Env = append(os.Environ(), "FRAMES_STRUCTS="+structs, "FRAMES_STEP="+strconv.Itoa(step), "FRAMES_VARS="+strconv.Itoa(vars), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run gdb: %v", err)
	}
	var threads []gdbThread
	for line := range strings.Lines(string(out)) {
		text, ok := strings.CutPrefix(line, "J ")
		if !ok {
			continue
		}
		var th gdbThread
		if err := json.Unmarshal([]byte(text), &th); err != nil {
			t.Fatalf("read gdb's answer: %v", err)
		}
		threads = append(threads, th)
	}
	if len(threads) == 0 {
		t.Fatalf("gdb named no thread: %q", out)
	}
	return threads
}

// inside is a debugger on a core, inside the test.
type inside struct {
	t   testing.TB
	s   *core.Session
	out bytes.Buffer
	err bytes.Buffer
}

func newInside(t testing.TB, target core.Target) *inside {
	d := &inside{t: t}
	d.s = core.NewSession("xmdb", &d.out, &d.err)
	d.s.Eval = interp.New(d.s)
	d.s.Load(dcmds.Module(), false)
	cx := d.s.Context()
	cx.Target = target
	if sys, err := system.Recognise(t.Context(), target); err == nil {
		cx.System = sys
	}
	if th, ok := core.As[core.Threads](cx); ok && len(th.Threads()) > 0 {
		cx.Thread = th.Threads()[0].ID
	}
	return d
}

func openSubject(t *testing.T, s fixtures.Subject) *inside {
	t.Helper()
	var dirs []string
	if s.Debug != "" {
		dirs = []string{s.Debug, "/usr/lib/debug"}
	}
	target, err := elfcore.Open(t.Context(), s.Core, elfcore.Options{Program: s.Exe, Files: system.NewFiles("", dirs...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	return newInside(t, target)
}

// run gives the output of commands; errors of theirs are in d.err.
func (d *inside) run(src string) string {
	d.t.Helper()
	d.out.Reset()
	d.err.Reset()
	_ = d.s.Eval.Eval(d.t.Context(), d.s, src) // what failed is in d.err
	d.s.Out.Flush()
	return d.out.String()
}

// rows gives the records that commands print.
func (d *inside) rows(src string) []map[string]any {
	d.t.Helper()
	d.s.Opts.JSON = true
	defer func() { d.s.Opts.JSON = false }()
	var rows []map[string]any
	dec := json.NewDecoder(strings.NewReader(d.run(src)))
	dec.UseNumber()
	for dec.More() {
		var row map[string]any
		if err := dec.Decode(&row); err != nil {
			d.t.Fatalf("%s: %v", src, err)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		d.t.Logf("%s: no rows: %s", src, d.err.String())
	}
	return rows
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// functions makes one list of frames of the records of ::stack -l, as gdb has it:
// inlined functions are frames of their own.
func functions(rows []map[string]any) []gdbFrame {
	var out []gdbFrame
	for _, r := range rows {
		f := gdbFrame{Kind: "normal", PC: text(r["pc"]), SP: text(r["sp"]), Func: text(r["function"])}
		f.Func, _, _ = strings.Cut(f.Func[strings.LastIndexByte(f.Func, '`')+1:], "+")
		if r["signal"] == true {
			f.Kind = "signal"
		}
		inlined, _ := r["inlined"].([]any)
		for _, in := range inlined {
			in := in.(map[string]any)
			g := f
			g.Kind, g.Func, g.File = "inline", text(in["function"]), text(in["file"])
			g.Line, _ = strconv.Atoi(text(in["line"]))
			out = append(out, g)
		}
		if f.File = text(r["file"]); r["name"] != nil {
			f.Func = text(r["name"])
		}
		f.Line, _ = strconv.Atoi(text(r["line"]))
		out = append(out, f)
	}
	return out
}

// framesSubjects are the cores whose frames are compared, and every how manieth
// thread.
var framesSubjects = []struct {
	name string
	step int
}{
	{"c/O0", 17}, {"c/O2", 1}, {"c/O3", 1}, {"c/fp", 17}, {"c/nofp", 17}, {"c/debugframe", 1},
	{"c/O2/abort", 17}, {"c/O2/sighandler", 17}, {"c/O2/fault", 17}, {"c/O2/nullcall", 17}, {"c/static/segv", 17},
	{"c/split4", 1}, {"c/split5", 1}, {"c/dwp4", 1},
	{"c/buildid", 1}, {"c/O2/gcore", 17}, {"c/stripped", 1},
	{"cxx/throw", 1}, {"cxx/segv", 1}, {"cxx/O2/throw", 1}, {"cxx/O2/abort", 1},
	{"rust/panic", 1}, {"rust/segv", 1}, {"rust/O/panic", 1}, {"go/crash", 1}, {"go/panic", 1}, {"go/noopt", 1},
}

// foreignSubjects are the cores of other architectures: all but those of arm64/pie,
// in which gdb does not find the program, because qemu leaves out what tells where
// it is.
func foreignSubjects() []string {
	var names []string
	for _, name := range fixtures.Names() {
		if (strings.HasPrefix(name, "arm64/") || strings.HasPrefix(name, "i386/")) && !strings.HasPrefix(name, "arm64/pie") {
			names = append(names, name)
		}
	}
	return names
}

// TestFramesAgainstGDB compares frames, functions and lines with gdb's.
func TestFramesAgainstGDB(t *testing.T) {
	subjects := framesSubjects
	for _, name := range foreignSubjects() {
		subjects = append(subjects, struct {
			name string
			step int
		}{name, 1})
	}
	for _, tt := range subjects {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fixtures.Build(t, tt.name)
			d := openSubject(t, s)
			frames, lines := 0, 0
			for _, th := range gdbFrames(t, s, tt.step, 0) {
				d.s.Context().Thread = th.LWP
				got := functions(d.rows("::stack -l"))
				n, l := compareStacks(t, d, th, got)
				frames, lines = frames+n, lines+l
			}
			t.Logf("%d frames, %d lines", frames, lines)
		})
	}
}

// compareStacks compares the frames that gdb shows: it ends at main.
func compareStacks(t *testing.T, d *inside, th gdbThread, got []gdbFrame) (frames, lines int) {
	t.Helper()
	var want []gdbFrame
	for _, f := range th.Frames {
		if f.Kind != "tailcall" { // gdb makes these up from call sites: nothing of them is on the stack
			want = append(want, f)
		}
	}
	for i, w := range want {
		if i >= len(got) {
			// Where the stack ends in no code, or returns to 0, gdb goes on.
			if last, _ := strconv.ParseUint(got[len(got)-1].PC, 0, 64); w.PC != "0x0" && d.s.Namespace().ObjectAt(last) != nil {
				t.Errorf("thread %d: %d frames, gdb has %d; the next is %+v", th.LWP, len(got), len(want), w)
			}
			return frames, lines
		}
		g := got[i]
		frames++
		if g.PC != w.PC || g.SP != w.SP || g.Kind != w.Kind && w.Kind != "other" {
			t.Errorf("thread %d, frame %d: %s at pc %s, sp %s; gdb has %s at pc %s, sp %s (%s, %s)",
				th.LWP, i, g.Kind, g.PC, g.SP, w.Kind, w.PC, w.SP, g.Func, w.Func)
			return frames, lines
		}
		if w.Kind == "signal" {
			continue
		}
		if !sameFunction(d.s, g, w.Func) {
			t.Errorf("thread %d, frame %d at %s: %s; gdb has %s", th.LWP, i, g.PC, g.Func, w.Func)
		}
		if w.Line != 0 {
			lines++
			if g.Line != w.Line || path.Base(g.File) != path.Base(w.File) {
				t.Errorf("thread %d, frame %d at %s (%s): line %s:%d; gdb has %s:%d", th.LWP, i, g.PC, w.Func, g.File, g.Line, w.File, w.Line)
			}
		}
	}
	return frames, lines
}

// sameFunction compares the names of functions. gdb may choose another symbol at
// the same address, adds parameters to C++ names and leaves out GCC's numbers.
func sameFunction(s *core.Session, f gdbFrame, gdbs string) bool {
	ours := f.Func
	if gdbs == "" || gdbs == ours || strings.HasPrefix(gdbs, ours+"(") || strings.HasPrefix(ours, gdbs+".") {
		return true
	}
	pc, _ := strconv.ParseUint(f.PC, 0, 64)
	o := s.Namespace().ObjectAt(pc)
	if o == nil {
		return false
	}
	m, err := s.Namespace().LookupName(o.Path, gdbs)
	return err == nil && pc-m.Value <= m.Size && pc >= m.Value
}

// varsSubjects are the cores whose variables are compared, every how manieth thread,
// of how many frames, and how many values at most gdb may have that we do not: in Go,
// registers that Go's callees do not preserve; where gdb has no number for
// "synthetic pointer", an address of nothing.
var varsSubjects = []struct {
	name    string
	step    int
	frames  int
	guessed int
}{
	{"c/O0", 17, 12, 0}, {"c/nofp", 17, 12, 0}, {"c/types4", 1, 12, 0}, {"c/O0/sighandler", 17, 16, 0},
	{"c/O2", 17, 12, 0}, {"c/O3", 1, 12, 0}, {"c/fp", 17, 12, 0}, {"c/O2/sighandler", 17, 16, 0},
	{"c/split4", 1, 12, 0}, {"c/split5", 1, 12, 0}, {"c/dwp4", 1, 12, 0},
	{"c/dwarf2", 1, 12, 1}, {"c/dwarf4", 1, 12, 0}, {"c/static/segv", 17, 12, 0}, {"c/buildid", 1, 12, 0},
	{"cxx/segv", 1, 16, 0}, {"cxx/throw", 1, 16, 0}, {"cxx/O2/abort", 1, 16, 2},
	{"rust/segv", 1, 20, 0}, {"rust/O/panic", 1, 20, 5}, {"go/noopt", 1, 16, 40}, {"go/crash", 1, 16, 40},
	{"arm64/O0", 1, 12, 0}, {"arm64/O2", 1, 12, 0}, {"arm64/pac", 1, 12, 0}, {"arm64/O2/sighandler", 1, 16, 0},
	{"i386/O0", 1, 12, 0}, {"i386/O2", 1, 12, 0}, {"i386/O2/sighandler", 1, 16, 0},
}

// TestVariablesAgainstGDB compares arguments and locals with gdb's: integers,
// pointers, enums, floats and truth values of every frame. Where debug information
// gives a variable a register that the frame's callee may have changed, gdb shows
// what the register has now; ours is optimised out.
func TestVariablesAgainstGDB(t *testing.T) {
	for _, tt := range varsSubjects {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fixtures.Build(t, tt.name)
			d := openSubject(t, s)
			var n varCount
			for _, th := range gdbFrames(t, s, tt.step, tt.frames) {
				compareVars(t, d, th, &n)
			}
			t.Logf("%+v", n)
			if n.Same-n.Absent < 20 || n.Guessed > tt.guessed {
				t.Errorf("%+v; want at most %d guessed", n, tt.guessed)
			}
		})
	}
}

// varCount counts what was compared.
type varCount struct {
	Same, Absent int // of them optimised out with both
	Guessed      int // gdb has a value, we do not
	Known        int // we have one, gdb does not
	Members      int // of structs, the same with both
}

func compareVars(t *testing.T, d *inside, th gdbThread, n *varCount) {
	t.Helper()
	d.s.Context().Thread = th.LWP
	level, scope := -1, 0
	inner := true // the next frame of gdb's is the innermost function of one of ours
	var ours []map[string]any
	for i, f := range th.Frames {
		if f.Kind == "tailcall" {
			continue
		}
		if f.Func == "" {
			return // no code that anything is known of
		}
		if inner {
			level++
			scope = -1
			ours = d.rows(fmt.Sprintf("::frame %x ! true; ::locals", level))
		}
		inner = f.Kind != "inline"
		scope++
		for _, v := range f.Vars {
			compareVar(t, fmt.Sprintf("thread %d, frame %d (%s)", th.LWP, i, f.Func), v, scope, ours, n)
		}
	}
}

func compareVar(t *testing.T, where string, v gdbVar, scope int, ours []map[string]any, n *varCount) {
	t.Helper()
	for _, row := range ours {
		if text(row["name"]) != v.Name || text(row["scope"]) != strconv.Itoa(scope) {
			continue
		}
		if got, ok := row["value"].(map[string]any); ok && strings.HasPrefix(v.Value, "{") {
			var want map[string]any
			if err := json.Unmarshal([]byte(v.Value), &want); err != nil {
				t.Fatal(err)
			}
			compareMembers(t, where+": "+v.Name, got, want, n)
			return
		}
		got := text(row["value"])
		if why := text(row["value_error"]); why != "" {
			got = "<" + why + ">"
		}
		gone := got == "<optimised out>" || got == "<synthetic pointer>"
		switch {
		case got == v.Value:
			n.Same++
		case gone && v.Value == "<optimized out>":
			n.Same++
			n.Absent++
		case gone:
			n.Guessed++
			t.Logf("%s: %s is %s, gdb has %s", where, v.Name, got, v.Value)
		case v.Value == "<optimized out>" || strings.HasPrefix(v.Value, "<error"):
			n.Known++
			t.Logf("%s: %s is %s, gdb has %s", where, v.Name, got, v.Value)
		default:
			t.Errorf("%s: %s is %s, gdb has %s", where, v.Name, got, v.Value)
		}
		return
	}
	if strings.HasPrefix(v.Value, "<") {
		n.Same++
		n.Absent++ // of a block that was inlined and of which nothing is left: gdb takes it from the source's block
		return
	}
	t.Errorf("%s: no variable %s; gdb has %s", where, v.Name, v.Value)
}

// compareMembers compares the members of a struct one by one: some may be left when
// others are optimised out.
func compareMembers(t *testing.T, where string, got, want map[string]any, n *varCount) {
	t.Helper()
	for name, w := range want {
		at := where + "." + name
		if in, ok := w.(map[string]any); ok {
			if g, ok := got[name].(map[string]any); ok {
				compareMembers(t, at, g, in, n)
			} else {
				t.Errorf("%s is %v, gdb has %v", at, got[name], in)
			}
			continue
		}
		gdbs, ours := text(w), text(got[name])
		gone := text(got[name+"_error"])
		switch {
		case gone != "" && strings.HasPrefix(gdbs, "<"):
			n.Same++
			n.Absent++
		case gone == "" && ours == gdbs:
			n.Same++
			n.Members++
		default:
			t.Errorf("%s is %s%s, gdb has %s", at, ours, gone, gdbs)
		}
	}
}

// TestTLSAgainstGDB compares where each thread has its copy of a thread-local
// variable: the program's and one of libc's.
func TestTLSAgainstGDB(t *testing.T) {
	for _, name := range []string{"c/O2", "c/nopie", "c/O0"} {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			fixtures.Need(t, "gdb")
			script := `import gdb
for thread in gdb.selected_inferior().threads():
    thread.switch()
    for name in ("my_number", "errno"):
        print("TLS", thread.ptid[1], name, "%x" % int(gdb.parse_and_eval("&" + name)))`
			file := filepath.Join(t.TempDir(), "tls.py")
			if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-x", file, s.Exe, s.Core).Output()
			if err != nil {
				t.Fatalf("run gdb: %v", err)
			}
			d := openSubject(t, s)
			n := 0
			for line := range strings.Lines(string(out)) {
				var thread uint64
				var name, want string
				if k, _ := fmt.Sscanf(line, "TLS %d %s %s", &thread, &name, &want); k != 3 {
					continue
				}
				n++
				if got := strings.TrimSpace(d.run(fmt.Sprintf("%x::tls %s", thread, name))); got != want {
					t.Errorf("thread %d: %s at %s, gdb has it at %s; %s", thread, name, got, want, d.err.String())
				}
			}
			if n < 2*20 {
				t.Errorf("gdb told %d addresses: %s", n, out)
			}
		})
	}
}
