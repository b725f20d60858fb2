package app

import (
	"context"
	"os"

	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/store"
	"github.com/xmdb/xmdb/core/sym/debuginfod"
)

// debugOptions says how debug data is read: with the cache of indexes, under the
// context of the statement that asks, showing progress.
func (a *app) debugOptions() dwarf.Options {
	o := dwarf.Options{
		Context: func() context.Context { return a.statement },
		Warn:    func(text string) { a.s.Warnf("%s", text) },
	}
	if s, err := store.Open("", 0); err == nil {
		o.Cache = s
	}
	if progress("") == nil {
		return o // standard error is no terminal
	}
	show, last := progress("reading debug data"), int64(0)
	o.Progress = func(done, total int64) {
		if done < last { // another file
			show = progress("reading debug data")
		}
		last = done
		show(done, total)
	}
	return o
}

// remoteFiles gives the way to the debuginfod servers that the environment
// names; nil if it names none.
func (a *app) remoteFiles() func(kind, buildID string) (string, error) {
	c := debuginfod.FromEnvironment(os.Getenv)
	if c == nil {
		return nil
	}
	c.Agent = "xmdb/" + Version
	c.Context = func() context.Context { return a.statement }
	c.Progress = progress
	return c.Find
}

// noteStatement keeps the context that derive makes for a statement where work
// that a statement starts deep down finds it.
func (a *app) noteStatement(derive func(context.Context) (context.Context, func())) func(context.Context) (context.Context, func()) {
	return func(ctx context.Context) (context.Context, func()) {
		ctx, done := derive(ctx)
		a.statement = ctx
		return ctx, func() { a.statement = nil; done() }
	}
}
