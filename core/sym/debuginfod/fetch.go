package debuginfod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Bounds of a transfer.
const (
	maxRedirects = 10
	minProgress  = 100 << 10 // bytes that have to come within Client.Timeout
	hostMaxSize  = 64 << 30  // no debug file is larger
	chunk        = 64 << 10
)

// fetch gets a file from one server into the cache.
func (c *Client) fetch(ctx context.Context, server, kind, buildID, path string) error {
	target := strings.TrimRight(server, "/")
	if !strings.HasSuffix(target, "/buildid") {
		target += "/buildid"
	}
	target += "/" + buildID + "/" + kind
	ctx, watch := newWatch(ctx, c.Timeout, c.MaxTime)
	defer watch.stop()
	resp, err := c.get(ctx, target)
	if err != nil {
		err = watch.reason(err)
		c.markDown(server, err)
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return ErrNotFound
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("fetch %s: %s", resp.Request.URL.Redacted(), resp.Status)
	}
	if err := c.store(resp, path, buildID, watch); err != nil {
		return fmt.Errorf("fetch %s: %w", resp.Request.URL.Redacted(), watch.reason(err))
	}
	return nil
}

// markDown keeps Find from asking a server again, unless the user ended the
// transfer.
func (c *Client) markDown(server string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	if c.down == nil {
		c.down = map[string]error{}
	}
	name := server
	if u, err := url.Parse(server); err == nil {
		name = u.Redacted()
	}
	c.down[server] = fmt.Errorf("debuginfod server %s did not answer before", name)
}

func (c *Client) get(ctx context.Context, target string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	if c.Agent != "" {
		req.Header.Set("User-Agent", c.Agent)
	}
	if c.http == nil {
		c.http = &http.Client{CheckRedirect: checkRedirect}
	}
	return c.http.Do(req)
}

// checkRedirect lets a server lead to other web servers, and nowhere else.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("over %d redirects", maxRedirects)
	}
	if !isWeb(req.URL) {
		return fmt.Errorf("redirected to %s", (&url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host}).String())
	}
	return nil
}

// store writes an answer's body beside path, checks it and gives it its name.
func (c *Client) store(resp *http.Response, path, buildID string, w *watch) (err error) {
	limit := int64(hostMaxSize)
	if c.MaxSize > 0 {
		limit = c.MaxSize
	}
	size := expectedSize(resp)
	if size > limit {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	if err := c.makeDir(path); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write cache: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			os.Remove(filepath.Dir(path)) // if it is empty
		}
	}()
	n, err := c.copy(f, resp, size, limit, w)
	if e := f.Close(); err == nil {
		err = e
	}
	switch {
	case err != nil:
		return err
	case size > 0 && n != size:
		return fmt.Errorf("%d of %d bytes came: %w", n, size, io.ErrUnexpectedEOF)
	}
	if err := check(f.Name(), buildID); err != nil {
		return err
	}
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		_ = os.Chtimes(f.Name(), time.Now(), t)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write cache: %w", err)
	}
	return nil
}

// expectedSize is what the server says of the file's size, 0 if nothing.
func expectedSize(resp *http.Response) int64 {
	if n, err := strconv.ParseInt(resp.Header.Get("X-Debuginfod-Size"), 10, 64); err == nil && n > 0 {
		return n
	}
	return max(resp.ContentLength, 0)
}

// copy reads a body, at most limit bytes of it, and shows how far it is.
func (c *Client) copy(to io.Writer, resp *http.Response, size, limit int64, w *watch) (n int64, err error) {
	show := func(done, total int64) {}
	if c.Progress != nil {
		if f := c.Progress("downloading " + resp.Request.URL.Redacted()); f != nil {
			show = f
		}
	}
	defer func() { show(max(n, 1), max(n, 1)) }()
	buf := make([]byte, chunk)
	for {
		k, err := resp.Body.Read(buf)
		if n += int64(k); n > limit {
			return n, fmt.Errorf("%w: over %d bytes", ErrTooLarge, limit)
		}
		if _, werr := to.Write(buf[:k]); werr != nil {
			return n, fmt.Errorf("write cache: %w", werr)
		}
		w.got(int64(k))
		if n < size {
			show(n, size)
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// watch ends a transfer that is too slow.
type watch struct {
	cancel  context.CancelCauseFunc
	ctx     context.Context
	timeout time.Duration
	idle    *time.Timer // nil without a timeout
	total   *time.Timer // nil without a bound
	since   int64       // bytes since idle was set
}

func newWatch(parent context.Context, timeout, most time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(parent)
	w := &watch{cancel: cancel, ctx: ctx, timeout: timeout}
	slow := func() { cancel(ErrSlow) }
	if timeout > 0 {
		w.idle = time.AfterFunc(timeout, slow)
	}
	if most > 0 {
		w.total = time.AfterFunc(most, slow)
	}
	return ctx, w
}

// got notes bytes that came.
func (w *watch) got(n int64) {
	if w.since += n; w.since >= minProgress && w.idle != nil {
		w.since = 0
		w.idle.Reset(w.timeout)
	}
}

// reason is why a transfer failed: the cause of its end if it was ended.
func (w *watch) reason(err error) error {
	if cause := context.Cause(w.ctx); cause != nil && err != nil {
		return cause
	}
	return err
}

func (w *watch) stop() {
	for _, t := range []*time.Timer{w.idle, w.total} {
		if t != nil {
			t.Stop()
		}
	}
	w.cancel(nil)
}
