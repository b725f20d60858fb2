package lua

import (
	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// maxFrames bounds what mdb.frames lists of one stack.
const maxFrames = 10000

func (st *state) targetFunctions() map[string]glua.LGFunction {
	return map[string]glua.LGFunction{
		"threads": st.threads, "regs": st.regs, "reg": st.reg, "frames": st.frames,
		"xdata": st.xdata, "mappings": st.mappings,
		"syscall": func(L *glua.LState) int { // number of the system call a thread is in, or nil
			L.Push(glua.LNil)
			if s, ok := core.As[core.Syscalls](st.s.Context()); ok {
				if nr, in := s.Syscall(st.tid(L, 1)); in {
					L.Push(glua.LNumber(nr))
				}
			}
			return 1
		},
		"arch": func(L *glua.LState) int { // name, ptrsize and pagesize in bytes
			a := st.s.Arch()
			t := L.CreateTable(0, 3)
			t.RawSetString("name", glua.LString(a.Name))
			t.RawSetString("ptrsize", glua.LNumber(a.PtrSize))
			t.RawSetString("pagesize", glua.LNumber(a.PageSize))
			L.Push(t)
			return 1
		},
		"target": func(L *glua.LState) int { // kind and name of the target; nil without one
			t := st.s.Context().Target
			if t == nil {
				L.Push(glua.LNil)
				return 1
			}
			L.Push(glua.LString(t.Kind()))
			L.Push(glua.LString(t.Name()))
			return 2
		},
		"state": func(L *glua.LState) int { // state of execution as ::status knows it
			s := core.StateIdle
			if t, ok := core.As[core.Stater](st.s.Context()); ok {
				s = t.State()
			}
			L.Push(glua.LString([]string{"idle", "running", "stopped", "undead", "dead", "lost"}[min(int(s), 5)]))
			return 1
		},
		"args": func(L *glua.LState) int { return st.stringsOf(L, core.Environ.Args) },
		"env":  func(L *glua.LState) int { return st.stringsOf(L, core.Environ.Env) },
	}
}

func (st *state) stringsOf(L *glua.LState, get func(core.Environ) ([]string, error)) int {
	t := L.NewTable()
	if e, ok := core.As[core.Environ](st.s.Context()); ok {
		l, err := get(e)
		check(L, err)
		for _, s := range l {
			t.Append(glua.LString(s))
		}
	}
	L.Push(t)
	return 1
}

// threads is mdb.threads(): a list of {id=, name=}, the representative one first.
func (st *state) threads(L *glua.LState) int {
	list := L.NewTable()
	if ts, ok := core.As[core.Threads](st.s.Context()); ok {
		for _, th := range ts.Threads() {
			t := L.CreateTable(0, 2)
			t.RawSetString("id", st.unsigned(th.ID))
			t.RawSetString("name", glua.LString(th.Name))
			list.Append(t)
		}
	}
	L.Push(list)
	return 1
}

// tid is argument i as a thread, the representative one by default.
func (st *state) tid(L *glua.LState, i int) uint64 {
	if L.Get(i) != glua.LNil {
		return checkInteger(L, i).v
	}
	cx := st.s.Context()
	if ts, ok := core.As[core.Threads](cx); ok && cx.Thread == 0 {
		if l := ts.Threads(); len(l) > 0 {
			return l[0].ID
		}
	}
	return cx.Thread
}

// regs is mdb.regs([thread]): the registers that are known, by name.
func (st *state) regs(L *glua.LState) int {
	r, ok := core.As[core.Registers](st.s.Context())
	if !ok {
		L.RaiseError("%s", core.ErrNotSup)
	}
	regs, err := r.Registers(st.tid(L, 1))
	check(L, err)
	t := L.NewTable()
	for _, reg := range regs.Arch.Registers {
		if v, ok := regs.Get(reg.Name); ok {
			t.RawSetString(reg.Name, st.unsigned(v))
		}
	}
	L.Push(t)
	return 1
}

// reg is mdb.reg(name [, thread]): a register or a part of one; nil if it is not
// known.
func (st *state) reg(L *glua.LState) int {
	r, ok := core.As[core.Registers](st.s.Context())
	if !ok {
		L.RaiseError("%s", core.ErrNotSup)
	}
	regs, err := r.Registers(st.tid(L, 2))
	check(L, err)
	if v, ok := regs.Get(L.CheckString(1)); ok {
		L.Push(st.unsigned(v))
	} else {
		L.Push(glua.LNil)
	}
	return 1
}

// frames is mdb.frames([thread [, max]]): the frames of a stack, innermost first,
// each with pc, sp, cfa, level, source, name, and reg, a function that gives the
// frame's value of a register or nil.
func (st *state) frames(L *glua.LState) int {
	cx := st.s.Context()
	r, ok := core.As[core.Registers](cx)
	u, ok2 := core.As[core.Unwinder](cx)
	if !ok || !ok2 {
		L.RaiseError("%s", core.ErrNotSup)
	}
	t := threadOf(L)
	regs, err := r.Registers(st.tid(L, 1))
	check(L, err)
	limit := min(optInt(L, 2, maxFrames), maxFrames)
	list := L.NewTable()
	for f, err := range u.Frames(t.parent, regs) {
		if err != nil || limit <= 0 {
			break // the frames before are what there is
		}
		limit--
		t.work(L, 256)
		e := L.CreateTable(0, 8)
		e.RawSetString("pc", st.unsigned(f.PC))
		e.RawSetString("sp", st.unsigned(f.SP))
		e.RawSetString("cfa", st.unsigned(f.CFA))
		e.RawSetString("level", glua.LNumber(f.Level))
		e.RawSetString("source", glua.LString(f.Source.String()))
		name, ok := st.s.SymbolName(f.PC)
		if !ok {
			name = integer{v: f.PC}.String()
		}
		e.RawSetString("name", glua.LString(name))
		e.RawSetString("reg", L.NewFunction(func(L *glua.LState) int {
			reg, _ := st.s.Arch().Lookup(L.CheckString(1))
			if reg != nil && reg.DWARF >= 0 && reg.Of == "" {
				if v, ok := f.Regs.Get(reg.DWARF); ok && !f.Regs.Stale(reg.DWARF) {
					L.Push(st.unsigned(v))
					return 1
				}
			}
			L.Push(glua.LNil)
			return 1
		}))
		list.Append(e)
	}
	L.Push(list)
	return 1
}

// xdata is mdb.xdata(name): a named piece of target data as bytes, or nil; without
// a name a list of the names.
func (st *state) xdata(L *glua.LState) int {
	var blobs []core.Blob
	if x, ok := core.As[core.Xdata](st.s.Context()); ok {
		blobs = x.Xdata()
	}
	if L.GetTop() == 0 {
		list := L.NewTable()
		for _, b := range blobs {
			list.Append(glua.LString(b.Name))
		}
		L.Push(list)
		return 1
	}
	name := L.CheckString(1)
	for _, b := range blobs {
		if b.Name == name {
			threadOf(L).str(L, len(b.Data))
			L.Push(glua.LString(b.Data))
			return 1
		}
	}
	L.Push(glua.LNil)
	return 1
}

// mappings is mdb.mappings(): a list of {base=, size=, name=, prot="rwx"}.
func (st *state) mappings(L *glua.LState) int {
	list := L.NewTable()
	if m, ok := core.As[core.Mapped](st.s.Context()); ok {
		for _, r := range m.Mappings() {
			t := L.CreateTable(0, 4)
			t.RawSetString("base", st.unsigned(uint64(r.Base)))
			t.RawSetString("size", st.unsigned(r.Size))
			t.RawSetString("name", glua.LString(r.Name))
			t.RawSetString("prot", glua.LString(protText(r.Prot)))
			list.Append(t)
		}
	}
	L.Push(list)
	return 1
}

func protText(p mem.Prot) string {
	b := []byte("---")
	for i, f := range []mem.Prot{mem.ProtRead, mem.ProtWrite, mem.ProtExec} {
		if p&f != 0 {
			b[i] = "rwx"[i]
		}
	}
	return string(b)
}
