package lua

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// collectAssigned finds the names of variables that a chunk assigns to, in
// whatever scope.
func collectAssigned(stmts []ast.Stmt, names map[string]bool, depth int) {
	if depth > maxDepth {
		return // reported when it is rewritten
	}
	for _, s := range stmts {
		switch s := s.(type) {
		case *ast.AssignStmt:
			for _, l := range s.Lhs {
				if id, ok := l.(*ast.IdentExpr); ok {
					names[id.Value] = true
				}
			}
			collectIn(s.Rhs, names, depth)
		case *ast.LocalAssignStmt:
			collectIn(s.Exprs, names, depth)
		case *ast.FuncDefStmt:
			if id, ok := s.Name.Func.(*ast.IdentExpr); ok {
				names[id.Value] = true
			}
			collectAssigned(s.Func.Stmts, names, depth+1)
		case *ast.DoBlockStmt:
			collectAssigned(s.Stmts, names, depth+1)
		case *ast.WhileStmt:
			collectIn([]ast.Expr{s.Condition}, names, depth)
			collectAssigned(s.Stmts, names, depth+1)
		case *ast.RepeatStmt:
			collectIn([]ast.Expr{s.Condition}, names, depth)
			collectAssigned(s.Stmts, names, depth+1)
		case *ast.IfStmt:
			collectIn([]ast.Expr{s.Condition}, names, depth)
			collectAssigned(s.Then, names, depth+1)
			collectAssigned(s.Else, names, depth+1)
		case *ast.NumberForStmt:
			collectIn([]ast.Expr{s.Init, s.Limit, s.Step}, names, depth)
			collectAssigned(s.Stmts, names, depth+1)
		case *ast.GenericForStmt:
			collectIn(s.Exprs, names, depth)
			collectAssigned(s.Stmts, names, depth+1)
		case *ast.ReturnStmt:
			collectIn(s.Exprs, names, depth)
		case *ast.FuncCallStmt:
			collectIn([]ast.Expr{s.Expr}, names, depth)
		}
	}
}

// collectIn finds the assignments in functions inside expressions.
func collectIn(list []ast.Expr, names map[string]bool, depth int) {
	if depth > maxDepth {
		return
	}
	for _, e := range list {
		switch e := e.(type) {
		case *ast.FunctionExpr:
			collectAssigned(e.Stmts, names, depth+1)
		case *ast.FuncCallExpr:
			collectIn([]ast.Expr{e.Func, e.Receiver}, names, depth+1)
			collectIn(e.Args, names, depth+1)
		case *ast.TableExpr:
			for _, f := range e.Fields {
				collectIn([]ast.Expr{f.Key, f.Value}, names, depth+1)
			}
		case *ast.AttrGetExpr:
			collectIn([]ast.Expr{e.Object, e.Key}, names, depth+1)
		case *ast.LogicalOpExpr:
			collectIn([]ast.Expr{e.Lhs, e.Rhs}, names, depth+1)
		case *ast.RelationalOpExpr:
			collectIn([]ast.Expr{e.Lhs, e.Rhs}, names, depth+1)
		case *ast.ArithmeticOpExpr:
			collectIn([]ast.Expr{e.Lhs, e.Rhs}, names, depth+1)
		case *ast.StringConcatOpExpr:
			collectIn([]ast.Expr{e.Lhs, e.Rhs}, names, depth+1)
		case *ast.UnaryMinusOpExpr:
			collectIn([]ast.Expr{e.Expr}, names, depth+1)
		case *ast.UnaryNotOpExpr:
			collectIn([]ast.Expr{e.Expr}, names, depth+1)
		case *ast.UnaryLenOpExpr:
			collectIn([]ast.Expr{e.Expr}, names, depth+1)
		}
	}
}

// block rewrites a list of statements in a scope of its own.
func (rw *rewriter) block(stmts []ast.Stmt) {
	mark := len(rw.scope)
	for i, s := range stmts {
		stmts[i] = rw.stmt(s)
	}
	rw.scope = rw.scope[:mark]
}

func (rw *rewriter) stmt(s ast.Stmt) ast.Stmt {
	defer rw.leave()
	if !rw.enter(s) {
		return s
	}
	switch s := s.(type) {
	case *ast.AssignStmt:
		return rw.assign(s)
	case *ast.LocalAssignStmt:
		rw.local(s)
	case *ast.FuncCallStmt:
		// Only a call can stand here, and it is not made to give one value.
		rw.expr(s.Expr)
	case *ast.DoBlockStmt:
		rw.block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = rw.expr(s.Condition)
		rw.block(s.Stmts)
	case *ast.RepeatStmt:
		rw.repeat(s)
	case *ast.IfStmt:
		s.Condition = rw.expr(s.Condition)
		rw.block(s.Then)
		rw.block(s.Else)
	case *ast.NumberForStmt:
		rw.numberFor(s)
	case *ast.GenericForStmt:
		rw.exprs(s.Exprs)
		mark := len(rw.scope)
		for _, n := range s.Names {
			rw.declare(n, false)
		}
		rw.block(s.Stmts)
		rw.scope = rw.scope[:mark]
	case *ast.FuncDefStmt:
		rw.function(s.Func, s.Name.Func == nil)
	case *ast.ReturnStmt:
		rw.exprs(s.Exprs)
	}
	return s
}

