package interp_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/mem"
)

// session is a session without a target, with a few dcmds of the test's own.
func session() (s *core.Session, out, errs *bytes.Buffer) {
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	s = core.NewSession("mdb", out, errs)
	s.Eval = interp.New(s)
	s.Reg.Add(&core.Module{Name: "mdb", Builtin: true, Dcmds: append(interp.Dcmds(), testDcmds()...)}, false)
	s.Reg.Add(&core.Module{Name: "second", Dcmds: []*core.Dcmd{
		{Name: "chain", Usage: "?", Run: func(c *core.Ctx) error { c.Printf("second\n"); return nil }},
	}}, false)
	return s, out, errs
}

func testDcmds() []*core.Dcmd {
	eval := func(c *core.Ctx) error {
		if err := c.Session.Eval.Eval(c, c.Session, c.Args[0].Str); errors.Is(err, core.ErrParse) {
			return core.ErrAbort
		} else if errors.Is(err, core.ErrQuit) {
			return err
		}
		return nil
	}
	return []*core.Dcmd{
		{Name: "echo", Usage: "args ...", Run: func(c *core.Ctx) error {
			for _, a := range c.Args {
				if a.IsImm {
					c.Printf("%llr ", a.Imm)
				} else {
					c.Printf("%s ", a.Str)
				}
			}
			c.Printf("\n")
			return nil
		}},
		{Name: "eval", AnyAddr: true, Run: eval},
		{Name: "upto", Usage: "?[var]", Descr: "emit 0 to 9", Run: func(c *core.Ctx) error {
			var v *core.Var
			if len(c.Args) > 0 {
				v, _ = c.WalkVar(c.Args[0].Str)
			}
			for i := uint64(0); i < c.Addr; i++ {
				if v != nil {
					v.Force(i)
				}
				c.Emit(i, nil)
			}
			return nil
		}},
		{Name: "show", Usage: "?", Run: func(c *core.Ctx) error {
			c.Printf("addr=%lx has=%d loop=%d first=%d in=%d out=%d\n", c.Addr, c.HasAddr, c.Loop, c.First, c.PipeIn, c.PipeOut)
			return nil
		}},
		{Name: "need", Usage: ":[-a] [-n num]", Help: "x\n", Opts: []core.Opt{
			{Letter: 'a'}, {Letter: 'n', Kind: core.Uint},
		}, Run: func(c *core.Ctx) error {
			n, _ := c.OptUint('n')
			c.Printf("a=%d n=%lx args=%d\n", c.Opt('a'), n, len(c.Args))
			return nil
		}},
		{Name: "chain", Usage: "?", Run: func(c *core.Ctx) error { c.Printf("first\n"); return core.ErrNext }},
		{Name: "fail", Usage: "?", Run: func(c *core.Ctx) error { return errors.New("failed to do it") }},
		{Name: "abort", Usage: "?", Run: func(c *core.Ctx) error { return core.ErrAbort }},
		{Name: "quit", Run: func(c *core.Ctx) error { return core.ErrQuit }},
		{Name: "half", Run: func(c *core.Ctx) error { c.Printf("no newline"); return nil }},
		{Name: "total", AnyAddr: true, Run: func(c *core.Ctx) error {
			c.Printf("%d\n", len(c.Input()))
			return nil
		}},
		{Name: "last", AnyAddr: true, Run: func(c *core.Ctx) error {
			if c.State == nil {
				sum := new(uint64)
				c.State = sum
				c.AtEnd(func() error { c.Printf("sum %lx\n", *sum); return nil })
			}
			*c.State.(*uint64) += c.Addr
			return nil
		}},
		{Name: "inner", Usage: "?", Run: func(c *core.Ctx) error {
			return c.Session.Eval.Call(c, "show", c.Addr+1, true)
		}},
		{Name: "warns", Run: func(c *core.Ctx) error { c.Warnf("careful"); c.Printf("1\n"); return nil }},
		{Name: "forever", Run: func(c *core.Ctx) error {
			for c.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			return core.ErrIntr
		}},
	}
}

