package lua

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core"
)

// lower makes the limits of running code small for a test.
func lower(t *testing.T) {
	t.Helper()
	mem, load := maxMemory, loadTime
	maxMemory, loadTime = 64<<20, 2*time.Minute
	t.Cleanup(func() { maxMemory, loadTime = mem, load })
}

// TestHostile: whatever a module does, it ends in an error with the line it was
// at, soon, and without much memory; the session goes on.
func TestHostile(t *testing.T) {
	lower(t)
	for _, c := range []struct{ name, src, want string }{
		{"loop", "\nwhile true do end", "t.lua:2: took too long"},
		{"loop in pcall", "while true do pcall(function() while true do end end) end", "t.lua:1: took too long"},
		{"loop in coroutine", "coroutine.wrap(function() while true do end end)()", "t.lua:1: took too long"},
		{"loop in metamethod", "local t = setmetatable({}, {__index = function() while true do end end}) print(t.x)", "t.lua:1: took too long"},
		{"goto loop", "::a:: goto a", "t.lua:1: took too long"},
		{"goroutine per loop", "while true do coroutine.wrap(function() coroutine.yield() end)() end", "t.lua:1: "},
		{"rep", "\n\nlocal s = ('a'):rep(1e9)", "t.lua:3: string is longer than"},
		{"rep inf", "('a'):rep(1/0)", "t.lua:1: string is longer than"},
		{"doubling", "local s = 'x'\nwhile true do s = s .. s end", "t.lua:2: string is longer than"},
		{"doubling in table", "local s, t = ('x'):rep(1e6), {}\nfor i = 1, 1e9 do t[i] = s .. i end", "t.lua:2: uses too much memory"},
		{"table growth", "local t = {}\nwhile true do t[#t + 1] = {1, 2, 3} end", "t.lua:2: uses too much memory"},
		{"keys", "local t, i = {}, 0\nwhile true do i = i + 1 t['k' .. i] = i end", "t.lua:2: uses too much memory"},
		{"integer keys", "local t, i = {}, 0xffffffff00000000\nwhile true do i = i + 1 t[i] = true end", "t.lua:2: uses too much memory"},
		{"holes", "local k = {}\nfor i = 1, 1e6 do k[i] = {} k[i][1000000] = 1 end", "t.lua:2: uses too much memory"},
		{"holes by rawset", "local k = {}\nfor i = 1, 1e6 do k[i] = {} rawset(k[i], 1000000, 1) end", "t.lua:2: uses too much memory"},
		{"holes by constructor", "local k = {}\nfor i = 1, 1e6 do k[i] = {[1000000] = 1} end", "t.lua:2: uses too much memory"},
		{"closures", "local t, i = {}, 0\nwhile true do i = i + 1 t[i] = function() return i, t end end", "t.lua:2: uses too much memory"},
		{"recursion", "local function f() return 1 + f() end\nf()", "stack overflow"},
		{"recursion by pcall", "local function f() pcall(f) pcall(f) end\nf()", "t.lua:1: "},
		{"recursion by metamethod", "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. 'x'] end\nprint(t.x)", "stack overflow"},
		{"recursion by tostring", "local t = setmetatable({}, {}) getmetatable(t).__tostring = function(t) return tostring(t) end\nprint(t)", "stack overflow"},
		{"recursion by coroutine", "local function f() coroutine.wrap(f)() end\nf()", "too many coroutines"},
		{"recursion by sort", "local function f() table.sort({3, 2, 1}, f) end\nf()", "stack overflow"},
		{"recursion by gsub", "local function f() ('x'):gsub('x', f) end\nf()", "stack overflow"},
		{"index chain", "local t = setmetatable({}, {}) getmetatable(t).__index = t\nprint(t.x)", "too many recursions"},
		{"pattern", "\nprint((('a'):rep(500)):find(('a-'):rep(30) .. 'b'))", "t.lua:2: "},
		{"pattern by gmatch", "for x in (('a'):rep(500)):gmatch(('a*'):rep(30) .. 'b') do end", "t.lua:1: "},
		{"pattern by gsub", "print((('a'):rep(500)):gsub(('a?'):rep(30) .. ('a*'):rep(30) .. 'b', ''))", "t.lua:1: "},
		{"long pattern", "print((('a'):rep(5000)):find(('a?'):rep(5000)))", "t.lua:1: pattern too complex"},
		{"set", "local p = '[' .. ('b'):rep(1e6) .. ']' print((('a'):rep(1e6)):find(p))", "t.lua:1: "},
		{"gsub growth", "local s = ('a'):rep(1e5) print(#s:gsub('a', s))", "t.lua:1: string is longer than"},
		{"format width", "print(('%1000000000d'):format(1))", "t.lua:1: invalid format"},
		{"format many", "print(((('%99d'):rep(3e5))):format(1))", "t.lua:1: "},
		{"concat", "local t = {} for i = 1, 300 do t[i] = ('x'):rep(1e5) end\nprint(#table.concat(t))", "t.lua:2: string is longer than"},
		{"concat forever", "print(table.concat({}, 'x', 1, 1e9))", "t.lua:1: invalid value"},
		{"unpack", "print(unpack({}, 1, 1e9))", "t.lua:1: too many results"},
		{"byte", "print(('x'):rep(1e6):byte(1, -1))", "t.lua:1: string slice too long"},
		{"select", "print(select(-1e9, 1))", "t.lua:1: "},
		{"sort", "local t = {} for i = 1, 3e5 do t[i] = i % 7 end while true do table.sort(t) end", "t.lua:1: took too long"},
		{"sort by nonsense", "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.sort(t, function() return true end) end", "t.lua:1: took too long"},
		{"insert", "local t = {} while true do table.insert(t, 1, 0) end", "t.lua:1: "},
		{"loadstring", "while true do loadstring(('x=1 '):rep(1e4)) end", "t.lua:1: took too long"},
		{"loadstring deep", "print(loadstring(('('):rep(1e5)))\nerror('end')", "t.lua:2: end"},
		{"bytecode", "error(select(2, loadstring('\\27Lua')))", "compiled Lua"},
		{"error object", "error(setmetatable({}, {__tostring = function() while true do end end}))", "error is a table value"},
		{"xpcall", "while true do xpcall(function() error('x') end, function() while true do end end) end", "t.lua:1: took too long"},
		{"eval recursion", "local function f() mdb.eval('1=d') f() end f()", "stack overflow"},
		{"range", "for i in mdb.range(0, 0xffffffffffffffff) do end", "t.lua:1: took too long"},
		{"power", "print(mdb.u64(3) ^ 0xffffffffffffffff)", "power does not fit"},
		{"yield outside", "coroutine.yield(1)", "attempt to yield from outside"},
		{"print", "while true do print('') end", "t.lua:1: took too long"},
		{"literal", "print(99999999999999999999999)", "t.lua:1: malformed number"},
		{"nesting", strings.Repeat("(", 100000), "t.lua:1: nested too deeply"},
		{"blocks", strings.Repeat("do ", 100000), "t.lua:1: nested too deeply"},
		{"not", "x = " + strings.Repeat("not ", 100000) + "1", "t.lua:1: expression is too long"},
		{"sum", "x = 1" + strings.Repeat(" + x", 100000), "t.lua:1: expression or block is too complex"},
		{"calls", "x = f" + strings.Repeat("()", 100000), "t.lua:1: expression or block is too complex"},
		{"elseif", "if x then " + strings.Repeat("elseif x then ", 10000) + "end", "t.lua:1: expression or block is too complex"},
		{"literals", "x = {" + strings.Repeat("{1,2,3,4},", 5000) + "}", "t.lua:1: function has more than"},
		{"items", "x = {" + strings.Repeat("y,", 30000) + "}", "t.lua:1: table constructor has more than"},
		{"locals", strings.Repeat("local x ", 300), "too many local variables"},
		{"size", strings.Repeat("x = 1 ", 300000), "longer than"},
		{"no source", "\x1bLuaQ\x00\x01", "is compiled Lua"},
		{"syntax", "\n\nx = = 1", "t.lua:3: "},
		{"syntax at end", "\n\nx = (1", "t.lua:3: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if strings.HasSuffix(c.want, "took too long") || strings.HasSuffix(c.want, ":1: ") {
				loadTime = 200 * time.Millisecond
			} else {
				loadTime = 2 * time.Minute
			}
			start := time.Now()
			_, err := w.load("t.lua", c.src)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q", err, c.want)
			}
			if d := time.Since(start); d > 4*time.Minute {
				t.Errorf("took %v", d)
			}
			if got := eval(t, "print(1)"); got != "1" {
				t.Errorf("afterwards: %q", got)
			}
		})
	}
	runtime.GC()
}

