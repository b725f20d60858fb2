package lua

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/targets/rawfile"
)

// TestObjects reads the sample's core by its types.
func TestObjects(t *testing.T) {
	w := sampleWorld(t)
	for _, c := range []struct{ src, want string }{
		{`print(mdb.global("queue").done, mdb.global("queue").head.id)`, "0x6 1"},
		{`local j = mdb.global("queue").head print(j.kind, j.kind == "JOB_RESIZE", j.kind == 1, j.kind + 1, j.kind:name())`, "JOB_RESIZE true true 2 JOB_RESIZE"},
		{`local j = mdb.global("queue").head.next.next print(j.id, j.flags, j.flags:band(1), j.flags == 3)`, "3 JF_{URGENT|RETRY} 1 true"},
		{`local j = mdb.global("queue").head print(j.owner:str(), #j.owner:str(), j.image.width, j.image.pixels[3])`, "bjarne 6 8 0"},
		{`local j = mdb.global("queue").head while j and j.image do j = j.next end print(j.id, j.image == nil, j.image)`, "10 true nil"},
		{`local q = mdb.global("queue") print(q:type(), q:size() == mdb.sizeof("queue_t"), q:addr() == mdb.lookup("queue").addr, #mdb.global("users").bucket)`,
			"queue_t true true 16"},
		{`local u = mdb.load("user_t", 0x4c4800) print(u.name, u.uid, u.quota, u.chain, u:member("name"):addr() - u:addr())`, "linus 1005 2.5 nil 0x0"},
		{`for k, v in pairs(mdb.load("user_t", 0x4c4800)) do print(k, v) end`, "name linus\nuid 1005\nadmin 0\nfailures 0\nquota 2.5\nchain nil"},
		{`local n = 0 for i, u in pairs(mdb.global("users").bucket) do if u then n = n + 1 end end print(n > 3)`, "true"},
		{`print(mdb.offsetof("user_t", "quota"), mdb.sizeof("user_t", "name"), mdb.sizeof("user_t *"), mdb.typeof("user_t"):kind())`, "16 12 8 struct"},
		{`local t = mdb.typeof("job_t") for i, m in ipairs(t:members()) do print(m.name, m.type, m.offset) end`,
			"id int 0\nkind enum job_kind 4\nflags enum job_flags 8\nowner const char * 16\nimage image_t * 24\nnext struct job * 32"},
		{`print(mdb.typeof("enum job_kind"):enums().JOB_REPORT, mdb.enum("enum job_kind", 2), mdb.has_type("nope_t"))`, "2 JOB_REPORT false"},
		{`print(mdb.load("uint32_t", 0x4c4800):hex(), mdb.read_u8(0x4c4800), mdb.read_u64(0x4c4800), mdb.readstr(0x4c4800), #mdb.read(0x4c4800, 3))`,
			"0x756e696c 108 0x73756e696c linus 3"},
		{`local q = mdb.global("queue") print(q:get("head->next->id"), q:member("head"):value() == q.head, q:has("head"), q:has("nope"), q:bytes(4) == mdb.read(q, 4))`,
			"2 true true false true"},
		{`local u = mdb.load("user_t", 0x4c4800) local seen = {} seen[u] = 1 print(seen[0x4c4800], seen[u:addr()], u == 0x4c4800, u < 0x4c4801)`, "1 1 true true"},
		{`print(mdb.load("user_t", 0x4c4800), mdb.object("char", 0x4c4800):cast("user_t").uid)`, "(user_t) 0x4c4800 1005"},
		{`print(mdb.format("%s %d %p %-6s|", mdb.global("queue").head.owner, mdb.global("queue").head.kind, mdb.load("user_t", 16), "x"))`, "bjarne 1 10 x |"},
		{`print(mdb.name(mdb.lookup("main").addr + 4), mdb.lookup("nope"), mdb.lookup("users").kind, mdb.symbol(mdb.lookup("users").addr).name)`,
			"main+4 nil object users"},
		{`local n = 0 for s in mdb.symbols("exe") do if s.name == "queue" then n = n + s.size end end print(n == mdb.sizeof("queue_t"))`, "true"},
		{`print(#mdb.threads(), mdb.reg("rip") == mdb.regs().rip, mdb.reg("al") <= 255, mdb.frames()[2].name, mdb.frames()[1].reg("rip") == mdb.reg("rip"))`,
			"5 true true resize+0x2a true"},
		{`print(mdb.arch().name, mdb.arch().ptrsize, mdb.target(), mdb.state(), #mdb.xdata() > 0, #mdb.xdata("auxv") > 0, mdb.xdata("nope"))`,
			"amd64 8 proc dead true true nil"},
		{`print(#mdb.mappings() > 3, mdb.mappings()[1].prot:sub(1, 1), #mdb.objects() > 0, mdb.objects()[1].main, #mdb.args() > 0)`, "true r true true true"},
		{`print(mdb.expr("2+3"), mdb.get("_"), mdb.get("nope")) mdb.set("mine", 0xffffffffffffffff) print(mdb.get("mine"), mdb.dot(5), mdb.dot())`,
			"0x5 0x0 nil\n0xffffffffffffffff 0x5 0x5"},
		{`print(mdb.capture("0t10=x; 1=K"))`, "a\n1\ntrue"},
		{`print(mdb.eval("::nope"))`, "false abort"},
		{`print(mdb.dcmd("print", 0x4c4800, "user_t", "uid"))`, "uid = 0x3ed\ntrue"},
		{`print(mdb.dcmd("dis"))`, "*"},
		{`for a, o in mdb.walk("users") do print(a, o.name) break end`, "0x4c4800 linus"},
		{`local n = 0 mdb.walk("users", nil, function(a, o) n = n + 1 return n < 3 end) print(n)`, "3"},
	} {
		w.s.Unload("t")
		if w.s.Reg.Module("sample") == nil {
			w.run("::load sample")
		}
		got := ""
		if _, err := w.load("t.lua", c.src); err != nil {
			got = err.Error()
		}
		out, msg := w.text()
		got += strings.ReplaceAll(plain(out), "\t", " ")
		if c.want != "*" && got != c.want {
			t.Errorf("%s\n got %q %q\nwant %q", c.src, got, msg, c.want)
		}
	}
}

