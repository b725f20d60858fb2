package dcmds

import (
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/mem"
)

func walkDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "walk", Usage: "?name [variable]", Descr: "walk data structure",
		Help: "Runs a walker, from the address if one is given, and prints each address or\n" +
			"passes it on. The variable has the address that the walk is at, through\n" +
			"later stages of the pipe, too.\n",
		NoHint: true, Complete: completeWalker, Run: runWalk,
	}}
}

func completeWalker(s *core.Session, args []string, word string) []core.Candidate {
	if len(args) > 0 {
		return nil
	}
	var l []core.Candidate
	for _, w := range s.Reg.AllWalkers() {
		if len(w.Name) >= len(word) && w.Name[:len(word)] == word {
			l = append(l, core.Candidate{Text: w.Name, Descr: w.Descr})
		}
	}
	return l
}

func runWalk(c *core.Ctx) error {
	if len(c.Args) < 1 || len(c.Args) > 2 || c.Args[0].IsImm || c.Args[len(c.Args)-1].IsImm {
		return core.ErrUsage
	}
	v, err := walkVariable(c)
	if err != nil {
		return err
	}
	defs := scoped(c.Reg, c.Args[0].Str, c.Reg.Walkers, func(w *core.Walker) *core.Module { return w.Module })
	if len(defs) == 0 {
		return c.Warn(core.ErrNoWalk, "failed to perform walk")
	}
	w := defs[0]
	switch {
	case w.Addr == core.AddrNone && c.HasAddr:
		return c.Warn(core.ErrWalkAddr, "failed to perform walk")
	case w.Addr == core.AddrRequired && !c.HasAddr:
		return c.Warn(core.ErrWalkNoAddr, "failed to perform walk")
	}
	for e, err := range w.Walk(c, mem.Addr(c.Addr), c.HasAddr) {
		if err != nil {
			if ferr := c.Fail(err); errIs(ferr, core.ErrIntr, core.ErrQuit) {
				return ferr
			}
			return c.Warn(core.ErrWalkInit, "failed to perform walk")
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if v != nil {
			if err := v.Force(e.Val); err != nil {
				return err
			}
		}
		c.Emit(e.Val, e.Type)
	}
	return nil
}

// walkVariable prepares the variable named in the arguments.
func walkVariable(c *core.Ctx) (*core.Var, error) {
	if len(c.Args) < 2 {
		return nil, nil
	}
	name := c.Args[1].Str
	if c.Vars.Lookup(name) == nil && !interp.CheckVarName(c.Session, name) {
		return nil, core.ErrAbort
	}
	if st := c.Stage; st.Out != nil {
		for _, col := range st.Out.Cols {
			if col.Var.Name == name {
				return col.Var, nil // ::walk in a loop, or a name used before
			}
		}
	}
	v, err := c.WalkVar(name)
	if err != nil {
		c.Warnf("%s", err.Error())
		return nil, core.ErrAbort
	}
	return v, nil
}

// errIs is errors.Is for several targets.
func errIs(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
