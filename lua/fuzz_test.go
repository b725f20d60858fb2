package lua

import (
	"context"
	"strings"
	"testing"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// FuzzLoad compiles any text: it is compiled or refused with a line, never a
// panic, and what gopher-lua alone takes is refused only for a bound.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"", "return 1", "x = 0xffffffffffffffff + 18446744073709551615", "-- 0xffffffffffffffff\nx = [[99999999999999999999]]",
		"t[1], t[x], y = f()", "local function f(a) a = (g(a)) end", "for i = 1, #t, 2 do t[i] = i end",
		"a.b.c = {[1] = 2, x = 3; 4, f()}", "function a.b:c(...) return ... end", "repeat local x = y until x == 1",
		"goto l ::l::", "x = not -#a ^ b .. c .. d == e", "if a then elseif b ~= c then else end", "x = 1e400", "x = 1e",
		"x = '\\065\\n'", "#!/usr/bin/lua\nx = 1", "x = a.b[c].d[1][f()](g):h{1}\"s\"", "((((((((((", "x = 08 y = 0x",
		"local a <const> = 1", "return f(x)(y)", "x = y == z, ...", "\x1bLua", "x = {...} y = (...)", "break",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		start := time.Now()
		_, err := compile("f.lua", []byte(src))
		if d := time.Since(start); d > time.Minute {
			t.Errorf("took %v", d)
		}
		if err == nil {
			return
		}
		if !strings.HasPrefix(err.Error(), "f.lua:") && !strings.HasPrefix(err.Error(), "f.lua is") {
			t.Errorf("error without a file: %v", err)
		}
		for _, bound := range []string{"too ", "more than", "longer than", "malformed number", "compiled Lua"} {
			if strings.Contains(err.Error(), bound) {
				return
			}
		}
		L := glua.NewState(glua.Options{SkipOpenLibs: true})
		defer L.Close()
		if _, perr := L.LoadString(strings.TrimPrefix(src, "#")); perr == nil && !strings.HasPrefix(src, "#") {
			t.Errorf("refused %q: %v", src, err)
		}
	})
}

// TestSameAsPlain runs programs as gopher-lua runs them and as we do: rewriting
// changes nothing of what plain Lua prints.
func TestSameAsPlain(t *testing.T) {
	for _, src := range []string{
		"local t = {} for i = 1, 10 do t[i] = i * i end print(#t, t[3], t[11])",
		"local a, b = 1, 2 a, b = b, a print(a, b, a < b, a == b, a ~= b, a >= b)",
		"local s = '' for k, v in pairs{1, 2, x = 3} do s = s .. tostring(k) .. '=' .. v end print(s)",
		"local function f(n) if n < 2 then return n end return f(n - 1) + f(n - 2) end print(f(15))",
		"local t = {5, 2, 8} table.sort(t, function(a, b) return a > b end) print(table.concat(t, ' '))",
		"local mt = setmetatable({}, {__eq = function() return true end, __lt = function() return true end}) print(mt < mt, mt == mt)",
		"print(1 < 2 and 'a' or 'b', not nil, -2 ^ 2, 7 % 3, 'a' .. 1 .. 2)",
		"local a = {1} a[1], a[2], a.x = 2, 3 print(a[1], a[2], a.x)",
		"while true do print(1) break end repeat local x = 1 until x == 1 print'end'",
		"local function f(...) return select('#', ...), ... end print(f(nil, 2, nil)) print((f(1, 2)))",
		"local t = {n = 0} function t:add(k) self.n = self.n + k return self end print(t:add(2):add(3).n)",
		"local function outer() local n = 0 return function() n = n + 1 return n end end local f = outer() f() print(f())",
		"for i = 3, 1, -1 do for j = i, 3 do if j == 2 then break end print(i, j) end end",
		"local x = nil print(x == nil, nil == false, 1 == '1', 'a' < 'b', {} == {})",
		"local s = 0 for _, v in ipairs{1, 2, nil, 4} do s = s + v end print(s)",
		"local t = {} t[1.5] = 'x' t[true] = 'y' t['1'] = 'z' print(t[1.5], t[true], t['1'], t[1])",
		"local i = 0 while i <= 3 do i = i + 1 if i == 2 then print('two') elseif i ~= 3 then print('other') else print('three') end end",
		"do local a <const> = 1 end",
		"local a = {{1, 2}, {3, 4}} local s = 0 for i = 1, #a do for j = 1, #a[i] do s = s + a[i][j] * 10 ^ i end end print(s)",
		"print(#'abc', #{1, 2, 3}, -(-3), not not 1, 2 ^ 3 ^ 2, 1 .. '')",
		"local r = {} for k in pairs({a = 1, b = 2, c = 3}) do r[#r + 1] = k end table.sort(r) print(table.concat(r, ','))",
		"local function f() return 1, 2, 3 end local a, b, c, d = f() print(a, b, c, d) local t = {f(), f()} print(#t)",
	} {
		want, ok := reference(src)
		if got := eval(t, src); ok && got != plain(want) {
			t.Errorf("%s\n got %q\nwant %q", src, got, plain(want))
		}
	}
}

// reference is what plain gopher-lua prints; ok is false if it ends in an error.
func reference(src string) (out string, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	L := glua.NewState(glua.Options{SkipOpenLibs: true})
	defer L.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	L.SetContext(ctx)
	for _, open := range []glua.LGFunction{glua.OpenBase, glua.OpenTable, glua.OpenMath} {
		open(L)
	}
	var b strings.Builder
	L.SetGlobal("print", L.NewFunction(func(L *glua.LState) int {
		for i := 1; i <= L.GetTop(); i++ {
			if i > 1 {
				b.WriteByte('\t')
			}
			b.WriteString(L.ToStringMeta(L.Get(i)).String())
		}
		b.WriteByte('\n')
		return 0
	}))
	for _, n := range []string{"collectgarbage", "dofile", "getfenv", "load", "loadfile", "loadstring", "module",
		"newproxy", "require", "setfenv", "_printregs", "pcall", "xpcall", "getmetatable", "rawset"} {
		L.SetGlobal(n, glua.LNil)
	}
	if err := L.DoString(src); err != nil {
		return "", false
	}
	return b.String(), true
}
