package core

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
)

func testSession() (*Session, *bytes.Buffer, *bytes.Buffer) {
	var out, errs bytes.Buffer
	return NewSession("mdb", &out, &errs), &out, &errs
}

func stageOf(s *Session, d *Dcmd, words ...string) *Ctx {
	c := &Ctx{Context: nil, Session: s, Dcmd: d, P: s.Out, Stage: &Stage{}}
	for _, w := range words {
		c.Stage.RawArgs = append(c.Stage.RawArgs, Arg{Str: w})
	}
	return c
}

func TestParseOpts(t *testing.T) {
	d := &Dcmd{Name: "x", Opts: []Opt{
		{Letter: 'a'}, {Letter: 'v'}, {Letter: 'n', Kind: Uint}, {Letter: 'f', Kind: Str}, {Letter: 'c', Kind: Clear, Of: 'a'},
	}}
	for _, tc := range []struct {
		words []string
		flags string // letters set
		n     uint64
		f     string
		rest  []string
		errs  string
	}{
		{words: []string{"-av", "rest"}, flags: "av", rest: []string{"rest"}},
		{words: []string{"-n5", "-f", "name"}, flags: "nf", n: 5, f: "name"},
		{words: []string{"-vn", "0t10", "y"}, flags: "vn", n: 10, rest: []string{"y"}},
		{words: []string{"-a", "-c"}, flags: ""},
		{words: []string{"-", "-a"}, rest: []string{"-", "-a"}},
		{words: []string{"--", "-a"}, rest: []string{"--", "-a"}},
		{words: []string{"y", "-a"}, rest: []string{"y", "-a"}},
		{words: []string{"-z"}, errs: "mdb: illegal option -- z\n"},
		{words: []string{"-n"}, errs: "mdb: option requires an argument -- n\n"},
	} {
		s, _, errs := testSession()
		c := stageOf(s, d, tc.words...)
		err := c.ParseOpts()
		if (err != nil) != (tc.errs != "") || errs.String() != tc.errs {
			t.Errorf("%q: error %v, said %q, want %q", tc.words, err, errs.String(), tc.errs)
			continue
		}
		if err != nil {
			continue
		}
		flags := ""
		for _, l := range "avnfc" {
			if c.Opt(byte(l)) {
				flags += string(l)
			}
		}
		n, _ := c.OptUint('n')
		f, _ := c.OptStr('f')
		var rest []string
		for _, a := range c.Args {
			rest = append(rest, a.Str)
		}
		if flags != tc.flags || n != tc.n || f != tc.f || !cmp.Equal(rest, tc.rest) {
			t.Errorf("%q: flags %q n %d f %q rest %q", tc.words, flags, n, f, rest)
		}
	}
}

func TestStrtoull(t *testing.T) {
	for _, tc := range []struct {
		in    string
		radix int
		want  uint64
		err   string
	}{
		{"ff", 16, 255, ""}, {"0t10", 16, 10, ""}, {"0i101", 16, 5, ""}, {"0o17", 10, 15, ""}, {"0X1f", 10, 31, ""},
		{"1_000", 10, 1000, ""}, {"ffffffffffffffff", 16, ^uint64(0), ""},
		{"10000000000000000", 16, 0, "specified value exceeds maximum immediate value"},
		{"", 16, 0, ""}, {"0x", 16, 0, ""}, {"0t", 16, 0, ""}, {"-", 16, 0, ""}, {"-1", 16, ^uint64(0), ""}, {"0t-5", 16, ^uint64(4), ""},
		// strtonum of mdb_string.c: no prefix after a sign; a character below '0' is
		// a negative digit.
		{"-0x10", 16, 0, "digit 'x' is invalid in current base"},
		{".5", 16, 0, "digit '.' is invalid in current base"}, {"1.5", 16, 0, "specified value exceeds maximum immediate value"},
		{"0.", 16, ^uint64(8), ""}, {"1:", 16, 0x13, ""},
		{"9", 8, 0, "digit '9' is invalid in current base"}, {"zz", 16, 0, "digit 'z' is invalid in current base"},
	} {
		v, err := Strtoull(tc.in, tc.radix)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if v != tc.want || text != tc.err {
			t.Errorf("Strtoull(%q, %d) = %#x, %q; want %#x, %q", tc.in, tc.radix, v, text, tc.want, tc.err)
		}
	}
}

func TestRegistryChains(t *testing.T) {
	s, _, _ := testSession()
	mk := func(name string) *Module {
		return &Module{Name: name, Dcmds: []*Dcmd{{Name: "x"}}, Walkers: []*Walker{{Name: "w"}}}
	}
	a, b, c := mk("a"), mk("b"), mk("c")
	s.Load(a, false)
	s.Load(b, false)
	s.Load(c, true)
	order := func() string {
		var l []string
		for _, d := range s.Reg.Dcmds("x") {
			l = append(l, d.Module.Name)
		}
		return strings.Join(l, " ")
	}
	if got := order(); got != "c a b" {
		t.Errorf("definitions of x: %s; want c a b", got)
	}
	if err := s.Unload("a"); err != nil {
		t.Error(err)
	}
	if got := order(); got != "c b" {
		t.Errorf("after unloading a: %s; want c b", got)
	}
	if len(s.Reg.Walkers("w")) != 2 {
		t.Errorf("walkers of w: %d, want 2", len(s.Reg.Walkers("w")))
	}
	if err := s.Unload("nope"); err == nil {
		t.Error("unloading a module that is not loaded gave no error")
	}
}

