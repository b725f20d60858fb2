package debuginfod

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/sym/elffile"
)

// subject is a debug file of "int x = 1;", as objcopy --only-keep-debug leaves it,
// and its build-id.
func subject(t testing.TB) (data []byte, id string) {
	t.Helper()
	data, err := os.ReadFile("testdata/note.elf")
	if err != nil {
		t.Fatal(err)
	}
	f, err := elffile.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if id = f.BuildID(); id == "" {
		t.Fatal("testdata/note.elf has no build-id")
	}
	return data, id
}

// server answers with h and counts the requests.
func server(t *testing.T, h http.HandlerFunc) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func client(t *testing.T, urls ...string) *Client {
	t.Helper()
	return &Client{URLs: urls, Dir: filepath.Join(t.TempDir(), "cache"), Timeout: time.Minute}
}

// leftovers fails the test if the cache holds a file that is not whole.
func leftovers(t *testing.T, c *Client) {
	t.Helper()
	_ = filepath.WalkDir(c.Dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Dir(p) != c.Dir {
			t.Errorf("left in the cache: %s", p)
		}
		return nil
	})
}

func TestHit(t *testing.T) {
	data, id := subject(t)
	url, asked := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/buildid/"+id+"/debuginfo" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Last-Modified", "Tue, 15 Nov 2022 12:45:26 GMT")
		w.Write(data)
	})
	c := client(t, url)
	var done, total int64
	c.Progress = func(what string) func(int64, int64) {
		if !strings.Contains(what, id) {
			t.Errorf("progress of %q", what)
		}
		return func(d, n int64) { done, total = d, n }
	}
	path, err := c.Find(DebugInfo, id)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(c.Dir, id, "debuginfo"); path != want {
		t.Errorf("%s, want %s", path, want)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if done != int64(len(data)) || total != done {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	if st, err := os.Stat(path); err != nil || st.ModTime().Year() != 2022 {
		t.Errorf("time of the file: %v, %v", st.ModTime(), err)
	}
	// Again, and by another client: from the cache.
	for _, c := range []*Client{c, {URLs: c.URLs, Dir: c.Dir}} {
		if again, err := c.Find(DebugInfo, id); again != path || err != nil {
			t.Errorf("again: %s, %v", again, err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestMiss(t *testing.T) {
	_, id := subject(t)
	url, asked := server(t, http.NotFound)
	c := client(t, url, url+"/")
	for range 3 {
		if _, err := c.Find(Executable, id); !errors.Is(err, ErrNotFound) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times, want once for each server", n)
	}
	path := filepath.Join(c.Dir, id, "executable")
	if st, err := os.Stat(path); err != nil || st.Size() != 0 {
		t.Fatalf("no mark of the miss: %v", err)
	}
	// The mark expires: after ten minutes, or what cache_miss_s says.
	old := time.Now().Add(-11 * time.Minute)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, "cache_miss_s"), []byte("3600\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Find(Executable, id); !errors.Is(err, ErrNotFound) || asked.Load() != 2 {
		t.Errorf("within an hour: %v, asked %d times", err, asked.Load())
	}
	if err := os.Remove(filepath.Join(c.Dir, "cache_miss_s")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Find(Executable, id); !errors.Is(err, ErrNotFound) || asked.Load() != 4 {
		t.Errorf("expired: %v, asked %d times", err, asked.Load())
	}
}

// The second server is asked when the first has not the file, or is broken.
func TestSecondServer(t *testing.T) {
	data, id := subject(t)
	good, _ := server(t, func(w http.ResponseWriter, r *http.Request) { w.Write(data) })
	broken, _ := server(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", 500) })
	none, _ := server(t, http.NotFound)
	const dead = "http://127.0.0.1:1" // a port that no other test is given
	for name, first := range map[string]string{"404": none, "500": broken, "no server": dead} {
		if _, err := client(t, first, good).Find(DebugInfo, id); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c := client(t, first)
		_, err := c.Find(DebugInfo, id)
		if err == nil || errors.Is(err, ErrNotFound) != (name == "404") {
			t.Errorf("%s alone: %v", name, err)
		}
		if name != "404" {
			leftovers(t, c) // what could not be asked is not remembered as missing
		}
	}
}

// A server that is not there costs its timeout once.
func TestDeadServerOnce(t *testing.T) {
	_, id := subject(t)
	url, asked := server(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := client(t, url)
	c.Timeout = 2 * time.Second // that it is asked takes time, too
	for range 3 {
		if _, err := c.Find(DebugInfo, id); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestSlow(t *testing.T) {
	data, id := subject(t)
	trickle := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data[:100])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	url, _ := server(t, trickle)
	c := client(t, url)
	c.Timeout = 500 * time.Millisecond
	if _, err := c.Find(DebugInfo, id); !errors.Is(err, ErrSlow) {
		t.Errorf("timeout: %v", err)
	}
	leftovers(t, c)
	c = client(t, url)
	c.MaxTime = 500 * time.Millisecond
	if _, err := c.Find(DebugInfo, id); !errors.Is(err, ErrSlow) {
		t.Errorf("time for one file: %v", err)
	}
	leftovers(t, c)

	// Ctrl-C: and the next statement may ask again.
	c = client(t, url)
	ctx, cancel := context.WithCancel(context.Background())
	c.Context = func() context.Context { return ctx }
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := c.Find(DebugInfo, id); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	leftovers(t, c)
	good, _ := server(t, func(w http.ResponseWriter, r *http.Request) { w.Write(data) })
	c.URLs, ctx = append(c.URLs, good), context.Background()
	c.Timeout = 2 * time.Second
	if _, err := c.Find(DebugInfo, id); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
}

// What is not the whole file asked for does not reach the cache.
func TestRefused(t *testing.T) {
	data, id := subject(t)
	raw, err := hex.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Replace(data, raw, bytes.Repeat([]byte{0x5a}, len(raw)), 1)
	for name, tt := range map[string]struct {
		h    http.HandlerFunc
		want error
	}{
		"cut by the connection": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			w.Write(data[:len(data)-10])
		}, io.ErrUnexpectedEOF},
		"cut by the server": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Debuginfod-Size", strconv.Itoa(len(data)))
			w.Write(data[:len(data)-10])
		}, io.ErrUnexpectedEOF},
		"cut unnoticed":    {func(w http.ResponseWriter, r *http.Request) { w.Write(data[:len(data)/2]) }, nil},
		"another build-id": {func(w http.ResponseWriter, r *http.Request) { w.Write(other) }, elffile.ErrMismatch},
		"a login page":     {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>please log in</html>") }, elffile.ErrNotELF},
		"nothing":          {func(w http.ResponseWriter, r *http.Request) {}, elffile.ErrNotELF},
		"too large":        {func(w http.ResponseWriter, r *http.Request) { w.Write(append(data, make([]byte, 1<<20)...)) }, ErrTooLarge},
		"too large, said": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Debuginfod-Size", "99999999999")
			w.Write(data)
		}, ErrTooLarge},
		"redirected to a file": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, nil},
		"redirected for ever": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := server(t, tt.h)
			c := client(t, url)
			c.MaxSize = 1 << 20
			path, err := c.Find(DebugInfo, id)
			if err == nil || errors.Is(err, ErrNotFound) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%q, %v; want %v", path, err, tt.want)
			}
			leftovers(t, c)
		})
	}
}