func TestSessions(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("m1", ".=X\n$<"+dir+"/m2\n::echo not reached\n")
	write("m2", ".+1=X\n<9=X\n")
	write("m3", "1=X\n0,0$<\n2=X\n1,1$<\n3=X\n")
	write("bad", "1+)\n5=X\n")
	t.Setenv("SHELL", "/bin/sh")
	for _, tt := range []struct{ name, in, out, err string }{
		{"last command again", "5=X\n6\n7,2\n", pad("5", 1) + pad("6", 1) + pad("7", 2), ""},
		{"naked without a last command", "5\n.=X\n", pad("0", 1), ""},
		{"count loops over the increment", "10,3=X\n", pad("10", 3), ""},
		{"count 0 sets dot", "5,0=X\n.=X\n", pad("5", 1), ""},
		{"dot given last", "5=X\n&+1=X\n", pad("5", 1) + pad("6", 1), ""},
		{"eval hands dot on", "5::eval \".+1\"\n.=X\n", pad("6", 1), ""},
		{"eval in error does not", "5::eval \"7;1+\"\n.=X\n", pad("5", 1), "mdb: syntax error on line 2 of (string) near \"\\n\"\n"},
		{"pipe of text", "::echo 7 | ::show\n", "addr=7 has=1 loop=1 first=1 in=1 out=0\n", ""},
		{"pipe of values", "3::upto | ::show\n", "addr=0 has=1 loop=1 first=1 in=1 out=0\n" +
			"addr=1 has=1 loop=1 first=0 in=1 out=0\naddr=2 has=1 loop=1 first=0 in=1 out=0\n", ""},
		{"empty pipe", "0::upto | ::show\n", "", ""},
		{"no address in a pipe", "::echo foo | ::show\n", "", "mdb: failed to dereference symbol: unknown symbol name\n"},
		{"line of the pipe", "::echo 1 2 | ::show\n", "", "mdb: syntax error on line 1 of (pipeline) near \"2\"\n"},
		{"expressions in a pipe", "::echo \"1+2\" | =X\n", pad("3", 1), ""},
		{"three stages", "3::upto | ::eval .+1=X | =X\n", cells("1", "2", "3"), ""},
		{"walk variable", "3::upto v | ::eval \"<v*2=X\" | ::eval \"<v=X\"\n", pad("0", 1) + pad("1", 1) + pad("2", 1), ""},
		{"whole input", "9::upto | ::total\n", "9\n", ""},
		{"at the end", "5::upto | ::last\n", "sum a\n", ""},
		{"call", "5::inner\n", "addr=6 has=1 loop=0 first=0 in=0 out=0\n", ""},
		{"next definition", "::chain\n", "first\nsecond\n", ""},
		{"scoped name", "::second`chain\n", "second\n", ""},
		{"module not loaded", "::third`chain\n", "", "mdb: invalid command '::third`chain': specified module is not loaded\n"},
		{"scope without the name", "::second`echo\n", "", "mdb: invalid command '::second`echo': unknown dcmd name\n"},
		{"usage", "::need\n", "", "Usage: address::need [-a] [-n num]\nmdb: try '::help need' for more information\n"},
		{"address refused", "1::echo\n", "", "Usage: echo args ...\n"},
		{"options", "1::need -an10 x y\n", "a=1 n=10 args=2\n", ""},
		{"immediate option", "1::need -n $[8+8] -- x\n", "a=0 n=10 args=2\n", ""},
		{"bad option", "1::need -z\n", "", "mdb: illegal option -- z\nUsage: address::need [-a] [-n num]\nmdb: try '::help need' for more information\n"},
		{"error is a warning", "::fail\n", "", "mdb: failed to do it\n"},
		{"usage ends a loop", "1,3::need -z\n", "", "mdb: illegal option -- z\nUsage: address::need [-a] [-n num]\nmdb: try '::help need' for more information\n"},
		{"abort ends a pipe", "::abort | ::show\n", "", ""},
		{"newline after a command", "::half;::half\n", "no newline\nno newline\n", ""},
		{"quit", "::quit\n1=X\n", "\n", ""},
		{"quit from below", "::eval ::quit\n1=X\n", "\n\n", ""},
		{"stdin goes on after an error", "1+)\n2=X\n", pad("2", 1), "mdb: syntax error on line 1 of (stdin) near \")\"\n"},
		{"an error when running loses the next line", "0,3/-\n1=X\n2=X\n", pad("2", 1), "mdb: ',' would cause '.' to overflow\n"},
		{"source macro", "5$<<DIR/m1\n.=X\n", pad("5", 1) + pad("6", 1) + pad("1", 1) + pad("1", 1), ""},
		{"macro that leaves", "$<<DIR/m3\n", pad("1", 1) + pad("2", 1), ""},
		{"error in a macro", "$<<DIR/bad\n", pad("5", 1), "mdb: syntax error on line 1 of DIR/bad near \")\"\n"},
		{"macro missing", "$<nope\n", "", "mdb: failed to open nope (see ::help '$<')\n"},
		{"macro into a pipe", "$<<DIR/m3 | ::show\n", "", "mdb: macro files cannot be used as input to a pipeline\n"},
		{"shell", "! echo a; ::echo b\n", "a\nb \n", ""},
		{"through the shell", "5=X ! tr 5 6\n", pad("6", 1), ""},
		{"shell as source", "!< echo 5=X\n", pad("5", 1), ""},
		{"through the shell as source", "::echo 7=X !< cat\n", pad("7", 1), ""},
		{"shell at the head", "! 'echo 1; echo 2' | =X\n", cells("1", "2"), ""},
		{"shell in the middle", "3::upto ! 'tac' | =X\n", cells("2", "1", "0"), ""},
		{"assignment", "5>a;<a+1>a;<a=X\n", pad("6", 1), ""},
		{"cast", "12345>/s/ a;<a=X\n", pad("2345", 1), ""},
		{"name too long", "1>aaaaaaaaaabbbbbbbbbbccccccccccd\n", "", "mdb: variable names may not exceed 30 characters\n"},
		{"offset hands its value on", "5>1;6>1;<2=X\n", pad("5", 1), ""},
		{"search ends a count", "0,3/L 0\n.=X\n", "0\n" + pad("0", 1), ""},
		{"write needs a value", "0/W\n", "", "mdb: expected value to write following W\n"},
		{"read-only", "0/W 1\n", "", "mdb: failed to write 1 at address 0x0: target is not open for writing\n"},
		{"repeat of the last command is off", "5=X\n\n", pad("5", 1), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, out, errs := session()
			in := strings.ReplaceAll(tt.in, "DIR", dir)
			s.Eval.Source(context.Background(), s, strings.NewReader(in), "(stdin)")
			s.Out.Flush()
			if diff := cmp.Diff(tt.out, out.String()); diff != "" {
				t.Errorf("output (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(strings.ReplaceAll(tt.err, "DIR", dir), errs.String()); diff != "" {
				t.Errorf("errors (-want +got)\n%s", diff)
			}
		})
	}
}