// TestErrors: what goes wrong is one message with the line.
func TestErrors(t *testing.T) {
	w := sampleWorld(t)
	for _, c := range []struct{ src, want string }{
		{"\nprint(mdb.global('queue').nope)", "t.lua:2: queue_t.nope: no such member of structure or union"},
		{"mdb.load('user_t', 16):get('name')\n", "t.lua:1: failed to read name at 10: no mapping for address"},
		{"print(mdb.load('user_t', 16).uid)", "t.lua:1: failed to read uid at 1c: no mapping for address"},
		{"mdb.load('nope_t', 16)", "t.lua:1: failed to look up type nope_t: No type information available for that name"},
		{"print(mdb.global('users').bucket[16])", "t.lua:1: index 16 is outside of array bounds [0 .. 15]"},
		{"print(mdb.global('users') + 1)", "t.lua:1: arithmetic on a users_t: use :addr() for its address, or an index for the element"},
		{"mdb.global('users').count = 1", "t.lua:1: objects cannot be assigned to: use mdb.write"},
		{"print(0xffffffffffffffff + 1.5)", "t.lua:1: number 1.5 has no integer value"},
		{"print(0xffffffffffffffff + 2^60)", "t.lua:1: number 1.152921504606847e+18 is beyond 2^53 and not exact: use mdb.u64"},
		{"print((0xffffffffffffffff):tonumber())", "t.lua:1: 0xffffffffffffffff does not fit a number exactly"},
		{"print(mdb.u64(1) / 0)", "t.lua:1: division by zero"},
		{"print(mdb.u64(1) < 'x')", "t.lua:1: attempt to compare userdata with string"},
		{"print(nil .. 'x')", "t.lua:1: attempt to concatenate a nil value"},
		{"for i = 1, 0xffffffffffffffff do end", "t.lua:1: 'for' bound 0xffffffffffffffff is beyond 2^53: use mdb.range"},
		{"mdb.write_u32(0x4c4800, 1)", "t.lua:1: failed to write at 4c4800: target is not open for writing"},
		{"for a in mdb.walk('nope') do end", "t.lua:1: failed to walk nope: unknown walk name"},
		{"mdb.command{name = 'x'}", "t.lua:1: field run must be a function"},
		{"mdb.command{name = 'x', run = print, opts = {long = 'x'}}", "t.lua:1: option long: an option is one letter"},
		{"mdb.command{name = 'x', run = print, columns = {{name = 'a', format = '%d %d'}}}", "t.lua:1: column a: format \"%d %d\" must have one conversion and no *"},
		{"mdb.on('whenever', print)", "t.lua:1: bad argument #1 to on (\"change\" or \"prompt\" expected)"},
		{"print(os, io, debug, require, dofile, loadfile, package, setfenv, collectgarbage, string.dump, newproxy)\nerror('none')", "t.lua:2: none"},
		{"error({message = 'in a table'})", "t.lua: in a table"},
		{"error()", "t.lua:1: bad argument #1 to error (value expected)"},
	} {
		_, err := Load(w.s, "t.lua", []byte(c.src))
		if err == nil || err.Error() != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.src, err, c.want)
		}
		if out, _ := w.text(); strings.Contains(out, "table:") || strings.Contains(out, "function:") {
			t.Errorf("%q sees %q", c.src, out)
		}
	}
}

