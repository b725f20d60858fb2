package lua

import (
	"bytes"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
)

// world is a session that Lua modules are loaded into, with what it printed.
type world struct {
	t        *testing.T
	s        *core.Session
	out, err bytes.Buffer
}

func newWorld(t *testing.T) *world {
	w := &world{t: t}
	w.s = core.NewSession("xmdb", &w.out, &w.err)
	w.s.Eval = interp.New(w.s)
	w.s.Reg.Add(&core.Module{Name: "lang", Dcmds: interp.Dcmds(), Builtin: true}, false)
	return w
}

// load loads a module and registers it.
func (w *world) load(file, src string) (*core.Module, error) {
	m, err := Load(w.s, file, []byte(src))
	if err != nil {
		return nil, err
	}
	return m, w.s.Load(m, false)
}

func (w *world) mustLoad(file, src string) *core.Module {
	w.t.Helper()
	m, err := w.load(file, src)
	if err != nil {
		w.t.Fatalf("load %s: %v", file, err)
	}
	return m
}

// text is what was printed, output and messages apart; both are emptied.
func (w *world) text() (out, err string) {
	w.s.Out.Flush()
	out, err = w.out.String(), w.err.String()
	w.out.Reset()
	w.err.Reset()
	return out, err
}

// run evaluates commands.
func (w *world) run(cmds string) (out, err string) {
	w.s.Eval.Eval(w.t.Context(), w.s, cmds)
	return w.text()
}

// eval runs Lua code at the top level of a module and gives what it printed, or
// the error.
func eval(t *testing.T, src string) string {
	t.Helper()
	w := newWorld(t)
	if _, err := w.load("t.lua", src); err != nil {
		return "error: " + err.Error()
	}
	out, msgs := w.text()
	return plain(out) + msgs
}

