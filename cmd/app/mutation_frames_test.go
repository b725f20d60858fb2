package app

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	dir := t.TempDir()
	dump, err := os.ReadFile(s.Core)
	if err != nil {
		t.Fatal(err)
	}
	sweep(t, s.Exe, 25, lines(frameCommands, s), func(m *fixtures.Mutation, worker int) core.Target {
		path := filepath.Join(dir, fmt.Sprint(worker))
		data, err := io.ReadAll(io.NewSectionReader(m, 0, m.Size))
		if err != nil {
			panic(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			panic(err)
		}
		target, err := elfcore.OpenAt("core", bytes.NewReader(dump), int64(len(dump)), elfcore.Options{Program: path, Files: system.NewFiles("")})
		if err != nil {
			return nil
		}
		return target
	})
}
