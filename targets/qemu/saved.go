package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/xmdb/xmdb/core/mem"
)

// Sizes of what is fetched through the monitor, bytes.
const (
	savedChunk   = 64 << 10
	printedChunk = 4 << 10
	maxAhead     = 64 // chunks that one command saves
	maxChunks    = 4096
)

// saved reads memory through the monitor: QEMU writes pieces of it to a file of ours
// (pmemsave), or prints them (`xp`) where no file can be handed over, which is the
// case on another host. What it has is kept until flush.
type saved struct {
	m monitor

	mu     sync.Mutex
	chunks map[uint64][]byte // by address; the last ones of a block may be shorter
	next   uint64            // address after the last fetch
	ahead  int
	dir    string
	print  bool // files do not work
}

func newSaved(m monitor) *saved { return &saved{m: m, chunks: map[uint64][]byte{}, ahead: 1} }

// savedBlock is the part of saved that one block of memory is: beyond it are devices,
// which reading disturbs.
type savedBlock struct {
	*saved
	base, size uint64
}

// ReadAt implements mem.Space; addresses are guest-physical.
func (s savedBlock) ReadAt(p []byte, a mem.Addr) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := 0
	for done < len(p) {
		at := uint64(a) + uint64(done)
		if at-s.base >= s.size {
			return done, mem.Fault(mem.Addr(at), mem.ErrUnmapped)
		}
		start := max(at&^(s.chunk()-1), s.base)
		c, ok := s.chunks[start]
		if !ok {
			var err error
			if c, err = s.fetch(start, s.base+s.size-start); err != nil {
				return done, mem.Fault(mem.Addr(at), err)
			}
		}
		done += copy(p[done:], c[at-start:])
	}
	return done, nil
}

// chunk is the size of what is fetched at least.
func (s *saved) chunk() uint64 {
	if s.print {
		return printedChunk
	}
	return savedChunk
}

// fetch gets the chunk at an address, of which rest bytes remain in the block, and
// those after it when chunks are read in a row.
func (s *saved) fetch(start, rest uint64) ([]byte, error) {
	if s.ahead = min(s.ahead*2, maxAhead); start != s.next {
		s.ahead = 1
	}
	size := s.chunk()
	first := size - start%size // a block may begin within a chunk
	n := min(rest, first+uint64(s.ahead-1)*size)
	b, err := s.read(start, n)
	if err != nil {
		return nil, err
	}
	if len(s.chunks) > maxChunks {
		clear(s.chunks)
	}
	s.next = start + n
	for at := start; at < start+n; {
		end := min(at&^(size-1)+size, start+n)
		s.chunks[at] = b[at-start : end-start]
		at = end
	}
	return s.chunks[start], nil
}

func (s *saved) read(start, n uint64) ([]byte, error) {
	ctx := context.Background()
	if !s.print {
		b, err := s.save(ctx, start, n)
		if err == nil || errors.Is(err, ErrGone) || errors.Is(err, ErrSilent) {
			return b, err
		}
		s.print = true
	}
	var out []byte
	for n > 0 {
		part := min(n, printedChunk)
		b, err := s.xp(ctx, start, part)
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
		start, n = start+part, n-part
	}
	return out, nil
}

// save has QEMU write a file, which exists before: nobody but us can read it, and
// QEMU may run as another user.
func (s *saved) save(ctx context.Context, start, n uint64) ([]byte, error) {
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "xmdb-")
		if err != nil {
			return nil, err
		}
		s.dir = dir
		if err := os.Chmod(dir, 0o711); err != nil {
			return nil, err
		}
	}
	f, err := os.CreateTemp(s.dir, "mem")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Chmod(0o602); err != nil {
		return nil, err
	}
	args := map[string]any{"val": start, "size": n, "filename": filepath.Clean(f.Name())}
	if err := s.m.Execute(ctx, "pmemsave", args, nil); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if got, err := f.ReadAt(b, 0); got < len(b) {
		return nil, fmt.Errorf("pmemsave left %d of %d bytes: %w", got, n, err)
	}
	return b, nil
}

// xp has QEMU print memory, by eight bytes where the size allows.
func (s *saved) xp(ctx context.Context, start, n uint64) ([]byte, error) {
	count, unit, size := n, "b", 1
	if n%8 == 0 {
		count, unit, size = n/8, "g", 8
	}
	text, err := human(ctx, s.m, fmt.Sprintf("xp /%dx%s %#x", count, unit, start))
	if err != nil {
		return nil, err
	}
	b, err := parseXP(text, start, size)
	if err == nil && uint64(len(b)) < n {
		err = fmt.Errorf("`xp` printed %d of %d bytes", len(b), n)
	}
	if err != nil {
		return nil, err
	}
	return b[:n], nil
}

// parseXP reads what `xp` prints: lines of an address and little-endian numbers of
// some bytes, "0000000000007c00: 0xfa 0x66".
func parseXP(text string, start uint64, size int) ([]byte, error) {
	var out []byte
	for line := range strings.Lines(text) {
		head, rest, ok := strings.Cut(line, ":")
		at, err := strconv.ParseUint(strings.TrimSpace(head), 16, 64)
		if !ok || err != nil {
			if strings.TrimSpace(line) == "" {
				continue
			}
			return out, fmt.Errorf("read through the monitor: %s", strings.TrimSpace(line))
		}
		if at != start+uint64(len(out)) {
			return out, errors.New("read through the monitor: lines are missing")
		}
		for _, w := range strings.Fields(rest) {
			v, err := strconv.ParseUint(w, 0, 8*size)
			if err != nil {
				return out, fmt.Errorf("read through the monitor: %q is no number of %d bytes", w, size)
			}
			for i := range size {
				out = append(out, byte(v>>(8*i)))
			}
		}
	}
	return out, nil
}

// flush forgets what was read.
func (s *saved) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.chunks)
}

func (s *saved) close() {
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}