const apiModule = `
mdb.command{name = "args", usage = "[-v] [-n count] [-s text] [word ...]", descr = "arguments", addr = "optional",
	help = "Shows its arguments.", opts = {v = "verbose", n = {kind = "uint", arg = "count", help = "a count"}, s = {arg = "text"}},
	complete = function(args, word) return {"one", {text = "two", descr = "the second"}, #args .. word} end,
	run = function(ctx)
		local o, a = ctx.opts, {}
		for i, v in ipairs(ctx.args) do a[i] = tostring(v) end
		ctx:printf("%s addr=%p has=%d v=%d n=%s s=%s [%s]\n", ctx.name, ctx.addr, ctx.has_addr, o.v, tostring(o.n), tostring(o.s), table.concat(a, ","))
	end}
mdb.command{name = "sumup", run = function(ctx)
	ctx.state.sum = (ctx.state.sum or mdb.u64(0)) + ctx.addr
	if ctx.first then ctx:at_end(function() ctx:printf("sum %p\n", ctx.state.sum) end) end
end, addr = "required"}
mdb.command{name = "all", addr = "optional", run = function(ctx) print(#ctx:input(), ctx.pipe_in) end}
mdb.command{name = "double", addr = "required", run = function(ctx) ctx:emit({ctx.addr, ctx.addr * 2}) end}
mdb.command{name = "how", addr = "optional", run = function(ctx) return ctx.args[1] end}
mdb.command{name = "how", run = print} -- refused: the name is taken
`

