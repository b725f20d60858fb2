package debuginfod

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/xmdb/xmdb/core/sym/elffile"
)

// cached tells whether the cache knows a file, or that there is none
// (ErrNotFound).
func (c *Client) cached(path string) (known bool, err error) {
	st, err := os.Stat(path)
	switch {
	case err != nil || !st.Mode().IsRegular():
		return false, nil
	case st.Size() > 0:
		now := time.Now() // elfutils removes what was not read for a week
		_ = os.Chtimes(path, now, st.ModTime())
		return true, nil
	case time.Since(st.ModTime()) <= c.missLifetime():
		return true, ErrNotFound
	}
	os.Remove(path)
	return false, nil
}

// missLifetime is how long an empty file says that no server has it.
func (c *Client) missLifetime() time.Duration {
	b, err := os.ReadFile(filepath.Join(c.Dir, "cache_miss_s"))
	if err != nil || len(b) > 64 {
		return defaultMiss
	}
	n, ok := seconds(strings.TrimSpace(string(b)))
	if !ok {
		return defaultMiss
	}
	return n
}

// rememberMiss leaves an empty file. Where that fails the servers are asked
// again the next time.
func (c *Client) rememberMiss(path string) {
	if c.makeDir(path) != nil {
		return
	}
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		f.Close()
	}
}

// makeDir makes the directory of a file of the cache and, in a new cache, the
// files that elfutils' client makes there.
func (c *Client) makeDir(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make cache directory: %w", err)
	}
	for name, value := range map[string]int{"cache_miss_s": 600, "cache_clean_interval_s": 86400, "max_unused_age_s": 604800} {
		f, err := os.OpenFile(filepath.Join(c.Dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			continue // it is there already, or is done without
		}
		_, _ = f.WriteString(strconv.Itoa(value))
		f.Close()
	}
	return nil
}

// check makes sure that a file is what was asked for, and whole.
func check(path, buildID string) error {
	f, err := elffile.Open(path)
	if err != nil {
		return fmt.Errorf("what came is no ELF file: %w", err)
	}
	defer f.Close()
	if id := f.BuildID(); id != buildID {
		return fmt.Errorf("%w: what came is %q", elffile.ErrMismatch, id)
	}
	for _, s := range f.Sections {
		if !elffile.NoBytes(s) && (s.FileSize > uint64(f.Size) || s.Offset > uint64(f.Size)-s.FileSize) {
			return fmt.Errorf("what came is cut off: section %s reaches past the end", s.Name)
		}
	}
	return nil
}
