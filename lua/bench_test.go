package lua

import (
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// benchWorld has commands and a walker in Lua, for a Go side that calls them.
func benchWorld(b *testing.B, src string) *core.Session {
	b.Helper()
	w := newWorld(nil)
	m, err := Load(w.s, "bench.lua", []byte(src))
	if err != nil {
		b.Fatal(err)
	}
	if err := w.s.Load(m, false); err != nil {
		b.Fatal(err)
	}
	return w.s
}

// BenchmarkCommand is a dcmd called for each element of a pipe.
func BenchmarkCommand(b *testing.B) {
	s := benchWorld(b, `mdb.command{name = "one", addr = "required", run = function(ctx) local a = ctx.addr + 8 end}`)
	d := s.Reg.Dcmds("one")[0]
	c := &core.Ctx{Context: b.Context(), Session: s, P: s.Out, Dcmd: d, Stage: &core.Stage{}}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Run(c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWalker is one element yielded by a walker.
func BenchmarkWalker(b *testing.B) {
	s := benchWorld(b, `mdb.walker{name = "w", walk = function() local a = 0xffffffff00000000 while true do mdb.yield(a) a = a + 8 end end}`)
	c := &core.Ctx{Context: b.Context(), Session: s, P: s.Out, Stage: &core.Stage{}}
	b.ReportAllocs()
	n := 0
	for range s.Reg.Walkers("w")[0].Walk(c, mem.Addr(0), false) {
		if n++; n > b.N {
			break
		}
	}
}

// BenchmarkLoop is one turn of a loop with the operators that are functions of
// ours: a comparison, an index, an assignment, a concatenation.
func BenchmarkLoop(b *testing.B) {
	s := benchWorld(b, `
mdb.command{name = "loop", usage = "n", run = function(ctx)
	local t, n = {}, tonumber(ctx.args[1])
	local i = 0
	while i < n do i = i + 1 t[i % 100] = "k" .. i if t[i % 100] == 5 then break end end
end}`)
	d := s.Reg.Dcmds("loop")[0]
	c := &core.Ctx{Context: b.Context(), Session: s, P: s.Out, Dcmd: d, Stage: &core.Stage{},
		Args: []core.Arg{{Imm: uint64(b.N), IsImm: true}}}
	if err := d.Run(c); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLoad is making a module.
func BenchmarkLoad(b *testing.B) {
	w := newWorld(nil)
	src := shippedSource("pthread.lua")
	for b.Loop() {
		if _, err := Load(w.s, "pthread.lua", src); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMember is a member read in the sample's core: a pointer followed, a
// bit-field.
func BenchmarkMember(b *testing.B) {
	s := benchWorld(b, `
mdb.command{name = "members", run = function(ctx)
	local n, sum = tonumber(ctx.args[1]), 0
	while n > 0 do
		local users = mdb.global("users")
		for i = 0, #users.bucket - 1 do
			local u = users.bucket[i]
			while u do sum, n, u = sum + u.uid, n - 2, u.chain end
		end
	end
end}`)
	exe, dump := unpackSample(b)
	openCore(b, s, exe, dump)
	d := s.Reg.Dcmds("members")[0]
	c := &core.Ctx{Context: b.Context(), Session: s, P: s.Out, Dcmd: d, Stage: &core.Stage{},
		Args: []core.Arg{{Imm: uint64(b.N), IsImm: true}}}
	b.ReportAllocs()
	if err := d.Run(c); err != nil {
		b.Fatal(err)
	}
}
