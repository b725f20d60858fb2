package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openStrings installs the string library: Lua 5.1's, every function bounded in
// memory and ready to be interrupted.
func (st *state) openStrings(L *glua.LState, g *glua.LTable) {
	lib := L.NewTable()
	for name, f := range map[string]glua.LGFunction{
		"byte": stringByte, "char": stringChar, "find": stringFind, "format": st.stringFormat,
		"gmatch": stringGmatch, "gsub": st.stringGsub, "len": stringLen, "lower": mapString(strings.ToLower),
		"match": stringMatch, "rep": stringRep, "reverse": mapString(reverse), "sub": stringSub,
		"upper": mapString(strings.ToUpper),
	} {
		lib.RawSetString(name, L.NewFunction(f))
	}
	st.strings = lib
	g.RawSetString("string", lib)
	mt := L.NewTable()
	mt.RawSetString("__index", lib)
	mt.RawSetString("__metatable", glua.LFalse)
	L.SetMetatable(glua.LString(""), mt)
}

// checkText is argument i as a string: integers are converted, as numbers are.
func checkText(L *glua.LState, i int) string {
	if s, ok := text(L.Get(i)); ok {
		return s
	}
	return L.CheckString(i)
}

// span turns Lua's positions, negative ones counting from the end, into a range.
func span(n, i, j int) (from, to int) {
	if i < 0 {
		i = max(n+i+1, 1)
	} else if i == 0 {
		i = 1
	}
	if j < 0 {
		j = n + j + 1
	} else if j > n {
		j = n
	}
	if i > j {
		return 0, 0
	}
	return i - 1, j
}

func stringByte(L *glua.LState) int {
	s := checkText(L, 1)
	i := optInt(L, 2, 1)
	from, to := span(len(s), i, optInt(L, 3, i))
	if to-from > maxUnpack {
		L.RaiseError("string slice too long")
	}
	for _, c := range []byte(s[from:to]) {
		L.Push(glua.LNumber(c))
	}
	return to - from
}

