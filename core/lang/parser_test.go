package lang

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// known is what the tests' sessions have: everything else is undefined.
var known = map[string]bool{
	"echo": true, "print": true, "dcmds": true, "map": true, "$d": true, "$<": true, "$<<": true,
	"$z": false, ":b": true, ">": true, "genunix`ps": true,
}

func checker(n Node) error {
	switch n := n.(type) {
	case *Command:
		if !known[n.Name] {
			return Bare("invalid command '%s': unknown dcmd name", n.Written)
		}
	case *Expr:
		switch n.Op {
		case Word:
			if n.Text == "add" {
				return nil
			}
			return n.Err
		case Symbol:
			if n.Text == "foo" {
				return Bare("failed to dereference symbol: unknown symbol name")
			}
		case Variable:
			if n.Text == "zz" {
				return At("variable '%s' is not defined", n.Text)
			}
		case Divide, Modulus, RoundUp:
			if n.Y.Op == Number && n.Y.Value == 0 {
				return At("attempted to divide by zero")
			}
		}
	}
	return nil
}

// run parses all of text; errors appear as lines that start with "mdb: ".
func run(text string, opts Options) []string {
	opts.Check = checker
	var src Source
	name := "(stdin)"
	switch opts.Input {
	case InputString:
		src, name = NewString(text), "(string)"
	case InputPipe:
		src, name = NewReader(strings.NewReader(text)), "(pipeline)"
	default:
		src = NewReader(strings.NewReader(text))
	}
	p := NewParser(src, name, opts)
	var out []string
	for {
		s, err := p.Next()
		switch {
		case err == io.EOF:
			return out
		case err != nil:
			out = append(out, "mdb: "+err.Error())
		default:
			out = append(out, s.String())
		}
	}
}

