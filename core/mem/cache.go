package mem

import (
	"io"
	"sync"
	"sync/atomic"
)

// Geometry of a Cache. A frame is what is read at once; successive misses read
// ahead, twice as much each time.
const (
	frameShift   = 14
	frameSize    = 1 << frameShift
	cacheWays    = 4
	maxReadAhead = 32 // frames

	// DefaultCache is a limit that serves one core or dump.
	DefaultCache = 8 << 20
)

// Cache is a bounded page cache over a file or a slow Space. Its addresses are
// those of what it caches.
//
// A frame never changes once it is in the cache, so that hits take no lock and a
// View stays valid; frames that fall out are left to the garbage collector. A
// frame holds the bytes that could be read from its start; those after the first
// unreadable one are asked of the source each time, which has the reason.
type Cache struct {
	src   Space
	slots []atomic.Pointer[frame] // sets of cacheWays
	mask  uint64                  // sets - 1

	mu     sync.Mutex
	next   uint64 // the frame that continues the last miss
	ahead  int    // frames to read when it is missed
	victim uint8
}

type frame struct {
	page uint64
	data []byte // readable prefix of the frame
}

// NewCache caches the first size bytes of r in at most limit bytes.
func NewCache(r io.ReaderAt, size int64, limit int) *Cache {
	return NewSpaceCache(&File{R: r, Size: size}, limit)
}

// NewSpaceCache caches s in at most limit bytes.
func NewSpaceCache(s Space, limit int) *Cache {
	sets := 1
	for sets*2*cacheWays*frameSize <= limit {
		sets *= 2
	}
	return &Cache{src: s, slots: make([]atomic.Pointer[frame], sets*cacheWays), mask: uint64(sets - 1), ahead: 1}
}

// set is the index of the first slot a page may be in. Consecutive pages go to
// consecutive sets, so that a sequential read uses all of the cache.
func (c *Cache) set(page uint64) int {
	h := page ^ page>>17
	return int(h&c.mask) * cacheWays
}

// lookup finds a frame that is in the cache.
func (c *Cache) lookup(page uint64) *frame {
	s := c.slots[c.set(page):][:cacheWays]
	for i := range s {
		if f := s[i].Load(); f != nil && f.page == page {
			return f
		}
	}
	return nil
}

// View implements Viewer.
func (c *Cache) View(a Addr, n int) []byte {
	page, off := uint64(a)>>frameShift, int(a&(frameSize-1))
	if off+n > frameSize || n < 0 {
		return nil
	}
	f := c.lookup(page)
	if f == nil {
		f = c.fill(page)
	}
	if off+n > len(f.data) {
		return nil
	}
	return f.data[off : off+n : off+n]
}

// ReadAt implements Space.
func (c *Cache) ReadAt(p []byte, a Addr) (int, error) {
	done := 0
	for done < len(p) {
		at := a + Addr(done)
		page, off := uint64(at)>>frameShift, int(at&(frameSize-1))
		// A large read of what is not cached goes past the cache.
		if rest := len(p) - done; off == 0 && rest >= frameSize*maxReadAhead && c.lookup(page) == nil {
			whole := rest &^ (frameSize - 1)
			n, err := c.src.ReadAt(p[done:done+whole], at)
			done += n
			if n < whole {
				return done, err
			}
			continue
		}
		f := c.lookup(page)
		if f == nil {
			f = c.fill(page)
		}
		if off >= len(f.data) {
			n, err := c.src.ReadAt(p[done:], at)
			return done + n, err
		}
		done += copy(p[done:], f.data[off:])
	}
	return done, nil
}

// fill reads the frame of page, and those after it when the last miss was the
// page before.
func (c *Cache) fill(page uint64) *frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.lookup(page); f != nil {
		return f
	}
	if page == c.next {
		c.ahead = min(c.ahead*2, maxReadAhead, len(c.slots)/cacheWays)
	} else {
		c.ahead = 1
	}
	n := max(c.ahead, 1)
	if rest := ^uint64(0)>>frameShift - page; uint64(n) > rest {
		n = int(rest) + 1
	}
	buf := make([]byte, n*frameSize)
	got, _ := c.src.ReadAt(buf, Addr(page<<frameShift))
	c.next = page + uint64(n)
	first := c.put(page, buf[:min(got, frameSize)])
	for i := 1; i < n && got > i*frameSize; i++ {
		c.put(page+uint64(i), buf[i*frameSize:min(got, (i+1)*frameSize)])
	}
	return first
}

func (c *Cache) put(page uint64, data []byte) *frame {
	f := &frame{page: page, data: data[:len(data):len(data)]}
	s := c.slots[c.set(page):][:cacheWays]
	for i := range s {
		if old := s[i].Load(); old == nil || old.page == page {
			s[i].Store(f)
			return f
		}
	}
	c.victim++
	s[c.victim%cacheWays].Store(f)
	return f
}

// Flush forgets everything: the memory may have changed.
func (c *Cache) Flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.slots {
		c.slots[i].Store(nil)
	}
	c.next, c.ahead = 0, 1
}

// WriteAt implements Writer if the source does.
func (c *Cache) WriteAt(p []byte, a Addr) (int, error) {
	w, ok := c.src.(Writer)
	if !ok {
		return 0, Fault(a, ErrReadOnly)
	}
	n, err := w.WriteAt(p, a)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 {
		for page := uint64(a) >> frameShift; page <= (uint64(a)+uint64(n)-1)>>frameShift; page++ {
			s := c.slots[c.set(page):][:cacheWays]
			for i := range s {
				if f := s[i].Load(); f != nil && f.page == page {
					s[i].Store(nil)
				}
			}
		}
	}
	return n, err
}

// Mappings implements Mapper if the source does.
func (c *Cache) Mappings() []Mapping {
	if m, ok := c.src.(Mapper); ok {
		return m.Mappings()
	}
	return nil
}
