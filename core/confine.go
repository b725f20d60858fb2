package core

import (
	"context"
	"errors"
)

// ErrConfined says why a command does not run.
var ErrConfined = errors.New("not available to modules in Lua")

type confinedKey struct{}

// Confine gives a context in which commands reach neither the shell nor files of
// the host: that of commands which code runs that is not trusted with either.
func Confine(ctx context.Context) context.Context {
	return context.WithValue(ctx, confinedKey{}, true)
}

// Confined tells whether a context is one of Confine's or derived from one.
func Confined(ctx context.Context) bool { return ctx.Value(confinedKey{}) != nil }
