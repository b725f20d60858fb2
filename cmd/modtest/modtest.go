// Package modtest is for tests of modules, in the tree and out of it, in Go and in
// Lua: open a core, run commands as a user types them, compare what they print.
//
//	s := modtest.Open(t, exe, core, users.Module())
//	s.Run("::users").Want("ADDR ...\n")
//	s.Run("::walk user | ::count").WantLines("8")
package modtest

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/dcmds"
	"github.com/xmdb/xmdb/lua"
	"github.com/xmdb/xmdb/targets/elfcore"
	"github.com/xmdb/xmdb/targets/illumosdump"
)

// Session is a session without a terminal, with the built-in commands.
type Session struct {
	*core.Session
	t         testing.TB
	out, errs bytes.Buffer
}

// Open opens the core of a program and loads modules, each of which must say that
// it is for such a target. The test fails if anything does not work.
func Open(t testing.TB, program, dump string, modules ...*core.Module) *Session {
	t.Helper()
	ctx := context.Background()
	target, err := elfcore.OpenProcess(ctx, dump, elfcore.Options{Program: program})
	if err != nil {
		t.Fatal(err)
	}
	return attach(t, target, modules)
}

// OpenCoreBytes is Open for a core in memory, called name.
func OpenCoreBytes(t testing.TB, name string, dump []byte, modules ...*core.Module) *Session {
	t.Helper()
	target, err := elfcore.OpenProcessAt(name, bytes.NewReader(dump), int64(len(dump)), elfcore.Options{Files: system.NewFiles("")})
	if err != nil {
		t.Fatal(err)
	}
	return attach(t, target, modules)
}

// OpenDump opens a crash dump of an illumos kernel, vmcore.N or vmdump.N, and loads
// modules. The test fails if anything does not work, or if opening warns.
func OpenDump(t testing.TB, path string, modules ...*core.Module) *Session {
	t.Helper()
	target, err := illumosdump.Open(context.Background(), path, illumosdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return attachDump(t, target, modules)
}

// OpenDumpBytes is OpenDump for a dump in memory, called name.
func OpenDumpBytes(t testing.TB, name string, dump []byte, modules ...*core.Module) *Session {
	t.Helper()
	s, warnings := OpenDamagedDump(t, name, dump, modules...)
	for _, w := range warnings {
		t.Errorf("opening %s: %s", name, w)
	}
	return s
}

// OpenDamagedDump is OpenDumpBytes for a dump that is known not to be right: it gives
// what opening warned of.
func OpenDamagedDump(t testing.TB, name string, dump []byte, modules ...*core.Module) (*Session, []string) {
	t.Helper()
	target, err := illumosdump.OpenAt(context.Background(), name, bytes.NewReader(dump), int64(len(dump)), illumosdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := attach(t, target, modules)
	return s, s.warnings()
}

// OpenTarget is Open for a target of the test's own, which is closed after it.
func OpenTarget(t testing.TB, target core.Target, modules ...*core.Module) *Session {
	t.Helper()
	return attach(t, target, modules)
}

func attachDump(t testing.TB, target *illumosdump.Target, modules []*core.Module) *Session {
	t.Helper()
	s := attach(t, target, modules)
	for _, w := range s.warnings() {
		t.Errorf("opening %s: %s", target.Name(), w)
	}
	return s
}

// warnings are what a user would be told on opening the target.
func (s *Session) warnings() []string {
	var list []string
	for _, part := range []any{s.Context().Target, s.Context().System} {
		if w, ok := part.(core.Warner); ok {
			list = append(list, w.Warnings()...)
		}
	}
	return list
}

// attach makes a session of an open target.
func attach(t testing.TB, target core.Target, modules []*core.Module) *Session {
	t.Helper()
	t.Cleanup(func() { target.Close() })
	s := &Session{t: t}
	s.Session = core.NewSession("xmdb", &s.out, &s.errs)
	s.Eval = interp.New(s.Session)
	if err := s.Attach(context.Background(), target); err != nil {
		t.Fatal(err)
	}
	s.Finder = lua.Finder(s.Session, nil)
	for _, m := range append([]*core.Module{dcmds.Module()}, modules...) {
		s.load(m)
	}
	return s
}

func (s *Session) load(m *core.Module) {
	s.t.Helper()
	if !m.Activates(s.Context()) {
		s.t.Fatalf("module %s does not activate for %s", m.Name, s.Context().Target.Name())
	}
	if err := s.Load(m, m.Interposes); err != nil {
		s.t.Fatal(err)
	}
}

// LoadLua loads a module from a Lua file.
func (s *Session) LoadLua(path string) {
	s.t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := lua.Load(s.Session, path, src)
	if err != nil {
		s.t.Fatal(err)
	}
	s.load(m)
}

// Result is what a command printed and how it ended.
type Result struct {
	Out, Err string
	Status   error // nil, or why -e would exit with 1
	cmd      string
	t        testing.TB
}

// Run runs commands as -e does.
func (s *Session) Run(cmd string) *Result {
	s.t.Helper()
	s.out.Reset()
	s.errs.Reset()
	err := s.Eval.Eval(context.Background(), s.Session, cmd)
	s.Out.Flush()
	return &Result{Out: s.out.String(), Err: s.errs.String(), Status: err, cmd: cmd, t: s.t}
}

// OK fails the test if the command failed or warned.
func (r *Result) OK() *Result {
	r.t.Helper()
	if r.Status != nil || r.Err != "" {
		r.t.Errorf("%s: %v\n%s", r.cmd, r.Status, r.Err)
	}
	return r
}

// Want compares the output, to the byte.
func (r *Result) Want(text string) *Result {
	r.t.Helper()
	if r.Out != text {
		r.t.Errorf("%s:\n%swant\n%s%s", r.cmd, r.Out, text, r.Err)
	}
	return r
}

// WantLines compares the lines of the output, blanks around each taken off.
func (r *Result) WantLines(lines ...string) *Result {
	r.t.Helper()
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(r.Out), "\n") {
		got = append(got, strings.TrimSpace(l))
	}
	if !slices.Equal(lines, got) {
		r.t.Errorf("%s:\n%q\nwant\n%q\n%s", r.cmd, got, lines, r.Err)
	}
	return r
}

// Match fails the test if the output does not match a regular expression, in which
// ^ and $ are the ends of lines.
func (r *Result) Match(re string) *Result {
	r.t.Helper()
	if !regexp.MustCompile("(?m)" + re).MatchString(r.Out) {
		r.t.Errorf("%s: no match for %s in\n%s%s", r.cmd, re, r.Out, r.Err)
	}
	return r
}