// TestCommands is what the engine passes to a command and takes from it.
func TestCommands(t *testing.T) {
	w := newWorld(t)
	w.mustLoad("api.lua", apiModule)
	if _, msg := w.text(); msg != "xmdb: failed to load dcmd api`how: dcmd name already in use\n" {
		t.Errorf("message %q", msg)
	}
	for _, c := range []struct{ cmd, out, msg string }{
		{"10::args -v -n 20 -s hello a b $[1+1]", "args addr=10 has=1 v=1 n=0x20 s=hello [a,b,0x2]\n", ""},
		{"::args", "args addr=10 has=0 v=0 n=nil s=nil []\n", ""},
		{"::args -x", "", "xmdb: illegal option -- x\nUsage: [address]::args [-v] [-n count] [-s text] [word ...]\nxmdb: try '::help args' for more information\n"},
		{"1::double | ::sumup", "sum 3\n", ""},
		{"1::double | ::double | ::sumup", "sum 9\n", ""},
		{"1::double | ::double | ::all", "4       true\n", ""},
		{"::all", "0       false\n", ""},
		{"ffffffffffffffff::double", "0xffffffffffffffff\n0xfffffffffffffffe\n", ""},
		{"::how usage", "", "Usage: [address]::how \n"},
		{"::how next; ::how abort; ::how", "", ""},
		{"::sumup", "", "Usage: address::sumup \n"},
	} {
		out, msg := w.run(c.cmd)
		if out != c.out || msg != c.msg {
			t.Errorf("%s\n got %q %q\nwant %q %q", c.cmd, out, msg, c.out, c.msg)
		}
	}
	d := w.s.Reg.Dcmds("args")[0]
	got := d.Complete(w.s, []string{"x", "y"}, "")
	if diff := cmp.Diff([]core.Candidate{{Text: "one"}, {Text: "two", Descr: "the second"}, {Text: "2"}}, got); diff != "" {
		t.Error(diff)
	}
	if got := d.Complete(w.s, nil, "t"); len(got) != 1 {
		t.Errorf("candidates for t: %v", got)
	}
}

const layers = `
mdb.walker{name = "base", addr = "optional", descr = "three numbers", walk = function(addr)
	for i = 1, 3 do mdb.yield((addr or mdb.u64(0)) + i, {i = i}) end
end}
mdb.walker{name = "upper", walk = function() for a, o in mdb.walk("base", 0x100) do mdb.yield(a * 2, o) end end}
mdb.walker{name = "iter", walk = function() local n = 0 return function() n = n + 1 if n <= 2 then return n end end end}
mdb.walker{name = "bad", walk = function() mdb.yield(1) error("broken link at " .. mdb.u64(16)) end}
mdb.walker{name = "itself", walk = function() for a in mdb.walk("itself") do mdb.yield(a) end end}
mdb.command{name = "see", run = function()
	for a, o in mdb.walk("upper") do print(a, o.i) end
	local w = mdb.walk("base") w() -- never finished
	for i = 1, 5000 do local w = mdb.walk("base") w() end
	print(pcall(function() for a in mdb.walk("bad") do print(a) end end))
end}
mdb.command{name = "part", run = function() for a in mdb.walk("base") do print(a) break end end}
`

func TestWalkers(t *testing.T) {
	w := newWorld(t)
	w.s.Reg.Add(walkDcmd(), false)
	w.mustLoad("layers.lua", layers)
	for _, c := range []struct{ cmd, out, msg string }{
		{"::see", "0x202   1\n0x204   2\n0x206   3\n0x1\nfalse   layers.lua:13: walk bad: layers.lua:7: broken link at 0x10\n", ""},
		{"::w upper", "202\n204\n206\n", ""},
		{"10::w base", "11\n12\n13\n", ""},
		{"::w iter", "1\n2\n", ""},
		{"::w bad", "1\n", "xmdb: layers.lua:7: broken link at 0x10\n"},
		{"::part; ::part", "0x1\n0x1\n", ""},
	} {
		out, msg := w.run(c.cmd)
		if out != c.out || msg != c.msg {
			t.Errorf("%s\n got %q %q\nwant %q %q", c.cmd, out, msg, c.out, c.msg)
		}
	}
	if out, msg := w.run("::w itself"); out != "" || !strings.Contains(msg, "nested too deeply") {
		t.Errorf("a walker layered on itself: %q %q", out, msg)
	}
	if out, _ := w.run("::w upper"); out != "202\n204\n206\n" {
		t.Errorf("afterwards: %q", out)
	}
}

// walkDcmd is a plain ::walk.
func walkDcmd() *core.Module {
	return &core.Module{Name: "w", Dcmds: []*core.Dcmd{{Name: "w", Usage: "?name", Run: func(c *core.Ctx) error {
		w := findWalker(c.Session, c.Args[0].Str)
		for e, err := range w.Walk(c, 0x10, c.HasAddr) {
			if err != nil {
				return err
			}
			c.Printf("%lx\n", e.Val)
		}
		return nil
	}}}}
}

