package app_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/xmdb/xmdb/fixtures"
)

// program builds the program once: DIR/xmdb, and DIR/mdb for its other name.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "xmdb-sessions-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "xmdb")
	build := exec.Command("go", "build", "-o", bin, "github.com/xmdb/xmdb/cmd/xmdb")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return dir, os.Link(bin, filepath.Join(dir, "mdb"))
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := program(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// build gives the directory of the program.
func build(t testing.TB) string {
	t.Helper()
	dir, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// needs finds what a script cannot do without: subjects and programs.
var needs = regexp.MustCompile(`(?m)^(subject|program|need) (.+)$`)

// TestSessions runs the sessions of testdata against the program. Beside
// testscript's own commands there are
//
//	subject NAME     makes a subject of package fixtures: $EXE, $CORE, $DEBUG, $DIR,
//	                 and each fact as $name, hexadecimal without 0x as $name_x
//	program NAME     the same for a program without a core
//	need TOOL ...    skips, by name, where a tool is missing
//	like FILE WANT   FILE (stdout, stderr) is WANT, in which {{re}} is a regular
//	                 expression, ${name} a variable and a line ... any lines
func TestSessions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the sessions use /bin/sh")
	}
	dir := build(t)
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no sessions: %v", err)
	}
	cache := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			prepare(t, file)
			testscript.Run(t, testscript.Params{
				Files:               []string{file},
				RequireExplicitExec: false,
				Setup: func(e *testscript.Env) error {
					e.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
					e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
					e.Setenv("XDG_CACHE_HOME", cache)
					e.Setenv("SHELL", "/bin/sh")
					e.Setenv("TERM", "dumb")
					e.Setenv("LC_ALL", "C")
					e.Setenv("TZ", "UTC")
					e.Setenv("ROOT", root)
					return os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o755)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"subject": subject, "program": subjectProgram, "like": like,
					"need": func(*testscript.TestScript, bool, []string) {}, // done by prepare
					"xmdb": debugger("xmdb"), "mdb": debugger("mdb"),
					"patch": patch, "cut": cut,
				},
			})
		})
	}
}

// prepare makes a script's subjects where a missing tool can skip the test.
func prepare(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range needs.FindAllStringSubmatch(string(text), -1) {
		switch m[1] {
		case "subject":
			fixtures.Build(t, m[2])
		case "program":
			fixtures.BuildProgram(t, m[2])
		default:
			fixtures.Need(t, strings.Fields(m[2])...)
		}
	}
}

// debugger runs the program without the word exec.
func debugger(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := ts.Exec(name, args...)
		if neg == (err == nil) {
			ts.Fatalf("%s: %v", name, err)
		}
	}
}

func subject(ts *testscript.TestScript, neg bool, args []string) {
	s, err := fixtures.Make(context.Background(), args[0])
	ts.Check(err)
	setSubject(ts, s)
}

func subjectProgram(ts *testscript.TestScript, neg bool, args []string) {
	s, err := fixtures.MakeProgram(context.Background(), args[0])
	ts.Check(err)
	setSubject(ts, s)
}

func setSubject(ts *testscript.TestScript, s fixtures.Subject) {
	ts.Setenv("EXE", s.Exe)
	ts.Setenv("CORE", s.Core)
	ts.Setenv("DEBUG", s.Debug)
	ts.Setenv("DIR", s.Dir)
	for name, value := range s.Facts {
		ts.Setenv(name, value)
		if n, err := strconv.ParseUint(value, 0, 64); err == nil {
			ts.Setenv(name+"_x", strconv.FormatUint(n, 16))
		}
	}
}

// patch FILE OFFSET BYTE... writes bytes, all in hexadecimal.
func patch(ts *testscript.TestScript, neg bool, args []string) {
	number := func(s string, bits int) uint64 {
		n, err := strconv.ParseUint(s, 16, bits)
		ts.Check(err)
		return n
	}
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	at := number(args[1], 32)
	for i, b := range args[2:] {
		data[at+uint64(i)] = byte(number(b, 8))
	}
	ts.Check(os.WriteFile(name, data, 0o644))
}

// cut FILE PERCENT keeps the first part of a file.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	name := ts.MkAbs(args[0])
	st, err := os.Stat(name)
	ts.Check(err)
	percent, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(name, st.Size()*percent/100))
}

func like(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: like file want")
	}
	got, want := ts.ReadFile(args[0]), ts.ReadFile(args[1])
	re, err := regexp.Compile(`\A` + pattern(ts, want) + `\z`)
	ts.Check(err)
	if re.MatchString(got) == neg {
		ts.Fatalf("%s differs from %s%s\n--- got\n%s--- want\n%s", args[0], args[1], firstOdd(ts, got, want), got, want)
	}
}

// firstOdd names the first line that differs, where lines stand against lines.
func firstOdd(ts *testscript.TestScript, got, want string) string {
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range w {
		if w[i] == "...\n" || i >= len(g) {
			break
		}
		if ok, _ := regexp.MatchString(`\A`+pattern(ts, w[i])+`\z`, g[i]); !ok {
			return fmt.Sprintf(" at line %d:\n got %q\nwant %q", i+1, g[i], w[i])
		}
	}
	return ""
}

var pieces = regexp.MustCompile(`\{\{.*?\}\}+|\$\{\w+\}`)

// pattern makes a regular expression of the text of like.
func pattern(ts *testscript.TestScript, want string) string {
	var re bytes.Buffer
	for _, line := range strings.SplitAfter(want, "\n") {
		if line == "...\n" {
			re.WriteString(`(?:.*\n)*?`)
			continue
		}
		at := 0
		for _, m := range pieces.FindAllStringIndex(line, -1) {
			re.WriteString(regexp.QuoteMeta(line[at:m[0]]))
			piece := line[m[0]:m[1]]
			if piece[0] == '{' {
				re.WriteString("(?:" + piece[2:len(piece)-2] + ")")
			} else {
				re.WriteString(regexp.QuoteMeta(ts.Getenv(piece[2 : len(piece)-1])))
			}
			at = m[1]
		}
		re.WriteString(regexp.QuoteMeta(line[at:]))
	}
	return re.String()
}
