package golang

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/dcmds"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/targets/elfcore"
)

// session is a session on a subject's core with this module loaded.
type session struct {
	*core.Session
	t         testing.TB
	out, errs bytes.Buffer
}

func open(t testing.TB, name string) *session {
	t.Helper()
	return openSubject(t, fixtures.Build(t, name))
}

func openSubject(t testing.TB, sub fixtures.Subject) *session {
	t.Helper()
	s := &session{t: t}
	s.Session = core.NewSession("xmdb", &s.out, &s.errs)
	s.Eval = interp.New(s.Session)
	tg, err := elfcore.Open(context.Background(), sub.Core, elfcore.Options{Program: sub.Exe})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	if err := s.Attach(context.Background(), tg); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*core.Module{dcmds.Module(), Module()} {
		if err := s.Load(m, false); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// run runs a command; it must not fail.
func (s *session) run(cmd string) string {
	s.t.Helper()
	out, errs := s.try(cmd)
	if errs != "" {
		s.t.Fatalf("%s: said %s", cmd, errs)
	}
	return out
}

// try runs a command and gives what it wrote.
func (s *session) try(cmd string) (out, errs string) {
	s.t.Helper()
	s.out.Reset()
	s.errs.Reset()
	s.Eval.Eval(context.Background(), s.Session, cmd)
	s.Session.Out.Flush()
	return s.out.String(), s.errs.String()
}

// rows runs a command in JSON mode.
func (s *session) rows(cmd string) []map[string]any {
	s.t.Helper()
	s.Opts.JSON = true
	defer func() { s.Opts.JSON = false }()
	var rows []map[string]any
	for line := range strings.Lines(s.run(cmd)) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			s.t.Fatalf("%s: %v in %s", cmd, err, line)
		}
		rows = append(rows, row)
	}
	return rows
}