// cells is the output of =X.
func cells(vals ...string) string {
	s := strings.Repeat(" ", 16)
	for _, v := range vals {
		s += v + strings.Repeat(" ", 16-len(v))
	}
	return s + "\n"
}

// pad is n equal cells.
func pad(v string, n int) string {
	vals := make([]string, n)
	for i := range vals {
		vals[i] = v
	}
	return cells(vals...)
}

func TestRepeatLast(t *testing.T) {
	s, out, _ := session()
	s.Opts.RepeatLast = true
	s.Eval.Source(context.Background(), s, strings.NewReader("5=X\n\n"), "(stdin)")
	if want := pad("5", 1) + pad("5", 1); out.String() != want {
		s.Out.Flush()
		if out.String() != want {
			t.Errorf("got %q", out.String())
		}
	}
}

// The error of a command string is what -e makes its exit status of.
func TestEvalStatus(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want error
	}{
		{"1=X", nil},
		{"", nil},
		{"::fail", core.ErrFailed},
		{"::fail;1=X", nil},
		{"1=X;::fail", core.ErrFailed},
		{"::need", core.ErrUsage},
		{"1+", core.ErrParse},
		{"::nope;1=X", core.ErrParse},
		{"::quit", core.ErrQuit},
		{"::eval ::fail", nil},
		{"::eval 1+", core.ErrAbort},
		{"!false", nil},
	} {
		s, _, _ := session()
		err := s.Eval.Eval(context.Background(), s, tt.in)
		if !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.in, err, tt.want)
		}
	}
}