// TestInterrupt: Ctrl-C ends a command wherever it is, within 100 ms on a machine that is
// not busy; the bound here is that of one that is.
func TestInterrupt(t *testing.T) {
	w := newWorld(t)
	w.mustLoad("spin.lua", `
mdb.command{name = "spin", run = function()
	while true do end
end}
mdb.command{name = "match", run = function()
	(("a"):rep(500)):find(("a-"):rep(30) .. "b")
end}
mdb.command{name = "sorted", run = function()
	local t = {} for i = 1, 1e6 do t[i] = (i * 7919) % 1000003 end
	while true do table.sort(t) end
end}
mdb.command{name = "nested", run = function() mdb.eval("::spin") end}
mdb.command{name = "walked", run = function() for a in mdb.walk("endless") do end end}
mdb.command{name = "caught", run = function() while true do pcall(mdb.eval, "::spin") end end}
mdb.walker{name = "endless", walk = function() while true do mdb.yield(1) end end}
mdb.command{name = "fine", run = function(ctx) ctx:printf("fine\n") end}
`)
	for _, cmd := range []string{"::spin", "::match", "::sorted", "::nested", "::walked", "::caught"} {
		// Of a command that has not run for 200 ms nothing is said: on a busy machine it
		// may have to be given longer.
		for press := 400 * time.Millisecond; ; press *= 4 {
			ctx, cancel := context.WithCancel(context.Background())
			pressed := make(chan time.Time, 1)
			timer := time.AfterFunc(press, func() { pressed <- time.Now(); cancel() })
			err := w.s.Eval.Eval(ctx, w.s, cmd)
			timer.Stop()
			cancel()
			if !errors.Is(err, core.ErrIntr) {
				t.Fatalf("%s: error %v", cmd, err)
			}
			if took := time.Since(<-pressed); took > 10*time.Second {
				t.Errorf("%s: ended %v after Ctrl-C", cmd, took)
			}
			_, msg := w.text()
			if cmd != "::spin" || strings.Contains(msg, "xmdb: spin.lua:3: interrupted") {
				break
			}
			if press > 20*time.Second {
				t.Errorf("%s: message %q", cmd, msg)
				break
			}
		}
		if out, msg := w.run("::fine"); out != "fine\n" || msg != "" {
			t.Errorf("after %s: %q %q", cmd, out, msg)
		}
	}
}

// TestBrokenModule: a command that ran out of memory is not run again.
func TestBrokenModule(t *testing.T) {
	lower(t)
	w := newWorld(t)
	w.mustLoad("hog.lua", `
kept = {}
mdb.command{name = "hog", run = function() while true do kept[#kept + 1] = {} end end}
mdb.command{name = "fine", run = function() print("fine") end}
`)
	before := heapBytes()
	if _, msg := w.run("::hog"); !strings.Contains(msg, "xmdb: hog.lua:3: uses too much memory") {
		t.Errorf("message %q", msg)
	}
	runtime.GC()
	if after := heapBytes(); after > before+32<<20 {
		t.Errorf("heap is %d after, %d before", after, before)
	}
	if _, msg := w.run("::fine"); !strings.Contains(msg, "hog.lua: used too much memory: load it again") {
		t.Errorf("message %q", msg)
	}
	if err := w.s.Unload("hog"); err != nil {
		t.Error(err)
	}
	w.mustLoad("hog.lua", `mdb.command{name = "fine", run = function() print("fine") end}`)
	if out, _ := w.run("::fine"); out != "fine\n" {
		t.Errorf("reloaded: %q", out)
	}
}
