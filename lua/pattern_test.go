package lua

import (
	"strings"
	"testing"
)

// TestPatterns is the reference manual of Lua 5.1, section 5.4, and the corners of
// its matcher.
func TestPatterns(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{`("hello"):find("l")`, "3 3"},
		{`("hello"):find("xyz")`, "nil"},
		{`("hello"):find("")`, "1 0"},
		{`("hello"):find("", 6)`, "6 5"},
		{`("hello"):find("", 7)`, "nil"},
		{`("hello"):find("l", -2)`, "4 4"},
		{`("a.b"):find(".", 1, true)`, "2 2"},
		{`("a.b"):find("%.")`, "2 2"},
		{`("a+b"):find("+", 1, true)`, "2 2"},
		{`("key = value"):match("^(%w+)%s*=%s*(%w+)$")`, "key value"},
		{`("  trim  "):match("^%s*(.-)%s*$") .. "|"`, "trim|"},
		{`("2026-11-22"):match("(%d+)-(%d+)-(%d+)")`, "2026 11 22"},
		{`("abc"):match("()b()")`, "2 3"},
		{`("abc"):match(".-")`, ""},
		{`("abc"):match("a*b?c+")`, "abc"},
		{`("aaab"):match("a*b")`, "aaab"},
		{`("aaab"):match("a-b")`, "aaab"},
		{`("f(a(b)c)d"):match("%b()")`, "(a(b)c)"},
		{`("f(a(bc)d"):match("%b()")`, "(bc)"},
		{`("THE (quick) fox"):find("%f[%a]%a+%f[%A]")`, "1 3"},
		{`("THE (quick) fox"):match("%((%a+)%)")`, "quick"},
		{`([["hi" 'x']]):match([[(["'])(.-)%1]])`, `" hi`},
		{`("x-y"):match("[a-z]-[%-][^%s]")`, "x-y"},
		{`("]x"):match("[]]")`, "]"},
		{`("a]b"):match("[^]]+")`, "a"},
		{`("a-z"):match("[a%-z]+")`, "a-z"},
		{`("^"):match("[%^]")`, "^"},
		{`("a\0b"):find("%z")`, "2 2"},
		{`("0x1F"):match("^0[xX](%x+)$")`, "1F"},
		{`("one two"):match("%S+$")`, "two"},
		{`("$5"):match("$%d")`, "$5"},
		{`("hello world"):gsub("o", "0")`, "hell0 w0rld 2"},
		{`("hello"):gsub("", "-")`, "-h-e-l-l-o- 6"},
		{`("abc"):gsub("%w", "%0%0")`, "aabbcc 3"},
		{`("abc"):gsub("%w", "%%")`, "%%% 3"},
		{`("hello world"):gsub("(%w+) (%w+)", "%2 %1")`, "world hello 1"},
		{`("abc"):gsub("b", {b = "B"})`, "aBc 1"},
		{`("abc"):gsub("%w", {b = false})`, "abc 3"},
		{`("abc"):gsub("%w", function(c) if c ~= "b" then return c:upper() end end)`, "AbC 3"},
		{`("aaa"):gsub("a", "b", 2)`, "bba 2"},
		{`("aaa"):gsub("^a", "b")`, "baa 1"},
		{`("abc"):gsub("a*", "x")`, "xxbxcx 4"},
		{`("äö"):len()`, "4"},
		{`("x"):rep(0) .. ("x"):rep(-1) .. ("ab"):rep(2)`, "abab"},
		{`("hello"):sub(2, -2)`, "ell"},
		{`("hello"):sub(-3) .. ("hello"):sub(10) .. ("hello"):sub(0)`, "llohello"},
		{`("hello"):byte(-1)`, "111"},
		{`("abc"):byte(1, -1)`, "97 98 99"},
		{`("abc"):byte(10)`, ""},
		{`string.char(72, 105)`, "Hi"},
		{`("abc"):reverse() .. ("aBc"):upper() .. ("aBc"):lower()`, "cbaABCabc"},
		{`("%d %s %5.2f %-5d| %05d %+d %x %X %o %c %%"):format(1, "s", 3.14159, 7, 42, 3, 255, 255, 8, 65)`, "1 s 3.14 7 | 00042 +3 ff FF 10 A %"},
		{`("%q"):format('a"b\\c\n')`, `"a\"b\\c\` + "\n" + `"`},
		{`("%s %s"):format(nil, true)`, "nil true"},
		{`("%d"):format("10")`, "10"},
		{`("%d"):format(-1)`, "-1"},
		{`("%x"):format(mdb.i64(-1))`, "ffffffffffffffff"},
	} {
		got := strings.ReplaceAll(eval(t, "print("+c.src+")"), "\t", " ")
		if got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.src, got, c.want)
		}
	}
	for _, c := range []struct{ src, want string }{
		{`("x"):find("[a")`, "malformed pattern (missing ']')"},
		{`("x"):find("%")`, "malformed pattern (ends with '%')"},
		{`("x"):find("(x")`, "unfinished capture"},
		{`("x"):find("(x))")`, "invalid pattern capture"},
		{`("x"):find("%1")`, "invalid capture index"},
		{`("x"):find("%b")`, "unbalanced pattern"},
		{`("x"):find("%fx")`, "missing '[' after '%f' in pattern"},
		{`("x"):find(("()"):rep(33))`, "too many captures"},
		{`("x"):gsub("x", "%9")`, "invalid capture index"},
		{`("x"):gsub("x", true)`, "string, function or table expected"},
		{`("x"):gsub("x", function() return {} end)`, "invalid replacement value (a table)"},
		{`("%y"):format(1)`, "invalid option '%y' to 'format'"},
		{`("%d"):format("x")`, "integer expected"},
	} {
		if got := eval(t, "print("+c.src+")"); !strings.Contains(got, c.want) || !strings.HasPrefix(got, "error: t.lua:1: ") {
			t.Errorf("%s: %q, want %q", c.src, got, c.want)
		}
	}
}

// FuzzPattern: a pattern matches within the text or is refused; no panic.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{"a", "(.-)%s*$", "[^]]", "[%", "%b()", "%f[%w]", "()()%1", "[a-]", "[a-%", "%", "^*", "((((", "a-?*+"} {
		f.Add("hello (world) 12", p)
	}
	f.Fuzz(func(t *testing.T, s, p string) {
		m := &matcher{src: s, pat: p, tick: func(int) {}}
		m.steps = maxSteps - 1<<20 // give up early
		from, to, err := m.find(0)
		if err == nil && from >= 0 && (to < from || to > len(s)) {
			t.Errorf("match of %q in %q at %d to %d", p, s, from, to)
		}
	})
}