func TestStatements(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"1+2=J\n", []string{"[(+ 0x1 0x2)] = 'J'"}},
		{"1 + 2 * 3=D\n", []string{"[(+ 0x1 (* 0x2 0x3))] = 'D'"}},
		{"2 * 7 %% 4=D\n", []string{"[(* 0x2 (%% 0x7 0x4))] = 'D'"}},
		{"1|2^3&4==5<<6+7*8\n", []string{"[(| 0x1 (^ 0x2 (& 0x3 (== 0x4 (<< 0x5 (+ 0x6 (* 0x7 0x8)))))))]"}},
		{"1-2-3\n", []string{"[(- (- 0x1 0x2) 0x3)]"}},
		{"-~#1\n", []string{"[(neg (~ (not 0x1)))]"}},
		{"*(1+2)%3\n", []string{"[(% (load (+ 0x1 0x2)) 0x3)]"}},
		{"*/c/1+%/l/2\n", []string{"[(+ (load/1 0x1) (loadobj/l 0x2))]"}},
		{".+1=X;+/X;^/X;&=X\n", []string{"[(+ . 0x1)] = 'X'", "[next] / 'X'", "[prev] / 'X'", "[&] = 'X'"}},
		{"0t10+0o17+0i11+0xfF\n", []string{"[(+ (+ (+ 0xa 0xf) 0x3) 0xff)]"}},
		{"0x=D;0t;0i\n", []string{"[0x0] = 'D'", "[0x0]", "[0x0]"}},
		{"12_34;0t1_000;0x12_34_;0t1_0.5_0\n", []string{"[0x1234]", "[0x3e8]", "[0x1234]", "[0x4025000000000000]"}},
		{"0t1.5=J\n", []string{"[0x3ff8000000000000] = 'J'"}},
		{"add;addx;_1;f;.text;a`b`c\n", []string{"[word:add]", "[sym:addx]", "[sym:_1]", "[word:f]", "[sym:.text]", "[sym:a`b`c]"}},
		{"'a'='ab';''\n", []string{`mdb: syntax error on line 1 of (stdin) near "'"`, "[0x0]"}},
		{"'ab';'\\n';'\\101';'\\'';'\\x41'\n", []string{"[0x6162]", "[0xa]", "[0x41]", "[0x5c27]", "[0x5c783431]"}},
		{"\"ns::f(int)\"+4/X\n", []string{`[(+ sym:"ns::f(int)" 0x4)] / 'X'`}},
		{"1,2=X\n", []string{"[0x1] {0x2} = 'X'"}},
		{",2::echo\n", []string{"{0x2} echo"}},
		{"1,2\n,3\n5\n", []string{"[0x1] {0x2}", "{0x3}", "[0x5]"}},
		{"1,2!cat\n", []string{`[0x1] {0x2} ! "cat"`}},
		{"/ X 2 D\n", []string{"/ 'X' 2 'D'"}},
		{"1=$[2+3]X\"s\\n\"n\n", []string{`[0x1] = $[(+ 0x2 0x3)] 'X' "s\n" 'n'`}},
		{"0/W 1 $[2+2] 'a b'\n", []string{`[0x0] / 'W' "1" $[(+ 0x2 0x2)] "a b"`}},
		{"0\\  v1\n", []string{`[0x0] \ 'v' "1"`}},
		{"1=W\n", []string{"[0x1] = 'W'"}},
		{"5>a\n5 >/i/ v\n", []string{`[0x5] > "a"`, `[0x5] > 'i' "v"`}},
		{"1>>2>a\n", []string{`[(>> 0x1 0x2)] > "a"`}},
		{"::echo a\"b c\"d 'e f' \"g\\th\" $[1]x\n", []string{`echo "ab cd" "e f" "g\th" $[0x1] "x"`}},
		{"::echo a | /X | ::print\n", []string{`echo "a" | / 'X' | print`}},
		{"::echo hi!cat\n", []string{`echo "hi" ! "cat"`}},
		{"! echo a ;::echo\n", []string{`! " echo a "`, "echo"}},
		{"!< cat x\n", []string{`!< " cat x"`}},
		{"::echo !< sh\n", []string{`echo !< " sh"`}},
		{"! 'a;b|c' | ::map .\n", []string{`! "a;b|c" | map "."`}},
		{"1::print ! \"x\\ty\\'\" | ::map . ! sort\n", []string{`[0x1] print | ! "x\ty'" | map "." ! " sort"`}},
		{"1=X // c\n// d\n2=X\n", []string{"[0x1] = 'X'", "empty", "[0x2] = 'X'"}},
		{"::echo a//b\n", []string{`echo "a//b"`}},
		{"$d;1:b;$<<m;$<\n", []string{"$d", "[0x1] :b", `$<< "m"`, "$<"}},
		{"::genunix`ps\n", []string{"genunix`ps"}},
		{";;\n", []string{"empty", "empty", "empty"}},
		{"\u0080\n1=X\n", []string{"empty", "[0x1] = 'X'"}},
		{"\x00 1=X\n", []string{"[0x1] = 'X'"}},
		{"<a+<9\n", []string{"[(+ <a <9)]"}},
		{"::echo \\\n", []string{`echo "\\"`}},
	} {
		if diff := cmp.Diff(tt.want, run(tt.in, Options{})); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", tt.in, diff)
		}
	}
}