const hooked = `
mdb.module{name = "hooked", descr = "a module with hooks", objects = {"libfoo"}, fini = function() print("fini") end}
mdb.on("change", function() print("changed") end)
mdb.on("prompt", function() print("prompt") end)
mdb.on("prompt", function() error("once more") end)
mdb.command{name = "hooked", run = function() print("v1") end}
mdb.walker{name = "hooked", walk = function() end}
mdb.whatis{name = "things", prio = 10, run = function(w)
	if w:done() or not w:overlaps(0x1000, 0x100) then return end
	for a in w:match(0x1000, 0x100) do
		if w:flag("verbose") then w:report_address(a, "a thing of %d bytes", 256)
		else w:report_object(a, 0x1000, "allocated from %s", "things") end
	end
end}
`

// TestUnload: a module's effects begin when it is registered and end with it.
func TestUnload(t *testing.T) {
	w := sampleWorld(t)
	m, err := Load(w.s, "h.lua", []byte(hooked))
	if err != nil {
		t.Fatal(err)
	}
	w.s.Changed()
	if out, _ := w.text(); out != "" {
		t.Errorf("a module that is not registered: %q", out)
	}
	if diff := cmp.Diff([]string{"hooked", "a module with hooks", "libfoo"}, []string{m.Name, m.Descr, m.Objects[0]}); diff != "" {
		t.Error(diff)
	}
	if err := w.s.Load(m, false); err != nil {
		t.Fatal(err)
	}
	w.s.Changed()
	w.s.Prompting()
	if out, msg := w.text(); out != "changed\nprompt\n" || msg != "xmdb: h.lua:5: once more\n" {
		t.Errorf("%q %q", out, msg)
	}
	if out, msg := w.run("1010::whatis; 1000::whatis -v"); out != "1010 is 1000+10, allocated from things\nSearching hooked`things...\n1000 is a thing of 256 bytes\n" || msg != "" {
		t.Errorf("%q %q", out, msg)
	}
	if out, msg := w.run("::unload hooked"); out != "fini\n" || msg != "" {
		t.Errorf("%q %q", out, msg)
	}
	w.s.Changed()
	w.s.Prompting()
	if out, msg := w.run("::hooked; 1010::whatis"); strings.Contains(out, "v1") || strings.Contains(out, "allocated") || strings.Contains(out, "prompt") {
		t.Errorf("after unload: %q %q", out, msg)
	}
	if len(w.s.Reg.Walkers("hooked")) != 0 {
		t.Error("the walker is still there")
	}
	w.mustLoad("h.lua", strings.ReplaceAll(hooked, "v1", "v2"))
	if out, _ := w.run("::hooked"); out != "v2\n" {
		t.Errorf("reloaded: %q", out)
	}
}

// TestFinder: the order in which names are looked for.
func TestFinder(t *testing.T) {
	w := newWorld(t)
	dir, user, lib := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(path, what string) {
		t.Helper()
		os.MkdirAll(filepath.Dir(path), 0o700)
		src := `mdb.module{descr = "` + what + `"}`
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("XDG_DATA_HOME", user)
	write("here.lua", "here")
	write("sub/there.lua", "there")
	write("onpath.lua", "not by its bare name")
	write(filepath.Join(lib, "onpath.lua"), "library")
	write(filepath.Join(user, "xmdb", "modules", "mine.lua"), "mine")
	write(filepath.Join(user, "xmdb", "modules", "onpath.lua"), "mine too")
	os.Mkdir("dir.lua", 0o700)
	find := Finder(w.s, []string{lib}, Source{"extra.lua", []byte(`mdb.module{descr = "extra"}`)})
	for name, want := range map[string]string{
		"here.lua": "here", "sub/there": "there", "./sub/there.lua": "there", "onpath": "library", "mine": "mine",
		"extra": "extra", "pthread": "locks of POSIX threads and who waits for them",
		"here": "", "nope": "", "dir.lua": "", "": "", "../../etc/passwd": "",
	} {
		m, err := find(name)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case m == nil && want != "", m != nil && m.Descr != want:
			t.Errorf("%s: %+v, want %q", name, m, want)
		}
	}
	os.WriteFile("bad.lua", []byte("\nx = "), 0o600)
	if _, err := find("bad.lua"); err == nil || !strings.HasPrefix(err.Error(), "bad.lua:2: ") {
		t.Errorf("bad.lua: %v", err)
	}
	os.Chmod("here.lua", 0)
	if os.Geteuid() != 0 {
		if _, err := find("here.lua"); err == nil || !strings.Contains(err.Error(), "Permission denied") {
			t.Errorf("unreadable: %v", err)
		}
	}
}