// local declares after its expressions, but for "local function f".
func (rw *rewriter) local(s *ast.LocalAssignStmt) {
	if len(s.Exprs) == 1 && len(s.Names) == 1 {
		if _, fn := s.Exprs[0].(*ast.FunctionExpr); fn {
			rw.declare(s.Names[0], false)
		}
	}
	rw.exprs(s.Exprs)
	for _, n := range s.Names {
		rw.declare(n, false)
	}
}

// repeat: the condition sees the locals of the body.
func (rw *rewriter) repeat(s *ast.RepeatStmt) {
	mark := len(rw.scope)
	for i, in := range s.Stmts {
		s.Stmts[i] = rw.stmt(in)
	}
	s.Condition = rw.expr(s.Condition)
	rw.scope = rw.scope[:mark]
}

func (rw *rewriter) numberFor(s *ast.NumberForStmt) {
	for _, p := range []*ast.Expr{&s.Init, &s.Limit, &s.Step} {
		if *p == nil {
			continue
		}
		plain := rw.isNumber(*p)
		*p = rw.expr(*p)
		if !plain {
			*p = call(*p, opNum, *p)
		}
	}
	mark := len(rw.scope)
	rw.declare(s.Name, true)
	rw.block(s.Stmts)
	rw.scope = rw.scope[:mark]
}

// assign makes t[k] = v a call of opSet where k is not a name.
func (rw *rewriter) assign(s *ast.AssignStmt) ast.Stmt {
	sets := 0
	for i, l := range s.Lhs {
		if get, ok := l.(*ast.AttrGetExpr); ok && isDynamic(get.Key) {
			get.Object, get.Key = rw.expr(get.Object), rw.expr(get.Key)
			sets++
			continue
		}
		s.Lhs[i] = rw.expr(l)
	}
	rw.exprs(s.Rhs)
	one := len(s.Lhs) == 1 && len(s.Rhs) == 1
	switch {
	case sets == 1 && one:
		return setStmt(s, s.Lhs[0].(*ast.AttrGetExpr), s.Rhs[0])
	case one:
		// gopher-lua compiles "a = (f(a))" into code that loads f over the
		// parameter a. What takes one value needs no adjusting.
		if c, ok := s.Rhs[0].(*ast.FuncCallExpr); ok {
			c.AdjustRet = false
		}
		return s
	case sets == 0 && !hasCall(s.Rhs):
		return s
	}
	return manyAssign(s)
}

// hasCall tells whether a value of a multiple assignment is a call; the compiler
// gets those wrong as it does "a = (f(a))".
func hasCall(list []ast.Expr) bool {
	for _, e := range list {
		if _, ok := e.(*ast.FuncCallExpr); ok {
			return true
		}
	}
	return false
}

// isDynamic tells a key of t[key] = v that is neither a name nor a small number.
func isDynamic(key ast.Expr) bool {
	switch key := key.(type) {
	case *ast.StringExpr:
		return false
	case *ast.NumberExpr:
		n, err := strconv.Atoi(key.Value)
		return err != nil || n > 1000
	}
	return true
}

func setStmt(at ast.PositionHolder, get *ast.AttrGetExpr, v ast.Expr) ast.Stmt {
	st := &ast.FuncCallStmt{Expr: call(at, opSet, get.Object, get.Key, v)}
	st.SetLine(position(at))
	return st
}

// manyAssign is "a[i], b[j], c = x, y, z" with locals for everything that is
// evaluated before the first assignment.
func manyAssign(s *ast.AssignStmt) ast.Stmt {
	var names []string
	var exprs []ast.Expr
	temp := func(e ast.Expr) ast.Expr {
		name := "(" + strconv.Itoa(len(names)) + ")"
		names, exprs = append(names, name), append(exprs, e)
		id := &ast.IdentExpr{Value: name}
		id.SetLine(position(s))
		return id
	}
	for _, l := range s.Lhs {
		if get, ok := l.(*ast.AttrGetExpr); ok {
			oneValue(get.Object)
			oneValue(get.Key)
			get.Object = temp(get.Object)
			if isDynamic(get.Key) {
				get.Key = temp(get.Key)
			}
		}
	}
	targets := &ast.LocalAssignStmt{Names: names, Exprs: exprs}
	targets.SetLine(position(s))
	first := len(names)
	vals := make([]ast.Expr, len(s.Lhs))
	for i := range s.Lhs {
		vals[i] = temp(nil)
	}
	values := &ast.LocalAssignStmt{Names: names[first:], Exprs: s.Rhs}
	values.SetLine(position(s))
	block := &ast.DoBlockStmt{}
	block.SetLine(position(s))
	if first > 0 {
		targets.Names, targets.Exprs = names[:first:first], exprs[:first:first]
		block.Stmts = append(block.Stmts, targets)
	}
	block.Stmts = append(block.Stmts, values)
	for i, l := range s.Lhs {
		if get, ok := l.(*ast.AttrGetExpr); ok && isDynamic(get.Key) {
			block.Stmts = append(block.Stmts, setStmt(s, get, vals[i]))
			continue
		}
		one := &ast.AssignStmt{Lhs: []ast.Expr{l}, Rhs: []ast.Expr{vals[i]}}
		one.SetLine(position(s))
		block.Stmts = append(block.Stmts, one)
	}
	return block
}

func oneValue(e ast.Expr) {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
}
