package dcmds

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core"
)

// A number that a dcmd cannot read ends the statement like a syntax error: MDB's
// strtonum calls yyerror, which also throws away the input up to the next
// newline or semicolon. (yyerror_reset and yydiscard of mdb_lex.l)
func TestBadNumbers(t *testing.T) {
	const two = "                2               \n"
	const digit = "mdb: digit 'z' is invalid in current base\n"
	for _, tt := range []struct{ in, want string }{
		{"0::dump -g zz\n1=D\n2=D", digit + two},
		{"0,8::dump -g zz;1=D;2=D", digit + two},
		{"0::nmadd -s 1.5 a\n1=D\n2=D", "mdb: specified value exceeds maximum immediate value\n" + two},
		{"::eval \"0::dump -w zz;1=D\"\n2=D", digit + two},
		{"::typedef -c LP64\n0::array int zz\n1=D\n2=D", digit + two},
		{"::typedef -c LP64\n0::array int 3 | ::print -l zz int\n1=D\n2=D", digit + two},
		{"::typedef -c LP64;::typedef \"struct { char c[4]; }\" s\n0::print s c[2] c[zz]\n1=D\n2=D", digit + two},
		{"::delete zz\n1=D\n2=D", digit + two},
	} {
		_, run := session(t, []byte("abcdefghijklmnopqrstuvwxyz"))
		if diff := cmp.Diff(tt.want, run(tt.in+"\n")); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", tt.in, diff)
		}
	}
}

// Members are taken one by one, so those before a wrong one are printed. (the
// loops of cmd_print and cmd_printf in mdb_print.c)
func TestWrongMembers(t *testing.T) {
	const types = "::typedef -c LP64;::typedef \"struct { char c[4]; int i; }\" s\n"
	for _, tt := range []struct{ in, want string }{
		{"0::print s c[1] c] i", "c[1] = 'b'\nmdb: ']' is not a valid delimiter\n"},
		{"0::print s c[0 i", "mdb: no trailing ']'\n"},
		{"0::print s i c[] $[9]", "i = 0x68676665\nc[] = 'a'\nmdb: invalid offset 9\n"},
		{"0::print s i $[9] | =X", "mdb: invalid offset 9\n"},
		{"::typedef -d;::typedef -c LP64;0::array int 2 | ::print int $[9] | =X", "mdb: invalid offset 9\n"},
		{"0::printf \"%x %d\\n\" s i c]", "68676665mdb: ']' is not a valid delimiter\n\n"},
		{"0::array int 2 1x | =X", "                0               4               \n"},
	} {
		_, run := session(t, []byte("abcdefghijklmnopqrstuvwxyz"))
		if diff := cmp.Diff(tt.want, run(types+tt.in+"\n")); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", tt.in, diff)
		}
	}
}

// Under the name mdb a quoted name is no operand: yyparse gets a string token
// where mdb_grammar.y has none.
func TestQuotedOperand(t *testing.T) {
	const syntax = "mdb: syntax error on line 1 of test near \"\\\"a\\\"\"\n"
	for _, in := range []string{`"a"=X`, `"a"`, `1+"a"`, `*"a"`} {
		_, run := session(t, nil)
		if diff := cmp.Diff(syntax, run(in+"\n")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", in, diff)
		}
	}
}

// A write that fails is a failure of the command. (write_arglist of mdb_cmds.c, as
// it is since there is a format z)
func TestFailedWrite(t *testing.T) {
	s, run := session(t, []byte("abcdefgh"))
	const readOnly = "mdb: failed to write 1 at address 0x0: target is not open for writing\n"
	if diff := cmp.Diff(readOnly+readOnly, run("0,2/v 1\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := s.Eval.Eval(t.Context(), s, "0/v 1"); !errors.Is(err, core.ErrFailed) {
		t.Errorf("the command ended with %v", err)
	}
}
