package app_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/fixtures"
)

// fileServer is a debuginfod server of the files in a map from KIND/BUILDID.
type fileServer struct {
	files map[string]string

	mu    sync.Mutex
	asked []string
}

func (s *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // buildid ID KIND
	if len(part) != 3 || part[0] != "buildid" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	key := part[2] + "/" + part[1]
	s.mu.Lock()
	s.asked = append(s.asked, key)
	s.mu.Unlock()
	if path, ok := s.files[key]; ok {
		http.ServeFile(w, r, path)
		return
	}
	http.NotFound(w, r)
}

func (s *fileServer) count(key string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if a == key {
			n++
		}
	}
	return n
}

// TestDebuginfod opens the core of a stripped program whose debug file only a
// server has, and then one whose program only a server has.
func TestDebuginfod(t *testing.T) {
	s := fixtures.Build(t, "c/buildid")
	f, err := elffile.Open(s.Exe)
	if err != nil {
		t.Fatal(err)
	}
	id := f.BuildID()
	f.Close()
	debug := filepath.Join(s.Debug, ".build-id", id[:2], id[2:]+".debug")
	srv := &fileServer{files: map[string]string{"debuginfo/" + id: debug}}
	ts := httptest.NewServer(srv)
	defer ts.Close()
	cache := t.TempDir()
	bin := filepath.Join(build(t), "xmdb")
	xmdb := func(urls string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(context.Background(), bin, args...)
		cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS="+urls, "DEBUGINFOD_CACHE_PATH="+cache, "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out)
	}
	commands := "*list_head::print -t struct node; $C"
	hasTypes := func(out string) bool {
		return strings.Contains(out, "struct node *") && strings.Contains(out, "crash_now")
	}
	if out := xmdb("", "-e", commands, s.Core); hasTypes(out) {
		t.Fatalf("types without a server:\n%s", out)
	}
	if len(srv.asked) != 0 {
		t.Errorf("asked without DEBUGINFOD_URLS: %q", srv.asked)
	}
	first := xmdb(ts.URL, "-e", commands, s.Core)
	if !hasTypes(first) {
		t.Fatalf("no types by the server:\n%s\nasked: %q", first, srv.asked)
	}
	if n := srv.count("debuginfo/" + id); n != 1 {
		t.Errorf("the debug file was asked for %d times", n)
	}
	// From the cache, without any server at all.
	ts.Close()
	if out := xmdb(ts.URL, "-e", commands, s.Core); !hasTypes(out) {
		t.Errorf("no types by the cache:\n%s", out)
	}
	testMissingProgram(t, s, id, srv, xmdb, hasTypes, commands)
}

// testMissingProgram reads a core that names a program which is not here.
func testMissingProgram(t *testing.T, s fixtures.Subject, id string, srv *fileServer,
	xmdb func(string, ...string) string, hasTypes func(string) bool, commands string) {
	data, err := os.ReadFile(s.Core)
	if err != nil {
		t.Fatal(err)
	}
	gone := strings.Repeat("x", len(s.Exe)-1)
	core := filepath.Join(t.TempDir(), "core")
	if err := os.WriteFile(core, bytes.ReplaceAll(data, []byte(s.Exe), []byte("/"+gone)), 0o600); err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(srv)
	defer ts.Close()
	// The code of a program is in no core: only the file has it.
	commands = "ready::dis -n 1; " + commands
	if out := xmdb("", "-e", commands, core); strings.Contains(out, "ready+") {
		t.Fatalf("code without the program:\n%s", out)
	}
	srv.files["executable/"+id] = s.Exe
	out := xmdb(ts.URL, "-e", commands, core)
	if !hasTypes(out) || !strings.Contains(out, "ready+") {
		t.Errorf("the program was not fetched:\n%s\nasked: %q", out, srv.asked)
	}
}