func TestErrors(t *testing.T) {
	const dot = " on line 1 of (stdin) near "
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"1+\n", []string{`mdb: syntax error on line 2 of (stdin) near "\n"`}},
		{"1+\n2=X\n3=X\n", []string{`mdb: syntax error on line 2 of (stdin) near "\n"`, "[0x3] = 'X'"}},
		{"1+)2;3=X\n", []string{`mdb: syntax error` + dot + `")"`, "[0x3] = 'X'"}},
		{"1=X", []string{`mdb: syntax error` + dot + `""`}},
		{"::\n", []string{`mdb: syntax error` + dot + `":"`}},
		{"\"abc\n", []string{`mdb: syntax error: " unmatched` + dot + `"\"abc"`}},
		{"'abc\n", []string{`mdb: syntax error: ' unmatched` + dot + `"'abc"`}},
		{"'\\\\'=D\n", []string{`mdb: syntax error: ' unmatched` + dot + `"'\\\\'=D"`}},
		{"::echo $[1+\n", []string{`mdb: syntax error: $[ unmatched on line 2 of (stdin) near "\n"`}},
		{"::echo $[1;2=X\n", []string{`mdb: syntax error: $[ unmatched` + dot + `";"`}},
		{"::echo $HOME\n", []string{`mdb: syntax error` + dot + `"$"`}},
		{"::echo 'a\\' b'\n", []string{`mdb: syntax error: ' unmatched` + dot + `"'a\\' b'"`}},
		{"::echo 'a\n", []string{`mdb: syntax error` + dot + `"'"`}},
		{"$$$\n", []string{`mdb: syntax error` + dot + `"$"`}},
		{"$zz\n", []string{"mdb: invalid command '$z': unknown dcmd name"}},
		{"{\n", []string{`mdb: syntax error` + dot + `"{"`}},
		{"1|::echo\n", []string{`mdb: syntax error` + dot + `"::echo"`}},
		{"1|::bogus\n", []string{"mdb: invalid command '::bogus': unknown dcmd name"}},
		{"::echo a |\n", []string{`mdb: syntax error on line 2 of (stdin) near "\n"`}},
		{"| ::echo\n", []string{`mdb: syntax error` + dot + `"|"`}},
		{"1,2,3=X\n", []string{`mdb: syntax error` + dot + `","`}},
		{"0o8=J\n", []string{`mdb: syntax error` + dot + `"8"`}},
		{"0t1a=J\n", []string{`mdb: syntax error` + dot + `"a"`}},
		{"0x1.5=J\n", []string{`mdb: syntax error` + dot + `".5"`}},
		{"1 2=X\n", []string{`mdb: syntax error` + dot + `"2"`}},
		{"1++2=D\n", []string{`mdb: syntax error` + dot + `"2"`}},
		{"5%0=J\n", []string{`mdb: attempted to divide by zero` + dot + `"="`}},
		{"5%%0=D\n", []string{`mdb: attempted to divide by zero` + dot + `"0"`}},
		{"5%0;1=X;2=X\n", []string{`mdb: attempted to divide by zero` + dot + `";"`, "[0x2] = 'X'"}},
		{"foo+\n1=X\n", []string{"mdb: failed to dereference symbol: unknown symbol name", "[0x1] = 'X'"}},
		{"<zz=X\n", []string{`mdb: variable 'zz' is not defined` + dot + `"<zz"`}},
		{"1 <zz\n", []string{`mdb: variable 'zz' is not defined` + dot + `"<zz"`}},
		{"10000000000000000=D\n", []string{"mdb: specified value exceeds maximum immediate value"}},
		{"%/z/1=J\n", []string{"mdb: invalid cast -- %/z/"}},
		{"'123456789'\n", []string{"mdb: character constant may not exceed 8 bytes"}},
		{"1!cat\n", []string{`mdb: syntax error on line 2 of (stdin) near "\n"`}},
		{"! 'a\n", []string{`mdb: syntax error: quote unmatched` + dot + `" 'a"`}},
		{"! 'a' b\n", []string{`mdb: syntax error` + dot + `"b"`}},
		{"!\n", []string{`mdb: syntax error on line 2 of (stdin) near "\n"`}},
		{"1=X;1é\n", []string{"[0x1] = 'X'", `mdb: syntax error` + dot + `"\303"`}},
	} {
		if diff := cmp.Diff(tt.want, run(tt.in, Options{})); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", tt.in, diff)
		}
	}
}