func stringChar(L *glua.LState) int {
	b := make([]byte, L.GetTop())
	for i := range b {
		c := checkInt(L, i+1)
		if c < 0 || c > 255 {
			L.ArgError(i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	L.Push(glua.LString(b))
	return 1
}

func stringLen(L *glua.LState) int {
	L.Push(glua.LNumber(len(checkText(L, 1))))
	return 1
}

func stringSub(L *glua.LState) int {
	s := checkText(L, 1)
	from, to := span(len(s), checkInt(L, 2), optInt(L, 3, -1))
	L.Push(glua.LString(s[from:to]))
	return 1
}

func mapString(f func(string) string) glua.LGFunction {
	return func(L *glua.LState) int {
		s := checkText(L, 1)
		threadOf(L).str(L, len(s))
		L.Push(glua.LString(f(s)))
		return 1
	}
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func stringRep(L *glua.LState) int {
	s, n := checkText(L, 1), checkInt(L, 2)
	if n <= 0 || s == "" {
		L.Push(glua.LString(""))
		return 1
	}
	if n > maxString/len(s) {
		n = maxString/len(s) + 1
	}
	threadOf(L).str(L, n*len(s))
	L.Push(glua.LString(strings.Repeat(s, n)))
	return 1
}

// newMatcher is a matcher whose steps count as work of the running code.
func newMatcher(L *glua.LState, src, pat string) *matcher {
	t := threadOf(L)
	return &matcher{src: src, pat: pat, tick: func(n int) { t.work(L, n) }}
}

// check raises the error of a match.
func check(L *glua.LState, err error) {
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
}

// push puts capture i of a match on the stack; the whole match if there are none
// and i is 0.
func (m *matcher) push(L *glua.LState, i, s, e int) {
	if i >= m.level {
		if i != 0 {
			L.RaiseError("invalid capture index")
		}
		L.Push(glua.LString(m.src[s:e]))
		return
	}
	c := m.capture[i]
	switch c.len {
	case capPosition:
		L.Push(glua.LNumber(c.start + 1))
	case capOpen:
		L.RaiseError("unfinished capture")
	default:
		L.Push(glua.LString(m.src[c.start : c.start+c.len]))
	}
}

// pushAll pushes the captures, or the whole match if whole is set and there are
// none.
func (m *matcher) pushAll(L *glua.LState, s, e int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		m.push(L, i, s, e)
	}
	return n
}

const specials = "^$*+?.([%-"

func initial(L *glua.LState, i, n int) (int, bool) {
	init := optInt(L, i, 1)
	if init < 0 {
		init = max(n+init+1, 1)
	}
	return max(init-1, 0), init-1 <= n
}

func stringFind(L *glua.LState) int {
	s, pat := checkText(L, 1), checkText(L, 2)
	init, in := initial(L, 3, len(s))
	if !in {
		L.Push(glua.LNil)
		return 1
	}
	if L.ToBool(4) || !strings.ContainsAny(pat, specials) {
		threadOf(L).work(L, len(s)/64)
		i := strings.Index(s[init:], pat)
		if i < 0 {
			L.Push(glua.LNil)
			return 1
		}
		L.Push(glua.LNumber(init + i + 1))
		L.Push(glua.LNumber(init + i + len(pat)))
		return 2
	}
	m := newMatcher(L, s, pat)
	from, to, err := m.find(init)
	check(L, err)
	if from < 0 {
		L.Push(glua.LNil)
		return 1
	}
	L.Push(glua.LNumber(from + 1))
	L.Push(glua.LNumber(to))
	return 2 + m.pushAll(L, from, to, false)
}

func stringMatch(L *glua.LState) int {
	s, pat := checkText(L, 1), checkText(L, 2)
	init, in := initial(L, 3, len(s))
	if !in {
		L.Push(glua.LNil)
		return 1
	}
	m := newMatcher(L, s, pat)
	from, to, err := m.find(init)
	check(L, err)
	if from < 0 {
		L.Push(glua.LNil)
		return 1
	}
	return m.pushAll(L, from, to, true)
}

func stringGmatch(L *glua.LState) int {
	s, pat := checkText(L, 1), checkText(L, 2)
	at := 0
	L.Push(L.NewFunction(func(L *glua.LState) int {
		m := newMatcher(L, s, pat)
		for ; at <= len(s); at++ {
			e, err := m.at(at)
			check(L, err)
			if e < 0 {
				continue
			}
			from := at
			at = e
			if e == from {
				at++
			}
			return m.pushAll(L, from, e, true)
		}
		L.Push(glua.LNil)
		return 1
	}))
	return 1
}

func (st *state) stringGsub(L *glua.LState) int {
	s, pat, repl := checkText(L, 1), checkText(L, 2), L.CheckAny(3)
	if repl.Type() == glua.LTNumber {
		repl = glua.LString(repl.String())
	}
	limit := optInt(L, 4, len(s)+1)
	t := threadOf(L)
	m := newMatcher(L, s, pat)
	var b strings.Builder
	charged := 0
	at, n := 0, 0
	for n < limit {
		e, err := m.at(at)
		check(L, err)
		if e >= 0 {
			n++
			st.replacement(L, &b, m, repl, at, e)
		}
		switch {
		case e > at:
			at = e
		case at < len(s):
			b.WriteByte(s[at])
			at++
		default:
			at++
		}
		if grown := b.Len() - charged; grown > 1<<16 {
			t.str(L, b.Len())
			charged = b.Len()
		}
		if at > len(s) || strings.HasPrefix(pat, "^") {
			break
		}
	}
	if at < len(s) {
		b.WriteString(s[at:])
	}
	t.str(L, b.Len())
	L.Push(glua.LString(b.String()))
	L.Push(glua.LNumber(n))
	return 2
}

// replacement writes what a match is replaced by.
func (st *state) replacement(L *glua.LState, b *strings.Builder, m *matcher, repl glua.LValue, s, e int) {
	var v glua.LValue
	switch r := repl.(type) {
	case glua.LString:
		m.expand(L, b, string(r), s, e)
		return
	case *glua.LTable:
		m.push(L, 0, s, e)
		v = L.GetTable(r, L.Get(-1))
		L.Pop(1)
	case *glua.LFunction:
		L.Push(r)
		n := m.pushAll(L, s, e, true)
		L.Call(n, 1)
		v = L.Get(-1)
		L.Pop(1)
	default:
		L.ArgError(3, "string, function or table expected")
	}
	if !glua.LVAsBool(v) {
		b.WriteString(m.src[s:e])
		return
	}
	out, ok := text(v)
	if !ok {
		L.RaiseError("invalid replacement value (a %s)", v.Type())
	}
	b.WriteString(out)
}

// expand writes a replacement string: %0 to %9 are captures.
func (m *matcher) expand(L *glua.LState, b *strings.Builder, repl string, s, e int) {
	for i := 0; i < len(repl); i++ {
		c := repl[i]
		if c != '%' || i+1 == len(repl) {
			b.WriteByte(c)
			continue
		}
		i++
		switch c = repl[i]; {
		case c == '0':
			b.WriteString(m.src[s:e])
		case '1' <= c && c <= '9':
			m.push(L, int(c-'1'), s, e)
			b.WriteString(L.Get(-1).String())
			L.Pop(1)
		default:
			b.WriteByte(c)
		}
	}
}