// TestRegistrySetAside has a kernel's definitions first while one is looked at, and those
// of processes in a process of it.
func TestRegistrySetAside(t *testing.T) {
	s, _, _ := testSession()
	inKernel := true
	mk := func(name string, m Module) {
		m.Name, m.Dcmds, m.Walkers = name, []*Dcmd{{Name: "x"}}, []*Walker{{Name: "w"}}
		s.Load(&m, m.Interposes)
	}
	mk("process", Module{})
	mk("kernel", Module{Interposes: true, Active: func(*Context) bool { return inKernel }})
	for _, in := range []struct {
		kernel bool
		want   string
	}{{true, "kernel process"}, {false, "process kernel"}, {true, "kernel process"}} {
		inKernel = in.kernel
		s.Changed()
		d, w := s.Reg.Dcmds("x"), s.Reg.Walkers("w")
		if got := d[0].Module.Name + " " + d[1].Module.Name; got != in.want || w[0].Module != d[0].Module {
			t.Errorf("kernel %v: definitions of %s, want %s", in.kernel, got, in.want)
		}
	}
}

func TestRegistryRefuses(t *testing.T) {
	s, _, errs := testSession()
	s.Load(&Module{Name: "m", Dcmds: []*Dcmd{{Name: "x"}, {Name: "x"}, {Name: "a b"}}}, false)
	want := "mdb: failed to load dcmd m`x: dcmd name already in use\nmdb: dcmd name 'a b' contains illegal characters\n"
	if errs.String() != want {
		t.Errorf("said %q, want %q", errs.String(), want)
	}
	if len(s.Reg.Dcmds("x")) != 1 {
		t.Error("the good definition was not kept")
	}
}

func TestFailedInitLeavesNothing(t *testing.T) {
	s, _, _ := testSession()
	undone := false
	m := &Module{Name: "m", Dcmds: []*Dcmd{{Name: "x"}}}
	m.Init = func(*Session) error {
		m.OnUnload(func() { undone = true })
		return errors.New("no")
	}
	if s.Load(m, false) == nil {
		t.Fatal("no error")
	}
	if len(s.Reg.Dcmds("x")) != 0 || !undone {
		t.Error("a module that failed to initialize left something behind")
	}
}

func TestPipeTypes(t *testing.T) {
	a := ctype.New(nil, 1, ctype.Integer, "a", &ctype.Body{})
	b := ctype.New(nil, 2, ctype.Integer, "b", &ctype.Body{})
	var p Pipe
	p.Add(1, a)
	p.Add(2, a)
	if p.Types != nil || p.TypeAt(1) != a {
		t.Error("one type for all is kept once")
	}
	p.Add(3, b)
	if p.TypeAt(0) != a || p.TypeAt(1) != a || p.TypeAt(2) != b || p.Type != nil {
		t.Error("mixed types are kept for each")
	}
}

func TestPipeVariables(t *testing.T) {
	v := &Var{Name: "v"}
	p := Pipe{Cols: []VarCol{{Var: v}}}
	for i := range uint64(3) {
		v.Force(i * 10)
		p.Add(i, nil)
	}
	p.Select(1)
	if v.Value() != 10 {
		t.Errorf("variable with element 1 is %d, want 10", v.Value())
	}
}

func TestMemoEndsWithGeneration(t *testing.T) {
	s, _, _ := testSession()
	calls := 0
	get := func() int {
		v, err := Memo(s, "key", func() (int, error) { calls++; return calls, nil })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if first, again := get(), get(); first != 1 || again != 1 {
		t.Error("the memo was not kept")
	}
	changed := 0
	remove := s.OnChange(func() { changed++ })
	s.Changed()
	if get() != 2 || changed != 1 {
		t.Error("the memo outlived a change, or the callback was not called")
	}
	remove()
	s.Changed()
	if changed != 1 {
		t.Error("a removed callback was called")
	}
}

func TestOptionsSet(t *testing.T) {
	for _, tc := range []struct{ word, err string }{
		{"pager", ""}, {"array_mem_limit=none", ""}, {"array_str_limit=0t10", ""}, {"follow_fork_mode=child", ""},
		{"nope", "invalid debugger option -- nope"},
		{"array_mem_limit", "option requires an argument -- array_mem_limit"},
		{"pager=1", "option does not accept an argument -- pager"},
		{"follow_fork_mode=x", "invalid argument for option follow_fork_mode -- x"},
	} {
		o := DefaultOptions()
		text := ""
		if err := o.Set(tc.word, true); err != nil {
			text = err.Error()
		}
		if text != tc.err {
			t.Errorf("Set(%q): %q, want %q", tc.word, text, tc.err)
		}
	}
	o := DefaultOptions()
	o.Set("array_mem_limit=none", true)
	if o.ArrayMemLimit != NoLimit {
		t.Errorf("none = %d", o.ArrayMemLimit)
	}
}

func TestWhatisMatch(t *testing.T) {
	s, out, _ := testSession()
	c := stageOf(s, &Dcmd{Name: "whatis"})
	w := NewWhatis(c, []uint64{0x30, 0x10, 0x20}, false)
	var got []uint64
	for a := range w.Match(0x10, 0x11) {
		got = append(got, uint64(a))
		w.ReportObject(a, 0x10, "in a\n")
	}
	s.Out.Flush()
	if !cmp.Equal(got, []uint64{0x10, 0x20}) {
		t.Errorf("matched %#x", got)
	}
	if !cmp.Equal(w.Unknown(), []uint64{0x30}) || w.Done() {
		t.Errorf("unknown %#x", w.Unknown())
	}
	if !strings.Contains(out.String(), "20 is 10+10, in a\n") {
		t.Errorf("said %q", out.String())
	}
}
