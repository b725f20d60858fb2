package lua

import (
	"errors"
	"time"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
)

// ctxValue is the ctx that a command's function gets: fields of core.Ctx, and
// methods.
type ctxValue struct {
	c    *core.Ctx
	cmd  *command
	opts *glua.LTable
	args *glua.LTable
}

// stageState is what a stage of a Lua command keeps: ctx.state.
type stageState struct{ v glua.LValue }

func (st *state) ctx(c *core.Ctx, cmd *command) *glua.LUserData {
	return &glua.LUserData{Value: &ctxValue{c: c, cmd: cmd}, Metatable: st.meta.ctx}
}

func checkCtx(L *glua.LState) *ctxValue {
	if u, ok := L.Get(1).(*glua.LUserData); ok {
		if c, ok := u.Value.(*ctxValue); ok {
			return c
		}
	}
	L.ArgError(1, "ctx expected: call its functions with a colon, as ctx:printf(...)")
	return nil
}

func (st *state) openCtx(L *glua.LState) {
	mt := L.NewTable()
	L.SetFuncs(mt, map[string]glua.LGFunction{
		"printf": st.ctxPrintf,
		"print":  st.ctxPrint,
		"row":    st.ctxRow,
		"emit":   st.ctxEmit,
		"input":  st.ctxInput,
		"load":   st.ctxLoad,
		"warn":   st.ctxWarn,
		"call": func(L *glua.LState) int {
			checkCtx(L)
			return st.dcmd(L, 2)
		},
		"eval": func(L *glua.LState) int {
			checkCtx(L)
			return st.eval(L, 2)
		},
		"at_end": st.ctxAtEnd,
		"head": func(L *glua.LState) int {
			if v := checkCtx(L); v.c.Dcmd.Table != nil {
				v.c.Head()
			}
			return 0
		},
		"__newindex": func(L *glua.LState) int {
			v := checkCtx(L)
			if L.CheckString(2) != "state" {
				L.RaiseError("only ctx.state can be assigned to")
			}
			v.c.State = &stageState{L.Get(3)}
			return 0
		},
	})
	mt.RawSetString("__index", L.NewFunction(func(L *glua.LState) int {
		v, name := checkCtx(L), L.CheckString(2)
		if f := mt.RawGetString(name); f != glua.LNil && name[0] != '_' {
			L.Push(f)
			return 1
		}
		L.Push(st.ctxField(L, v, name))
		return 1
	}))
	mt.RawSetString("__metatable", glua.LFalse)
	st.meta.ctx = mt
}

// ctxField is a field of ctx; an unknown one is nil.
func (st *state) ctxField(L *glua.LState, v *ctxValue, name string) glua.LValue {
	c := v.c
	switch name {
	case "addr":
		return st.unsigned(c.Addr)
	case "has_addr":
		return glua.LBool(c.HasAddr)
	case "count":
		return st.unsigned(c.Count)
	case "loop":
		return glua.LBool(c.Loop)
	case "first":
		return glua.LBool(c.First || !c.Loop)
	case "header":
		return glua.LBool(c.Header())
	case "pipe_in":
		return glua.LBool(c.PipeIn)
	case "pipe_out":
		return glua.LBool(c.PipeOut)
	case "json":
		return glua.LBool(c.Session.Opts.JSON)
	case "name":
		return glua.LString(c.Dcmd.Name)
	case "type":
		if c.Type != nil {
			return st.typeOf(c.Type)
		}
	case "args":
		if v.args == nil {
			v.args = st.argTable(L, c.Args)
		}
		return v.args
	case "opts":
		if v.opts == nil {
			v.opts = st.optTable(L, c)
		}
		return v.opts
	case "state":
		if s, ok := c.State.(*stageState); ok {
			return s.v
		}
		t := L.NewTable()
		c.State = &stageState{t}
		return t
	}
	return glua.LNil
}

// argTable lists arguments: words as strings, numbers of $[ ] as integers.
func (st *state) argTable(L *glua.LState, args []core.Arg) *glua.LTable {
	t := L.NewTable()
	for _, a := range args {
		if a.IsImm {
			t.Append(st.unsigned(a.Imm))
		} else {
			t.Append(glua.LString(a.Str))
		}
	}
	return t
}

// optTable has the options that were given by their letters: true, a string or an
// integer.
func (st *state) optTable(L *glua.LState, c *core.Ctx) *glua.LTable {
	t := L.NewTable()
	for _, o := range c.Dcmd.Opts {
		if !c.Opt(o.Letter) {
			continue
		}
		var v glua.LValue = glua.LTrue
		switch o.Kind {
		case core.Str:
			s, _ := c.OptStr(o.Letter)
			v = glua.LString(s)
		case core.Uint:
			n, _ := c.OptUint(o.Letter)
			v = st.unsigned(n)
		}
		t.RawSetString(string(o.Letter), v)
	}
	return t
}

// wrote ends an output function: the time spent in it does not count as looping,
// and what the reader of the output wants (no more) is looked at.
func (t *thread) wrote(L *glua.LState) {
	t.busyFrom = time.Now()
	t.work(L, 64)
	if t.c.P.Err() == nil {
		return
	}
	// Nobody reads the output any more: Ctrl-C or q at the pager, or the end of
	// the shell command it goes to.
	if err := t.parent.Err(); err != nil {
		t.end(ending(err))
	}
	t.end(core.ErrAbort)
	t.raise(L)
}

