package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// module is mdb.module{...}: what the module is and when it activates.
func (st *state) module(L *glua.LState) int {
	t := L.CheckTable(1)
	if n := stringField(L, t, "name"); n != "" && !st.loaded {
		st.m.Name = n
	}
	if d := stringField(L, t, "descr"); d != "" {
		st.m.Descr = d
	}
	if list, ok := t.RawGetString("objects").(*glua.LTable); ok {
		for i := 1; i <= tableLen(list); i++ {
			st.m.Objects = append(st.m.Objects, at(list, i).String())
		}
	}
	if f := st.hook(functionField(L, t, "active", false)); f != nil {
		st.m.Active = func(*core.Context) bool {
			res, err := st.callback(f, 1)
			return err == nil && glua.LVAsBool(res[0])
		}
	}
	if f := st.hook(functionField(L, t, "fini", false)); f != nil {
		st.m.OnUnload(func() {
			if st.broken == nil {
				_, err := st.callback(f, 0)
				st.s.Fail(err)
			}
		})
	}
	return 0
}

// on is mdb.on("change" or "prompt", f): f is called when the target has changed,
// or before each prompt.
func (st *state) on(L *glua.LState) int {
	event, f := L.CheckString(1), st.hook(L.CheckFunction(2))
	var add func(func()) func()
	switch event {
	case "change":
		add = st.s.OnChange
	case "prompt":
		add = st.s.OnPrompt
	default:
		L.ArgError(1, `"change" or "prompt" expected`)
	}
	set := func() {
		st.m.OnUnload(add(func() {
			if st.broken != nil {
				return
			}
			_, err := st.callback(f, 0)
			st.s.Fail(err)
		}))
	}
	if st.loaded {
		set()
	} else {
		st.atInit = append(st.atInit, set)
	}
	return 0
}

// whatisValue is the search that a whatis source's function gets.
type whatisValue struct{ w *core.Whatis }

func checkWhatis(L *glua.LState) *core.Whatis {
	if u, ok := L.Get(1).(*glua.LUserData); ok {
		if w, ok := u.Value.(*whatisValue); ok {
			return w.w
		}
	}
	L.ArgError(1, "search of ::whatis expected")
	return nil
}

// whatis is mdb.whatis{name=, prio=, ids=, run=}.
func (st *state) whatis(L *glua.LState) int {
	t := L.CheckTable(1)
	run := st.hook(functionField(L, t, "run", true))
	src := &core.WhatisSource{Name: stringField(L, t, "name"), Prio: core.WhatisAllocator}
	if v := t.RawGetString("prio"); v != glua.LNil {
		n, _, err := asInteger(v)
		if err != nil {
			L.RaiseError("field prio: %s", err.Error())
		}
		src.Prio = int(min(n.v, 1000))
	}
	switch ids := t.RawGetString("ids"); ids {
	case glua.LTrue:
		src.IDs = true
	case glua.LFalse:
		src.NoIDs = true
	}
	src.Run = func(c *core.Ctx, w *core.Whatis) error {
		if st.broken != nil {
			return st.broken
		}
		arg := &glua.LUserData{Value: &whatisValue{w}, Metatable: st.meta.whatis}
		_, err := st.call(c, c, run.fn, 0, arg)
		return err
	}
	if st.loaded {
		st.s.Reg.AddWhatis(st.m, src)
	} else {
		st.m.Whatis = append(st.m.Whatis, src)
	}
	return 0
}

// openWhatis makes the methods of a search: w:done(), w:overlaps(base, size),
// w:match(base, size), w:report_object(addr, base, format, ...),
// w:report_address(addr, format, ...), w:flag(name).
func (st *state) openWhatis(L *glua.LState) {
	methods := L.SetFuncs(L.NewTable(), map[string]glua.LGFunction{
		"done": func(L *glua.LState) int {
			L.Push(glua.LBool(checkWhatis(L).Done()))
			return 1
		},
		"overlaps": func(L *glua.LState) int {
			w := checkWhatis(L)
			L.Push(glua.LBool(w.Overlaps(mem.Addr(checkAddr(L, 2)), checkInteger(L, 3).v)))
			return 1
		},
		"match":         st.whatisMatch,
		"report_object": st.whatisObject,
		"report_address": func(L *glua.LState) int {
			w, a, f := checkWhatis(L), checkAddr(L, 2), newline(L.CheckString(3))
			w.ReportAddress(mem.Addr(a), f, st.printArgs(L, f, 4)...)
			return 0
		},
		"flag": func(L *glua.LState) int {
			w := checkWhatis(L)
			flags := map[string]bool{"bufctl": w.Bufctl, "idspace": w.IDSpace, "quiet": w.Quiet, "verbose": w.Verbose, "all": w.All}
			L.Push(glua.LBool(flags[L.CheckString(2)]))
			return 1
		},
	})
	st.meta.whatis = L.NewTable()
	st.meta.whatis.RawSetString("__index", methods)
	st.meta.whatis.RawSetString("__metatable", glua.LFalse)
}

// whatisMatch is an iterator over the wanted addresses in a range.
func (st *state) whatisMatch(L *glua.LState) int {
	w := checkWhatis(L)
	var found []mem.Addr
	for a := range w.Match(mem.Addr(checkAddr(L, 2)), checkInteger(L, 3).v) {
		found = append(found, a)
	}
	L.Push(L.NewFunction(func(L *glua.LState) int {
		if len(found) == 0 {
			L.Push(glua.LNil)
			return 1
		}
		L.Push(st.unsigned(uint64(found[0])))
		found = found[1:]
		return 1
	}))
	return 1
}

func (st *state) whatisObject(L *glua.LState) int {
	w, a, base, f := checkWhatis(L), checkAddr(L, 2), checkAddr(L, 3), newline(L.CheckString(4))
	w.ReportObject(mem.Addr(a), mem.Addr(base), f, st.printArgs(L, f, 5)...)
	return 0
}

// newline ends an answer's text.
func newline(f string) string {
	if strings.HasSuffix(f, "\n") {
		return f
	}
	return f + "\n"
}