func TestInputs(t *testing.T) {
	for _, tt := range []struct {
		in    string
		input Input
		want  []string
	}{
		{"1+", InputString, []string{`mdb: syntax error on line 2 of (string) near "\n"`}},
		{"", InputString, []string{"empty"}},
		{"1)=X;2=X\n3=X", InputString, []string{`mdb: syntax error on line 1 of (string) near ")"`}},
		{"1)=X;2=X\n3=X\n", InputTerminal, []string{`mdb: syntax error near ")"`, "[0x3] = 'X'"}},
		{"1\n0x20\n\n", InputPipe, []string{"[0x1]", "[0x20]", "empty"}},
		{"1 2\n3\n", InputPipe, []string{`mdb: syntax error on line 1 of (pipeline) near "2"`}},
		{"$< x\n", InputPipe, []string{`mdb: syntax error on line 2 of (pipeline) near "\n"`}},
		{"1,2\n", InputPipe, []string{`mdb: syntax error on line 2 of (pipeline) near "\n"`}},
		{"!x\n", InputPipe, []string{`mdb: syntax error on line 2 of (pipeline) near "\n"`}},
	} {
		if diff := cmp.Diff(tt.want, run(tt.in, Options{Input: tt.input})); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", tt.in, diff)
		}
	}
}

// The radix may change between statements of one line.
func TestRadixIsAskedLate(t *testing.T) {
	radix := 16
	p := NewParser(NewString("17;17;9;0x17;add"), "(string)", Options{Radix: func() int { return radix }})
	var got []string
	for {
		s, err := p.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			got = append(got, err.Error())
			break
		}
		got = append(got, s.String())
		radix = 8
	}
	want := []string{"[0x17]", "[0xf]", "digit '9' is invalid in current base"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Order is a program: operands before operators, numbered as they come.
func TestOrder(t *testing.T) {
	p := NewParser(NewString("1+*2,3/$[4]X"), "(string)", Options{})
	s, err := p.Next()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, e := range s.Order {
		if e.Slot != i {
			t.Errorf("slot %d at %d", e.Slot, i)
		}
		got = append(got, e.String())
	}
	want := []string{"0x1", "0x2", "(load 0x2)", "(+ 0x1 (load 0x2))", "0x3", "0x4"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDepthIsBounded(t *testing.T) {
	for _, unit := range []string{"(", "-", "*/c/"} {
		got := run(strings.Repeat(unit, 2*MaxDepth)+"1\n", Options{})
		if len(got) != 1 || !strings.Contains(got[0], "nested too deeply") {
			t.Errorf("%q: %q", unit, got)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestReadErrorIsReturned(t *testing.T) {
	p := NewParser(NewReader(failing{}), "x", Options{})
	if _, err := p.Next(); err == nil || err == io.EOF {
		t.Errorf("got %v", err)
	}
}

func FuzzParser(f *testing.F) {
	for _, s := range []string{
		"1+2=J\n", "a`b+<x,3::print -a \"x y\" $[1+2] | /nX2s ! cat\n", "0/W 1 'a\\' b'\n",
		"! 'x' | ::map . // c\n", "'\\''=D;\"n::f\"\n", "5>/c/a;$<<m\n", "0t1_0.5_;12_3\n",
		"::echo \\\"a\"b\" 'c\\'\n", "\x00\xff(((-~#*/8/%%\n",
	} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(2))
	}
	f.Fuzz(func(t *testing.T, text string, input uint8) {
		p := NewParser(NewReader(strings.NewReader(text)), "fuzz", Options{Input: Input(input % 4)})
		for n := 0; ; n++ {
			if n > 2*len(text)+2 {
				t.Fatal("more statements than bytes")
			}
			s, err := p.Next()
			if err == io.EOF {
				return
			}
			if err == nil {
				_ = s.String()
				for i, e := range s.Order {
					if e.Slot != i {
						t.Fatalf("slot %d at %d", e.Slot, i)
					}
				}
			} else if err.Error() == "" {
				t.Fatal("empty error")
			}
		}
	})
}

// Long input takes time in proportion: a megabyte of each shape is quick.
func TestLongInputIsLinear(t *testing.T) {
	const n = 1 << 20
	for _, unit := range []string{"1+", "1;", "/X;", "'", "\"", "'\\'", "::echo '\\' ", "//", "a`", "$[", "! '", "\x00//", "5%"} {
		start := time.Now()
		run(strings.Repeat(unit, n/len(unit))+"\n", Options{})
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%q: %v", unit, d)
		}
	}
}