func (st *state) ctxPrintf(L *glua.LState) int {
	c := checkCtx(L).c
	f := L.CheckString(2)
	c.Printf(f, st.printArgs(L, f, 3)...)
	threadOf(L).wrote(L)
	return 0
}

func (st *state) ctxPrint(L *glua.LState) int {
	checkCtx(L)
	L.Remove(1)
	return st.print(L)
}

func (st *state) ctxWarn(L *glua.LState) int {
	c := checkCtx(L).c
	f := L.CheckString(2)
	c.Warnf(f, st.printArgs(L, f, 3)...)
	return 0
}

// ctxRow is ctx:row(values...) in the order of the columns, or ctx:row{name=...}.
func (st *state) ctxRow(L *glua.LState) int {
	v := checkCtx(L)
	t := v.c.Dcmd.Table
	if t == nil || v.cmd == nil {
		L.RaiseError("ctx:row needs a command with columns")
	}
	named, byName := L.Get(2).(*glua.LTable)
	cell := func(col column) glua.LValue {
		if byName {
			return named.RawGetString(col.name)
		}
		return L.Get(2 + col.arg)
	}
	if v.c.PipeOut {
		st.pipeRow(L, v, cell(v.cmd.cols[t.Pipe]))
		return 0
	}
	vals := make([]any, len(v.cmd.cols))
	for i, col := range v.cmd.cols {
		vals[i] = st.rowValue(L, cell(col), col.verb)
	}
	v.c.Row(vals...)
	threadOf(L).wrote(L)
	return 0
}

// pipeRow passes on what a row puts into a pipe, with its type if that is known.
func (st *state) pipeRow(L *glua.LState, v *ctxValue, lv glua.LValue) {
	n, _, err := asInteger(lv)
	if err != nil {
		L.RaiseError("column for the pipe: %s", err.Error())
	}
	t := objectType(lv)
	if name := v.c.Dcmd.Table.Type; t == nil && name != "" {
		t, _ = st.lookupType(name)
	}
	v.c.Emit(n.v, t)
	threadOf(L).wrote(L)
}

// ctxEmit is ctx:emit(value or list [, type]): values for the next stage.
func (st *state) ctxEmit(L *glua.LState) int {
	c := checkCtx(L).c
	var typ *ctype.Type
	if L.Get(3) != glua.LNil {
		typ = st.checkType(L, 3)
	}
	one := func(lv glua.LValue) {
		n, _, err := asInteger(lv)
		if err != nil {
			L.ArgError(2, err.Error())
		}
		t := typ
		if t == nil {
			t = objectType(lv)
		}
		c.Emit(n.v, t)
	}
	if list, ok := L.Get(2).(*glua.LTable); ok {
		for i := 1; i <= tableLen(list); i++ {
			one(at(list, i))
		}
	} else {
		one(L.Get(2))
	}
	threadOf(L).wrote(L)
	return 0
}

// objectOf is the object that a value is, or nil.
func objectOf(v glua.LValue) *object {
	if u, ok := v.(*glua.LUserData); ok {
		if o, ok := u.Value.(*object); ok {
			return o
		}
	}
	return nil
}

// objectType is the type of an object, nil of anything else.
func objectType(v glua.LValue) *ctype.Type {
	if o := objectOf(v); o != nil {
		return o.Type
	}
	return nil
}

// ctxInput is ctx:input(): the rest of the pipe as a list.
func (st *state) ctxInput(L *glua.LState) int {
	t := L.NewTable()
	in := checkCtx(L).c.Input()
	threadOf(L).charge(L, 100*len(in))
	for i, v := range in {
		put(t, i+1, st.unsigned(v))
	}
	L.Push(t)
	return 1
}

// ctxLoad is ctx:load([type]): what lies at the command's address, by the type
// given, or the one that the pipe knows.
func (st *state) ctxLoad(L *glua.LState) int {
	c := checkCtx(L).c
	t := c.Type
	if L.Get(2) != glua.LNil {
		t = st.checkType(L, 2)
	}
	if t == nil {
		L.RaiseError("the type at %x is not known: name it", c.Addr)
	}
	return st.loadAt(L, t, c.Addr)
}

// ctxAtEnd is ctx:at_end(f): f runs once after the stage's last element.
func (st *state) ctxAtEnd(L *glua.LState) int {
	v, fn := checkCtx(L), L.CheckFunction(2)
	v.c.AtEnd(func() error {
		res, err := st.call(v.c, v.c, fn, 1)
		if err != nil {
			return err
		}
		return verdict(res[0])
	})
	return 0
}

// verdict is what the value that a command's function returns says of its success.
func verdict(v glua.LValue) error {
	switch v.String() {
	case "usage":
		return core.ErrUsage
	case "next":
		return core.ErrNext
	case "abort":
		return core.ErrAbort
	}
	if v == glua.LFalse {
		return core.ErrFailed
	}
	return nil
}

// evaluated turns how a command ended into results for Lua: true, or false and a
// word. What ends the session or was Ctrl-C ends the calling code, too.
func (t *thread) evaluated(L *glua.LState, err error) int {
	t.busyFrom = time.Now()
	word := ""
	switch {
	case err == nil:
		L.Push(glua.LTrue)
		return 1
	case errors.Is(err, core.ErrQuit), errors.Is(err, core.ErrIntr):
		t.end(err)
		t.raise(L)
	case errors.Is(err, core.ErrUsage):
		word = "usage"
	case errors.Is(err, core.ErrAbort):
		word = "abort"
	default:
		word = "failed"
		t.c.Session.Fail(err)
	}
	L.Push(glua.LFalse)
	L.Push(glua.LString(word))
	return 2
}