// TestWrite writes to a target that is open for writing.
func TestWrite(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "raw")
	if err := os.WriteFile(path, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := rawfile.Open(path, "", true)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	w.s.Context().Target = target
	gen := w.s.Generation()
	w.mustLoad("t.lua", `mdb.write(2, "XY") mdb.write_u16(8, 0x4241) print(mdb.readstr(0, 12), mdb.read_u32(8))`)
	if out, _ := w.text(); out != "01XY4567ABab    1650541121\n" {
		t.Errorf("%q", out)
	}
	if w.s.Generation() == gen {
		t.Error("the session does not know of the write")
	}
	if b, _ := os.ReadFile(path); string(b) != "01XY4567ABabcdef" {
		t.Errorf("file has %q", b)
	}
}

// TestShipped: every module in the binary loads in a session without a target and
// declares something.
func TestShipped(t *testing.T) {
	w := newWorld(t)
	all, err := Modules(w.s)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(Shipped()) || len(all) == 0 {
		t.Fatalf("%d modules", len(all))
	}
	for _, m := range all {
		if len(m.Dcmds) == 0 || m.Descr == "" || m.Activates(w.s.Context()) {
			t.Errorf("module %s: %d dcmds, %q", m.Name, len(m.Dcmds), m.Descr)
		}
	}
	w = sampleWorld(t)
	all, err = Modules(w.s)
	if err != nil || !all[0].Activates(w.s.Context()) {
		t.Errorf("pthread is not active in a core with threads: %v", err)
	}
}

// TestConfined: commands that Lua runs reach no shell and write no files.
func TestConfined(t *testing.T) {
	w := sampleWorld(t)
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("secret", []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.mustLoad("bad.lua", `
mdb.command{name = "bad", run = function(ctx)
	for _, line in ipairs{"! touch made", "1=x ! cat > made", "::set +o noshell; !touch made", "::eval '!touch made'",
		"::log made", "::typedef -w made", "::cat secret", "!echo secret | ::sumup"} do
		mdb.eval(line) mdb.capture(line)
	end
	mdb.dcmd("log", nil, "made") mdb.dcmd("eval", nil, "!touch made") mdb.dcmd("cat", nil, "secret") ctx:call("cat", nil, "secret")
end}`)
	out, msg := w.run("::bad")
	if strings.Contains(out, "secret") || !strings.Contains(msg, "not available to modules in Lua") {
		t.Errorf("%q %q", out, msg)
	}
	if _, err := os.Stat("made"); err == nil {
		t.Error("a file was made")
	}
	if out, _ := w.run("!echo fine"); out != "fine\n" {
		t.Errorf("the user's shell: %q", out)
	}
}

// TestTypedPipe: a command gets the type of what it is given an address of.
func TestTypedPipe(t *testing.T) {
	w := sampleWorld(t)
	w.run("::load sample")
	w.mustLoad("typed.lua", `mdb.command{name = "who", addr = "required", run = function(ctx)
	print(ctx.type, ctx:load().name, ctx:load("user_t").uid)
end}`)
	out, msg := w.run("::walk users | ::who ! head -1")
	if out != "user_t  linus   1005\n" || msg != "" {
		t.Errorf("%q %q", out, msg)
	}
	if _, msg := w.run("4c4800::who"); msg != "xmdb: typed.lua:2: the type at 4c4800 is not known: name it\n" {
		t.Errorf("%q", msg)
	}
}
