package system

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// TestSearchLimit wants the bytes at least, then what there is time for; all if the user
// wants all.
func TestSearchLimit(t *testing.T) {
	ranges := []mem.Mapping{{Size: quickBytes}, {Base: 1 << 40, Size: quickBytes}}
	run := func(ctx context.Context) (n uint64, text string) {
		l := newSearchLimit(ctx, nil, ranges)
		l.until = time.Now().Add(-time.Second)
		for n < l.total && l.more(scanChunk) {
			n += scanChunk
		}
		return n, l.end()
	}
	if n, text := run(t.Context()); n != quickBytes || text != " in 256 MB of 512 MB (::findkernel -a looks through all)" {
		t.Errorf("%d bytes, %q", n, text)
	}
	var told []int64
	whole := WithSearch(t.Context(), Search{Whole: true, Progress: func(done, total int64) {
		if told = append(told, done); total != 2*quickBytes {
			t.Errorf("total is %d", total)
		}
	}})
	if n, text := run(whole); n != 2*quickBytes || text != "" {
		t.Errorf("whole: %d bytes, %q", n, text)
	}
	if len(told) < 100 || told[len(told)-1] != 2*quickBytes {
		t.Errorf("whole: told %d times of progress, %v", len(told), told)
	}
	ctx, cancel := context.WithCancel(whole)
	cancel()
	if n, text := run(ctx); n != 0 || text != "" {
		t.Errorf("cancelled: %d bytes, %q", n, text)
	}
}

func TestLikeliest(t *testing.T) {
	const gb = 1 << 30
	ranges := []mem.Mapping{{Size: 3 * gb}, {Base: 4 * gb, Size: 3*gb - 8192}}
	var size uint64
	seen := map[mem.Addr]bool{}
	list := slices.Collect(pieces(likeliest(ranges), gb/4))
	for _, m := range list {
		if seen[m.Base] || m.Size > gb/4 {
			t.Errorf("%v", m)
		}
		seen[m.Base] = true
		size += m.Size
	}
	if size != 6*gb-8192 {
		t.Errorf("%d bytes", size)
	}
	for i, want := range []mem.Addr{4 * gb, 4*gb + gb/4, 7*gb - gb/2 - 2<<20, 7*gb - gb/2, 7*gb - gb/4, 0, gb / 4} {
		if list[i].Base != want {
			t.Errorf("%d: %v, want %#x", i, list[i], uint64(want))
		}
	}
	if list := slices.Collect(pieces(likeliest([]mem.Mapping{{Base: ^mem.Addr(0) - 4095, Size: 4095}}), 1024)); len(list) != 4 {
		t.Errorf("at the top: %v", list)
	}
}

// endless is a machine with much memory and nothing in it.
type endless struct{}

func (endless) Physical() mem.Space           { return endless{} }
func (endless) PhysicalRanges() []mem.Mapping { return []mem.Mapping{{Size: 1 << 46}} }
func (endless) ReadAt(p []byte, _ mem.Addr) (int, error) {
	clear(p)
	return len(p), nil
}

// TestEndlessMemory opens a machine that would take an hour to search.
func TestEndlessMemory(t *testing.T) {
	sys, err := Recognise(t.Context(), endless{})
	m, ok := sys.(*RawMachine)
	if err != nil || !ok {
		t.Fatalf("%T, %v", sys, err)
	}
	var b strings.Builder
	p := out.New(&b, &out.Env{})
	m.Status(p)
	p.Flush()
	if n := strings.Count(b.String(), "of 65536.0 GB (::findkernel -a looks through all)"); n != 3 {
		t.Errorf("%d of 3 searches tell what they left out:\n%s", n, b.String())
	}
	ctx, cancel := context.WithTimeout(WithSearch(t.Context(), Search{Whole: true}), 50*time.Millisecond)
	defer cancel()
	if _, err := NewLinuxKernel(ctx, endless{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a search of all that is interrupted: %v", err)
	}
}
