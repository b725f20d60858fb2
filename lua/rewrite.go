package lua

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// The operators of Lua that chunks reach through functions of ours, as upvalues
// whose names no program can spell. Package doc says why.
const (
	opEq     = "(eq)"
	opNe     = "(ne)"
	opLt     = "(lt)"
	opLe     = "(le)"
	opGt     = "(gt)"
	opGe     = "(ge)"
	opCat    = "(cat)"
	opKey    = "(key)"
	opNewKey = "(newkey)"
	opSet    = "(set)"
	opLen    = "(len)"
	opNum    = "(num)"
	opConst  = "(const)"
)

// hiddenNames is the order in which a chunk gets them.
var hiddenNames = []string{opEq, opNe, opLt, opLe, opGt, opGe, opCat, opKey, opNewKey, opSet, opLen, opNum, opConst}

var relational = map[string]string{"==": opEq, "~=": opNe, "<": opLt, "<=": opLe, ">": opGt, ">=": opGe}

// rewriter goes over a syntax tree once and replaces in place what must not run
// as gopher-lua would run it. Lines stay.
type rewriter struct {
	name     string
	consts   []uint64
	constIdx map[uint64]int
	assigned map[string]bool // names that are assigned to somewhere
	scope    []variable      // of locals, innermost last
	literals int             // in the function being read
	depth    int
	err      error
}

// variable is a local in scope; number tells that it holds a float64 for sure.
type variable struct {
	name   string
	number bool
}

func newRewriter(name string) *rewriter {
	return &rewriter{name: name, constIdx: map[uint64]int{}, assigned: map[string]bool{}}
}

// chunk rewrites a chunk and wraps it: the result is a chunk that takes the
// hidden functions and returns the function of the original one.
func (rw *rewriter) chunk(stmts []ast.Stmt) ([]ast.Stmt, error) {
	collectAssigned(stmts, rw.assigned, 0)
	rw.block(stmts)
	if rw.err != nil {
		return nil, rw.err
	}
	fn := &ast.FunctionExpr{ParList: &ast.ParList{HasVargs: true, Names: []string{}}, Stmts: stmts}
	fn.SetLine(1)
	last := 1
	if n := len(stmts); n > 0 {
		last = max(stmts[n-1].Line(), stmts[n-1].LastLine(), 1)
	}
	fn.SetLastLine(last)
	dots := &ast.Comma3Expr{}
	dots.SetLine(1)
	local := &ast.LocalAssignStmt{Names: hiddenNames, Exprs: []ast.Expr{dots}}
	local.SetLine(1)
	ret := &ast.ReturnStmt{Exprs: []ast.Expr{fn}}
	ret.SetLine(1)
	return []ast.Stmt{local, ret}, nil
}

func (rw *rewriter) fail(n ast.PositionHolder, format string, args ...any) {
	if rw.err == nil {
		rw.err = syntaxError(rw.name, position(n), format, args...)
	}
}

// enter counts the depth of the tree; false if it is too deep or an error is
// known already.
func (rw *rewriter) enter(n ast.PositionHolder) bool {
	rw.depth++
	if rw.depth > maxDepth {
		rw.fail(n, "expression or block is too complex")
	}
	return rw.err == nil
}

func (rw *rewriter) leave() { rw.depth-- }

func (rw *rewriter) declare(name string, number bool) {
	rw.scope = append(rw.scope, variable{name, number && !rw.assigned[name]})
}

// isNumber tells whether an expression is sure to give a float64.
func (rw *rewriter) isNumber(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.NumberExpr:
		_, big, ok := literal(e.Value)
		return ok && !big
	case *ast.IdentExpr:
		for i := len(rw.scope) - 1; i >= 0; i-- {
			if rw.scope[i].name == e.Value {
				return rw.scope[i].number
			}
		}
	case *ast.ArithmeticOpExpr:
		return rw.isNumber(e.Lhs) && rw.isNumber(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		return rw.isNumber(e.Expr)
	}
	return false
}

// call makes a call of a hidden function at the line of n.
func call(n ast.PositionHolder, fn string, args ...ast.Expr) *ast.FuncCallExpr {
	id := &ast.IdentExpr{Value: fn}
	id.SetLine(position(n))
	for _, a := range args {
		switch a := a.(type) { // each gives one value
		case *ast.FuncCallExpr:
			a.AdjustRet = true
		case *ast.Comma3Expr:
			a.AdjustRet = true
		}
	}
	c := &ast.FuncCallExpr{Func: id, Args: args, AdjustRet: true}
	c.SetLine(position(n))
	return c
}

// exprs rewrites the expressions of a list in place.
func (rw *rewriter) exprs(list []ast.Expr) {
	for i, e := range list {
		list[i] = rw.expr(e)
	}
}