func TestExpr(t *testing.T) {
	s, _, _ := session()
	s.Frame.Dot = 8
	for in, want := range map[string]uint64{".+1": 9, "0t10": 10, "#0": 1, "1%%0+1": 0} {
		got, err := s.Eval.Expr(s, in)
		if strings.Contains(in, "%%0") {
			if err == nil {
				t.Errorf("%s: no error", in)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: %d, %v", in, got, err)
		}
	}
	if s.Frame.Dot != 8 {
		t.Errorf("dot moved to %d", s.Frame.Dot)
	}
	for _, in := range []string{"1;2", "::echo", "1+", "nope"} {
		if _, err := s.Eval.Expr(s, in); err == nil {
			t.Errorf("%s: no error", in)
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	s, _, errs := session()
	v := s.Vars.Define(&core.Var{Name: "depth"})
	s.Reg.AddDcmd(s.Reg.Module("second"), &core.Dcmd{Name: "again", AnyAddr: true, Run: func(c *core.Ctx) error {
		v.Force(v.Value() + 1)
		return c.Session.Eval.Eval(c, c.Session, "::again")
	}}, false)
	s.Eval.Eval(context.Background(), s, "::again")
	if !strings.Contains(errs.String(), "nested too deeply") {
		t.Errorf("after %d: %s", v.Value(), errs)
	}
}

func TestShellCanBeTurnedOff(t *testing.T) {
	s, out, errs := session()
	s.Opts.NoShell = true
	s.Eval.Source(context.Background(), s, strings.NewReader("! echo a\n1=X\n::echo b ! cat\n"), "(stdin)")
	s.Out.Flush()
	if strings.Contains(out.String(), "a\n") || strings.Count(errs.String(), "noshell") != 2 {
		t.Errorf("out %q, errors %q", out, errs)
	}
	if err := s.Opts.Set("noshell", false); err == nil || !s.Opts.NoShell {
		t.Error("a script can turn the shell on again")
	}
}

// What runs confined reads no files by way of macros.
func TestConfinedMacros(t *testing.T) {
	name := filepath.Join(t.TempDir(), "macro")
	if err := os.WriteFile(name, []byte("1=X\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"$<", "$<<"} {
		for _, confined := range []bool{false, true} {
			s, out, errs := session()
			ctx := context.Background()
			if confined {
				ctx = core.Confine(ctx)
			}
			s.Eval.Eval(ctx, s, verb+name)
			s.Out.Flush()
			if ran := strings.Contains(out.String(), "1"); ran == confined {
				t.Errorf("%s, confined %v: out %q, errors %q", verb, confined, out, errs)
			}
		}
	}
}

// Ctrl-C ends what runs and leaves the session usable.
func TestInterrupt(t *testing.T) {
	for _, in := range []string{"::forever", "::eval ::forever", "3::upto | ::forever", "::forever | ::show", "! sleep 1000", "! sleep 1000; true", "::forever ! cat"} {
		s, _, _ := session()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(20*time.Millisecond, cancel)
		start := time.Now()
		err := s.Eval.Source(ctx, s, strings.NewReader(in+"\n"), "(stdin)")
		if !errors.Is(err, core.ErrIntr) && !strings.HasPrefix(in, "3::upto") {
			t.Errorf("%s: %v", in, err)
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%s: %v", in, d)
		}
		if v, err := s.Eval.Expr(s, "1+1"); v != 2 || err != nil {
			t.Errorf("%s: afterwards %d, %v", in, v, err)
		}
	}
}

// A walker's elements reach a dcmd in order with their types; the memory of a
// million of them is that of the numbers.
func TestLongPipe(t *testing.T) {
	s, out, _ := session()
	start := time.Now()
	s.Eval.Eval(context.Background(), s, "f4240::upto | ::total")
	s.Out.Flush()
	if out.String() != "1000000\n" {
		t.Errorf("got %q", out)
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("took %v", d)
	}
}

// text is a target whose memory is a string, for the format verbs.
type text string

func (text) Kind() string { return "raw" }
func (text) Name() string { return "text" }
func (text) Close() error { return nil }
func (m text) Virtual() mem.Space {
	return &mem.File{R: strings.NewReader(string(m)), Size: int64(len(m))}
}

func TestFormatsOfMemory(t *testing.T) {
	for _, tt := range []struct{ in, out, err string }{
		{"0/s", "0:              abc\n", ""},
		{"0/2s", "0:              abc\\0\x01def\n", ""},
		{"0/S\n.+4/S", "0:              abc\n4:              \\001def\n", ""},
		{"0/C;+/C", "0:              a\n1:              b\n", ""},
		{"0/XnX", "0:              636261          \n                66656401        \n", ""},
		{"0/X^X", "0:              636261          636261          \n", ""},
		{"0/+B-B", "0:              62      62      \n", ""},
		{"0/2+B", "0:              63      \n", ""},
		{"0/2\"x\"B", "0:              x61      \n", ""},
		{"100/X", "0x100:          \n", "mdb: failed to read data from target: cannot read past current end of file\n"},
		{"0\\X", "0:              \n", "mdb: failed to read data from target: operation not supported by target\n"},
		{"0/L 66656401", "4\n", ""},
		{"0/l 1 ff", "4\n", ""},
		{"*/c/1=X", pad("62", 1), ""},
		{"<0=X;0/B;<0=X", pad("0", 1) + "0:              61      \n" + pad("61", 1), ""},
	} {
		s, out, errs := session()
		s.Context().Target = text("abc\x00\x01def\x00")
		s.Eval.Source(context.Background(), s, strings.NewReader(tt.in+"\n"), "(stdin)")
		s.Out.Flush()
		if out.String() != tt.out || errs.String() != tt.err {
			t.Errorf("%s:\n got %q %q\nwant %q %q", tt.in, out, errs, tt.out, tt.err)
		}
	}
}

// In JSON mode every line of output is an object, records and text in order.
func TestJSON(t *testing.T) {
	s, out, _ := session()
	s.Opts.JSON = true
	s.Eval.Source(context.Background(), s, strings.NewReader("::half\n2::upto\n::eval \"::echo a\"\n1=X\n2::upto | ::show\n::echo \"{}\" ! cat\n"), "(stdin)")
	s.Out.Flush()
	want := `{"text":"no newline"}
{"value":"0x0"}
{"value":"0x1"}
{"text":"a "}
{"text":"                1               "}
{"text":"addr=0 has=1 loop=1 first=1 in=1 out=0"}
{"text":"addr=1 has=1 loop=1 first=0 in=1 out=0"}
{"text":"{} "}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
