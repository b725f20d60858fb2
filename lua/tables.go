package lua

import (
	"sort"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openTables installs the table library.
func (st *state) openTables(L *glua.LState, g *glua.LTable) {
	lib := L.NewTable()
	for name, f := range map[string]glua.LGFunction{
		"concat": tableConcat, "insert": tableInsert, "remove": tableRemove, "sort": st.tableSort,
		"maxn": tableMaxn, "getn": tableGetn, "unpack": st.unpack,
	} {
		lib.RawSetString(name, L.NewFunction(f))
	}
	g.RawSetString("table", lib)
}

func at(t *glua.LTable, i int) glua.LValue     { return t.RawGet(glua.LNumber(i)) }
func put(t *glua.LTable, i int, v glua.LValue) { t.RawSet(glua.LNumber(i), v) }

func tableGetn(L *glua.LState) int {
	L.Push(glua.LNumber(tableLen(L.CheckTable(1))))
	return 1
}

func tableMaxn(L *glua.LState) int {
	most := glua.LNumber(0)
	L.CheckTable(1).ForEach(func(k, _ glua.LValue) {
		if n, ok := k.(glua.LNumber); ok && n > most {
			most = n
		}
	})
	L.Push(most)
	return 1
}

func tableConcat(L *glua.LState) int {
	t := L.CheckTable(1)
	sep := ""
	if L.Get(2) != glua.LNil {
		sep = checkText(L, 2)
	}
	from, to := optInt(L, 3, 1), optInt(L, 4, tableLen(t))
	th := threadOf(L)
	var b strings.Builder
	for i := from; i <= to; i++ {
		s, ok := text(at(t, i))
		if !ok {
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", at(t, i).Type(), i)
		}
		n := len(s)
		if i < to {
			n += len(sep)
		}
		if b.Len()+n > maxString {
			th.str(L, b.Len()+n)
		}
		th.charge(L, n)
		th.work(L, 1)
		b.WriteString(s)
		if i < to {
			b.WriteString(sep)
		}
	}
	L.Push(glua.LString(b.String()))
	return 1
}

func tableInsert(L *glua.LState) int {
	t := L.CheckTable(1)
	n := tableLen(t)
	switch L.GetTop() {
	case 2:
		put(t, n+1, L.Get(2))
	case 3:
		pos := checkInt(L, 2)
		if pos < 1 || pos > n+1 {
			L.ArgError(2, "position out of bounds")
		}
		threadOf(L).work(L, (n-pos)/16)
		if n+1 < maxArrayIndex-1 {
			t.Insert(pos, L.Get(3))
			break
		}
		for i := n; i >= pos; i-- {
			put(t, i+1, at(t, i))
		}
		put(t, pos, L.Get(3))
	default:
		L.RaiseError("wrong number of arguments to 'insert'")
	}
	return 0
}

func tableRemove(L *glua.LState) int {
	t := L.CheckTable(1)
	n := tableLen(t)
	pos := optInt(L, 2, n)
	if n == 0 || pos < 1 || pos > n {
		L.Push(glua.LNil)
		return 1
	}
	threadOf(L).work(L, (n-pos)/16)
	L.Push(at(t, pos))
	if n < maxArrayIndex-1 {
		t.Remove(pos)
		return 1
	}
	for i := pos; i < n; i++ {
		put(t, i, at(t, i+1))
	}
	put(t, n, glua.LNil)
	return 1
}

// sorter sorts values by a Lua function or by <.
type sorter struct {
	st   *state
	L    *glua.LState
	t    *thread
	by   *glua.LFunction
	vals []glua.LValue
}

func (s *sorter) Len() int      { return len(s.vals) }
func (s *sorter) Swap(i, j int) { s.vals[i], s.vals[j] = s.vals[j], s.vals[i] }

func (s *sorter) Less(i, j int) bool {
	s.t.work(s.L, 1)
	if s.by == nil {
		return s.st.less(s.L, s.vals[i], s.vals[j])
	}
	s.L.Push(s.by)
	s.L.Push(s.vals[i])
	s.L.Push(s.vals[j])
	s.L.Call(2, 1)
	v := s.L.Get(-1)
	s.L.Pop(1)
	return glua.LVAsBool(v)
}

func (st *state) tableSort(L *glua.LState) int {
	t := L.CheckTable(1)
	s := &sorter{st: st, L: L, t: threadOf(L), vals: make([]glua.LValue, tableLen(t))}
	if L.Get(2) != glua.LNil {
		s.by = L.CheckFunction(2)
	}
	for i := range s.vals {
		s.vals[i] = at(t, i+1)
	}
	sort.Sort(s)
	for i, v := range s.vals {
		put(t, i+1, v)
	}
	return 0
}
