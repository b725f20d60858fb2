package debuginfod

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kinds of files that Find gives.
const (
	DebugInfo  = "debuginfo"
	Executable = "executable"
)

var (
	// ErrNotFound is returned for a file that no server has.
	ErrNotFound = fmt.Errorf("on the debuginfod servers: %w", fs.ErrNotExist)
	// ErrTooLarge is returned for a file larger than Client.MaxSize.
	ErrTooLarge = errors.New("larger than DEBUGINFOD_MAXSIZE")
	// ErrSlow is returned for a transfer that Client.Timeout or MaxTime ended.
	ErrSlow = errors.New("server is too slow")
)

// Client fetches files. Its fields are set before the first Find; Find may be
// called by several goroutines, of which one at a time fetches.
type Client struct {
	URLs []string // servers, asked in this order
	Dir  string   // the cache

	// Timeout bounds how long a server may take for the next 100 KiB, or for the
	// answer to begin; 0 is for ever.
	Timeout time.Duration
	MaxTime time.Duration // for one file from one server; 0 is for ever
	MaxSize int64         // bytes of one file; 0 is no limit but the host's own
	Agent   string        // User-Agent

	// Context, if set, gives the context under which files are fetched; it is
	// asked for each, and may give nil.
	Context func() context.Context
	// Progress, if set, makes what is called while a file comes, with its size, 0
	// if the server does not tell, and at the end with done equal to total.
	Progress func(what string) func(done, total int64)

	mu   sync.Mutex
	down map[string]error // servers that could not be reached
	http *http.Client
}

// Defaults of debuginfod_find_debuginfo(3).
const (
	defaultTimeout = 90 * time.Second
	// defaultMiss is how long "no server has it" holds without a file cache_miss_s.
	defaultMiss = 600 * time.Second
)

// FromEnvironment makes the client that DEBUGINFOD_URLS and its companions ask
// for; nil if they name no server.
func FromEnvironment(getenv func(string) string) *Client {
	c := &Client{Timeout: defaultTimeout}
	for _, s := range strings.Fields(getenv("DEBUGINFOD_URLS")) {
		if strings.HasPrefix(s, "ima:") {
			continue // a policy for the servers behind it
		}
		if u, err := url.Parse(s); err == nil && isWeb(u) && u.Host != "" {
			c.URLs = append(c.URLs, s)
		}
	}
	if len(c.URLs) == 0 {
		return nil
	}
	if n, ok := seconds(getenv("DEBUGINFOD_TIMEOUT")); ok {
		c.Timeout = n
	}
	if n, ok := seconds(getenv("DEBUGINFOD_MAXTIME")); ok {
		c.MaxTime = n
	}
	if n, err := strconv.ParseInt(getenv("DEBUGINFOD_MAXSIZE"), 10, 64); err == nil && n > 0 {
		c.MaxSize = n
	}
	if c.Dir = cacheDir(getenv); c.Dir == "" {
		return nil // nowhere to put anything
	}
	return c
}

func isWeb(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

// seconds reads a number of them; 0 and less is no limit.
func seconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return 0, false
	}
	return time.Duration(max(n, 0)) * time.Second, true
}

// cacheDir is where elfutils' client keeps its files, "" if there is no home.
func cacheDir(getenv func(string) string) string {
	if d := getenv("DEBUGINFOD_CACHE_PATH"); d != "" {
		return d
	}
	if home := getenv("HOME"); home != "" {
		// The place before elfutils 0.185, still used where it exists.
		old := filepath.Join(home, ".debuginfod_client_cache")
		if st, err := os.Stat(old); err == nil && st.IsDir() {
			return old
		}
	}
	if d := getenv("XDG_CACHE_HOME"); d != "" {
		return filepath.Join(d, "debuginfod_client")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "debuginfod_client")
	}
	if d, err := os.UserCacheDir(); err == nil {
		return filepath.Join(d, "debuginfod_client")
	}
	return ""
}

// Find gives the path of a file, DebugInfo or Executable, by its build-id in
// lower-case hex. ErrNotFound if no server has it.
func (c *Client) Find(kind, buildID string) (string, error) {
	if b, err := hex.DecodeString(buildID); err != nil || len(b) < 2 || len(b) > 64 || strings.ToLower(buildID) != buildID ||
		kind != DebugInfo && kind != Executable {
		return "", ErrNotFound
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	path := filepath.Join(c.Dir, buildID, kind)
	if known, err := c.cached(path); known {
		return path, err
	}
	ctx := c.context()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	var bad error
	for _, u := range c.URLs {
		if c.down[u] != nil {
			bad = errors.Join(bad, c.down[u])
			continue
		}
		err := c.fetch(ctx, u, kind, buildID, path)
		switch {
		case err == nil:
			return path, nil
		case ctx.Err() != nil:
			return "", ctx.Err()
		case !errors.Is(err, ErrNotFound):
			bad = errors.Join(bad, err)
		}
	}
	if bad != nil {
		return "", bad
	}
	c.rememberMiss(path)
	return "", ErrNotFound
}

func (c *Client) context() context.Context {
	if c.Context != nil {
		if ctx := c.Context(); ctx != nil {
			return ctx
		}
	}
	return context.Background()
}
