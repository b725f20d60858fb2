package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, max int64) (*Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	s, err := Open(dir, max)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func TestPutGet(t *testing.T) {
	s, dir := open(t, 0)
	if _, err := s.Get("index", "a"); !errors.Is(err, ErrMiss) {
		t.Errorf("empty store: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("Get made the directory")
	}
	for _, data := range [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), 1<<20)} {
		if err := s.Put("index", "a", data); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get("index", "a"); err != nil || !bytes.Equal(got, data) {
			t.Errorf("put %d bytes, got %d, %v", len(data), len(got), err)
		}
	}
	for _, key := range [][2]string{{"index", "b"}, {"other", "a"}} {
		if _, err := s.Get(key[0], key[1]); !errors.Is(err, ErrMiss) {
			t.Errorf("%v: %v", key, err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("cache directory is open to others: %v, %v", info.Mode(), err)
	}
}

// TestDamaged changes every part of an entry: each time it must be a miss, and
// never other data.
func TestDamaged(t *testing.T) {
	s, dir := open(t, 0)
	if err := s.Put("index", "key", []byte("data")); err != nil {
		t.Fatal(err)
	}
	path := onlyFile(t, dir)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get("index", "key"); !errors.Is(err, ErrMiss) {
			t.Errorf("%s: got %q, %v", what, got, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: the damaged entry is still there", what)
		}
	}
	for i := range good {
		if i >= 28 && i < 32 {
			continue // unused
		}
		b := bytes.Clone(good)
		b[i] ^= 0x41
		check("changed byte", b)
	}
	for n := range good {
		check("cut short", good[:n])
	}
	check("longer", append(bytes.Clone(good), 0))
}

func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files in the cache: %v", len(files), err)
	}
	return filepath.Join(dir, files[0].Name())
}

// TestEvict fills the store over its cap: what was used last stays.
func TestEvict(t *testing.T) {
	s, dir := open(t, 3000)
	old := time.Now().Add(-time.Hour)
	put := func(key string) {
		if err := s.Put("index", key, make([]byte, 900)); err != nil {
			t.Fatal(err)
		}
	}
	age := func(key string, d time.Duration) {
		if err := os.Chtimes(s.path("index", key), old.Add(d), old.Add(d)); err != nil {
			t.Fatal(err)
		}
	}
	put("a")
	age("a", 0)
	put("b")
	age("b", time.Minute)
	put("c")
	age("c", 2*time.Minute)
	if _, err := s.Get("index", "a"); err != nil { // now a is the newest
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "README")
	if err := os.WriteFile(foreign, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(dir, tempPrefix+"1"+suffix)
	if err := os.WriteFile(stale, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(stale, old.Add(-time.Hour), old.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	put("d")
	for key, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		if _, err := s.Get("index", key); (err == nil) != want {
			t.Errorf("entry %s kept: %v, want %v", key, err == nil, want)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("a file that is no entry was removed")
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("an abandoned temporary file is still there")
	}
	if err := s.Put("index", "huge", make([]byte, 4000)); err == nil {
		t.Error("an entry larger than the store was kept")
	}
}

// TestConcurrent has writers and readers of one entry: a reader sees one of the
// values whole, or none.
func TestConcurrent(t *testing.T) {
	s, _ := open(t, 0)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			data := bytes.Repeat([]byte{byte('a' + w)}, 10000)
			for range 30 {
				if err := s.Put("index", "key", data); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 60 {
				b, err := s.Get("index", "key")
				if err == nil && (len(b) != 10000 || strings.Trim(string(b), string(b[:1])) != "") {
					t.Error("a mixture of two entries")
				}
			}
		})
	}
	wg.Wait()
}

func TestUnwritable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put("index", "key", []byte("x")); err == nil {
		t.Error("put into a directory that is a file")
	}
	if _, err := s.Get("index", "key"); !errors.Is(err, ErrMiss) {
		t.Errorf("get: %v", err)
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/nowhere/cache")
	dir, err := DefaultDir()
	if err != nil {
		t.Skip("this host has no cache directory")
	}
	if !strings.HasSuffix(filepath.ToSlash(dir), "/xmdb") {
		t.Errorf("default directory %s", dir)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(append(encodeHeader("index", "key", []byte("data")), "data"...))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		data, ok := decode(b, "index", "key")
		if ok && !bytes.Equal(append(encodeHeader("index", "key", data), data...)[:28], b[:28]) {
			t.Error("accepted what it would not write")
		}
	})
}