// plain replaces what the printer makes of tabs by tabs again.
func plain(out string) string {
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), "\t")
	}
	return strings.Join(lines, "\n")
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{`print(1, "a", nil, true)`, "1\ta\tnil\ttrue"},
		{`print(0xffffffff80000000)`, "0xffffffff80000000"},
		{`print(9007199254740993 - 9007199254740992)`, "0x1"},
		{`print(18446744073709551615)`, "0xffffffffffffffff"},
		{`local x = 0xffffffff80000000 print(x + 1, 1 + x, x - x, x / 2, x % 16, -x)`,
			"0xffffffff80000001\t0xffffffff80000001\t0x0\t0x7fffffffc0000000\t0x0\t0x80000000"},
		{`print(mdb.u64(16) == 16, 16 == mdb.u64(16), mdb.u64(16) ~= 16, mdb.u64(1) == 2)`, "true\ttrue\tfalse\tfalse"},
		{`print(mdb.u64(5) < 6, 6 < mdb.u64(5), mdb.u64(5) <= 5.5, 4.5 > mdb.u64(5), mdb.i64(-1) < mdb.u64(0))`,
			"true\tfalse\ttrue\tfalse\ttrue"},
		{`print(mdb.i64(-1), mdb.i64(-1):unsigned(), (0xffffffffffffffff):signed())`, "-1\t0xffffffffffffffff\t-1"},
		{`print((5):band(3), (0xffffffff00000000):band(0xf00000000), (1):lshift(63), (-1):rshift(60), (-16):arshift(2))`,
			"1\t0xf00000000\t0x8000000000000000\t15\t-4"},
		{`local t = {} t[0xffffffff80000000] = 1 print(t[0xffffffff80000000 + 0], t[mdb.u64(0xffffffff80000000)])`, "1\t1"},
		{`local t = {} t[mdb.u64(7)] = "x" print(t[7], #t, t[mdb.u64(7)])`, "x\t7\tx"},
		{`local t = {[mdb.u64(1)] = "a", "b"} print(#t)`, "1"},
		{`local t = {} for i = 1, mdb.u64(3) do t[#t+1] = i * 2 end print(table.concat(t, ","), #t)`, "2,4,6\t3"},
		{`local a = {1, 2} a[1], a[2] = a[2], a[1] print(a[1], a[2])`, "2\t1"},
		{`local i, a = 1, {} i, a[i] = i + 1, 20 print(i, a[1], a[2])`, "2\t20\tnil"},
		{`local function f(a, b) a, b = b == 1, a == 2 return a, b end print(f(2, 1))`, "true\ttrue"},
		{`local function f(a) a = a == 1 return a end print(f(1), f(2))`, "true\tfalse"},
		{`local function f(a) a = "x" .. a return a end print(f(1))`, "x1"},
		{`local function f(...) local t = {...} return #t, ... end print(f(1, 2, 3))`, "3\t1\t2\t3"},
		{`print(1 .. 2 .. mdb.u64(255) .. "z")`, "120xffz"},
		{`local mt = {__concat = function(a, b) return "cat" end} local x = setmetatable({}, mt) print(x .. 1, 1 .. x, "a" .. "b" .. x)`, "cat\tcat\tacat"},
		{`for w, n in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do print(w, n) end`, "a\t1\nb\t2"},
		{`print(("hello world"):gsub("o", "0"), ("abc"):rep(2), ("x"):byte())`, "hell0\tw0rld\tabcabc\t120"},
		{`print(("%5d|%-5s|%x|%q"):format(42, "ab", 0xffffffffffffffff, "a\nb"))`, "42|ab\t|ffffffffffffffff|\"a\\\nb\""},
		{`print(pcall(error, "x"), pcall(error, {}) == false)`, "false\ttrue"},
		{`print(select("#", 1, 2), select(2, "a", "b"))`, "2\tb"},
		{`local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) print(b) pcall(coroutine.yield, 9) return "end" end) print(co(1), co("in"), co(), type(co))`,
			"in\n2\t9\tend\tfunction"},
		{`print(tonumber("0x10"), tonumber("12"), tonumber("1e3"), tonumber("z", 36), tonumber("nope"), tonumber("18446744073709551615"), tonumber("0"), tonumber("-0x1"))`,
			"16\t12\t1000\t35\tnil\t0xffffffffffffffff\t0\t-1"},
		{`print(math.max(mdb.u64(3), 2), math.floor(2.5))`, "0x3\t2"},
		{`for i in mdb.range(0xfffffffffffffffe, 0xffffffffffffffff) do print(i) end`, "0xfffffffffffffffe\n0xffffffffffffffff"},
		{"#!/bin/xmdb\nprint(1)", "1"},
		{`local s = "" for k, v in pairs{10, 20, x = 1} do s = s .. k .. v end print(s)`, "110220x1"},
		{`print(loadstring("return ... + 0xffffffffffffffff")(2))`, "0x1"},
		{`print(1e400, -1e400, 1e-400, .5, 3., 0x10, 1e2)`, "+Inf\t-Inf\t0\t0.5\t3\t16\t100"},
		{`local function deep(n) if n > 0 then return 1 + deep(n - 1) end return 0 end print(deep(1900))`, "1900"},
		{`local x = 5 local y = x > 3 and x < 10 or x == 7 print(y, not (x ~= 5))`, "true\ttrue"},
		{`goto done print("no") ::done:: print("yes")`, "yes"},
		{`local t = setmetatable({}, {__index = function(t, k) return k * 2 end, __newindex = function(t, k, v) rawset(t, k, v + 1) end}) t[4] = 1 print(t[4], t[5])`, "2\t10"},
		{`local t = {3, 1, mdb.u64(2)} table.sort(t) print(t[1], t[2], t[3])`, "1\t0x2\t3"},
		{`repeat local done = 1 == 1 until done print("ok")`, "ok"},
		{`local n = 0 for i = 10, 1, -3 do n = n + i end print(n)`, "22"},
	} {
		if got := eval(t, c.src); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.src, got, c.want)
		}
	}
}
