package lua

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/fixtures/sample"
)

// docs reads docs/modules.md.
func docs(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/modules.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// block is the fenced block of a language.
func block(t *testing.T, text, lang string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "```"+lang+"\n")
	code, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatalf("no block of %s", lang)
	}
	return code
}

// TestDocsLua runs the session that the page shows.
func TestDocsLua(t *testing.T) {
	text := docs(t)
	code := block(t, text, "lua")
	if code != string(sample.Users) {
		t.Error("the module of the page is not fixtures/sample/users.lua")
	}
	w := sampleWorld(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("users.lua", []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	_, session, _ := strings.Cut(text, "    > ::load users.lua")
	session = "    > ::load users.lua" + session
	var cmd string
	want, ran := map[string]string{}, []string{}
	for _, l := range strings.Split(session, "\n") {
		l, ok := strings.CutPrefix(l, "    ")
		if !ok {
			break
		}
		if c, is := strings.CutPrefix(l, "> "); is {
			cmd = c
			ran = append(ran, c)
			continue
		}
		want[cmd] += l + "\n"
	}
	if len(ran) < 3 {
		t.Fatalf("session of %d commands", len(ran))
	}
	for _, c := range ran {
		got, msg := w.run(c)
		if msg != "" || got != want[c] {
			t.Errorf("%s\n got %q %q\nwant %q", c, got, msg, want[c])
		}
	}
}

// TestDocsGo builds the program that the page shows and runs its command.
func TestDocsGo(t *testing.T) {
	fixtures.Need(t, "go")
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	src := filepath.Join(dir, "main.go")
	if err := os.WriteFile(src, []byte(block(t, docs(t), "go")), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "cmd", "docsexample", "main.go"): src,
	}})
	if err != nil {
		t.Fatal(err)
	}
	over := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(over, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "xmdb")
	build := exec.Command("go", "build", "-overlay", over, "-o", bin, "./cmd/docsexample")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	exe, dump := unpackSample(t)
	got, err := exec.Command(bin, "-S", "-e", "::users", exe, dump).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	lines := strings.Split(strings.TrimSpace(string(got)), "\n")
	if len(lines) != 9 || strings.Join(strings.Fields(lines[1]), " ") != "4c4800 linus 1005" {
		t.Errorf("%s", got)
	}
}
