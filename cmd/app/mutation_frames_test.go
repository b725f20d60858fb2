package app

import (
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/targets/elfcore"
)

// frameCommands evaluate all that debug information says of frames.
const frameCommands = `$C -l
::frame 0; ::locals
::frame 1; ::locals -at
::frame 4; ::locals -d
::walk thread | ::findstack -l
::stacks -v
::stacks -c main`

// TestMutatedCoreFrames: variables of a core with anything in it changed.
func TestMutatedCoreFrames(t *testing.T) {
	if testing.Short() {
		t.Skip("80 damaged cores take ten seconds (-short)")
	}
	s := fixtures.Build(t, "c/small")
	sweep(t, s.Core, 25, lines(frameCommands, s), func(m *fixtures.Mutation, _ int) core.Target {
		target, err := elfcore.OpenAt("core", m, m.Size, elfcore.Options{Program: s.Exe, Files: system.NewFiles("")})
		if err != nil {
			return nil
		}
		return target
	})
}

// TestMutatedProgramFrames: locations, call sites and lines come from a damaged
// program, of optimised code.
func TestMutatedProgramFrames(t *testing.T) {
	if testing.Short() {
		t.Skip("80 damaged programs take ten seconds (-short)")
	}
	s := fixtures.Build(t, "c/dwarf5")
	sweepProgram(t, s, 25, lines(frameCommands, s))
}