func TestRedirect(t *testing.T) {
	data, id := subject(t)
	to, _ := server(t, func(w http.ResponseWriter, r *http.Request) { w.Write(data) })
	url, _ := server(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	if _, err := client(t, url).Find(DebugInfo, id); err != nil {
		t.Error(err)
	}
}

// A build-id comes from a core, which anybody may have made.
func TestStrangeNames(t *testing.T) {
	url, asked := server(t, http.NotFound)
	c := client(t, url)
	for _, id := range []string{"", "..", "../../etc", "zz", "ab", "ABCD", strings.Repeat("ab", 65)} {
		if _, err := c.Find(DebugInfo, id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := c.Find("source/etc/passwd", "abcdef"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if asked.Load() != 0 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestFromEnvironment(t *testing.T) {
	home := t.TempDir()
	make := func(kv ...string) *Client {
		env := map[string]string{"HOME": home}
		for i := 0; i < len(kv); i += 2 {
			env[kv[i]] = kv[i+1]
		}
		return FromEnvironment(func(k string) string { return env[k] })
	}
	for _, urls := range []string{"", "  ", "file:///tmp", "ima:enforcing", "nonsense", "http://"} {
		if c := make("DEBUGINFOD_URLS", urls); c != nil {
			t.Errorf("%q gives a client of %q", urls, c.URLs)
		}
	}
	c := make("DEBUGINFOD_URLS", "ima:ignore https://a.example/  http://b.example file:///x")
	if c == nil || strings.Join(c.URLs, " ") != "https://a.example/ http://b.example" || c.Timeout != 90*time.Second ||
		c.MaxSize != 0 || c.MaxTime != 0 || c.Dir != filepath.Join(home, ".cache", "debuginfod_client") {
		t.Errorf("%+v", c)
	}
	c = make("DEBUGINFOD_URLS", "http://b", "DEBUGINFOD_TIMEOUT", "0", "DEBUGINFOD_MAXTIME", "7", "DEBUGINFOD_MAXSIZE", "1000", "XDG_CACHE_HOME", "/x")
	if c.Timeout != 0 || c.MaxTime != 7*time.Second || c.MaxSize != 1000 || c.Dir != filepath.Join("/x", "debuginfod_client") {
		t.Errorf("%+v", c)
	}
	if err := os.Mkdir(filepath.Join(home, ".debuginfod_client_cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	if c = make("DEBUGINFOD_URLS", "http://b"); c.Dir != filepath.Join(home, ".debuginfod_client_cache") {
		t.Errorf("the old place: %s", c.Dir)
	}
	if c = make("DEBUGINFOD_URLS", "http://b", "DEBUGINFOD_CACHE_PATH", "/y"); c.Dir != "/y" {
		t.Errorf("%s", c.Dir)
	}
}