func (rw *rewriter) expr(e ast.Expr) ast.Expr {
	defer rw.leave()
	if !rw.enter(e) {
		return e
	}
	switch e := e.(type) {
	case *ast.NumberExpr:
		return rw.number(e)
	case *ast.StringExpr:
		rw.literal(e)
	case *ast.AttrGetExpr:
		e.Object = rw.expr(e.Object)
		e.Key = rw.index(e.Key)
	case *ast.TableExpr:
		rw.table(e)
	case *ast.FuncCallExpr:
		if e.Func != nil {
			e.Func = rw.expr(e.Func)
		} else {
			e.Receiver = rw.expr(e.Receiver)
			rw.literal(e)
		}
		rw.exprs(e.Args)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = rw.expr(e.Lhs), rw.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		return rw.relation(e)
	case *ast.StringConcatOpExpr:
		return rw.concat(e)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = rw.expr(e.Lhs), rw.expr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		e.Expr = rw.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = rw.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		return call(e, opLen, rw.expr(e.Expr))
	case *ast.FunctionExpr:
		rw.function(e, false)
	}
	return e
}

// literal counts a constant of the function being read.
func (rw *rewriter) literal(n ast.PositionHolder) {
	rw.literals++
	if rw.literals > maxLiterals {
		rw.fail(n, "function has more than %d literals", maxLiterals)
	}
}

// number makes an integer literal that needs 64 bits a constant of its own.
func (rw *rewriter) number(e *ast.NumberExpr) ast.Expr {
	rw.literal(e)
	v, big, ok := literal(e.Value)
	switch {
	case !ok:
		rw.fail(e, "malformed number near '%s'", e.Value)
		return e
	case isInfinite(e.Value): // the compiler makes it NaN
		one, zero := &ast.NumberExpr{Value: "1"}, &ast.NumberExpr{Value: "0"}
		one.SetLine(position(e))
		zero.SetLine(position(e))
		inf := &ast.ArithmeticOpExpr{Operator: "/", Lhs: one, Rhs: zero}
		inf.SetLine(position(e))
		return inf
	case !big:
		return e
	}
	i, known := rw.constIdx[v]
	if !known {
		rw.consts = append(rw.consts, v)
		i = len(rw.consts)
		rw.constIdx[v] = i
	}
	table := &ast.IdentExpr{Value: opConst}
	table.SetLine(position(e))
	key := &ast.NumberExpr{Value: strconv.Itoa(i)}
	key.SetLine(position(e))
	get := &ast.AttrGetExpr{Object: table, Key: key}
	get.SetLine(position(e))
	return get
}

// index rewrites the key of t[key].
func (rw *rewriter) index(key ast.Expr) ast.Expr {
	if _, ok := key.(*ast.StringExpr); ok || rw.isNumber(key) {
		return rw.expr(key)
	}
	return call(key, opKey, rw.expr(key))
}

func (rw *rewriter) table(e *ast.TableExpr) {
	if len(e.Fields) > maxItems {
		rw.fail(e, "table constructor has more than %d items", maxItems)
		return
	}
	for _, f := range e.Fields {
		if _, named := f.Key.(*ast.StringExpr); f.Key != nil && !named {
			f.Key = call(f.Key, opNewKey, rw.expr(f.Key))
		} else if named {
			rw.literal(f.Key)
		}
		f.Value = rw.expr(f.Value)
	}
}

func (rw *rewriter) relation(e *ast.RelationalOpExpr) ast.Expr {
	plain := rw.isNumber(e.Lhs) && rw.isNumber(e.Rhs)
	if e.Operator == "==" || e.Operator == "~=" {
		plain = plain || neverInteger(e.Lhs) || neverInteger(e.Rhs)
	}
	e.Lhs, e.Rhs = rw.expr(e.Lhs), rw.expr(e.Rhs)
	if plain {
		return e
	}
	return call(e, relational[e.Operator], e.Lhs, e.Rhs)
}

// neverInteger tells an operand that equals no integer, however it is held.
func neverInteger(e ast.Expr) bool {
	switch e.(type) {
	case *ast.NilExpr, *ast.TrueExpr, *ast.FalseExpr, *ast.TableExpr, *ast.FunctionExpr:
		return true
	}
	return false
}

// concatArgs is how many operands one call of opCat takes, bound by registers.
const concatArgs = 50

// concat makes a..b..c one call; long chains several, nested to the right.
func (rw *rewriter) concat(e *ast.StringConcatOpExpr) ast.Expr {
	var args []ast.Expr
	var at ast.Expr = e
	for {
		c, ok := at.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		args = append(args, rw.expr(c.Lhs))
		at = c.Rhs
	}
	args = append(args, rw.expr(at))
	for len(args) > concatArgs {
		cut := len(args) - concatArgs
		args = append(args[:cut:cut], call(e, opCat, args[cut:]...))
	}
	return call(e, opCat, args...)
}

// function rewrites a function's body; method adds the local self.
func (rw *rewriter) function(f *ast.FunctionExpr, method bool) {
	mark, literals := len(rw.scope), rw.literals
	rw.literals = 0
	if method {
		rw.declare("self", false)
	}
	for _, n := range f.ParList.Names {
		rw.declare(n, false)
	}
	rw.block(f.Stmts)
	rw.scope, rw.literals = rw.scope[:mark], literals
}
