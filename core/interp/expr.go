package interp

import (
	"io"
	"math"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/lang"
	"github.com/xmdb/xmdb/core/mem"
)

// check is called by the parser with each name and expression when it is time
// to act on it. The value of an expression is kept under its slot.
func (in *Interp) check(f *frame, n lang.Node) error {
	switch n := n.(type) {
	case *lang.Command:
		if _, err := lookupDcmd(in.s.Reg, n.Name); err != nil {
			return lang.Bare("invalid command '%s': %v", n.Written, err)
		}
	case *lang.Expr:
		v, err := in.apply(n, f.values[:n.Slot])
		f.values = append(f.values[:n.Slot], v)
		return err
	}
	return nil
}

// apply gives the value of e; vals are those of the expressions before it.
func (in *Interp) apply(e *lang.Expr, vals []uint64) (uint64, error) {
	if e.X == nil {
		return in.operand(e)
	}
	x := vals[e.X.Slot]
	if e.Y == nil {
		return in.unary(e, x)
	}
	return binary(e.Op, x, vals[e.Y.Slot])
}

func (in *Interp) operand(e *lang.Expr) (uint64, error) {
	fr := in.s.Frame
	switch e.Op {
	case lang.Number:
		return e.Value, nil
	case lang.Word:
		if v, err := lookupSymbol(in.s, e.Text); err == nil {
			return v, nil
		}
		return e.Value, e.Err
	case lang.Symbol, lang.Quoted:
		v, err := lookupSymbol(in.s, e.Text)
		if err != nil {
			return 0, lang.Bare("%v", symbolError(err))
		}
		return v, nil
	case lang.Variable:
		v := in.s.Vars.Lookup(e.Text)
		if v == nil {
			return 0, lang.At("variable '%s' is not defined", e.Text)
		}
		return v.Value(), nil
	case lang.RecentDot:
		return fr.Addr, nil
	case lang.NextDot:
		return in.dotIncr("+")
	case lang.PrevDot:
		n := fr.Dot - fr.Incr
		if n > fr.Dot {
			return 0, lang.Bare("'^' would cause '.' to underflow")
		}
		return n, nil
	}
	return fr.Dot, nil
}

// dotIncr is dot plus the increment, on behalf of op.
func (in *Interp) dotIncr(op string) (uint64, error) {
	fr := in.s.Frame
	n := fr.Dot + fr.Incr
	if (fr.Dot^n)>>63 != 0 {
		return 0, lang.Bare("'%s' would cause '.' to overflow", op)
	}
	return n, nil
}

func (in *Interp) unary(e *lang.Expr, x uint64) (uint64, error) {
	switch e.Op {
	case lang.Negate:
		return -x, nil
	case lang.Complement:
		return ^x, nil
	case lang.LogNot:
		return truth(x == 0), nil
	}
	space := in.s.Space()
	if e.Op == lang.LoadObject {
		space = ObjectSpace(in.s)
	}
	ar := in.s.Arch()
	size := e.Size
	if size == lang.SizePointer || size == lang.SizeLong {
		size = ar.PtrSize
	}
	v, err := mem.ReadUint(space, mem.Addr(x), size, ar.Order)
	if err != nil {
		return 0, lang.Bare("failed to read from address %x: %s", x, core.Reason(err))
	}
	return v, nil
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func binary(op lang.Op, x, y uint64) (uint64, error) {
	switch op {
	case lang.Or:
		return x | y, nil
	case lang.Xor:
		return x ^ y, nil
	case lang.And:
		return x & y, nil
	case lang.Equal:
		return truth(x == y), nil
	case lang.NotEqual:
		return truth(x != y), nil
	case lang.ShiftLeft:
		return x << (y & 63), nil // as the processor MDB runs on shifts
	case lang.ShiftRight:
		return x >> (y & 63), nil
	case lang.Add:
		return x + y, nil
	case lang.Subtract:
		return x - y, nil
	case lang.Multiply:
		return x * y, nil
	}
	return divide(op, x, y)
}

func divide(op lang.Op, x, y uint64) (uint64, error) {
	if y == 0 {
		return 0, lang.At("attempted to divide by zero")
	}
	switch op {
	case lang.Modulus:
		return x % y, nil
	case lang.RoundUp:
		sum := int64(x + (y - 1))
		if sum == math.MinInt64 && int64(y) == -1 {
			return 0, lang.At("divide overflow")
		}
		return uint64(sum/int64(y)) * y, nil
	}
	if int64(x) == math.MinInt64 && int64(y) == -1 {
		return 0, lang.At("divide overflow")
	}
	return uint64(int64(x) / int64(y)), nil
}

// exprKey identifies the text of an expression that was parsed before.
type exprKey struct {
	text  string
	radix int
}

// maxExprs bounds the cache of parsed expressions.
const maxExprs = 256

// parseExpr parses text that is a single naked expression; nil if it is not.
// Parsed expressions are kept: ::grep and ::map evaluate one a million times.
func (in *Interp) parseExpr(text string) *lang.Statement {
	key := exprKey{text, in.s.Opts.Radix}
	if stmt, ok := in.exprs[key]; ok {
		return stmt
	}
	p := lang.NewParser(lang.NewString(text), "(string)", lang.Options{
		Input: lang.InputString,
		Radix: func() int { return key.radix },

		NoQuoted: in.s.Prog == "mdb",
	})
	stmt, err := p.Next()
	if err != nil || stmt.Addr == nil || stmt.Count != nil || stmt.Shell != nil || len(stmt.Commands) > 0 {
		stmt = nil
	} else if _, err = p.Next(); err != io.EOF {
		stmt = nil // more follows
	}
	if len(in.exprs) >= maxExprs {
		clear(in.exprs)
	}
	in.exprs[key] = stmt
	return stmt
}

// value evaluates a parsed expression.
func (in *Interp) value(stmt *lang.Statement) (uint64, error) {
	var room [32]uint64
	vals := room[:0]
	for _, e := range stmt.Order {
		v, err := in.apply(e, vals)
		if err != nil {
			return 0, err
		}
		vals = append(vals, v)
	}
	return vals[stmt.Addr.Slot], nil
}

// evalExpr is Eval of text that is a naked expression: it sets dot. ok is false
// if the text is something else, or if evaluating it fails: then the whole
// machinery must run, to say where.
func (in *Interp) evalExpr(text string) (ok bool, err error) {
	stmt := in.parseExpr(text)
	if stmt == nil {
		return false, nil
	}
	v, err := in.value(stmt)
	if err != nil {
		return false, nil
	}
	in.s.Frame.Dot, in.s.Frame.Incr = v, 0
	return true, nil
}

// Expr implements core.Evaluator.
func (in *Interp) Expr(s *core.Session, src string) (uint64, error) {
	p := lang.NewParser(lang.NewString(src), "(string)", lang.Options{
		Input: lang.InputString,
		Radix: func() int { return s.Opts.Radix },
	})
	if stmt := in.parseExpr(src); stmt != nil {
		return in.value(stmt)
	}
	if _, err := p.Next(); err != nil {
		return 0, err
	}
	return 0, lang.Bare("syntax error: '%s' is not an expression", src)
}
