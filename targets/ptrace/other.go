//go:build !linux || !(amd64 || arm64)

package ptrace

import (
	"context"
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/system"
)

// Options are those of Attach and Launch on Linux.
type Options struct {
	Files         *system.Files
	NoStop, Write bool
}

// Program is what Launch starts on Linux.
type Program struct {
	Path          string
	Args, Env     []string
	Stdin, Stdout string
}

var errNotHere = errors.New("live processes can be debugged on Linux (amd64, arm64) only")

// Target is a live process; there is none on this system.
type Target struct{ core.Target }

// Attach refuses.
func Attach(context.Context, int, Options) (*Target, error) { return nil, errNotHere }

// Launch refuses.
func Launch(context.Context, Program, Options) (*Target, error) { return nil, errNotHere }

// Control is nil.
func (*Target) Control() control.Machine { return nil }

// Last is no stop.
func (*Target) Last() control.Stop { return control.Stop{} }

// FollowFork does nothing.
func (*Target) FollowFork(bool) {}

// Release does nothing.
func (*Target) Release(_, _ bool) {}

// Kill does nothing.
func (*Target) Kill() {}

// Refresh does nothing.
func (*Target) Refresh() {}

// Abandon does nothing.
func (*Target) Abandon() {}

// Root is the host's root.
func Root(int) string { return "" }
