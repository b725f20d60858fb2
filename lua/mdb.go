package lua

import (
	"bytes"
	"fmt"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// openMdb makes the table mdb: everything of the debugger that Lua reaches.
func (st *state) openMdb(L *glua.LState) *glua.LTable {
	st.openWhatis(L)
	t := L.NewTable()
	for _, fs := range []map[string]glua.LGFunction{
		st.objectMethods(), st.registrations(), st.conversions(), st.typeFunctions(), st.memoryFunctions(),
		st.symbolFunctions(), st.targetFunctions(), st.sessionFunctions(),
	} {
		L.SetFuncs(t, fs)
	}
	return t
}

func (st *state) registrations() map[string]glua.LGFunction {
	return map[string]glua.LGFunction{
		"module": st.module, "command": st.command, "walker": st.walker, "whatis": st.whatis, "on": st.on,
		"yield": yield,
	}
}

// conversions between numbers and integers of 64 bits.
func (st *state) conversions() map[string]glua.LGFunction {
	return map[string]glua.LGFunction{
		"u64": func(L *glua.LState) int { // of a number, an integer, or text as C writes it
			if s, ok := L.Get(1).(glua.LString); ok {
				v, _, ok := literal(string(s))
				if !ok {
					L.ArgError(1, "malformed integer")
				}
				L.Push(st.unsigned(v))
				return 1
			}
			L.Push(st.unsigned(checkInteger(L, 1).v))
			return 1
		},
		"i64": func(L *glua.LState) int {
			L.Push(st.box(integer{v: checkInteger(L, 1).v, signed: true}))
			return 1
		},
		"strtoull": func(L *glua.LState) int { // by the debugger's rules and radix
			v, err := st.s.Strtoull(L.CheckString(1))
			check(L, err)
			L.Push(st.unsigned(v))
			return 1
		},
		"range": st.rangeOver,
	}
}

// rangeOver is mdb.range(from, to [, step]): a loop over integers of 64 bits, to
// included.
func (st *state) rangeOver(L *glua.LState) int {
	from, to := checkInteger(L, 1), checkInteger(L, 2)
	step := integer{v: 1}
	if L.Get(3) != glua.LNil {
		step = checkInteger(L, 3)
	}
	if step.v == 0 || step.negative() {
		L.ArgError(3, "step must be positive")
	}
	done := compare(from, to) > 0
	L.Push(L.NewFunction(func(L *glua.LState) int {
		if done {
			L.Push(glua.LNil)
			return 1
		}
		L.Push(st.box(from))
		// The last step must not wrap.
		if to.v-from.v < step.v {
			done = true
		}
		from.v += step.v
		return 1
	}))
	return 1
}

func (st *state) typeFunctions() map[string]glua.LGFunction {
	return map[string]glua.LGFunction{
		// load(type, addr): what lies there: a value, or an object of a structure.
		"load": func(L *glua.LState) int { return st.loadAt(L, st.checkType(L, 1), checkAddr(L, 2)) },
		// object(type, addr): the object there, never read.
		"object": func(L *glua.LState) int {
			L.Push(st.object(st.view().w.At(st.checkType(L, 1), mem.Addr(checkAddr(L, 2)))))
			return 1
		},
		"global": st.global,
		"typeof": func(L *glua.LState) int {
			L.Push(st.typeOf(st.checkType(L, 1)))
			return 1
		},
		"has_type": func(L *glua.LState) int {
			_, err := st.lookupType(L.CheckString(1))
			L.Push(glua.LBool(err == nil))
			return 1
		},
		"sizeof": st.sizeof, "offsetof": st.offsetof,
		"enum": func(L *glua.LState) int { // enum(type, value): the value with its name
			n := checkInteger(L, 2)
			L.Push(st.box(integer{v: n.v, signed: true, enum: st.view().w.Resolve(st.checkType(L, 1))}))
			return 1
		},
	}
}

// loadAt pushes what lies at an address by its type.
func (st *state) loadAt(L *glua.LState, t *ctype.Type, addr uint64) int {
	v := st.view().w.At(t, mem.Addr(addr))
	return st.load(L, v, v.Base(), "")
}

// global is mdb.global(name): the data of a symbol by its type.
func (st *state) global(L *glua.LState) int {
	name := L.CheckString(1)
	v := st.view()
	g, ok := v.globals[name]
	if !ok {
		m := st.lookupSymbol(L, name)
		var err error
		st.apart(func() { g.typ, err = st.s.DataType(m) })
		if err != nil {
			L.RaiseError("type of %s: %s", name, err.Error())
		}
		g.addr = m.Value
		v.globals[name] = g
	}
	return st.loadAt(L, g.typ, g.addr)
}

// sizeof is mdb.sizeof(type [, path]): bytes.
func (st *state) sizeof(L *glua.LState) int {
	t := st.checkType(L, 1)
	w := st.view().w
	if L.Get(2) != glua.LNil {
		p, err := w.Compile(t, L.CheckString(2))
		if err == nil {
			err = p.Err
		}
		check(L, err)
		t = p.Type
	}
	L.Push(glua.LNumber(w.Size(t)))
	return 1
}

// memoryFunctions read and write by address. A failed read is an error.
func (st *state) memoryFunctions() map[string]glua.LGFunction {
	fs := map[string]glua.LGFunction{
		"read": func(L *glua.LState) int { // read(addr, n): a string of bytes
			return st.readBytes(L, mem.Addr(checkAddr(L, 1)), checkInt(L, 2))
		},
		"readstr": func(L *glua.LState) int { // readstr(addr [, max])
			a := mem.Addr(checkAddr(L, 1))
			n := min(max(optInt(L, 2, maxText), 0), maxString)
			s, err := mem.ReadString(st.view().w.Space, a, n)
			if err != nil {
				raiseRead(L, err, a, "string")
			}
			threadOf(L).charge(L, len(s))
			L.Push(glua.LString(s))
			return 1
		},
		"read_ptr": func(L *glua.LState) int {
			return st.readUint(L, st.s.Arch().PtrSize, 64, false)
		},
		"write": func(L *glua.LState) int { // write(addr, bytes): only with -w
			return st.write(L, checkAddr(L, 1), []byte(L.CheckString(2)))
		},
	}
	for _, size := range []int{1, 2, 4, 8} {
		bits := uint32(8 * size)
		fs[fmt.Sprintf("read_u%d", bits)] = func(L *glua.LState) int { return st.readUint(L, size, bits, false) }
		fs[fmt.Sprintf("read_i%d", bits)] = func(L *glua.LState) int { return st.readUint(L, size, bits, true) }
		fs[fmt.Sprintf("write_u%d", bits)] = func(L *glua.LState) int {
			b := make([]byte, size)
			mem.PutUint(b, checkInteger(L, 2).v, st.s.Arch().Order)
			return st.write(L, checkAddr(L, 1), b)
		}
	}
	return fs
}

func (st *state) readUint(L *glua.LState, size int, bits uint32, signed bool) int {
	a := mem.Addr(checkAddr(L, 1))
	v := st.view()
	u, err := mem.ReadUint(v.w.Space, a, size, v.w.Order)
	if err != nil {
		raiseRead(L, err, a, "memory")
	}
	if signed && bits < 64 {
		u = uint64(int64(u<<(64-bits)) >> (64 - bits))
	}
	L.Push(st.sized(u, bits, signed))
	return 1
}

func (st *state) write(L *glua.LState, addr uint64, b []byte) int {
	if r, is := core.As[core.Reopener](st.s.Context()); is && !r.Writable() {
		L.RaiseError("failed to write at %x: %s", addr, mem.ErrReadOnly)
	}
	if err := st.s.Write(st.s.Space(), b, mem.Addr(addr)); err != nil {
		L.RaiseError("failed to write at %x: %s", addr, mem.Reason(err))
	}
	return 0
}

// sessionFunctions run commands and reach the session.
func (st *state) sessionFunctions() map[string]glua.LGFunction {
	return map[string]glua.LGFunction{
		"dcmd":    func(L *glua.LState) int { return st.dcmd(L, 1) },
		"eval":    func(L *glua.LState) int { return st.eval(L, 1) },
		"walk":    st.mdbWalk,
		"capture": st.capture,
		"expr": func(L *glua.LState) int { // expr(text): the value of an expression
			v, err := st.s.Eval.Expr(st.s, L.CheckString(1))
			check(L, err)
			L.Push(st.unsigned(v))
			return 1
		},
		"printf": func(L *glua.LState) int {
			t, f := threadOf(L), L.CheckString(1)
			t.c.Printf(f, st.printArgs(L, f, 2)...)
			t.wrote(L)
			return 0
		},
		"format": func(L *glua.LState) int { // the text that printf would print
			f := L.CheckString(1)
			s := out.Sprintf(st.s.OutEnv(), f, st.printArgs(L, f, 2)...)
			threadOf(L).str(L, len(s))
			L.Push(glua.LString(s))
			return 1
		},
		"warn": func(L *glua.LState) int {
			f := L.CheckString(1)
			st.s.Warnf(f, st.printArgs(L, f, 2)...)
			return 0
		},
		"get": func(L *glua.LState) int { // get(name): a variable; nil if there is none
			if v := st.s.Vars.Lookup(L.CheckString(1)); v != nil {
				L.Push(st.unsigned(v.Value()))
			} else {
				L.Push(glua.LNil)
			}
			return 1
		},
		"set": func(L *glua.LState) int { // set(name, value)
			name := L.CheckString(1)
			v := st.s.Vars.Lookup(name)
			if v == nil {
				v = st.s.Vars.Define(&core.Var{Name: name})
			}
			check(L, v.Set(checkInteger(L, 2).v))
			return 0
		},
		"dot": func(L *glua.LState) int { // dot([value])
			if L.Get(1) != glua.LNil {
				st.s.Frame.Dot = checkInteger(L, 1).v
			}
			L.Push(st.unsigned(st.s.Frame.Dot))
			return 1
		},
	}
}

// dcmd runs a dcmd: name, address or nil, arguments from the stack, from i on.
func (st *state) dcmd(L *glua.LState, i int) int {
	t := threadOf(L)
	name := L.CheckString(i)
	addr, has := uint64(0), L.Get(i+1) != glua.LNil
	if has {
		addr = checkInteger(L, i+1).v
	}
	var args []core.Arg
	for k := i + 2; k <= L.GetTop(); k++ {
		switch v := L.Get(k).(type) {
		case glua.LString:
			args = append(args, core.Arg{Str: string(v)})
		default:
			args = append(args, core.Arg{Imm: checkInteger(L, k).v, IsImm: true})
		}
	}
	c := *t.c
	c.Context = core.Confine(t.c.Context)
	return t.evaluated(L, st.s.Eval.Call(&c, name, addr, has, args...))
}

// eval runs a command line.
func (st *state) eval(L *glua.LState, i int) int {
	t := threadOf(L)
	return t.evaluated(L, st.s.Eval.Eval(core.Confine(t.c), st.s, L.CheckString(i)))
}

// limitedBuffer keeps what is written up to a size.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxString {
		return 0, fmt.Errorf("output is longer than %d bytes", maxString)
	}
	return b.Buffer.Write(p)
}

// capture is mdb.capture(commands): what they print, and whether they succeeded.
func (st *state) capture(L *glua.LState) int {
	t := threadOf(L)
	src := L.CheckString(1)
	var b limitedBuffer
	saved := st.s.Out
	p := out.New(&b, saved.Env())
	st.s.Out = p
	err := func() error {
		defer func() { st.s.Out = saved }()
		err := st.s.Eval.Eval(core.Confine(t.c), st.s, src)
		p.EndLine()
		p.Flush()
		return err
	}()
	check(L, p.Err())
	t.charge(L, b.Len())
	L.Push(glua.LString(b.String()))
	return 1 + t.evaluated(L, err)
}
